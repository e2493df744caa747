"""Law 6: nothing is exported, registered or captured unless the user asked."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parsed import parsed
from pydantic import BaseModel

import otgraph
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, get_telemetry, read_otlp, replay, set_telemetry
from otgraph.types import Command, Interrupt, Send, StreamWriter, TracePolicy, interrupt, omit_payload

from .conftest import Driver
from .programs import MODES, State, adding, chained
from .replayed import Recorder

SECRET = "s3cr3t-Ünïcode-value"
"""What must stay inside."""

MESSAGE = {"type": "human", "content": f"my password is {SECRET}", "tool_calls": [{"args": {"key": SECRET}}]}


class Strict(BaseModel):
    """A state that refuses most of what it is given."""

    n: int = 0
    log: list[Any] = []


def hidden(driver: Driver, fail: Callable[[], Any] | None = None, saver: Any = None) -> Any:
    """Return a graph whose nodes pass secrets on in every way there is."""

    def speak(state: State) -> Command[Any]:
        get_stream_writer()(MESSAGE)
        get_stream_writer()(SECRET)
        sends = [Send("take", {"secret": SECRET})]
        return Command(update={"log": [MESSAGE, SECRET, SECRET.encode()]}, goto=[*sends, "inner"])

    def last(state: State) -> Any:
        local = SECRET
        if fail is not None:
            return fail()
        return {"log": [interrupt({"question": local})]}

    inner = chained(("i", driver.node(adding(SECRET)))).compile(name="inner")
    graph = StateGraph(State)
    graph.add_node("speak", driver.node(speak), destinations=("take", "inner"))
    graph.add_node("take", driver.node(lambda packet: {"log": [packet]}))
    graph.add_node("inner", inner)
    graph.add_node("last", driver.node(last))
    graph.add_edge(START, "speak").add_edge("inner", "last")
    return graph.compile(name="hidden", checkpointer=saver)


GIVEN = {"n": 1, "log": [MESSAGE]}
CONFIG = {"configurable": {"thread_id": "7", "api_key": SECRET}, "metadata": {"tenant": "acme"}}


def exported(recorder: Recorder) -> str:
    """Return all bytes that an exporter sends, as text; JSON escapes undone."""
    return recorder.otlp().decode("utf-8", "replace")


def run(driver: Driver, graph: Any, options: TelemetryOptions | None, given: Any = GIVEN) -> list[Any]:
    config = {**CONFIG, "max_concurrency": 1}
    return driver.stream(graph, given, config, stream_mode=MODES, subgraphs=True, telemetry=options)


def recorder(**options: Any) -> tuple[Recorder, TelemetryOptions]:
    """Return a recorder, and options that are the defaults but for it and for `options`."""
    made = Recorder()
    return made, TelemetryOptions(provider=made.provider, **options)


# ---- state, messages, custom items, interrupts


def test_no_content_by_default(driver: Driver) -> None:
    """State, messages, packets, custom items, interrupts and parameters are in no exported byte."""
    kept, options = recorder()
    chunks = run(driver, hidden(driver), options)
    assert SECRET in repr(chunks)
    assert len(kept.spans) > 8
    assert SECRET not in exported(kept)


def test_no_content_of_saved_runs_by_default(driver: Driver) -> None:
    """Questions, answers, commands and what checkpoints keep of the thread are in no exported byte either."""
    kept, options = recorder()
    graph = hidden(driver, saver=(saver := InMemorySaver()))
    chunks = run(driver, graph, options)
    chunks += run(driver, graph, options, Command(resume=SECRET, update={"log": [SECRET]}))
    chunks += run(driver, graph, options, {"n": 2, "log": [SECRET]})
    assert SECRET in repr(chunks)
    assert 3 == len([span for span in kept.spans if span.parent is None])
    assert SECRET not in exported(kept)
    saved = [found.metadata["__otgraph"] for found in saver.list(None) if found.metadata["step"] >= 0]
    assert saved
    assert SECRET not in repr(saved)


@pytest.mark.parametrize(
    ("value", "captured"),
    [
        ("NO_CONTENT", False),
        ("EVENT_ONLY", False),
        ("SPAN_ONLY", True),
        ("span_and_event", True),
        ("true", False),
    ],
)
def test_the_environment_decides_where_no_option_does(
    driver: Driver, monkeypatch: pytest.MonkeyPatch, value: str, captured: bool
) -> None:
    """Content is captured if the variable of the GenAI conventions names spans; an option wins over it."""
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", value)
    kept, options = recorder()
    run(driver, hidden(driver), options)
    assert captured == (SECRET in exported(kept))
    kept, options = recorder(capture=False)
    run(driver, hidden(driver), options)
    assert SECRET not in exported(kept)


# ---- exceptions


def quiet() -> Any:
    raise ValueError("nothing to see")


def refuse() -> Any:
    Strict(n=SECRET)  # type: ignore[arg-type]


def refuse_behind() -> Any:
    try:
        refuse()
    except ValueError as error:
        raise RuntimeError("state refused") from error


def nonsense() -> Any:
    return [SECRET, MESSAGE]


@pytest.mark.parametrize("fail", [quiet, refuse, refuse_behind, nonsense])
def test_no_content_in_exceptions_by_default(driver: Driver, fail: Callable[[], Any]) -> None:
    """Locals, values that a model refused, and results that are no update are in no exported byte."""
    kept, options = recorder()
    chunks = run(driver, hidden(driver, fail), options)
    assert isinstance(chunks[-1], Exception)
    sent = exported(kept)
    assert "exception.stacktrace" in sent
    assert SECRET not in sent


def test_what_a_model_refuses_before_any_node_runs(driver: Driver) -> None:
    """An input that the state's class refuses is quoted to the caller and in no exported byte."""
    graph = chained(("a", driver.node(adding("a"))), schema=Strict).compile()
    kept, options = recorder()
    chunks = run(driver, graph, options, {"n": SECRET})
    assert SECRET in str(chunks[-1])
    assert "exception.message" in exported(kept)
    assert SECRET not in exported(kept)


def leak() -> Any:
    raise PermissionError(f"{SECRET} is no key")


def test_messages_are_recorded_unless_they_are_not_wanted(driver: Driver) -> None:
    """What user code raises is told with its message; `exceptions="type"` keeps message and frames out."""
    kept, options = recorder()
    run(driver, hidden(driver, leak), options)
    assert SECRET in exported(kept)
    kept, options = recorder(exceptions="type")
    run(driver, hidden(driver, leak), options)
    sent = exported(kept)
    assert "PermissionError" in sent
    assert SECRET not in sent
    assert "exception.stacktrace" not in sent


def test_the_environment_keeps_messages_out(driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTGRAPH_CAPTURE_EXCEPTIONS=type` does what the option does."""
    monkeypatch.setenv("OTGRAPH_CAPTURE_EXCEPTIONS", "type")
    kept, options = recorder()
    run(driver, hidden(driver, leak), options)
    assert SECRET not in exported(kept)


def test_messages_are_kept_out_of_captured_content_too(driver: Driver) -> None:
    """With capture on and `exceptions="type"`, the state is recorded and the message is not."""
    kept, options = recorder(capture=True, exceptions="type")

    def fail() -> Any:
        raise PermissionError("only the message")

    run(driver, hidden(driver, fail), options)
    sent = exported(kept)
    assert SECRET in sent
    assert "only the message" not in sent


# ---- redaction


def redact(name: str, value: Any) -> Any:
    """Replace the secret wherever it is."""
    if isinstance(value, str):
        return value.replace(SECRET, "[hidden]")
    if isinstance(value, bytes):
        return value.replace(SECRET.encode(), b"[hidden]")
    if isinstance(value, dict):
        return {key: redact(name, item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(redact(name, item) for item in value)
    if isinstance(value, BaseException):
        return type(value)(redact(name, str(value)))
    if isinstance(value, Interrupt):
        return Interrupt(redact(name, value.value), value.id)
    return value


@pytest.mark.parametrize("saver", [None, InMemorySaver])
@pytest.mark.parametrize("fail", [None, leak])
def test_the_hook_sees_every_path(driver: Driver, fail: Any, saver: Any) -> None:
    """What the hook hides is in no exported byte: neither in payloads nor in messages, frames or names."""
    kept, options = recorder(capture=True, redact=redact)
    chunks = run(driver, hidden(driver, fail, saver and saver()), options)
    assert "PermissionError" in repr(chunks) or "Interrupt" in repr(chunks)
    sent = exported(kept)
    assert "[hidden]" in sent
    assert SECRET not in sent
    assert "[hidden]" in repr(list(replay(read_otlp(kept.otlp()), MODES)))


@pytest.mark.parametrize("saver", [None, InMemorySaver])
@pytest.mark.parametrize("fail", [None, leak])
def test_a_hook_that_fails_hides_everything(driver: Driver, fail: Any, saver: Any) -> None:
    """Where the hook raises, `[REDACTED:error]` is recorded, and the run goes on."""

    def broken(name: str, value: Any) -> Any:
        raise RuntimeError(SECRET)

    kept, options = recorder(capture=True, redact=broken)
    run(driver, hidden(driver, fail, saver and saver()), options)
    sent = exported(kept)
    assert "[REDACTED:error]" in sent
    assert SECRET not in sent
    assert replay(read_otlp(kept.otlp()), MODES)


def broken_policy(value: Any) -> Any:
    raise RuntimeError(SECRET)


@pytest.mark.parametrize(
    ("policy", "kept_input", "kept_output"),
    [
        (TracePolicy(process_inputs=omit_payload), False, True),
        (TracePolicy(process_outputs=omit_payload), True, False),
        (TracePolicy(process_inputs=broken_policy, process_outputs=broken_policy), False, False),
        (TracePolicy(process_outputs=lambda value: redact("", value)), True, False),
    ],
)
def test_a_node_has_the_last_word_on_its_own_payloads(
    driver: Driver, policy: TracePolicy, kept_input: bool, kept_output: bool
) -> None:
    """With capture on, a node's trace policy decides what its spans tell of what it was given and what it wrote."""
    graph = StateGraph(State)
    graph.add_node("a", driver.node(lambda packet: {"log": [f"{SECRET} out"]}), trace_policy=policy)
    graph.add_conditional_edges(START, driver.node(lambda state: [Send("a", {"x": f"{SECRET} in"})]), ["a"])
    kept, options = recorder(capture=True)
    chunks = run(driver, graph.compile(), options, {"n": 1})
    assert f"{SECRET} in" in repr(chunks)
    assert f"{SECRET} out" in repr(chunks)
    sent = exported(kept)
    assert (kept_input, kept_output) == (f"{SECRET} in" in sent, f"{SECRET} out" in sent)
    assert list(replay(read_otlp(kept.otlp()), MODES))


@pytest.mark.parametrize("end", ["answer", "failure", "branch"])
def test_a_node_has_the_last_word_on_all_it_says(driver: Driver, end: str) -> None:
    """What a node with a policy says to its writer, asks, and leaves behind when it fails, is its output too."""

    def speak(state: State, writer: StreamWriter) -> Any:
        writer({"word": SECRET})
        if end == "answer":
            return {"log": [interrupt(SECRET)]}
        if end == "failure":
            raise ValueError("no secret")
        return {"log": [SECRET]}

    def route(state: State) -> str:
        if end == "branch":
            raise ValueError("no secret")
        return "__end__"

    policy = TracePolicy(process_outputs=omit_payload)
    graph: Any = StateGraph(State).add_node("a", driver.node(speak), trace_policy=policy)
    graph.add_edge(START, "a").add_conditional_edges("a", route)
    kept, options = recorder(capture=True)
    compiled = graph.compile(checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    chunks = driver.stream(compiled, {"n": 1}, config, stream_mode=MODES, telemetry=options)
    assert SECRET in repr(chunks)
    if end == "answer":
        chunks = driver.stream(compiled, None, config, stream_mode=[*MODES, "checkpoints"], telemetry=options)
        assert SECRET in repr(chunks)
    assert SECRET not in exported(kept)
    assert kept.spans


# ---- where options are given


def test_the_nearest_options_win(driver: Driver) -> None:
    """A call's options win over the graph's, and those over the application's; each as a whole."""
    kept, quiet_options = recorder()
    loud = TelemetryOptions(provider=kept.provider, capture=True)
    before = get_telemetry()
    graph = hidden(driver)
    try:
        set_telemetry(loud)
        run(driver, graph, None)
        assert SECRET in exported(kept)
        kept.exporter.clear()
        run(driver, graph, quiet_options)
        assert kept.spans
        assert SECRET not in exported(kept)
    finally:
        set_telemetry(before)


# ---- nothing is registered


def test_the_package_sets_no_provider_and_adds_no_exporter() -> None:
    """Providers are set by a call of `setup()` and nowhere else; the one processor added besides only looks."""
    package = Path(otgraph.__file__).parent
    calls: dict[str, set[str]] = {}
    for path in package.rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Call):
                function = node.func
                name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
                calls.setdefault(name, set()).add(path.relative_to(package).as_posix())
    asked = {"tracing/setup.py"}
    for name in ("set_tracer_provider", "set_meter_provider", "set_logger_provider", "SpanBatches"):
        assert calls[name] == asked
    assert not calls.get("SimpleSpanProcessor")
    assert {"tracing/provider.py", *asked} == calls["add_span_processor"]
    used = [
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ImportFrom) and node.module == "otgraph.tracing.setup"
    ]
    assert all(name == "telemetry.py" or name.startswith("cli/") for name in used)


UNTOUCHED = """
import asyncio, sys
sys.path.insert(0, sys.argv[1])
from opentelemetry import trace, propagate
from laws.programs import PROGRAMS, MODES, chained
before = type(trace.get_tracer_provider())
current = []
def look(state):
    current.append(trace.get_current_span())
    carrier = {}
    propagate.inject(carrier)
    current.append(carrier)
async def look_async(state):
    look(state)
class Plain:
    def node(self, function):
        return function
    def calling(self, graph, shown):
        return lambda state: shown(graph.invoke(state))
graph, begin, config = PROGRAMS["nested"](Plain())
for chunk in graph.stream(begin, config, stream_mode=[*MODES, "spans"], subgraphs=True):
    pass
async def main():
    async for chunk in graph.astream(begin, config, stream_mode=[*MODES, "spans"], subgraphs=True):
        pass
    await chained(("look", look_async)).compile().ainvoke({"n": 0})
asyncio.run(main())
chained(("look", look)).compile().invoke({"n": 0})
assert type(trace.get_tracer_provider()) is before, trace.get_tracer_provider()
assert not [name for name in sys.modules if name.startswith("opentelemetry.exporter")]
assert current == [trace.INVALID_SPAN, {}] * 2, current
print("untouched")
"""


def test_a_process_that_configured_nothing_stays_as_it_was() -> None:
    """Without a provider: none is set, no exporter is imported, no span is current, no `traceparent` leaves."""
    tests = str(Path(__file__).parent.parent)
    done = subprocess.run(
        [sys.executable, "-c", UNTOUCHED, tests], capture_output=True, text=True, timeout=60
    )
    assert "untouched" == done.stdout.strip(), done.stderr
