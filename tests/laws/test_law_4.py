"""Law 4: one algorithm. The engine, stepped by hand with no driver at all, tells the same facts as under both."""

from __future__ import annotations

import builtins
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.drivers.aio import AsyncDriver
from otgraph.drivers.threads import ThreadDriver
from otgraph.engine.calls import call_flow, plan_call
from otgraph.engine.effects import (
    CANCELLED,
    CallNode,
    Failure,
    Flow,
    Flush,
    ListCheckpoints,
    LoadCheckpoint,
    Rest,
    RunTasks,
    SaveCheckpoint,
    SaveWrites,
    Sleep,
)
from otgraph.engine.interrupts import ask
from otgraph.engine.observer import Observer
from otgraph.engine.run import Run
from otgraph.events import ANYTHING, Fact
from otgraph.graph.execution import Arguments, Execution
from otgraph.ids import checkpoint_text
from otgraph.runtime import SCOPE
from otgraph.telemetry import TelemetryOptions
from otgraph.tracing.payload import dumps

from .conftest import Driver
from .programs import PROGRAMS

BY_HAND = [name for name in PROGRAMS if name not in ("nested", "cached", "functional_cached")]
"""Programs none of whose nodes calls a graph, which would bring a driver, and which ask for no cache."""


# ---- a driver in sixty lines


class Hand:
    """Performs one effect after another; the world it offers is user code, savers among it, and nothing else."""

    def __init__(self) -> None:
        # Newer than any checkpoint that a clock has named.
        self.checkpoints = count(0xF << 124)

    def drive(self, flow: Flow, *, cancelled: bool = False) -> Any:
        """Step a flow to its end."""
        reply: Any = None
        while True:
            try:
                effect = flow.send(reply)
            except StopIteration as stop:
                return stop.value
            reply = CANCELLED if cancelled else self.perform(effect)

    def perform(self, effect: Any) -> Any:
        """Return the reply to an effect."""
        if isinstance(effect, CallNode):
            return call(effect, self)
        if isinstance(effect, RunTasks):
            stopped = None
            for flow in effect.flows:
                ended = self.drive(flow, cancelled=stopped is not None)
                stopped = ended if stopped is None else stopped
            return stopped
        if isinstance(effect, Rest):
            return next(self.checkpoints).to_bytes(16, "big")
        if isinstance(effect, SaveCheckpoint):
            new = next(self.checkpoints).to_bytes(16, "big")
            effect.checkpoint.update(id=effect.checkpoint["id"] or checkpoint_text(new), ts="now")
            effect.saver.put(effect.config, effect.checkpoint, effect.metadata, effect.versions)
            return new
        if isinstance(effect, SaveWrites):
            return effect.saver.put_writes(effect.config, effect.writes, effect.task_id, effect.path)
        if isinstance(effect, LoadCheckpoint):
            return effect.saver.get_tuple(effect.config)
        if isinstance(effect, ListCheckpoints):
            return list(effect.saver.list(effect.config, **effect.selection))
        assert isinstance(effect, (Sleep, Flush))
        return None


class HandScope:
    """One call of user code, as far as these programs look around in it."""

    config: Any = {}
    runtime = store = None

    def __init__(self, task: Any, hand: Hand) -> None:
        self.task = task
        self._hand = hand

    def write(self, payload: Any) -> None:
        self.task.state.observer.emitted(self.task, payload)

    def interrupt(self, value: Any, response_schema: Any = None) -> Any:
        return ask(self.task, value, response_schema)

    def call(self, node: Any, given: Any) -> Any:
        task = plan_call(self.task, node, given)
        return Done(self._hand.drive(call_flow(task.state, task)))


class Done:
    """A future that has its result."""

    def __init__(self, reply: Any) -> None:
        self._reply = reply

    def result(self) -> Any:
        if isinstance(self._reply, Failure):
            raise self._reply.error
        return self._reply


def call(effect: CallNode, hand: Hand) -> Any:
    assert effect.callee.sync is not None
    token = SCOPE.set(HandScope(effect.task, hand))
    try:
        return effect.callee.sync(effect.input)
    except Exception as error:
        return Failure(error)
    finally:
        SCOPE.reset(token)


# ---- facts as text


class Ear:
    """Hears everything there is to hear, and keeps it by run and task: tasks side by side take turns as they like."""

    mask = reads = ANYTHING
    watches_spans = crowded = flooded = False

    def __init__(self) -> None:
        self.facts: dict[str, list[str]] = {}
        self._names: dict[str, str] = {}
        """Task id -> what it is called in every run of the program."""

    def meet(self, run: Any) -> None:
        """Nothing went on before."""

    def end(self) -> None:
        """Nobody waits for more."""

    def hear(self, fact: Fact) -> bool:
        """Write a fact down, with ids that are those of any run."""
        task = getattr(fact, "task", None)
        place = " > ".join(self._names[level.partition(":")[2]] for level in fact.run.ns)
        words = [type(fact).__name__, fact.run.name, fact.attempt]
        if task is not None:
            if task.id not in self._names:
                self._names[task.id] = (
                    f"{task.name} {sum(known.startswith(task.name) for known in self._names.values())}"
                )
            words += [task.name, task.step, task.triggers, dumps(task.input)]
            place += f" {self._names[task.id]}"
        for name in ("values", "writes", "payload", "changed", "written", "step", "outcome", "error"):
            value = getattr(fact, name, None)
            words.append(sorted(value) if name == "changed" and value else dumps(value))
        self.facts.setdefault(place, []).append(repr(words))
        return False


def executions(name: str, driver: Driver) -> tuple[Execution, Ear]:
    """Return a run of a program that has not begun, and who listens to it."""
    graph, begin, config = PROGRAMS[name](driver)
    execution = Execution(graph, Arguments(begin, config), graph.plan.stream_keys)
    ear = Ear()
    execution.observer.record.subscribe(ear)
    return execution, ear


def outcome(function: Any, *args: Any) -> tuple[Any, str]:
    """Return what a run returned, and what it raised."""
    try:
        return dumps(function(*args)), ""
    except Exception as error:
        return None, repr(error)


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand_as_under_a_driver(driver: Driver, name: str) -> None:
    """With no driver as with either: the same facts of each task and run, in one order, result and error."""
    execution, heard_by_hand = executions(name, Driver("threads"))
    expected = outcome(Hand().drive, execution._flow)
    execution, heard = executions(name, driver)
    found = outcome(_run, execution) if driver.sync else outcome(lambda: driver.run(_run_async(execution)))
    assert expected == found
    assert heard_by_hand.facts == heard.facts


def _run(execution: Execution) -> Any:
    return execution.driver(ThreadDriver).run()


async def _run_async(execution: Execution) -> Any:
    return await execution.driver(AsyncDriver).run()


# ---- purity


class Silent:
    """Takes whatever the engine tells an observer, and makes nothing of it."""

    def __init__(self) -> None:
        self.heard = 0

    def __getattr__(self, name: str) -> Any:
        assert name in Observer.__dict__
        return self._hear

    def _hear(self, *args: Any) -> None:
        self.heard += 1


def _counted(saver: InMemorySaver, current: str | None, channel: None) -> str:
    return f"{1 if current is None else int(current.partition('.')[0]) + 1:032}.0"


@contextmanager
def no_world() -> Iterator[None]:
    """Take away threads, clocks, chance, files and sockets; whoever runs the tests has them again at once."""

    def gone(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the engine reached for the world")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", gone)
        for name in ("time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "sleep"):
            patch.setattr(time, name, gone)
        patch.setattr(random, "random", gone)
        # The engine asks a saver for versions, and what is random in them is the saver's.
        patch.setattr(InMemorySaver, "get_next_version", _counted)
        patch.setattr(builtins, "open", gone)
        patch.setattr(socket, "socket", gone)
        yield


@pytest.mark.parametrize("name", BY_HAND)
def test_the_engine_needs_no_world(name: str) -> None:
    """Without a clock, threads, chance or I/O, and with an observer that is deaf, the result is the same."""
    expected = outcome(_run, executions(name, Driver("threads"))[0])
    execution, _ = executions(name, Driver("threads"))
    run: Run = execution.run
    run.observer = silent = Silent()  # type: ignore[assignment]
    with no_world():
        found = outcome(Hand().drive, execution._flow)
    assert expected == found
    assert silent.heard > 0


def test_an_option_of_telemetry_reaches_no_flow() -> None:
    """What the engine is given of a run knows nothing of telemetry."""
    graph, begin, config = PROGRAMS["chain"](Driver("threads"))
    given = Arguments(begin, config, telemetry=TelemetryOptions(capture=True))
    execution = Execution(graph, given, graph.plan.stream_keys)
    assert not any(
        "telemetry" in slot for kind in type(execution.run).__mro__ for slot in getattr(kind, "__slots__", ())
    )
    execution._flow.close()
