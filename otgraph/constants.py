"""
The reserved words of a graph: node names, channels, separators and tags.

Rule: a string that has a meaning of its own is spelt here once and imported everywhere else.
The spellings are LangGraph's, so that both engines read each other's checkpoints.
"""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Any, Final

from otgraph.warnings import LangGraphDeprecatedSinceV10

__all__ = [
    "CONF",
    "CONFIG_KEY_CHECKPOINTER",
    "END",
    "START",
    "TAG_HIDDEN",
    "TAG_NOSTREAM",
    "TASKS",
]

START: Final = "__start__"
"""The virtual node every run begins at."""

END: Final = "__end__"
"""The virtual node a branch returns when there is nothing more to do."""

TAG_NOSTREAM: Final = "nostream"
"""A model carrying this tag puts no tokens into the `messages` stream."""

TAG_HIDDEN: Final = "langsmith:hidden"
"""A node carrying this tag appears in no stream."""

CONF: Final = "configurable"
"""The key of `RunnableConfig` under which user and thread parameters live."""

CONFIG_KEY_CHECKPOINTER: Final = "__pregel_checkpointer"
"""Where LangGraph hands a parent's saver down in a config; kept so that the import works."""

TASKS: Final = "__pregel_tasks"
"""The channel that holds the `Send` packets of the step just finished."""

ROOT: Final = "__root__"
"""The only channel of a graph whose state is not a class with fields."""

INPUT: Final = "__input__"
INTERRUPT: Final = "__interrupt__"
RESUME: Final = "__resume__"
ERROR: Final = "__error__"
ERROR_SOURCE_NODE: Final = "__error_source_node__"
NO_WRITES: Final = "__no_writes__"
RETURN: Final = "__return__"
PREVIOUS: Final = "__previous__"
OVERWRITE: Final = "__overwrite__"
METADATA: Final = "__metadata__"
PARENT: Final = "__parent__"
PULL: Final = "__pregel_pull"
PUSH: Final = "__pregel_push"

NS_SEP: Final = "|"
"""Separates the levels of a checkpoint namespace."""

NS_END: Final = ":"
"""Separates a node's name from the id of its task inside one level of a namespace."""

NULL_TASK_ID: Final = "00000000-0000-0000-0000-000000000000"
"""The owner of writes that no task made: those of a `Command` given as input."""

NOT_CHANNELS: Final = frozenset({NO_WRITES, ERROR, RESUME, INTERRUPT, RETURN, ERROR_SOURCE_NODE, PUSH})
"""Names under which a task may write without there being a channel of that name."""

RESERVED: Final = frozenset(
    {INPUT, INTERRUPT, RESUME, ERROR, NO_WRITES, TASKS, RETURN, PREVIOUS, PULL, PUSH, ERROR_SOURCE_NODE}
)
"""Names that neither a node nor a state key may bear."""


BRANCH: Final = "branch:to:"
"""How the names of channels begin that make one node due."""


def branch_channel(node: str) -> str:
    """Return the channel a write to which makes `node` due in the next superstep."""
    return f"{BRANCH}{node}"


def join_channel(starts: tuple[str, ...], end: str) -> str:
    """Return the barrier channel that makes `end` due once every node of `starts` has run."""
    return f"join:{'+'.join(starts)}:{end}"


_MOVED: Final = {"Interrupt": "otgraph.snapshot", "Send": "otgraph.command"}
"""Old name -> the module that defines it. By string, because nothing is imported from here upwards."""

_RETIRED: Final = {
    "CACHE_NS_WRITES": "__pregel_ns_writes",
    "CONFIG_KEY_CHECKPOINT_ID": "checkpoint_id",
    "CONFIG_KEY_CHECKPOINT_MAP": "checkpoint_map",
    "CONFIG_KEY_CHECKPOINT_NS": "checkpoint_ns",
    "CONFIG_KEY_TASK_ID": "__pregel_task_id",
    "CONFIG_KEY_THREAD_ID": "thread_id",
}
"""Old name -> its value; nothing of otgraph uses these names."""


def __getattr__(name: str) -> Any:
    """Resolve a name that older programs import from here, and warn."""
    if name in _MOVED:
        value = getattr(import_module(_MOVED[name]), name)
        advice = f"import {name} from otgraph.types"
    elif name in _RETIRED:
        value = _RETIRED[name]
        advice = f"write {value!r}"
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(f"{__name__}.{name} is an old name: {advice}", LangGraphDeprecatedSinceV10, stacklevel=2)
    return value
