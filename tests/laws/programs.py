"""
Programs for the laws: every way in which a run can go, small, and the same in each of its runs.

Rule: a program is a function of a driver that returns a compiled graph and what to call it with; nodes that run side
by side are given one slot, so that they finish in one order.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from otgraph.cache.memory import InMemoryCache
from otgraph.config import get_stream_writer
from otgraph.func import entrypoint, task
from otgraph.graph import END, START, StateGraph
from otgraph.managed import RemainingSteps
from otgraph.types import CachePolicy, Command, RetryPolicy, Send, interrupt

if TYPE_CHECKING:
    from .conftest import Driver

__all__ = ["MODES", "PROGRAMS", "Built"]

MODES = ["values", "updates", "custom", "tasks", "checkpoints", "debug", "retries"]
"""What is kept in exported spans."""

Built = tuple[Any, Any, dict[str, Any]]
"""Graph, input, config"""

PROGRAMS: dict[str, Callable[[Driver], Built]] = {}


def program(build: Callable[[Driver], Built]) -> Callable[[Driver], Built]:
    """Add a program to the table."""
    PROGRAMS[build.__name__] = build
    return build


class State(TypedDict, total=False):
    """What most of the graphs work on."""

    n: int
    log: Annotated[list[Any], operator.add]


def adding(*items: Any, **more: Any) -> Callable[[State], dict[str, Any]]:
    """Return a node that logs `items`."""
    return lambda state: {"log": list(items), **more}


def said(item: Any) -> Callable[[State], dict[str, Any]]:
    """Return a node that hands `item` to the stream writer and logs it."""

    def say(state: State) -> dict[str, Any]:
        get_stream_writer()(item)
        return {"log": [item]}

    return say


def chained(*nodes: tuple[str, Any], schema: Any = State, **options: Any) -> Any:
    """Return a graph of nodes one after another, not compiled."""
    graph = StateGraph(schema, **options)
    before = START
    for name, node in nodes:
        graph.add_node(name, node)
        graph.add_edge(before, name)
        before = name
    return graph


@program
def chain(driver: Driver) -> Built:
    """One node after another, with custom items of several kinds, tags and metadata."""
    nodes = [
        ("a", said({"step": 1, "of": (1, 2)})),
        ("b", said("text")),
        ("c", said([b"bytes", {1, 2}, datetime(2026, 1, 2, tzinfo=timezone.utc)])),
    ]
    graph = chained(*((name, driver.node(node)) for name, node in nodes)).compile(name="chain")
    config = {"tags": ["x"], "metadata": {"tenant": "acme", "deep": {"k": (1,)}}}
    return graph, {"n": 1, "log": ["in"]}, config


@program
def sends(driver: Driver) -> Built:
    """Packets for one node, with inputs of their own, then a join."""

    def route(state: State) -> list[Send]:
        return [Send("work", {"packet": i, "tuple": (i,)}) for i in range(3)]

    def work(packet: Any) -> dict[str, Any]:
        get_stream_writer()(packet["packet"])
        return {"log": [packet["packet"]]}

    graph = (
        StateGraph(State)
        .add_node("plan", driver.node(adding("plan", n=3)))
        .add_node("work", driver.node(work))
        .add_node("end", driver.node(lambda state: {"n": len(state["log"])}))
        .add_edge(START, "plan")
        .add_conditional_edges("plan", driver.node(route), ["work"])
        .add_edge("work", "end")
    )
    return graph.compile(name="sends"), {"log": []}, {"max_concurrency": 1}


@program
def joined(driver: Driver) -> Built:
    """Two nodes side by side, and one that waits for both."""
    graph = (
        StateGraph(State)
        .add_node("left", driver.node(adding("left")))
        .add_node("right", driver.node(adding("right", n=2)))
        .add_node("both", driver.node(adding("both")))
        .add_edge(START, "left")
        .add_edge(START, "right")
        .add_edge(["left", "right"], "both")
    )
    return graph.compile(name="joined"), {"n": 0, "log": []}, {"max_concurrency": 1}


@program
def nested(driver: Driver) -> Built:
    """Graphs in graphs, three deep: as nodes, and called by a node."""
    inner = chained(("i", driver.node(said("inner")))).compile(name="inner")
    called = chained(("c", driver.node(said("called")))).compile(name="called")
    middle = chained(
        ("inner", inner), ("calls", driver.calling(called, lambda result: {"log": result["log"][-1:]}))
    ).compile(name="middle")
    outer = chained(("a", driver.node(adding("a"))), ("middle", middle), ("b", driver.node(adding("b"))))
    return outer.compile(name="outer"), {"n": 0, "log": []}, {}


@program
def commands(driver: Driver) -> Built:
    """Commands that update and lead on, one of them out of a graph inside."""

    def up(state: State) -> Command[Any]:
        return Command(graph=Command.PARENT, update={"log": ["up"]}, goto="last")

    def lead(state: State) -> Command[Any]:
        return Command(
            update=[("log", ["lead"]), ("log", ["twice"])], goto=["inside", Send("side", {"n": 7})]
        )

    inside = chained(("up", driver.node(up))).compile(name="inside")
    graph = StateGraph(State)
    graph.add_node("lead", driver.node(lead), destinations=("inside", "side"))
    graph.add_node("inside", inside)
    graph.add_node("side", driver.node(adding("side")))
    graph.add_node("last", driver.node(adding("last")))
    graph.add_edge(START, "lead")
    return graph.compile(name="commands"), {"n": 0, "log": []}, {"max_concurrency": 1}


@program
def fails(driver: Driver) -> Built:
    """A node says something, then raises."""

    def fail(state: State) -> None:
        get_stream_writer()("before")
        raise ValueError("no more ideas", {"code": 7})

    graph = chained(("a", driver.node(adding("a"))), ("fail", driver.node(fail)))
    return graph.compile(name="fails"), {"n": 0, "log": []}, {}


@program
def fails_inside(driver: Driver) -> Built:
    """A branch of a graph inside raises, after its node has written."""

    def branch(state: State) -> str:
        raise KeyError("where to?")

    inner = chained(("i", driver.node(adding("i"))))
    inner.add_conditional_edges("i", driver.node(branch), [END])
    graph = chained(("a", driver.node(adding("a"))), ("inner", inner.compile(name="inner")))
    return graph.compile(name="fails inside"), {"n": 0, "log": []}, {}


@program
def retries(driver: Driver) -> Built:
    """A node fails twice, and says something in each attempt."""
    attempts: list[int] = []

    def flaky(state: State) -> dict[str, Any]:
        attempts.append(1)
        get_stream_writer()(f"attempt {(len(attempts) - 1) % 3 + 1}")
        if len(attempts) % 3:
            raise ConnectionError("try again")
        return {"log": ["at last"]}

    graph = StateGraph(State)
    policy = RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=3)
    graph.add_node("flaky", driver.node(flaky), retry_policy=policy, metadata={"flaky": True})
    graph.add_edge(START, "flaky")
    return graph.compile(name="retries"), {"n": 0, "log": []}, {}


@program
def handled(driver: Driver) -> Built:
    """A node fails for good, and its error handler runs in its place."""

    def fail(state: State) -> None:
        get_stream_writer()("failing")
        raise LookupError("nothing found")

    def handle(state: State) -> dict[str, Any]:
        get_stream_writer()("handling")
        return {"log": ["handled"]}

    graph = StateGraph(State)
    graph.add_node("fail", driver.node(fail), error_handler=driver.node(handle))
    graph.add_node("after", driver.node(adding("after")))
    graph.add_edge(START, "fail").add_edge("fail", "after")
    return graph.compile(name="handled"), {"n": 0, "log": []}, {}


@program
def cached(driver: Driver) -> Built:
    """A node need not run, because its result is known from an earlier run."""
    graph = StateGraph(State)
    graph.add_node("a", driver.node(said("computed")), cache_policy=CachePolicy(key_func=lambda state: "a"))
    graph.add_node("b", driver.node(adding("b")))
    graph.add_edge(START, "a").add_edge("a", "b")
    compiled = graph.compile(name="cached", cache=InMemoryCache())
    driver.invoke(compiled, {"n": 0, "log": []})
    return compiled, {"n": 0, "log": []}, {}


@program
def asks(driver: Driver) -> Built:
    """A node waits for a human."""

    def ask(state: State) -> dict[str, Any]:
        return {"log": [interrupt({"question": "why?", "options": ("a", "b")})]}

    graph = chained(("a", driver.node(adding("a"))), ("ask", driver.node(ask)))
    return graph.compile(name="asks"), {"n": 0, "log": []}, {}


@program
def pauses(driver: Driver) -> Built:
    """The run stops at a breakpoint."""
    graph = chained(("a", driver.node(adding("a"))), ("b", driver.node(adding("b"))))
    return graph.compile(name="pauses", interrupt_before=["b"]), {"n": 0, "log": []}, {}


@program
def endless(driver: Driver) -> Built:
    """The run does not stop within its limit."""
    graph = chained(("a", driver.node(adding("a"))))
    graph.add_edge("a", "a")
    return graph.compile(name="endless"), {"n": 0, "log": []}, {"recursion_limit": 4}


@program
def root(driver: Driver) -> Built:
    """The state is one bare value."""
    graph = StateGraph(Annotated[list, operator.add])
    graph.add_node("a", driver.node(lambda state: [len(state)]))
    graph.add_node("b", driver.node(lambda state: [{"all": list(state)}]))
    graph.add_edge(START, "a").add_edge("a", "b")
    return graph.compile(name="root"), ["in"], {}


class Line(BaseModel):
    """A part of a model."""

    text: str
    at: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Model(BaseModel):
    """A state that makes something else of what it is given."""

    n: int = 0
    line: Line | None = None
    lines: Annotated[list[Line], operator.add] = Field(default_factory=list)
    untouched: dict[str, Any] = Field(default_factory=lambda: {"made": "by default"})


@program
def pydantic(driver: Driver) -> Built:
    """The state is a pydantic model, with models inside that are made of dicts again and again."""

    def first(state: Model) -> dict[str, Any]:
        return {"line": {"text": "one"}, "lines": [{"text": "two"}]}

    def second(state: Model) -> dict[str, Any]:
        return {"n": "5", "lines": [Line(text="three")]}

    def third(state: Model) -> Any:
        return state.model_copy(update={"n": state.n + 1, "lines": []})

    nodes = [("first", first), ("second", second), ("third", third)]
    graph = chained(*((name, driver.node(node)) for name, node in nodes), schema=Model)
    return graph.compile(name="pydantic"), {"n": "1"}, {}


@dataclass
class Record:
    """A state that is a dataclass, with a managed value."""

    n: int
    left: RemainingSteps
    log: Annotated[list[Any], operator.add] = field(default_factory=list)


class Given(TypedDict):
    """The input of it."""

    n: int


@program
def dataclasses(driver: Driver) -> Built:
    """The state is a dataclass; a node knows how many steps are left."""
    graph = StateGraph(Record, input_schema=Given, output_schema=State)
    graph.add_node("a", driver.node(lambda state: {"log": [state.left], "n": state.n + 1}))
    graph.add_node("b", driver.node(lambda state: {"log": [state.left]}))
    graph.add_edge(START, "a").add_edge("a", "b")
    return graph.compile(name="dataclasses"), {"n": 1}, {"recursion_limit": 9}


@program
def objects(driver: Driver) -> Built:
    """Packets, items and values that JSON lacks, models and dataclasses among them."""

    def spread(state: State) -> Command[Any]:
        return Command(goto=[Send("take", Line(text="sent")), Send("take", Record(1, 2))])

    def take(packet: Any) -> dict[str, Any]:
        get_stream_writer()(packet)
        return {"log": [packet, {"$": "no kind"}, {1: "one"}, float("inf"), -0.0, "\ud800"]}

    graph = StateGraph(State)
    graph.add_node("spread", driver.node(spread), destinations=("take",))
    graph.add_node("take", driver.node(take))
    graph.add_edge(START, "spread")
    return graph.compile(name="objects"), {"n": 0, "log": []}, {"max_concurrency": 1}


@program
def functional(driver: Driver) -> Built:
    """An entrypoint whose tasks call tasks; one of them fails twice, and one for good."""
    attempts: list[int] = []

    def leaf(x: int) -> dict[str, Any]:
        get_stream_writer()({"leaf": (x,)})
        return {"x": x}

    def flaky(x: int) -> int:
        attempts.append(x)
        get_stream_writer()("trying")
        if len(attempts) % 3:
            raise ConnectionError("again")
        return x

    def failing(x: int) -> None:
        raise LookupError("nothing found")

    leaves = task(driver.node(leaf))
    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    flakes = task(retry_policy=policy)(driver.node(flaky))
    fails = task(driver.node(failing))
    branches = task(driver.body(leaves, lambda x: leaves(x + 1)), name="branch")
    caught = task(driver.body(fails, caught=LookupError), name="caught")
    return entrypoint()(driver.body(branches, flakes, caught)), 1, {"metadata": {"tenant": "acme"}}


@program
def functional_asks(driver: Driver) -> Built:
    """A task of an entrypoint waits for a human, and its caller with it."""
    asking = task(driver.node(lambda x: interrupt({"question": x})), name="ask")
    return entrypoint()(driver.body(asking)), 1, {}


@program
def functional_cached(driver: Driver) -> Built:
    """Tasks that need not run, in a node that calls them."""
    known = task(name="known", cache_policy=CachePolicy(key_func=lambda x: "known"))(
        driver.node(lambda x: [x])
    )
    node = driver.body(
        lambda state: known(state["n"]), lambda state: known(2), shown=lambda log: {"log": log}
    )
    compiled = chained(("node", node)).compile(name="functional cached", cache=InMemoryCache())
    driver.invoke(compiled, {"n": 0, "log": []})
    return compiled, {"n": 1, "log": []}, {}
