"""
A program that has a secret in every place where content can be, run by `test_privacy.py` in a process of its own.

    python secretive.py MODE

What it prints is which secrets went through it: those that its streams, states and errors showed.
"""

from __future__ import annotations

import asyncio
import json
import logging
import operator
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Annotated, Any, TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.tools import tool
from pydantic import BaseModel

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.messages import add_messages, model_call
from otgraph.prebuilt import ToolNode
from otgraph.runtime import Runtime
from otgraph.store.memory import InMemoryStore
from otgraph.telemetry import TelemetryOptions, flush, redact_matches, set_telemetry, setup, shutdown
from otgraph.types import Command, RetryPolicy, Send, StreamWriter, interrupt

PATTERN = r"zq\w+?7x"
MODES = ["values", "updates", "custom", "messages", "tasks", "checkpoints", "debug"]
seen: list[str] = []


def secret(place: str) -> str:
    """Return what nobody must see of a place."""
    return f"zq{place}7x"


def broken(name: str, value: Any) -> Any:
    """A redaction hook that fails, and says with what."""
    raise ValueError(f"cannot redact {value!r}")


OPTIONS: dict[str, Callable[[], TelemetryOptions]] = {
    "default": TelemetryOptions,
    "patterns": lambda: TelemetryOptions(redact=redact_matches(PATTERN)),
    "captured": lambda: TelemetryOptions(redact=redact_matches(PATTERN), capture=True, capture_events=True),
    "blanket": lambda: TelemetryOptions(
        redact=lambda name, value: "hidden", capture=True, capture_events=True
    ),
    "broken": lambda: TelemetryOptions(redact=broken, capture=True, capture_events=True),
    "open": lambda: TelemetryOptions(capture=True, capture_events=True),
}


class State(TypedDict, total=False):
    notes: Annotated[list[Any], operator.add]
    messages: Annotated[list[Any], add_messages]


class Strict(BaseModel):
    number: int = 0


@tool
def look_up(key: str) -> str:
    """Look something up."""
    return f"found {secret('toolresult')} for {key}"


@tool
def refuse(key: str) -> str:
    """Fail."""
    raise PermissionError(secret("toolerror"))


def call(name: str) -> dict[str, Any]:
    return {"name": name, "args": {"key": secret("toolargs")}, "id": name}


model = GenericFakeChatModel(messages=iter([AIMessage(f"it is {secret('answer')}")] * 9))
attempts: list[int] = []


def speak(state: State, writer: StreamWriter, runtime: Runtime[Any]) -> Any:
    writer({"said": secret("custom")})
    assert runtime.context["token"] == secret("context")
    assert runtime.store is not None
    runtime.store.put(("notes",), secret("storekey"), {"value": secret("store")})
    model.invoke([("user", secret("prompt"))])
    with model_call("gpt", provider="openai") as spoken:
        spoken.token(secret("token"))
        said = SimpleNamespace(content=secret("client"))
        choice = SimpleNamespace(message=said, finish_reason="stop")
        spoken.response(SimpleNamespace(model="gpt-1", id="1", choices=[choice]))
    break_off()
    update = {"notes": [secret("update"), {secret("key"): secret("bytes").encode()}, {4111: secret("deep")}]}
    return Command(update=update, goto=[Send("take", {"packet": secret("packet")}), "tools"])


def break_off() -> None:
    """Call a model whose answer comes in pieces, none of which is the secret, and breaks off."""
    try:
        with model_call("gpt", provider="openai") as spoken:
            for text in (secret("piece")[:4], secret("piece")[4:]):
                choice = SimpleNamespace(delta=SimpleNamespace(content=text), finish_reason=None)
                spoken.response(SimpleNamespace(model="gpt-1", id="2", choices=[choice]))
            raise TimeoutError(secret("brokenoff"))
    except TimeoutError:
        pass


def ask_tools(state: State) -> Any:
    return {
        "messages": [AIMessage("", tool_calls=[call("look_up"), call("refuse"), call(secret("toolname"))])]
    }


def flaky(state: State) -> Any:
    attempts.append(1)
    if len(attempts) % 2:
        error = ConnectionError(secret("retried"))
        if hasattr(error, "add_note"):
            error.add_note(secret("note"))
        raise error
    return {"notes": [interrupt({"question": secret("question")})]}


def inner(state: State) -> Any:
    if MODE in ("patterns", "captured", "blanket", "broken", "open"):
        logging.getLogger("my.app").warning("seen %s", secret("log"), extra={"who": secret("extra")})
    return {"notes": [secret("subgraph")]}


def build() -> Any:
    below = StateGraph(State).add_node(inner).add_edge(START, "inner").compile(name="below")
    graph = StateGraph(State, context_schema=dict)
    graph.add_node("speak", speak, destinations=("take", "tools"), metadata={"hint": secret("nodemetadata")})
    graph.add_node("take", lambda packet: {"notes": [packet["packet"]]})
    graph.add_node("tools", ask_tools)
    graph.add_node("run_tools", ToolNode([look_up, refuse], handle_tool_errors=True))
    graph.add_node("below", below)
    graph.add_node("flaky", flaky, retry_policy=RetryPolicy(initial_interval=0.001, max_attempts=3))
    graph.add_edge(START, "speak").add_edge("tools", "run_tools").add_edge("run_tools", "below")
    graph.add_edge("below", "flaky")
    return graph.compile(name="secretive", checkpointer=InMemorySaver(), store=InMemoryStore())


def failing(error: Callable[[], Any], schema: Any = State) -> Any:
    return (
        StateGraph(schema)
        .add_node("fail", lambda state: error())
        .add_edge(START, "fail")
        .compile(name="failing")
    )


def fatal() -> Any:
    try:
        raise KeyError(secret("cause"))
    except KeyError as cause:
        raise ValueError(secret("fatal")) from cause


@task
def helper(text: str) -> str:
    return text + secret("taskresult")


@entrypoint()
def function(text: str) -> str:
    return helper(text).result() + secret("returned")


def conversation(graph: Any, thread: str, stream: Callable[..., list[Any]]) -> None:
    labelled = MODE != "default"
    config = {
        "configurable": {"thread_id": thread, "api_key": secret("configurable")},
        # The labels of a run are recorded as they are, unless there is a hook.
        "metadata": {"customer": secret("metadata")} if labelled else {},
        "tags": [secret("tag")] if labelled else [],
    }
    given = {"notes": [secret("state")], "messages": [("user", secret("message"))]}
    seen.append(repr(stream(graph, given, config)))
    graph.update_state(config, {"notes": [secret("edited")]})
    seen.append(repr(stream(graph, Command(resume=secret("human")), config)))
    seen.append(repr(list(graph.get_state_history(config))))


def stream_sync(graph: Any, given: Any, config: Any) -> list[Any]:
    context = {"token": secret("context")}
    return list(graph.stream(given, config, stream_mode=MODES, subgraphs=True, context=context))


def stream_async(graph: Any, given: Any, config: Any) -> list[Any]:
    async def read() -> list[Any]:
        context = {"token": secret("context")}
        chunks = graph.astream(given, config, stream_mode=MODES, subgraphs=True, context=context)
        return [chunk async for chunk in chunks]

    return asyncio.run(read())


def main() -> None:
    set_telemetry(OPTIONS[MODE]())
    setup("secretive")
    for thread, stream in (("1", stream_sync), ("2", stream_async)):
        conversation(build(), thread, stream)
    attempts_at_failing = [
        lambda: failing(fatal).invoke({}),
        lambda: failing(lambda: [secret("nonsense")]).invoke({}),
        lambda: failing(lambda: None, Strict).invoke({"number": secret("refused")}),
        lambda: failing(lambda: Strict(number=secret("refusedinside"))).invoke({}),  # type: ignore[arg-type]
    ]
    for attempt in attempts_at_failing:
        try:
            attempt()
        except Exception as error:
            seen.append(repr(error) + str(error.__cause__))
    seen.append(repr(function.invoke(secret("taskargument"))))
    assert flush(30)
    shutdown()


if __name__ == "__main__":
    MODE = sys.argv[1]
    main()
    shown = "".join(seen)
    print(json.dumps(sorted(place for place in sys.argv[2:] if secret(place) in shown)))
