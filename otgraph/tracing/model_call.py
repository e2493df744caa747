"""
ModelCall: the span of one call of a model, its metrics, and what it adds to the usage of its run.

Rule: one call of a model has one span. Where another instrumentor makes that, there is none of ours, and no metric;
what the call used is counted all the same. It ends once, whoever says so first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from time import time_ns
from typing import Any

from opentelemetry.trace import SpanKind

from otgraph.infos import RunInfo, TaskInfo
from otgraph.messages.exchange import ModelRequest, ModelResponse
from otgraph.tracing import names
from otgraph.tracing.budget import cost_of
from otgraph.tracing.content import show_asked
from otgraph.tracing.faults import faults
from otgraph.tracing.identity import agent_around
from otgraph.tracing.inner import InnerSpan
from otgraph.tracing.instrumentors import traced_elsewhere
from otgraph.tracing.observer import TracingObserver
from otgraph.tracing.request import provider_of, request_attributes
from otgraph.tracing.spending import begin_call, end_call, spend, token_attributes

__all__ = ["ModelCall"]

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
        "_content",
        "_current",
        "_first_ns",
        "_observer",
        "_request",
        "_span",
        "_task",
    )

    def __init__(self, observer: TracingObserver, task: TaskInfo, request: ModelRequest) -> None:
        self._observer = observer
        self._task = task
        self._request = request
        self._agent: RunInfo | None = None
        self._span: InnerSpan | None = None
        self._content: dict[str, Any] = {}
        """Attribute -> what it tells, where content is captured."""
        self._first_ns = 0
        self._current = False

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
            faults.count(error, "span of a model call")

    def _start(self, current: bool) -> None:
        request = self._request
        attributes = request_attributes(request)
        run = self._agent = agent_around(self._task.run)
        if run is not None and run.agent is not None:
            attributes[names.AGENT] = run.agent.name
            if names.REQUEST_MODEL not in run.span._attributes:
                # That of the first call is the agent's.
                self._tell_agent({key: attributes[key] for key in (names.PROVIDER, names.REQUEST_MODEL)})
        bridged = request.bridged
        if self._task.run.place.record.closed or traced_elsewhere(provider_of(request), bridged=bridged):
            return
        name = f"{request.operation} {request.model}"
        span = InnerSpan(self._observer, self._task, name, attributes, SpanKind.CLIENT)
        if current:
            self._current = True
            span.__enter__()
        else:
            span.begin()
        self._span = span
        if self._shows:
            self._show(span)

    @property
    def _shows(self) -> bool:
        options = self._observer.options
        return options.captures or options.captures_events

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

    def first(self) -> None:
        """Note that the model has begun to answer; only the first time counts."""
        if not self._first_ns:
            self._first_ns = time_ns()

    def end(self, response: ModelResponse | None, error: BaseException | None) -> None:
        """End, with what is known of the answer."""
        end_call(self._task, self)
        try:
            response = self._spend(response)
            if response.finish_reasons:
                # Those of the last call are the agent's.
                self._tell_agent({names.FINISH_REASONS: tuple(response.finish_reasons)})
            if self._span is not None:
                self._end(self._span, response, error)
        except Exception as fault:
            faults.count(fault, "span of a model call")

    def _spend(self, response: ModelResponse | None) -> ModelResponse:
        if response is None:
            return ModelResponse()
        if response.usage is None:
            return response
        cost = cost_of(response.usage, self._observer.options.prices, response.model, self._request.model)
        usage = replace(response.usage, cost=cost)
        spend(self._task, usage)
        meters = self._observer.record.meters
        if meters is not None and cost is not None:
            meters.calls.model_paid(self._task, cost, provider_of(self._request), self._request.model)
        return replace(response, usage=usage)

    def _end(self, inner: InnerSpan, response: ModelResponse, error: BaseException | None) -> None:
        span = inner.span
        if span._end_time is None:
            span.annotate(self._told(response, span._start_time))
            if response.messages is not None and self._shows:
                self._show_answer(inner, response.messages, error)
        ended = span._end_time is not None
        if self._current:
            inner.__exit__(None if error is None else type(error), error, None)
        else:
            inner.finish(error)
        if self._observer.options.captures_events and not ended:
            # Imported where it is wanted: few ask for it.
            from otgraph.tracing.details import tell_details

            exported = self._task.run.place.exports
            tell_details(self._observer.options, span, self._content, exported=exported)
        meters = self._observer.record.meters
        if meters is not None and not ended:
            meters.calls.model_called(span)

    def _show_answer(self, inner: InnerSpan, said: Callable[[], Any], error: BaseException | None) -> None:
        """Record what the model said; of one that failed, as far as it came."""
        try:
            answers = said()
        except Exception as fault:
            faults.count(fault, "content capture")
            return
        if error is not None:
            answers = [{**answer, "finish_reason": "error"} for answer in answers if answer["parts"]]
        if answers:
            self._content[names.OUTPUT_MESSAGES] = answers
            inner.content(names.OUTPUT_MESSAGES, answers)

    def _told(self, response: ModelResponse, begun_ns: int) -> dict[str, Any]:
        told: dict[str, Any] = {}
        if self._first_ns:
            told[names.STREAMED] = True
            told[names.FIRST_CHUNK] = (self._first_ns - begun_ns) / 1e9
        if response.model is not None:
            told[names.RESPONSE_MODEL] = response.model
        if response.id is not None:
            told[names.RESPONSE_ID] = response.id
        if response.finish_reasons:
            told[names.FINISH_REASONS] = tuple(response.finish_reasons)
        usage = response.usage
        if usage is not None:
            told.update(token_attributes(usage))
            if usage.cost:
                told[names.USED_COST] = usage.cost
        return told
