"""
Pregel: a graph that runs; made of a builder it is a CompiledStateGraph, made of a function an entrypoint.

Rule: the public methods say what they take and hand it to an `Execution` and a driver; nothing is decided twice for
the two colours.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, Literal, overload

from typing_extensions import Unpack

from otgraph.graph.definition import Definition
from otgraph.graph.deprecated import refuse_unknown
from otgraph.graph.execution import Arguments
from otgraph.graph.introspection import Introspection
from otgraph.graph.results import invoke_result
from otgraph.graph.runnable import LangChainMethods
from otgraph.graph.saving import check_durability
from otgraph.graph.session import Session, batch_limit, each_config
from otgraph.graph.states import States
from otgraph.run_config import RunnableConfig
from otgraph.runtime import RunControl
from otgraph.stream.view import Buffer
from otgraph.tracing.options import TelemetryOptions
from otgraph.typing import ContextT, InputT, OutputT, StateT

if TYPE_CHECKING:
    from otgraph.graph.signatures import Begin, Config, InvokeArguments, Modes, StreamArguments
    from otgraph.graph.state import StateGraph
    from otgraph.snapshot import GraphOutput
    from otgraph.stream.parts import StreamPart

__all__ = ["CompiledStateGraph", "Pregel"]

STREAMED = frozenset({"subgraphs", "debug", "buffer"})
"""What `invoke` passes on to the stream that it reads, where it reads one."""


class Pregel(Definition, Introspection, States, LangChainMethods, Generic[StateT, ContextT, InputT, OutputT]):
    """
    A graph, ready to run; made by `StateGraph.compile`, by `entrypoint`, or of nodes and channels wired by hand.

    Safe to use from several threads and event loops at once: all that changes is in the run, not here.

    Args:
        wiring: the nodes and channels of one that is wired by hand; see `otgraph.graph.wiring.wire`.
    """

    @overload
    def invoke(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Literal["values"] = "values",
        version: Literal["v2"],
        **more: Unpack[InvokeArguments[ContextT]],
    ) -> GraphOutput[OutputT]: ...
    @overload
    def invoke(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes = "values",
        version: Literal["v1", "v2"] = "v1",
        **more: Unpack[InvokeArguments[ContextT]],
    ) -> Any: ...
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
            refuse_unknown("invoke", kwargs, STREAMED)
            chunks = list(session.stream(stream_mode, version, print_mode=print_mode, **kwargs))
            if stream_mode != "values":
                return chunks
            result = session.result
        return invoke_result(self.plan, result, session, version)

    @overload
    async def ainvoke(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Literal["values"] = "values",
        version: Literal["v2"],
        **more: Unpack[InvokeArguments[ContextT]],
    ) -> GraphOutput[OutputT]: ...
    @overload
    async def ainvoke(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes = "values",
        version: Literal["v1", "v2"] = "v1",
        **more: Unpack[InvokeArguments[ContextT]],
    ) -> Any: ...
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
            refuse_unknown("ainvoke", kwargs, STREAMED)
            stream = session.astream(stream_mode, version, print_mode=print_mode, **kwargs)
            chunks = [chunk async for chunk in stream]
            if stream_mode != "values":
                return chunks
            result = session.result
        return invoke_result(self.plan, result, session, version)

    @overload
    def stream(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes | None = None,
        version: Literal["v2"],
        **more: Unpack[StreamArguments[ContextT]],
    ) -> Iterator[StreamPart[StateT, OutputT]]: ...
    @overload
    def stream(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes | None = None,
        version: Literal["v1", "v2"] = "v1",
        **more: Unpack[StreamArguments[ContextT]],
    ) -> Iterator[Any]: ...
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
            stream_mode: a mode, or several: `values`, `updates`, `custom`, `messages`, `tools`, `tasks`,
                `checkpoints`, `debug`, `retries`, `spans`; `"updates"` by default. A list gives pairs
                `(mode, payload)`.
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

    @overload
    def astream(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes | None = None,
        version: Literal["v2"],
        **more: Unpack[StreamArguments[ContextT]],
    ) -> AsyncIterator[StreamPart[StateT, OutputT]]: ...
    @overload
    def astream(
        self,
        input: InputT | Begin,
        config: Config = None,
        *,
        stream_mode: Modes | None = None,
        version: Literal["v1", "v2"] = "v1",
        **more: Unpack[StreamArguments[ContextT]],
    ) -> AsyncIterator[Any]: ...
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


class CompiledStateGraph(
    Pregel[StateT, ContextT, InputT, OutputT], Generic[StateT, ContextT, InputT, OutputT]
):
    """A graph of nodes that share a state, ready to run; made by `StateGraph.compile`."""

    builder: StateGraph[StateT, ContextT, InputT, OutputT]
