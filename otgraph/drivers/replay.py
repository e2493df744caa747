"""
Replay: the streams of a run that is over, from its spans, at the pace of the run or at once.

Rule: what is told is made in `otgraph.stream.replay`; here it is waited until its time has come.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import Any, Literal

from otgraph.stream.exported import ExportedSpan
from otgraph.stream.replay import chunks_of_spans

__all__ = ["areplay", "replay"]


def replay(
    spans: Iterable[ExportedSpan],
    stream_mode: Any = "updates",
    *,
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    run_id: str | None = None,
    speed: float | None = None,
) -> Iterator[Any]:
    """
    Yield the chunks that `stream` yielded while the spans were recorded with `TelemetryOptions(capture=True)`.

    Args:
        spans: what `read_otlp`, `read_otlp_json`, `read_spans` or a trace store returns; in any order, others among
            them, of runs that are over or go on.
        stream_mode: as for `stream`, but for `spans`, which are not kept; `messages` only where a trace store has them.
        run_id: the `otgraph.run.id` of the run to replay; by default all runs, one after another.
        speed: 1 for the delays that the run had, 2 for half of them and so on; None for none.

    A value of a class that JSON lacks is a `Captured`, what a size cap cut is a `Truncated`.

    Raises:
        ValueError: a mode that cannot be replayed, or spans in which no run, or not that run, was captured.
    """
    _check_speed(speed)
    chunks = chunks_of_spans(spans, stream_mode, subgraphs=subgraphs, version=version, run_id=run_id)
    return _at_once(chunks) if speed is None else _in_time(chunks, speed)


def _at_once(chunks: Iterator[tuple[int, Any]]) -> Iterator[Any]:
    for _, chunk in chunks:
        yield chunk


def _in_time(chunks: Iterator[tuple[int, Any]], speed: float) -> Iterator[Any]:
    for delay, chunk in _with_delays(chunks, speed):
        time.sleep(delay)
        yield chunk


def areplay(
    spans: Iterable[ExportedSpan],
    stream_mode: Any = "updates",
    *,
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    run_id: str | None = None,
    speed: float | None = None,
) -> AsyncIterator[Any]:
    """Do the same in a coroutine; see `replay`."""
    _check_speed(speed)
    chunks = chunks_of_spans(spans, stream_mode, subgraphs=subgraphs, version=version, run_id=run_id)
    return _in_time_async(chunks, speed)


async def _in_time_async(chunks: Iterator[tuple[int, Any]], speed: float | None) -> AsyncIterator[Any]:
    import asyncio

    for delay, chunk in _with_delays(chunks, speed):
        await asyncio.sleep(delay)
        yield chunk


def _check_speed(speed: float | None) -> None:
    if speed is not None and not speed > 0:
        raise ValueError(f"speed must be more than 0, or None for no delays, not {speed!r}")


def _with_delays(chunks: Iterator[tuple[int, Any]], speed: float | None) -> Iterator[tuple[float, Any]]:
    """Yield each chunk with the seconds until its time has come; what the reader takes for itself is made up for."""
    began_ns, began = None, time.monotonic()
    for time_ns, chunk in chunks:
        if began_ns is None:
            began_ns = time_ns
        due = 0.0 if speed is None else began + (time_ns - began_ns) / 1e9 / speed
        yield max(0.0, due - time.monotonic()), chunk
