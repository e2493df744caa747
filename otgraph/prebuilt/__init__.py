"""Agents and tools that are ready to use; the import path of `langgraph.prebuilt`."""

from otgraph.langchain.agent import create_react_agent
from otgraph.langchain.injected import InjectedState, InjectedStore, ToolRuntime
from otgraph.langchain.tool_node import ToolNode, tools_condition
from otgraph.langchain.tool_validator import ValidationNode

__all__ = [
    "InjectedState",
    "InjectedStore",
    "ToolNode",
    "ToolRuntime",
    "ValidationNode",
    "create_react_agent",
    "tools_condition",
]
