"""The span of a model call: one per call, below what is current there, with what the call was and what it took."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
from messages.conftest import Drive, Traced, fake, line
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import SpanKind, StatusCode
from typing_extensions import TypedDict

from otgraph.errors import BudgetExceededError
from otgraph.graph import START, MessagesState, StateGraph
from otgraph.messages import model_call
from otgraph.prebuilt import create_react_agent
from otgraph.telemetry import Budget, Price
from otgraph.types import RetryPolicy

from .conftest import asks, chat, client
from .server import MODEL, Answer, Server, limited

Serve = Callable[..., Server]

HI = {"messages": [("user", "hi")]}
FOX = Answer(text="big red fox")
CALL = Answer(calls=(("get_weather", {"city": "sf"}, "c1"),), usage=(60, 15))
SUNNY = Answer(text="It is sunny", usage=(85, 9))


class State(TypedDict, total=False):
    topic: str
    answer: str


def get_weather(city: str) -> str:
    """Get weather for a given city."""
    return "sunny"


def agent_of(server: Server, tools: Any = (get_weather,), **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return create_react_agent(chat(server, **options), list(tools), name="weather")


def finished(traced: Traced, prefix: str = "") -> list[Any]:
    spans = [span for span in traced._exporter.get_finished_spans() if span.name.startswith(prefix)]
    return sorted(spans, key=lambda span: span.start_time)


def only(attributes: Any, *prefixes: str) -> dict[str, Any]:
    return {key: value for key, value in attributes.items() if key.startswith(prefixes)}


@pytest.mark.parametrize("mode", [None, "messages"])
def test_the_call_of_a_langchain_model(drive: Drive, serve: Serve, traced: Traced, mode: str | None) -> None:
    """One span of kind CLIENT per call, a child of the task's, says what was asked, what answered and what it took."""
    graph = line(MessagesState, n=asks(drive, chat(serve(FOX), temperature=0.5, max_tokens=99)))
    if mode is None:
        drive.invoke(graph, HI, telemetry=traced.options)
    else:
        drive.stream(graph, HI, stream_mode=mode, telemetry=traced.options)
    (span,) = finished(traced, "chat")
    task = traced.span("invoke_node n")
    assert ("chat gpt-4o-mini", SpanKind.CLIENT) == (span.name, span.kind)
    assert span.parent.span_id == task.context.span_id
    told = only(span.attributes, "gen_ai.")
    first = told.pop("gen_ai.response.time_to_first_chunk", None)
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.workflow.name": "LangGraph",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.request.temperature": 0.5,
        "gen_ai.request.max_tokens": 99,
        "gen_ai.response.model": MODEL,
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
    }
    if mode is None:
        assert first is None
        assert {**expected, "gen_ai.response.id": "chatcmpl-1"} == told
    else:
        assert 0 < first < (span.end_time - span.start_time) / 1e9
        assert {**expected, "gen_ai.request.stream": True} == told


@pytest.mark.parametrize("mode", ["values", "messages"])
@pytest.mark.parametrize("around", ["node", "chain", "graph", "graph in a chain"])
def test_one_handler_of_ours_hears_of_models(drive: Drive, traced: Traced, mode: str, around: str) -> None:
    """However a model is called and whoever streams it, LangChain tells one handler of ours, and there is one span."""
    from langchain_core.callbacks import CallbackManager
    from langchain_core.runnables import RunnableLambda
    from langchain_core.runnables.config import ensure_config

    heard: list[list[str]] = []
    model = fake("big red fox")

    def look() -> None:
        manager = CallbackManager.configure(ensure_config()["callbacks"])
        heard.append([type(each).__name__ for each in manager.handlers])

    def ask(state: Any) -> dict[str, str]:
        look()
        return {"answer": model.invoke("hi").content}

    async def aask(state: Any) -> dict[str, str]:
        look()
        return {"answer": (await model.ainvoke("hi")).content}

    node: Any = ask if drive.sync else aask
    if around.startswith("graph"):
        node = line(State, inner=node)
    if around.endswith("chain"):
        node = RunnableLambda(lambda state: state) | (RunnableLambda(node) if around == "chain" else node)
    drive.stream(line(State, n=node), {"topic": "x"}, stream_mode=mode, telemetry=traced.options)
    assert [["TokenHandler" if mode == "messages" else "ModelHandler"]] == heard
    (span,) = finished(traced, "chat")
    assert (mode == "messages") == ("gen_ai.response.time_to_first_chunk" in span.attributes)


def test_callbacks_of_a_call_leave_its_span(drive: Drive, traced: Traced) -> None:
    """A model that is called with callbacks of its own, which take the place of those around, has its span."""
    model = fake("big red fox")

    def ask(state: Any) -> dict[str, str]:
        return {"answer": model.invoke("hi", {"callbacks": []}).content}

    async def aask(state: Any) -> dict[str, str]:
        return {"answer": (await model.ainvoke("hi", {"callbacks": []})).content}

    graph = line(State, n=ask if drive.sync else aask)
    assert [] == drive.stream(graph, {"topic": "x"}, stream_mode="messages", telemetry=traced.options)
    assert 1 == len(finished(traced, "chat"))


def test_the_call_of_any_client(drive: Drive, serve: Serve, traced: Traced) -> None:
    """`model_call` makes the same span from the client's own chunks, and is current while the call goes on."""
    server = serve(FOX)
    inside: list[int] = []
    request = {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }

    def take(call: Any, chunk: Any) -> None:
        inside.append(trace.get_current_span().get_span_context().span_id)
        call.response(chunk)
        if chunk.choices:
            call.token(chunk.choices[0].delta.content)

    def n(state: State) -> None:
        openai = client(server, "threads")
        with model_call("gpt-4o-mini", provider="openai", parameters={"temperature": 0.1}) as call:
            for chunk in openai.chat.completions.create(**request):
                take(call, chunk)

    async def n_async(state: State) -> None:
        openai = client(server, "asyncio")
        with model_call("gpt-4o-mini", provider="openai", parameters={"temperature": 0.1}) as call:
            async for chunk in await openai.chat.completions.create(**request):
                take(call, chunk)

    graph = line(State, n=n if drive.sync else n_async)
    drive.invoke(graph, {"topic": "x"}, telemetry=traced.options)
    (span,) = finished(traced, "chat")
    task = traced.span("invoke_node n")
    assert {span.context.span_id} == set(inside)
    assert span.parent.span_id == task.context.span_id
    assert SpanKind.CLIENT is span.kind
    assert span.attributes["gen_ai.response.time_to_first_chunk"] > 0
    assert {
        "gen_ai.response.model": MODEL,
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 2,
        "gen_ai.request.temperature": 0.1,
    }.items() <= dict(span.attributes).items()


def test_a_model_inside_a_tool(drive: Drive, serve: Serve, traced: Traced) -> None:
    """The parent is the span that is current there: the call of the tool; the agent around it is named."""
    inner = chat(serve(FOX))

    def get_weather(city: str) -> str:
        """Get weather for a given city."""
        return str(inner.invoke("hi").content)

    async def get_weather_async(city: str) -> str:
        """Get weather for a given city."""
        return str((await inner.ainvoke("hi")).content)

    get_weather_async.__name__ = "get_weather"
    agent = agent_of(serve(CALL, SUNNY), [get_weather if drive.sync else get_weather_async])
    drive.invoke(agent, HI, telemetry=traced.options)
    _, span, _ = finished(traced, "chat")
    assert traced.span("execute_tool get_weather").context.span_id == span.parent.span_id
    assert ["weather"] * 3 == [each.attributes["gen_ai.agent.name"] for each in finished(traced, "chat")]


@pytest.mark.parametrize(
    ("answer", "kind", "mode"),
    [
        (Answer(text="big red fox", breaks_after=2), "OpenAIConnectionError", "messages"),
        (Answer(text="big red fox", garbles_after=2), "JSONDecodeError", "messages"),
        (limited(), "OpenAIRateLimitError", "messages"),
        (limited(), "OpenAIRateLimitError", "values"),
    ],
    ids=["disconnect", "malformed", "429 streamed", "429"],
)
def test_a_call_that_fails(
    drive: Drive, serve: Serve, traced: Traced, answer: Answer, kind: str, mode: str
) -> None:
    """The span has the status and the kind of the error, and ends before its task's."""
    graph = line(MessagesState, n=asks(drive, chat(serve(answer))))
    with pytest.raises(Exception):
        drive.stream(graph, HI, stream_mode=mode, telemetry=traced.options)
    (span,) = finished(traced, "chat")
    assert (StatusCode.ERROR, kind) == (span.status.status_code, span.attributes["error.type"])
    assert span.end_time <= traced.span("invoke_node n").end_time
    assert "error" == span.attributes["otgraph.outcome"]
    assert not span.events


def test_a_consumer_who_leaves(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A node that stops reading its model's stream leaves no span open, and that is no error."""
    model = chat(serve(Answer(text="one two three four")))

    def n(state: Any) -> None:
        for _ in model.stream("hi"):
            return

    async def n_async(state: Any) -> None:
        async for _ in model.astream("hi"):
            return

    graph = line(MessagesState, n=n if drive.sync else n_async)
    drive.invoke(graph, HI, telemetry=traced.options)
    (span,) = finished(traced, "chat")
    assert StatusCode.UNSET is span.status.status_code
    assert span.attributes["otgraph.outcome"] in ("success", "cancelled", "abandoned")
    assert "otgraph.spans.leaked" not in traced.span("invoke_workflow LangGraph").attributes


def test_usage_is_summed_without_counting_twice(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A node, an agent and a run have the sum of the calls inside them, an agent inside a graph included."""
    builder: Any = StateGraph(MessagesState)
    builder.add_node("weather", agent_of(serve(CALL, SUNNY))).add_edge(START, "weather")
    builder.add_node("n", asks(drive, chat(serve(FOX)))).add_edge("weather", "n")
    options = replace(traced.options, prices={"gpt-4o-mini": Price(input=1_000, output=10_000)})
    output = drive.invoke(builder.compile(name="outer"), HI, telemetry=options, version="v2")
    assert (3, 157, 29) == (output.usage.model_calls, output.usage.input_tokens, output.usage.output_tokens)
    assert output.usage.cost == pytest.approx(0.157 + 0.29)

    def used(name: str) -> list[Any]:
        return [
            tuple(
                span.attributes.get(f"otgraph.usage.{key}") for key in ("model_calls", "input_tokens", "cost")
            )
            for span in finished(traced, name)
        ]

    assert [(3, 157, pytest.approx(0.157 + 0.29))] == used("invoke_workflow outer")
    assert [(2, 145, pytest.approx(0.145 + 0.24))] == used("invoke_agent weather")
    assert [(2, 145, pytest.approx(0.145 + 0.24))] == used("invoke_node weather")
    assert [(1, 60, pytest.approx(0.21)), (1, 85, pytest.approx(0.175))] == used("invoke_node agent")
    assert [(None, None, None)] == used("invoke_node tools")
    assert [(1, 12, pytest.approx(0.062))] == used("invoke_node n")
    agent = traced.span("invoke_agent weather").attributes
    assert (145, 24) == (agent["gen_ai.usage.input_tokens"], agent["gen_ai.usage.output_tokens"])
    assert "gen_ai.usage.input_tokens" not in traced.span("invoke_workflow outer").attributes


def test_what_a_failed_attempt_used_counts(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A node that is tried again has used what both attempts took."""
    ask = asks(drive, chat(serve(FOX, FOX)))
    attempts: list[int] = []

    def fail_once() -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError

    def n(state: Any) -> Any:
        answer = ask(state)
        fail_once()
        return answer

    async def n_async(state: Any) -> Any:
        answer = await ask(state)
        fail_once()
        return answer

    builder: Any = StateGraph(MessagesState)
    builder.add_node("n", n if drive.sync else n_async, retry_policy=RetryPolicy(initial_interval=0.001))
    drive.invoke(builder.add_edge(START, "n").compile(), HI, telemetry=traced.options)
    for name in ("invoke_node n", "invoke_workflow LangGraph"):
        told = traced.span(name).attributes
        assert (2, 24, 10) == (
            told["otgraph.usage.model_calls"],
            told["otgraph.usage.input_tokens"],
            told["otgraph.usage.output_tokens"],
        )


@pytest.mark.parametrize(
    ("budget", "what"),
    [
        (Budget(model_calls=1), "model_calls"),
        (Budget(tokens=75), "tokens"),
        (Budget(cost=0.0001), "cost"),
    ],
)
def test_a_budget_ends_the_run(drive: Drive, serve: Serve, traced: Traced, budget: Budget, what: str) -> None:
    """No call begins once the budget is used up: the run ends with the error and its own outcome."""
    server = serve(CALL, SUNNY)
    prices = {MODEL: Price(input=1, output=4)}
    options = replace(traced.options, budget=budget, prices=prices)
    with pytest.raises(BudgetExceededError) as caught:
        drive.invoke(agent_of(server), HI, telemetry=options)
    assert what == caught.value.what
    assert 1 == len(server.requests)
    assert 1 == len(finished(traced, "chat"))
    root = traced.span("invoke_agent weather")
    assert "budget_exceeded" == root.attributes["otgraph.outcome"]
    assert "budget_exceeded" == finished(traced, "invoke_node")[-1].attributes["otgraph.outcome"]
    assert "BudgetExceededError" == root.attributes["error.type"]


def test_a_budget_holds_in_tools_and_runs_inside(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A model that a tool's own graph calls takes from the budget of the run around it, and ends that."""
    server = serve(FOX)
    graph = line(MessagesState, n=asks(drive, chat(server)))

    def get_weather(city: str) -> str:
        """Get weather for a given city."""
        return str(graph.invoke(HI)["messages"][-1].content)

    async def get_weather_async(city: str) -> str:
        """Get weather for a given city."""
        return str((await graph.ainvoke(HI))["messages"][-1].content)

    get_weather_async.__name__ = "get_weather"
    agent = agent_of(serve(CALL, SUNNY), [get_weather if drive.sync else get_weather_async])
    with pytest.raises(BudgetExceededError):
        drive.invoke(agent, HI, telemetry=replace(traced.options, budget=Budget(model_calls=1)))
    assert not server.requests
    assert "budget_exceeded" == traced.span("invoke_agent weather").attributes["otgraph.outcome"]


def test_a_budget_that_lasts_changes_nothing(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A run that takes just what it was given comes to its end."""
    options = replace(traced.options, budget=Budget(model_calls=2))
    result = drive.invoke(agent_of(serve(CALL, SUNNY)), HI, telemetry=options)
    assert "It is sunny" == result["messages"][-1].content


def test_bad_budgets_are_refused() -> None:
    """A limit must be positive, and a limit of cost needs prices, which are numbers."""
    from otgraph.telemetry import TelemetryOptions

    bad: Any
    for bad in (0, -1, "5", True, float("nan")):
        with pytest.raises(ValueError, match="tokens of a budget must be a number greater than 0"):
            Budget(tokens=bad)
    for bad in (-1, "0.15", None, float("nan")):
        with pytest.raises(ValueError, match="input of a price must be a number from 0"):
            Price(input=bad, output=1)
    with pytest.raises(
        TypeError, match=r"the price of 'gpt-4o-mini' must be a Price\(input=..., output=...\)"
    ):
        TelemetryOptions(prices={"gpt-4o-mini": bad})
    with pytest.raises(ValueError, match="needs prices"):
        TelemetryOptions(budget=Budget(cost=1))


def test_content_only_where_it_is_captured(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Messages are on the span where content is captured, after the hook; none anywhere by default."""
    agent = agent_of(serve(CALL, SUNNY, CALL, SUNNY))
    drive.invoke(agent, HI, telemetry=traced.options)
    for span in finished(traced):
        assert "gen_ai.input.messages" not in span.attributes
        assert "sunny" not in span.to_json()
    traced._exporter.clear()

    def hide(name: str, value: Any) -> Any:
        return "[hidden]" if name == "gen_ai.output.messages" else value

    drive.invoke(agent, HI, telemetry=replace(traced.options, capture=True, redact=hide))
    _, last = finished(traced, "chat")
    assert '"[hidden]"' == last.attributes["gen_ai.output.messages"]
    assert [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "sf"}}],
        },
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
    ] == json.loads(last.attributes["gen_ai.input.messages"])


def test_metrics(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Runs, tools and calls are measured with the conventions' buckets and no label that names a thread or a run."""
    reader = InMemoryMetricReader()
    options = replace(traced.options, meter_provider=MeterProvider([reader], shutdown_on_exit=False))
    config = {"configurable": {"thread_id": "secret-thread"}}
    server = serve(CALL, SUNNY)
    drive.stream(agent_of(server), HI, config, stream_mode="messages", telemetry=options)
    drive.invoke(line(State, n=drive.node(lambda state: None)), {"topic": "x"}, telemetry=options)
    data = reader.get_metrics_data()
    assert data is not None
    assert "secret-thread" not in data.to_json()
    found = {
        metric.name: metric
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }
    assert {
        "gen_ai.client.operation.duration",
        "gen_ai.client.operation.time_per_output_chunk",
        "gen_ai.client.operation.time_to_first_chunk",
        "gen_ai.client.token.usage",
        "gen_ai.execute_tool.duration",
        "gen_ai.invoke_agent.duration",
        "gen_ai.invoke_agent.inference_calls",
        "gen_ai.invoke_agent.tool_calls",
        "gen_ai.invoke_workflow.duration",
    } == {name for name in found if name.startswith("gen_ai.")}
    (calls,) = found["gen_ai.client.operation.duration"].data.data_points
    assert 2 == calls.count
    assert [0.01 * 2**n for n in range(14)] == list(calls.explicit_bounds)
    assert {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.model": MODEL,
        "server.address": "127.0.0.1",
        "server.port": urlsplit(server.url).port,
    } == calls.attributes
    spans = finished(traced, "chat")
    assert sum(span.end_time - span.start_time for span in spans) / 1e9 == pytest.approx(calls.sum)
    tokens = {
        point.attributes["gen_ai.token.type"]: point.sum
        for point in found["gen_ai.client.token.usage"].data.data_points
    }
    assert {"input": 145, "output": 24} == tokens
    (agent,) = found["gen_ai.invoke_agent.duration"].data.data_points
    assert ("weather", "success", 1) == (
        agent.attributes["gen_ai.agent.name"],
        agent.attributes["otgraph.outcome"],
        agent.count,
    )
    assert 13 == len(agent.explicit_bounds)
    (tool,) = found["gen_ai.execute_tool.duration"].data.data_points
    assert "get_weather" == tool.attributes["gen_ai.tool.name"]
    (run,) = found["gen_ai.invoke_workflow.duration"].data.data_points
    assert (1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200) == tuple(run.explicit_bounds)


def test_a_model_outside_of_a_run_is_not_ours(serve: Serve, traced: Traced) -> None:
    """A model that is called before, between or after runs has no span of ours."""
    model = chat(serve(FOX, FOX, FOX))
    model.invoke("hi")
    drive = Drive("threads")
    drive.invoke(line(MessagesState, n=asks(drive, model)), HI, telemetry=traced.options)
    model.invoke("hi")
    assert 1 == len(finished(traced, "chat"))
