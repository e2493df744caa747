"""Search by meaning: what is embedded, how often, and in which order items come back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from otgraph.store.base import PutOp, SearchOp
from otgraph.store.memory import InMemoryStore

from .kinds import ON_DISK, Face, Loop, letters, opened

HERE = ("docs",)


class Recorder:
    """Embeds by letters and notes what it was asked for, call by call."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls.append(list(texts))
        return letters(texts)

    def embed_query(self, text: str) -> list[float]:
        self.calls.append(text)
        return letters([text])[0]


@pytest.fixture
def model() -> Recorder:
    return Recorder()


@pytest.fixture
def docs(kind: str, loop: Loop, model: Recorder) -> Iterator[Face]:
    """A store of each kind that embeds titles and notes."""
    with opened(kind, loop, index={"dims": 5, "embed": model, "fields": ["title", "notes[*]"]}) as face:
        yield face


def ranked(found: list[Any]) -> list[tuple[str, float | None]]:
    return [(item.key, None if item.score is None else round(item.score, 3)) for item in found]


def test_the_nearest_come_first(docs: Face) -> None:
    """Items are ranked by the cosine between the query and their texts."""
    docs.put(HERE, "far", {"title": "bbb"})
    docs.put(HERE, "near", {"title": "aaa"})
    docs.put(HERE, "between", {"title": "ab"})
    assert [("near", 0.998), ("between", 0.709), ("far", 0.003)] == ranked(docs.search(HERE, query="a"))
    assert [("between", 0.709)] == ranked(docs.search(HERE, query="a", limit=1, offset=1))
    assert ["far", "between", "near"] == [item.key for item in docs.search(HERE, query="b")]


def test_the_best_text_of_an_item_counts(docs: Face) -> None:
    """An item with several texts scores as the one that is nearest."""
    docs.put(HERE, "many", {"title": "ccc", "notes": ["aaa", "ddd"]})
    docs.put(HERE, "one", {"title": "ab"})
    for query in ("a", "c", "d"):
        assert ("many", 0.998) == ranked(docs.search(HERE, query=query))[0]


def test_every_text_is_embedded_once(docs: Face, model: Recorder) -> None:
    """A batch embeds all its distinct texts in one call, and each distinct query once, before it begins."""
    docs.batch(
        [
            PutOp(HERE, "1", {"title": "a", "notes": ["b", "a"]}),
            PutOp(HERE, "2", {"title": "replaced"}),
            PutOp(HERE, "2", {"title": "b"}),
            PutOp(HERE, "3", None),
            SearchOp(HERE, query="q"),
            SearchOp(("other",), query="q", limit=1),
            SearchOp(HERE, query="r"),
            SearchOp(HERE),
        ]
    )
    assert ["q", "r", ["a", "b"]] == sorted(model.calls, key=lambda call: (isinstance(call, list), call))
    assert 2 == len(docs.search(HERE, query="a"))


def test_nothing_to_embed_asks_nobody(docs: Face, model: Recorder) -> None:
    """Neither a value without texts nor a search without a query costs a call."""
    docs.put(HERE, "1", {"other": "text"})
    docs.put(HERE, "2", {"title": "text"}, index=False)
    docs.get(HERE, "1")
    docs.delete(HERE, "1")
    docs.search(HERE)
    docs.search(HERE, query="")
    assert [] == model.calls


def test_a_put_says_what_is_embedded(docs: Face, model: Recorder) -> None:
    """`index` names other paths for one item, or none with False."""
    docs.put(HERE, "1", {"title": "t", "body": {"text": "aaa"}}, ["body.text"])
    docs.put(HERE, "2", {"title": "aaa"}, False)
    docs.put(HERE, "3", {"title": "b"}, ["$"])
    assert [["aaa"], ['{"title": "b"}']] == model.calls
    assert ["1", "3"] == [item.key for item in docs.search(HERE, query="a") if item.score is not None]


def test_items_without_texts(docs: Face, kind: str) -> None:
    """In memory the others follow without a score; on disk a query finds items with texts only."""
    docs.put(HERE, "silent", {"n": 1})
    docs.put(HERE, "1", {"title": "a"})
    docs.put(HERE, "2", {"title": "b"})
    rest = [("silent", None)] if kind.startswith("memory") else []
    assert [("1", 1.0), ("2", 0.01), *rest] == ranked(docs.search(HERE, query="a"))
    assert [("2", 0.01), *rest] == ranked(docs.search(HERE, query="a", offset=1))


def test_a_filter_narrows_a_query(docs: Face) -> None:
    """Only items that meet the filter are ranked."""
    for key, text in {"1": "a", "2": "aa", "3": "ab"}.items():
        docs.put(HERE, key, {"title": text, "even": int(key) % 2 == 0})
    docs.put(("elsewhere",), "4", {"title": "a", "even": True})
    assert ["2"] == [item.key for item in docs.search(HERE, query="a", filter={"even": True})]


def test_an_item_that_changes_forgets_its_old_texts(docs: Face) -> None:
    """After a put or a delete nothing is found by what was there before."""
    docs.put(HERE, "1", {"title": "a", "notes": ["b", "c"]})
    docs.put(HERE, "1", {"title": "d"})
    assert [("1", 0.01)] == ranked(docs.search(HERE, query="a"))
    docs.put(HERE, "1", {"title": "d"}, index=False)
    assert [] == [item for item in docs.search(HERE, query="d") if item.score is not None]
    docs.put(HERE, "1", {"title": "a"})
    docs.delete(HERE, "1")
    docs.put(HERE, "1", {"n": 1})
    assert [] == [item for item in docs.search(HERE, query="a") if item.score is not None]


def test_equally_near_items_keep_their_order(docs: Face) -> None:
    """Items with the same score come in the order of a search without a query."""
    for key in "3142":
        docs.put(HERE, key, {"title": "same"})
    assert [item.key for item in docs.search(HERE)] == [item.key for item in docs.search(HERE, query="s")]


@pytest.mark.parametrize("fields", [None, [], ["$"]])
def test_without_fields_the_whole_value_is_embedded(
    kind: str, loop: Loop, model: Recorder, fields: list[str] | None
) -> None:
    """The default text is the value as JSON with sorted keys."""
    with opened(kind, loop, index={"embed": model, "fields": fields}) as store:
        store.put(HERE, "1", {"b": 1, "a": "x"})
        assert [['{"a": "x", "b": 1}']] == model.calls
        assert store.store.embeddings is not None


@pytest.mark.parametrize("kind", [kind for kind in ON_DISK if "async" in kind] + ["memory async"])
def test_a_coroutine_function_embeds(kind: str, loop: Loop) -> None:
    """A store that is asked by coroutines may embed by one."""

    async def embed(texts: list[str]) -> list[list[float]]:
        return letters(texts)

    with opened(kind, loop, index={"embed": embed}) as store:
        store.put(HERE, "1", {"text": "a"})
        assert ["1"] == [item.key for item in store.search(HERE, query="a")]


def test_a_model_that_loses_texts_is_told(kind: str, loop: Loop) -> None:
    """Fewer vectors than texts are an error, and nothing is kept."""
    with opened(kind, loop, index={"embed": lambda texts: letters(texts)[1:]}) as store:
        with pytest.raises(ValueError, match="returned 0 vectors for 1 texts"):
            store.put(HERE, "1", {"text": "a"})
        assert store.get(HERE, "1") is None


def test_an_index_needs_a_model() -> None:
    """A configuration without `embed` is refused; an empty one is none."""
    with pytest.raises(ValueError, match="needs 'embed'"):
        InMemoryStore(index={"dims": 5})
    assert InMemoryStore(index={}).embeddings is None
