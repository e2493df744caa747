"""What is measured of calls of models and of runs of agents, against the real clients."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from otgraph.graph import START, MessagesState, StateGraph
from otgraph.prebuilt import create_react_agent

from .conftest import asks, chat
from .server import MODEL, Answer, Server, limited
from .test_spans import CALL, HI, SUNNY, agent_of, finished, get_weather
from .test_streamed import X, asking, respond, respond_and_stream, stream_only

Serve = Callable[..., Server]
PER_CHUNK = "gen_ai.client.operation.time_per_output_chunk"
CALLS = "gen_ai.invoke_agent.inference_calls"
TOOLS = "gen_ai.invoke_agent.tool_calls"
PACED = Answer(text="big red fox", delay=0.02)


class Measured(Traced):
    """A meter provider of its own besides, and what it was told."""

    def __init__(self) -> None:
        super().__init__()
        self._reader = InMemoryMetricReader()
        meters = MeterProvider([self._reader], shutdown_on_exit=False)
        self.options = replace(self.options, meter_provider=meters)

    def points(self, name: str) -> list[Any]:
        """Return the data points of a metric."""
        data = self._reader.get_metrics_data()
        return [
            point
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
            if metric.name == name
            for point in metric.data.data_points
        ]


@pytest.fixture
def measured() -> Measured:
    return Measured()


@pytest.mark.parametrize(
    ("note", "pieces"), [(respond, 6), (respond_and_stream, 6), (stream_only, 5)], ids=["1", "2", "3"]
)
def test_the_time_of_each_chunk(
    drive: Drive, serve: Serve, measured: Measured, note: Callable[[Any, Any], None], pieces: int
) -> None:
    """From each piece to the next, and each piece once, whether it is passed on, streamed, or both."""
    drive.invoke(asking(drive, serve(PACED), note), X, telemetry=measured.options)
    (point,) = measured.points(PER_CHUNK)
    (span,) = finished(measured, "chat")
    assert pieces - 1 == point.count
    first = span.attributes["gen_ai.response.time_to_first_chunk"]
    rest = (span.end_time - span.start_time) / 1e9 - first
    assert 0 < point.sum < rest + 1e-6
    assert [0.01 * 2**n for n in range(14)] == list(point.explicit_bounds)
    assert {
        "gen_ai.operation.name",
        "gen_ai.provider.name",
        "gen_ai.request.model",
    } <= set(point.attributes)
    assert (note is not stream_only) == ("gen_ai.response.model" in point.attributes)
    (exemplar,) = [each for each in point.exemplars if each.span_id == span.context.span_id]
    assert exemplar.value == point.max


def test_the_time_of_each_chunk_of_langchain(drive: Drive, serve: Serve, measured: Measured) -> None:
    """The same of LangChain's model, where it streams; of one that does not, there is nothing to measure."""
    graph = line(MessagesState, n=asks(drive, chat(serve(PACED, PACED))))
    drive.invoke(graph, HI, telemetry=measured.options)
    assert [] == measured.points(PER_CHUNK)
    drive.stream(graph, HI, stream_mode="messages", telemetry=measured.options)
    (point,) = measured.points(PER_CHUNK)
    assert 4 <= point.count <= 6
    assert 0 < point.sum


def test_chunks_of_a_call_that_fails(drive: Drive, serve: Serve, measured: Measured) -> None:
    """Pieces that came before a failure are measured; the error is told by the duration alone."""
    answer = Answer(text="big red fox", breaks_after=3)
    with pytest.raises(Exception):
        drive.invoke(asking(drive, serve(answer), respond), X, telemetry=measured.options)
    for name in (PER_CHUNK, "gen_ai.client.operation.time_to_first_chunk"):
        (point,) = measured.points(name)
        assert (True, False) == (point.count > 0, "error.type" in point.attributes)
    (call,) = measured.points("gen_ai.client.operation.duration")
    assert "error.type" in call.attributes


def test_no_times_are_kept_where_nobody_measures(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Without a meter provider a call keeps when its first piece came, and no more."""
    calls: list[Any] = []

    def note(call: Any, piece: Any) -> None:
        calls.append(call)
        call.response(piece)

    drive.invoke(asking(drive, serve(Answer(text="big red fox")), note), X, telemetry=traced.options)
    chunks = calls[0]._trace._chunks
    assert (True, 0) == (chunks.first_ns > 0, len(chunks._times))


def counts(measured: Measured, name: str) -> dict[str, tuple[int, int]]:
    """Return agent -> how many runs it had, and how many calls in all of them."""
    return {
        point.attributes["gen_ai.agent.name"]: (point.count, point.sum) for point in measured.points(name)
    }


def test_calls_per_run_of_an_agent(drive: Drive, serve: Serve, measured: Measured) -> None:
    """Each run counts its calls of models and of tools, also if there are none, with the conventions' buckets."""
    agent = agent_of(serve(CALL, CALL, SUNNY, SUNNY))
    for _ in range(2):
        drive.invoke(agent, HI, telemetry=measured.options)
    assert {"weather": (2, 4)} == counts(measured, CALLS)
    assert {"weather": (2, 2)} == counts(measured, TOOLS)
    for name in (CALLS, TOOLS):
        (point,) = measured.points(name)
        assert [1, 2, 4, 8, 16, 32, 64, 128] == list(point.explicit_bounds)
        assert {"gen_ai.agent.name": "weather"} == point.attributes
    (tools,) = measured.points(TOOLS)
    assert (0, 2) == (tools.min, tools.max)


def test_each_call_belongs_to_one_agent(drive: Drive, serve: Serve, measured: Measured) -> None:
    """An agent in a tool of another one counts its own calls, and the other one does not count them again."""
    inner = agent_of(serve(CALL, CALL, SUNNY))

    def ask_weather(city: str) -> str:
        """Ask somebody for the weather."""
        return str(inner.invoke(HI)["messages"][-1].content)

    async def ask_weather_async(city: str) -> str:
        """Ask somebody for the weather."""
        return str((await inner.ainvoke(HI))["messages"][-1].content)

    ask_weather_async.__name__ = "ask_weather"
    asked = Answer(calls=(("ask_weather", {"city": "sf"}, "c1"),))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        outer = create_react_agent(
            chat(serve(asked, SUNNY)), [ask_weather if drive.sync else ask_weather_async], name="outer"
        )
    builder: Any = StateGraph(MessagesState)
    builder.add_node("outer", outer).add_edge(START, "outer")
    builder.add_node("n", asks(drive, chat(serve(SUNNY)))).add_edge("outer", "n")
    drive.invoke(builder.compile(), HI, telemetry=measured.options)
    assert {"outer": (1, 2), "weather": (1, 3)} == counts(measured, CALLS)
    assert {"outer": (1, 1), "weather": (1, 2)} == counts(measured, TOOLS)


def test_calls_that_fail_count(drive: Drive, serve: Serve, measured: Measured) -> None:
    """A call of a model or of a tool that fails was made, too."""

    def fail(city: str) -> str:
        """Get weather for a given city."""
        raise ConnectionError(city)

    fail.__name__ = "get_weather"
    for server, tool in ((serve(CALL), fail), (serve(limited()), get_weather)):
        with pytest.raises(Exception):
            drive.invoke(agent_of(server, [tool]), HI, telemetry=measured.options)
    assert {"weather": (2, 2)} == counts(measured, CALLS)
    assert {"weather": (2, 1)} == counts(measured, TOOLS)


AUDIO = Answer(
    text="big red fox",
    usage=(100, 50),
    given={"cached_tokens": 4, "audio_tokens": 60, "text_tokens": 30, "image_tokens": 10},
    made={"audio_tokens": 40, "reasoning_tokens": 2, "text_tokens": 10},
)


@pytest.mark.parametrize("stream", [False, True])
def test_tokens_by_modality(drive: Drive, serve: Serve, measured: Measured, stream: bool) -> None:
    """What OpenAI's client tells of modalities is on the span and in the run's result; the histogram has the sums."""
    graph = asking(drive, serve(AUDIO), respond, stream=stream)
    output = drive.invoke(graph, X, telemetry=measured.options, version="v2")
    assert {
        "input_tokens": 100,
        "cache_read.input_tokens": 4,
        "text.input_tokens": 30,
        "image.input_tokens": 10,
        "audio.input_tokens": 60,
        "output_tokens": 50,
        "reasoning.output_tokens": 2,
        "text.output_tokens": 10,
        "audio.output_tokens": 40,
    } == used(finished(measured, "chat")[0])
    given, made = output.usage.input_by_modality, output.usage.output_by_modality
    assert ((30, 10, 60), (10, 0, 40)) == (
        (given.text, given.image, given.audio),
        (made.text, made.image, made.audio),
    )
    tokens = {
        point.attributes["gen_ai.token.type"]: (point.count, point.sum)
        for point in measured.points("gen_ai.client.token.usage")
    }
    assert {"input": (1, 100), "output": (1, 50)} == tokens


def test_tokens_by_modality_of_langchain(drive: Drive, serve: Serve, measured: Measured) -> None:
    """LangChain's model of OpenAI tells of audio; an agent and a run have the sums."""
    both = (replace(AUDIO, text="", calls=CALL.calls), AUDIO)
    drive.invoke(agent_of(serve(*both)), HI, telemetry=measured.options)
    for span in finished(measured, "chat"):
        assert (60, 40) == tuple(used(span)[f"audio.{kind}_tokens"] for kind in ("input", "output"))
    agent = used(measured.span("invoke_agent weather"))
    assert (200, 120, 80) == tuple(
        agent[key] for key in ("input_tokens", "audio.input_tokens", "audio.output_tokens")
    )


def used(span: Any) -> dict[str, int]:
    start = "gen_ai.usage."
    return {key.removeprefix(start): value for key, value in span.attributes.items() if key.startswith(start)}


def test_the_model_that_answers_is_named(drive: Drive, serve: Serve, measured: Measured) -> None:
    """The times to chunks have the label of the model that answered, as far as it is known."""
    drive.invoke(asking(drive, serve(PACED), respond), X, telemetry=measured.options)
    (point,) = measured.points(PER_CHUNK)
    assert MODEL == point.attributes["gen_ai.response.model"]
