"""
What a node may return besides plain state: `Command`, `Send`, `Overwrite`.

Rule: values only. How they become writes is the engine's business (`engine/writes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from otgraph.constants import OVERWRITE, PARENT

__all__ = ["Command", "Overwrite", "Send"]

N = TypeVar("N")


class Send:
    """
    A packet for one node: it runs in the next superstep with `arg` as its input.

    Args:
        node: name of the node to run.
        arg: its input, handed over as it is (not merged with the state).
        timeout: seconds, `timedelta` or `TimeoutPolicy` for this task alone.
    """

    __slots__ = ("arg", "node", "timeout")

    def __init__(self, /, node: str, arg: Any, *, timeout: Any = None) -> None:
        self.node = node
        self.arg = arg
        self.timeout = timeout

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Send) and self.node == other.node and self.arg == other.arg

    def __hash__(self) -> int:
        return hash((self.node, self.arg))

    def __repr__(self) -> str:
        return f"Send(node={self.node!r}, arg={self.arg!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[N]):
    """
    A state update and a route in one value.

    Returned by a node it updates the state and adds destinations to those of the node's edges;
    given as the input of a run it resumes, updates or redirects a saved thread.
    """

    graph: str | None = None
    """None for this graph, `Command.PARENT` for the graph around it."""

    update: Any = None
    """A dict, a list of `(key, value)` pairs, an annotated object, or the value of a root state."""

    resume: Any = None
    """The answer to a pending interrupt, or a dict from interrupt id to answer."""

    goto: Send | Sequence[Send | N] | N = ()
    """A node name, a `Send`, or a sequence of them; `END` does nothing."""

    PARENT: ClassVar[Literal["__parent__"]] = PARENT

    def __repr__(self) -> str:
        given = {name: getattr(self, name) for name in ("graph", "update", "resume", "goto")}
        return f"Command({', '.join(f'{name}={value!r}' for name, value in given.items() if value)})"


@dataclass(slots=True)
class Overwrite:
    """A write that replaces a channel's value instead of going through its reducer."""

    value: Any
    type: Literal["__overwrite__"] = OVERWRITE
    """What tells it from other dicts where it travels as JSON."""
