"""
Wanted: what of LangChain's doings in a call of a node anybody wants to know.

Rule: asked once for each call; what nobody wants costs nothing.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Wanted"]


class Wanted(NamedTuple):
    """See the module."""

    tokens: bool
    blocks: bool
    """Whether models are to tell events of their content in place of tokens."""
    tools: bool
    life: bool
    """Whether there are any at all."""
