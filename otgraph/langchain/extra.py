"""
extra: what to do where LangChain is not installed.

Rule: whatever cannot work without it imports it inside `extra`, so that the error says which extra is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["extra"]


@contextmanager
def extra(what: str) -> Iterator[None]:
    """Say, where LangChain is not installed, that `what` needs it."""
    try:
        yield
    except ImportError as error:
        raise ImportError(
            f"LangChain is not installed, and is needed for {what}: pip install 'otgraph[langchain]'"
        ) from error
