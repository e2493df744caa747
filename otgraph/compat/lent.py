"""
Names that packages import from modules of LangGraph's where otgraph does not have them.

Rule: lent to a module when it is first imported under LangGraph's name, and only then; nothing in otgraph uses them.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, Final

from otgraph.managed.base import ManagedValue
from otgraph.runtime import Runtime

__all__ = ["lend"]

ManagedValueSpec = type[ManagedValue]
ManagedValueMapping = dict[str, type[ManagedValue]]
DEFAULT_RUNTIME: Final[Runtime[Any]] = Runtime()
SCHEDULED: Final = "__scheduled__"
PROMPT_RUNNABLE_NAME: Final = "Prompt"
INVALID_TOOL_NAME_ERROR_TEMPLATE: Final = (
    "Error: {requested_tool} is not a valid tool, try one of [{available_tools}]."
)
TOOL_CALL_ERROR_TEMPLATE: Final = "Error: {error}\n Please fix your mistakes."
TOOL_EXECUTION_ERROR_TEMPLATE: Final = (
    "Error executing tool '{tool_name}' with kwargs {tool_kwargs} with error:\n {error}\n"
    " Please fix the error and try again."
)
TOOL_INVOCATION_ERROR_TEMPLATE: Final = TOOL_EXECUTION_ERROR_TEMPLATE.replace("executing", "invoking", 1)

_HERE = "otgraph.compat.lent"
_TEMPLATES = ("INVALID_TOOL_NAME", "TOOL_CALL", "TOOL_EXECUTION", "TOOL_INVOCATION")

_LENT: Final[dict[str, dict[str, str]]] = {
    "otgraph.checkpoint.base": {
        "ChannelProtocol": "otgraph.checkpoint.serde.types",
        "EmptyChannelError": "otgraph.errors",
        "ERROR": "otgraph.constants",
        "INTERRUPT": "otgraph.constants",
        "RESUME": "otgraph.constants",
        "SCHEDULED": _HERE,
    },
    "otgraph.graph.message": {"StateGraph": "otgraph.graph.state"},
    "otgraph.graph.state": {
        "Command": "otgraph.command",
        "Pregel": "otgraph.graph.compiled",
        "Send": "otgraph.command",
    },
    "otgraph.managed.base": {"ManagedValueMapping": _HERE, "ManagedValueSpec": _HERE},
    "otgraph.prebuilt.chat_agent_executor": {
        "PROMPT_RUNNABLE_NAME": _HERE,
        "StateGraph": "otgraph.graph.state",
        "create_tool_calling_executor": "otgraph.langchain.agents.react:create_react_agent",
    },
    "otgraph.prebuilt.tool_node": {
        **{f"{name}_ERROR_TEMPLATE": _HERE for name in _TEMPLATES},
        "msg_content_output": "otgraph.langchain.agents.tool_results:content_of",
    },
    "otgraph.runtime": {"DEFAULT_RUNTIME": _HERE},
    "otgraph.store.base.embed": {
        "get_text_at_path": "otgraph.store.base",
        "tokenize_path": "otgraph.store.base",
    },
}
"""Module -> name -> the module that has it, with the name there if that is another."""


def lend(module: ModuleType) -> None:
    """Give a module the names that packages look for in it."""
    for name, home in _LENT.get(module.__name__, {}).items():
        path, _, other = home.partition(":")
        if not hasattr(module, name):
            setattr(module, name, getattr(import_module(path), other or name))
