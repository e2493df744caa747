"""
The store in memory: `InMemoryStore`, for tests, for short lives, and as the model of what stores do.

Rule: a batch happens at once for every other thread; texts are embedded before it begins. What comes back is
what is kept, not a copy.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone
from threading import Lock
from typing import Any, TypeAlias

from otgraph.store.base.config import IndexConfig
from otgraph.store.base.embed import Embeddings
from otgraph.store.base.filters import read_filter
from otgraph.store.base.index import NO_VECTORS, TextIndex, Vectors
from otgraph.store.base.item import Item, SearchItem
from otgraph.store.base.namespaces import is_under, list_page
from otgraph.store.base.ops import (
    GetOp,
    ListNamespacesOp,
    Op,
    PutOp,
    Result,
    SearchOp,
    unknown_op,
)
from otgraph.store.base.store import BaseStore
from otgraph.store.base.vectors import best_scores

__all__ = ["InMemoryStore"]

Namespace: TypeAlias = tuple[str, ...]


class InMemoryStore(BaseStore):
    """
    A store that is gone when the process is.

    Args:
        index: how items are searched by meaning; without it a search takes no notice of its query.
    """

    __slots__ = ("_data", "_index", "_lock", "_vectors", "embeddings", "index_config")

    def __init__(self, *, index: IndexConfig | None = None) -> None:
        self._data: dict[Namespace, dict[str, Item]] = {}
        self._vectors: dict[Namespace, dict[str, list[bytes]]] = {}
        self._index = TextIndex(index) if index else None
        self._lock = Lock()
        self.index_config = index
        self.embeddings: Embeddings | None = self._index.embeddings if self._index else None

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations at once and return the result of each, None for a put."""
        ops = list(ops)
        vectors = self._index.embed(ops) if self._index else NO_VECTORS
        with self._lock:
            return self._perform_all(ops, vectors)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Perform several operations at once and return the result of each, None for a put."""
        ops = list(ops)
        vectors = await self._index.aembed(ops) if self._index else NO_VECTORS
        with self._lock:
            return self._perform_all(ops, vectors)

    def _perform_all(self, ops: list[Op], vectors: Vectors) -> list[Result]:
        results: list[Result] = []
        puts: dict[tuple[Namespace, str], PutOp] = {}
        for op in ops:
            result: Result = None
            if isinstance(op, GetOp):
                bucket = self._data.get(op.namespace)
                result = bucket.get(op.key) if bucket else None
            elif isinstance(op, PutOp):
                puts[op.namespace, op.key] = op
            elif isinstance(op, SearchOp):
                result = self._search(op, vectors)
            elif isinstance(op, ListNamespacesOp):
                result = list_page(self._data, op)
            else:
                raise unknown_op(op)
            results.append(result)
        for put in puts.values():
            self._put(put, vectors)
        return results

    def _put(self, op: PutOp, vectors: Vectors) -> None:
        namespace, key = op.namespace, op.key
        if op.value is None:
            _remove(self._data, namespace, key)
            _remove(self._vectors, namespace, key)
            return
        now = datetime.now(timezone.utc)
        item = Item(value=dict(op.value), key=key, namespace=namespace, created_at=now, updated_at=now)
        self._data.setdefault(namespace, {})[key] = item
        if self._index is None:
            return
        embedded = vectors.documents[namespace, key]
        if embedded:
            self._vectors.setdefault(namespace, {})[key] = [vector for _, vector in embedded]
        else:
            _remove(self._vectors, namespace, key)

    def _search(self, op: SearchOp, vectors: Vectors) -> list[SearchItem]:
        prefix, found = op.namespace_prefix, list[Item]()
        for namespace, bucket in self._data.items():
            if is_under(namespace, prefix):
                found.extend(bucket.values())
        matches = read_filter(op.filter)
        if matches is not None:
            found = [item for item in found if matches(item.value)]
        query = vectors.queries.get(op.query) if op.query else None
        page = slice(op.offset, op.offset + op.limit)
        if query is None:
            return [_found(item, None) for item in found[page]]
        return [_found(item, score) for item, score in self._ranked(found, query)[page]]

    def _ranked(self, items: list[Item], query: bytes) -> list[tuple[Item, float | None]]:
        """Return the items with vectors, best first, then the others."""
        groups = [self._vectors.get(item.namespace, {}).get(item.key) for item in items]
        embedded = [(item, group) for item, group in zip(items, groups, strict=True) if group]
        scores = best_scores(query, [group for _, group in embedded])
        ranked: list[tuple[Item, float | None]] = [
            (item, score) for (item, _), score in zip(embedded, scores, strict=True)
        ]
        ranked.sort(key=_score, reverse=True)
        return ranked + [(item, None) for item, group in zip(items, groups, strict=True) if not group]


def _score(ranked: tuple[Item, Any]) -> Any:
    return ranked[1]


def _found(item: Item, score: float | None) -> SearchItem:
    return SearchItem(item.namespace, item.key, item.value, item.created_at, item.updated_at, score)


def _remove(buckets: dict[Namespace, dict[str, Any]], namespace: Namespace, key: str) -> None:
    bucket = buckets.get(namespace)
    if bucket is not None and bucket.pop(key, None) is not None and not bucket:
        del buckets[namespace]
