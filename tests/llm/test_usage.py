"""What calls of models take, from whatever client's answers, added up wherever the calls are made."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from messages.conftest import Traced
from typing_extensions import TypedDict

from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.messages.answer import Answer as Reader
from otgraph.messages.exchange import ModelResponse
from otgraph.telemetry import Price, Usage

from .conftest import chat, client
from .server import MODEL, Answer, Server


class State(TypedDict, total=False):
    topic: str


def told_by(*pieces: Any) -> ModelResponse:
    """Return what an answer tells, whole or in pieces."""
    answer = Reader(keeps=False)
    for piece in pieces:
        answer.read(piece)
    return answer.response()


def counted(input: int, output: int, **more: Any) -> Any:
    return SimpleNamespace(usage={"prompt_tokens": input, "completion_tokens": output}, **more)


def test_answers_of_openai(serve: Callable[..., Server]) -> None:
    """A completion, whole or in chunks, of the real client tells its model, id, reason and tokens."""
    answer = Answer(text="big red fox", usage=(20, 7))
    openai = client(serve(answer, answer), "threads")
    request: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}
    whole = told_by(openai.chat.completions.create(**request))
    pieces = told_by(
        *openai.chat.completions.create(**request, stream=True, stream_options={"include_usage": True})
    )
    usage = Usage(input_tokens=20, output_tokens=7, cache_read_tokens=4, reasoning_tokens=2)
    for told, key in ((whole, "chatcmpl-1"), (pieces, "chatcmpl-2")):
        assert (MODEL, key, ("stop",), usage) == (told.model, told.id, told.finish_reasons, told.usage)


def test_answers_of_anthropic() -> None:
    """A message tells the same; what a cache had is part of the input, as the conventions count it."""
    told = told_by(
        {
            "id": "msg_1",
            "model": "claude-x",
            "stop_reason": "end_turn",
            "usage": {
                "input_tokens": 10,
                "output_tokens": 7,
                "cache_read_input_tokens": 100,
                "cache_creation_input_tokens": 50,
            },
        }
    )
    usage = Usage(input_tokens=160, output_tokens=7, cache_read_tokens=100, cache_write_tokens=50)
    assert ("claude-x", "msg_1", ("end_turn",), usage) == (
        told.model,
        told.id,
        told.finish_reasons,
        told.usage,
    )


def test_pieces_of_an_answer_of_anthropic() -> None:
    """The first event of a stream has the input, a later one the output and why the model stopped."""
    begin = {
        "type": "message_start",
        "message": {"id": "m", "model": "c", "usage": {"input_tokens": 25, "output_tokens": 1}},
    }
    end = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}}
    told = told_by(begin, end)
    usage = Usage(input_tokens=25, output_tokens=15)
    assert ("c", "m", ("end_turn",), usage) == (told.model, told.id, told.finish_reasons, told.usage)


def test_answers_of_the_responses_api() -> None:
    """There the tokens have Anthropic's names, and what a cache had is in the input already."""
    details = SimpleNamespace(cached_tokens=64)
    usage = SimpleNamespace(input_tokens=100, output_tokens=9, input_tokens_details=details)
    told = told_by(SimpleNamespace(id="resp_1", model="gpt", usage=usage))
    assert Usage(input_tokens=100, output_tokens=9, cache_read_tokens=64) == told.usage


@pytest.mark.parametrize("answer", [None, "text", {}, SimpleNamespace(usage=None), 7])
def test_what_is_no_answer_tells_nothing(answer: Any) -> None:
    """An object without these fields is no error: nothing is known then."""
    told = told_by(answer)
    assert (None, None, (), None) == (told.model, told.id, told.finish_reasons, told.usage)


def test_prices() -> None:
    """A price is per million tokens; what a cache had is cheaper where the table says so."""
    usage = Usage(input_tokens=1_000_000, output_tokens=500_000, cache_read_tokens=400_000)
    assert 1.0 * 1 + 0.5 * 4 == Price(input=1, output=4).of(usage)
    assert 0.6 * 1 + 0.4 * 0.1 + 0.5 * 4 == pytest.approx(Price(input=1, output=4, cache_read=0.1).of(usage))


def test_nodes_that_call_models_at_once(traced: Traced) -> None:
    """Nothing is lost where many nodes add to their run at the same moment."""
    together = threading.Barrier(8)

    def n(state: State) -> None:
        together.wait()
        for _ in range(50):
            with model_call("m") as call:
                call.response(counted(2, 1))

    builder: Any = StateGraph(State)
    for number in range(8):
        builder.add_node(f"n{number}", n).add_edge(START, f"n{number}")
    builder.compile().invoke({"topic": "x"}, telemetry=traced.options)
    told = traced.span("invoke_workflow LangGraph").attributes
    assert (400, 800, 400) == tuple(
        told[f"otgraph.usage.{key}"] for key in ("model_calls", "input_tokens", "output_tokens")
    )
    assert 50 == traced.span("invoke_node n3").attributes["otgraph.usage.model_calls"]


def test_tasks_count_for_their_callers(traced: Traced) -> None:
    """What a called task uses counts for it, for the task that called it, and once for the run."""

    @task
    def ask() -> int:
        with model_call("m") as call:
            call.response(counted(3, 1))
        return 1

    @entrypoint()
    def flow(input: Any) -> Any:
        return [ask().result(), ask().result()]

    flow.invoke("x", telemetry=traced.options)
    spans = traced._exporter.get_finished_spans()
    used = sorted(
        (span.name, span.attributes["otgraph.usage.input_tokens"])
        for span in spans
        if "otgraph.usage.input_tokens" in span.attributes
    )
    assert [
        ("invoke_node ask", 3),
        ("invoke_node ask", 3),
        ("invoke_node flow", 6),
        ("invoke_workflow flow", 6),
    ] == used


def test_nothing_is_kept_of_calls_that_are_over(serve: Callable[..., Server]) -> None:
    """The handler that hears of all models of runs forgets each call when it ends, fails or is left."""
    from langchain_core.callbacks import CallbackManager

    def ours() -> list[Any]:
        return [
            each for each in CallbackManager.configure().handlers if type(each).__name__ == "ModelHandler"
        ]

    found: list[Any] = []

    model = chat(serve(Answer(text="a b c"), Answer(text="a b c", breaks_after=2), Answer(text="a b c")))

    async def n(state: State) -> None:
        found.extend(ours())
        list(model.stream("hi"))
        with pytest.raises(Exception):
            list(model.stream("hi"))
        async for _ in model.astream("hi"):
            break

    builder: Any = StateGraph(State)
    asyncio.run(builder.add_node("n", n).add_edge(START, "n").compile().ainvoke({"topic": "x"}))
    (handler,) = found
    gc.collect()
    assert {} == handler._calls
    assert not ours(), "models that are called outside of runs are slowed down"
