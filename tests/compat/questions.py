"""
Programs in which a graph of one engine asks a human inside a node of the other's.

    python questions.py INSIDE OUTSIDE COLOUR

Rule: what is printed is the same whichever engine is inside and whichever colour runs it.
"""

from __future__ import annotations

import asyncio
import operator
import sys
from collections.abc import Callable
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import Annotated, Any, TypedDict

INSIDE, OUTSIDE, COLOUR = sys.argv[1:4]

THREAD = {"configurable": {"thread_id": "1"}}


def of(engine: str, module: str, name: str) -> Any:
    return getattr(import_module(f"{engine}.{module}"), name)


Saver = of(OUTSIDE, "checkpoint.memory", "InMemorySaver")
Command = of(OUTSIDE, "types", "Command")
ask = of(INSIDE, "types", "interrupt")
runs: list[str] = []


class State(TypedDict):
    x: Annotated[list[str], operator.add]


def graph(engine: str, saver: Any = None, before: Any = None, **nodes: Any) -> Any:
    builder = of(engine, "graph", "StateGraph")(State)
    for name, action in nodes.items():
        builder.add_node(name, action)
        builder.add_edge("__start__", name)
    return builder.compile(checkpointer=saver, interrupt_before=before)


def asks(*questions: str) -> Callable[[Any], Any]:
    def node(state: Any) -> Any:
        runs.append(questions[0])
        return {"x": [ask(question) for question in questions]}

    return node


def run(compiled: Any, given: Any) -> Any:
    """Run a graph, show what it returned or asks, and return the ids of the questions."""
    result = (
        asyncio.run(compiled.ainvoke(given, THREAD)) if COLOUR == "async" else compiled.invoke(given, THREAD)
    )
    questions = result.pop("__interrupt__", ())
    assert all(type(question).__module__.startswith(OUTSIDE) for question in questions)
    asked = {question.value: question.id for question in questions}
    print(result["x"], *sorted(asked))
    return asked


def two_questions() -> None:
    """One after another, with each kind of checkpointer inside; each answer is given once."""
    for own in (None, True, False, of(INSIDE, "checkpoint.memory", "InMemorySaver")()):
        outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, own, n=asks("q1", "q2")))
        run(outer, {"x": ["0"]})
        run(outer, Command(resume="a"))
        run(outer, Command(resume="b"))
        print(len(runs), outer.get_state(THREAD).next)


def questions_side_by_side() -> None:
    """Inside, they are asked one after another; a node outside may have its own, answered by its id."""
    sides = {"n": asks("q"), "m": asks("q")}
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, **sides))
    run(outer, {"x": []})
    run(outer, Command(resume="a"))
    run(outer, Command(resume="a"))
    beside = of(OUTSIDE, "types", "interrupt")
    outer = graph(
        OUTSIDE, Saver(), inner=graph(INSIDE, n=asks("q1", "q2")), side=lambda _: {"x": [beside("s")]}
    )
    asked = run(outer, {"x": []})
    asked = run(outer, Command(resume={asked["q1"]: "a"}))
    run(outer, Command(resume={asked["s"]: "b"}))
    run(outer, Command(resume="c"))


def questions_deep_inside() -> None:
    """Two graphs inside each other, in a graph of the other engine."""
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, middle=graph(INSIDE, n=asks("q1", "q2"))))
    run(outer, {"x": []})
    run(outer, Command(resume="a"))
    run(outer, Command(resume="b"))


def engines_in_turn() -> None:
    """A graph of the outer engine inside a graph of the inner one inside a graph of the outer one."""
    innermost = graph(OUTSIDE, n=lambda _: {"x": [of(OUTSIDE, "types", "interrupt")("q")]})
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, middle=innermost))
    run(outer, {"x": []})
    run(outer, Command(resume="a"))


def questions_again() -> None:
    """A run that goes on without an answer asks the same; what fails after an answer goes on with it."""
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, n=asks("q")))
    run(outer, {"x": []})
    run(outer, None)
    run(outer, Command(resume="a"))
    faults = [ValueError("lost")]

    def fails(state: Any) -> Any:
        answer = ask("q")
        if faults:
            raise faults.pop()
        return {"x": [answer]}

    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, n=fails))
    run(outer, {"x": []})
    try:
        run(outer, Command(resume="a"))
    except ValueError as error:
        print(error)
    run(outer, None)


def breakpoints() -> None:
    """A graph inside stops before a node, and goes on when the graph around it does."""
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, before=["n"], n=lambda _: {"x": ["n"]}))
    run(outer, {"x": []})
    print(outer.get_state(THREAD).next)
    run(outer, None)


def without_a_saver() -> None:
    """The question is shown; nothing can be answered."""
    run(graph(OUTSIDE, inner=graph(INSIDE, n=asks("q"))), {"x": []})


def streams() -> None:
    """The question is a chunk of the outer stream."""
    outer = graph(OUTSIDE, Saver(), inner=graph(INSIDE, n=asks("q")))
    for chunk in outer.stream({"x": []}, THREAD):
        print([(name, [each.value for each in asked]) for name, asked in chunk.items()])
    print(list(outer.stream(Command(resume="a"), THREAD)))


def in_a_file() -> None:
    """Both are saved in one file, and another process, here another graph, gives the answer."""
    with TemporaryDirectory() as folder:
        for given in ({"x": []}, Command(resume="a")):
            files = of(OUTSIDE, "checkpoint.sqlite", "SqliteSaver")
            with files.from_conn_string(f"{folder}/threads.sqlite") as saver:
                outer = graph(OUTSIDE, saver, inner=graph(INSIDE, n=asks("q")))
                print("__interrupt__" in outer.invoke(given, THREAD))


def leaving() -> None:
    """A Command for the graph around leads to a node there, and a packet too."""
    command, send = of(INSIDE, "types", "Command"), of(INSIDE, "types", "Send")
    for goto in ("z", send("z", {"x": ["packet"]}), ["z"]):
        builder = of(OUTSIDE, "graph", "StateGraph")(State)
        leave = command(graph="__parent__", goto=goto, update={"x": ["p"]})
        inner = graph(INSIDE, n=lambda _, leave=leave: leave)
        builder.add_node("inner", inner).add_node("z", lambda state: {"x": [f"z{len(state['x'])}"]})
        builder.add_edge("__start__", "inner")
        run(builder.compile(), {"x": []})


for program in (
    two_questions,
    questions_side_by_side,
    questions_deep_inside,
    engines_in_turn,
    questions_again,
    breakpoints,
    without_a_saver,
    streams,
    in_a_file,
    leaving,
):
    print(program.__name__)
    program()
