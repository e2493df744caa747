"""
Timeouts as users write them: seconds, a `timedelta` or a `TimeoutPolicy`.

Rule: past this file a timeout is a `TimeoutPolicy` in seconds, or None.
"""

from __future__ import annotations

from datetime import timedelta

from otgraph.policies import TimeoutPolicy

__all__ = ["Timeout", "read_timeout"]

Timeout = float | timedelta | TimeoutPolicy | None


def read_timeout(timeout: Timeout) -> TimeoutPolicy | None:
    """
    Return `timeout` as a policy in seconds; None if it sets no limit.

    Raises:
        ValueError: if a limit is not above zero or `refresh_on` is unknown.
    """
    if timeout is None:
        return None
    if not isinstance(timeout, TimeoutPolicy):
        return TimeoutPolicy(run_timeout=_seconds("run_timeout", timeout))
    if timeout.refresh_on not in ("auto", "heartbeat"):
        raise ValueError(f"refresh_on must be 'auto' or 'heartbeat', not {timeout.refresh_on!r}")
    run, idle = timeout.run_timeout, timeout.idle_timeout
    if run is None and idle is None:
        return None
    return TimeoutPolicy(
        run_timeout=None if run is None else _seconds("run_timeout", run),
        idle_timeout=None if idle is None else _seconds("idle_timeout", idle),
        refresh_on=timeout.refresh_on,
    )


def _seconds(name: str, limit: float | timedelta) -> float:
    try:
        seconds = limit.total_seconds() if isinstance(limit, timedelta) else float(limit)
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be seconds, a timedelta or a TimeoutPolicy, not {limit!r}") from None
    if not seconds > 0:
        raise ValueError(f"{name} must be greater than 0, not {limit!r}")
    return seconds
