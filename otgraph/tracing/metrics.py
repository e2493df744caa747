"""
Metrics of runs, agents, tools and model calls, as the GenAI conventions name them.

Rule: the values are those of the spans, and so are the attributes, of which only those of low cardinality are taken:
never an id of a run, a thread or a call. Without a meter provider that keeps them, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from weakref import WeakKeyDictionary

from opentelemetry import metrics, trace

from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.span import Span
from otgraph.version import __version__

__all__ = ["Meters", "meters_for"]

CLIENT_SECONDS: Final = [0.01 * 2**n for n in range(14)]
AGENT_SECONDS: Final = [0.1 * 2**n for n in range(13)]
WORKFLOW_SECONDS: Final = [1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200]
TOKENS: Final = [4**n for n in range(14)]

CALL_LABELS: Final = (
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.ERROR_TYPE,
)
TOOL_LABELS: Final = (names.OPERATION, names.TOOL, names.TOOL_TYPE, names.ERROR_TYPE)
RUN_LABELS: Final = (names.OPERATION, names.WORKFLOW, names.OUTCOME, names.ERROR_TYPE)
AGENT_LABELS: Final = (names.OPERATION, names.AGENT, names.OUTCOME, names.ERROR_TYPE)


class Meters:
    """
    The instruments of one meter provider.

    Args:
        meter: makes them.
    """

    __slots__ = ("_agent", "_call", "_first", "_run", "_tokens", "_tool")

    def __init__(self, meter: metrics.Meter) -> None:
        self._call = _seconds(meter, names.CALL_DURATION, CLIENT_SECONDS)
        self._first = _seconds(meter, names.CALL_FIRST_CHUNK, CLIENT_SECONDS)
        self._tool = _seconds(meter, names.TOOL_DURATION, CLIENT_SECONDS)
        self._agent = _seconds(meter, names.AGENT_DURATION, AGENT_SECONDS)
        self._run = _seconds(meter, names.RUN_DURATION, WORKFLOW_SECONDS)
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE, "{token}", explicit_bucket_boundaries_advisory=TOKENS
        )

    def model_called(self, span: Span) -> None:
        """Measure a call of a model, whose span has ended."""
        told = span._attributes
        labels = _labels(told, CALL_LABELS)
        self._record(self._call, _length(span), labels, span)
        if names.FIRST_CHUNK in told:
            self._record(self._first, told[names.FIRST_CHUNK], labels, span)
        for kind, key in (("input", names.INPUT_TOKENS), ("output", names.OUTPUT_TOKENS)):
            if key in told:
                self._record(self._tokens, told[key], {**labels, names.TOKEN_TYPE: kind}, span)

    def tool_called(self, span: Span) -> None:
        """Measure a call of a tool, whose span has ended."""
        self._record(self._tool, _length(span), _labels(span._attributes, TOOL_LABELS), span)

    def run_ended(self, run: Any) -> None:
        """Measure a run, whose span has ended."""
        span: Span = run.span
        if run.agent is not None:
            self._record(self._agent, _length(span), _labels(span._attributes, AGENT_LABELS), span)
        elif run.parent is None:
            self._record(self._run, _length(span), _labels(span._attributes, RUN_LABELS), span)

    @staticmethod
    def _record(histogram: Any, value: float, labels: dict[str, Any], span: Span) -> None:
        try:
            histogram.record(value, labels, trace.set_span_in_context(span))
        except Exception as error:
            faults.count(error, "metrics")


def meters_for(provider: Any = None) -> Meters | None:
    """Return the instruments of `provider`, or of the global one as it is now; None where nobody keeps measurements."""
    if provider is None:
        provider = metrics.get_meter_provider()
    if type(provider).__module__.startswith("opentelemetry.metrics"):
        # The proxy of one that was not set yet, or a no-op.
        return None
    try:
        meters = _known.get(provider)
        if meters is None:
            meters = _known[provider] = Meters(provider.get_meter(names.SCOPE, __version__))
    except Exception as error:
        faults.count(error, "meter provider")
        return None
    return meters


_known: WeakKeyDictionary[Any, Meters] = WeakKeyDictionary()


def _seconds(meter: metrics.Meter, name: str, bounds: Sequence[float]) -> Any:
    return meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=bounds)


def _length(span: Span) -> float:
    return ((span._end_time or span._start_time) - span._start_time) / 1e9


def _labels(told: Any, wanted: tuple[str, ...]) -> dict[str, Any]:
    return {key: told[key] for key in wanted if key in told}
