"""Retrying is decided by pure functions."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.engine.retry import matching_policy, retry_delay
from otgraph.errors import GraphInterrupt
from otgraph.policies import RetryPolicy


def test_the_first_policy_that_matches_decides() -> None:
    """A list of policies is asked in order."""
    first, second = RetryPolicy(retry_on=KeyError), RetryPolicy(retry_on=[ValueError, LookupError])
    assert first is matching_policy([first, second], KeyError("k"))
    assert second is matching_policy([first, second], IndexError("i"))
    assert None is matching_policy([first, second], TypeError("t"))


def test_a_function_may_decide() -> None:
    """`retry_on` may look at the exception itself."""
    policy = RetryPolicy(retry_on=lambda error: "again" in str(error))
    assert policy is matching_policy([policy], RuntimeError("try again"))
    assert None is matching_policy([policy], RuntimeError("no"))


@pytest.mark.parametrize("error", [GraphInterrupt(()), KeyboardInterrupt(), SystemExit()])
def test_control_flow_is_never_retried(error: BaseException) -> None:
    """An interrupt, Ctrl-C and an exit are no failures of a node."""
    assert None is matching_policy([RetryPolicy(retry_on=lambda error: True)], error)


@pytest.mark.parametrize("given", [5, "ValueError", ["ValueError"], None])
def test_a_policy_that_makes_no_sense_is_refused(given: Any) -> None:
    """The error shows what was given as `retry_on`."""
    with pytest.raises(
        TypeError, match=f"retry_on must be an exception class, .* not {re.escape(repr(given))}"
    ):
        matching_policy([RetryPolicy(retry_on=given)], ValueError())


@given(
    attempt=st.integers(1, 30),
    initial=st.floats(0.001, 10),
    factor=st.floats(1, 4),
    longest=st.floats(0.001, 100),
    most=st.integers(1, 30),
)
def test_delays_grow_to_a_limit(
    attempt: int, initial: float, factor: float, longest: float, most: int
) -> None:
    """No delay is longer than the limit or shorter than the one before it, and the last attempt has none."""
    policy = RetryPolicy(initial, factor, longest, most)
    delay = retry_delay(policy, attempt)
    assert (delay is None) is (attempt >= most)
    if delay is not None:
        assert min(initial, longest) <= delay <= longest
        following = retry_delay(policy, attempt + 1)
        assert following is None or following >= delay
