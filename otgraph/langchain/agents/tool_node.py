"""
ToolNode: a node that makes the tool calls of the last message, side by side.

Rule: results come in the order of the calls, whoever finished first. Each call is answered by exactly one message.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal, TypeAlias

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.tools import tool as make_tool
from typing_extensions import TypedDict

from otgraph.drivers.batch import run_all, run_all_async
from otgraph.drivers.bridge import run_coroutine
from otgraph.errors import GraphBubbleUp
from otgraph.langchain.agents.injected import Injection, ToolRuntime, injection_of
from otgraph.langchain.agents.outputs import let_commands_through
from otgraph.langchain.agents.tool_errors import (
    Handling,
    handle_wrong_arguments,
    handled,
    unknown_tool,
    wrong_arguments,
)
from otgraph.langchain.agents.tool_results import Form, combined, result_of
from otgraph.langchain.agents.tool_span import tool_span
from otgraph.run_config import DEFAULT_RECURSION_LIMIT
from otgraph.runtime import SCOPE

let_commands_through()

__all__ = [
    "AsyncToolCallWrapper",
    "ToolCallRequest",
    "ToolCallWithContext",
    "ToolCallWrapper",
    "ToolNode",
    "tools_condition",
]


@dataclass
class ToolCallRequest:
    """One call of a tool, as a wrapper around it sees it."""

    tool_call: ToolCall
    tool: BaseTool | None
    """None for a name that the node does not know."""
    state: Any
    runtime: ToolRuntime[Any, Any]

    def override(self, **overrides: Any) -> ToolCallRequest:
        """Return the same request with other fields."""
        return replace(self, **overrides)


ToolCallWrapper: TypeAlias = Callable[[ToolCallRequest, Callable[[ToolCallRequest], Any]], Any]
AsyncToolCallWrapper: TypeAlias = Callable[
    [ToolCallRequest, Callable[[ToolCallRequest], Awaitable[Any]]], Awaitable[Any]
]

ToolCallWithContext = TypedDict(
    "ToolCallWithContext",
    {"tool_call": ToolCall, "__type": Literal["tool_call_with_context"], "state": Any},
)
"""One call on its own, with the state it was made in: what an agent sends to its tools."""


class ToolNode(Runnable[Any, Any]):
    """
    A node that runs the tools which the last `AIMessage` of the state calls.

    Args:
        tools: tools, or functions that become tools.
        name: what the node is called.
        tags: of its runs.
        handle_tool_errors: which errors the model is told of; by default wrong arguments only.
        messages_key: where the messages of the state are.
        wrap_tool_call: called with each request and with what executes it.
        awrap_tool_call: the same for asynchronous runs.

    Its input is a state with messages, a list of messages, a list of tool calls, or one call with its state.
    """

    def __init__(
        self,
        tools: Sequence[BaseTool | Callable[..., Any]],
        *,
        name: str = "tools",
        tags: list[str] | None = None,
        handle_tool_errors: Handling = handle_wrong_arguments,
        messages_key: str = "messages",
        wrap_tool_call: ToolCallWrapper | None = None,
        awrap_tool_call: AsyncToolCallWrapper | None = None,
    ) -> None:
        self.name = name
        self.tags = tags
        # langgraph-supervisor makes a node of another by these two.
        self._handle_tool_errors: Handling = handle_tool_errors
        self._messages_key = messages_key
        self._wrap = wrap_tool_call
        self._awrap = awrap_tool_call
        made = [tool if isinstance(tool, BaseTool) else make_tool(tool) for tool in tools]
        self._tools: dict[str, BaseTool] = {tool.name: tool for tool in made}
        self._injections: dict[str, Injection] = {tool.name: injection_of(tool) for tool in made}

    @property
    def tools_by_name(self) -> dict[str, BaseTool]:
        """Name -> tool."""
        return self._tools

    def get_name(self) -> str:
        """Return what the node is called."""
        return self.name

    # ---- running

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Make all calls, in threads if there are several, and return what they say to the state."""
        form, requests = self._requests(input, config)
        calls = [partial(self._call, form, request) for request in requests]
        results = [calls[0]()] if len(calls) == 1 else run_all(calls, None, errors=False)
        return combined(results, form)

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Make all calls on the event loop and return what they say to the state."""
        form, requests = self._requests(input, config)
        calls = [partial(self._acall, form, request) for request in requests]
        results = [await calls[0]()] if len(calls) == 1 else await run_all_async(calls, None, errors=False)
        return combined(results, form)

    def _call(self, form: Form, request: ToolCallRequest) -> Any:
        execute = partial(self._execute, form)
        if self._wrap is None:
            return execute(request)
        try:
            return self._wrap(request, execute)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._answer(request, error)

    async def _acall(self, form: Form, request: ToolCallRequest) -> Any:
        if self._awrap is None and self._wrap is None:
            return await self._aexecute(form, request)
        try:
            if self._awrap is not None:
                return await self._awrap(request, partial(self._aexecute, form))
            return self._call(form, request)
        except GraphBubbleUp:
            raise
        except Exception as error:
            return self._answer(request, error)

    # ---- one call

    def _execute(self, form: Form, request: ToolCallRequest) -> Any:
        call, tool = request.tool_call, request.tool
        if tool is None:
            return self._unknown(call)
        arguments = self._arguments(request)
        config = request.runtime.config
        with tool_span(call, tool) as span:
            try:
                if getattr(tool, "func", tool) is None:
                    # A tool that is async only, in a run that is not.
                    result = run_coroutine(partial(tool.ainvoke, arguments, config))
                else:
                    result = tool.invoke(arguments, config)
                span.result(result)
                return result_of(result, call, form)
            except GraphBubbleUp:
                raise
            except Exception as error:
                span.failed(error)
                return self._answer(request, self._explained(request, error))

    async def _aexecute(self, form: Form, request: ToolCallRequest) -> Any:
        call, tool = request.tool_call, request.tool
        if tool is None:
            return self._unknown(call)
        arguments = self._arguments(request)
        with tool_span(call, tool) as span:
            try:
                result = await tool.ainvoke(arguments, request.runtime.config)
                span.result(result)
                return result_of(result, call, form)
            except GraphBubbleUp:
                raise
            except Exception as error:
                span.failed(error)
                return self._answer(request, self._explained(request, error))

    def _arguments(self, request: ToolCallRequest) -> dict[str, Any]:
        call = request.tool_call
        injection = self._injections.get(call["name"])
        if injection is None and request.tool is not None:
            injection = injection_of(request.tool)
        injected = {} if injection is None else injection.values(request.runtime)
        return {**call, "args": {**call["args"], **injected}, "type": "tool_call"}

    def _explained(self, request: ToolCallRequest, error: Exception) -> Exception:
        """Return an error about the model's arguments as such; any other as it is."""
        if type(error).__name__ != "ValidationError" or not hasattr(error, "errors"):
            return error
        call = request.tool_call
        injection = self._injections.get(call["name"])
        hidden = set() if injection is None else {*injection.state, *injection.store, *injection.runtime}
        return wrong_arguments(call["name"], error, call["args"], hidden)

    def _answer(self, request: ToolCallRequest, error: Exception) -> ToolMessage:
        """Return what the model is told of an error, or raise it."""
        text = handled(self._handle_tool_errors, error)
        if text is None:
            raise error
        call = request.tool_call
        return ToolMessage(text, name=call["name"], tool_call_id=call["id"] or "", status="error")

    def _unknown(self, call: ToolCall) -> ToolMessage:
        text = unknown_tool(call["name"], list(self._tools))
        return ToolMessage(text, name=call["name"], tool_call_id=call["id"] or "", status="error")

    # ---- the input

    def _requests(self, given: Any, config: Any) -> tuple[Form, list[ToolCallRequest]]:
        calls, state, plain = self._calls(given)
        scope = SCOPE.get()
        runtime = None if scope is None else scope.runtime
        if config is None:
            config = {} if scope is None else scope.config
        config = {"tags": [], "callbacks": None, "recursion_limit": DEFAULT_RECURSION_LIMIT, **config}
        requests = []
        for call in calls:
            mine: ToolRuntime[Any, Any] = ToolRuntime(
                state=state,
                context=getattr(runtime, "context", None),
                config=config,
                stream_writer=_silent if runtime is None else runtime.stream_writer,
                tool_call_id=call["id"],
                store=getattr(runtime, "store", None),
                tools=list(self._tools.values()),
                execution_info=getattr(runtime, "execution_info", None),
                server_info=getattr(runtime, "server_info", None),
            )
            requests.append(ToolCallRequest(call, self._tools.get(call["name"]), state, mine))
        return Form(self._messages_key, plain), requests

    def _calls(self, given: Any) -> tuple[list[ToolCall], Any, bool]:
        """
        Return the calls to make, the state they are made in, and whether the answer is a plain list.

        Raises:
            ValueError: there is no message with calls.
        """
        if isinstance(given, Mapping) and given.get("__type") == "tool_call_with_context":
            return [given["tool_call"]], given["state"], False
        if isinstance(given, list):
            if given and isinstance(given[-1], Mapping) and given[-1].get("type") == "tool_call":
                # They say nothing of the state, which then is that of the graph around.
                scope = SCOPE.get()
                return list(given), given if scope is None else scope.state, False
            messages, plain = given, True
        else:
            found = given.get(self._messages_key) if isinstance(given, Mapping) else None
            messages, plain = found or getattr(given, self._messages_key, None) or [], False
        if not messages:
            raise ValueError(
                f"No message found in input: expected messages under {self._messages_key!r}, got {given!r}"
            )
        last = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
        if last is None:
            raise ValueError(f"No AIMessage found in input: the last message is {messages[-1]!r}")
        return list(last.tool_calls), given, plain


def _silent(payload: Any) -> None:
    """Take a custom item that nobody can receive."""


def tools_condition(state: Any, messages_key: str = "messages") -> Literal["tools", "__end__"]:
    """
    Route to `tools` if the last message calls tools, else to the end: for `add_conditional_edges`.

    Raises:
        ValueError: the state has no messages.
    """
    if isinstance(state, list):
        messages = state
    elif isinstance(state, Mapping):
        messages = state.get(messages_key) or []
    else:
        messages = getattr(state, messages_key, None) or []
    if not messages:
        raise ValueError(f"No messages found in input state to tool_edge: {state}")
    return "tools" if getattr(messages[-1], "tool_calls", None) else "__end__"
