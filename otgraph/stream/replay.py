"""
A stream from a trace: exported spans through the same projections as a live run.

Rule: with content capture on, the chunks are those of the live stream, in the same order, as far as
`otgraph.tracing.payload` can write their values down and read them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.exported import ExportedSpan
from otgraph.stream.facts import RecordedRun
from otgraph.stream.lineage import recorded_runs
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import View

__all__ = ["replay"]

FLEETING: Final = ("messages", "tools", "spans")
"""Modes whose items are not kept in exported spans."""


def replay(
    spans: Iterable[ExportedSpan],
    stream_mode: Any = "updates",
    *,
    subgraphs: bool = False,
    version: Literal["v1", "v2"] = "v1",
    run_id: str | None = None,
) -> Iterator[Any]:
    """
    Yield the chunks that `stream` yielded while the spans were recorded with `TelemetryOptions(capture=True)`.

    Args:
        spans: what `read_otlp`, `read_otlp_json` or `read_spans` returns; in any order, others among them.
        stream_mode: as for `stream`, but for `messages`, `tools` and `spans`, which are not kept.
        run_id: the `otgraph.run.id` of the run to replay; by default all runs, one after another.

    A value of a class that JSON lacks is a `Captured`, what a size cap cut is a `Truncated`.

    Raises:
        ValueError: a mode that cannot be replayed, or spans in which no run, or not that run, was captured.
    """
    modes = check_modes(stream_mode)
    for mode in modes:
        if mode in FLEETING:
            raise ValueError(f"stream mode {mode!r} cannot be replayed: its items are not kept in spans")
    view = View(modes, envelope(stream_mode, subgraphs=subgraphs, version=version), subgraphs)
    runs = [run for run in recorded_runs(spans) if run_id is None or run.run.id == run_id]
    if not runs:
        which = "no run" if run_id is None else f"no run {run_id!r}"
        raise ValueError(
            f"{which} with captured content among the spans; record it with TelemetryOptions(capture=True)"
        )
    return _chunks(runs, view)


def _chunks(runs: Sequence[RecordedRun], view: View) -> Iterator[Any]:
    for recorded in runs:
        subscription = Subscription(view, recorded.run)
        for fact in recorded.facts():
            if subscription.mask & fact.kind:
                subscription.hear(fact)
                yield from subscription.take()
