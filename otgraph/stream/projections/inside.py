"""
TasksLifecycle: follows the graphs inside a run by their tasks.

Rule: a graph begins with its first task, and ends with the result of the task that runs it; no more is known of it.
The names that begin with an underscore are LangGraph's: transformers of packages are made of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otgraph.constants import NS_END
from otgraph.errors import GraphDrained
from otgraph.stream.projections.transformer import ProtocolEvent, StreamTransformer, SubgraphStatus

__all__ = ["TasksLifecycle"]

Namespace = tuple[str, ...]


class TasksLifecycle(StreamTransformer):
    """
    See the module.

    Subclasses say which graphs they follow, and what is to be done when one begins and when it ends.
    """

    _native = True
    required_stream_modes = ("tasks",)

    def __init__(self, scope: Namespace = ()) -> None:
        super().__init__(scope)
        self._seen: set[Namespace] = set()
        self._open: dict[Namespace, Any] = {}
        """The graphs that have begun and not ended, with what a subclass keeps of each."""
        self._lc_by_ns: dict[Namespace, str] = {}
        """What langchain calls the agent that a graph is, or that it is in."""
        self._pending_tool_calls: dict[str, str] = {}
        """Task -> the call of a tool that it is for."""
        self._pending_cause: dict[str, Any] | None = None
        """Why the graph that is just beginning does: because of a call of a tool."""

    def _should_track(self, ns: Namespace) -> bool:
        return ns[: len(self.scope)] == self.scope and len(ns) > len(self.scope)

    def _on_started(self, ns: Namespace, graph_name: str | None, trigger_call_id: str | None) -> None:
        raise NotImplementedError

    def _on_terminal(self, ns: Namespace, status: SubgraphStatus, error: str | None) -> None:
        raise NotImplementedError

    def process(self, event: ProtocolEvent) -> bool:
        """Follow the tasks; they are for transformers only."""
        if event["method"] != "tasks":
            return True
        ns, data = tuple(event["params"]["namespace"]), event["params"]["data"]
        if "result" in data:
            self._handle_task_result(ns, data)
        else:
            self._note_start(ns, data)
        return False

    def _note_start(self, ns: Namespace, data: Mapping[str, Any]) -> None:
        self._record_identity(ns, data)
        self._record_pending_tool_calls(data)
        self._handle_task_start(ns, data)

    def _record_identity(self, ns: Namespace, data: Mapping[str, Any]) -> None:
        name = (data.get("metadata") or {}).get("lc_agent_name")
        if name:
            self._lc_by_ns[ns] = name

    def _record_pending_tool_calls(self, data: Mapping[str, Any]) -> None:
        given = data.get("input")
        if isinstance(given, Mapping):
            given = [given.get("tool_call")]
        for call in given if isinstance(given, list) else ():
            if isinstance(call, Mapping) and call.get("id") and "name" in call:
                self._pending_tool_calls.setdefault(data["id"], call["id"])

    def _handle_task_start(self, ns: Namespace, data: Mapping[str, Any]) -> None:
        # A second graph in one task has the namespace of the first one, and a number, which is no task.
        if not ns or NS_END not in ns[-1] or ns in self._seen or not self._should_track(ns):
            return
        self._seen.add(ns)
        self._open[ns] = None
        name, _, task = ns[-1].partition(NS_END)
        call = self._pending_tool_calls.get(task)
        self._pending_cause = None if call is None else {"type": "toolCall", "tool_call_id": call}
        self._on_started(ns, self._lc_by_ns.get(ns, name), task)
        self._pending_cause = None

    def _pop_terminal_transitions(
        self, ns: Namespace, data: Mapping[str, Any]
    ) -> list[tuple[Namespace, SubgraphStatus, str | None]]:
        """Return which graphs have ended with the result of a task, how, and why."""
        inner = (*ns, f"{data['name']}{NS_END}{data['id']}")
        if inner not in self._open:
            return []
        del self._open[inner]
        self._pending_tool_calls.pop(data["id"], None)
        if data.get("error") is not None:
            return [(inner, "failed", str(data["error"]))]
        return [(inner, "interrupted" if data.get("interrupts") else "completed", None)]

    def _handle_task_result(self, ns: Namespace, data: Mapping[str, Any]) -> None:
        for ended in self._pop_terminal_transitions(ns, data):
            self._on_terminal(*ended)

    def fail(self, err: BaseException) -> None:
        """End what is open as the run ends."""
        status: SubgraphStatus = "drained" if isinstance(err, GraphDrained) else "failed"
        for ns in reversed(list(self._open)):
            del self._open[ns]
            self._on_terminal(ns, status, None if status == "drained" else str(err))
