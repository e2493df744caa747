"""
A `Command` is a tool's result that LangChain must leave as it is.

Rule: done once, when something that needs LangChain is imported; without it a `Command` knows nothing of it.
"""

from __future__ import annotations

from langchain_core.messages.tool import ToolOutputMixin

from otgraph.command import ToolOutput

__all__ = ["let_commands_through"]


def let_commands_through() -> None:
    """Have LangChain's tools return a `Command` instead of its text."""
    if ToolOutputMixin not in ToolOutput.__mro__:
        ToolOutput.__bases__ = (*ToolOutput.__bases__, ToolOutputMixin)
