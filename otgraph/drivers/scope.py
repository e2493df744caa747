"""
CallScope: one call of user code, as user code sees it through `otgraph.runtime`.

Rule: everything but the writer is made when it is asked for. A scope outlives its call, and says no once its run
is over.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextvars import Context
from copy import deepcopy
from time import time
from typing import TYPE_CHECKING, Any, NoReturn

from otgraph.constants import CONF, NS_SEP
from otgraph.drivers.saves import Saves
from otgraph.engine.branches import overlay_of
from otgraph.engine.interrupts import ask
from otgraph.engine.metadata import INTEGRATION, task_metadata
from otgraph.engine.run import Run
from otgraph.engine.task import Task
from otgraph.engine.tasks import read_state
from otgraph.errors import RunEndedError
from otgraph.events import BlockTold, MessageTold, ToolTold, Write
from otgraph.ids import checkpoint_text
from otgraph.langchain.bridge import callbacks_of
from otgraph.langchain.wanted import Wanted
from otgraph.messages.exchange import ModelRequest, ModelTrace
from otgraph.missing import MISSING
from otgraph.plan.model import NodePlan
from otgraph.run_config import DEFAULT_RECURSION_LIMIT, RunnableConfig
from otgraph.runtime import SCOPE, ExecutionInfo, Runtime
from otgraph.schema import Expected

if TYPE_CHECKING:
    from otgraph.drivers.base import Driver

__all__ = ["CallScope"]


class CallScope:
    """
    See the module.

    Args:
        driver: of the run, which makes the call; None if it belongs to no run.
    """

    clocks: Sequence[Any] = ()
    """Of the time limits it is under."""
    context: Context | None = None
    """The context variables that the call starts from, where these are not those of the run."""
    holds: bool = False
    """Whether it counts among the calls in progress that `max_concurrency` limits."""
    ended: bool = False
    """Whether the run has given up this call."""
    muted: bool = False
    """Whether the call may only clean up: it was cancelled, and nobody listens any more."""
    _config: RunnableConfig | None = None
    _runtime: Runtime[Any] | None = None
    _inside: list[Driver] | None = None

    def __init__(self, task: Task, driver: Driver | None) -> None:
        self.task = task
        self.run: Run = task.state
        self.driver = driver

    # ---- the driver's side

    def adopt(self, driver: Driver) -> None:
        """Take note of the driver of a run that was begun inside this call."""
        if self._inside is None:
            self._inside = []
        self._inside.append(driver)
        if self.ended:
            driver.abandon()

    def release(self, driver: Driver) -> None:
        """Forget a driver whose run is over."""
        if self._inside is not None and driver in self._inside:
            self._inside.remove(driver)

    def give_up(self) -> None:
        """Refuse whatever the call asks for from now on, and end the runs inside it."""
        self.ended = True
        for driver in list(self._inside or ()):
            driver.abandon()

    # ---- user code's side

    def write(self, payload: Any) -> None:
        """Hand `payload` to whoever streams `custom`."""
        run = self.run
        record = run.place.record
        if self.ended or record.closed:
            self.refuse("its stream writer")
        if self.muted:
            return
        run.observer.emitted(self.task, payload)
        if self.task.said is not None:
            self.task.said.append(_copied(payload))
        if record.crowded and self.driver is not None:
            self.driver.pause(self)

    def sign(self) -> None:
        """Take note that something goes on in the call; nobody wants to know, unless there is a limit to silence."""

    @property
    def heard(self) -> bool:
        """Whether what the call says still counts."""
        return not (self.ended or self.muted or self.run.place.record.closed)

    def tell(self, message: Any, metadata: dict[str, Any], whole: bool = False) -> None:
        """Hand a token, or a message if it is `whole`, to whoever streams `messages`."""
        run = self.run
        record = run.place.record
        if self.ended or record.closed:
            self.refuse("its stream of messages")
        if self.muted:
            return
        run.observer.message_told(self.task, message, metadata, whole)
        if record.crowded and self.driver is not None:
            self.driver.pause(self)

    def tell_block(self, event: Any, metadata: dict[str, Any]) -> None:
        """Hand an event of the content of a message to whoever streams such events."""
        run = self.run
        if self.heard:
            run.observer.live_told(self.task, BlockTold(self.task, event, metadata))
            if run.place.record.crowded and self.driver is not None:
                self.driver.pause(self)

    def tell_tool(self, payload: dict[str, Any]) -> None:
        """Hand what happens in a call of a tool to whoever streams `tools`; nobody else wants to know."""
        if self.heard:
            self.run.observer.live_told(self.task, ToolTold(self.task, payload))

    def model(self, request: ModelRequest) -> ModelTrace | None:
        """Return the telemetry of a call of a model that is about to begin; None where the run is over."""
        run = self.run
        if self.ended or run.place.record.closed:
            return None
        # Imported where it is wanted: most runs call no model.
        from otgraph.tracing.model_call import ModelCall

        return ModelCall(run.observer, self.task, request)

    def push(self, key: str, value: Any) -> None:
        """Write to a key of the state, before what the node returns is written."""
        if not self.heard:
            self.refuse("a write to the state")
        self.task.pushed = [*self.task.pushed, (key, value)]

    def send(self, writes: Iterable[Write]) -> None:
        """Write to keys of the state, as packages do by the config of a node."""
        for key, value in writes:
            self.push(key, value)

    def read(self, select: str | Sequence[str], fresh: bool = False) -> Any:
        """
        Return values of the state, as packages read them by the config of a node.

        Args:
            select: a key, for its bare value, or several.
            fresh: as if what this call has written so far were state.
        """
        run = self.run
        changed = overlay_of(run, self.task.pushed) if fresh else {}
        keys = [select] if isinstance(select, str) else select
        found = {key: changed.get(key, run.channels[key]).peek() for key in keys}
        if isinstance(select, str):
            return None if found[select] is MISSING else found[select]
        return {key: value for key, value in found.items() if value is not MISSING}

    def refuse(self, what: str) -> NoReturn:
        """
        Refuse what the call asks for, as its result does not count any more.

        Raises:
            RunEndedError: always.
        """
        raise RunEndedError(
            f"node {self.task.name!r} used {what} after it was given up or its run was over (timed out, cancelled, "
            "abandoned by its consumer, finished, or left behind by a fork): nobody takes its result any more, so "
            "return from the node"
        )

    def beat(self) -> None:
        """Tell that the call is alive; whoever gave it up does not want to know."""
        if self.ended:
            self.refuse("its heartbeat")

    @property
    def state(self) -> Any:
        """The state of the graph as it was when the superstep began."""
        return read_state(self.run, self.run.plan.state)

    @property
    def store(self) -> Any:
        """The store of the run, or None."""
        return self.run.options.store

    @property
    def runtime(self) -> Runtime[Any]:
        """The runtime of this call."""
        runtime = self._runtime
        if runtime is None:
            options, task = self.run.options, self.task
            runtime = self._runtime = Runtime(
                context=options.context,
                store=options.store,
                stream_writer=self.write,
                heartbeat=self.beat,
                previous=self.run.previous,
                control=self.run.control(),
                execution_info=ExecutionInfo(
                    checkpoint_id=checkpoint_text(self.run.checkpoint),
                    checkpoint_ns=task.checkpoint_ns,
                    task_id=task.id,
                    thread_id=self.run.thread,
                    run_id=None if options.config.run_id is None else str(options.config.run_id),
                    node_attempt=task.attempt,
                    node_first_attempt_time=self._first_attempt_time(),
                ),
            )
        return runtime

    def _first_attempt_time(self) -> float:
        task = self.task
        if task.first_attempt_time is None:
            task.first_attempt_time = time()
        return task.first_attempt_time

    def interrupt(self, value: Any, response_schema: Any = None) -> Any:
        """Ask a human; see `otgraph.interrupts.interrupt`."""
        if self.ended or self.run.place.record.closed:
            self.refuse("an interrupt")
        if response_schema is None or isinstance(response_schema, dict):
            return ask(self.task, value, response_schema)
        expected = Expected(response_schema)
        return ask(self.task, value, expected.json_schema, expected.check)

    def call(self, node: NodePlan, given: tuple[Any, Any]) -> Any:
        """Call a task; see `otgraph.func.task`."""
        if self.ended or self.driver is None or self.run.place.record.closed:
            self.refuse(f"the task {node.name!r}")
        return self.driver.call(self, node, given)

    @property
    def config(self) -> RunnableConfig:
        """The config of this call: the user's own and what the engine adds for the task."""
        if self._config is None:
            self._config = self._make_config()
        return self._config

    def _make_config(self) -> RunnableConfig:
        task, given = self.task, self.run.options.config
        config = RunnableConfig(metadata=task_metadata(task))
        if given.recursion_limit != DEFAULT_RECURSION_LIMIT:
            config["recursion_limit"] = given.recursion_limit
        if given.tags:
            config["tags"] = list(given.tags)
        callbacks = given.callbacks if task.callbacks is None else task.callbacks
        mask = self.run.place.record.mask
        wanted = Wanted(
            bool(mask & MessageTold.kind),
            bool(mask & BlockTold.kind),
            bool(mask & ToolTold.kind),
            bool(self.clocks),
        )
        if any(wanted):
            told = task_metadata(task, INTEGRATION)
            callbacks = callbacks_of(self, callbacks, told, list(given.tags), wanted)
        if callbacks is not None:
            config["callbacks"] = callbacks
        if given.max_concurrency is not None:
            config["max_concurrency"] = given.max_concurrency
        config[CONF] = {
            **given.configurable,
            "checkpoint_map": self._places(),
            "checkpoint_id": None,
            "checkpoint_ns": task.checkpoint_ns,
            "__pregel_task_id": task.id,
            "__pregel_runtime": self.runtime,
            "__pregel_read": self.read,
            "__pregel_send": self.send,
        }
        return config

    def _places(self) -> dict[str, str]:
        """Return namespace -> checkpoint of this graph and of those around it."""
        places: dict[str, str] = {}
        run: Any = self.run
        while run is not None:
            places[NS_SEP.join(run.ns)] = checkpoint_text(run.checkpoint)
            run = run.parent
        return dict(reversed(places.items()))


def _copied(payload: Any) -> Any:
    # The node may go on to change it. What cannot be copied, a cache will hardly be able to store.
    try:
        return deepcopy(payload)
    except Exception:
        return payload


def _after_fork() -> None:
    # The run goes on in the parent. What is begun here is a run of its own; its spans are still below the node's.
    scope: Any = SCOPE.get()
    if isinstance(scope, CallScope):
        scope.run.place.record.desert()
        SCOPE.set(None)
    while isinstance(scope, CallScope):
        scope.ended = True
        driver = scope.driver
        if driver is not None and isinstance(driver.saves, Saves):
            driver.saves.desert()
        scope = None if driver is None else driver.above


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
