"""
The interface of every cache: `BaseCache`.

Rule: a cache keeps bytes, so what comes out is a copy of what went in. It may forget anything at any time; it
never gives back what has expired.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Generic, TypeAlias, TypeVar

from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

__all__ = ["BaseCache", "FullKey", "Namespace"]

ValueT = TypeVar("ValueT")

Namespace: TypeAlias = tuple[str, ...]
"""Whose results: a node's, a task's."""
FullKey: TypeAlias = tuple[Namespace, str]
"""Whose result, for which input."""


class BaseCache(ABC, Generic[ValueT]):
    """
    Results by namespace and key. Subclass it to keep them somewhere else.

    Args:
        serde: turns values into bytes and back.
    """

    serde: SerializerProtocol = JsonPlusSerializer()

    def __init__(self, *, serde: SerializerProtocol | None = None) -> None:
        if serde is not None:
            self.serde = serde

    @abstractmethod
    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""

    @abstractmethod
    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return the values of those keys that have one."""

    @abstractmethod
    def set(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""

    @abstractmethod
    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, int | None]]) -> None:
        """Keep values, each with the seconds it lives, None for ever."""

    @abstractmethod
    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""

    @abstractmethod
    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the values of some namespaces, or all."""
