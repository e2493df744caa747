"""
What a node may return besides plain state: `Command`, `Send`, `Overwrite`.

Rule: values only. How they become writes is the engine's business (`engine/writes.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Literal, TypeVar

from otgraph.constants import OVERWRITE, PARENT
from otgraph.timeout import Timeout, read_timeout

__all__ = ["Command", "Overwrite", "Send", "ToolOutput"]

N = TypeVar("N")


class Send:
    """
    A packet for one node: it runs in the next superstep with `arg` as its input.

    Args:
        node: name of the node to run.
        arg: its input, handed over as it is (not merged with the state).
        timeout: limit of one attempt of this task, in place of the node's: seconds, `timedelta` or
            `TimeoutPolicy`; kept as a policy in seconds.
    """

    __slots__ = ("arg", "node", "timeout")

    def __init__(self, /, node: str, arg: Any, *, timeout: Timeout = None) -> None:
        self.node = node
        self.arg = arg
        self.timeout = None if timeout is None else read_timeout(timeout)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Send):
            return False
        return self.node == other.node and self.arg == other.arg and self.timeout == other.timeout

    def __hash__(self) -> int:
        return hash((self.node, self.arg, self.timeout))

    def __repr__(self) -> str:
        limited = "" if self.timeout is None else f", timeout={self.timeout!r}"
        return f"Send(node={self.node!r}, arg={self.arg!r}{limited})"


class _Value:
    """The root of `ToolOutput`: Python lets a class change its bases only if `object` is not one of them."""


class ToolOutput(_Value):
    """What a tool may return as it is; `otgraph.langchain` makes this a base class that LangChain knows."""


@dataclass(frozen=True, kw_only=True)
class Command(ToolOutput, Generic[N]):
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
