"""An agent: its turns, its streams, its hooks and its limits."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypedDict

import pytest
from langchain_core.messages import AIMessage, SystemMessage
from langchain_core.runnables import RunnableLambda
from langchain_core.tools import tool

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.errors import GraphRecursionError
from otgraph.prebuilt import create_react_agent
from otgraph.prebuilt.chat_agent_executor import AgentState
from otgraph.types import Command, interrupt

from .conftest import Model, calling, contents, says

Run = Callable[..., Any]
ASK = {"messages": [("user", "hi")]}


@pytest.fixture(autouse=True)
def _quiet() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    get_stream_writer()(f"{a} and {b}")
    return a + b


@tool(return_direct=True)
def final(x: int) -> str:
    """Answer at once."""
    return f"final {x}"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_a_turn_with_tools(run: Run, version: Any) -> None:
    """The model calls tools, is shown their answers, and ends by calling none."""
    model = says(calling(("add", {"a": 1, "b": 2}, "1"), ("add", {"a": 3, "b": 4}, "2")), AIMessage("done"))
    agent = create_react_agent(model, [add], version=version, name="adder")
    result = run(agent, ASK)
    assert contents(result["messages"]) == [
        ("human", "hi"),
        ("ai", ""),
        ("tool", "3"),
        ("tool", "7"),
        ("ai", "done"),
    ]
    assert [message.name for message in result["messages"] if message.type == "ai"] == ["adder", "adder"]


def test_what_a_stream_shows(stream: Callable[..., list[Any]]) -> None:
    """Each call of a tool is a task of its own; what the tool says comes before its answer."""
    agent = create_react_agent(says(calling(("add", {"a": 1, "b": 2}, "1")), AIMessage("done")), [add])
    chunks = stream(agent, ASK, stream_mode=["updates", "custom"])
    assert [(mode, next(iter(chunk)) if mode == "updates" else chunk) for mode, chunk in chunks] == [
        ("updates", "agent"),
        ("custom", "1 and 2"),
        ("updates", "tools"),
        ("updates", "agent"),
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        "be kind",
        SystemMessage("be kind"),
        lambda state: [SystemMessage("be kind"), *state["messages"]],
        RunnableLambda(lambda state: [SystemMessage("be kind"), *state["messages"]]),
    ],
    ids=["text", "message", "function", "runnable"],
)
def test_what_the_model_is_shown(run: Run, prompt: Any) -> None:
    """A prompt comes before the messages, in each of its forms."""
    model = says(AIMessage("yes"))
    run(create_react_agent(model, [], prompt=prompt), ASK)
    assert contents(model.shown[0]) == [("system", "be kind"), ("human", "hi")]


def test_an_answer_that_ends_the_run(run: Run) -> None:
    """A tool that returns directly ends the run, also beside others."""
    calls = calling(("final", {"x": 1}, "1"), ("add", {"a": 1, "b": 1}, "2"))
    result = run(create_react_agent(says(calls, AIMessage("never")), [final, add]), ASK)
    assert contents(result["messages"])[2:] == [("tool", "final 1"), ("tool", "2")]


def test_an_answer_of_a_given_shape(run: Run) -> None:
    """The model is asked once more, with the prompt that goes with the shape."""

    class Shaped(Model):
        def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
            return RunnableLambda(lambda messages: {"shown": contents(messages), "schema": schema})

    model = Shaped(messages=iter([AIMessage("yes")]))
    result = run(create_react_agent(model, [], response_format=("shape it", dict)), ASK)
    assert result["structured_response"] == {
        "shown": [("system", "shape it"), ("human", "hi"), ("ai", "yes")],
        "schema": dict,
    }


def test_hooks_run_before_and_after_the_model(run: Run) -> None:
    """What the hook before returns as input is shown and not kept; the hook after sees the answer."""
    seen = []
    model = says(calling(("add", {"a": 1, "b": 2}, "1")), AIMessage("done"))
    agent = create_react_agent(
        model,
        [add],
        pre_model_hook=lambda state: {"llm_input_messages": state["messages"][-1:]},
        post_model_hook=lambda state: seen.append(state["messages"][-1].content),
    )
    with pytest.raises(ValueError, match="do not have a corresponding ToolMessage"):
        run(create_react_agent(says(AIMessage("x")), []), {"messages": [calling(("add", {}, "9"))]})
    result = run(agent, ASK)
    assert contents(result["messages"])[-1] == ("ai", "done")
    assert [len(shown) for shown in model.shown] == [1, 1]
    assert seen == ["", "done"]


@pytest.mark.parametrize(
    ("limit", "last"),
    [(1, None), (2, "Sorry, need more steps to process this request."), (3, None), (4, "done")],
)
def test_too_few_steps(run: Run, limit: int, last: str | None) -> None:
    """An agent that sees its steps run out says so; where even that is too late, the run fails."""
    agent = create_react_agent(says(calling(("add", {"a": 1, "b": 2}, "1")), AIMessage("done")), [add])
    if last is None:
        with pytest.raises(GraphRecursionError):
            run(agent, ASK, {"recursion_limit": limit})
    else:
        assert run(agent, ASK, {"recursion_limit": limit})["messages"][-1].content == last


def test_a_model_chosen_by_a_function(run: Run) -> None:
    """A function chooses the model at each call, by state and runtime."""

    def choose(state: Any, runtime: Any) -> Any:
        return says(AIMessage(f"{len(state['messages'])} {runtime.context}"))

    assert run(create_react_agent(choose, [add]), ASK, context="c")["messages"][-1].content == "1 c"


def test_a_tool_may_ask_a_human(run: Run) -> None:
    """A tool's interrupt pauses the agent; the answer goes on with that tool alone."""

    @tool
    def ask(question: str) -> str:
        """Ask a human."""
        return f"human: {interrupt(question)}"

    model = says(
        calling(("ask", {"question": "sure?"}, "1"), ("add", {"a": 1, "b": 2}, "2")), AIMessage("done")
    )
    agent = create_react_agent(model, [ask, add], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "1"}}
    assert [question.value for question in run(agent, ASK, config)["__interrupt__"]] == ["sure?"]
    result = run(agent, Command(resume="yes"), config)
    assert contents(result["messages"])[2:] == [("tool", "human: yes"), ("tool", "3"), ("ai", "done")]


class Wrong(TypedDict):
    a: int


class More(AgentState):
    k: int


def test_states_of_ones_own(run: Run) -> None:
    """A state may have more keys than an agent needs, and not fewer."""
    result = run(create_react_agent(says(AIMessage("x")), [], state_schema=More), {**ASK, "k": 1})
    assert result["k"] == 1
    with pytest.raises(ValueError, match=r"Missing required key\(s\)"):
        create_react_agent(says(), [], state_schema=Wrong)


def test_tools_that_are_bound_already() -> None:
    """A model that has tools bound must have the agent's."""

    @tool
    def other() -> str:
        """Another one."""
        return ""

    class Binding(Model):
        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self.bind(tools=tools)

    bound = Binding(messages=iter([])).bind_tools([add])
    create_react_agent(bound, [add])
    with pytest.raises(ValueError, match="Missing tools '{'other'}'"):
        create_react_agent(bound, [other])
    with pytest.raises(ValueError, match="Number of tools"):
        create_react_agent(bound, [add, other])


def test_unknown_versions_are_refused() -> None:
    """The error names what was given and what there is."""
    with pytest.raises(ValueError, match="Invalid version v9. Supported versions are 'v1' and 'v2'"):
        create_react_agent(says(), [], version="v9")  # type: ignore[arg-type]
