"""
Which exported spans make up which runs.

Rule: a span belongs to the run it is below; where a parent never arrived, to the run whose namespace it bears.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from otgraph.constants import NS_SEP
from otgraph.infos import RunInfo
from otgraph.stream.exported import ExportedSpan
from otgraph.stream.facts import RecordedRun
from otgraph.tracing import names
from otgraph.tracing.payload import loads

__all__ = ["Family", "recorded_runs", "root_of"]

RUNS: Final = (names.RUN_SPAN, names.AGENT_SPAN)

NO_KEYS: Final = "[]"


def recorded_runs(spans: Iterable[ExportedSpan]) -> list[RecordedRun]:
    """Return the root runs whose content was captured, the earliest first; also those that go on."""
    family = Family()
    everything = {(span["trace_id"], span["span_id"]): span for span in spans}
    own = [span for span in everything.values() if names.SEQ in span["attributes"]]
    for span in everything.values():
        family.add(span)
    recorded: dict[RunInfo, RecordedRun] = {}
    for span in own:
        run = family.run_of(span)
        if run is not None:
            root = root_of(run)
            if root not in recorded:
                recorded[root] = RecordedRun(root, family.start_of(root))
            recorded[root].add(span, run)
    return sorted(recorded.values(), key=lambda each: each.start_ns)


def root_of(run: RunInfo) -> RunInfo:
    """Return the root run around `run`."""
    while run.parent is not None:
        run = run.parent
    return run


class Family:
    """
    The runs of some spans, found by their parents; by their namespace where a parent never arrived.

    Args:
        all_runs: whether runs count whose content was not captured.
    """

    def __init__(self, *, all_runs: bool = False) -> None:
        self._all_runs = all_runs
        self._everything: dict[tuple[str, str], ExportedSpan] = {}
        """User code may have opened spans of its own between a task and the run that it began."""
        self._runs: dict[tuple[str, str], RunInfo] = {}
        self._starts: dict[RunInfo, int] = {}
        self._by_place: dict[tuple[str, str, str], ExportedSpan] = {}

    def add(self, span: ExportedSpan) -> None:
        """Take note of a span."""
        self._everything[span["trace_id"], span["span_id"]] = span
        if self._is_run(span):
            self._by_place[_place(span)] = span

    def start_of(self, root: RunInfo) -> int:
        """Return when a root run began."""
        return self._starts[root]

    def _is_run(self, span: ExportedSpan) -> bool:
        attributes = span["attributes"]
        if names.STREAM_KEYS in attributes:
            return True
        return self._all_runs and names.SEQ in attributes and attributes.get(names.OPERATION) in RUNS

    def run_of(self, span: ExportedSpan) -> RunInfo | None:
        """Return the run that a span belongs to."""
        above: ExportedSpan | None = span
        while above is not None and not self._is_run(above):
            above = self._parent(above)
        if above is None:
            above = self._by_place.get(_place(span))
        return None if above is None else self._run(above)

    def _parent(self, span: ExportedSpan) -> ExportedSpan | None:
        parent = span["parent_id"]
        return None if parent is None else self._everything.get((span["trace_id"], parent))

    def _run(self, span: ExportedSpan) -> RunInfo | None:
        key = span["trace_id"], span["span_id"]
        run = self._runs.get(key)
        if run is None:
            parent = None
            if span["attributes"].get(names.NESTED):
                parent = self._run_above(span)
                if parent is None:
                    return None
            run = self._runs[key] = _run_info(span["attributes"], parent)
            if parent is None:
                self._starts[run] = span["start_ns"]
        return run

    def _run_above(self, span: ExportedSpan) -> RunInfo | None:
        above = self._parent(span)
        run = None if above is None else self.run_of(above)
        # Where what it was begun in never arrived, its namespace tells which runs are around it.
        trace_id, run_id, ns = _place(span)
        while run is None and ns:
            ns = ns.rpartition(NS_SEP)[0]
            around = self._by_place.get((trace_id, run_id, ns))
            run = None if around is None else self._run(around)
        return run


def _place(span: ExportedSpan) -> tuple[str, str, str]:
    attributes = span["attributes"]
    return span["trace_id"], attributes.get(names.RUN_ID, ""), attributes.get(names.NS, "")


def _run_info(attributes: Mapping[str, Any], parent: RunInfo | None) -> RunInfo:
    ns = attributes.get(names.NS, "")
    return RunInfo(
        attributes.get(names.RUN_ID, ""),
        attributes.get(names.WORKFLOW, ""),
        tuple(ns.split(NS_SEP)) if ns else (),
        loads(attributes.get(names.STREAM_KEYS, NO_KEYS)),
        loads(attributes.get(names.OUTPUT_KEYS, NO_KEYS)),
        parent,
    )
