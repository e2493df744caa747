"""Spans in pieces."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from otgraph_exporters.trace_store.pieces import add_piece, as_text, from_text, new_span

from otgraph.tracing import names


def event(seq: int) -> dict[str, Any]:
    """Return an event of a span."""
    return {"name": f"event {seq}", "time_ns": seq, "attributes": {names.SEQ: seq}}


@given(
    st.lists(st.integers(1, 50), unique=True), st.lists(st.integers(0, 9)), st.randoms(use_true_random=False)
)
def test_pieces_may_come_twice_and_in_any_order(
    seqs: list[int], twice: list[int], rng: random.Random
) -> None:
    """However often and in whatever order its pieces come, their sum is the same span."""
    parts: list[dict[str, Any]] = [
        {"name": "a", "start_ns": 1, "parent_id": "p", "attributes": {names.RUN_ID: "r", "x": 1}},
        {"end_ns": 9, "attributes": {"y": 2}},
        *({"events": [event(seq) for seq in seqs[i : i + 3]]} for i in range(0, len(seqs), 3)),
    ]
    straight, shuffled = new_span("t", "s"), new_span("t", "s")
    for part in parts:
        add_piece(straight, part)
    mixed = [*parts, *(parts[i % len(parts)] for i in twice)]
    rng.shuffle(mixed)
    for part in mixed:
        add_piece(shuffled, from_text(as_text(part)))
    assert shuffled == straight
    assert [each["attributes"][names.SEQ] for each in straight["events"]] == sorted(seqs)
    assert straight["run_id"] == "r"


def test_attributes_of_all_kinds_survive() -> None:
    """What OpenTelemetry takes as a value of an attribute comes back, with lists for tuples."""
    told = {
        "text": "ä\ud800\x00",
        "bytes": b"\x00\xff",
        "list": (1, 2.5, True),
        "map": {"deep": [None, b"x"]},
        "big": 2**70,
    }
    assert from_text(as_text({"attributes": told})) == {"attributes": {**told, "list": [1, 2.5, True]}}
