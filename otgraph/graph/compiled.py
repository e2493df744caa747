"""
Pregel: a graph that runs; made of a builder it is a CompiledStateGraph, made of a function an entrypoint.

Rule: the public methods say what they take and hand it to an `Execution` and a driver; nothing is decided twice for
the two colours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal

from typing_extensions import Self

from otgraph.engine.run import RunOptions
from otgraph.graph.deprecated import refuse_unknown
from otgraph.graph.execution import Arguments
from otgraph.graph.introspection import Introspection
from otgraph.graph.results import invoke_result
from otgraph.graph.runnable import LangChainMethods
from otgraph.graph.saving import check_durability
from otgraph.graph.session import Session, batch_limit, cached_nodes, each_config
from otgraph.graph.states import States
from otgraph.graph.wiring import wire
from otgraph.infos import Agent
from otgraph.plan.model import Plan
from otgraph.plan.options import CompileOptions
from otgraph.run_config import RunnableConfig, merge_configs
from otgraph.runtime import RunControl
from otgraph.stream.view import Buffer
from otgraph.tracing.options import TelemetryOptions
from otgraph.typing import ContextT, InputT, OutputT, StateT

if TYPE_CHECKING:
    from otgraph.graph.state import StateGraph

__all__ = ["CompiledStateGraph", "Pregel"]


class Pregel(Introspection, States, LangChainMethods, Generic[StateT, ContextT, InputT, OutputT]):
    """
    A graph, ready to run; made by `StateGraph.compile`, by `entrypoint`, or of nodes and channels wired by hand.

    Safe to use from several threads and event loops at once: all that changes is in the run, not here.

    Args:
        wiring: the nodes and channels of one that is wired by hand; see `otgraph.graph.wiring.wire`.
    """

    stream_mode: Any = "updates"
    """What `stream` yields where the caller does not say."""

    def __init__(
        self,
        *,
        builder: Any = None,
        plan: Plan | None = None,
        options: CompileOptions | None = None,
        config: Mapping[str, Any] | None = None,
        stream_mode: Any = None,
        step_timeout: float | None = None,
        **wiring: Any,
    ) -> None:
        if plan is None or options is None:
            plan, options = wire(**wiring)
            stream_mode = stream_mode or "values"
        if stream_mode is not None:
            self.stream_mode = stream_mode
        self.builder = builder
        self.plan = plan
        self.options = options
        self.config = config
        self.name = options.name
        self.store = options.store
        self.cache = options.cache
        self.checkpointer = options.checkpointer
        self.agent_name: str | None = None
        """The name of the agent that it is, if it is one."""
        self.step_timeout = step_timeout
        """Seconds after which a superstep that is not finished fails the run."""

    # ---- running

    def invoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: ContextT | None = None,
        stream_mode: Any = "values",
        print_mode: Any = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: Any = None,
        control: RunControl | None = None,
        version: Literal["v1", "v2"] = "v1",
        telemetry: TelemetryOptions | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        Run the graph to its end and return its output.

        Args:
            input: the first update of the state, as a dict or an instance of the input schema.
            config: tags, metadata, limits and `configurable` parameters of the run.
            context: what nodes find as `runtime.context`.
            stream_mode: with anything but `"values"`, return the list of the chunks of these modes instead.
            print_mode: modes whose chunks are also printed.
            output_keys: the keys to return; those of the output schema by default.
            durability: when checkpoints are saved, of a graph with a checkpointer: `"sync"`, before the next superstep
                begins; `"async"`, while it runs (the default); `"exit"`, when the run ends.
            control: a handle by which the run can be asked to stop.
            version: `"v2"` returns a `GraphOutput`, or a list of stream parts.
            telemetry: how this run is recorded.

        Returns None if nothing was written to the keys to return.

        Raises:
            GraphRecursionError: the recursion limit was reached.
            Exception: whatever a node raised.
        """
        durability = check_durability(durability, kwargs)
        given = Arguments(
            input,
            config,
            context,
            output_keys,
            interrupt_before,
            interrupt_after,
            control,
            telemetry,
            durability,
        )
        session = Session(self, given, self.plan.output_keys)
        if stream_mode == "values" and not print_mode and not kwargs and not self.options.debug:
            result = session.run()
        else:
            chunks = list(session.stream(stream_mode, version, print_mode=print_mode, **kwargs))
            if stream_mode != "values":
                return chunks
            result = session.result
        return invoke_result(self.plan, result, session, version)

    async def ainvoke(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: ContextT | None = None,
        stream_mode: Any = "values",
        print_mode: Any = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: Any = None,
        control: RunControl | None = None,
        version: Literal["v1", "v2"] = "v1",
        telemetry: TelemetryOptions | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the graph on the event loop; see `invoke`. Sync nodes run in worker threads."""
        durability = check_durability(durability, kwargs)
        given = Arguments(
            input,
            config,
            context,
            output_keys,
            interrupt_before,
            interrupt_after,
            control,
            telemetry,
            durability,
        )
        session = Session(self, given, self.plan.output_keys)
        if stream_mode == "values" and not print_mode and not kwargs and not self.options.debug:
            result = await session.arun()
        else:
            stream = session.astream(stream_mode, version, print_mode=print_mode, **kwargs)
            chunks = [chunk async for chunk in stream]
            if stream_mode != "values":
                return chunks
            result = session.result
        return invoke_result(self.plan, result, session, version)

    def stream(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: ContextT | None = None,
        stream_mode: Any = None,
        print_mode: Any = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: Any = None,
        control: RunControl | None = None,
        subgraphs: bool = False,
        debug: bool | None = None,
        version: Literal["v1", "v2"] = "v1",
        buffer: Buffer | None = None,
        telemetry: TelemetryOptions | None = None,
        **deprecated: Any,
    ) -> Iterator[Any]:
        """
        Run the graph and yield what happens; nothing runs before the first `next`, or after the last.

        Args:
            stream_mode: a mode, or several: `values`, `updates`, `custom`, `messages`, `tasks`, `checkpoints`,
                `debug`, `spans`. A list gives `(mode, payload)` pairs. `"updates"` by default.
            subgraphs: also yield what happens in graphs inside this one, each chunk with its namespace.
            version: `"v2"` yields dicts with the keys `type`, `ns` and `data`.
            buffer: how far the consumer may fall behind, and what happens then.

        Closing the iterator, or leaving a loop over it, cancels the run. For the rest see `invoke`.
        """
        durability = check_durability(durability, deprecated)
        refuse_unknown("stream", deprecated)
        given = Arguments(
            input,
            config,
            context,
            output_keys,
            interrupt_before,
            interrupt_after,
            control,
            telemetry,
            durability,
        )
        wishes = {"print_mode": print_mode, "subgraphs": subgraphs, "debug": debug, "buffer": buffer}
        return Session(self, given, self.plan.stream_keys).stream(stream_mode, version, **wishes)

    def astream(
        self,
        input: Any,
        config: RunnableConfig | None = None,
        *,
        context: ContextT | None = None,
        stream_mode: Any = None,
        print_mode: Any = (),
        output_keys: str | Sequence[str] | None = None,
        interrupt_before: Any = None,
        interrupt_after: Any = None,
        durability: Any = None,
        control: RunControl | None = None,
        subgraphs: bool = False,
        debug: bool | None = None,
        version: Literal["v1", "v2"] = "v1",
        buffer: Buffer | None = None,
        telemetry: TelemetryOptions | None = None,
        **deprecated: Any,
    ) -> AsyncIterator[Any]:
        """Run the graph on the event loop and yield what happens; see `stream`."""
        durability = check_durability(durability, deprecated)
        refuse_unknown("stream", deprecated)
        given = Arguments(
            input,
            config,
            context,
            output_keys,
            interrupt_before,
            interrupt_after,
            control,
            telemetry,
            durability,
        )
        wishes = {"print_mode": print_mode, "subgraphs": subgraphs, "debug": debug, "buffer": buffer}
        return Session(self, given, self.plan.stream_keys).astream(stream_mode, version, **wishes)

    def batch(
        self,
        inputs: Sequence[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """
        Run the graph once for each input, at the same time, and return the outputs in the order of the inputs.

        Args:
            config: one for all, or one for each; `max_concurrency` bounds how many run at once.
            return_exceptions: return exceptions in place of outputs instead of raising the first one.
        """
        from otgraph.drivers.batch import run_all

        configs = each_config(config, len(inputs))
        calls = [partial(self.invoke, each, own, **kwargs) for each, own in zip(inputs, configs, strict=True)]
        return run_all(calls, batch_limit(configs), errors=return_exceptions)

    async def abatch(
        self,
        inputs: Sequence[Any],
        config: RunnableConfig | Sequence[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        """Run the graph once for each input on the event loop; see `batch`."""
        from otgraph.drivers.batch import run_all_async

        configs = each_config(config, len(inputs))
        calls = [
            partial(self.ainvoke, each, own, **kwargs) for each, own in zip(inputs, configs, strict=True)
        ]
        return await run_all_async(calls, batch_limit(configs), errors=return_exceptions)

    # ---- cached writes

    def clear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """
        Forget the cached writes of some nodes, or of all.

        Raises:
            ValueError: the graph was compiled without a cache.
        """
        cache, namespaces = cached_nodes(self.cache, self.plan, nodes)
        cache.clear(namespaces)

    async def aclear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Forget the cached writes of some nodes, or of all; see `clear_cache`."""
        cache, namespaces = cached_nodes(self.cache, self.plan, nodes)
        await cache.aclear(namespaces)

    # ---- variants of the graph

    def with_config(self, config: RunnableConfig | None = None, **kwargs: Any) -> Self:
        """Return the same graph with `config` as the base of every call's config."""
        merged = merge_configs(None, self.config, config, kwargs)
        made = {
            "tags": list(merged.tags),
            "metadata": dict(merged.metadata),
            "configurable": dict(merged.configurable),
            "callbacks": merged.callbacks,
            "run_name": merged.run_name,
            "recursion_limit": merged.recursion_limit,
            "max_concurrency": merged.max_concurrency,
        }
        return self.copy({"config": {key: value for key, value in made.items() if value}})

    @property
    def agent(self) -> Agent | None:
        """The agent that it is, which the metadata of its own config may tell more of; None for any other graph."""
        said = (self.config or {}).get("metadata") or {}
        name = self.agent_name
        if name is None and said.get("ls_integration") == "langchain_create_agent":
            # What langchain's `create_agent` says of the graphs that it makes.
            name = said.get("lc_agent_name")
        if name is None:
            return None
        return Agent(name, said.get("agent_id"), said.get("agent_description"), said.get("agent_version"))

    def copy(self, update: Mapping[str, Any] | None = None) -> Self:
        """Return the same graph with some attributes replaced."""
        other = type(self)(builder=self.builder, plan=self.plan, options=self.options, config=self.config)
        other.__dict__.update(self.__dict__)
        other.__dict__.update(update or {})
        return other

    def nested_options(self, outer: RunOptions) -> RunOptions:
        """Return the options with which this graph runs as a node of another."""
        config = outer.config if self.config is None else merge_configs(outer.config, self.config)
        return RunOptions(
            config=config,
            context=outer.context,
            store=self.store if self.store is not None else outer.store,
            cache=self.cache,
            control=outer.control,
            interrupt_before=self.options.interrupt_before,
            interrupt_after=self.options.interrupt_after,
            nests=outer.nests,
        )


class CompiledStateGraph(
    Pregel[StateT, ContextT, InputT, OutputT], Generic[StateT, ContextT, InputT, OutputT]
):
    """A graph of nodes that share a state, ready to run; made by `StateGraph.compile`."""

    builder: StateGraph[StateT, ContextT, InputT, OutputT]
