"""
A call that streams: one execution, one subscription, one driver.

Rule: whatever ends the stream, a consumer that leaves included, ends the run and gives the subscription back.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from otgraph.constants import CONF
from otgraph.drivers.base import Driver
from otgraph.drivers.threads import ThreadDriver
from otgraph.engine.run import Run
from otgraph.graph.execution import Arguments, Execution
from otgraph.graph.host import host_of
from otgraph.graph.views import views_of
from otgraph.plan.model import Keys
from otgraph.runtime import SCOPE
from otgraph.stream.subscription import Subscription
from otgraph.tracebacks import shorten
from otgraph.usage import Usage

if TYPE_CHECKING:
    from otgraph.drivers.aio import AsyncDriver
    from otgraph.graph.definition import Definition

__all__ = ["Session", "batch_limit", "default_mode", "each_config"]


class Session:
    """
    See the module.

    Args:
        default_keys: what the run shows where the caller did not say.
    """

    __slots__ = ("_default_keys", "_given", "graph", "interrupts", "paused", "result", "usage")

    def __init__(self, graph: Definition, given: Arguments, default_keys: Keys) -> None:
        self.graph = graph
        self._given = given
        self._default_keys = default_keys
        self.result: Any = None
        """What the run returned, once its stream has ended."""
        self.interrupts: Sequence[Any] = ()
        """What the run waits for, once its stream has ended."""
        self.paused = False
        """Whether it has stopped for a human by then, at a question or a breakpoint."""
        self.usage: Usage | None = None
        """What calls of models have taken by then; None where there were none."""

    def stream(self, mode: Any, version: str, **wishes: Any) -> Iterator[Any]:
        """Drive the run and yield its chunks; nothing happens before the first `next`."""
        view, printer = views_of(self.graph, self._resolved(mode), version, **wishes)
        execution = Execution(self.graph, self._given, self._default_keys)
        watching = execution.subscribe(view, printer)
        subscription = watching[0]
        driver = execution.driver(ThreadDriver)
        try:
            for _ in driver.drive(watching):
                if printer is not None:
                    show(watching)
                yield from subscription.take()
            self._conclude(execution, driver)
        except GeneratorExit:
            execution.leave()
            raise
        finally:
            driver.close()
            execution.unsubscribe(watching)

    async def astream(self, mode: Any, version: str, **wishes: Any) -> AsyncGenerator[Any, None]:
        """Drive the run on the event loop and yield its chunks."""
        view, printer = views_of(self.graph, self._resolved(mode), version, **wishes)
        execution = Execution(self.graph, self._given, self._default_keys)
        watching = execution.subscribe(view, printer)
        subscription = watching[0]
        driver = execution.driver(_async_driver())
        try:
            while True:
                await driver.pump(watching)
                if printer is not None:
                    show(watching)
                while subscription.queue:
                    chunks = subscription.take()
                    if printer is not None:
                        show(watching)
                    for chunk in chunks:
                        yield chunk
                if driver.done:
                    break
            show(watching)
            self._conclude(execution, driver)
        except GeneratorExit:
            execution.leave()
            raise
        finally:
            await driver.close()
            execution.unsubscribe(watching)

    def run(self) -> Any:
        """Drive the run to its end with nobody watching."""
        host = host_of(self._given)
        try:
            return self.run_alone(self._given) if host is None else host.run(self)
        except BaseException as error:
            shorten(error)
            raise error

    def run_alone(self, given: Arguments) -> Any:
        """Drive a run to its end that asks nobody around."""
        execution = Execution(self.graph, given, self._default_keys)
        result = execution.driver(ThreadDriver).run()
        self._note(execution.run)
        return result

    async def arun(self) -> Any:
        """Drive the run to its end on the event loop with nobody watching."""
        host = host_of(self._given)
        try:
            return await (self.arun_alone(self._given) if host is None else host.arun(self))
        except BaseException as error:
            shorten(error)
            raise error

    async def arun_alone(self, given: Arguments) -> Any:
        """Drive a run to its end on the event loop that asks nobody around."""
        execution = Execution(self.graph, given, self._default_keys)
        result = await execution.driver(_async_driver()).run()
        self._note(execution.run)
        return result

    def _note(self, run: Run) -> None:
        self.interrupts = run.interrupts
        self.paused = run.paused
        self.usage = run.place.usage

    def _conclude(self, execution: Execution, driver: Driver) -> None:
        try:
            self.result = driver.result()
        except BaseException as error:
            shorten(error)
            raise error
        self._note(execution.run)

    def _resolved(self, mode: Any) -> Any:
        return default_mode(self.graph.stream_mode, self._given.config) if mode is None else mode


def _async_driver() -> type[AsyncDriver]:
    # Imported where it is wanted: asyncio takes longer to import than all of otgraph.
    from otgraph.drivers.aio import AsyncDriver

    return AsyncDriver


def show(watching: Sequence[Subscription]) -> None:
    """Print what the second subscription, if there is one, has to print."""
    for printer in watching[1:]:
        while len(printer):
            for line in printer.take():
                print(line)


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
