"""
A call that streams: one execution, one subscription, one driver.

Rule: whatever ends the stream, a consumer that leaves included, ends the run and gives the subscription back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otgraph.constants import CONF
from otgraph.drivers.aio import AsyncDriver
from otgraph.drivers.threads import ThreadDriver
from otgraph.graph.execution import Execution
from otgraph.graph.views import view_of
from otgraph.runtime import SCOPE

if TYPE_CHECKING:
    from otgraph.graph.compiled import CompiledStateGraph

__all__ = ["Session", "batch_limit", "default_mode", "each_config"]


class Session:
    """See the module."""

    __slots__ = ("_graph", "execution", "result")

    def __init__(self, graph: CompiledStateGraph[Any, Any, Any, Any], execution: Execution) -> None:
        self._graph = graph
        self.execution = execution
        self.result: Any = None
        """What the run returned, once its stream has ended."""

    def stream(self, mode: Any, version: str, **wishes: Any) -> Iterator[Any]:
        """Drive the run and yield its chunks."""
        execution = self.execution
        view = view_of(self._graph, mode, version, **wishes)
        subscription = execution.subscribe(view)
        driver = execution.driver(ThreadDriver, live=view.live)
        try:
            while True:
                driver.pump(subscription)
                yield from subscription.drain()
                if driver.done and not len(subscription):
                    break
            self.result = driver.result()
        finally:
            driver.close()
            execution.observer.record.unsubscribe(subscription)

    async def astream(self, mode: Any, version: str, **wishes: Any) -> AsyncGenerator[Any, None]:
        """Drive the run on the event loop and yield its chunks."""
        execution = self.execution
        view = view_of(self._graph, mode, version, **wishes)
        subscription = execution.subscribe(view)
        driver = execution.driver(AsyncDriver, live=view.live)
        try:
            while True:
                await driver.pump(subscription)
                for chunk in subscription.drain():
                    yield chunk
                if driver.done and not len(subscription):
                    break
            self.result = driver.result()
        finally:
            await driver.close()
            execution.observer.record.unsubscribe(subscription)


def default_mode(own: str, config: Mapping[str, Any] | None) -> str:
    """Return what a stream yields where the caller did not say: `values` for a graph that got its node's config."""
    if config and SCOPE.get() is not None and "__pregel_task_id" in (config.get(CONF) or {}):
        return "values"
    return own


def each_config(config: Any, count: int) -> Sequence[Any]:
    """
    Return a config for each of `count` inputs.

    Raises:
        ValueError: a list of another length was given.
    """
    if not isinstance(config, (list, tuple)):
        return [config] * count
    if len(config) != count:
        raise ValueError(f"expected one config, or one for each of the {count} inputs, got {len(config)}")
    return config


def batch_limit(configs: Sequence[Any]) -> int | None:
    """Return how many runs of a batch may be in progress at once."""
    first = configs[0] if configs else None
    return first.get("max_concurrency") if first else None
