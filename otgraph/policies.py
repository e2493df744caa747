"""
What a user may ask for a node beyond its function: retries, caching, timeouts.

Rule: data only. `engine/` decides by them, `drivers/` waits by them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Literal, NamedTuple, TypeAlias

__all__ = [
    "CachePolicy",
    "Durability",
    "RetryPolicy",
    "TimeoutPolicy",
    "TracePolicy",
    "default_cache_key",
    "default_retry_on",
    "omit_payload",
]

Durability: TypeAlias = Literal["sync", "async", "exit"]
"""When a checkpoint must be on disk: before the next step, meanwhile, or at the end of the run."""

_NEVER_RETRIED = (
    ValueError,
    TypeError,
    ArithmeticError,
    ImportError,
    LookupError,
    NameError,
    SyntaxError,
    RuntimeError,
    ReferenceError,
    StopIteration,
    StopAsyncIteration,
    OSError,
)


def default_retry_on(error: Exception) -> bool:
    """
    Say whether trying again may help: yes for lost connections, HTTP 5xx and unknown errors.

    Programming errors (`ValueError`, `TypeError`, …) and other `OSError`s are not retried.
    """
    if isinstance(error, ConnectionError):
        return True
    response = getattr(error, "response", None)
    status = getattr(response, "status_code", None)
    if isinstance(status, int) and type(error).__module__.split(".")[0] in ("httpx", "requests"):
        return 500 <= status < 600
    return not isinstance(error, _NEVER_RETRIED)


class RetryPolicy(NamedTuple):
    """How often, and after how long, a failed node is tried again."""

    initial_interval: float = 0.5
    """Seconds before the first retry."""
    backoff_factor: float = 2.0
    """Each further interval is this many times the one before it."""
    max_interval: float = 128.0
    """Seconds; no interval is longer."""
    max_attempts: int = 3
    """Attempts in all, the first one included."""
    jitter: bool = True
    """Add up to one second at random, so that siblings do not retry in step."""
    retry_on: type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool] = default_retry_on
    """Exception classes, or a function that says whether an exception is worth a retry."""


def _freeze(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return tuple(sorted((str(key), _freeze(item)) for key, item in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes, bytearray)):
        return tuple(_freeze(item) for item in value)
    if isinstance(value, Set):
        return tuple(sorted(map(repr, value)))
    return value  # type: ignore[no-any-return]


def default_cache_key(*args: Any, **kwargs: Any) -> bytes:
    """Return bytes that are equal for equal arguments, whatever the order of their dict keys."""
    import pickle  # where it is wanted: most programs cache nothing

    return pickle.dumps((_freeze(args), _freeze(kwargs)), protocol=5, fix_imports=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """When the writes of an earlier execution with the same input are used again."""

    key_func: Callable[..., str | bytes] = default_cache_key
    """Input -> cache key."""
    ttl: int | None = None
    """Seconds an entry lives; None for ever."""
    replay_custom: bool = False
    """
    Whether a hit puts what the node then wrote to its stream writer on the stream again, before its update.

    By default a hit only announces itself. The items must be such that the cache can store them; those of graphs
    inside the node are not kept.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutPolicy:
    """How long one attempt of a node may take, in all and without a sign of life."""

    run_timeout: float | timedelta | None = None
    """Seconds for the whole attempt."""
    idle_timeout: float | timedelta | None = None
    """Seconds without a write, a custom item, a callback or a heartbeat."""
    refresh_on: Literal["auto", "heartbeat"] = "auto"
    """Whether any sign of life resets the idle timer, or `runtime.heartbeat()` only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TracePolicy:
    """Rewrites what telemetry may record of a node's payloads; streams and state are untouched."""

    process_inputs: Callable[[Any], Any] | None = None
    process_outputs: Callable[[Any], Any] | None = None


def omit_payload(payload: Any) -> Any:
    """Replace any payload by nothing; for `TracePolicy`."""
    return {}
