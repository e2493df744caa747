"""The content of a model call in a log event, for those who want it apart from the trace."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from messages.conftest import Drive, Traced, line
from opentelemetry.exporter.otlp.proto.common._log_encoder import encode_logs
from opentelemetry.sdk import _logs as sdk_logs
from opentelemetry.sdk._logs import export as sdk_export

from otgraph.errors import BudgetExceededError
from otgraph.graph import MessagesState
from otgraph.messages import model_call
from otgraph.telemetry import Budget, TelemetryOptions
from otgraph.types import interrupt

from .conftest import asks, chat
from .server import MODEL, Answer, Server, limited
from .test_spans import CALL, HI, SUNNY, agent_of, finished

Serve = Callable[..., Server]
FOX = Answer(text="big red fox")
VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EMIT = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
DETAILS = "gen_ai.client.inference.operation.details"
EXCEPTION = "gen_ai.client.operation.exception"
THREAD = {"configurable": {"thread_id": "7"}}


class Logged:
    """A logger provider of its own, and the records that it exported."""

    def __init__(self) -> None:
        kind = getattr(sdk_export, "InMemoryLogRecordExporter", None) or sdk_export.InMemoryLogExporter
        self._exporter = kind()
        self.provider = sdk_logs.LoggerProvider(shutdown_on_exit=False)
        self.provider.add_log_record_processor(sdk_export.SimpleLogRecordProcessor(self._exporter))

    @property
    def records(self) -> list[Any]:
        """The records, as they go over the wire."""
        found = self._exporter.get_finished_logs()
        return [
            record
            for resource in (encode_logs(found).resource_logs if found else ())
            for scope in resource.scope_logs
            for record in scope.log_records
        ]


@pytest.fixture
def logged() -> Logged:
    return Logged()


def plain(value: Any) -> Any:
    """Return what a value of OTLP stands for."""
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [plain(each) for each in value.array_value.values]
    if kind == "kvlist_value":
        return {each.key: plain(each.value) for each in value.kvlist_value.values}
    return None if kind is None else getattr(value, kind)


def attributes_of(record: Any) -> dict[str, Any]:
    return {each.key: plain(each.value) for each in record.attributes}


def test_the_event_of_a_call(drive: Drive, serve: Serve, traced: Traced, logged: Logged) -> None:
    """It tells what the span tells, and the content as data; it is of that span, and severity is DEBUG."""
    options = replace(traced.options, capture_events=True, logger_provider=logged.provider)
    config = {"configurable": {"thread_id": "7"}}
    drive.invoke(agent_of(serve(CALL, SUNNY)), HI, config, telemetry=options)
    _, record = logged.records
    _, span = finished(traced, "chat")
    context = span.get_span_context()
    assert (context.trace_id, context.span_id) == (
        int.from_bytes(record.trace_id, "big"),
        int.from_bytes(record.span_id, "big"),
    )
    assert (DETAILS, 5) == (record.event_name, record.severity_number)
    assert span.start_time < record.time_unix_nano
    told = attributes_of(record)
    (tool,) = told.pop("gen_ai.tool.definitions")
    assert ("get_weather", ["city"]) == (tool["name"], list(tool["parameters"]["properties"]))
    asked = {"type": "tool_call", "id": "c1", "name": "get_weather", "arguments": {"city": "sf"}}
    assert [
        {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
        {"role": "assistant", "parts": [asked]},
        {"role": "tool", "parts": [{"type": "tool_call_response", "id": "c1", "response": "sunny"}]},
    ] == told.pop("gen_ai.input.messages")
    said = {"type": "text", "content": "It is sunny"}
    assert [{"role": "assistant", "parts": [said], "finish_reason": "stop"}] == told.pop(
        "gen_ai.output.messages"
    )
    alike = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in span.attributes.items()
        if key.startswith(("gen_ai.", "server."))
    }
    assert alike == told
    assert ("7", MODEL) == (told["gen_ai.conversation.id"], told["gen_ai.response.model"])


@pytest.mark.parametrize(
    ("mode", "on_span", "in_event"),
    [
        (None, False, False),
        ("NO_CONTENT", False, False),
        ("SPAN_ONLY", True, False),
        ("EVENT_ONLY", False, True),
        ("SPAN_AND_EVENT", True, True),
        ("span_and_event", True, True),
        ("true", False, False),
    ],
)
def test_where_the_environment_wants_content(
    serve: Serve,
    traced: Traced,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    mode: str | None,
    on_span: bool,
    in_event: bool,
) -> None:
    """Content is on spans, in events, in both or nowhere, as the variable of the conventions says."""
    monkeypatch.delenv(VARIABLE, raising=False)
    if mode is not None:
        monkeypatch.setenv(VARIABLE, mode)
    options = replace(traced.options, logger_provider=logged.provider)
    line(MessagesState, n=asks(Drive("threads"), chat(serve(FOX)))).invoke(HI, telemetry=options)
    (span,) = finished(traced, "chat")
    assert on_span == ("gen_ai.output.messages" in span.attributes)
    assert [True] * in_event == ["gen_ai.output.messages" in attributes_of(each) for each in logged.records]
    everything = "".join(each.to_json() for each in finished(traced))
    assert on_span == ("big red fox" in everything)


def test_a_wrong_value_of_the_variable(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """What the conventions do not know captures nothing, and is warned of once, with what they do know."""
    for value in ("yes please", "yes please", "on"):
        monkeypatch.setenv(VARIABLE, value)
        with caplog.at_level(logging.WARNING):
            assert (False, False) == (TelemetryOptions().captures, TelemetryOptions().captures_events)
    first, second = (record.getMessage() for record in caplog.records)
    assert (
        f"{VARIABLE} is 'yes please', which is none of NO_CONTENT, SPAN_ONLY, EVENT_ONLY, SPAN_AND_EVENT: "
        "no content is captured" == first
    )
    assert "'on'" in second


@pytest.mark.parametrize(
    ("given", "captures"),
    [
        ({}, (True, True)),
        ({"capture": False}, (False, False)),
        ({"capture": True}, (True, True)),
        ({"capture_events": False}, (True, False)),
        ({"capture": False, "capture_events": True}, (False, True)),
    ],
)
def test_options_before_the_environment(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, bool], captures: tuple[bool, bool]
) -> None:
    """What the program says counts, and one that refuses to capture gets no events by the environment either."""
    monkeypatch.setenv(VARIABLE, "SPAN_AND_EVENT")
    options = TelemetryOptions(**given)
    assert captures == (options.captures, options.captures_events)


def test_redaction_and_the_cap(serve: Serve, traced: Traced, logged: Logged) -> None:
    """The hook sees content before the event has it, and what is too long is cut, and says so."""

    def hide(name: str, value: Any) -> Any:
        return "[hidden]" if name == "gen_ai.output.messages" else value

    options = replace(
        traced.options, capture_events=True, redact=hide, max_payload=200, logger_provider=logged.provider
    )
    state = {"messages": [("user", "a long question " * 100)]}
    line(MessagesState, n=asks(Drive("threads"), chat(serve(FOX)))).invoke(state, telemetry=options)
    (record,) = logged.records
    told = attributes_of(record)
    assert ("[hidden]", True) == (told["gen_ai.output.messages"], told["otgraph.truncated"])
    assert "a long question" in str(told["gen_ai.input.messages"])
    assert len(str(told["gen_ai.input.messages"])) < 300
    assert "big red fox" not in str(told)


def test_a_call_that_fails(drive: Drive, serve: Serve, traced: Traced, logged: Logged) -> None:
    """The event of a call without an answer says what it was asked, and the kind of the error."""
    options = replace(traced.options, capture_events=True, logger_provider=logged.provider)
    with pytest.raises(Exception):
        drive.invoke(line(MessagesState, n=asks(drive, chat(serve(limited())))), HI, telemetry=options)
    record, _ = logged.records
    told = attributes_of(record)
    assert (DETAILS, "OpenAIRateLimitError") == (record.event_name, told["error.type"])
    assert "gen_ai.input.messages" in told
    assert "gen_ai.output.messages" not in told


def test_how_a_call_failed(drive: Drive, serve: Serve, traced: Traced, logged: Logged) -> None:
    """A failure is an event of severity WARN, without content, also where no other event is asked for."""
    options = replace(traced.options, logger_provider=logged.provider)
    graph = line(MessagesState, n=asks(drive, chat(serve(limited()))))
    with pytest.raises(Exception, match="not now"):
        drive.invoke(graph, {"messages": [("user", "a secret")]}, THREAD, telemetry=options)
    (record,) = logged.records
    (span,) = finished(traced, "chat")
    assert (EXCEPTION, 13, "WARN") == (record.event_name, record.severity_number, record.severity_text)
    assert span.context.span_id == int.from_bytes(record.span_id, "big")
    told = attributes_of(record)
    assert "OpenAIRateLimitError" == told["exception.type"].rpartition(".")[2]
    assert "not now" in told["exception.message"]
    assert "Traceback" in told["exception.stacktrace"]
    assert "a secret" not in str(told)
    alike = {
        key: value
        for key, value in span.attributes.items()
        if key.startswith(("gen_ai.", "server.", "error."))
    }
    assert alike == {key: value for key, value in told.items() if not key.startswith("exception.")}
    assert ("7", "gpt-4o-mini") == (told["gen_ai.conversation.id"], told["gen_ai.request.model"])


def test_what_is_told_of_an_exception(serve: Serve, traced: Traced, logged: Logged) -> None:
    """Its message is hidden by the hook, or left out with the frames, as it is on spans."""

    def hide(name: str, value: Any) -> Any:
        return "[hidden]" if name.startswith("exception.") else value

    for more in ({"redact": hide}, {"exceptions": "type"}):
        options = replace(traced.options, logger_provider=logged.provider, **more)
        with pytest.raises(Exception, match="not now"):
            line(MessagesState, n=asks(Drive("threads"), chat(serve(limited())))).invoke(
                HI, telemetry=options
            )
    hidden, typed = (
        {key: value for key, value in attributes_of(each).items() if key.startswith("exception.")}
        for each in logged.records
    )
    assert ("[hidden]", "[hidden]") == (hidden["exception.message"], hidden["exception.stacktrace"])
    assert ["exception.type"] == list(typed)


def test_what_is_no_failure(drive: Drive, serve: Serve, traced: Traced, logged: Logged) -> None:
    """No event tells of a call that succeeded, of one that never began, or of a human who is asked within one."""
    options = replace(traced.options, logger_provider=logged.provider)

    def ask(state: Any) -> None:
        with model_call("m"):
            interrupt("may I?")

    server = serve(FOX)
    graph = line(MessagesState, a=asks(drive, chat(server)), b=drive.node(ask))
    drive.invoke(graph, HI, telemetry=options)
    assert ["chat gpt-4o-mini", "chat m"] == [span.name for span in finished(traced, "chat")]
    graph = line(MessagesState, a=drive.node(burn), b=asks(drive, chat(server)))
    with pytest.raises(BudgetExceededError):
        drive.invoke(graph, HI, telemetry=replace(options, budget=Budget(model_calls=1)))
    assert [] == logged.records


def burn(state: Any) -> None:
    with model_call("m"):
        pass


@pytest.mark.parametrize(
    ("said", "content", "given", "events", "with_content"),
    [
        (None, None, {}, False, False),
        ("true", None, {}, True, False),
        ("TRUE", "NO_CONTENT", {}, True, False),
        ("true", "SPAN_ONLY", {}, True, False),
        (None, "EVENT_ONLY", {}, True, True),
        ("true", "EVENT_ONLY", {}, True, True),
        ("false", "EVENT_ONLY", {}, False, False),
        ("False", "SPAN_AND_EVENT", {}, False, False),
        (" ", "EVENT_ONLY", {}, True, True),
        ("yes", "EVENT_ONLY", {}, True, True),
        ("yes", None, {}, False, False),
        ("false", None, {"emit_events": True}, True, False),
        ("true", "EVENT_ONLY", {"emit_events": False}, False, False),
        (None, None, {"capture_events": True}, True, True),
        (None, "EVENT_ONLY", {"capture": False}, False, False),
        ("true", "EVENT_ONLY", {"capture": False}, True, False),
    ],
)
def test_whether_the_environment_wants_events(
    serve: Serve,
    traced: Traced,
    logged: Logged,
    monkeypatch: pytest.MonkeyPatch,
    said: str | None,
    content: str | None,
    given: dict[str, bool],
    events: bool,
    with_content: bool,
) -> None:
    """The variable of OpenTelemetry's GenAI packages decides, and where it is not set, that of content does."""
    for variable, value in ((EMIT, said), (VARIABLE, content)):
        monkeypatch.delenv(variable, raising=False)
        if value is not None:
            monkeypatch.setenv(variable, value)
    options = replace(traced.options, logger_provider=logged.provider, **given)
    line(MessagesState, n=asks(Drive("threads"), chat(serve(FOX)))).invoke(HI, telemetry=options)
    told = [attributes_of(each) for each in logged.records]
    assert [True] * events == ["gpt-4o-mini" == each["gen_ai.request.model"] for each in told]
    assert [with_content] * events == ["gen_ai.output.messages" in each for each in told]
    assert (content in ("SPAN_ONLY", "SPAN_AND_EVENT")) == (
        "gen_ai.output.messages" in finished(traced, "chat")[0].attributes
    )


def test_a_wrong_value_of_the_variable_for_events(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    """What is neither true nor false is warned of once, and not followed."""
    monkeypatch.setenv(EMIT, "sometimes")
    for _ in range(2):
        with caplog.at_level(logging.WARNING):
            assert not TelemetryOptions().emits
    (record,) = caplog.records
    assert f"{EMIT} is 'sometimes', which is none of true, false: it is not followed" == record.getMessage()


def test_without_spans(serve: Serve, logged: Logged) -> None:
    """Where no span is exported the event stands alone: it names none."""
    options = TelemetryOptions(capture_events=True, logger_provider=logged.provider)
    line(MessagesState, n=asks(Drive("threads"), chat(serve(FOX)))).invoke(HI, telemetry=options)
    (record,) = logged.records
    assert (b"", b"") == (record.trace_id.strip(b"\0"), record.span_id.strip(b"\0"))
    assert "gen_ai.output.messages" in attributes_of(record)


def test_without_a_logger_provider(serve: Serve, traced: Traced) -> None:
    """Where the application has none the run goes on as if nobody had asked."""
    options = replace(traced.options, capture_events=True)
    graph = line(MessagesState, n=asks(Drive("threads"), chat(serve(FOX))))
    assert "big red fox" == graph.invoke(HI, telemetry=options)["messages"][-1].content
