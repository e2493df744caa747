"""
create_react_agent: a model that calls tools until it has an answer.

Rule: an ordinary graph on the public API; whoever needs another one builds it the same way.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeAlias, get_type_hints

from langchain_core.messages import AIMessage, BaseMessage, ToolMessage
from langchain_core.tools import BaseTool
from pydantic import BaseModel
from typing_extensions import NotRequired, TypedDict

from otgraph.command import Send
from otgraph.constants import END, START
from otgraph.graph.compiled import CompiledStateGraph
from otgraph.graph.state import StateGraph
from otgraph.langchain.agents.models import ModelSource
from otgraph.langchain.agents.nodes import AgentNode, PromptNode, StructuredNode, field_of
from otgraph.langchain.agents.tool_node import ToolNode
from otgraph.managed.is_last_step import RemainingSteps
from otgraph.messages.add import add_messages
from otgraph.warnings import LangGraphDeprecatedSinceV10

__all__ = [
    "AgentState",
    "AgentStatePydantic",
    "AgentStateWithStructuredResponse",
    "AgentStateWithStructuredResponsePydantic",
    "Prompt",
    "StateSchemaType",
    "StructuredResponseSchema",
    "create_react_agent",
]

Prompt: TypeAlias = Any
"""A system message or its text, or a function or Runnable that makes what the model is shown."""
StateSchemaType: TypeAlias = type[Any]
StructuredResponseSchema: TypeAlias = Any
"""A schema that a model's answer can be asked to have."""

AGENT, TOOLS, BEFORE, AFTER, SHAPE = (
    "agent",
    "tools",
    "pre_model_hook",
    "post_model_hook",
    "generate_structured_response",
)


class AgentState(TypedDict):
    """The state of an agent."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: NotRequired[RemainingSteps]


class AgentStatePydantic(BaseModel):
    """The state of an agent, as a Pydantic model."""

    messages: Annotated[Sequence[BaseMessage], add_messages]
    remaining_steps: RemainingSteps = 25


class AgentStateWithStructuredResponse(AgentState):
    """The state of an agent whose answer has a shape."""

    structured_response: Any


class AgentStateWithStructuredResponsePydantic(AgentStatePydantic):
    """The state of an agent whose answer has a shape, as a Pydantic model."""

    structured_response: Any


def create_react_agent(
    model: Any,
    tools: Sequence[Any] | ToolNode,
    *,
    prompt: Any = None,
    response_format: Any = None,
    pre_model_hook: Any = None,
    post_model_hook: Any = None,
    state_schema: Any = None,
    context_schema: Any = None,
    checkpointer: Any = None,
    store: Any = None,
    interrupt_before: list[str] | None = None,
    interrupt_after: list[str] | None = None,
    debug: bool = False,
    version: Literal["v1", "v2"] = "v2",
    name: str | None = None,
    **deprecated: Any,
) -> CompiledStateGraph[Any, Any, Any, Any]:
    """
    Return a graph in which a model calls tools until it answers without calling any.

    Args:
        model: a chat model, to which the tools are bound; its name, as `provider:model`; or a function
            `(state, runtime) -> model` that returns one with its tools bound.
        tools: tools, functions, dicts of tools that the provider runs, or a `ToolNode`.
        prompt: a system message or its text, or a function or Runnable from the state to what the model is shown.
        response_format: a schema, or a prompt and a schema: the model is asked once more for `structured_response`.
        pre_model_hook: a node before the model; it may return `llm_input_messages`, which the model is shown instead.
        post_model_hook: a node after the model.
        state_schema: a state with `messages` and `remaining_steps`.
        version: `"v2"` makes each call of a tool a task of its own; `"v1"` makes all of them in one.
        name: of the graph and on the agent's messages.

    The rest is what `compile` takes.

    Raises:
        ValueError: an unknown version, a state without the keys that an agent needs, or a model with other tools bound.
    """
    if version not in ("v1", "v2"):
        raise ValueError(f"Invalid version {version}. Supported versions are 'v1' and 'v2'.")
    context_schema = deprecated.pop("config_schema", None) or context_schema
    if deprecated:
        raise TypeError(f"create_react_agent() got unexpected keyword arguments {sorted(deprecated)}")
    warnings.warn(
        "create_react_agent has been moved to `langchain.agents`; it goes on working here.",
        LangGraphDeprecatedSinceV10,
        stacklevel=2,
    )
    agent = _Agent(model, tools, response_format, version)
    graph = agent.graph(_state(state_schema, response_format), context_schema)
    agent.add_nodes(graph, prompt, name, pre_model_hook, post_model_hook)
    compiled = graph.compile(
        checkpointer=checkpointer,
        store=store,
        interrupt_before=interrupt_before,
        interrupt_after=interrupt_after,
        debug=debug,
        name=name,
    )
    compiled.agent_name = compiled.name
    return compiled


def _state(given: Any, response_format: Any) -> Any:
    if given is None:
        return AgentState if response_format is None else AgentStateWithStructuredResponse
    needed = {"messages", "remaining_steps"} | (set() if response_format is None else {"structured_response"})
    missing = needed - set(get_type_hints(given))
    if missing:
        raise ValueError(f"Missing required key(s) {missing} in state_schema")
    return given


class _Agent:
    """The parts of an agent, while its graph is put together."""

    def __init__(self, model: Any, tools: Any, response_format: Any, version: str) -> None:
        given = [] if isinstance(tools, ToolNode) else list(tools)
        theirs = [tool for tool in given if isinstance(tool, Mapping)]
        """Tools that the provider runs."""
        self._tools = (
            tools
            if isinstance(tools, ToolNode)
            else ToolNode([tool for tool in given if not isinstance(tool, Mapping)])
        )
        own: list[BaseTool] = list(self._tools.tools_by_name.values())
        self._direct = {tool.name for tool in own if tool.return_direct}
        self._source = ModelSource(model, [*own, *theirs])
        self._shape = response_format
        self._version = version
        self._calls = bool(own)
        """Whether it has tools to call."""
        self._entry = AGENT
        """Where the model's turn begins."""
        self._after = False
        """Whether a node follows the model."""

    def graph(self, state: Any, context: Any) -> StateGraph[Any, Any, Any, Any]:
        """Return an empty graph."""
        return StateGraph(state, context)

    def add_nodes(
        self, graph: StateGraph[Any, Any, Any, Any], prompt: Any, name: str | None, before: Any, after: Any
    ) -> None:
        """Add the nodes, and the edges between them."""
        node = AgentNode(self._source, PromptNode(prompt), name, before is not None)
        graph.add_node(AGENT, node, input_schema=_shown(graph.state_schema) if before else None)
        self._after = after is not None
        if before is not None:
            self._entry = BEFORE
            graph.add_node(BEFORE, before)
            graph.add_edge(BEFORE, AGENT)
        graph.add_edge(START, self._entry)
        if self._shape is not None:
            graph.add_node(SHAPE, StructuredNode(self._source, self._shape))
        if after is not None:
            graph.add_node(AFTER, after)
            graph.add_edge(AGENT, AFTER)
            if self._calls:
                graph.add_conditional_edges(AGENT, self.should_continue, [AFTER])
        if self._calls:
            graph.add_node(TOOLS, self._tools)
        self._add_routes(graph)

    def _add_routes(self, graph: StateGraph[Any, Any, Any, Any]) -> None:
        end = END if self._shape is None else SHAPE
        if self._after and self._calls:
            graph.add_conditional_edges(AFTER, self.post_model_hook_router, [end, TOOLS, self._entry])
        elif self._after:
            graph.add_edge(AFTER, end)
        elif self._calls:
            graph.add_conditional_edges(AGENT, self.should_continue, [TOOLS, end])
        elif end != END:
            graph.add_edge(AGENT, end)
        if self._calls and self._direct:
            graph.add_conditional_edges(TOOLS, self.route_tool_responses, [self._entry, END])
        elif self._calls:
            graph.add_edge(TOOLS, self._entry)

    # ---- routes

    def should_continue(self, state: Any) -> Any:
        if self._after:
            return AFTER
        last = field_of(state, "messages")[-1]
        if not isinstance(last, AIMessage) or not last.tool_calls:
            return END if self._shape is None else SHAPE
        return TOOLS if self._version == "v1" else self._sends(last.tool_calls, state)

    def post_model_hook_router(self, state: Any) -> Any:
        messages = field_of(state, "messages")
        answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
        asked = next((message for message in reversed(messages) if isinstance(message, AIMessage)), None)
        left = [call for call in (asked.tool_calls if asked else ()) if call["id"] not in answered]
        if left:
            return TOOLS if self._version == "v1" else self._sends(left, state)
        if isinstance(messages[-1], ToolMessage):
            return self._entry
        return END if self._shape is None else SHAPE

    def route_tool_responses(self, state: Any) -> str:
        for message in reversed(field_of(state, "messages")):
            if not isinstance(message, ToolMessage):
                # Another call of the same turn may have been made in a task of its own, whose answer is not here.
                calls = message.tool_calls if isinstance(message, AIMessage) else ()
                return END if any(call["name"] in self._direct for call in calls) else self._entry
            if message.name in self._direct:
                return END
        return self._entry

    def _sends(self, calls: Sequence[Any], state: Any) -> list[Send]:
        return [
            Send(TOOLS, {"__type": "tool_call_with_context", "tool_call": call, "state": state})
            for call in calls
        ]


def _shown(state: Any) -> Any:
    """Return the state together with what the hook before the model may add."""
    if isinstance(state, type) and issubclass(state, BaseModel):
        return type(
            "CallModelInputSchema",
            (state,),
            {"__annotations__": {"llm_input_messages": list[BaseMessage] | None}, "llm_input_messages": None},
        )
    hints = get_type_hints(state, include_extras=True)
    return TypedDict("CallModelInputSchema", {**hints, "llm_input_messages": list[BaseMessage]})  # type: ignore[operator]
