"""The node that makes tool calls: what it gives the tools, and what it makes of their answers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Annotated, Any

import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import InjectedToolCallId, tool

from otgraph.config import get_stream_writer
from otgraph.graph import START, MessagesState, StateGraph
from otgraph.prebuilt import InjectedState, InjectedStore, ToolNode, ToolRuntime, tools_condition
from otgraph.prebuilt.tool_node import ToolCallRequest, ToolInvocationError
from otgraph.store.memory import InMemoryStore
from otgraph.types import Command, interrupt

from .conftest import calling

Run = Callable[..., Any]


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@tool
def fail(text: str) -> str:
    """Fail."""
    raise ValueError(text)


@tool
async def later(x: int) -> str:
    """Answer later."""
    return f"later {x}"


def graph_of(node: ToolNode, **given: Any) -> Any:
    return StateGraph(MessagesState).add_node("tools", node).add_edge(START, "tools").compile(**given)


def answers(run: Run, node: ToolNode, *calls: Any, **given: Any) -> list[ToolMessage]:
    found = run(graph_of(node, **given), {"messages": [calling(*calls)]})["messages"]
    return list(found[1:])


def test_answers_come_in_the_order_of_the_calls(run: Run) -> None:
    """Calls are made side by side, and each is answered by a message of its id, in the order of the calls."""
    both = threading.Barrier(2, timeout=5)

    @tool
    def meet(name: str) -> str:
        """Wait for the other one."""
        both.wait()
        return name

    found = answers(run, ToolNode([meet]), ("meet", {"name": "a"}, "1"), ("meet", {"name": "b"}, "2"))
    assert [(message.content, message.tool_call_id, message.status) for message in found] == [
        ("a", "1", "success"),
        ("b", "2", "success"),
    ]


def test_an_async_tool_answers_in_both_colours(run: Run) -> None:
    """A tool that is async only is run to its end where the run is sync, too."""
    assert [message.content for message in answers(run, ToolNode([later]), ("later", {"x": 1}, "1"))] == [
        "later 1"
    ]


def test_wrong_arguments_go_back_to_the_model(run: Run) -> None:
    """By default the model hears of arguments that the tool does not take, and of tools that do not exist."""
    found = answers(run, ToolNode([add]), ("add", {"a": "x"}, "1"), ("zz", {}, "2"))
    assert [message.status for message in found] == ["error", "error"]
    assert found[0].content == (
        "Error invoking tool 'add' with kwargs {'a': 'x'} with error:\n a: Input should be a valid integer, unable to "
        "parse string as an integer\nb: Field required\n Please fix the error and try again."
    )
    assert found[1].content == "Error: zz is not a valid tool, try one of [add]."


@pytest.mark.parametrize(
    ("handling", "text"),
    [
        (True, "Error: ValueError('bad')\n Please fix your mistakes."),
        ("try again", "try again"),
        (lambda error: f"it said {error}", "it said bad"),
        (ValueError, "Error: ValueError('bad')\n Please fix your mistakes."),
        ((KeyError, ValueError), "Error: ValueError('bad')\n Please fix your mistakes."),
    ],
)
def test_errors_that_are_handled_go_back_to_the_model(run: Run, handling: Any, text: str) -> None:
    """A policy says which errors the model hears of, and in which words."""
    (found,) = answers(run, ToolNode([fail], handle_tool_errors=handling), ("fail", {"text": "bad"}, "1"))
    assert (found.content, found.status) == (text, "error")


def only_keys(error: KeyError) -> str:
    return "a key"


@pytest.mark.parametrize("given", [{}, {"handle_tool_errors": False}, {"handle_tool_errors": only_keys}])
def test_other_errors_end_the_run(run: Run, given: Any) -> None:
    """An error that the policy does not name is raised as it is."""
    with pytest.raises(ValueError, match="bad"):
        answers(run, ToolNode([fail], **given), ("fail", {"text": "bad"}, "1"))
    if given:
        with pytest.raises(ToolInvocationError, match="Field required"):
            answers(run, ToolNode([fail], **given), ("fail", {}, "1"))


def test_an_interrupt_is_no_error(run: Run) -> None:
    """A tool that asks a human pauses the run, whatever the policy for errors."""

    @tool
    def ask() -> str:
        """Ask."""
        return str(interrupt("sure?"))

    result = run(
        graph_of(ToolNode([ask], handle_tool_errors=True)), {"messages": [calling(("ask", {}, "1"))]}
    )
    assert [question.value for question in result["__interrupt__"]] == ["sure?"]


def test_what_tools_are_given(run: Run) -> None:
    """State, store and runtime are injected, whatever the model says under their names."""

    @tool
    def look(
        size: int,
        state: Annotated[dict[str, Any], InjectedState],
        messages: Annotated[list[Any], InjectedState("messages")],
        store: Annotated[Any, InjectedStore()],
        runtime: ToolRuntime,
    ) -> str:
        """Look."""
        assert runtime.state is state
        return (
            f"{size} {len(state['messages'])} {len(messages)} {store is runtime.store} {runtime.tool_call_id}"
        )

    assert set(look.tool_call_schema.model_json_schema()["properties"]) == {"size"}
    (found,) = answers(
        run, ToolNode([look]), ("look", {"size": 3, "state": "forged"}, "id7"), store=InMemoryStore()
    )
    assert found.content == "3 1 1 True id7"
    with pytest.raises(ValueError, match="Cannot inject store"):
        answers(run, ToolNode([look]), ("look", {"size": 3}, "1"))


def test_a_tool_may_stream() -> None:
    """The stream writer works in tools, also in those that run side by side."""

    @tool
    def tell(x: int) -> str:
        """Tell."""
        get_stream_writer()(x)
        return "told"

    given = {"messages": [calling(("tell", {"x": 1}, "1"), ("tell", {"x": 2}, "2"))]}
    assert sorted(graph_of(ToolNode([tell])).stream(given, stream_mode="custom")) == [1, 2]


def test_a_command_updates_and_routes(run: Run) -> None:
    """A tool may return a `Command`, if it answers the call."""

    @tool
    def hand_over(tool_call_id: Annotated[str, InjectedToolCallId]) -> Any:
        """Hand over."""
        return Command(update={"messages": [ToolMessage("done", tool_call_id=tool_call_id)]}, goto="other")

    @tool
    def forget() -> Any:
        """Forget to answer."""
        return Command(update={"messages": []})

    graph = (
        StateGraph(MessagesState)
        .add_node("tools", ToolNode([hand_over, forget]), destinations=("other",))
        .add_node("other", lambda state: {"messages": [HumanMessage("other")]})
        .add_edge(START, "tools")
        .compile()
    )
    result = run(graph, {"messages": [calling(("hand_over", {}, "1"))]})
    assert [(message.content, message.name) for message in result["messages"][1:]] == [
        ("done", "hand_over"),
        ("other", None),
    ]
    with pytest.raises(ValueError, match="Expected to have a matching ToolMessage"):
        run(graph, {"messages": [calling(("forget", {}, "1"))]})


def test_a_wrapper_may_change_and_answer_calls(run: Run) -> None:
    """A wrapper sees each request, may change it, and may answer calls of tools that the node does not know."""

    def wrap(request: ToolCallRequest, execute: Callable[[ToolCallRequest], Any]) -> Any:
        call = request.tool_call
        if request.tool is None:
            return ToolMessage("made up", tool_call_id=call["id"])
        return execute(request.override(tool_call={**call, "args": {"a": 40, "b": 2}}))

    node = ToolNode([add], wrap_tool_call=wrap)
    found = answers(run, node, ("add", {"a": 1, "b": 1}, "1"), ("dynamic", {}, "2"))
    assert [message.content for message in found] == ["42", "made up"]


def test_inputs_and_outputs_have_one_form() -> None:
    """A list of messages is answered by a list, a state by an update; tool calls may be given by themselves."""
    node, message = ToolNode([add]), calling(("add", {"a": 1, "b": 2}, "1"))
    assert [answer.content for answer in node.invoke([message])] == ["3"]
    assert [answer.content for answer in node.invoke({"messages": [message]})["messages"]] == ["3"]
    assert [answer.content for answer in node.invoke(message.tool_calls)["messages"]] == ["3"]
    for wrong in ({"messages": []}, {"x": 1}, {"messages": [HumanMessage("hi")]}):
        with pytest.raises(ValueError, match="found in input"):
            node.invoke(wrong)


def test_the_condition_routes_to_tools() -> None:
    """A last message that calls tools leads to them, any other to the end; no messages are an error."""
    assert tools_condition({"messages": [calling(("add", {}, "1"))]}) == "tools"
    assert tools_condition([HumanMessage("hi")]) == "__end__"
    with pytest.raises(ValueError, match="No messages found"):
        tools_condition({"messages": []})
