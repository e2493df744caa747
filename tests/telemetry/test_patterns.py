"""
`redact_matches`: a redaction hook made of patterns.
"""

from __future__ import annotations

import base64
import dataclasses
import re
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otgraph.telemetry import redact_matches
from otgraph.tracing.payload import dumps
from otgraph.types import Command, Interrupt, Send

SECRET = "zqsecret7x"
HOOK = redact_matches(r"zq\w+?7x", re.compile(r"\b\d{16}\b"), by="***")


@dataclasses.dataclass
class Card:
    owner: str
    number: int


def nested(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.lists(inner, max_size=3),
            st.dictionaries(st.text(max_size=5), inner, max_size=3),
            st.tuples(inner, inner),
            st.builds(Send, st.text(max_size=5), inner),
            st.builds(lambda value: Command(update={"key": value}), inner),
            st.builds(Interrupt, inner, st.text(max_size=5)),
            st.builds(lambda value: ValueError("wrong", value), inner),
        ),
        max_leaves=8,
    )


PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.sampled_from([0.5, -1.25, float("inf"), float("nan")]),
    st.text(alphabet='abc\\"{}$ é', max_size=8),
    st.binary(max_size=8).filter(lambda raw: b"zq" not in raw),
    st.dates(),
    st.decimals(allow_nan=False, max_value=1000, min_value=-1000, places=2),
)
SECRETS = st.one_of(
    st.tuples(st.text(max_size=5), st.text(max_size=5)).map(lambda around: SECRET.join(around)),
    st.just(SECRET.encode()),
    st.just({SECRET: 1}),
    st.just({7: {SECRET}}),
    st.just(4111111111111111),
    st.just(Decimal(4111111111111111)),
    st.just(Card(SECRET, 4111111111111111)),
)
TRACES = (SECRET, "4111111111111111", base64.b64encode(SECRET.encode()).decode())


@settings(max_examples=150, deadline=None)
@given(nested(st.one_of(PLAIN, SECRETS)))
def test_no_match_is_left(value: Any) -> None:
    """Wherever a match is in a value, in keys, objects, numbers or bytes, what is recorded has none."""
    told = dumps(HOOK("writes", value))
    assert not [trace for trace in TRACES if trace in told]


@settings(max_examples=150, deadline=None)
@given(nested(PLAIN))
def test_what_does_not_match_is_recorded_as_it_is(value: Any) -> None:
    """A value without a match is recorded as without the hook."""
    assert dumps(HOOK("writes", value)) == dumps(value)


def test_only_the_match_is_replaced() -> None:
    """What stands around a match stays, and so does the kind of a value."""
    assert HOOK("exception.message", f"no {SECRET}!") == "no ***!"
    assert HOOK("custom", {"a": (f"{SECRET} b", date(2026, 1, 2), b"x")}) == {
        "a": ("*** b", date(2026, 1, 2), b"x")
    }
    assert HOOK("custom", [b"\xff" + SECRET.encode(), 4111111111111111, True]) == [b"\xff***", "***", True]


def test_the_replacement_is_taken_as_it_is() -> None:
    """A replacement with backslashes is no template."""
    assert redact_matches("b", by=r"\1")("custom", "abc") == r"a\1c"


@pytest.mark.parametrize(
    ("patterns", "message"),
    [((), "takes at least one pattern"), (("(",), r"'(' is none"), ((7,), "7 is none")],
)
def test_what_is_no_pattern_is_an_error(patterns: Any, message: str) -> None:
    """Nothing to look for, or what is no regular expression, is refused at once."""
    with pytest.raises(ValueError, match=re.escape(message)):
        redact_matches(*patterns)
