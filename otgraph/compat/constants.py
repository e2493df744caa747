"""
The reserved words of LangGraph under the names that packages find them by.

Rule: spelt once, in `otgraph.constants`; here are names of names, and the keys of configs that only they use.
"""

from __future__ import annotations

from typing import Final

from otgraph.constants import (
    CONF,
    CONFIG_KEY_CHECKPOINTER,
    ERROR,
    ERROR_SOURCE_NODE,
    INPUT,
    INTERRUPT,
    NO_WRITES,
    NS_END,
    NS_SEP,
    NULL_TASK_ID,
    OVERWRITE,
    PREVIOUS,
    PULL,
    PUSH,
    RESUME,
    RETURN,
    TASKS,
)
from otgraph.run_config import TASK_ID as CONFIG_KEY_TASK_ID

__all__ = [
    "CONF",
    "CONFIG_KEY_CHECKPOINTER",
    "CONFIG_KEY_CHECKPOINT_ID",
    "CONFIG_KEY_CHECKPOINT_MAP",
    "CONFIG_KEY_CHECKPOINT_NS",
    "CONFIG_KEY_READ",
    "CONFIG_KEY_RUNTIME",
    "CONFIG_KEY_SEND",
    "CONFIG_KEY_TASK_ID",
    "CONFIG_KEY_THREAD_ID",
    "ERROR",
    "ERROR_SOURCE_NODE",
    "INPUT",
    "INTERRUPT",
    "NO_WRITES",
    "NS_END",
    "NS_SEP",
    "NULL_TASK_ID",
    "OVERWRITE",
    "PREVIOUS",
    "PULL",
    "PUSH",
    "RESUME",
    "RETURN",
    "TASKS",
]

CONFIG_KEY_CHECKPOINT_ID: Final = "checkpoint_id"
CONFIG_KEY_CHECKPOINT_MAP: Final = "checkpoint_map"
CONFIG_KEY_CHECKPOINT_NS: Final = "checkpoint_ns"
CONFIG_KEY_THREAD_ID: Final = "thread_id"
CONFIG_KEY_RUNTIME: Final = "__pregel_runtime"
CONFIG_KEY_READ: Final = "__pregel_read"
"""In the config of a node: returns values of its graph's state."""
CONFIG_KEY_SEND: Final = "__pregel_send"
"""In the config of a node: takes writes to its graph's state."""
