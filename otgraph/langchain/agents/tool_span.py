"""
The span around a call of a tool.

Rule: names and ids always, arguments and results only where content is captured. Outside of a run there is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from langchain_core.messages import ToolCall
from langchain_core.tools import BaseTool

from otgraph.drivers.scope import CallScope
from otgraph.runtime import SCOPE
from otgraph.tracing import names
from otgraph.tracing.identity import agent_around
from otgraph.tracing.inner import InnerSpan
from otgraph.tracing.spending import begin_tool

__all__ = ["ToolSpan", "tool_span"]


class ToolSpan:
    """What a call tells of itself."""

    def __init__(self, inner: InnerSpan | None) -> None:
        self._inner = inner

    def result(self, value: Any) -> None:
        """Note what the tool answered."""
        if self._inner is not None:
            self._inner.content(names.TOOL_RESULT, getattr(value, "content", value))

    def failed(self, error: Exception) -> None:
        """Note that it failed, whether or not the model is told so."""
        if self._inner is not None:
            self._inner.fail(type(error).__qualname__)


@contextmanager
def tool_span(call: ToolCall, tool: BaseTool) -> Iterator[ToolSpan]:
    """Open the span of a call, as the GenAI conventions describe it."""
    scope = SCOPE.get()
    if not isinstance(scope, CallScope) or scope.ended or scope.run.place.record.closed:
        yield ToolSpan(None)
        return
    attributes: dict[str, Any] = {
        names.OPERATION: names.TOOL_SPAN,
        names.TOOL: tool.name,
        names.TOOL_TYPE: "function",
    }
    if call["id"]:
        attributes[names.TOOL_CALL_ID] = call["id"]
    agent = agent_around(scope.run)
    if agent is not None and agent.agent is not None:
        attributes[names.AGENT] = agent.agent.name
    if tool.description:
        attributes[names.TOOL_DESCRIPTION] = tool.description
    name = f"{names.TOOL_SPAN} {tool.name}"
    begin_tool(scope.run)
    inner = InnerSpan(scope.run.observer, scope.task, name, attributes)
    try:
        with inner:
            inner.content(names.TOOL_ARGUMENTS, call["args"])
            yield ToolSpan(inner)
    finally:
        meters = scope.run.observer.record.meters
        if meters is not None:
            meters.calls.tool_called(inner.span)
