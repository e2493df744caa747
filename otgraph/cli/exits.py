"""
How the command ends: its exit codes, and the error that ends it with a message.

Rule: a script can tell from the code what happened; a person can tell from the message what to do.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "CODES",
    "DONE",
    "DRAINED",
    "FAILED",
    "INTERRUPTED",
    "PAUSED",
    "TERMINATED",
    "USAGE",
    "CommandError",
]

DONE: Final = 0
FAILED: Final = 1
USAGE: Final = 2
PAUSED: Final = 3
DRAINED: Final = 4
INTERRUPTED: Final = 130
TERMINATED: Final = 143

CODES: Final = {
    DONE: "done",
    FAILED: "the run failed; `doctor` found a fault; `trace diff` found a difference",
    USAGE: "the command cannot be followed: an argument, a graph, a run or a file is not what it should be",
    PAUSED: "the run waits for a human; --resume answers",
    DRAINED: "the run was asked to stop, by SIGTERM or Ctrl-C, and did so between two supersteps",
    INTERRUPTED: "Ctrl-C a second time: the run was cancelled",
    TERMINATED: "SIGTERM a second time: the run was cancelled",
}


class CommandError(Exception):
    """Ends the command with a message and an exit code."""

    def __init__(self, message: str, code: int = USAGE) -> None:
        super().__init__(message)
        self.code = code
