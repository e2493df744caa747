"""
A chat model that needs no key and no server: what it says about a folder follows a script.

Rule: to LangChain, otgraph and traces it is a chat model like any other: it streams, calls tools and counts tokens.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from typing import Any

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import (
    AIMessageChunk,
    BaseMessage,
    HumanMessage,
    ToolCall,
    ToolMessage,
)
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable

__all__ = ["ScriptedModel"]


class ScriptedModel(BaseChatModel):
    """Looks at the folder, then into its longest file, then tells; a "token" of its is a word."""

    delay: float = 0.02
    """Seconds from one token to the next."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model_name": "scripted"}

    def _get_ls_params(self, stop: list[str] | None = None, **kwargs: Any) -> Any:
        return {"ls_provider": "scripted", "ls_model_name": "scripted", "ls_model_type": "chat"}

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
        whole = None
        for chunk in self._stream(messages, stop, run_manager, **kwargs):
            whole = chunk if whole is None else whole + chunk
        assert whole is not None
        return ChatResult(generations=[ChatGeneration(message=whole.message)])

    def _stream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> Iterator[ChatGenerationChunk]:
        text, calls = _next_line(messages)
        words = text.split(" ")
        for number, word in enumerate(words):
            time.sleep(self.delay)
            part = word if number == len(words) - 1 else f"{word} "
            yield self._told(AIMessageChunk(part), run_manager)
        read, written = sum(len(message.text.split()) for message in messages), len(words) + len(calls)
        usage = {"input_tokens": read, "output_tokens": written, "total_tokens": read + written}
        yield self._told(AIMessageChunk("", tool_calls=calls, usage_metadata=usage), run_manager)

    def _told(
        self, message: AIMessageChunk, run_manager: CallbackManagerForLLMRun | None
    ) -> ChatGenerationChunk:
        chunk = ChatGenerationChunk(message=message)
        if run_manager is not None:
            run_manager.on_llm_new_token(message.text, chunk=chunk)
        return chunk


def _next_line(messages: Sequence[BaseMessage]) -> tuple[str, list[ToolCall]]:
    """Return what the script says next, and which tools it calls."""
    asked = max(number for number, message in enumerate(messages) if isinstance(message, HumanMessage))
    answers = [message for message in messages[asked:] if isinstance(message, ToolMessage)]
    if not answers:
        calls = [_call("count_files", 1), _call("longest_files", 2, count=3)]
        return "Let me count the files and find the longest ones.", calls
    found = {str(message.name): message for message in answers}
    if "first_lines" not in found:
        longest = found["longest_files"].text.splitlines()
        if found["longest_files"].status == "error" or not longest:
            return f"There is nothing to read: {found['count_files'].text}.", []
        name = longest[0].split(": ")[0]
        return f"The longest is {name}. I look at how it begins.", [
            _call("first_lines", 3, name=name, count=4)
        ]
    begins = " ".join(found["first_lines"].text.split())
    return f"There are {found['count_files'].text}. The longest file begins: {begins}", []


def _call(tool: str, number: int, **arguments: Any) -> ToolCall:
    return ToolCall(name=tool, args=arguments, id=f"call_{number}", type="tool_call")
