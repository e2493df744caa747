"""
The interface of every store: `BaseStore`.

Rule: a store has to know `batch` and `abatch`; all else is asked through them. What is wrong with a request is
said before it reaches a store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Literal, cast

from otgraph.store.base.config import NOT_PROVIDED, NotProvided, TTLConfig, chosen_refresh, chosen_ttl
from otgraph.store.base.item import Item, SearchItem
from otgraph.store.base.namespaces import check_labels, check_writable
from otgraph.store.base.ops import (
    GetOp,
    ListNamespacesOp,
    MatchCondition,
    NamespacePath,
    Op,
    PutOp,
    Result,
    SearchOp,
)

__all__ = ["BaseStore"]


class BaseStore(ABC):
    """
    Memory that outlives a thread: values by namespace and key, found again by place, content or meaning.

    Subclass it with `batch` and `abatch` to keep items somewhere else. Every method has an asynchronous twin.
    """

    supports_ttl: bool = False
    """Whether items may be given a time to live."""
    ttl_config: TTLConfig | None = None

    __slots__ = ("__weakref__",)

    @abstractmethod
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations at once and return the result of each, None for a put."""

    @abstractmethod
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations at once and return the result of each, None for a put."""

    def get(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        """
        Return an item, or None if there is none.

        Args:
            refresh_ttl: whether its time to live starts anew; as the store is configured by default.
        """
        op = GetOp(_checked(namespace), str(key), chosen_refresh(self.ttl_config, refresh_ttl))
        return cast("Item | None", self.batch([op])[0])

    def search(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """
        Return the items at and below a namespace.

        Args:
            query: what they should be about, best first; needs a store with an index.
            filter: what their values must be: key -> value, or key -> `{"$gt": …}` with `$eq`, `$ne`, `$gt`,
                `$gte`, `$lt`, `$lte`.
            limit: at most so many,
            offset: after so many.
            refresh_ttl: whether their time to live starts anew; as the store is configured by default.
        """
        refresh = chosen_refresh(self.ttl_config, refresh_ttl)
        op = SearchOp(_checked(namespace_prefix), filter, limit, offset, query, refresh)
        return cast("list[SearchItem]", self.batch([op])[0])

    def put(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """
        Keep a value, in place of the one that was there.

        Args:
            value: what JSON can hold, if the store is to survive the process.
            index: paths of the texts to search by; False for none; as the store is configured by default.
            ttl: minutes the item lives, None for ever; as the store is configured by default.
        """
        self.batch([self._put_op(namespace, key, value, index, ttl)])

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        """Remove an item, if there is one."""
        self.batch([PutOp(_checked(namespace), str(key), None)])

    def list_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """
        Return the namespaces that hold items, sorted.

        Args:
            prefix: what they begin with; `*` stands for any one label.
            suffix: what they end with.
            max_depth: cut longer ones to so many labels, and name each once.
            limit: at most so many,
            offset: after so many.
        """
        op = self._list_op(prefix, suffix, max_depth, limit, offset)
        return cast("list[tuple[str, ...]]", self.batch([op])[0])

    async def aget(
        self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None
    ) -> Item | None:
        """Return an item, or None if there is none."""
        op = GetOp(_checked(namespace), str(key), chosen_refresh(self.ttl_config, refresh_ttl))
        return cast("Item | None", await self._aperform(op))

    async def asearch(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """Return the items at and below a namespace; see `search`."""
        refresh = chosen_refresh(self.ttl_config, refresh_ttl)
        op = SearchOp(_checked(namespace_prefix), filter, limit, offset, query, refresh)
        return cast("list[SearchItem]", await self._aperform(op))

    async def aput(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """Keep a value, in place of the one that was there; see `put`."""
        await self._aperform(self._put_op(namespace, key, value, index, ttl))

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None:
        """Remove an item, if there is one."""
        await self._aperform(PutOp(_checked(namespace), str(key), None))

    async def alist_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """Return the namespaces that hold items, sorted; see `list_namespaces`."""
        op = self._list_op(prefix, suffix, max_depth, limit, offset)
        return cast("list[tuple[str, ...]]", await self._aperform(op))

    async def _aperform(self, op: Op) -> Result:
        return (await self.abatch([op]))[0]

    def _put_op(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any] | None,
        index: Literal[False] | list[str] | None,
        ttl: float | NotProvided | None,
    ) -> PutOp:
        check_writable(namespace)
        if value is not None and not isinstance(value, (dict, Mapping)):
            raise TypeError(
                f"cannot keep {value!r} under key {key!r} of {namespace!r}: a value is a dict, or None to delete it"
            )
        minutes = chosen_ttl(self.ttl_config, ttl)
        if minutes is not None and not self.supports_ttl:
            raise NotImplementedError(
                f"items of {type(self).__name__} live for ever, so ttl={minutes!r} cannot be kept; "
                f"leave ttl out, or use a store with supports_ttl, such as SqliteStore"
            )
        return PutOp(tuple(namespace), str(key), value, index, minutes)

    @staticmethod
    def _list_op(
        prefix: NamespacePath | None,
        suffix: NamespacePath | None,
        max_depth: int | None,
        limit: int,
        offset: int,
    ) -> ListNamespacesOp:
        conditions: list[MatchCondition] = []
        if prefix:
            conditions.append(MatchCondition("prefix", _checked(prefix)))
        if suffix:
            conditions.append(MatchCondition("suffix", _checked(suffix)))
        return ListNamespacesOp(tuple(conditions), max_depth, limit, offset)


def _checked(namespace: tuple[str, ...]) -> tuple[str, ...]:
    check_labels(namespace)
    return tuple(namespace)
