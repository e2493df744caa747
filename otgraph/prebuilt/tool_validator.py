"""Door to the node that checks tool calls."""

from otgraph.langchain.tool_validator import ValidationNode

__all__ = ["ValidationNode"]
