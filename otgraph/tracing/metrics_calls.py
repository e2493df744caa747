"""
CallMeters: metrics of calls of models and tools, as the GenAI conventions name them.

Rule: the values are those of the spans, and so are the attributes. A call that another instrumentor traces is
measured by that; its cost is not, so that is counted here in any case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from opentelemetry import metrics, trace
from opentelemetry.context import Context

from otgraph.events import Outcome
from otgraph.infos import TaskInfo
from otgraph.tracing import names
from otgraph.tracing.chunks import Chunks
from otgraph.tracing.distribution import NOWHERE, context_in, length_of, recorder, seconds
from otgraph.tracing.faults import faults
from otgraph.tracing.labels import labels_of
from otgraph.tracing.late import Late
from otgraph.tracing.span import Span

__all__ = ["CallMeters"]

CLIENT_SECONDS: Final = [0.01 * 2**n for n in range(14)]
"""The buckets of the conventions."""
TOKENS: Final = [4**n for n in range(14)]
"""The same."""

CUT_OFF: Final = (Outcome.CANCELLED.text, Outcome.ABANDONED.text)

MODEL_LABELS: Final = (
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
)
CALL_LABELS: Final = (*MODEL_LABELS, names.ERROR_TYPE)
TOOL_LABELS: Final = (names.OPERATION, names.TOOL, names.TOOL_TYPE, names.ERROR_TYPE)


class CallMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
        late: takes what is cut off.
        called: how those of calls of models are called.
    """

    __slots__ = (
        "_call",
        "_chunk",
        "_cost",
        "_counters",
        "_first",
        "_late",
        "_spreads",
        "_tokens",
        "_tool",
    )

    def __init__(self, meter: metrics.Meter, late: Late, called: names.CallMetrics) -> None:
        self._late = late
        self._call = seconds(meter, called.duration, CLIENT_SECONDS, "What calls of models take.")
        self._first = seconds(
            meter, called.first_chunk, CLIENT_SECONDS, "Until the first piece of an answer."
        )
        what = "From one piece of an answer to the next."
        self._chunk = recorder(seconds(meter, called.per_chunk, CLIENT_SECONDS, what))
        self._tool = seconds(meter, names.TOOL_DURATION, CLIENT_SECONDS, "What calls of tools take.")
        self._tokens = None if called.usage is None else _tokens(meter, called.usage)
        self._counters = [
            (key, meter.create_counter(name, "{token}", "Tokens of all calls."))
            for key, name in called.counters
        ]
        self._spreads = [(key, _tokens(meter, name)) for key, name in called.spreads]
        self._cost = meter.create_counter(names.COST, "{cost}", "What calls of models cost.")

    def model_called(self, span: Span, chunks: Chunks) -> None:
        """Measure a call of a model, whose span has ended."""
        if span._attributes.get(names.OUTCOME) in CUT_OFF:
            self._late.put(self._measure_model, span, chunks)
        else:
            self._measure_model(span, chunks)

    def _measure_model(self, span: Span, chunks: Chunks) -> None:
        told = span._attributes
        labels = labels_of(told, MODEL_LABELS)
        context = trace.set_span_in_context(span)
        try:
            self._call.record(length_of(span), labels_of(told, CALL_LABELS), context)
            if names.FIRST_CHUNK in told:
                self._first.record(told[names.FIRST_CHUNK], labels, context)
                self._measure_chunks(chunks, labels, context)
            if self._tokens is not None:
                for kind, key in (("input", names.INPUT_TOKENS), ("output", names.OUTPUT_TOKENS)):
                    if key in told:
                        self._tokens.record(told[key], {**labels, names.TOKEN_TYPE: kind}, context)
            elif self._counters:
                self._count(told, labels, context)
        except Exception as error:
            faults.count(error, "metrics")

    def _measure_chunks(self, chunks: Chunks, labels: Mapping[str, Any], context: Context) -> None:
        """Measure how long each piece of an answer took; the longest wait is it that leads to the trace."""
        longest = max((wait for wait, _ in chunks.gaps()), default=0.0)
        for wait, at in chunks.gaps():
            self._chunk(wait, at, labels, context if wait == longest else NOWHERE)

    def _count(self, told: Mapping[str, Any], labels: Mapping[str, Any], context: Context) -> None:
        """Count tokens as the draft has it: a call of which nothing is known has taken none."""
        for key, counter in self._counters:
            if key in told or key in (names.INPUT_TOKENS, names.OUTPUT_TOKENS):
                for modality, count in _by_modality(told, key):
                    counter.add(count, {**labels, names.TOKEN_MODALITY: modality}, context)
        for key, spread in self._spreads:
            if key in told:
                spread.record(told[key], labels, context)

    def model_paid(self, task: TaskInfo, cost: float, provider: str | None, model: str) -> None:
        """Count what a call of a model has cost."""
        labels: dict[str, Any] = {names.REQUEST_MODEL: model, names.WORKFLOW: task.run.name}
        if provider is not None:
            labels[names.PROVIDER] = provider
        try:
            self._cost.add(cost, labels, context_in(task.run, task.span))
        except Exception as error:
            faults.count(error, "metrics")

    def tool_called(self, span: Span) -> None:
        """Measure a call of a tool, whose span has ended."""
        if span._attributes.get(names.OUTCOME) in CUT_OFF:
            self._late.put(self._measure_tool, span)
        else:
            self._measure_tool(span)

    def _measure_tool(self, span: Span) -> None:
        try:
            labels = labels_of(span._attributes, TOOL_LABELS)
            self._tool.record(length_of(span), labels, trace.set_span_in_context(span))
        except Exception as error:
            faults.count(error, "metrics")


def _by_modality(told: Mapping[str, Any], key: str) -> Iterator[tuple[str, int]]:
    """Yield modality and count, which add up to all tokens of a kind."""
    rest = told.get(key, 0)
    for modality, attribute in names.MODALITIES.get(key, {}).items():
        # What providers tell of parts may be more than the whole.
        count = min(told.get(attribute, 0), rest)
        if count:
            yield modality, count
            rest -= count
    if rest or not told.get(key, 0):
        yield "unknown", rest


def _tokens(meter: metrics.Meter, name: str) -> Any:
    return meter.create_histogram(
        name, "{token}", "Tokens per call.", explicit_bucket_boundaries_advisory=TOKENS
    )
