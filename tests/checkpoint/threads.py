"""
Graphs whose threads are taken over by the other engine, and what is done with them, one deed at a time.

Rule: knows no engine by itself: the same module runs in either environment. As a program it is the side of LangGraph:
it reads deeds from its input, a line of JSON each, and prints what it saw of each. Annotations are evaluated at once:
some of them name what a function was given.
"""

import asyncio
import importlib
import json
import operator
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Annotated, Any

from pydantic import BaseModel
from typing_extensions import TypedDict

__all__ = ["GRAPHS", "perform"]

CALLS: list[str] = []
"""The nodes that ran during a deed."""
FLAGS: set[str] = set()
"""What is to go wrong during a deed."""


class Api:
    """The names of one engine."""

    def __init__(self, engine: str) -> None:
        def named(module: str, *names: str) -> None:
            found = importlib.import_module(f"{engine}.{module}")
            self.__dict__.update((name, getattr(found, name)) for name in names)

        named("graph", "START", "END", "StateGraph")
        named("channels", "DeltaChannel", "EphemeralValue", "Topic", "UntrackedValue")
        named("managed", "IsLastStep", "RemainingSteps")
        named("types", "Command", "Overwrite", "Send", "interrupt")
        named("checkpoint.sqlite", "SqliteSaver")
        named("checkpoint.sqlite.aio", "AsyncSqliteSaver")

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"this program does not use {name}")


def called(name: str, update: Any = None) -> Any:
    """Note that a node ran."""
    CALLS.append(name)
    if f"fail {name}" in FLAGS:
        # Those beside it are to be done by then.
        time.sleep(0.1)
        raise ValueError(f"{name} failed")
    return update


class Words(TypedDict, total=False):
    words: Annotated[list[Any], operator.add]
    item: str


def fan_out(api: Api) -> Any:
    """Three packets, of which one fails; the others are not done again."""

    def work(state: Any) -> Any:
        return called(state["item"], {"words": [state["item"]]})

    builder = api.StateGraph(Words)
    builder.add_node("split", lambda state: called("split", {"words": ["split"]}))
    builder.add_node("work", work)
    builder.add_node("end", lambda state: called("end", {"words": [len(state["words"])]}))
    builder.add_edge(api.START, "split")
    builder.add_conditional_edges(
        "split", lambda state: [api.Send("work", {"item": i}) for i in ("a", "b", "c")], ["work"]
    )
    builder.add_edge("work", "end")
    return builder


def asking(api: Api, *questions: str) -> Callable[[Any], Any]:
    """Return a node that asks."""

    def ask(state: Any) -> Any:
        CALLS.append("ask")
        return {"words": [api.interrupt(question) for question in questions]}

    return ask


def questions(api: Api) -> Any:
    """Two nodes that ask, one of them twice, beside one that is done."""
    builder = api.StateGraph(Words)
    builder.add_node("one", asking(api, "1"))
    builder.add_node("two", asking(api, "2", "3"))
    builder.add_node("side", lambda state: called("side", {"words": ["side"]}))
    builder.add_node("end", lambda state: called("end", {"words": [len(state["words"])]}))
    for name in ("one", "two", "side"):
        builder.add_edge(api.START, name)
        builder.add_edge(name, "end")
    return builder


def inner(api: Api) -> Any:
    builder = api.StateGraph(Words)
    builder.add_node("before", lambda state: called("before", {"words": ["before"]}))
    builder.add_node("ask", asking(api, "inside"))
    builder.add_edge(api.START, "before")
    builder.add_edge("before", "ask")
    return builder


def outer(api: Api, checkpointer: Any = None, depth: int = 1) -> Any:
    graph = inner(api).compile(checkpointer=checkpointer)
    for _ in range(depth):
        builder = api.StateGraph(Words)
        builder.add_node("first", lambda state: called("first", {"words": ["first"]}))
        builder.add_node("sub", graph)
        builder.add_node("last", lambda state: called("last", {"words": ["last"]}))
        builder.add_edge(api.START, "first")
        builder.add_edge("first", "sub")
        builder.add_edge("sub", "last")
        graph = builder.compile() if depth > 1 else builder
    return builder


def called_inside(api: Api) -> Any:
    """A graph that a node calls as a function, after another one."""
    graph = inner(api).compile()

    def call(state: Any) -> Any:
        CALLS.append("call")
        return {"words": graph.invoke({"words": []})["words"]}

    builder = api.StateGraph(Words)
    builder.add_node("call", call)
    builder.add_edge(api.START, "call")
    return builder


def join(api: Api, *, defer: bool = False) -> Any:
    """A join, or a node that waits for all, one of whose ways is longer and fails."""
    builder = api.StateGraph(Words)
    for name in ("short", "long1", "long2"):
        builder.add_node(name, lambda state, name=name: called(name, {"words": [name]}))
    builder.add_node(
        "both", lambda state: called("both", {"words": sorted(map(str, state["words"]))}), defer=defer
    )
    builder.add_edge(api.START, "short")
    builder.add_edge(api.START, "long1")
    builder.add_edge("long1", "long2")
    if defer:
        builder.add_edge("short", "both")
        builder.add_edge("long2", "both")
    else:
        builder.add_edge(["short", "long2"], "both")
    return builder


def channels(api: Api) -> Any:
    """Channels that forget, that pass on, that are not saved, and values that nobody stores."""

    class State(TypedDict, total=False):
        kept: Annotated[list[str], api.Topic(str, True)]
        passed: Annotated[list[str], api.Topic(str)]
        fleeting: Annotated[str, api.EphemeralValue(str)]
        unsaved: Annotated[str, api.UntrackedValue(str)]
        seen: Annotated[list[Any], operator.add]
        left: api.RemainingSteps
        last: api.IsLastStep

    def node(name: str) -> Callable[[Any], Any]:
        def run(state: Any) -> Any:
            seen = [
                name,
                state.get("kept"),
                state.get("passed"),
                state.get("fleeting"),
                state["left"],
                state["last"],
            ]
            return called(
                name, {"kept": name, "passed": name, "fleeting": name, "unsaved": name, "seen": [seen]}
            )

        return run

    builder = api.StateGraph(State)
    previous = api.START
    for name in "abc":
        builder.add_node(name, node(name))
        builder.add_edge(previous, name)
        previous = name
    return builder


class Colour(Enum):
    RED = "red"


@dataclass
class Point:
    x: int
    tags: set[str] = field(default_factory=set)


class Person(BaseModel):
    name: str
    age: int = 0


@dataclass
class Data:
    points: Annotated[list[Point], operator.add] = field(default_factory=list)
    colour: Colour | None = None
    person: Person | None = None
    told: tuple[str, ...] = ()


class Model(BaseModel):
    points: Annotated[list[Point], operator.add] = []
    colour: Colour | None = None
    person: Person | None = None
    told: tuple[str, ...] = ()


def typed(api: Api, state: Any) -> Any:
    """Values of classes, in a state that is a class."""

    def make(state: Any) -> Any:
        return called("make", {"points": [Point(len(state.points), {"t"})], "colour": Colour.RED})

    def check(state: Any) -> Any:
        told = tuple(type(value).__name__ for value in (state, state.colour, state.person, *state.points))
        return called("check", {"person": Person(name="p", age=len(state.points)), "told": told})

    builder = api.StateGraph(state)
    builder.add_node("make", make)
    builder.add_node("check", check)
    builder.add_edge(api.START, "make")
    builder.add_edge("make", "check")
    return builder


def joined(value: list[Any], writes: list[Any]) -> list[Any]:
    """Reduce a whole superstep's writes."""
    return [*value, *(word for write in writes for word in write)]


def deltas(api: Api, *, frequency: int = 3) -> Any:
    """A delta channel that is written by several nodes at once, overwritten, and asked about."""

    class State(TypedDict, total=False):
        words: Annotated[list[Any], api.DeltaChannel(joined, snapshot_frequency=frequency)]
        count: int

    def replace(state: Any) -> Any:
        CALLS.append("replace")
        return {"words": api.Overwrite(["new"]) if "overwrite" in FLAGS else ["old"]}

    builder = api.StateGraph(State)
    builder.add_node("replace", replace)
    builder.add_node("ask", asking(api, "delta"))
    builder.add_node("side", lambda state: called("side", {"words": ["side"]}))
    builder.add_node("end", lambda state: called("end", {"words": ["end"], "count": len(state["words"])}))
    builder.add_edge(api.START, "replace")
    for name in ("ask", "side"):
        builder.add_edge("replace", name)
        builder.add_edge(name, "end")
    return builder


def deltas_inside(api: Api, checkpointer: Any) -> Any:
    """A graph with a delta channel inside a graph with one."""
    builder = api.StateGraph(TypedDict("State", {"words": Annotated[list[Any], api.DeltaChannel(joined)]}))
    builder.add_node("sub", deltas(api).compile(checkpointer=checkpointer))
    builder.add_edge(api.START, "sub")
    return builder


GRAPHS: dict[str, Callable[[Api], Any]] = {
    "fan_out": fan_out,
    "questions": questions,
    "inherited": outer,
    "own": lambda api: outer(api, True),
    "deep": lambda api: outer(api, depth=2),
    "called_inside": called_inside,
    "join": join,
    "deferred": lambda api: join(api, defer=True),
    "channels": channels,
    "dataclass": lambda api: typed(api, Data),
    "pydantic": lambda api: typed(api, Model),
    "deltas": deltas,
    "deltas_inside": lambda api: deltas_inside(api, None),
    "deltas_inside_own": lambda api: deltas_inside(api, True),
}


# ---- deeds


def perform(engine: str, path: str, deed: dict[str, Any], *, colour: str = "sync") -> dict[str, Any]:
    """
    Do something with a thread in a file; return what can be seen of it.

    Args:
        deed: `graph`, `do` (invoke, update, see), `input`, `resume`, `durability`, `flags`, `at` (the place in the
            history, the newest being 0) and further arguments.
    """
    api = Api(engine)
    CALLS.clear()
    FLAGS.clear()
    FLAGS.update(deed.get("flags", ()))
    builder = GRAPHS[deed["graph"]](api)
    if colour == "sync":
        with api.SqliteSaver.from_conn_string(path) as saver:
            return seen(_perform(api, builder.compile(checkpointer=saver), deed))
    return asyncio.run(_async(api, builder, path, deed))


async def _async(api: Api, builder: Any, path: str, deed: dict[str, Any]) -> dict[str, Any]:
    async with api.AsyncSqliteSaver.from_conn_string(path) as saver:
        graph = builder.compile(checkpointer=saver)
        steps = _perform(api, Awaiting(graph), deed)
        try:
            step = next(steps)
            while True:
                try:
                    value = await step
                except Exception as error:
                    step = steps.throw(error)
                else:
                    step = steps.send(value)
        except StopIteration as stop:
            return stop.value


class Awaiting:
    """A graph whose methods are those of the other colour."""

    def __init__(self, graph: Any) -> None:
        self._graph = graph

    def __getattr__(self, name: str) -> Any:
        return getattr(self._graph, f"a{name}")


def seen(steps: Any) -> dict[str, Any]:
    """Run the steps of a deed whose calls return what they return."""
    try:
        step = next(steps)
        while True:
            step = steps.send(step)
    except StopIteration as stop:
        return stop.value


async def _listed(states: Any) -> list[Any]:
    return [state async for state in states]


def _history(graph: Any, config: Any) -> Any:
    states = graph.get_state_history(config)
    return _listed(states) if isinstance(graph, Awaiting) else list(states)


def _perform(api: Api, graph: Any, deed: dict[str, Any]) -> Any:
    config: Any = {"configurable": {"thread_id": "t"}, "recursion_limit": 20}
    shown: dict[str, Any] = {}
    if "at" in deed:
        config = {**config, **(yield _history(graph, config))[deed["at"]].config}
    try:
        if deed["do"] == "invoke":
            given = yield from _input(api, graph, config, deed)
            options = {
                name: deed[name]
                for name in ("durability", "interrupt_before", "interrupt_after")
                if name in deed
            }
            shown["result"] = result = yield graph.invoke(given, config, **options)
            if isinstance(result, dict) and "__interrupt__" in result:
                # Whoever asks first is a matter of chance.
                result["__interrupt__"].sort(key=lambda question: question.value)
        elif deed["do"] == "update":
            yield graph.update_state(config, deed["values"], as_node=deed.get("as_node"))
    except ValueError as error:
        shown["error"] = str(error)
    except Exception as error:
        # The words of the engines differ.
        shown["error"] = type(error).__name__
    shown["calls"] = sorted(CALLS)
    newest: Any = {"configurable": {"thread_id": "t"}}
    state = yield graph.get_state(newest, subgraphs=True)
    shown["state"] = _shown_state(state)
    shown["questions"] = sorted((question.value, question.id) for question in state.interrupts)
    states = yield _history(graph, newest)
    # How often a run that saves at its end only has saved nothing is not for users to see.
    shown["history"] = [
        (each.metadata, each.values, each.next) for each in states if each.metadata["step"] > -2
    ]
    return json.loads(json.dumps(shown, default=repr, sort_keys=True))


def _input(api: Api, graph: Any, config: Any, deed: dict[str, Any]) -> Any:
    if "resume" not in deed and "update" not in deed and "goto" not in deed:
        return deed.get("input")
    answer = deed.get("resume")
    if isinstance(answer, dict):
        state = yield graph.get_state(config)
        answer = {
            question.id: answer[question.value] for question in state.interrupts if question.value in answer
        }
    return api.Command(resume=answer, update=deed.get("update"), goto=deed.get("goto", ()))


def _shown_state(state: Any) -> Any:
    tasks = [
        (
            task.id,
            task.name,
            task.path,
            task.error,
            task.result,
            _shown_state(task.state) if hasattr(task.state, "values") else None,
        )
        for task in state.tasks
    ]
    return {"values": state.values, "next": state.next, "tasks": tasks}


def main() -> None:
    """Be the side of LangGraph."""
    for line in sys.stdin:
        file, asked = json.loads(line)
        try:
            told: Any = perform("langgraph", file, asked)
        except Exception:
            told = {"crash": traceback.format_exc()}
        print(json.dumps(told), flush=True)


if __name__ == "__main__":
    # The classes of this module are to be found where they are stored to be.
    importlib.import_module("checkpoint.threads").main()
