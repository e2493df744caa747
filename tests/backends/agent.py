"""
An agent whose model follows a script: each run calls one tool that works and one that fails, then answers.

Rule: what each call reads and writes in tokens is the same every time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable

from otgraph.prebuilt import ToolNode, create_react_agent

__all__ = ["FIRST", "MODEL", "SECOND", "librarian"]

MODEL = "scripted-1"

FIRST = (100, 20)
"""Tokens read and written by the call that asks for tools."""

SECOND = (150, 30)
"""The same of the call that answers."""


class Scripted(BaseChatModel):
    """Asks for both tools, then answers."""

    book: str

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": "theatre", "ls_model_name": MODEL, "ls_model_type": "chat"}

    def bind_tools(self, tools: Sequence[Any], **kwargs: Any) -> Runnable[Any, Any]:
        """Return the model with those tools; the script knows them by name."""
        return self.bind(tools=tools, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        if any(isinstance(message, ToolMessage) for message in messages):
            answer, (read, written) = AIMessage(f"{self.book} is on the third shelf."), SECOND
        else:
            calls = [
                {"name": name, "args": {"title": self.book}, "id": f"call-{name}", "type": "tool_call"}
                for name in ("find", "lend")
            ]
            answer, (read, written) = AIMessage("Let me look.", tool_calls=calls), FIRST
        answer.usage_metadata = {
            "input_tokens": read,
            "output_tokens": written,
            "total_tokens": read + written,
        }
        return ChatResult(generations=[ChatGeneration(message=answer)])


def find(title: str) -> str:
    """Say where a book is."""
    return f"{title}: shelf 3"


def lend(title: str) -> str:
    """Give a book away, which is never allowed."""
    raise PermissionError("no book leaves the house")


def librarian(book: str = "Emma") -> Any:
    """Return the agent, which is after that book."""
    return create_react_agent(
        Scripted(book=book), ToolNode([find, lend], handle_tool_errors=True), name="librarian"
    )
