"""Door to tool nodes and what tools may ask for."""

from otgraph.langchain.agents.injected import InjectedState, InjectedStore, ToolRuntime
from otgraph.langchain.agents.tool_errors import ToolInvocationError
from otgraph.langchain.agents.tool_node import (
    AsyncToolCallWrapper,
    ToolCallRequest,
    ToolCallWithContext,
    ToolCallWrapper,
    ToolNode,
    tools_condition,
)

__all__ = [
    "AsyncToolCallWrapper",
    "InjectedState",
    "InjectedStore",
    "ToolCallRequest",
    "ToolCallWithContext",
    "ToolCallWrapper",
    "ToolInvocationError",
    "ToolNode",
    "ToolRuntime",
    "tools_condition",
]
