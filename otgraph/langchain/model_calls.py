"""
ModelHandler: the callback handler by which LangChain tells of its model calls, wherever in a run they are made.

Rule: one handler for the process, which LangChain itself adds to whatever it runs; it finds the run by the context
variables of the caller. Outside of a run it does nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any
from uuid import UUID
from weakref import WeakValueDictionary

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook

from otgraph.messages.exchange import ModelRequest, ModelResponse, ModelTrace
from otgraph.runtime import SCOPE
from otgraph.usage import Usage

__all__ = ["ModelHandler", "listen"]

ROLES = {"human": "user", "ai": "assistant", "AIMessageChunk": "assistant"}
"""Type of a message -> what the conventions call its role, where that is another."""


class ModelHandler(BaseCallbackHandler):
    """See the module."""

    raise_error = True
    """A run whose budget is used up ends."""
    run_inline = True
    """In the context of the caller, where the current span is."""
    ignore_chain = ignore_agent = ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self) -> None:
        # Kept by their tasks: LangChain does not tell of the end of an async stream that nobody reads to its end.
        self._calls: WeakValueDictionary[UUID, ModelTrace] = WeakValueDictionary()

    def on_chat_model_start(
        self,
        serialized: Any,
        messages: list[list[BaseMessage]],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begin a call."""
        self._begin("chat", lambda: [_told(message) for message in messages[0]], run_id, metadata, kwargs)

    def on_llm_start(
        self,
        serialized: Any,
        prompts: list[str],
        *,
        run_id: UUID,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """Begin a call of a model that completes a text."""
        given = [{"role": "user", "parts": [{"type": "text", "content": prompt}]} for prompt in prompts]
        self._begin("text_completion", lambda: given, run_id, metadata, kwargs)

    def _begin(
        self, operation: str, messages: Any, run_id: UUID, metadata: Mapping[str, Any] | None, more: Any
    ) -> None:
        scope = SCOPE.get()
        if scope is None:
            return
        metadata, given = metadata or {}, more.get("invocation_params") or {}
        model = metadata.get("ls_model_name") or given.get("model") or given.get("model_name")
        parameters = {
            key: value
            for key in ("temperature", "max_tokens", "top_p")
            if (value := given.get(key, metadata.get(f"ls_{key}"))) is not None
        }
        request = ModelRequest(
            str(model or more.get("name") or "unknown"),
            metadata.get("ls_provider"),
            operation,
            parameters,
            messages,
            bridged=True,
        )
        call = scope.model(request)
        if call is not None:
            call.begin(current=False)
            self._calls[run_id] = call

    def on_llm_new_token(self, token: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """Note that it answers."""
        call = self._calls.get(run_id)
        if call is not None:
            call.first()

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """End a call."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            call.end(_response(response), None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """End a call that failed, or that nobody wants to hear of any more."""
        call = self._calls.pop(run_id, None)
        if call is not None:
            call.end(_response(kwargs.get("response")), error)


def listen() -> None:
    """Have LangChain tell of model calls from now on; to be called once."""
    handler: Any = ModelHandler()
    register_configure_hook(ContextVar("otgraph.models", default=handler), inheritable=True)


def _response(result: Any) -> ModelResponse | None:
    generations = getattr(result, "generations", None)
    if not generations or not generations[0]:
        return None
    message = getattr(generations[0][0], "message", None)
    if message is None:
        text = generations[0][0].text
        said = [{"role": "assistant", "parts": [{"type": "text", "content": text}]}]
        return ModelResponse(messages=lambda: said)
    told = {**(getattr(result, "llm_output", None) or {}), **message.response_metadata}
    reason = told.get("finish_reason") or told.get("stop_reason")
    return ModelResponse(
        model=told.get("model_name") or told.get("model"),
        id=told.get("id"),
        finish_reasons=() if reason is None else (str(reason),),
        usage=_usage(getattr(message, "usage_metadata", None)),
        messages=lambda: [{**_told(message), **({} if reason is None else {"finish_reason": str(reason)})}],
    )


def _usage(told: Any) -> Usage | None:
    if not told:
        return None
    given, made = told.get("input_token_details") or {}, told.get("output_token_details") or {}
    return Usage(
        input_tokens=told.get("input_tokens") or 0,
        output_tokens=told.get("output_tokens") or 0,
        cache_read_tokens=given.get("cache_read") or 0,
        cache_write_tokens=given.get("cache_creation") or 0,
        reasoning_tokens=made.get("reasoning") or 0,
    )


def _told(message: Any) -> dict[str, Any]:
    """Return a message as the conventions show it."""
    parts: list[Any] = []
    content = message.content
    if message.type == "tool":
        parts.append({"type": "tool_call_response", "id": message.tool_call_id, "response": content})
    elif isinstance(content, str):
        if content:
            parts.append({"type": "text", "content": content})
    else:
        parts += [
            {"type": "text", "content": part}
            if isinstance(part, str)
            else {"type": "text", "content": part["text"]}
            if part.get("type") == "text"
            else part
            for part in content
        ]
    for call in getattr(message, "tool_calls", None) or ():
        parts.append({"type": "tool_call", "id": call["id"], "name": call["name"], "arguments": call["args"]})
    return {"role": ROLES.get(message.type, message.type), "parts": parts}
