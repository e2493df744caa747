"""
Whether a failed attempt is followed by another one, and after how long.

Rule: pure; the waiting, and the jitter, are the driver's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeGuard

from otgraph.errors import GraphBubbleUp
from otgraph.policies import RetryPolicy

__all__ = ["matching_policy", "retry_delay"]


def matching_policy(policies: Sequence[RetryPolicy], error: BaseException) -> RetryPolicy | None:
    """
    Return the first policy that retries on this error.

    Raises:
        TypeError: a policy's `retry_on` is neither exception classes nor a function.
    """
    if not isinstance(error, Exception) or isinstance(error, GraphBubbleUp):
        return None
    for policy in policies:
        retry_on = policy.retry_on
        if isinstance(retry_on, type) or _are_types(retry_on):
            if isinstance(error, retry_on if isinstance(retry_on, type) else tuple(retry_on)):
                return policy
        elif callable(retry_on):
            if retry_on(error):
                return policy
        else:
            raise TypeError(
                f"retry_on must be an exception class, a sequence of them, or a function, not {retry_on!r}"
            )
    return None


def _are_types(given: Any) -> TypeGuard[Sequence[type[Exception]]]:
    return isinstance(given, Sequence) and all(isinstance(each, type) for each in given)


def retry_delay(policy: RetryPolicy, attempt: int) -> float | None:
    """Return the seconds to wait after failed attempt number `attempt` (from 1); None if it was the last."""
    if attempt >= policy.max_attempts:
        return None
    return min(policy.max_interval, policy.initial_interval * policy.backoff_factor ** (attempt - 1))
