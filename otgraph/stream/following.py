"""
A run in a trace store, told as it goes: the store's entries through the same projections as a live run.

Rule: entries come in the order of the record, and each is told at once. Of a run whose content is not captured only
its spans can be told, and whoever asks for more hears so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from otgraph.events import Fact, SpanNoted
from otgraph.infos import RunInfo
from otgraph.stream.facts import RecordedStates, SpanFacts
from otgraph.stream.lineage import Family, root_of
from otgraph.stream.replay import LIVE_MODES, NO_CONTENT, Retelling
from otgraph.stream.view import View
from otgraph.tracing import names

__all__ = ["Following"]


class Following:
    """
    Makes chunks of entries.

    Args:
        view: what is made of them.
        span_id: that of the run's own span.
    """

    def __init__(self, view: View, span_id: str) -> None:
        self._view = view
        self._span_id = span_id
        self._family = Family(all_runs=True)
        self._riding: dict[tuple[str, str], SpanFacts] = {}
        self._states = RecordedStates()
        self._shows_spans = "spans" in view.modes
        self._retelling: Retelling | None = None
        self._root: RunInfo | None = None
        self._ended = False
        """Whether the run's own stream is over: of what follows only the spans are told."""

    def take(self, entries: Iterable[Mapping[str, Any]]) -> list[Any]:
        """
        Return the chunks of entries that came.

        Raises:
            ValueError: the run was recorded without what a mode needs.
        """
        chunks: list[Any] = []
        for entry in entries:
            fact = self._fact(entry)
            if fact is not None and self._retelling is not None:
                chunks += self._retelling.tell(fact)
        return chunks

    def _fact(self, entry: Mapping[str, Any]) -> Fact | None:
        """Return the fact that an entry stands for; None if it is no part of the run, or nothing shows it."""
        span, kind = entry["span"], entry["kind"]
        if kind == "start":
            self._family.add(span)
            if span["span_id"] == self._span_id:
                self._begin(span)
        run = self._family.run_of(span)
        if run is None or root_of(run) is not self._root:
            return None
        if kind == "event" and entry["name"] == names.STREAM_ENDED and run is self._root:
            self._ended = True
        told = None if self._ended else self._told(entry, span, run)
        fact: Fact | None = None
        if told is not None:
            fact = told[0]
            self._states.complete(*told)
            self._states.leave(fact)
        if self._shows_spans and kind != "live":
            if fact is None:
                fact = SpanNoted(run)
                fact.seq, fact.time_ns = entry["seq"], entry["time_ns"]
            fact.shot = _shot(entry, span)
        return fact

    def _begin(self, span: Any) -> None:
        modes = [mode for mode in self._view.modes if mode != "spans"]
        if modes and names.STREAM_KEYS not in span["attributes"]:
            raise ValueError(
                f"the run was recorded without content, so that its stream {modes[0]!r} is not known, but only the "
                f"mode 'spans'; {NO_CONTENT}"
            )
        for mode in LIVE_MODES:
            if mode in modes and span["live"] is None:
                raise ValueError(
                    f"the trace store does not keep tokens, so that the stream {mode!r} is not known; "
                    "write it with TraceStoreProcessor(tokens=True)"
                )
        self._root = self._family.run_of(span)
        assert self._root is not None
        self._retelling = Retelling(self._view, self._root)

    def _told(self, entry: Mapping[str, Any], span: Any, run: RunInfo) -> tuple[Fact, Any] | None:
        key, kind = (span["trace_id"], span["span_id"]), entry["kind"]
        if kind == "start":
            riding = self._riding[key] = SpanFacts(entry["attributes"], run)
            return riding.start(entry["time_ns"])
        riding = self._riding.get(key) or SpanFacts(span["attributes"], run)
        if kind == "end":
            self._riding.pop(key, None)
            return riding.end(entry["attributes"], entry["time_ns"])
        return riding.event({name: entry[name] for name in ("name", "time_ns", "attributes")})  # type: ignore[arg-type]


def _shot(entry: Mapping[str, Any], span: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry in the form of the mode `spans`."""
    kind = entry["kind"]
    shot = {
        "type": kind,
        **{name: span[name] for name in ("name", "trace_id", "span_id", "parent_id")},
        "time_ns": entry["time_ns"],
    }
    more: tuple[str, ...] = (
        ("kind", "scope") if kind == "start" else ("start_ns", "status") if kind == "end" else ()
    )
    shot.update({name: span[name] for name in more})
    if kind == "event":
        shot["event"] = entry["name"]
    return {**shot, "attributes": dict(entry["attributes"])}
