"""
Guest: a graph that LangGraph compiled, as a node of one of otgraph's.

Rule: LangGraph is never imported here: a graph of its own brings it. It is saved as its `checkpointer` says, unless it
has one with that of the run around it, in a thread that is named after the node's.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from typing import Any

from otgraph.command import Command, Send
from otgraph.constants import CONF, CONFIG_KEY_CHECKPOINTER, INTERRUPT, NS_SEP
from otgraph.engine.interrupts import thread_of
from otgraph.engine.lineage import nameless
from otgraph.errors import GraphInterrupt
from otgraph.graph.crossing import Asked, Crossing, Parts
from otgraph.plan.model import Callee
from otgraph.runtime import SCOPE, interrupt

__all__ = ["Guest", "hosted", "is_guest"]

THEIRS = "langgraph"

_OF_THE_TASK = ("__pregel_task_id", "checkpoint_id", "checkpoint_map", "checkpoint_ns")
"""By these a graph of LangGraph's would take the node for one of its own."""


def is_guest(action: Any) -> bool:
    """Say whether `action` is a graph that LangGraph compiled."""
    if THEIRS not in sys.modules:
        return False
    return any(
        kind.__name__ == "Pregel" and kind.__module__.split(".")[0] == THEIRS for kind in type(action).__mro__
    )


def hosted(callee: Callee) -> Callee:
    """Return the callee of a node: where that is a graph of LangGraph's, one that can ask a human."""
    if not is_guest(callee.origin):
        return callee
    guest = Guest(callee.origin)
    return replace(callee, sync=guest.invoke, coro=guest.ainvoke)


class Guest:
    """
    See the module.

    Args:
        graph: what LangGraph compiled.
    """

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def invoke(self, given: Any, config: Mapping[str, Any]) -> Any:
        """Run the graph, or let it go on with what a human answered."""
        graph, parts, config = self._prepared(config)

        def run(command: Any) -> Any:
            seen = _Seen()
            try:
                for chunk in graph.stream(command, config, **_wishes(graph)):
                    seen.take(*chunk)
            except _module("errors").ParentCommand as error:
                return _translated(error.args[0])
            return seen.result()

        return Crossing(parts).go(given, run)

    async def ainvoke(self, given: Any, config: Mapping[str, Any]) -> Any:
        """Run the graph on the event loop; see `invoke`."""
        graph, parts, config = self._prepared(config)

        async def run(command: Any) -> Any:
            seen = _Seen()
            try:
                async for chunk in graph.astream(command, config, **_wishes(graph)):
                    seen.take(*chunk)
            except _module("errors").ParentCommand as error:
                return _translated(error.args[0])
            return seen.result()

        return await Crossing(parts).ago(given, run)

    def _prepared(self, config: Mapping[str, Any]) -> tuple[Any, Parts, dict[str, Any]]:
        graph, own = self._graph, self._graph.checkpointer
        conf = {key: value for key, value in config[CONF].items() if key not in _OF_THE_TASK}
        scope: Any = SCOPE.get()
        thread = thread_of(scope.task)
        saver, ns = own, config[CONF]["checkpoint_ns"]
        remembers = own is True
        if own is False:
            # It starts again when it is answered, so what it saves is for this execution of the node.
            saver = _module("checkpoint.memory").InMemorySaver()
        elif own is None or remembers:
            saver = None if thread is None else _with_their_types(thread.saver)
        if remembers:
            ns = NS_SEP.join(nameless(tuple(ns.split(NS_SEP))))
        if saver is not own:
            # Only a graph inside another one of LangGraph's may have True or False.
            graph = graph.copy(update={"checkpointer": None})
            conf[CONFIG_KEY_CHECKPOINTER] = saver
        if saver is not None:
            # A thread of its own: LangGraph has no other place for a graph that is inside none of its own.
            conf["thread_id"] = f"{conf.get('thread_id')}{NS_SEP}{ns}"
        place = {CONF: {"thread_id": conf.get("thread_id"), "checkpoint_ns": ""}}
        command = _module("types").Command
        parts = Parts(saver, place, remembers, interrupt, lambda: GraphInterrupt(()), command)
        return graph, parts, {**config, CONF: conf}


class _Seen:
    """What a run has shown: its state, and what it stopped for."""

    def __init__(self) -> None:
        self._value: Any = None
        self._questions: list[Any] | None = None

    def take(self, mode: str, chunk: Any) -> None:
        """Look at a chunk."""
        asks = isinstance(chunk, dict) and INTERRUPT in chunk
        if mode == "updates" and asks:
            self._questions = [*(self._questions or ()), *chunk[INTERRUPT]]
        elif mode == "values" and not asks:
            self._value = chunk

    def result(self) -> Any:
        """Return the last state; raise `Asked` where the run stopped for a human."""
        if self._questions is not None:
            raise Asked(self._questions)
        return self._value


def _wishes(graph: Any) -> dict[str, Any]:
    return {"stream_mode": ["updates", "values"], "output_keys": graph.output_channels}


def _module(name: str) -> Any:
    return sys.modules[f"{THEIRS}.{name}"]


def _with_their_types(saver: Any) -> Any:
    """Return a saver of the same store that gives LangGraph's types back; see `checkpoint.foreign`."""
    if type(getattr(saver, "serde", None)).__name__ != "JsonPlusSerializer":
        return saver
    adopted = copy(saver)
    adopted.serde = _module("checkpoint.serde.jsonplus").JsonPlusSerializer()
    return adopted


def _translated(command: Any) -> Command[Any]:
    """Return the command with which a graph was left, as the graph around it takes it."""
    return Command(update=command.update, goto=_destinations(command.goto))


def _destinations(goto: Any) -> Any:
    if isinstance(goto, (list, tuple)):
        return [_destinations(each) for each in goto]
    return goto if isinstance(goto, str) else Send(goto.node, goto.arg)
