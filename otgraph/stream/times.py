"""
iso_time: the time of a chunk, as the mode `debug` shows it.

Rule: made for every chunk, so what is the same for a whole second is made once.
"""

from __future__ import annotations

from datetime import datetime, timezone

__all__ = ["iso_time"]

_second: tuple[str, str] = ("0", "1970-01-01T00:00:00.")


def iso_time(time_ns: int) -> str:
    """Return nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    global _second  # noqa: PLW0603 (what is the same for a whole second is made once)
    digits = str(time_ns)
    known, text = _second
    if known != digits[:-9]:
        digits = digits.zfill(10)
        seconds = digits[:-9]
        text = datetime.fromtimestamp(int(seconds), timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.")
        _second = (seconds, text)
    return f"{text}{digits[-9:-3]}+00:00"
