"""Door to the agent that calls tools, and its states."""

from otgraph.langchain.agents.models import should_bind_tools as _should_bind_tools  # noqa: F401 (packages import it)
from otgraph.langchain.agents.react import (
    AgentState,
    AgentStatePydantic,
    AgentStateWithStructuredResponse,
    AgentStateWithStructuredResponsePydantic,
    Prompt,
    StateSchemaType,
    StructuredResponseSchema,
    create_react_agent,
)
from otgraph.langchain.agents.tool_node import ToolCallWithContext, ToolNode

__all__ = [
    "AgentState",
    "AgentStatePydantic",
    "AgentStateWithStructuredResponse",
    "AgentStateWithStructuredResponsePydantic",
    "Prompt",
    "StateSchemaType",
    "StructuredResponseSchema",
    "ToolCallWithContext",
    "ToolNode",
    "create_react_agent",
]
