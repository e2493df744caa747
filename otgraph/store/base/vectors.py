"""
Vectors: the numbers that stand for a text, and how near two of them are.

Rule: a vector is kept as the bytes of 32-bit floats, least byte first, in memory as on disk. NumPy is used when
it is there and never needed.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from math import sqrt
from operator import mul
from typing import Any, Final

__all__ = ["best_scores", "cosine", "pack"]

_SWAPPED: Final = sys.byteorder == "big"
_MANY: Final = 8
"""From so many vectors on NumPy's overhead is repaid."""


def pack(numbers: Iterable[float]) -> bytes:
    """Return a vector."""
    packed = array("f", numbers)
    if _SWAPPED:
        packed.byteswap()
    return packed.tobytes()


def _unpack(vector: bytes) -> array[float]:
    numbers = array("f", vector)
    if _SWAPPED:
        numbers.byteswap()
    return numbers


def cosine(query: bytes, vectors: Sequence[bytes]) -> list[float]:
    """Return the cosine of the angle between `query` and each vector: 1 is the same direction, 0 unrelated."""
    for vector in vectors:
        if len(vector) != len(query):
            raise ValueError(
                f"the query's vector has {len(query) // 4} numbers and a stored one {len(vector) // 4}; "
                f"texts must be embedded by the model their neighbours were embedded by: put the items again"
            )
    numpy = _numpy() if len(vectors) >= _MANY else None
    return _cosine_plain(query, vectors) if numpy is None else _cosine_numpy(numpy, query, vectors)


def best_scores(query: bytes, groups: Sequence[Sequence[bytes]]) -> list[float]:
    """Return for each group of vectors, none of them empty, how near the nearest is to `query`."""
    scores = iter(cosine(query, [vector for group in groups for vector in group]))
    return [max(next(scores) for _ in group) for group in groups]


def _cosine_plain(query: bytes, vectors: Sequence[bytes]) -> list[float]:
    wanted = _unpack(query)
    length = sqrt(sum(map(mul, wanted, wanted)))
    scores = []
    for vector in vectors:
        numbers = _unpack(vector)
        norm = length * sqrt(sum(map(mul, numbers, numbers)))
        scores.append(sum(map(mul, wanted, numbers)) / norm if norm else 0.0)
    return scores


def _cosine_numpy(numpy: Any, query: bytes, vectors: Sequence[bytes]) -> list[float]:
    wanted = numpy.frombuffer(query, dtype="<f4").astype("f8")
    matrix = numpy.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(vectors), -1).astype("f8")
    norms = numpy.sqrt(numpy.einsum("ij,ij->i", matrix, matrix)) * sqrt(wanted @ wanted)
    products = matrix @ wanted
    scores: list[float] = numpy.divide(
        products, norms, out=numpy.zeros_like(products), where=norms > 0
    ).tolist()
    return scores


def _numpy() -> Any:
    try:
        import numpy  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        return None
    return numpy
