"""
ModelHandler: the callback handler by which LangChain tells of its model calls, wherever in a run they are made.

Rule: one handler for the process, which LangChain itself adds to whatever it runs; it finds the run by the context
variables of the caller. Outside of a run it does nothing.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID
from weakref import ref

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.messages import BaseMessage
from langchain_core.tracers.context import register_configure_hook
from langchain_core.utils.function_calling import convert_to_openai_tool

from otgraph.messages.convention import shown_answer, shown_instructions, shown_messages, shown_tools
from otgraph.messages.exchange import ModelRequest, ModelResponse, ModelTrace
from otgraph.messages.usage import by_modality, read_usage
from otgraph.runtime import SCOPE
from otgraph.usage import Usage

__all__ = ["ModelHandler", "listen"]

SERVERS = (
    "base_url",
    "openai_api_base",
    "azure_endpoint",
    "anthropic_api_url",
    "groq_api_base",
    "api_base",
    "endpoint_url",
    "endpoint",
)
"""How LangChain's models call the URL of their API, where they were given one."""


VARIABLES = {
    "openai": ("OPENAI_API_BASE", "OPENAI_BASE_URL"),
    "anthropic": ("ANTHROPIC_API_URL", "ANTHROPIC_BASE_URL"),
}
"""Provider -> the variables in which its clients look for the URL, where they were given none."""


CALLS: Final[dict[UUID, ref[ModelTrace]]] = {}
"""
The calls in progress, whichever handler is told of them.

They are kept by their tasks: LangChain does not tell of the end of an async stream that nobody reads to its end.
"""


class ModelHandler(BaseCallbackHandler):
    """See the module."""

    raise_error = True
    """A run whose budget is used up ends."""
    run_inline = True
    """In the context of the caller, where the current span is."""
    ignore_llm = ignore_chat_model = False
    ignore_chain = ignore_agent = ignore_retriever = ignore_retry = ignore_custom_event = True

    def __init__(self) -> None:
        self._calls = CALLS

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
        kwargs["serialized"] = serialized
        self._begin("chat", lambda: shown_messages(messages[0]), run_id, metadata, kwargs)

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
        kwargs["serialized"] = serialized
        self._begin("text_completion", lambda: shown_messages(prompts), run_id, metadata, kwargs)

    def _begin(
        self, operation: str, messages: Any, run_id: UUID, metadata: Mapping[str, Any] | None, more: Any
    ) -> None:
        scope = SCOPE.get()
        if scope is None or run_id in self._calls:
            return
        metadata, given = metadata or {}, more.get("invocation_params") or {}
        model = metadata.get("ls_model_name") or given.get("model") or given.get("model_name")
        said = {key: metadata.get(f"ls_{key}") for key in ("temperature", "max_tokens", "stop")}
        instructions, tools = given.get("instructions"), given.get("tools")
        request = ModelRequest(
            str(model or more.get("name") or "unknown"),
            metadata.get("ls_provider"),
            operation,
            {**said, **given},
            server=_server(more["serialized"], metadata.get("ls_provider")),
            messages=messages,
            instructions=None if not instructions else lambda: shown_instructions(instructions),
            tools=None if not tools else lambda: shown_tools(map(_plain, tools)),
            bridged=True,
        )
        call = scope.model(request)
        if call is not None:
            call.begin(current=False)
            calls = self._calls
            calls[run_id] = ref(call, lambda _: calls.pop(run_id, None))

    def on_llm_new_token(self, token: Any, *, run_id: Any = None, **kwargs: Any) -> None:
        """Note that it answers."""
        self.answers(run_id)

    def answers(self, run_id: UUID) -> bool:
        """Note that a piece of an answer has come; return whether anybody wants to know of the next one."""
        known = self._calls.get(run_id)
        call = None if known is None else known()
        return call is not None and call.chunk()

    def on_llm_end(self, response: Any, *, run_id: UUID, **kwargs: Any) -> None:
        """End a call."""
        call = self._ended(run_id)
        if call is not None:
            call.end(_response(response), None)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """End a call that failed, or that nobody wants to hear of any more."""
        call = self._ended(run_id)
        if call is not None:
            call.end(_response(kwargs.get("response")), error)

    def _ended(self, run_id: UUID) -> ModelTrace | None:
        known = self._calls.pop(run_id, None)
        return None if known is None else known()


class _InRuns:
    """What LangChain takes for a context variable: the handler, for those who are in a run."""

    def __init__(self, handler: ModelHandler) -> None:
        self._handler = handler

    def get(self) -> ModelHandler | None:
        """Return it; outside of a run there is nothing to be told, not even tokens, of which each would cost."""
        return None if SCOPE.get() is None else self._handler


def listen() -> None:
    """Have LangChain tell of model calls from now on, where no handler of the kind is there; to be called once."""
    hook: Any = _InRuns(ModelHandler())
    register_configure_hook(hook, inheritable=True, handle_class=ModelHandler)


def _response(result: Any) -> ModelResponse | None:
    generations = getattr(result, "generations", None)
    if not generations or not generations[0]:
        return None
    choices = generations[0]
    message = getattr(choices[0], "message", None)
    if message is None:
        return ModelResponse(
            messages=lambda: [shown_answer(("assistant", choice.text)) for choice in choices]
        )
    told = {**(getattr(result, "llm_output", None) or {}), **message.response_metadata}
    reasons = [_reason(choice.message.response_metadata) for choice in choices]
    return ModelResponse(
        model=told.get("model_name") or told.get("model"),
        id=told.get("id"),
        finish_reasons=tuple(map(str, reasons)) if all(reasons) else (),
        usage=_usage(getattr(message, "usage_metadata", None), told.get("token_usage")),
        messages=lambda: [
            shown_answer(choice.message, reason) for choice, reason in zip(choices, reasons, strict=True)
        ],
    )


def _reason(told: Mapping[str, Any]) -> Any:
    """Return why the model stopped, as the metadata of its message has it."""
    incomplete = told.get("incomplete_details") or {}
    return (
        told.get("finish_reason") or told.get("stop_reason") or incomplete.get("reason") or told.get("status")
    )


def _usage(told: Any, as_provided: Any) -> Usage | None:
    if not told or told.get("total_cost") == 0:
        # LangChain says so of an answer from its cache: nothing was used.
        return None
    more = Usage() if as_provided is None else read_usage(as_provided)
    given, made = told.get("input_token_details") or {}, told.get("output_token_details") or {}
    return Usage(
        input_tokens=told.get("input_tokens") or 0,
        output_tokens=told.get("output_tokens") or 0,
        cache_read_tokens=given.get("cache_read") or 0,
        cache_write_tokens=given.get("cache_creation") or 0,
        reasoning_tokens=made.get("reasoning") or 0,
        input_by_modality=by_modality(given).at_least(more.input_by_modality),
        output_by_modality=by_modality(made).at_least(more.output_by_modality),
        cache_read_by_modality=more.cache_read_by_modality,
    )


def _server(serialized: Any, provider: str | None) -> str | None:
    """Return where a model is, as far as LangChain tells how it was made, or the environment."""
    made = (serialized or {}).get("kwargs") or {}
    for key in SERVERS:
        if isinstance(made.get(key), str):
            return str(made[key])
    variables = VARIABLES.get(provider or "", ())
    return next((os.environ[name] for name in variables if os.environ.get(name)), None)


def _plain(tool: Any) -> Any:
    """Return a tool as clients are given it; LangChain's own objects are bound to models that read them themselves."""
    return tool if isinstance(tool, Mapping) else convert_to_openai_tool(tool)
