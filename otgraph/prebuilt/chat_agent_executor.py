"""Door to the agent that calls tools, and its states."""

from otgraph.langchain.agents.react import (
    AgentState,
    AgentStatePydantic,
    AgentStateWithStructuredResponse,
    AgentStateWithStructuredResponsePydantic,
    create_react_agent,
)
from otgraph.langchain.agents.tool_node import ToolCallWithContext, ToolNode

__all__ = [
    "AgentState",
    "AgentStatePydantic",
    "AgentStateWithStructuredResponse",
    "AgentStateWithStructuredResponsePydantic",
    "ToolCallWithContext",
    "ToolNode",
    "create_react_agent",
]
