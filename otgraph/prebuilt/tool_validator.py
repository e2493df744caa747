"""Door to the node that checks tool calls."""

from otgraph.langchain.agents.tool_validator import ValidationNode

__all__ = ["ValidationNode"]
