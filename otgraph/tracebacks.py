"""
The frames of an exception on its way to whoever called a graph: the program's own, without the engine's between them.

Rule: a fault of the engine keeps every frame, and `OTGRAPH_TRACEBACK=full` keeps those of every error.
"""

from __future__ import annotations

import os

__all__ = ["FULL", "is_ours", "shorten"]

FULL = "OTGRAPH_TRACEBACK"
"""The variable that says `full` where all frames are wanted."""

_HERE = os.path.dirname(__file__) + os.sep


def shorten(error: Exception) -> None:
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


def _meant(error: Exception) -> bool:
    """Say whether the engine raised an error of its own, whose text says what it is about."""
    return type(error).__module__ == "otgraph.errors"
