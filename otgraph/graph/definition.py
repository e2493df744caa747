"""
Definition: what a graph that runs is made of, and how variants of it are made.

Rule: nothing here runs. All that it holds is set when it is compiled, and a variant is another object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from typing_extensions import Self

from otgraph.engine.cached import cache_namespaces
from otgraph.engine.run import RunOptions
from otgraph.graph.wiring import wire
from otgraph.infos import Agent
from otgraph.plan.model import Plan
from otgraph.plan.options import CompileOptions
from otgraph.run_config import RunnableConfig, merge_configs

__all__ = ["Definition"]


class Definition:
    """
    See the module.

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

    # ---- cached writes

    def clear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """
        Forget the cached writes of some nodes, or of all.

        Raises:
            ValueError: the graph was compiled without a cache.
        """
        cache, namespaces = self._cached(nodes)
        cache.clear(namespaces)

    async def aclear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Forget the cached writes of some nodes, or of all; see `clear_cache`."""
        cache, namespaces = self._cached(nodes)
        await cache.aclear(namespaces)

    def _cached(self, names: Sequence[str] | None) -> tuple[Any, list[tuple[str, ...]]]:
        if self.cache is None:
            raise ValueError("No cache is set for this graph. Cannot clear cache.")
        wanted = [self.plan.nodes[name] for name in names or self.plan.nodes]
        return self.cache, [namespace for node in wanted for namespace in cache_namespaces(node)]

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
