"""
What a type checker knows of a program that uses graphs.

mypy checks this file with the package: each `assert_type` is a fact, and so is each `type: ignore`, for mypy refuses
those that nothing needs.
"""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import pytest
from typing_extensions import TypedDict, assert_type

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.runtime import Runtime
from otgraph.types import Command, GraphOutput, Part, StreamPart, StreamWriter


class State(TypedDict):
    question: str
    lines: Annotated[list[str], operator.add]


class Answer(TypedDict):
    lines: list[str]


@dataclass
class Context:
    user: str


def think(state: State, runtime: Runtime[Context], writer: StreamWriter) -> dict[str, Any]:
    assert_type(runtime.context, Context)
    writer(runtime.context.user)
    return {"lines": [state["question"]]}


builder = StateGraph(State, context_schema=Context, output_schema=Answer)
graph = builder.add_node(think).add_edge(START, "think").compile(checkpointer=InMemorySaver())
ada = Context("Ada")
config: Any = {"configurable": {"thread_id": "1"}}


def test_a_state_may_be_given_in_part() -> None:
    """Any dict is an input, a Command or None too; what is none of them is refused."""
    graph.invoke({"question": "why?"}, config, context=ada)
    graph.invoke({"question": "why?", "lines": []}, config, context=ada)
    graph.invoke(Command(update={"question": "how?"}), config, context=ada)
    with pytest.raises(Exception, match="Expected dict"):
        graph.invoke("why?", config, context=ada)  # type: ignore[call-overload]


def test_the_result_in_version_2_has_the_output_s_type() -> None:
    """`GraphOutput` is generic in the output schema."""
    output = graph.invoke({"question": "why?"}, config, context=ada, version="v2")
    assert_type(output, GraphOutput[Answer])
    assert_type(output.value["lines"], list[str])


def test_parts_are_told_apart_by_their_type() -> None:
    """`part["data"]` has the type of its mode."""
    modes = graph.stream(
        {"question": "why?"}, config, context=ada, stream_mode=["updates", "values"], version="v2"
    )
    assert_type(modes, Iterator[StreamPart[State, Answer]])
    kinds = set()
    for part in modes:
        kinds.add(part["type"])
        if part["type"] == "values":
            assert_type(part["data"], Answer)
        elif part["type"] == "updates":
            assert_type(part["data"], dict[str, Any])
    assert kinds == {"updates", "values"}


async def test_parts_are_told_apart_on_the_event_loop() -> None:
    """The same is known of `astream`."""
    async for part in graph.astream(
        {"question": "why?"}, config, context=ada, stream_mode="custom", version="v2"
    ):
        assert_type(part, StreamPart[State, Answer])
        assert part["data"] == "Ada"


def test_a_part_knows_where_it_is_from() -> None:
    """`Part.of` gives a type checker the attributes that a dict has not; what is no part is refused."""
    for part in graph.stream({"question": "why?"}, config, context=ada, stream_mode="updates", version="v2"):
        assert_type(Part.of(part).seq, int)
        assert Part.of(part) is part
    with pytest.raises(TypeError, match="expected a chunk of stream"):
        Part.of({"type": "updates"})


def test_words_that_are_none_are_refused() -> None:
    """Stream modes, versions and durabilities are literals, and arguments have names."""
    given: Any = {"question": "why?"}
    with pytest.raises(ValueError, match="unknown stream mode 'update'"):
        list(graph.stream(given, config, context=ada, stream_mode="update"))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="durability must be one of"):
        graph.invoke(given, config, context=ada, durability="never")  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="stream_mod"):
        graph.stream(given, config, context=ada, stream_mod="updates")  # type: ignore[call-overload]
    wrong = builder.compile(telemetry=True)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="telemetry must be TelemetryOptions"):
        wrong.invoke(given, context=ada)


@task
def square(number: int) -> int:
    return number * number


@entrypoint()
def squares(numbers: list[int]) -> list[int]:
    results = [square(number) for number in numbers]
    assert_type(results[0].result(), int)
    return [each.result() for each in results]


def test_a_task_returns_what_its_function_does() -> None:
    """The future that a call of a task returns is of its function's type."""
    assert squares.invoke([1, 2]) == [1, 4]
