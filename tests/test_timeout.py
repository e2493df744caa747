"""Timeouts in all spellings."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.policies import TimeoutPolicy
from otgraph.timeout import read_timeout


@pytest.mark.parametrize(
    ("given_timeout", "policy"),
    [
        (None, None),
        (1.5, TimeoutPolicy(run_timeout=1.5)),
        (timedelta(minutes=1), TimeoutPolicy(run_timeout=60.0)),
        (TimeoutPolicy(), None),
        (TimeoutPolicy(refresh_on="heartbeat"), None),
        (TimeoutPolicy(idle_timeout=timedelta(seconds=2)), TimeoutPolicy(idle_timeout=2.0)),
        (
            TimeoutPolicy(run_timeout=3, idle_timeout=1, refresh_on="heartbeat"),
            TimeoutPolicy(run_timeout=3.0, idle_timeout=1.0, refresh_on="heartbeat"),
        ),
    ],
)
def test_spellings(given_timeout: Any, policy: TimeoutPolicy | None) -> None:
    """Seconds, a timedelta and a policy mean the same; a policy without limits is none."""
    assert policy == read_timeout(given_timeout)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), timedelta(0)])
def test_limit_that_is_none(limit: Any) -> None:
    """A limit is more than nothing."""
    with pytest.raises(ValueError, match="run_timeout must be greater than 0"):
        read_timeout(limit)
    with pytest.raises(ValueError, match="idle_timeout must be greater than 0"):
        read_timeout(TimeoutPolicy(idle_timeout=limit))


def test_unknown_refresh() -> None:
    """The idle timer is reset by everything or by heartbeats alone."""
    with pytest.raises(ValueError, match="refresh_on must be 'auto' or 'heartbeat', not 'never'"):
        read_timeout(TimeoutPolicy(idle_timeout=1, refresh_on="never"))  # type: ignore[arg-type]


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_reading_twice(seconds: float) -> None:
    """A policy that was read stays as it is."""
    policy = read_timeout(seconds)
    assert policy == read_timeout(policy)
