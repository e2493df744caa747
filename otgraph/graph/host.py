"""
Host: a node of LangGraph's in which a graph of otgraph's runs.

Rule: LangGraph is never imported here: it is there already, or there is no such node. The graph is one inside a graph:
it goes with the thread and with the context, and unless it has a saver, with the saver of the run around it.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from otgraph.command import Command
from otgraph.constants import CONF, CONFIG_KEY_CHECKPOINTER, NS_SEP
from otgraph.engine.lineage import nameless
from otgraph.errors import ParentCommand
from otgraph.graph.crossing import Asked, Crossing, Parts
from otgraph.langchain.bridge import chain_config
from otgraph.run_config import has_own_lineage
from otgraph.runtime import SCOPE

if TYPE_CHECKING:
    from otgraph.graph.execution import Arguments
    from otgraph.graph.session import Session

__all__ = ["Host", "host_of"]

THEIRS = "langgraph"


def host_of(given: Arguments) -> Host | None:
    """Return the node of LangGraph's that a graph is called in, if it is to be a part of the run around that."""
    if f"{THEIRS}.types" not in sys.modules or has_own_lineage(given.config):
        return None
    # In a node of otgraph's that is inside one of LangGraph's, LangChain knows only of the latter.
    ambient = chain_config() if SCOPE.get() is None else None
    for config in (given.config, ambient):
        conf = (config or {}).get(CONF) or {}
        kind = type(conf.get("__pregel_runtime"))
        if kind.__module__.split(".")[0] == THEIRS:
            return Host(given, conf)
    return None


class Host:
    """
    See the module.

    Args:
        given: what the graph is called with.
        conf: the configurable parameters of the node.
    """

    def __init__(self, given: Arguments, conf: Mapping[str, Any]) -> None:
        self._given = given
        self._conf = conf

    def run(self, session: Session) -> Any:
        """Run the graph of a session, or let it go on with what a human answered; return its result."""
        parts, given = self._prepared(session)

        def run(command: Any) -> Any:
            try:
                return self._answered(session, session.run_alone(replace(given, input=command)))
            except ParentCommand as error:
                return _translated(error)

        return Crossing(parts).go(given.input, run)

    async def arun(self, session: Session) -> Any:
        """Run the graph on the event loop; see `run`."""
        parts, given = self._prepared(session)

        async def run(command: Any) -> Any:
            try:
                return self._answered(session, await session.arun_alone(replace(given, input=command)))
            except ParentCommand as error:
                return _translated(error)

        return await Crossing(parts).ago(given.input, run)

    @staticmethod
    def _answered(session: Session, result: Any) -> Any:
        if session.paused:
            questions, session.interrupts = session.interrupts, ()
            raise Asked(questions)
        return result

    def _prepared(self, session: Session) -> tuple[Parts, Arguments]:
        given, conf, graph = self._given, self._conf, session.graph
        own = graph.checkpointer
        kept = {key: value for key, value in conf.items() if not key.startswith(("__pregel_", "checkpoint_"))}
        ns, saver = str(conf.get("checkpoint_ns") or ""), own
        if own is False:
            # It starts again when it is answered, so what it saves is for this execution of the node.
            from otgraph.checkpoint.memory import InMemorySaver

            saver = InMemorySaver()
            kept.setdefault("thread_id", "")
        elif own is None or own is True:
            saver = conf.get(CONFIG_KEY_CHECKPOINTER)
        if own is True:
            ns = NS_SEP.join(nameless(tuple(ns.split(NS_SEP))))
        kept["checkpoint_ns"] = ns
        if saver is not None:
            kept.setdefault("thread_id", "")
        kept[CONFIG_KEY_CHECKPOINTER] = saver
        place = {CONF: {"thread_id": str(kept.get("thread_id")), "checkpoint_ns": ns}}
        types, runtime = sys.modules[f"{THEIRS}.types"], conf["__pregel_runtime"]
        errors = sys.modules[f"{THEIRS}.errors"]
        parts = Parts(saver, place, own is True, types.interrupt, lambda: errors.GraphInterrupt(()), Command)
        context = runtime.context if given.context is None else given.context
        config = {**(given.config or {}), CONF: kept}
        return parts, replace(given, config=config, context=context)


def _translated(error: ParentCommand) -> Any:
    """Return what a graph that was left early returns to the one of LangGraph's around it."""
    types = sys.modules[f"{THEIRS}.types"]
    command = error.args[0]

    def destinations(goto: Any) -> Any:
        if isinstance(goto, (list, tuple)):
            return [destinations(each) for each in goto]
        return goto if isinstance(goto, str) else types.Send(goto.node, goto.arg)

    return types.Command(update=command.update, goto=destinations(command.goto))
