"""
Programs for the laws whose runs are saved: every way in which a run goes on from what an earlier one left.

Rule: that of `programs.py`. What went before is part of making the program: each has a thread of its own.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.graph import END, START, StateGraph
from otgraph.types import Command, Send, interrupt

from .programs import Built, Model, State, adding, chained, program, said

if TYPE_CHECKING:
    from .conftest import Driver

__all__ = ["SAVED"]

SAVED: list[str] = []
"""The names of the programs."""


def saved_program(build: Any) -> Any:
    """Add a program to the table, and to the list of those that are saved."""
    SAVED.append(build.__name__)
    return program(build)


def thread(**more: Any) -> dict[str, Any]:
    """Return a config that names a thread, of which a new saver knows nothing."""
    return {"configurable": {"thread_id": "7", **more}, "max_concurrency": 1}


def asking(question: Any, **more: Any) -> Any:
    """Return a node that asks, and logs the answer."""
    return lambda state: {"log": [interrupt(question)], **more}


@saved_program
def saved(driver: Driver) -> Built:
    """A run that is saved from its first superstep to its last, a graph inside it too."""
    inner = chained(("i", driver.node(said("inner"))), ("j", driver.node(adding("j", n=5)))).compile(
        name="inner"
    )
    graph = chained(("a", driver.node(said(("a", 1)))), ("inner", inner), ("b", driver.node(adding("b"))))
    config = {**thread(user="u"), "metadata": {"tenant": "acme", "deep": {"k": 1}}, "tags": ["x"]}
    return graph.compile(name="saved", checkpointer=InMemorySaver()), {"n": 0, "log": []}, config


@saved_program
def saved_to_fail(driver: Driver) -> Built:
    """A saved run whose node raises beside one that is done."""

    def fail(state: State) -> None:
        raise ValueError("no more ideas")

    graph = StateGraph(State).add_node("a", driver.node(adding("a"))).add_node("fail", driver.node(fail))
    graph.add_edge(START, "a").add_edge(START, "fail")
    compiled = graph.compile(name="saved to fail", checkpointer=InMemorySaver())
    return compiled, {"n": 0, "log": []}, thread()


@saved_program
def saved_to_ask(driver: Driver) -> Built:
    """A saved run that asks two questions in a graph inside, beside a task that is done."""
    inner = StateGraph(State)
    inner.add_node("x", driver.node(asking({"why": ("x",)}))).add_edge(START, "x")
    inner.add_node("y", driver.node(asking("y?"))).add_edge(START, "y")
    graph = StateGraph(State).add_node("inner", inner.compile(name="inner"))
    graph.add_node("done", driver.node(said("done"))).add_edge(START, "inner").add_edge(START, "done")
    compiled = graph.compile(name="saved to ask", checkpointer=InMemorySaver())
    return compiled, {"n": 0, "log": []}, thread()


@saved_program
def answered(driver: Driver) -> Built:
    """A run goes on with an answer, to a node that has more to ask, beside a task that is done."""

    def ask(state: State) -> dict[str, Any]:
        return {"log": [interrupt("first?"), interrupt(("second?", state["n"]))]}

    graph = StateGraph(State).add_node("ask", driver.node(ask)).add_node("done", driver.node(said("done")))
    graph.add_edge(START, "ask").add_edge(START, "done")
    compiled = graph.compile(name="answered", checkpointer=InMemorySaver())
    driver.invoke(compiled, {"n": 1, "log": []}, thread())
    return compiled, Command(resume={"yes": (1, 2)}), thread()


@saved_program
def answered_inside(driver: Driver) -> Built:
    """Answers by id go to two tasks of a graph three deep, and all of it comes to its end."""
    inner = StateGraph(State)
    inner.add_node("x", driver.node(asking("x?"))).add_edge(START, "x")
    inner.add_node("y", driver.node(asking("y?", n=3))).add_edge(START, "y")
    middle = chained(("before", driver.node(said("before"))), ("inner", inner.compile(name="inner")))
    outer = chained(("middle", middle.compile(name="middle")), ("last", driver.node(adding("last"))))
    compiled = outer.compile(name="answered inside", checkpointer=InMemorySaver())
    asked = driver.invoke(compiled, {"n": 0, "log": []}, thread())["__interrupt__"]
    answers = {question.id: f"answer to {question.value}" for question in asked}
    return compiled, Command(resume=answers), thread()


@saved_program
def repeated(driver: Driver) -> Built:
    """A run failed beside a task that is done, and is begun again where it stopped."""
    attempts: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("try again")
        return {"log": ["at last"]}

    graph = (
        StateGraph(State).add_node("done", driver.node(said("done"))).add_node("flaky", driver.node(flaky))
    )
    graph.add_edge(START, "done").add_edge(START, "flaky")
    compiled = graph.compile(name="repeated", checkpointer=InMemorySaver())
    with suppress(ConnectionError):
        driver.invoke(compiled, {"n": 0, "log": []}, thread())
    return compiled, None, thread()


@saved_program
def second_turn(driver: Driver) -> Built:
    """A thread takes another input; the state is a pydantic model."""

    def count(state: Model) -> dict[str, Any]:
        return {"n": state.n + 1, "lines": [{"text": str(state.n)}]}

    graph = chained(("count", driver.node(count)), schema=Model)
    compiled = graph.compile(name="second turn", checkpointer=InMemorySaver())
    driver.invoke(compiled, {"n": 4}, thread())
    return compiled, {"line": {"text": "another"}}, thread()


@saved_program
def unanswered(driver: Driver) -> Built:
    """A thread that waits for an answer is given another input instead."""
    graph = chained(("a", driver.node(adding("a"))), ("ask", driver.node(asking("why?"))))
    compiled = graph.compile(name="unanswered", checkpointer=InMemorySaver())
    driver.invoke(compiled, {"n": 0, "log": []}, thread())
    return compiled, {"n": 1, "log": ["never mind"]}, thread()


@saved_program
def forked(driver: Driver) -> Built:
    """A run goes another way from a point of the past, through a graph inside that is saved there too."""
    inner = chained(("i", driver.node(said("inner")))).compile(name="inner")
    graph = chained(("a", driver.node(adding("a"))), ("inner", inner), ("b", driver.node(adding("b"))))
    compiled = graph.compile(name="forked", checkpointer=(saver := InMemorySaver()))
    driver.invoke(compiled, {"n": 0, "log": []}, thread())
    (past,) = [found for found in saver.list(thread(checkpoint_ns="")) if found.metadata["step"] == 1]
    return compiled, None, thread(checkpoint_id=past.checkpoint["id"])


@saved_program
def passes(driver: Driver) -> Built:
    """A run passes the breakpoint that it stopped at, and stops at the next."""
    graph = chained(*((name, driver.node(adding(name))) for name in "abc"))
    compiled = graph.compile(name="passes", interrupt_before=["b", "c"], checkpointer=InMemorySaver())
    driver.invoke(compiled, {"n": 0, "log": []}, thread())
    return compiled, None, thread()


@saved_program
def commanded(driver: Driver) -> Built:
    """A command changes the state, sends packets, leads elsewhere and answers, all at once."""
    graph = StateGraph(State)
    graph.add_node("ask", driver.node(asking("why?"))).add_edge(START, "ask")
    graph.add_node("side", driver.node(lambda packet: {"log": [packet]}))
    graph.add_node("else", driver.node(adding("else"))).add_edge("else", END)
    compiled = graph.compile(name="commanded", checkpointer=InMemorySaver())
    driver.invoke(compiled, {"n": 0, "log": []}, thread())
    goto: list[Any] = ["else", Send("side", {"packet": (1,)})]
    return compiled, Command(resume="because", update={"n": 9, "log": ["told"]}, goto=goto), thread()
