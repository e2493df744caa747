"""
Errands: flows that belong to no run, such as reading the state of a thread or updating it.

Rule: nothing is recorded and nobody watches. What an errand asks for is done at once, in the caller's thread or task.
"""

from __future__ import annotations

from contextvars import copy_context
from typing import Any

from otgraph.drivers.call import call_sync, open_coroutine
from otgraph.drivers.scope import CallScope
from otgraph.drivers.storage import perform, perform_async, stamp
from otgraph.engine.effects import CallNode, Effect, Failure, Flow, SaveCheckpoint
from otgraph.engine.task import Task

__all__ = ["NOWHERE", "run_errand", "run_errand_async"]


class _Nowhere:
    """The place in no record, where the user's functions are called for an errand."""

    closed = True
    crowded = False
    bridged = False

    @property
    def record(self) -> _Nowhere:
        return self

    def enter(self, span: Any) -> None:
        """Make no span current."""


NOWHERE = _Nowhere()


class _ErrandScope(CallScope):
    """A call of a branch function on behalf of an update."""

    __slots__ = ()

    def __init__(self, task: Task) -> None:
        super().__init__(task, None)

    def write(self, payload: Any) -> None:
        """Drop it: nobody streams an errand."""


def run_errand(flow: Flow) -> Any:
    """Do what a flow asks for, and return its result."""
    reply: Any = None
    while True:
        try:
            effect = flow.send(reply)
        except StopIteration as stop:
            return stop.value
        reply = _do(effect)


def _do(effect: Effect) -> Any:
    if type(effect) is CallNode:
        task: Any = effect.task
        try:
            return copy_context().run(call_sync, effect, _ErrandScope(task))
        except Exception as error:
            return Failure(error)
    if type(effect) is SaveCheckpoint:
        id = stamp(effect)  # noqa: A001
        return perform(effect) or id
    return perform(effect)


async def run_errand_async(flow: Flow) -> Any:
    """Do what a flow asks for on the event loop, and return its result."""
    reply: Any = None
    while True:
        try:
            effect = flow.send(reply)
        except StopIteration as stop:
            return stop.value
        reply = await _do_async(effect)


async def _do_async(effect: Effect) -> Any:
    if type(effect) is CallNode:
        if effect.callee.coro is None:
            return _do(effect)
        task: Any = effect.task
        try:
            coroutine, _ = open_coroutine(effect, _ErrandScope(task), copy_context())
            return await coroutine
        except Exception as error:
            return Failure(error)
    if type(effect) is SaveCheckpoint:
        id = stamp(effect)  # noqa: A001
        return await perform_async(effect) or id
    return await perform_async(effect)
