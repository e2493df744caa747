"""A compiled graph as a Runnable: whenever LangChain is imported, and beside what the parity programs compare."""

from __future__ import annotations

import asyncio
import copy
import operator
import subprocess
import sys
from typing import Annotated, Any
from uuid import uuid4

import pytest
from typing_extensions import TypedDict

from otgraph.graph.runnable import BORROWED

from .conftest import Drive, fake, line

pytest.importorskip("langchain_core")

from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable


class State(TypedDict, total=False):
    log: Annotated[list[str], operator.add]


class Told(BaseCallbackHandler):
    """Keeps how the chains that have a given name ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.runs: list[Any] = []
        self.ended: list[str] = []

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: Any, name: str = "", **_: Any) -> None:
        if name == self.name:
            self.runs.append(run_id)

    def on_chain_end(self, outputs: Any, *, run_id: Any, **_: Any) -> None:
        if run_id in self.runs:
            self.ended.append("end")

    def on_chain_error(self, error: BaseException, *, run_id: Any, **_: Any) -> None:
        if run_id in self.runs:
            self.ended.append(type(error).__name__)


def two_nodes() -> Any:
    return line(State, a=lambda state: {"log": ["a"]}, b=lambda state: {"log": ["b"]})


def test_what_is_borrowed_is_what_a_graph_lacks() -> None:
    """What a graph takes from Runnable is listed, and is all that it has not itself."""
    public = {name for name in dir(Runnable) if not name.startswith("_")}
    own = {name for kind in type(two_nodes()).__mro__ for name in vars(kind)}
    assert BORROWED == public - own


EARLIER = """
import sys
from otgraph.graph import START, StateGraph

graph = StateGraph(dict).add_node("a", lambda state: {"n": state["n"] + 1}).add_edge(START, "a").compile()
print(graph.invoke({"n": 1}), hasattr(graph, "nothing"), hasattr(graph, "_repr_html_"), isinstance(graph, list))
print("langchain_core" in sys.modules)
from langchain_core.runnables import Runnable, RunnableLambda
"""


@pytest.mark.parametrize(
    ("use", "shown"),
    [
        ("isinstance(graph, Runnable), issubclass(type(graph), Runnable)", "True True"),
        ("(RunnableLambda(lambda n: {'n': n}) | graph).invoke(1)", "{'n': 2}"),
        ("(graph | (lambda state: state['n'])).invoke({'n': 1})", "2"),
        ("graph.pick('n').invoke({'n': 1})", "2"),
    ],
)
def test_langchain_may_come_later(use: str, shown: str) -> None:
    """A graph that was compiled and ran without LangChain is a Runnable as soon as LangChain is imported."""
    program = f"{EARLIER}print({use})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    expected = f"{{'n': 2}} False False False\nFalse\n{shown}\n"
    assert ("", expected) == (done.stderr, done.stdout)


def test_a_model_between_graphs(drive: Drive) -> None:
    """A prompt, a model and a parser stand before a graph, and a graph stands before them."""
    prompt = ChatPromptTemplate.from_messages([("human", "{word}")])
    chain = prompt | fake("big fox") | StrOutputParser() | (lambda text: {"log": [text]}) | two_nodes()
    assert {"log": ["big fox", "a", "b"]} == drive.invoke(chain, {"word": "x"})
    turned = (
        two_nodes()
        | (lambda state: {"word": state["log"][-1]})
        | prompt
        | fake("red fox")
        | StrOutputParser()
    )
    assert "red fox" == drive.invoke(turned, {"log": []})


def test_the_chain_of_a_stream_ends_after_its_chunks(drive: Drive) -> None:
    """The run's chain goes on as long as there are chunks of it, so that they belong to it."""
    told = Told("LangGraph")
    open_at: list[bool] = []
    drive.each(two_nodes(), lambda chunk: open_at.append(not told.ended), {"log": []}, {"callbacks": [told]})
    assert [True, True] == open_at
    assert ["end"] == told.ended


def test_the_chain_of_a_stream_that_is_left_ends(drive: Drive) -> None:
    """A consumer that leaves ends the chain, once."""
    told = Told("LangGraph")
    config: Any = {"callbacks": [told]}
    if drive.sync:
        stream = two_nodes().stream({"log": []}, config)
        next(stream)
        stream.close()
    else:

        async def leave() -> None:
            stream = two_nodes().astream({"log": []}, config)
            await anext(stream)
            await stream.aclose()

        asyncio.run(leave())
    assert 1 == len(told.ended)


def test_events_are_left() -> None:
    """Whoever leaves the events cancels the run."""
    ended: list[str] = []

    async def waits(state: State) -> None:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    async def leave() -> None:
        events = line(State, a=waits).astream_events({"log": []}, version="v2")
        async for event in events:
            if event["event"] == "on_chain_start" and event["name"] == "a":
                break
        await asyncio.sleep(0.01)
        await events.aclose()

    asyncio.run(leave())
    assert ["cancelled"] == ended


def test_an_inner_graph_has_no_name_and_id_of_the_outer_run(drive: Drive) -> None:
    """A config's `run_name` and `run_id` are those of the run that got them, not of graphs that are its nodes."""
    run_id = uuid4()
    for inner in (two_nodes(), two_nodes().with_config(run_name="own")):
        outer_told, inner_told = Told("mine"), Told((inner.config or {}).get("run_name", "LangGraph"))
        config = {"callbacks": [outer_told, inner_told], "run_name": "mine", "run_id": run_id}
        drive.invoke(line(State, n=inner), {"log": []}, config)
        assert [run_id] == outer_told.runs
        assert 1 == len(inner_told.runs)
        assert run_id not in inner_told.runs


def test_a_class_is_what_it_is() -> None:
    """Being a Runnable changes nothing about a graph's own class, nor its copies."""
    graph = two_nodes()
    assert type(graph) is graph.__class__
    other = copy.copy(graph)
    assert type(other) is type(graph)
    assert graph.invoke({"log": []}) == other.invoke({"log": []})
    with pytest.raises(AttributeError, match="'CompiledStateGraph' object has no attribute 'invoek'"):
        graph.invoek  # noqa: B018
    with pytest.raises(AttributeError, match="nor has this LangChain's Runnable"):
        graph._nothing  # noqa: B018
