"""
A stream from a trace: exported spans through the same projections as a live run.

Rule: with content capture on, the chunks are those of the live stream, in the same order, as far as
`otgraph.tracing.payload` can write their values down and read them again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, Literal

from otgraph.events import Fact
from otgraph.infos import RunInfo
from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.exported import ExportedSpan
from otgraph.stream.facts import RecordedRun
from otgraph.stream.lineage import recorded_runs
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import View

__all__ = ["LIVE_MODES", "NO_CONTENT", "Retelling", "chunks_of_spans"]

LIVE_MODES: Final = ("messages", "tools")
"""Modes whose items spans do not keep; a trace store may."""

FLEETING: Final = {
    "blocks": "its items are not kept in spans",
    "spans": (
        "an exported span has the attributes of its end only, and not when they were set; a trace store keeps them as "
        "they came: otgraph.telemetry.follow(store, run_id, stream_mode='spans') tells them, of runs that are over too"
    ),
}
"""Modes that cannot be told from spans, and why."""

NO_CONTENT: Final = "record it with TelemetryOptions(capture=True)"


def chunks_of_spans(
    spans: Iterable[ExportedSpan],
    stream_mode: Any,
    *,
    subgraphs: bool,
    version: Literal["v1", "v2"],
    run_id: str | None,
) -> Iterator[tuple[int, Any]]:
    """Yield what `stream` yielded while the spans were recorded, each chunk with its time in nanoseconds."""
    modes = check_modes(stream_mode)
    view = View(modes, envelope(stream_mode, subgraphs=subgraphs, version=version), subgraphs)
    spans = list(spans)
    _check_kept(modes, any(span.get("live") is not None for span in spans))
    runs = [run for run in recorded_runs(spans) if run_id is None or run.run.id == run_id]
    if not runs:
        which = "no run" if run_id is None else f"no run {run_id!r}"
        raise ValueError(f"{which} with captured content among the spans; {NO_CONTENT}")
    return _told_again(runs, view)


def _check_kept(modes: Sequence[str], keeps_tokens: bool) -> None:
    for mode, reason in FLEETING.items():
        if mode in modes:
            raise ValueError(f"stream mode {mode!r} cannot be replayed: {reason}")
    for mode in LIVE_MODES:
        if mode in modes and not keeps_tokens:
            raise ValueError(
                f"stream mode {mode!r} cannot be replayed: its items are not kept in spans, and in a trace store only "
                "by TraceStoreProcessor(tokens=True)"
            )


def _told_again(runs: Sequence[RecordedRun], view: View) -> Iterator[tuple[int, Any]]:
    for recorded in runs:
        retelling = Retelling(view, recorded.run)
        for fact in recorded.facts():
            for chunk in retelling.tell(fact):
                yield fact.time_ns, chunk


class Retelling:
    """
    A run that is told again.

    Args:
        view: what is made of its facts.
        run: the root run.
    """

    def __init__(self, view: View, run: RunInfo) -> None:
        self._subscription = Subscription(view, run)

    def tell(self, fact: Fact) -> list[Any]:
        """Tell a fact; return its chunks."""
        subscription = self._subscription
        if not subscription.mask & fact.kind:
            return []
        subscription.hear(fact)
        return subscription.take()
