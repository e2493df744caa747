"""
Threads told in steps: each step is a call that another process, engine or saver may make.

Rule: a story reaches its engine through `lg` only, and keeps nothing but what is saved: a step knows of the steps
before it what the checkpoints say.
"""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Annotated, Any, TypedDict

__all__ = ["STORIES", "Step", "Story", "done"]

done: list[str] = []
"""What nodes were executed since the list was emptied."""


@dataclass(frozen=True)
class Step:
    """One call of a graph."""

    input: Any = None
    """The input; None goes on with what is pending."""
    answer: Any = None
    """Instead of an input: what to resume with."""
    answers: Mapping[Any, Any] = field(default_factory=dict)
    """Instead of an input: question -> what to resume the interrupt with that asks it."""
    update: Any = None
    """Instead of a call: values for `update_state`."""
    as_node: str | None = None
    back: int = 0
    """From which checkpoint: 0 is the newest, 1 the one before it in the history."""
    command: Mapping[str, Any] = field(default_factory=dict)
    """Instead of an input: the arguments of a `Command`."""
    failing: bool = False
    """Whether nodes that can fail do so."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """More arguments of the call."""


@dataclass(frozen=True)
class Story:
    """A graph, and what happens to one of its threads."""

    build: Callable[..., Any]
    steps: tuple[Step, ...]
    colours: tuple[str, ...] = ("sync", "async")


class Log(TypedDict, total=False):
    """The state of most stories: who was there, in which order."""

    log: Annotated[list[Any], operator.add]
    note: str


def says(name: str) -> Callable[[Log], dict[str, Any]]:
    """Return a node that writes its name."""

    def node(state: Log) -> dict[str, Any]:
        done.append(name)
        return {"log": [name]}

    return node


def asks(lg: Any, name: str, *questions: str) -> Callable[[Log], dict[str, Any]]:
    """Return a node that interrupts itself with each question in turn."""

    def node(state: Log) -> dict[str, Any]:
        done.append(name)
        return {"log": [[name, *(lg.types.interrupt(question) for question in questions)]]}

    return node


def asks_how_much(lg: Any, name: str) -> Callable[[Log], dict[str, Any]]:
    """Return a node whose question depends on what it is shown."""

    def node(state: Log) -> dict[str, Any]:
        done.append(name)
        return {"log": [[name, lg.types.interrupt(f"{len(state['log'])}?")]]}

    return node


def chain(lg: Any, *nodes: tuple[str, Any], **options: Any) -> Any:
    """Return a graph whose nodes follow each other."""
    builder = lg.graph.StateGraph(Log)
    for name, node in nodes:
        builder.add_node(name, node)
    for before, after in zip([lg.graph.START, *(name for name, _ in nodes)], [name for name, _ in nodes]):
        builder.add_edge(before, after)
    return builder.compile(**options)


def talk(lg: Any, saver: Any) -> Any:
    return chain(lg, ("echo", says("echo")), checkpointer=saver)


def ask(lg: Any, saver: Any) -> Any:
    return chain(lg, ("a", says("a")), ("b", asks(lg, "b", "why?")), ("c", says("c")), checkpointer=saver)


def ask_twice(lg: Any, saver: Any) -> Any:
    return chain(lg, ("a", asks(lg, "a", "one?", "two?")), ("b", says("b")), checkpointer=saver)


def ask_side_by_side(lg: Any, saver: Any) -> Any:
    builder = lg.graph.StateGraph(Log)
    builder.add_node("plan", says("plan"))
    builder.add_node("left", asks(lg, "left", "left?"))
    builder.add_node("right", asks(lg, "right", "right?"))
    builder.add_node("work", lambda state: done.append(f"work {state['item']}") or {"log": [state["item"]]})
    builder.add_node("end", says("end"))
    builder.add_edge(lg.graph.START, "plan")
    builder.add_edge("plan", "left")
    builder.add_edge("plan", "right")
    builder.add_conditional_edges("plan", lambda _: [lg.types.Send("work", {"item": item}) for item in "xyz"])
    builder.add_edge(["left", "right"], "end")
    return builder.compile(checkpointer=saver)


def ask_inside(lg: Any, saver: Any) -> Any:
    inner = chain(lg, ("p", says("p")), ("q", asks(lg, "q", "inside?")), ("r", says("r")))
    return chain(lg, ("a", says("a")), ("sub", inner), ("c", says("c")), checkpointer=saver)


def remember_inside(lg: Any, saver: Any) -> Any:
    inner = chain(lg, ("p", says("p")), ("q", asks(lg, "q", "again?")), checkpointer=True)

    def call(state: Log) -> dict[str, Any]:
        done.append("call")
        return {"log": [inner.invoke({"log": ["from above"]})["log"]]}

    return chain(lg, ("call", call), ("c", says("c")), checkpointer=saver)


def stop_before(lg: Any, saver: Any) -> Any:
    nodes = [(name, says(name)) for name in "abc"]
    return chain(lg, *nodes, checkpointer=saver, interrupt_before=["b"], interrupt_after=["b"])


def fail_beside(lg: Any, saver: Any) -> Any:
    def flaky(state: Log) -> dict[str, Any]:
        done.append("flaky")
        if lg.config.get_config()["configurable"]["failing"]:
            time.sleep(0.1)  # until the other one is done
            raise ValueError("not today")
        return {"log": ["flaky"]}

    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", says("a"))
    builder.add_node("steady", says("steady"))
    builder.add_node("flaky", flaky)
    builder.add_node("end", says("end"))
    builder.add_edge(lg.graph.START, "a")
    builder.add_edge("a", "steady")
    builder.add_edge("a", "flaky")
    builder.add_edge(["steady", "flaky"], "end")
    return builder.compile(checkpointer=saver)


def steer(lg: Any, saver: Any) -> Any:
    def a(state: Log) -> Any:
        done.append("a")
        return lg.types.Command(update={"log": ["a"]}, goto=[lg.types.Send("b", {"log": ["sent"]}), "b"])

    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", a, destinations=("b",))
    builder.add_node("b", asks_how_much(lg, "b"))
    builder.add_node("late", says("late"), defer=True)
    builder.add_edge(lg.graph.START, "a")
    builder.add_edge("b", "late")
    return builder.compile(checkpointer=saver)


def carry(lg: Any, saver: Any) -> Any:
    """Values that only a serialiser with types keeps."""

    class Cargo(TypedDict, total=False):
        seen: Annotated[set[int], operator.or_]
        at: datetime
        raw: bytes
        nothing: None

    def a(state: Cargo) -> Any:
        done.append("a")
        at = datetime(2026, 1, 2, tzinfo=timezone.utc)
        return {"seen": {len(state["seen"])}, "at": at, "raw": b"\0\xff", "nothing": None}

    def b(state: Cargo) -> Any:
        done.append("b")
        answer = lg.types.interrupt({"seen": sorted(state["seen"]), "at": state["at"]})
        return {"seen": {answer}, "raw": state["raw"] * 2}

    builder = lg.graph.StateGraph(Cargo)
    builder.add_node("a", a)
    builder.add_node("b", b)
    builder.add_edge(lg.graph.START, "a")
    builder.add_edge("a", "b")
    return builder.compile(checkpointer=saver)


def work_as_function(lg: Any, saver: Any) -> Any:
    """The functional API: what its tasks returned is not computed again."""

    @lg.func.task
    def double(number: int) -> int:
        done.append(f"double {number}")
        return number * 2

    @lg.func.task
    def quadruple(number: int) -> int:
        done.append(f"quadruple {number}")
        return double(number).result() + double(number).result()

    @lg.func.entrypoint(checkpointer=saver)
    def main(number: int, *, previous: Any = None) -> Any:
        done.append("main")
        both = [double(number), quadruple(number + 1)]
        first, second = [future.result() for future in both]
        answer = lg.types.interrupt({"sum": first + second})
        last = double(100).result()
        return lg.func.entrypoint.final(value=[first, second, answer, last, previous], save=answer)

    return main


def hello(*words: str) -> dict[str, Any]:
    return {"log": list(words)}


STORIES: dict[str, Story] = {
    "turns": Story(talk, (Step(hello("1")), Step(hello("2")), Step(hello("3")))),
    "one question": Story(
        ask, (Step(hello("x")), Step(answer="because"), Step(hello("y")), Step(answer={"n": 1}))
    ),
    "two questions of one task": Story(
        ask_twice,
        (
            Step(hello("x")),
            Step(answer=1),
            Step(hello("y")),
            Step(answer=3),
            Step(command={"update": {"log": ["by command"]}}),
            Step(answer=[2]),
        ),
    ),
    "questions side by side": Story(
        ask_side_by_side, (Step(hello("x")), Step(answers={"right?": "R"}), Step(answers={"left?": "L"}))
    ),
    "all questions at once": Story(
        ask_side_by_side, (Step(hello("x")), Step(answers={"right?": "R", "left?": "L"}), Step(hello("y")))
    ),
    "a question inside": Story(
        ask_inside, (Step(hello("x")), Step(answer="yes"), Step(hello("y")), Step(answer=0))
    ),
    "a memory inside": Story(
        remember_inside,
        (Step(hello("x")), Step(answer="yes"), Step(hello("y")), Step(answer="no")),
        ("sync",),
    ),
    "breakpoints": Story(
        stop_before, (Step(hello("x")), Step(update={"log": ["by hand"]}), Step(), Step(), Step(hello("y")))
    ),
    "a failure beside a success": Story(
        fail_beside, (Step(hello("x"), failing=True), Step(), Step(hello("y")))
    ),
    "commands and packets": Story(
        steer, (Step(hello("x")), Step(answers={"1?": "sent"}), Step(answers={"2?": "led"}), Step(hello("y")))
    ),
    "typed values": Story(carry, (Step({"seen": {9}}), Step(answer=5), Step({"seen": {7}}))),
    "a fork": Story(
        ask,
        (
            Step(hello("x")),
            Step(answer="one"),
            Step(back=2),
            Step(answer="two"),
            Step(update={"log": ["by hand"]}, as_node="a", back=3),
            Step(),
            Step(answer="three"),
        ),
    ),
    "written at the end": Story(
        ask_side_by_side,
        (
            Step(hello("x"), options={"durability": "exit"}),
            Step(answers={"right?": "R", "left?": "L"}, options={"durability": "exit"}),
            Step(hello("y"), options={"durability": "sync"}),
        ),
    ),
    "functions": Story(work_as_function, (Step(1), Step(answer=7), Step(2), Step(answer=8)), ("sync",)),
}
"""Name -> story."""
