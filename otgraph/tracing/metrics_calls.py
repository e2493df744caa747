"""
CallMeters: metrics of calls of models and tools, as the GenAI conventions name them.

Rule: the values are those of the spans, and so are the attributes. A call that another instrumentor traces is
measured by that; its cost is not, so that is counted here in any case.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry import metrics, trace

from otgraph.infos import TaskInfo
from otgraph.tracing import names
from otgraph.tracing.distribution import context_in, length_of, seconds
from otgraph.tracing.faults import faults
from otgraph.tracing.labels import labels_of
from otgraph.tracing.span import Span

__all__ = ["CallMeters"]

CLIENT_SECONDS: Final = [0.01 * 2**n for n in range(14)]
"""The buckets of the conventions."""
TOKENS: Final = [4**n for n in range(14)]
"""The same."""

CALL_LABELS: Final = (
    names.OPERATION,
    names.PROVIDER,
    names.REQUEST_MODEL,
    names.RESPONSE_MODEL,
    names.SERVER_ADDRESS,
    names.SERVER_PORT,
    names.ERROR_TYPE,
)
TOOL_LABELS: Final = (names.OPERATION, names.TOOL, names.TOOL_TYPE, names.ERROR_TYPE)


class CallMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
    """

    __slots__ = ("_call", "_cost", "_first", "_tokens", "_tool")

    def __init__(self, meter: metrics.Meter) -> None:
        self._call = seconds(meter, names.CALL_DURATION, CLIENT_SECONDS, "What calls of models take.")
        self._first = seconds(
            meter, names.CALL_FIRST_CHUNK, CLIENT_SECONDS, "Until the first piece of an answer."
        )
        self._tool = seconds(meter, names.TOOL_DURATION, CLIENT_SECONDS, "What calls of tools take.")
        self._tokens = meter.create_histogram(
            names.TOKEN_USAGE, "{token}", "Tokens per call.", explicit_bucket_boundaries_advisory=TOKENS
        )
        self._cost = meter.create_counter(names.COST, "{cost}", "What calls of models cost.")

    def model_called(self, span: Span) -> None:
        """Measure a call of a model, whose span has ended."""
        told = span._attributes
        labels = labels_of(told, CALL_LABELS)
        context = trace.set_span_in_context(span)
        try:
            self._call.record(length_of(span), labels, context)
            if names.FIRST_CHUNK in told:
                self._first.record(told[names.FIRST_CHUNK], labels, context)
            for kind, key in (("input", names.INPUT_TOKENS), ("output", names.OUTPUT_TOKENS)):
                if key in told:
                    self._tokens.record(told[key], {**labels, names.TOKEN_TYPE: kind}, context)
        except Exception as error:
            faults.count(error, "metrics")

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
        try:
            labels = labels_of(span._attributes, TOOL_LABELS)
            self._tool.record(length_of(span), labels, trace.set_span_in_context(span))
        except Exception as error:
            faults.count(error, "metrics")
