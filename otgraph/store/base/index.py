"""
The index of a store: which texts of its items are embedded, and the vectors that one batch needs.

Rule: every text and every query of a batch is embedded once, in one call for all texts, before the store's data
is touched; so no lock and no transaction waits for a model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from otgraph.store.base.config import IndexConfig
from otgraph.store.base.embed import Numbers, aembed_queries, ensure_embeddings
from otgraph.store.base.ops import Op, PutOp, SearchOp, last_puts
from otgraph.store.base.paths import ROOT, get_text_at_path, tokenize_path
from otgraph.store.base.vectors import pack

__all__ = ["NO_VECTORS", "TextIndex", "Vectors"]

Place: TypeAlias = tuple[tuple[str, ...], str]
"""Namespace and key of an item."""


class Vectors(NamedTuple):
    """What one batch needs of the index."""

    documents: dict[Place, list[tuple[str, bytes]]]
    """Item that is put -> the name and the vector of each of its texts."""
    queries: dict[str, bytes]
    """Query -> its vector."""


NO_VECTORS: Final = Vectors({}, {})


class _Texts(NamedTuple):
    """What of one batch is to be embedded."""

    documents: dict[Place, list[tuple[str, str]]]
    queries: list[str]

    def distinct(self) -> list[str]:
        return list(dict.fromkeys(text for texts in self.documents.values() for _, text in texts))


class TextIndex:
    """Embeds what a store searches by meaning."""

    def __init__(self, config: IndexConfig) -> None:
        self.embeddings = ensure_embeddings(config.get("embed"))
        fields = config.get("fields") or [ROOT]
        self.fields = _tokenized([fields] if isinstance(fields, str) else fields)

    def embed(self, ops: Sequence[Op]) -> Vectors:
        """Return the vectors that a batch needs."""
        texts = self._texts(ops)
        distinct = texts.distinct()
        queries = [self.embeddings.embed_query(query) for query in texts.queries]
        return _vectors(
            texts, queries, distinct, self.embeddings.embed_documents(distinct) if distinct else ()
        )

    async def aembed(self, ops: Sequence[Op]) -> Vectors:
        """Return the vectors that a batch needs."""
        texts = self._texts(ops)
        distinct = texts.distinct()
        queries = await aembed_queries(self.embeddings, texts.queries)
        documents = await self.embeddings.aembed_documents(distinct) if distinct else ()
        return _vectors(texts, queries, distinct, documents)

    def _texts(self, ops: Sequence[Op]) -> _Texts:
        queries = dict.fromkeys(op.query for op in ops if isinstance(op, SearchOp) and op.query)
        documents = {place: self._texts_of(op) for place, op in last_puts(ops).items()}
        return _Texts(documents, list(queries))

    def _texts_of(self, op: PutOp) -> list[tuple[str, str]]:
        if op.value is None or op.index is False:
            return []
        named: list[tuple[str, str]] = []
        for path, steps in self.fields if op.index is None else _tokenized(op.index):
            texts = get_text_at_path(op.value, steps)
            names = [path] if len(texts) == 1 else [f"{path}.{number}" for number in range(len(texts))]
            named += zip(names, texts, strict=True)
        return named


def _tokenized(paths: Sequence[str]) -> list[tuple[str, list[str]]]:
    # No steps at all lead to the whole value.
    return [(path, [] if path == ROOT else tokenize_path(path)) for path in paths]


def _vectors(
    texts: _Texts, queries: Sequence[Numbers], distinct: list[str], embedded: Sequence[Numbers]
) -> Vectors:
    if len(embedded) != len(distinct):
        raise ValueError(
            f"the embeddings returned {len(embedded)} vectors for {len(distinct)} texts; expected one for each"
        )
    packed = dict(zip(distinct, map(pack, embedded), strict=True))
    return Vectors(
        {place: [(name, packed[text]) for name, text in named] for place, named in texts.documents.items()},
        dict(zip(texts.queries, map(pack, queries), strict=True)),
    )
