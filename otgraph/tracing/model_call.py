"""
ModelCall: the span of one call of a model, its metrics, and what it adds to the usage of its run.

Rule: one call of a model has one span. Where another instrumentor makes that, there is none of ours, and no metric;
what the call used is counted all the same. It ends once, whoever says so first.
"""

from __future__ import annotations

from dataclasses import replace
from time import time_ns
from typing import Any

from opentelemetry.trace import SpanKind

from otgraph.infos import TaskInfo
from otgraph.messages.exchange import ModelRequest, ModelResponse
from otgraph.tracing import names
from otgraph.tracing.budget import cost_of
from otgraph.tracing.faults import faults
from otgraph.tracing.inner import InnerSpan
from otgraph.tracing.instrumentors import traced_elsewhere
from otgraph.tracing.observer import TracingObserver
from otgraph.tracing.spending import begin_call, end_call, spend

__all__ = ["ModelCall"]

PARAMETERS = {"temperature": names.TEMPERATURE, "max_tokens": names.MAX_TOKENS, "top_p": names.TOP_P}
"""Parameter of a model -> its attribute."""
PROVIDERS = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""LangChain's name of a provider -> that of the conventions, where it is another."""


class ModelCall:
    """
    See the module.

    Args:
        observer: that of the run.
        task: in which the model is called.
    """

    __slots__ = ("__weakref__", "_current", "_first_ns", "_observer", "_request", "_span", "_task")

    def __init__(self, observer: TracingObserver, task: TaskInfo, request: ModelRequest) -> None:
        self._observer = observer
        self._task = task
        self._request = request
        self._span: InnerSpan | None = None
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
        provider = self._provider
        if self._task.run.place.record.closed or traced_elsewhere(provider, bridged=request.bridged):
            return
        attributes: dict[str, Any] = {names.OPERATION: request.operation, names.REQUEST_MODEL: request.model}
        if provider is not None:
            attributes[names.PROVIDER] = provider
        agent = _agent_of(self._task.run)
        if agent is not None:
            attributes[names.AGENT] = agent
        for key, attribute in PARAMETERS.items():
            value = request.parameters.get(key)
            if value is not None:
                attributes[attribute] = value
        name = f"{request.operation} {request.model}"
        span = InnerSpan(self._observer, self._task, name, attributes, SpanKind.CLIENT)
        if current:
            self._current = True
            span.__enter__()
        else:
            span.begin()
        self._span = span
        if request.messages is not None and self._observer.options.captures:
            span.content(names.INPUT_MESSAGES, request.messages())

    @property
    def _provider(self) -> str | None:
        """Whose model it is, by the name that the conventions give it."""
        given = self._request.provider
        return PROVIDERS.get(given or "", given)

    def first(self) -> None:
        """Note that the model has begun to answer; only the first time counts."""
        if not self._first_ns:
            self._first_ns = time_ns()

    def end(self, response: ModelResponse | None, error: BaseException | None) -> None:
        """End, with what is known of the answer."""
        end_call(self._task, self)
        try:
            response = self._spend(response)
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
            meters.calls.model_paid(self._task, cost, self._provider, self._request.model)
        return replace(response, usage=usage)

    def _end(self, inner: InnerSpan, response: ModelResponse, error: BaseException | None) -> None:
        span = inner.span
        if span._end_time is None:
            span.annotate(self._told(response, span._start_time))
            if response.messages is not None and self._observer.options.captures:
                inner.content(names.OUTPUT_MESSAGES, response.messages())
        ended = span._end_time is not None
        if self._current:
            inner.__exit__(None if error is None else type(error), error, None)
        else:
            inner.finish(error)
        meters = self._observer.record.meters
        if meters is not None and not ended:
            meters.calls.model_called(span)

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
            told[names.INPUT_TOKENS] = usage.input_tokens
            told[names.OUTPUT_TOKENS] = usage.output_tokens
            for key, value in (
                (names.CACHE_READ_TOKENS, usage.cache_read_tokens),
                (names.CACHE_WRITE_TOKENS, usage.cache_write_tokens),
                (names.REASONING_TOKENS, usage.reasoning_tokens),
                (names.USED_COST, usage.cost),
            ):
                if value:
                    told[key] = value
        return told


def _agent_of(run: Any) -> str | None:
    while run is not None:
        if run.agent is not None:
            return str(run.agent)
        run = run.parent
    return None
