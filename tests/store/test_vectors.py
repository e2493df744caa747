"""Vectors: bytes that keep numbers, and the cosine of their angle with NumPy and without."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.store.base import vectors
from otgraph.store.base.vectors import best_scores, cosine, pack

numbers = st.floats(-100, 100, width=32).map(lambda number: number if abs(number) > 1e-3 else 0.0)
several = st.integers(1, 5).flatmap(
    lambda size: st.lists(st.lists(numbers, min_size=size, max_size=size), min_size=2, max_size=20)
)


@pytest.fixture(scope="module", params=["plain", "numpy"])
def engine(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each way of computing, for any number of vectors."""
    if request.param == "numpy":
        pytest.importorskip("numpy", reason="the fast path needs NumPy, an optional part of any environment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vectors, "_MANY", 1 if request.param == "numpy" else math.inf)
        yield


def expected(one: list[float], other: list[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    return math.fsum(a * b for a, b in zip(one, other)) / lengths if lengths else 0.0


@given(st.lists(numbers, max_size=5))
def test_a_vector_is_little_endian_floats(given_numbers: list[float]) -> None:
    """A vector is the bytes of 32-bit floats, least byte first, on any machine."""
    assert struct.pack(f"<{len(given_numbers)}f", *given_numbers) == pack(given_numbers)


@pytest.mark.usefixtures("engine")
@given(several)
def test_cosine(lists: list[list[float]]) -> None:
    """The score is the cosine of the angle; a vector without direction scores 0."""
    query, *others = lists
    scores = cosine(pack(query), [pack(other) for other in others])
    assert [expected(query, other) for other in others] == pytest.approx(scores, abs=1e-6)


@pytest.mark.usefixtures("engine")
def test_the_best_vector_of_a_group_counts() -> None:
    """A group scores as its nearest vector does."""
    groups = [[pack([0, 1]), pack([1, 0])], [pack([1, 1])], [pack([-1, 0])]]
    assert [1.0, math.sqrt(0.5), -1.0] == pytest.approx(best_scores(pack([2, 0]), groups))
    assert [] == best_scores(pack([1, 0]), [])


@pytest.mark.usefixtures("engine")
def test_vectors_of_different_models_are_told_apart() -> None:
    """Vectors of different lengths cannot be compared; the error says which and what to do."""
    with pytest.raises(ValueError, match="has 3 numbers and a stored one 2; .* put the items again"):
        cosine(pack([1, 2, 3]), [pack([1, 2])])
