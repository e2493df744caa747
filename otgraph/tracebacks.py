"""
What is printed of an exception besides its message: its frames, and notes on where it came from and what to do.

Rule: whoever called a graph sees the program's own frames, without the engine's between them. A fault of the engine
keeps every frame, and `OTGRAPH_TRACEBACK=full` keeps those of every error.
"""

from __future__ import annotations

import os
import sys
from typing import TypeVar

__all__ = ["FULL", "hinted", "is_ours", "note", "shorten"]

E = TypeVar("E", bound=BaseException)

FULL = "OTGRAPH_TRACEBACK"
"""The variable that says `full` where all frames are wanted."""

_HERE = os.path.dirname(__file__) + os.sep


def shorten(error: BaseException) -> None:
    """Let the traceback of an error begin where the program's own code does, a node most of the time."""
    if os.environ.get(FULL) == "full":
        return
    frame = last = error.__traceback__
    while frame is not None and is_ours(frame.tb_frame.f_code.co_filename):
        last, frame = frame, frame.tb_next
    if frame is not None:
        error.__traceback__ = frame
    elif _meant(error):
        error.__traceback__ = last


def is_ours(filename: str) -> bool:
    """Say whether a frame is in the engine."""
    return filename.startswith(_HERE)


def _meant(error: BaseException) -> bool:
    """Say whether the engine raised an error of its own, whose text says what it is about."""
    return type(error).__module__ == "otgraph.errors"


class Hint(str):
    """A note on what to do, where LangGraph's errors have none."""

    __slots__ = ()


def hinted(error: E, text: str) -> E:
    """Return an error with a hint; its message stays LangGraph's, since programs match on it."""
    note(error, Hint(text))
    return error


def note(error: BaseException, text: str) -> None:
    """Add a line to what is printed of an exception, from Python 3.11 on."""
    if sys.version_info >= (3, 11):
        error.add_note(text)
