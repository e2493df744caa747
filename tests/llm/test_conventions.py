"""
What the GenAI conventions want on each kind of span, attribute by attribute, and that it is there.

Rule: the table is that of the conventions (semantic-conventions-genai, `model/gen-ai/spans.yaml`, 2026). What otgraph
does not tell stands there too, with the reason; what it tells beyond the table is listed.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from messages.conftest import Drive, Traced, line
from typing_extensions import TypedDict

from otgraph.graph import MessagesState
from otgraph.messages import model_call
from otgraph.prebuilt import create_react_agent

from .conftest import asks, chat
from .server import Server
from .test_spans import CALL, HI, SUNNY, finished, get_weather

Serve = Callable[..., Server]
Level = Literal["required", "conditional", "recommended", "opt-in"]

USAGE: dict[str, Level] = {
    "gen_ai.usage.input_tokens": "recommended",
    "gen_ai.usage.output_tokens": "recommended",
    "gen_ai.usage.cache_read.input_tokens": "recommended",
    "gen_ai.usage.cache_write.input_tokens": "recommended",
    **{
        f"gen_ai.usage.{modality}.{kind}_tokens": "recommended"
        for modality in ("text", "image", "audio")
        for kind in ("input", "output", "cache_read.input")
    },
    "gen_ai.usage.reasoning.output_tokens": "recommended",
}
CONTENT: dict[str, Level] = {
    "gen_ai.input.messages": "opt-in",
    "gen_ai.output.messages": "opt-in",
    "gen_ai.system_instructions": "opt-in",
    "gen_ai.tool.definitions": "opt-in",
}
REQUEST: dict[str, Level] = {
    "gen_ai.request.max_tokens": "recommended",
    "gen_ai.request.choice.count": "conditional",
    "gen_ai.request.temperature": "recommended",
    "gen_ai.request.top_p": "recommended",
    "gen_ai.request.stop_sequences": "recommended",
    "gen_ai.request.frequency_penalty": "recommended",
    "gen_ai.request.presence_penalty": "recommended",
    "gen_ai.request.seed": "conditional",
    "gen_ai.output.type": "conditional",
}
TABLE: dict[str, dict[str, Level]] = {
    "chat": {
        "gen_ai.operation.name": "required",
        "gen_ai.provider.name": "required",
        "gen_ai.request.model": "conditional",
        "server.address": "recommended",
        "server.port": "conditional",
        **REQUEST,
        "gen_ai.request.top_k": "conditional",
        "gen_ai.request.stream": "conditional",
        "gen_ai.request.reasoning.level": "recommended",
        "gen_ai.request.previous_response.id": "recommended",
        "gen_ai.prompt.name": "conditional",
        "gen_ai.prompt.version": "conditional",
        "gen_ai.response.id": "recommended",
        "gen_ai.response.model": "recommended",
        "gen_ai.response.finish_reasons": "recommended",
        "gen_ai.response.time_to_first_chunk": "recommended",
        "gen_ai.conversation.id": "conditional",
        "gen_ai.conversation.compacted": "recommended",
        **USAGE,
        **CONTENT,
        "error.type": "conditional",
    },
    "invoke_agent": {
        "gen_ai.operation.name": "required",
        "gen_ai.provider.name": "required",
        "gen_ai.request.model": "conditional",
        **REQUEST,
        "gen_ai.response.finish_reasons": "recommended",
        "gen_ai.conversation.id": "conditional",
        "gen_ai.agent.id": "conditional",
        "gen_ai.agent.name": "conditional",
        "gen_ai.agent.description": "conditional",
        "gen_ai.agent.version": "conditional",
        "gen_ai.data_source.id": "conditional",
        **USAGE,
        **CONTENT,
        "error.type": "conditional",
    },
    "execute_tool": {
        "gen_ai.operation.name": "required",
        "gen_ai.tool.name": "required",
        "gen_ai.tool.call.id": "recommended",
        "gen_ai.tool.description": "recommended",
        "gen_ai.tool.type": "recommended",
        "gen_ai.tool.call.arguments": "opt-in",
        "gen_ai.tool.call.result": "opt-in",
        "error.type": "conditional",
    },
    "invoke_workflow": {
        "gen_ai.operation.name": "required",
        "gen_ai.workflow.name": "conditional",
        "gen_ai.input.messages": "opt-in",
        "gen_ai.output.messages": "opt-in",
        "error.type": "conditional",
    },
}
"""Operation -> attribute -> how much the conventions want it."""

UNTOLD: dict[str, dict[str, str]] = {
    "chat": {
        "gen_ai.conversation.compacted": "what a client is given does not tell",
        "gen_ai.prompt.name": "the same",
        "gen_ai.prompt.version": "the same",
    },
    "invoke_agent": {
        **dict.fromkeys(REQUEST, "each of its calls has its own"),
        "gen_ai.data_source.id": "an agent of this kind has none",
    },
}
"""What the table has and otgraph does not tell -> why."""
BEYOND: dict[str, set[str]] = {
    "chat": {"gen_ai.agent.name", "gen_ai.workflow.name"},
    "invoke_agent": {"gen_ai.workflow.name", "gen_ai.workflow.nested"},
    "execute_tool": {"gen_ai.agent.name", "gen_ai.workflow.name", "gen_ai.conversation.id"},
    "invoke_workflow": {"gen_ai.conversation.id"},
}
"""What otgraph tells and the table does not have."""

MODEL_PARAMETERS: dict[str, Any] = {
    "temperature": 0.5,
    "max_tokens": 99,
    "top_p": 0.9,
    "seed": 7,
    "n": 2,
    "frequency_penalty": 0.1,
    "presence_penalty": 0.2,
    "stop": ["END"],
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
}
EACH = {"text_tokens": 1, "image_tokens": 1, "audio_tokens": 1}
GIVEN = {"cached_tokens": 3, "cached_tokens_details": EACH, **EACH}
MADE = {"reasoning_tokens": 1, **EACH}
THREAD = {"configurable": {"thread_id": "7"}}
AGENT = {"agent_id": "weather-1", "agent_description": "Knows the weather.", "agent_version": "2.1"}


class State(TypedDict, total=False):
    messages: Any


def told(traced: Traced, operation: str) -> set[str]:
    """Return the attributes of the conventions that spans of an operation have, taken together."""
    spans = [span for span in finished(traced) if span.attributes.get("gen_ai.operation.name") == operation]
    assert spans
    keys = {key for span in spans for key in span.attributes}
    return {key for key in keys if key.startswith(("gen_ai.", "server.", "error."))}


def expected(operation: str, *less: str) -> set[str]:
    wanted = set(TABLE[operation]) - set(UNTOLD.get(operation, ()))
    return (wanted | BEYOND[operation]) - set(less)


def brief_agent(server: Server, tool: Any, **options: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        agent = create_react_agent(chat(server, **options), [tool], prompt="Be brief.", name="weather")
    return agent.with_config(metadata=AGENT)


def test_the_tables_agree() -> None:
    """What is left out, and what is told beyond the table, is no slip of the pen."""
    for operation, untold in UNTOLD.items():
        assert set(untold) <= set(TABLE[operation])
        assert "required" not in {TABLE[operation][key] for key in untold}
    for operation, beyond in BEYOND.items():
        assert not beyond & set(TABLE[operation])


def test_an_agent_with_langchain(drive: Drive, serve: Serve, traced: Traced) -> None:
    """All that the table wants is on the spans of an agent, its models and its tools, and nothing else is."""

    def fail(city: str) -> str:
        """Get weather for a given city."""
        raise ConnectionError(city)

    fail.__name__ = "get_weather"
    options = replace(traced.options, capture=True)
    server = serve(*(replace(answer, given=GIVEN, made=MADE) for answer in (CALL, SUNNY, CALL)))
    for tool in (get_weather, fail):
        # The second time the tool fails, and with it the run.
        parameters = {key: value for key, value in MODEL_PARAMETERS.items() if key != "response_format"}
        agent = brief_agent(server, tool, **parameters)
        try:
            drive.invoke(line(State, weather=agent), HI, THREAD, telemetry=options)
        except ConnectionError:
            pass
    for operation, less in {
        "chat": {
            "error.type",  # see test_spans
            "gen_ai.output.type",
            "gen_ai.request.top_k",  # OpenAI has none
            "gen_ai.request.previous_response.id",  # of the Responses API
            "gen_ai.request.stream",
            "gen_ai.response.time_to_first_chunk",
            "gen_ai.system_instructions",  # part of the messages there
            "gen_ai.usage.cache_write.input_tokens",  # OpenAI tells of none
        },
        "invoke_agent": {"gen_ai.usage.cache_write.input_tokens"},
        "execute_tool": set(),
        "invoke_workflow": set(),
    }.items():
        assert expected(operation, *less) == told(traced, operation), operation


def test_any_client(drive: Drive, traced: Traced) -> None:
    """`model_call` tells all of the table, of what the client is called with and of what it answers."""
    messages = [{"role": "user", "content": "hi"}]
    tools = [{"name": "get_weather", "description": "Get weather.", "input_schema": {"type": "object"}}]
    usage = {
        "input_tokens": 1,
        "output_tokens": 3,
        "cache_read_input_tokens": 2,
        "cache_creation_input_tokens": 4,
        "input_tokens_details": GIVEN,
        "output_tokens_details": MADE,
    }
    answer = {"id": "1", "model": "m-1", "role": "assistant", "content": [{"type": "text", "text": "hello"}]}
    before = {"previous_response_id": "0"}
    given = {
        **MODEL_PARAMETERS,
        **before,
        "top_k": 5,
        "system": "Be brief.",
        "messages": messages,
        "tools": tools,
    }

    def n(state: State) -> None:
        with model_call("m", provider="anthropic", server="https://models.test/v1", parameters=given) as call:
            call.token("hello")
            call.response({**answer, "usage": usage, "stop_reason": "end_turn"})

    options = replace(traced.options, capture=True)
    drive.invoke(line(State, n=drive.node(n)), HI, THREAD, telemetry=options)
    assert expected("chat", "error.type", "gen_ai.agent.name") == told(traced, "chat")
    attributes = dict(traced.span("chat m").attributes)
    assert {
        "server.address": "models.test",
        "server.port": 443,
        "gen_ai.request.stop_sequences": ("END",),
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.top_k": 5,
        "gen_ai.output.type": "json",
        "gen_ai.usage.input_tokens": 7,
        "gen_ai.usage.cache_write.input_tokens": 4,
        "gen_ai.usage.reasoning.output_tokens": 1,
        "gen_ai.usage.audio.cache_read.input_tokens": 1,
        "gen_ai.request.reasoning.level": "low",
        "gen_ai.request.previous_response.id": "0",
    }.items() <= attributes.items()
    said = {"type": "text", "content": "hello"}
    assert {
        "gen_ai.input.messages": [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}],
        "gen_ai.output.messages": [{"role": "assistant", "parts": [said], "finish_reason": "end_turn"}],
        "gen_ai.system_instructions": [{"type": "text", "content": "Be brief."}],
        "gen_ai.tool.definitions": [
            {
                "type": "function",
                "name": "get_weather",
                "description": "Get weather.",
                "parameters": {"type": "object"},
            }
        ],
    } == {key: json.loads(attributes[key]) for key in CONTENT}


def test_what_an_agent_tells(drive: Drive, serve: Serve, traced: Traced) -> None:
    """Its span has the first call's model, instructions and tools, the last one's reason, and question and answer."""
    agent = brief_agent(serve(CALL, SUNNY), get_weather)
    drive.invoke(agent, HI, telemetry=replace(traced.options, capture=True))
    attributes = traced.span("invoke_agent weather").attributes
    assert {
        "gen_ai.agent.id": "weather-1",
        "gen_ai.agent.description": "Knows the weather.",
        "gen_ai.agent.version": "2.1",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.response.finish_reasons": ("stop",),
    }.items() <= dict(attributes).items()
    assert [{"type": "text", "content": "Be brief."}] == json.loads(attributes["gen_ai.system_instructions"])
    (tool,) = json.loads(attributes["gen_ai.tool.definitions"])
    assert ("function", "get_weather", "Get weather for a given city.") == (
        tool["type"],
        tool["name"],
        tool["description"],
    )
    assert ["city"] == list(tool["parameters"]["properties"])
    assert [{"role": "user", "parts": [{"type": "text", "content": "hi"}]}] == json.loads(
        attributes["gen_ai.input.messages"]
    )
    said = {"type": "text", "content": "It is sunny"}
    assert [{"role": "assistant", "parts": [said], "finish_reason": "stop"}] == json.loads(
        attributes["gen_ai.output.messages"]
    )


def test_a_server_that_the_environment_names(
    drive: Drive, serve: Serve, traced: Traced, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model of LangChain that was given no URL is where its client's variable says."""
    server = serve(SUNNY)
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    module = pytest.importorskip("langchain_openai")
    model = module.ChatOpenAI(model="gpt-4o-mini", api_key="none", max_retries=0)
    drive.invoke(line(MessagesState, n=asks(drive, model)), HI, telemetry=traced.options)
    attributes = traced.span("chat gpt-4o-mini").attributes
    assert ("127.0.0.1", urlsplit(server.url).port) == (
        attributes["server.address"],
        attributes["server.port"],
    )


@pytest.mark.parametrize(
    ("server", "address", "port"),
    [
        ("http://127.0.0.1:8000/v1", "127.0.0.1", 8000),
        ("https://api.openai.com/v1/", "api.openai.com", 443),
        ("http://models", "models", 80),
        ("models.test:9000", "models.test", 9000),
        ("models.test", "models.test", None),
        ("http://[::1]:8000", "::1", 8000),
        ("http://host:port", None, None),
        ("", None, None),
    ],
)
def test_servers(traced: Traced, server: str, address: str | None, port: int | None) -> None:
    """A URL or a host becomes address and port; what is neither is left out."""

    def n(state: State) -> None:
        with model_call("m", server=server):
            pass

    line(State, n=n).invoke(HI, telemetry=traced.options)
    attributes = traced.span("chat m").attributes
    assert (address, port) == (attributes.get("server.address"), attributes.get("server.port"))
    assert "unknown" == attributes["gen_ai.provider.name"]


class Odd:
    """No message, though it looks like one."""

    @property
    def content(self) -> str:
        raise RuntimeError("no content")


def test_messages_that_cannot_be_shown(drive: Drive, traced: Traced) -> None:
    """What looks like messages and is none is left out, and the run goes on."""
    graph = line(State, n=drive.node(lambda state: {"messages": [Odd()]}))
    state = drive.invoke(graph, {"messages": [Odd()]}, telemetry=replace(traced.options, capture=True))
    assert isinstance(state["messages"][0], Odd)
    attributes = traced.span("invoke_workflow LangGraph").attributes
    assert not {"gen_ai.input.messages", "gen_ai.output.messages"} & set(attributes)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ({"messages": "hi"}, [("user", "hi")]),
        ({"messages": ("ai", "hi")}, [("assistant", "hi")]),
        (
            {"messages": [("user", "a"), {"role": "assistant", "content": "b"}]},
            [("user", "a"), ("assistant", "b")],
        ),
        ({"other": 1}, []),
    ],
)
def test_what_a_run_is_given(traced: Traced, given: Any, shown: list[tuple[str, str]]) -> None:
    """Whatever stands for messages in the input is shown as messages; an input without any shows none."""
    graph = line(State, n=lambda state: None)
    graph.invoke(given, telemetry=replace(traced.options, capture=True))
    told = traced.span("invoke_workflow LangGraph").attributes.get("gen_ai.input.messages", "[]")
    assert shown == [(each["role"], each["parts"][0]["content"]) for each in json.loads(told)]
