"""
Where a run comes from: what a checkpoint keeps of a trace, and what a run that goes on from there makes of it.

Rule: what a checkpoint keeps was written by some process at some time, perhaps not this one and perhaps not whole: it
is checked, and what makes no sense is counted and left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from time import time
from typing import Any, Final

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from otgraph.events import Outcome
from otgraph.infos import Origin, RunInfo
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.place import Place

__all__ = ["NOWHERE", "WHERE", "Lineage", "carrier_of"]

PARENT, STATE, LEFT_AT, OUTCOME = "traceparent", "tracestate", "left_at", "outcome"
"""The keys of a carrier: those of W3C Trace Context, and when and how the run left the checkpoint."""

WHERE: Final = "trace of a checkpoint"
"""Where what makes no sense is counted."""

_w3c = TraceContextTextMapPropagator()


def carrier_of(run: RunInfo, outcome: Outcome | None = None) -> dict[str, Any]:
    """
    Return what the span of a run is found again by, as W3C Trace Context writes it.

    Args:
        outcome: given where the run leaves a checkpoint; then it is said when and how.
    """
    place: Place = run.place
    carrier = place.carrier
    if carrier is None and not place.exports:
        # There is no trace to find, but it counts that there was a pause.
        carrier = place.carrier = {}
    if carrier is None:
        own: SpanContext = run.span.get_span_context()
        carrier = {PARENT: f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"}
        if own.trace_state:
            carrier[STATE] = own.trace_state.to_header()
        place.carrier = carrier
    return carrier if outcome is None else {**carrier, LEFT_AT: time(), OUTCOME: outcome.text}


class Lineage:
    """What the span of a run shows of its origin."""

    __slots__ = ("attributes", "ends_pause", "links", "paused", "resumes")

    def __init__(self, origin: Origin | None) -> None:
        self.attributes: dict[str, Any] = {}
        self.ends_pause = False
        """Whether a run of otgraph's stopped there for a human, and this is the first one since."""
        self.resumes = False
        """Whether it goes on with a run that had stopped for a human."""
        self.links: Sequence[tuple[SpanContext, dict[str, Any]]] = ()
        """To the run that was at the checkpoint before; none where the run takes a new input."""
        self.paused: SpanContext | None = None
        """The run that this one goes on with."""
        if origin is None:
            return
        self.attributes[names.CHECKPOINT_ID] = origin.checkpoint_id
        last = _last(origin)
        stopped = last is not None and last.get(OUTCOME) == Outcome.INTERRUPTED.text
        self.ends_pause = stopped and origin.newest
        if origin.kind is None:
            return
        self.attributes[names.ORIGIN] = origin.kind
        found = None if last is None else _read(last)
        if found is not None:
            about = {names.LINK_KIND: origin.kind, names.CHECKPOINT_ID: origin.checkpoint_id}
            self.links = ((found, about),)
        if origin.kind == "resume":
            self.paused = found
            if origin.questions:
                self.attributes[names.GOES_ON] = origin.questions
            since = None if origin.inside else _asked_at(origin, last)
            self.resumes = stopped or since is not None
            if since is not None:
                # Clocks of two machines may differ by more than a quick human takes.
                self.attributes[names.INTERRUPT_WAIT] = max(0.0, time() - since)

    def continued(self, context: Context) -> Context:
        """Return a context in which the paused run's span is the parent; a span that is there already stays."""
        if self.paused is None or trace.get_current_span(context).get_span_context().is_valid:
            return context
        return trace.set_span_in_context(NonRecordingSpan(self.paused), context)


NOWHERE: Final = Lineage(None)
"""Of a run that starts from nothing that was saved."""


def _last(origin: Origin) -> Mapping[str, Any] | None:
    """Return the carrier of the run that left the checkpoint last, else of the one that saved it."""
    whole = [carrier for carrier in origin.carriers if isinstance(carrier, Mapping)]
    if len(whole) < len(origin.carriers):
        odd = next(carrier for carrier in origin.carriers if not isinstance(carrier, Mapping))
        faults.count(TypeError(f"expected a mapping, got {odd!r}"), WHERE)
    return max(whole, key=_left_at, default=None)


def _left_at(carrier: Mapping[str, Any]) -> float:
    at = carrier.get(LEFT_AT)
    return at if isinstance(at, float) else 0.0


def _read(carrier: Mapping[str, Any]) -> SpanContext | None:
    """Return the span that a carrier names, or None for one that names none."""
    if carrier.keys() == {LEFT_AT, OUTCOME} and isinstance(carrier[LEFT_AT], float):
        # Its spans went nowhere.
        return None
    plain = {key: value for key in (PARENT, STATE) if isinstance(value := carrier.get(key), str)}
    found = trace.get_current_span(_w3c.extract(plain, Context())).get_span_context()
    if found.is_valid:
        return found
    faults.count(ValueError(f"expected a W3C traceparent, got {carrier.get(PARENT)!r}"), WHERE)
    return None


def _asked_at(origin: Origin, last: Mapping[str, Any] | None) -> float | None:
    """Return since when a human was waited for, in seconds since 1970; None if nobody was, or has not answered."""
    if origin.questions and not origin.answered:
        return None
    if last is not None and last.get(OUTCOME) == Outcome.INTERRUPTED.text:
        return _left_at(last)
    if not origin.questions:
        return None
    # Nobody said when the questions were asked: soon after the checkpoint that the superstep started from.
    try:
        return datetime.fromisoformat(origin.saved_at).timestamp()
    except (TypeError, ValueError) as error:
        faults.count(error, WHERE)
        return None
