"""
InnerSpan: a span of otgraph's own around a piece of work inside a task, such as a call of a tool.

Rule: it hangs below whatever span is current there, is current while the work is done, and ends with it. What the graph
does through exceptions, a pause or a route, is no error.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from otgraph.errors import GraphBubbleUp, GraphInterrupt
from otgraph.events import Outcome, SpanNoted
from otgraph.infos import TaskInfo
from otgraph.tracing import names
from otgraph.tracing.content import as_attributes
from otgraph.tracing.observer import TracingObserver
from otgraph.tracing.place import SPAN_KEY, Place, begun_in
from otgraph.tracing.span import Span

__all__ = ["InnerSpan"]


class InnerSpan:
    """
    A context manager around the work.

    Args:
        observer: that of the run.
        task: inside which the work is done.
        name: of the span.
        attributes: besides those that all spans of the run bear.
        kind: `CLIENT` for work that another service does.
    """

    __slots__ = ("_attributes", "_before", "_failed", "_kind", "_name", "_observer", "_task", "span")

    def __init__(
        self,
        observer: TracingObserver,
        task: TaskInfo,
        name: str,
        attributes: Mapping[str, Any],
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> None:
        self._kind = kind
        self._failed = False
        self._observer = observer
        self._task = task
        self._name = name
        self._attributes = attributes
        self._before: Context | None = None
        self.span: Span

    def begin(self) -> None:
        """Start the span without making it current, for work that may go on in another context."""
        pipeline, task = self._observer.pipeline, self._task
        place: Place = task.run.place
        context, below_another = begun_in(task)
        attributes = {**place.facts, **self._attributes}
        if below_another:
            span = pipeline.root(self._name, context, attributes, kind=self._kind)
        else:
            span = pipeline.child(self._name, task.span, context, attributes, kind=self._kind)
        self.span = span
        task.inside = [*task.inside, span]
        span.place = place
        span.fact = self._fact()
        span.start(context)

    def __enter__(self) -> InnerSpan:
        self.begin()
        if self._task.run.place.exports:
            # Not detached but put back: whoever steps a coroutine may leave it in another context.
            self._before = otel_context.get_current()
            otel_context.attach(Context({**self._before, SPAN_KEY: self.span}))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._before is not None:
            otel_context.attach(self._before)
        self.finish(error)

    def finish(self, error: BaseException | None) -> None:
        """End the span; what has ended it before is left as it is."""
        span, task = self.span, self._task
        task.inside = [inner for inner in task.inside if inner is not span]
        if span._end_time is not None:
            return
        if isinstance(error, Exception) and not isinstance(error, GraphBubbleUp):
            # The exception itself is recorded once, on the task, if it gets that far.
            self.fail(type(error).__qualname__)
        elif not self._failed:
            span.annotate({names.OUTCOME: _outcome_of(error).text})
        span.fact = self._fact()
        span.end()

    def _fact(self) -> SpanNoted | None:
        wanted = self._observer.record.mask & SpanNoted.kind
        return SpanNoted(self._task.run) if wanted else None

    def fail(self, kind: str) -> None:
        """Mark the work as failed, where its error goes no further than this."""
        self._failed = True
        self.span.annotate({names.OUTCOME: Outcome.ERROR.text, names.ERROR_TYPE: kind})
        self.span.set_status(Status(StatusCode.ERROR))

    def content(self, attribute: str, value: Any) -> None:
        """Set an attribute that is content: only if content is captured, redacted first, capped."""
        self.span.annotate(as_attributes(self._observer.options, attribute, value))


def _outcome_of(error: BaseException | None) -> Outcome:
    """Return how work came to its end that did not fail."""
    if isinstance(error, GraphInterrupt):
        return Outcome.INTERRUPTED
    return Outcome.SUCCESS if error is None or isinstance(error, GraphBubbleUp) else Outcome.CANCELLED
