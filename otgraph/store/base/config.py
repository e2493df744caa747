"""
How a store is set up: what it searches by, and how long its items live.

Rule: plain dicts with LangGraph's keys, each of which may be left out.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from typing_extensions import TypedDict

from otgraph.store.base.embed import AEmbeddingsFunc, Embeddings, EmbeddingsFunc

__all__ = ["NOT_PROVIDED", "IndexConfig", "NotProvided", "TTLConfig", "chosen_refresh", "chosen_ttl"]


class IndexConfig(TypedDict, total=False):
    """Semantic search: who embeds, and which texts of a value."""

    dims: int
    """How many numbers a vector has."""
    embed: Embeddings | EmbeddingsFunc | AEmbeddingsFunc | str | Any
    """Embeddings, a function from texts to vectors, or the `provider:model` that LangChain should load."""
    fields: list[str] | None
    """Paths of the texts that are embedded, such as `title`, `notes[*].text`; the whole value by default."""


class TTLConfig(TypedDict, total=False):
    """How long items live. All times are in minutes."""

    refresh_on_read: bool
    """Whether an item that is read lives its time anew; True by default."""
    omit_expired: bool
    """Whether an item whose time is over is hidden at once rather than with the next sweep."""
    default_ttl: float | None
    """The time of items that are put without one; None for ever."""
    sweep_interval_minutes: float | None
    """How long the sweeper rests between sweeps."""


class NotProvided:
    """The type of `NOT_PROVIDED`: an argument was left out, which is not the same as None."""

    __slots__ = ()

    def __bool__(self) -> Literal[False]:
        return False

    def __repr__(self) -> str:
        return "<not provided>"


NOT_PROVIDED: Final = NotProvided()


def chosen_refresh(config: TTLConfig | None, given: bool | None) -> bool:
    """Return whether a read refreshes the item: as asked, else as configured."""
    if given is not None:
        return given
    return config.get("refresh_on_read", True) if config else True


def chosen_ttl(config: TTLConfig | None, given: float | NotProvided | None) -> float | None:
    """Return the minutes an item lives: as asked, else as configured."""
    if not isinstance(given, NotProvided):
        return given
    return config.get("default_ttl") if config else None
