"""Answers that a client streams through `model_call`: what their spans and events tell of what the model said."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from typing_extensions import TypedDict

from otgraph.messages import model_call

from .conftest import client
from .server import MODEL, Answer, Server
from .test_events import Logged, attributes_of
from .test_spans import CALL, finished

Serve = Callable[..., Server]
FOX = Answer(text="big red fox")
BOTH = Answer(text="I look", calls=(("get_weather", {"city": "sf"}, "c1"), ("get_time", {}, "c2")))
REQUEST: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
X = {"topic": "x"}
SAID = "gen_ai.output.messages"
REASONS = "gen_ai.response.finish_reasons"


class State(TypedDict, total=False):
    topic: str


@pytest.fixture
def logged() -> Logged:
    return Logged()


def asking(
    drive: Drive,
    server: Server,
    note: Callable[[Any, Any], object],
    *,
    stream: bool = True,
    counts: bool = True,
    **more: Any,
) -> Any:
    """Return a graph whose node asks OpenAI's client and notes the answer, or each piece of it, in its call."""
    request = {**REQUEST, **more, "stream": stream}
    if stream and counts:
        request["stream_options"] = {"include_usage": True}

    def n(state: State) -> None:
        called = model_call("gpt-4o-mini", provider="openai", parameters=request)
        with client(server, "threads") as openai, called as call:
            answer = openai.chat.completions.create(**request)
            for piece in answer if stream else [answer]:
                note(call, piece)

    async def n_async(state: State) -> None:
        async with client(server, "asyncio") as openai:
            with model_call("gpt-4o-mini", provider="openai", parameters=request) as call:
                answer = await openai.chat.completions.create(**request)
                if stream:
                    async for piece in answer:
                        note(call, piece)
                else:
                    note(call, answer)

    return line(State, n=n if drive.sync else n_async)


def respond(call: Any, piece: Any) -> None:
    call.response(piece)


def respond_and_stream(call: Any, piece: Any) -> None:
    call.response(piece)
    if piece.choices:
        call.token(piece.choices[0].delta.content)


def stream_only(call: Any, piece: Any) -> None:
    if piece.choices:
        call.token(piece.choices[0].delta.content)


def said(span: Any) -> Any:
    return json.loads(span.attributes[SAID])


@pytest.mark.parametrize("answer", [FOX, BOTH, CALL, Answer(text="fox", choices=3)], ids=repr)
def test_a_streamed_answer_is_told_as_a_whole_one(
    drive: Drive, serve: Serve, traced: Traced, answer: Answer
) -> None:
    """Texts, calls of tools, reasons, id, model and usage are the same, however the answer came."""
    options = replace(traced.options, capture=True)
    for stream in (True, False):
        drive.invoke(asking(drive, serve(answer), respond, stream=stream), X, telemetry=options)
    streamed, whole = (dict(span.attributes) for span in finished(traced, "chat"))
    assert SAID in whole
    only_streamed = {"gen_ai.request.stream", "gen_ai.response.time_to_first_chunk"}
    assert only_streamed == streamed.keys() - whole.keys()
    for attributes in (streamed, whole):
        attributes[SAID] = json.loads(attributes[SAID])
    same = {key for key in whole if key.startswith(("gen_ai.response.", "gen_ai.usage.", SAID))}
    assert {key: whole[key] for key in same} == {key: streamed[key] for key in same}
    assert ((answer.finish,) * answer.choices, MODEL) == (
        streamed[REASONS],
        streamed["gen_ai.response.model"],
    )


def test_texts_and_calls_of_tools(drive: Drive, serve: Serve, traced: Traced) -> None:
    """The pieces of a text and of the arguments of each call are put together, in the form of the conventions."""
    graph = asking(drive, serve(BOTH), respond_and_stream)
    drive.invoke(graph, X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    assert [
        {
            "role": "assistant",
            "parts": [
                {"type": "text", "content": "I look"},
                {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "sf"}},
                {"type": "tool_call", "id": "c2", "name": "get_time", "arguments": {}},
            ],
            "finish_reason": "tool_calls",
        }
    ] == said(span)


def test_tokens_stand_in_for_pieces(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Of a node that passes on texts only, as the stream needs them, the texts are what the model said."""
    graph = asking(drive, serve(FOX), stream_only)
    drive.invoke(graph, X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    parts = [{"type": "text", "content": "big red fox"}]
    assert [{"role": "assistant", "parts": parts, "finish_reason": "stop"}] == said(span)
    assert REASONS not in span.attributes, "nobody has said why the model stopped"


def test_a_message_stands_in_for_pieces(drive: Drive, traced: Traced) -> None:
    """The same of an answer that is handed to the stream as a whole."""

    def n(state: State) -> None:
        with model_call("m") as call:
            call.message({"role": "assistant", "content": "hello"})

    graph = line(State, n=drive.node(n))
    drive.invoke(graph, X, telemetry=replace(traced.options, capture=True))
    assert [{"type": "text", "content": "hello"}] == said(finished(traced, "chat")[0])[0]["parts"]


def test_in_events(drive: Drive, serve: Serve, traced: Traced, logged: Logged) -> None:
    """A streamed answer is in the log event where content is captured there, and then not on the span."""
    options = replace(traced.options, capture_events=True, logger_provider=logged.provider)
    drive.invoke(asking(drive, serve(FOX), respond_and_stream), X, telemetry=options)
    (record,) = logged.records
    parts = [{"type": "text", "content": "big red fox"}]
    assert [{"role": "assistant", "parts": parts, "finish_reason": "stop"}] == attributes_of(record)[SAID]
    assert SAID not in finished(traced, "chat")[0].attributes


def test_the_hook_sees_it_first(drive: Drive, serve: Serve, traced: Traced) -> None:
    """What is put together goes through the redaction hook as a whole, so that nothing hides between pieces."""
    seen: list[Any] = []

    def hide(name: str, value: Any) -> Any:
        if name != SAID:
            return value
        seen.append(value)
        return "[hidden]"

    options = replace(traced.options, capture=True, redact=hide)
    drive.invoke(asking(drive, serve(FOX), respond_and_stream), X, telemetry=options)
    assert ["big red fox"] == [each[0]["parts"][0]["content"] for each in seen]
    assert "[hidden]" == said(finished(traced, "chat")[0])
    assert "big red" not in "".join(span.to_json() for span in finished(traced))


def test_nothing_is_kept_unless_content_is_captured(drive: Drive, serve: Serve, traced: Traced) -> None:
    """By default neither the span nor the object of the call has what the model said."""
    calls: list[Any] = []

    def note(call: Any, piece: Any) -> None:
        calls.append(call)
        respond_and_stream(call, piece)

    drive.invoke(asking(drive, serve(FOX), note), X, telemetry=traced.options)
    assert "big" not in finished(traced, "chat")[0].to_json()
    answer = calls[0]._trace._answer
    assert (None, None, None) == (answer._pieces, answer._tokens, answer._said)


@pytest.mark.parametrize("note", [respond, respond_and_stream, stream_only])
@pytest.mark.parametrize(
    "answer", [Answer(text="big red fox", breaks_after=2), Answer(text="big red fox", garbles_after=2)]
)
def test_a_stream_that_breaks(
    drive: Drive, serve: Serve, traced: Traced, answer: Answer, note: Callable[[Any, Any], None]
) -> None:
    """What had come is told, and that the answer has no end; it has an id and a model, and no usage."""
    with pytest.raises(Exception):
        drive.invoke(asking(drive, serve(answer), note), X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    parts = [{"type": "text", "content": "big"}]
    assert [{"role": "assistant", "parts": parts, "finish_reason": "error"}] == said(span)
    assert ("error",) == span.attributes[REASONS]
    assert (note is not stream_only) == ("gen_ai.response.id" in span.attributes)
    assert "gen_ai.usage.input_tokens" not in span.attributes


def test_a_stream_that_is_left(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A node that has read enough ends its call without an error; the answer has no end all the same."""

    class Enough(Exception):
        pass

    pieces: list[Any] = []

    def note(call: Any, piece: Any) -> None:
        call.response(piece)
        pieces.append(piece)
        if len(pieces) == 3:
            raise Enough

    inner = asking(drive, serve(FOX), note)
    with pytest.raises(Enough):
        drive.invoke(inner, X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    assert [{"type": "text", "content": "big red"}] == said(span)[0]["parts"]
    assert ("error",) == span.attributes[REASONS]


def test_a_stream_that_is_cancelled(serve: Serve, traced: Traced) -> None:
    """A run that is cancelled while its model speaks has told what had been said, and that is no error."""
    server = serve(Answer(text=" ".join("abcdefghij"), delay=0.05))
    spoke = asyncio.Event()

    def note(call: Any, piece: Any) -> None:
        call.response(piece)
        if piece.choices and piece.choices[0].delta.content == " b":
            spoke.set()

    async def main() -> None:
        graph = asking(Drive("asyncio"), server, note)
        running = asyncio.ensure_future(graph.ainvoke(X, telemetry=replace(traced.options, capture=True)))
        await spoke.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(main())
    (span,) = finished(traced, "chat")
    assert ("cancelled", False) == (span.attributes["otgraph.outcome"], "error.type" in span.attributes)
    assert said(span)[0]["parts"][0]["content"].startswith("a b")
    assert ("error",) == span.attributes[REASONS]


def test_without_a_chunk_of_usage(drive: Drive, serve: Serve, traced: Traced) -> None:
    """A client that was not asked for usage tells none, and none is made up, on the span and on the run."""
    graph = asking(drive, serve(FOX), respond, counts=False)
    output = drive.invoke(graph, X, telemetry=traced.options, version="v2")
    (span,) = finished(traced, "chat")
    assert not [key for key in span.attributes if key.startswith("gen_ai.usage.")]
    assert (1, 0) == (output.usage.model_calls, output.usage.total_tokens)


def pieces_of_anthropic() -> Iterable[dict[str, Any]]:
    usage = {"input_tokens": 25, "output_tokens": 1}
    message = {"id": "m1", "type": "message", "role": "assistant", "model": "c", "content": []}
    yield {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "thinking", "thinking": ""}}
    yield {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "thinking_delta", "thinking": "Hm."},
    }
    yield {"type": "content_block_start", "index": 1, "content_block": {"type": "text", "text": ""}}
    for text in ("I ", "look."):
        yield {"type": "content_block_delta", "index": 1, "delta": {"type": "text_delta", "text": text}}
    called = {"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}
    yield {"type": "content_block_start", "index": 2, "content_block": called}
    for text in ("", '{"city"', ': "sf"}'):
        delta = {"type": "input_json_delta", "partial_json": text}
        yield {"type": "content_block_delta", "index": 2, "delta": delta}
    yield {"type": "content_block_stop", "index": 2}
    yield {"type": "message_delta", "delta": {"stop_reason": "tool_use"}, "usage": {"output_tokens": 15}}
    yield {"type": "message_stop"}


def pieces_of_the_responses_api() -> Iterable[dict[str, Any]]:
    response = {"object": "response", "id": "r1", "model": "gpt", "status": "in_progress", "output": []}
    yield {"type": "response.created", "response": response}
    yield {"type": "response.reasoning_summary_text.delta", "output_index": 0, "delta": "Hm."}
    for text in ("I ", "look."):
        yield {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": text}
    item = {"type": "function_call", "call_id": "t1", "name": "get_weather", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": 2, "item": item}
    for text in ('{"city"', ': "sf"}'):
        yield {"type": "response.function_call_arguments.delta", "output_index": 2, "delta": text}
    whole = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "I look."}],
        },
        {**item, "arguments": '{"city": "sf"}'},
    ]
    usage = {"input_tokens": 25, "output_tokens": 15}
    response = {**response, "status": "completed", "output": whole, "usage": usage}
    yield {"type": "response.completed", "response": response}


@pytest.mark.parametrize(
    ("pieces", "reason", "shown", "cut_shown"),
    [
        (pieces_of_anthropic, "tool_use", "tool_use", "error"),
        (pieces_of_the_responses_api, "completed", "tool_call", "error"),
    ],
)
@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("as_objects", [False, True])
def test_pieces_of_other_kinds(
    traced: Traced,
    pieces: Callable[[], Iterable[Any]],
    reason: str,
    shown: str,
    cut_shown: str,
    cut: bool,
    as_objects: bool,
) -> None:
    """The events of Anthropic's client and of the Responses API add up to the answer, be it cut off or not."""

    def objects(value: Any) -> Any:
        if isinstance(value, dict):
            return SimpleNamespace(**{key: objects(each) for key, each in value.items()})
        return [objects(each) for each in value] if isinstance(value, list) else value

    def n(state: State) -> None:
        with model_call("m") as call:
            told = list(pieces())
            for piece in told[:-2] if cut else told:
                call.response(objects(piece) if as_objects else piece)

    line(State, n=n).invoke(X, telemetry=replace(traced.options, capture=True))
    (span,) = finished(traced, "chat")
    (answer,) = said(span)
    arguments: Any = {"city": "sf"}
    if cut and pieces is pieces_of_the_responses_api:
        arguments = '{"city"'
    assert [
        {"type": "reasoning", "content": "Hm."},
        {"type": "text", "content": "I look."},
        {"type": "tool_call", "id": "t1", "name": "get_weather", "arguments": arguments},
    ] == answer["parts"]
    assert (cut_shown if cut else shown) == answer["finish_reason"]
    assert (("error" if cut else reason),) == span.attributes[REASONS]
    assert span.attributes["gen_ai.request.stream"]
    if not cut:
        assert (25, 15) == tuple(
            span.attributes[f"gen_ai.usage.{kind}_tokens"] for kind in ("input", "output")
        )


def test_an_answer_that_cannot_be_read(drive: Drive, traced: Traced) -> None:
    """An object of a client that raises where it is looked at breaks nothing but what is told of it."""

    class Broken:
        @property
        def usage(self) -> Any:
            raise RuntimeError("no usage")

    def n(state: State) -> None:
        with model_call("m") as call:
            call.response(Broken())

    drive.invoke(line(State, n=drive.node(n)), X, telemetry=replace(traced.options, capture=True))
    assert "success" == finished(traced, "chat")[0].attributes["otgraph.outcome"]


@pytest.mark.parametrize("note", [respond, respond_and_stream])
def test_a_reader_who_leaves(
    drive: Drive, serve: Serve, traced: Traced, note: Callable[[Any, Any], None]
) -> None:
    """What the model had said when the consumer of a stream left is told, and that the answer has no end."""
    server = serve(Answer(text=" ".join("abcdefghijklmnop"), delay=0.02))
    pieces: list[Any] = []

    def said_too(call: Any, piece: Any) -> None:
        note(call, piece)
        pieces.append(piece)
        if len(pieces) == 3:
            call.token("!")

    graph = asking(drive, server, said_too)
    options = replace(traced.options, capture=True)

    async def leave() -> None:
        stream = graph.astream(X, stream_mode="messages", telemetry=options)
        async for chunk, _ in stream:
            if chunk.content == "!":
                break
        await stream.aclose()

    if drive.sync:
        for chunk, _ in graph.stream(X, stream_mode="messages", telemetry=options):
            if chunk.content == "!":
                break
    else:
        asyncio.run(leave())
    (span,) = finished(traced, "chat")
    assert span.attributes["otgraph.outcome"] in ("cancelled", "abandoned")
    assert "error.type" not in span.attributes
    assert said(span)[0]["parts"][0]["content"].startswith("a b")
    assert ("error",) == span.attributes[REASONS]
