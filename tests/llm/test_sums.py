"""Programs that try to make the sums of calls of models wrong; tests are named after the fault that they would show."""

from __future__ import annotations

import asyncio
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

from otgraph.graph import START, MessagesState, StateGraph
from otgraph.messages import model_call
from otgraph.prebuilt import create_react_agent
from otgraph.telemetry import Price
from otgraph.types import RetryPolicy

from .conftest import asks, chat, client
from .server import Answer, Server, limited
from .test_measures import CALLS, TOOLS, Measured, counts
from .test_spans import CALL, HI, SUNNY, agent_of, finished
from .test_streamed import REASONS, REQUEST, SAID, State, X, said

Serve = Callable[..., Server]
FOX = Answer(text="big red fox")
USAGE = ("gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens")
SUMS = ("otgraph.usage.input_tokens", "otgraph.usage.output_tokens")
STREAMED: Any = {**REQUEST, "stream": True, "stream_options": {"include_usage": True}}
DURATION = "gen_ai.client.operation.duration"


@pytest.fixture
def measured() -> Measured:
    return Measured()


def below(span: Any, spans: list[Any]) -> Iterator[Any]:
    """Yield the spans inside a span."""
    for other in spans:
        if other.parent is not None and other.parent.span_id == span.context.span_id:
            yield other
            yield from below(other, spans)


def check_sums(measured: Measured, result: Any) -> int:
    """Hold each sum against the spans of the calls; return how many calls there were."""
    spans = finished(measured)
    calls = [span for span in spans if span.name.startswith("chat")]
    for span in spans:
        if not span.name.startswith(("invoke_", "chat")):
            continue
        inside = [each for each in below(span, spans) if each in calls]
        told = span.attributes
        if not span.name.startswith("chat"):
            assert told.get("otgraph.usage.model_calls", 0) == len(inside), span.name
            for key, sum_key in zip(USAGE, SUMS, strict=True):
                assert told.get(sum_key, 0) == sum(each.attributes.get(key, 0) for each in inside), span.name
        if span.name.startswith("invoke_agent"):
            for key in USAGE:
                assert told[key] == sum(each.attributes.get(key, 0) for each in inside)
    used = [sum(each.attributes.get(key, 0) for each in calls) for key in USAGE]
    assert [result.model_calls, result.input_tokens, result.output_tokens] == [len(calls), *used]
    measures = Counter[str]()
    for point in measured.points("gen_ai.client.token.usage"):
        measures[point.attributes["gen_ai.token.type"]] += point.sum
    assert used == [measures["input"], measures["output"]]
    assert len(calls) == sum(point.count for point in measured.points(DURATION))
    return len(calls)


def test_nothing_is_counted_twice_or_lost(drive: Drive, serve: Serve, measured: Measured) -> None:
    """Agents in tools of agents, beside nodes that are tried again and clients of their own: all sums agree."""
    inner = agent_of(serve(CALL, SUNNY, CALL, SUNNY))

    def ask_weather(city: str) -> str:
        """Ask somebody for the weather."""
        return str(inner.invoke(HI)["messages"][-1].content)

    async def ask_weather_async(city: str) -> str:
        """Ask somebody for the weather."""
        return str((await inner.ainvoke(HI))["messages"][-1].content)

    ask_weather_async.__name__ = "ask_weather"
    both = Answer(calls=(("ask_weather", {"city": "sf"}, "c1"), ("ask_weather", {"city": "la"}, "c2")))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        outer = create_react_agent(
            chat(serve(both, SUNNY)), [ask_weather if drive.sync else ask_weather_async], name="outer"
        )
    plain, failed = serve(FOX, FOX), []

    def tell(state: Any) -> None:
        with client(plain, "threads") as openai, model_call("gpt-4o-mini", provider="openai") as call:
            for piece in openai.chat.completions.create(**STREAMED):
                call.response(piece)
        if not failed:
            failed.append(1)
            raise ConnectionError("once more")

    builder: Any = StateGraph(MessagesState)
    builder.add_node("outer", outer).add_edge(START, "outer")
    builder.add_node("asks", asks(drive, chat(serve(FOX)))).add_edge(START, "asks")
    policy = RetryPolicy(initial_interval=0.001)
    builder.add_node("tell", drive.node(tell), retry_policy=policy).add_edge(START, "tell")
    output = drive.invoke(builder.compile(name="all"), HI, telemetry=measured.options, version="v2")
    assert 2 + 4 + 1 + 2 == check_sums(measured, output.usage)
    assert {"outer": (1, 2), "weather": (2, 4)} == counts(measured, CALLS)
    assert {"outer": (1, 2), "weather": (2, 2)} == counts(measured, TOOLS)


def test_a_call_that_a_client_failed_and_another_one_made_counts_as_two(
    drive: Drive, serve: Serve, measured: Measured
) -> None:
    """LangChain's retries are calls of their own, of which the failed one used nothing."""
    model = chat(serve(limited(), FOX)).with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    graph = line(MessagesState, n=asks(drive, model))
    output = drive.invoke(graph, HI, telemetry=measured.options, version="v2")
    assert 2 == check_sums(measured, output.usage)


def test_a_batch_of_calls(drive: Drive, serve: Serve, measured: Measured) -> None:
    """Calls that LangChain makes in threads of its own, or at the same time, are counted each."""
    model = chat(serve(FOX, FOX, FOX))

    async def n_async(state: Any) -> None:
        await asyncio.gather(*(model.ainvoke("hi") for _ in range(3)))

    def n(state: Any) -> None:
        model.batch(["a", "b", "c"])

    graph = line(MessagesState, n=n if drive.sync else n_async)
    output = drive.invoke(graph, HI, telemetry=measured.options, version="v2")
    assert 3 == check_sums(measured, output.usage)


@pytest.mark.parametrize("how", ["sampled", "not sampled", "no provider", "disabled"])
def test_sums_that_depend_on_sampling(
    drive: Drive, serve: Serve, measured: Measured, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Usage and cost of a run are the same whether or not its spans go anywhere; so are metrics, but for no SDK."""
    options = replace(measured.options, prices={"gpt-4o-mini": Price(input=1, output=10)})
    if how == "not sampled":
        options = replace(options, provider=TracerProvider(sampler=ALWAYS_OFF, shutdown_on_exit=False))
    elif how == "no provider":
        options = replace(options, provider=None)
    elif how == "disabled":
        monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
        options = replace(
            options, provider=TracerProvider(), meter_provider=Measured().options.meter_provider
        )
    agent = agent_of(serve(CALL, SUNNY))
    output = drive.invoke(agent, HI, telemetry=options, version="v2")
    usage = output.usage
    assert (2, 145, 24) == (usage.model_calls, usage.input_tokens, usage.output_tokens)
    assert (145 + 240) / 1e6 == pytest.approx(usage.cost)
    if how != "disabled":
        assert [2] == [point.count for point in measured.points(DURATION)]
        assert {"weather": (1, 2)} == counts(measured, CALLS)


def test_an_answer_from_langchains_cache_is_paid_again(serve: Serve, measured: Measured) -> None:
    """An answer that LangChain has kept takes no tokens and costs nothing, though the model was called."""
    from langchain_core.caches import InMemoryCache

    server = serve(FOX)
    model = chat(server, cache=InMemoryCache())

    def n(state: Any) -> None:
        model.invoke("hi")
        model.invoke("hi")

    options = replace(measured.options, prices={"gpt-4o-mini": Price(input=1, output=10)})
    output = line(MessagesState, n=n).invoke(HI, telemetry=options, version="v2")
    assert 1 == len(server.requests)
    assert (2, 12, 5) == (output.usage.model_calls, output.usage.input_tokens, output.usage.output_tokens)
    assert (12 + 50) / 1e6 == pytest.approx(output.usage.cost)
    check_sums(measured, output.usage)


def test_a_second_stream_is_appended_to_the_first(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Of a stream that broke and another one in the same call, the second is the answer, and nothing of the first."""
    server = serve(Answer(text="big red fox", breaks_after=4), Answer(text="a small fox"))

    def n(state: State) -> None:
        with client(server, "threads") as openai, model_call("gpt-4o-mini", provider="openai") as call:
            for _ in range(2):
                try:
                    for piece in openai.chat.completions.create(**STREAMED):
                        call.response(piece)
                except Exception:
                    assert 1 == len(server.requests)

    graph = line(State, n=drive.node(n))
    output = drive.invoke(graph, X, telemetry=replace(traced.options, capture=True), version="v2")
    (span,) = finished(traced, "chat")
    assert [{"type": "text", "content": "a small fox"}] == said(span)[0]["parts"]
    assert ("stop",) == span.attributes[REASONS]
    assert (1, 12) == (output.usage.model_calls, output.usage.input_tokens)


def test_the_usage_of_a_first_answer_is_lost(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Two whole answers in one call, of which the first did not do, have used what both took."""
    server = serve(Answer(text="no", usage=(10, 1)), Answer(text="yes", usage=(20, 2)))

    def n(state: State) -> None:
        with client(server, "threads") as openai, model_call("gpt-4o-mini", provider="openai") as call:
            for _ in range(2):
                call.response(openai.chat.completions.create(**REQUEST))

    output = drive.invoke(line(State, n=drive.node(n)), X, telemetry=traced.options, version="v2")
    assert (1, 30, 3) == (output.usage.model_calls, output.usage.input_tokens, output.usage.output_tokens)
    assert (30, 3) == tuple(finished(traced, "chat")[0].attributes[key] for key in USAGE)


def test_pieces_with_ids_of_their_own_are_taken_for_answers(traced: Traced) -> None:
    """Where a server gives each piece an id and repeats the usage, there is one answer, and the usage counts once."""

    def n(state: State) -> None:
        with model_call("m") as call:
            for number, word in enumerate(("big", " red", " fox")):
                choice = {"index": 0, "delta": {"role": "assistant", "content": word}, "finish_reason": None}
                usage = {"prompt_tokens": 10, "completion_tokens": number + 1}
                call.response({"id": f"piece-{number}", "choices": [choice], "usage": usage})

    graph = line(State, n=n)
    output = graph.invoke(X, telemetry=replace(traced.options, capture=True), version="v2")
    (span,) = finished(traced, "chat")
    assert [{"type": "text", "content": "big red fox"}] == said(span)[0]["parts"]
    assert (10, 3) == (output.usage.input_tokens, output.usage.output_tokens)


def test_a_known_reason_becomes_an_error(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A node that fails after the answer has come fails its call, but the model had stopped as it said."""
    server = serve(FOX)

    def n(state: State) -> None:
        with client(server, "threads") as openai, model_call("gpt-4o-mini", provider="openai") as call:
            call.response(openai.chat.completions.create(**REQUEST))
            raise ValueError("not a number")

    with pytest.raises(ValueError, match="not a number"):
        drive.invoke(line(State, n=drive.node(n)), X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    assert ("ValueError", ("stop",)) == (span.attributes["error.type"], span.attributes[REASONS])
    assert "stop" == said(span)[0]["finish_reason"]


def test_other_choices_of_langchain_are_left_out(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Where a model is asked for several answers all of them are told, and their tokens once."""
    model = chat(serve(Answer(text="fox", choices=2)), n=2)
    graph = line(MessagesState, n=asks(drive, model))
    output = drive.invoke(graph, HI, telemetry=replace(traced.options, capture=True), version="v2")
    (span,) = finished(traced, "chat")
    assert (2, ("stop", "stop"), 12) == (
        len(said(span)),
        span.attributes[REASONS],
        output.usage.input_tokens,
    )


def test_a_run_answers_with_its_own_question(drive: Drive, traced: Traced) -> None:
    """A run whose nodes have said nothing tells no answer."""
    graph = line(MessagesState, n=drive.node(lambda state: None))
    drive.invoke(graph, HI, telemetry=replace(traced.options, capture=True))
    attributes = traced.span("invoke_workflow LangGraph").attributes
    assert (True, False) == ("gen_ai.input.messages" in attributes, SAID in attributes)


def test_a_stream_that_nobody_reads_on_is_not_measured(serve: Serve, measured: Measured) -> None:
    """A call that its node leaves, and whose end LangChain never tells, is measured and told as broken off."""
    model = chat(serve(Answer(text="one two three four", delay=0.01)))
    streams: list[Any] = []

    async def n(state: Any) -> None:
        stream = model.astream("hi")
        streams.append(stream)
        async for token in stream:
            if token.content:
                break

    async def main() -> Any:
        result = await line(MessagesState, n=n).ainvoke(HI, telemetry=measured.options, version="v2")
        seen = [point.count for point in measured.points(DURATION)]
        await streams[0].aclose()
        return result, seen

    output, seen = asyncio.run(main())
    assert [1] == seen == [point.count for point in measured.points(DURATION)]
    assert ("error",) == finished(measured, "chat")[0].attributes[REASONS]
    assert (1, 0) == (output.usage.model_calls, output.usage.total_tokens)


def test_a_call_in_a_thread_that_was_left_is_measured_twice(serve: Serve, measured: Measured) -> None:
    """A call that goes on in the thread of a node that timed out is told as far as it had come, once."""
    over: list[bool] = []
    openai = client(serve(Answer(text=" ".join("abcdefghij"), delay=0.2)), "threads")

    def n(state: State) -> None:
        try:
            with openai, model_call("gpt-4o-mini", provider="openai") as call:
                for piece in openai.chat.completions.create(**REQUEST, stream=True):
                    call.response(piece)
        finally:
            over.append(True)

    builder: Any = StateGraph(State).add_node("n", n, timeout=1)
    graph = builder.add_edge(START, "n").compile()
    with pytest.raises(Exception, match="n"):
        graph.invoke(X, telemetry=replace(measured.options, capture=True))
    (span,) = finished(measured, "chat")
    assert "timeout" == span.attributes["otgraph.outcome"]
    until = time.monotonic() + 30
    while not over and time.monotonic() < until:
        time.sleep(0.01)
    assert over
    assert [1] == [point.count for point in measured.points(DURATION)]
    assert [span.context.span_id] == [each.context.span_id for each in finished(measured, "chat")]
