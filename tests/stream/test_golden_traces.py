"""
Runs chunk by chunk: what LangGraph 1.2.22 shows of them, written down.

Rule: the expected chunks are literal, so that they can be read; ids are renamed in order of appearance.
"""

from __future__ import annotations

import asyncio
import operator
import re
from collections.abc import Callable, Iterator
from itertools import permutations
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.types import Command, Interrupt, Send, StreamWriter, interrupt

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00")

Run = Callable[..., "tuple[list[Any], Exception | None]"]


class Log(TypedDict):
    """A list that nodes append to."""

    l: Annotated[list, operator.add]  # noqa: E741


class Joke(TypedDict):
    """Plain values."""

    topic: str
    joke: str


def read_sync(graph: Any, given: Any, **options: Any) -> tuple[list[Any], Exception | None]:
    return _read(graph.stream(given, **options))


def _read(stream: Iterator[Any]) -> tuple[list[Any], Exception | None]:
    chunks: list[Any] = []
    try:
        for chunk in stream:
            chunks.append(chunk)
    except Exception as error:
        return chunks, error
    return chunks, None


def read_async(graph: Any, given: Any, **options: Any) -> tuple[list[Any], Exception | None]:
    chunks: list[Any] = []

    async def read() -> None:
        async for chunk in graph.astream(given, **options):
            chunks.append(chunk)

    try:
        asyncio.run(read())
    except Exception as error:
        return chunks, error
    return chunks, None


@pytest.fixture(params=[read_sync, read_async], ids=["stream", "astream"])
def run(request: pytest.FixtureRequest) -> Run:
    """Both ways to read a stream to its end."""
    return request.param  # type: ignore[no-any-return]


def plain(chunks: list[Any]) -> list[Any]:
    """Return the chunks with ids as T1, T2, … and timestamps as `…`."""
    names: dict[str, str] = {}

    def name(match: re.Match[str]) -> str:
        return names.setdefault(match.group(), f"T{len(names) + 1}")

    def walk(value: Any) -> Any:
        if isinstance(value, str):
            return "…" if UTC.fullmatch(value) else ID.sub(name, value)
        if isinstance(value, dict):
            return {key: walk(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(walk(item) for item in value)
        return value

    return [walk(chunk) for chunk in chunks]


def test_a_line_of_two_nodes_in_four_modes(run: Run) -> None:
    """Values, custom items, updates and debug events of two steps come in this order and shape."""

    def refine_topic(state: Joke, writer: StreamWriter) -> dict[str, str]:
        writer("working")
        return {"topic": state["topic"] + " and cats"}

    def generate_joke(state: Joke) -> dict[str, str]:
        return {"joke": f"J {state['topic']}"}

    builder = StateGraph(Joke)
    builder.add_node(refine_topic).add_node(generate_joke)
    builder.add_edge(START, "refine_topic").add_edge("refine_topic", "generate_joke")
    modes = ["values", "updates", "custom", "debug"]
    chunks, error = run(builder.compile(), {"topic": "ice cream"}, stream_mode=modes)

    def start(step: int, task: str, name: str, state: dict[str, str]) -> tuple[str, Any]:
        payload = {"id": task, "name": name, "input": state, "triggers": (f"branch:to:{name}",)}
        return "debug", {"step": step, "timestamp": "…", "type": "task", "payload": payload}

    def result(step: int, task: str, name: str, written: dict[str, str]) -> tuple[str, Any]:
        payload = {"id": task, "name": name, "error": None, "result": written, "interrupts": []}
        return "debug", {"step": step, "timestamp": "…", "type": "task_result", "payload": payload}

    assert error is None
    assert plain(chunks) == [
        ("values", {"topic": "ice cream"}),
        start(1, "T1", "refine_topic", {"topic": "ice cream"}),
        ("custom", "working"),
        ("updates", {"refine_topic": {"topic": "ice cream and cats"}}),
        result(1, "T1", "refine_topic", {"topic": "ice cream and cats"}),
        ("values", {"topic": "ice cream and cats"}),
        start(2, "T2", "generate_joke", {"topic": "ice cream and cats"}),
        ("updates", {"generate_joke": {"joke": "J ice cream and cats"}}),
        result(2, "T2", "generate_joke", {"joke": "J ice cream and cats"}),
        ("values", {"topic": "ice cream and cats", "joke": "J ice cream and cats"}),
    ]
    assert [list(chunk) for mode, chunk in chunks if mode == "debug"] == [
        ["step", "timestamp", "type", "payload"]
    ] * 4


def test_a_graph_as_a_node(run: Run) -> None:
    """The chunks of a graph node stand between its start and its update, under its task's namespace."""

    def x(state: Log, writer: StreamWriter) -> dict[str, list[str]]:
        writer("from x")
        return {"l": ["x"]}

    inner = StateGraph(Log).add_node(x).add_edge(START, "x").compile()
    graph = StateGraph(Log).add_node("sub", inner).add_edge(START, "sub").compile()
    modes = ["values", "updates", "custom", "tasks"]
    chunks, error = run(graph, {"l": ["i"]}, stream_mode=modes, subgraphs=True)
    sub = ("sub:T1",)

    assert error is None
    assert plain(chunks) == [
        ((), "values", {"l": ["i"]}),
        ((), "tasks", {"id": "T1", "name": "sub", "input": {"l": ["i"]}, "triggers": ("branch:to:sub",)}),
        (sub, "values", {"l": ["i"]}),
        (sub, "tasks", {"id": "T2", "name": "x", "input": {"l": ["i"]}, "triggers": ("branch:to:x",)}),
        (sub, "custom", "from x"),
        (sub, "updates", {"x": {"l": ["x"]}}),
        (sub, "tasks", {"id": "T2", "name": "x", "error": None, "result": {"l": ["x"]}, "interrupts": []}),
        (sub, "values", {"l": ["i", "x"]}),
        ((), "updates", {"sub": {"l": ["i", "x"]}}),
        (
            (),
            "tasks",
            {"id": "T1", "name": "sub", "error": None, "result": {"l": ["i", "x"]}, "interrupts": []},
        ),
        ((), "values", {"l": ["i", "i", "x"]}),
    ]


def test_an_entrypoint_with_a_task(run: Run) -> None:
    """A task's chunks stand between what its caller said before the call and what it says after it."""

    @task
    def t1(x: int) -> int:
        get_stream_writer()("in t1")
        return x + 1

    @entrypoint()
    def main(x: int) -> Any:
        writer = get_stream_writer()
        writer("start")
        result = t1(x).result()
        writer("end")
        return result

    chunks, error = run(main, 1, stream_mode=["values", "updates", "custom", "tasks"])
    assert error is None
    assert plain(chunks) == [
        ("tasks", {"id": "T1", "name": "main", "input": 1, "triggers": ("__start__",)}),
        ("custom", "start"),
        ("tasks", {"id": "T2", "name": "t1", "input": ((1,), {}), "triggers": ("__pregel_push",)}),
        ("custom", "in t1"),
        ("updates", {"t1": 2}),
        ("tasks", {"id": "T2", "name": "t1", "error": None, "result": {"__return__": 2}, "interrupts": []}),
        ("custom", "end"),
        ("updates", {"main": 2}),
        ("tasks", {"id": "T1", "name": "main", "error": None, "result": {"__end__": 2}, "interrupts": []}),
        ("values", 2),
    ]


def test_two_sends(run: Run) -> None:
    """Both packets start before either ends; their writes apply in the order of the Sends."""

    def a(state: Log) -> dict[str, list[str]]:
        return {"l": ["a"]}

    def w(packet: dict[str, int]) -> dict[str, list[int]]:
        return {"l": [packet["i"]]}

    builder = StateGraph(Log).add_node(a).add_node(w).add_edge(START, "a")
    builder.add_conditional_edges("a", lambda state: [Send("w", {"i": 0}), Send("w", {"i": 1})])
    chunks, error = run(builder.compile(), {"l": []}, stream_mode=["values", "updates", "tasks"])
    shown = plain(chunks)
    ends = [
        [
            ("updates", {"w": {"l": [i]}}),
            (
                "tasks",
                {"id": f"T{i + 2}", "name": "w", "error": None, "result": {"l": [i]}, "interrupts": []},
            ),
        ]
        for i in (0, 1)
    ]

    assert error is None
    assert shown[:7] == [
        ("values", {"l": []}),
        ("tasks", {"id": "T1", "name": "a", "input": {"l": []}, "triggers": ("branch:to:a",)}),
        ("updates", {"a": {"l": ["a"]}}),
        ("tasks", {"id": "T1", "name": "a", "error": None, "result": {"l": ["a"]}, "interrupts": []}),
        ("values", {"l": ["a"]}),
        ("tasks", {"id": "T2", "name": "w", "input": {"i": 0}, "triggers": ("__pregel_push",)}),
        ("tasks", {"id": "T3", "name": "w", "input": {"i": 1}, "triggers": ("__pregel_push",)}),
    ]
    assert shown[7:11] in (ends[0] + ends[1], ends[1] + ends[0]), "the two may end in either order"
    assert shown[11:] == [("values", {"l": ["a", 0, 1]})]


def test_a_node_that_fails(run: Run) -> None:
    """The failing task's result comes with the live exception, then the exception itself, and no values."""
    boom = ValueError("boom")

    def bad(state: Log) -> None:
        raise boom

    graph = StateGraph(Log).add_node(bad).add_edge(START, "bad").compile()
    chunks, error = run(graph, {"l": []}, stream_mode=["values", "updates", "tasks"])

    assert plain(chunks) == [
        ("values", {"l": []}),
        ("tasks", {"id": "T1", "name": "bad", "input": {"l": []}, "triggers": ("branch:to:bad",)}),
        ("tasks", {"id": "T1", "name": "bad", "error": boom, "result": {}, "interrupts": []}),
    ]
    assert error is boom


THREAD = {"configurable": {"thread_id": "1"}}


def test_a_run_that_is_saved(run: Run) -> None:
    """Each checkpoint is shown at the start of the next step, with its parent and the tasks that follow."""

    def refine_topic(state: Joke) -> dict[str, str]:
        return {"topic": state["topic"] + " and cats"}

    builder = StateGraph(Joke).add_node(refine_topic).add_edge(START, "refine_topic")
    graph = builder.compile(checkpointer=InMemorySaver())
    modes = ["values", "updates", "tasks", "checkpoints"]
    chunks, error = run(graph, {"topic": "x"}, config=THREAD, stream_mode=modes)

    def config(checkpoint: str) -> dict[str, Any]:
        return {"configurable": {"checkpoint_ns": "", "thread_id": "1", "checkpoint_id": checkpoint}}

    def saved(checkpoint: str, parent: str | None, values: dict[str, str], step: int, **tasks: str) -> Any:
        return "checkpoints", {
            "config": config(checkpoint),
            "parent_config": config(parent) if parent else None,
            "values": values,
            "metadata": {"source": "input" if step < 0 else "loop", "step": step, "parents": {}},
            "next": list(tasks),
            "tasks": [{"id": task, "name": n, "interrupts": (), "state": None} for n, task in tasks.items()],
        }

    assert error is None
    assert plain(chunks) == [
        saved("T1", None, {}, -1, __start__="T2"),
        ("values", {"topic": "x"}),
        saved("T3", "T1", {"topic": "x"}, 0, refine_topic="T4"),
        (
            "tasks",
            {
                "id": "T4",
                "name": "refine_topic",
                "input": {"topic": "x"},
                "triggers": ("branch:to:refine_topic",),
            },
        ),
        ("updates", {"refine_topic": {"topic": "x and cats"}}),
        (
            "tasks",
            {
                "id": "T4",
                "name": "refine_topic",
                "error": None,
                "result": {"topic": "x and cats"},
                "interrupts": [],
            },
        ),
        ("values", {"topic": "x and cats"}),
        saved("T5", "T3", {"topic": "x and cats"}, 1),
    ]


def test_two_questions_and_their_answers(run: Run) -> None:
    """What asks is shown as it stops, what ended stays ended; the answers by id go on with the tasks that asked."""

    def asking(question: str) -> Callable[[Log], dict[str, list[str]]]:
        return lambda state: {"l": [interrupt(question)]}

    builder = StateGraph(Log).add_node("h1", asking("q1")).add_node("h2", asking("q2"))
    builder.add_node("ok", lambda state: {"l": ["ok"]})
    for node in ("h1", "h2", "ok"):
        builder.add_edge(START, node)
    graph = builder.compile(checkpointer=InMemorySaver())
    modes = ["values", "updates", "tasks"]
    chunks, error = run(graph, {"l": []}, config=THREAD, stream_mode=modes)
    asked = [each for mode, chunk in chunks if mode == "updates" for each in chunk.get("__interrupt__", ())]
    ids = {each.value: each.id for each in asked}
    starts = [
        ("tasks", {"id": task, "name": node, "input": {"l": []}, "triggers": (f"branch:to:{node}",)})
        for task, node in (("T1", "h1"), ("T2", "h2"), ("T3", "ok"))
    ]

    def result(
        task: str, node: str, written: list[str] | None = None, asks: str | None = None
    ) -> tuple[str, Any]:
        interrupts = [{"value": asks, "id": ids[asks], "response_schema": None}] if asks else []
        written_keys = {} if written is None else {"l": written}
        return "tasks", {
            "id": task,
            "name": node,
            "error": None,
            "result": written_keys,
            "interrupts": interrupts,
        }

    def question(task: str, node: str, asks: str) -> list[Any]:
        found = (Interrupt(value=asks, id=ids[asks]),)
        return [
            ("updates", {"__interrupt__": found}),
            ("values", {"l": [], "__interrupt__": found}),
            result(task, node, asks=asks),
        ]

    ok = [("updates", {"ok": {"l": ["ok"]}}), result("T3", "ok", ["ok"])]
    ends = [question("T1", "h1", "q1"), question("T2", "h2", "q2"), ok]

    assert error is None
    assert sorted(ids) == ["q1", "q2"]
    assert all(re.fullmatch("[0-9a-f]{32}", each) for each in ids.values())
    shown = plain(chunks)
    assert shown[:4] == [("values", {"l": []}), *starts]
    assert shown[4:-1] in [sum(order, []) for order in permutations(ends)], "they may end in any order"
    assert shown[-1] == ("values", {"l": ["ok"]})

    answers = Command(resume={ids["q1"]: "A", ids["q2"]: "B"})
    chunks, error = run(graph, answers, config=THREAD, stream_mode=modes)
    ends = [
        [("updates", {node: {"l": [answer]}}), result(task, node, [answer])]
        for task, node, answer in (("T1", "h1", "A"), ("T2", "h2", "B"))
    ]

    assert error is None
    shown = plain(chunks)
    assert shown[:5] == [
        ("values", {"l": []}),
        *starts,
        ("updates", {"ok": {"l": ["ok"]}, "__metadata__": {"cached": True}}),
    ]
    assert shown[5:-1] in (ends[0] + ends[1], ends[1] + ends[0])
    assert shown[-1] == ("values", {"l": ["A", "B", "ok"]})
