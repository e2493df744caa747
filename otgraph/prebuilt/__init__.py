"""Agents and tools that are ready to use; the import path of `langgraph.prebuilt`."""

from otgraph.langchain.agents.injected import InjectedState, InjectedStore, ToolRuntime
from otgraph.langchain.agents.react import create_react_agent
from otgraph.langchain.agents.tool_node import ToolNode, tools_condition
from otgraph.langchain.agents.tool_validator import ValidationNode
from otgraph.stream.projections.tool_calls import ToolCallTransformer

__all__ = [
    "InjectedState",
    "InjectedStore",
    "ToolCallTransformer",
    "ToolNode",
    "ToolRuntime",
    "ValidationNode",
    "create_react_agent",
    "tools_condition",
]
