"""
ModelCall: the span of one call of a model, its metrics, and what it adds to the usage of its run.

Rule: one call of a model has one span. Where another instrumentor makes that, there is none of ours, and no metric;
what the call used is counted all the same. It ends once, whoever says so first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from opentelemetry.trace import SpanKind

from otgraph.errors import GraphBubbleUp
from otgraph.events import Outcome, SpanNoted
from otgraph.infos import RunInfo, TaskInfo
from otgraph.messages.answer import BROKEN_OFF, Answer
from otgraph.messages.exchange import ModelRequest, ModelResponse
from otgraph.tracing import names
from otgraph.tracing.budget import cost_of
from otgraph.tracing.chunks import PIECE, TOKEN, Chunks
from otgraph.tracing.content import show_asked
from otgraph.tracing.faults import faults
from otgraph.tracing.identity import agent_around
from otgraph.tracing.inner import InnerSpan
from otgraph.tracing.instrumentors import traced_elsewhere
from otgraph.tracing.observer import TracingObserver
from otgraph.tracing.request import provider_of, request_attributes
from otgraph.tracing.spending import begin_call, end_call, spend, token_attributes

__all__ = ["ModelCall"]

WHERE = "span of a model call"
CONTENT = (
    (names.INPUT_MESSAGES, "messages"),
    (names.SYSTEM_INSTRUCTIONS, "instructions"),
    (names.TOOL_DEFINITIONS, "tools"),
)
"""What a request tells where content is captured: its attribute, and what returns it."""


class ModelCall:
    """
    See the module.

    Args:
        observer: that of the run.
        task: in which the model is called.
    """

    __slots__ = (
        "__weakref__",
        "_agent",
        "_answer",
        "_chunks",
        "_content",
        "_current",
        "_observer",
        "_over",
        "_request",
        "_shows",
        "_span",
        "_task",
    )

    def __init__(self, observer: TracingObserver, task: TaskInfo, request: ModelRequest) -> None:
        self._observer = observer
        self._task = task
        self._request = request
        self._agent: RunInfo | None = None
        self._span: InnerSpan | None = None
        self._answer: Answer | None = None
        """What the client has answered so far; None where somebody else reads that."""
        self._chunks = Chunks(timed=False)
        self._content: dict[str, Any] = {}
        """Attribute -> what it tells, where content is captured."""
        self._current = False
        self._over = False
        options = observer.options
        self._shows = options.captures or (options.captures_events and options.emits)
        """Whether content is told of; asked once, as it takes a look at the environment."""

    # ---- while it goes on

    def begin(self, *, current: bool) -> None:
        """
        Begin, and be the current span if that is wanted.

        Raises:
            BudgetExceededError: the run has nothing left for it.
        """
        begin_call(self._task, self, self._observer.options.budget)
        try:
            self._start(current)
        except Exception as error:
            faults.count(error, WHERE)

    def _start(self, current: bool) -> None:
        request = self._request
        attributes = request_attributes(request)
        run = self._agent = agent_around(self._task.run)
        if run is not None and run.agent is not None:
            attributes[names.AGENT] = run.agent.name
            if names.REQUEST_MODEL not in run.span._attributes:
                # That of the first call is the agent's.
                self._tell_agent({key: attributes[key] for key in (names.PROVIDER, names.REQUEST_MODEL)})
        ours = not (
            self._task.run.place.record.closed
            or traced_elsewhere(provider_of(request), request.model, bridged=request.bridged)
        )
        if not request.bridged:
            self._answer = Answer(keeps=ours and self._shows)
        if not ours:
            return
        name = f"{request.operation} {request.model}"
        span = InnerSpan(self._observer, self._task, name, attributes, SpanKind.CLIENT)
        if current:
            self._current = True
            span.__enter__()
        else:
            span.begin()
        self._span = span
        self._chunks = Chunks(timed=self._observer.record.meters is not None)
        if self._shows:
            self._show(span)

    def _show(self, span: InnerSpan) -> None:
        """Record what the model is asked, and keep it for what is told at the end."""
        for attribute, name in CONTENT:
            told = getattr(self._request, name)
            if told is not None:
                value = self._content[attribute] = told()
                span.content(attribute, value)
        agent = self._agent
        if agent is not None and agent.span._end_time is None:
            show_asked(self._observer.options, agent.span, self._content)

    def _tell_agent(self, told: dict[str, Any]) -> None:
        """Have the span of the agent around say what its calls do."""
        if self._agent is not None and self._agent.span._end_time is None:
            self._agent.span.annotate(told)

    def chunk(self) -> bool:
        """Note that another piece of the answer has come; return whether those that follow count, too."""
        chunks = self._chunks
        if chunks.timed or not chunks.first_ns:
            chunks.came(PIECE)
        return chunks.timed

    def token(self, chunk: Any) -> None:
        """Note what is handed to the stream."""
        chunks = self._chunks
        if chunks.timed or not chunks.first_ns:
            chunks.came(TOKEN)
        if self._answer is not None and self._answer.keeps:
            self._note(self._answer.token, chunk)

    def message(self, message: Any) -> None:
        """Note the whole answer as it is handed to the stream."""
        if self._answer is not None:
            self._answer.message(message)

    def read(self, answer: Any) -> None:
        """Note what the client answered, a piece of it or all."""
        if self._answer is not None and self._note(self._answer.read, answer):
            self.chunk()

    def _note(self, take: Callable[[Any], Any], told: Any) -> Any:
        try:
            return take(told)
        except Exception as error:
            # The object is the client's, and so are its properties.
            faults.count(error, WHERE)
            return None

    # ---- its end

    def end(self, response: ModelResponse | None, error: BaseException | None) -> None:
        """End; `response` is what is known of the answer, unless it was read here."""
        end_call(self._task, self)
        if self._over:
            return
        self._over = True
        try:
            response = self._known(response, broken=error is not None)
            if self._span is not None:
                self._end(self._span, response, error)
        except Exception as fault:
            faults.count(fault, WHERE)

    def leave(self, outcome: Outcome) -> None:
        """End the span of a call that goes on, though its task is over, and that may never be ended."""
        inner = self._span
        if self._over or inner is None or inner.span._end_time is not None:
            return
        try:
            response = replace(self._read(), usage=None)
            inner.span.annotate(self._told(response, broken=True))
            self._show_answer(inner, response, broken=True)
            inner.span.conclude(outcome, SpanNoted(self._task.run))
            self._measure(inner)
        except Exception as fault:
            faults.count(fault, WHERE)

    def _read(self) -> ModelResponse:
        return ModelResponse() if self._answer is None else self._answer.response()

    def _known(self, response: ModelResponse | None, *, broken: bool) -> ModelResponse:
        """Return what is known at the end, after what it used was added to all that is around."""
        if response is None:
            response = self._read()
        reasons = self._reasons(response, broken=broken)
        if reasons:
            # Those of the last call are the agent's.
            self._tell_agent({names.FINISH_REASONS: reasons})
        if response.usage is None:
            return response
        cost = cost_of(response.usage, self._observer.options.prices, response.model, self._request.model)
        usage = replace(response.usage, cost=cost)
        spend(self._task, usage)
        meters = self._observer.record.meters
        if meters is not None and cost is not None:
            meters.calls.model_paid(self._task, cost, provider_of(self._request), self._request.model)
        return replace(response, usage=usage)

    def _reasons(self, response: ModelResponse, *, broken: bool) -> tuple[str, ...]:
        """Return why the model stopped; of an answer that broke off, though nobody says so, that it did."""
        if response.finish_reasons:
            return tuple(response.finish_reasons)
        return (BROKEN_OFF,) if broken and self._chunks.first_ns else ()

    def _end(self, inner: InnerSpan, response: ModelResponse, error: BaseException | None) -> None:
        span = inner.span
        ended = span._end_time is not None
        if not ended:
            span.annotate(self._told(response, broken=error is not None))
            self._show_answer(inner, response, broken=error is not None)
        if self._current:
            inner.__exit__(None if error is None else type(error), error, None)
        else:
            inner.finish(error)
        if not ended:
            self._log(inner, error)
            self._measure(inner)

    def _log(self, inner: InnerSpan, error: BaseException | None) -> None:
        options = self._observer.options
        exported = self._task.run.place.exports
        if options.emits:
            # Imported where it is wanted: few ask for it, and few calls fail.
            from otgraph.tracing.details import tell_details

            tell_details(options, inner.span, self._content, exported=exported)
        if isinstance(error, Exception) and not isinstance(error, GraphBubbleUp):
            from otgraph.tracing.details import tell_exception

            tell_exception(options, inner.span, error, exported=exported)

    def _measure(self, inner: InnerSpan) -> None:
        meters = self._observer.record.meters
        if meters is not None:
            meters.calls.model_called(inner.span, self._chunks)

    def _show_answer(self, inner: InnerSpan, response: ModelResponse, *, broken: bool) -> None:
        """Record what the model said; of an answer that broke off, as far as it came."""
        if response.messages is None or not self._shows:
            return
        try:
            answers = response.messages()
        except Exception as fault:
            faults.count(fault, "content capture")
            return
        if broken and not response.finish_reasons:
            answers = [{**answer, "finish_reason": BROKEN_OFF} for answer in answers if answer["parts"]]
        if answers:
            self._content[names.OUTPUT_MESSAGES] = answers
            inner.content(names.OUTPUT_MESSAGES, answers)

    def _told(self, response: ModelResponse, *, broken: bool) -> dict[str, Any]:
        assert self._span is not None
        told: dict[str, Any] = {}
        if self._chunks.first_ns:
            told[names.STREAMED] = True
            told[names.FIRST_CHUNK] = (self._chunks.first_ns - self._span.span._start_time) / 1e9
        reasons = self._reasons(response, broken=broken)
        found = {
            names.RESPONSE_MODEL: response.model,
            names.RESPONSE_ID: response.id,
            names.FINISH_REASONS: reasons or None,
        }
        told.update((key, value) for key, value in found.items() if value is not None)
        usage = response.usage
        if usage is not None:
            told.update(token_attributes(usage))
            if usage.cost:
                told[names.USED_COST] = usage.cost
        return told
