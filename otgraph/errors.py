"""
Every exception that otgraph raises on its own account.

    Exception
    ├── EmptyChannelError             a channel was read before anything was written to it
    ├── EmptyInputError               a run was started with nothing to start from
    ├── InvalidUpdateError            a node, a Command or a caller wrote what the state cannot take
    ├── RecursionError
    │   └── GraphRecursionError       the run did not stop within its recursion limit
    ├── TaskNotFound                  an executor was asked for a task it does not know
    ├── NodeCancelledError            a node raised CancelledError by itself
    ├── NodeTimeoutError              a node ran longer than its timeout
    ├── StreamOverflowError           a subscriber with the policy "error" fell behind
    ├── BudgetExceededError           the run has used of models what it was given
    ├── RunEndedError                 a node asked something of a run that is over
    ├── UnknownInterruptError         an answer is for no question that is open
    └── GraphBubbleUp                 control flow, not a fault: passes through user code
        ├── GraphInterrupt            the run pauses for a human
        │   └── NodeInterrupt         the old way to pause it, raised by hand
        ├── GraphDrained              the run stopped between supersteps because it was asked to
        └── ParentCommand             a Command for the graph around this one

Rule: a message says what was wrong with the value that was wrong, what was expected, and what to do.
Texts that users match on are LangGraph's.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal

from otgraph.snapshot import Interrupt
from otgraph.warnings import LangGraphDeprecatedSinceV10

__all__ = [
    "BudgetExceededError",
    "EmptyChannelError",
    "EmptyInputError",
    "ErrorCode",
    "GraphBubbleUp",
    "GraphDrained",
    "GraphInterrupt",
    "GraphRecursionError",
    "InvalidUpdateError",
    "NodeCancelledError",
    "NodeError",
    "NodeInterrupt",
    "NodeTimeoutError",
    "ParentCommand",
    "RunEndedError",
    "StreamOverflowError",
    "TaskNotFound",
    "UnknownInterruptError",
    "is_invalid_resume",
]


INVALID_RESUME = "__otgraph_invalid_resume__"
"""The attribute by which an error is told that refuses an answer."""


class ErrorCode(Enum):
    """The codes of LangGraph's troubleshooting pages."""

    GRAPH_RECURSION_LIMIT = "GRAPH_RECURSION_LIMIT"
    INVALID_CONCURRENT_GRAPH_UPDATE = "INVALID_CONCURRENT_GRAPH_UPDATE"
    INVALID_GRAPH_NODE_RETURN_VALUE = "INVALID_GRAPH_NODE_RETURN_VALUE"
    MULTIPLE_SUBGRAPHS = "MULTIPLE_SUBGRAPHS"
    INVALID_CHAT_HISTORY = "INVALID_CHAT_HISTORY"


def create_error_message(*, message: str, error_code: ErrorCode) -> str:
    """Return `message` with the address of the page that explains `error_code`."""
    return (
        f"{message}\nFor troubleshooting, visit: "
        f"https://docs.langchain.com/oss/python/langgraph/errors/{error_code.value}"
    )


class EmptyChannelError(Exception):
    """A channel was read before anything was written to it."""


class EmptyInputError(Exception):
    """A run was started with no input and nothing saved to go on from."""


class InvalidUpdateError(Exception):
    """The state cannot take what a node, a `Command` or a caller wrote."""


class GraphRecursionError(RecursionError):
    """
    The run did not stop within its recursion limit.

    The limit is `config["recursion_limit"]`; a line of N nodes needs N + 1.
    """


class TaskNotFound(Exception):
    """An executor was asked for a task it does not know."""


class NodeCancelledError(Exception):
    """A node raised `asyncio.CancelledError` by itself: nobody had cancelled the run. It is not retried."""

    def __init__(self, node: str) -> None:
        self.node = node
        super().__init__(f"Node {node!r} raised asyncio.CancelledError")


class NodeTimeoutError(Exception):
    """
    One attempt of a node took longer than its timeout allows; it may be retried.

    Args:
        elapsed: seconds since the attempt began.
        kind: which limit was reached.
        idle_timeout: the node's limit, in seconds; None if it has none.
        run_timeout: the same.
    """

    def __init__(
        self,
        node: str,
        elapsed: float,
        *,
        kind: Literal["idle", "run"],
        idle_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> None:
        self.node, self.elapsed, self.kind = node, elapsed, kind
        self.idle_timeout, self.run_timeout = idle_timeout, run_timeout
        limit = idle_timeout if kind == "idle" else run_timeout
        self.timeout = 0.0 if limit is None else limit
        """The limit that was reached."""
        since = " without making progress" if kind == "idle" else ""
        super().__init__(
            f"Node {node!r} exceeded its {kind} timeout of {self.timeout:.3f}s{since} (elapsed: {elapsed:.3f}s)."
        )


class StreamOverflowError(Exception):
    """A subscriber whose buffer has the policy `error` fell further behind than its size allows."""


class BudgetExceededError(RuntimeError):
    """
    The run has used of models what its budget gave it, so that no other call of one may begin.

    Args:
        what: which limit was reached: `model_calls`, `tokens` or `cost`.
        limit: what the budget gave.
        used: what was used.
    """

    def __init__(self, what: str, limit: float, used: float) -> None:
        super().__init__(what, limit, used)
        self.what, self.limit, self.used = what, limit, used

    def __str__(self) -> str:
        return (
            f"The run has used {self.used:g} of the {self.limit:g} that its budget allows as {self.what}, so that "
            "no further model is called: raise the limit in TelemetryOptions(budget=...), or end the run earlier"
        )


class RunEndedError(RuntimeError):
    """A node that outlived its run asked something of it: its writer, an interrupt, a task."""


class GraphBubbleUp(Exception):
    """Control flow of the engine; never catch it with a bare `except Exception` in a node."""


class GraphInterrupt(GraphBubbleUp):
    """The run pauses; `args[0]` is the sequence of `Interrupt` values that wait for an answer."""

    def __init__(self, interrupts: Sequence[Any] = ()) -> None:
        super().__init__(interrupts)


class NodeInterrupt(GraphInterrupt):
    """Pauses the run when a node raises it; deprecated, call `interrupt` instead."""

    def __init__(self, value: Any, id: str | None = None) -> None:
        warnings.warn(
            LangGraphDeprecatedSinceV10("NodeInterrupt is deprecated. Please use `interrupt` instead"),
            stacklevel=2,
        )
        super().__init__([Interrupt(value=value) if id is None else Interrupt(value=value, id=id)])


class UnknownInterruptError(Exception):
    """
    An answer does not go with the questions that are open.

    Args:
        reason: the answer names questions that are not open, is an empty map, or is one value for several questions.
        interrupt_ids: the questions that it names and that are not open.
        pending_ids: the questions that are.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Literal["not_pending", "empty_map", "ambiguous"],
        interrupt_ids: Sequence[str] = (),
        pending_ids: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.interrupt_ids = tuple(interrupt_ids)
        self.pending_ids = tuple(pending_ids)


def is_invalid_resume(error: BaseException) -> bool:
    """Say whether an answer was refused because it is not what `interrupt(response_schema=...)` expected."""
    return bool(getattr(error, INVALID_RESUME, False))


class GraphDrained(GraphBubbleUp):
    """The run stopped between two supersteps because `RunControl.request_drain` was called."""

    def __init__(self, reason: str | None = None) -> None:
        self.reason = reason
        super().__init__(f"Graph drained: {reason}")


class ParentCommand(GraphBubbleUp):
    """A `Command(graph=Command.PARENT)`; reaches the caller only where there is no parent."""

    args: tuple[Any]

    def __init__(self, command: Any) -> None:
        super().__init__(command)
        self.arrived = False
        """Whether it has left the graph that it came from."""


@dataclass(frozen=True, slots=True)
class NodeError:
    """What an error handler is told: the node that failed and the exception it raised."""

    node: str
    error: BaseException
