"""Delta channels: what is saved of them, and what comes back."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typing_extensions import TypedDict

from otgraph.channels import DeltaChannel
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.errors import InvalidUpdateError
from otgraph.graph import START, StateGraph
from otgraph.types import Command, Overwrite, interrupt

PLACE: Any = {"configurable": {"thread_id": "t"}}


def joined(value: list[Any], writes: list[Any]) -> list[Any]:
    """Reduce a whole superstep's writes."""
    return [*value, *(word for write in writes for word in write)]


def newest(_: Any, new: Any) -> Any:
    """Reduce writes to the last of them."""
    return new


class Common(TypedDict, total=False):
    asks: Annotated[bool, newest]
    fails: Annotated[bool, newest]
    quiet: Annotated[int, newest]


class Plain(Common, total=False):
    words: Annotated[list[Any], operator.add]


def delta_state(frequency: int) -> Any:
    """Return a state like `Plain` whose words are saved as changes."""

    words = Annotated[list[Any], DeltaChannel(joined, snapshot_frequency=frequency)]
    return TypedDict("Delta", {**Common.__annotations__, "words": words}, total=False)  # type: ignore[operator]


def graph(state: Any, saver: Any) -> Any:
    """Return a graph whose second superstep has a node that may ask, one that may fail, and one that does neither."""

    def ask(state: Any) -> Any:
        return {"words": [interrupt("?")]} if state.get("asks") else None

    def fail(state: Any) -> Any:
        if state.get("fails"):
            raise ValueError("failed")
        return {"words": ["well"]}

    builder = StateGraph(state)
    builder.add_node("first", lambda state: {"quiet": len(state["words"])})
    builder.add_node("ask", ask)
    builder.add_node("fail", fail)
    builder.add_node("side", lambda state: {"words": ["side"], "quiet": 0})
    builder.add_node("last", lambda state: {"words": [len(state["words"])]})
    builder.add_edge(START, "first")
    for name in ("ask", "fail", "side"):
        builder.add_edge("first", name)
        builder.add_edge(name, "last")
    return builder.compile(checkpointer=saver)


DURABILITY = st.sampled_from(["sync", "async", "exit"])
DEEDS = st.one_of(
    st.tuples(st.just("turn"), DURABILITY, st.booleans(), st.booleans(), st.booleans()),
    st.tuples(st.just("go on"), DURABILITY),
    st.tuples(st.just("mend"), DURABILITY),
    st.tuples(st.just("answer"), DURABILITY, st.booleans()),
    st.tuples(
        st.just("update"), st.sampled_from([None, "first", "side", "last"]), st.booleans(), st.integers(0, 5)
    ),
    st.tuples(st.just("copy"), st.integers(0, 5)),
    st.tuples(st.just("replay"), st.integers(0, 5), DURABILITY),
)


def perform(graph: Any, deed: Any, number: int) -> Any:
    """Do something with the thread; return what can be seen of it."""
    kind, *how = deed
    seen: Any = None
    try:
        if kind == "turn":
            durability, asks, fails, anew = how
            words: Any = Overwrite([f"new{number}"]) if anew else [f"in{number}"]
            given = {"words": words, "asks": asks, "fails": fails}
            seen = graph.invoke(given, PLACE, durability=durability)
        elif kind == "go on":
            seen = graph.invoke(None, PLACE, durability=how[0])
        elif kind == "mend":
            seen = graph.invoke(
                Command(update={"fails": False, "words": ["mended"]}), PLACE, durability=how[0]
            )
        elif kind == "answer":
            update = {"words": ["told"]} if how[1] else None
            seen = graph.invoke(Command(resume=f"answer{number}", update=update), PLACE, durability=how[0])
        elif kind == "update":
            node, anew, back = how
            words = Overwrite([f"put{number}"]) if anew else [f"put{number}"]
            graph.update_state(past(graph, back), {"words": words}, as_node=node)
        elif kind == "copy":
            graph.update_state(past(graph, how[0]), None, as_node="__copy__")
        else:
            seen = graph.invoke(None, past(graph, how[0]), durability=how[1])
    except Exception as error:
        seen = repr(error)
    if isinstance(seen, dict):
        seen.pop("__interrupt__", None)
    state = graph.get_state(PLACE)
    history = [
        (each.metadata["source"], each.metadata["step"], each.next, each.values.get("words") or [])
        for each in graph.get_state_history(PLACE)
        if "source" in each.metadata
    ]
    return seen, state.next, state.values.get("words") or [], history


def past(graph: Any, back: int) -> Any:
    """Return the config of a checkpoint of the past; the newest is not named."""
    states = [state for state in graph.get_state_history(PLACE) if "source" in state.metadata]
    return PLACE if back == 0 or not states else states[min(back, len(states) - 1)].config


@settings(max_examples=60)
@given(st.lists(DEEDS, min_size=1, max_size=7), st.integers(1, 4), st.booleans())
def test_changes_replayed_are_the_state(deeds: list[Any], frequency: int, in_memory: bool) -> None:
    """Whatever is done with a thread, with delta channels all states it ever had are those it has without."""
    if in_memory:
        run_both(InMemorySaver(), InMemorySaver(), deeds, frequency)
    else:
        with (
            SqliteSaver.from_conn_string(":memory:") as one,
            SqliteSaver.from_conn_string(":memory:") as other,
        ):
            run_both(one, other, deeds, frequency)


def run_both(one: Any, other: Any, deeds: list[Any], frequency: int) -> None:
    plain, delta = graph(Plain, one), graph(delta_state(frequency), other)
    for number, deed in enumerate(deeds):
        assert perform(plain, deed, number) == perform(delta, deed, number), (number, deed)


@pytest.fixture(params=["memory", "sqlite"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Any]:
    """An empty saver."""
    if request.param == "memory":
        yield InMemorySaver()
    else:
        with SqliteSaver.from_conn_string(tmp_path / "t.db") as made:
            yield made


def turn(graph: Any, number: int, **options: Any) -> Any:
    return graph.invoke({"words": [number]}, PLACE, **options)


@pytest.mark.parametrize("durability", ["sync", "exit"])
def test_the_cost_of_a_turn(durability: Any, tmp_path: Path) -> None:
    """With an SQLite file the hundredth turn reads and writes no more than the tenth does, though the state grows."""
    with SqliteSaver.from_conn_string(tmp_path / "t.db") as saver:
        built = graph(delta_state(6), saver)
        counted: list[int] = []
        statements: list[str] = []
        turn(built, 0)
        saver.conn.set_trace_callback(statements.append)
        for number in range(100):
            statements.clear()
            turn(built, number, durability=durability)
            counted.append(len(statements))
        saver.conn.set_trace_callback(None)
        sizes = [size for (size,) in saver.conn.execute("SELECT length(checkpoint) FROM checkpoints")]
    assert max(counted[:20]) == max(counted[80:])
    # Most checkpoints do not hold the state.
    assert sorted(sizes)[len(sizes) // 2] < max(sizes) / 2


def test_retention_keeps_what_is_replayed(tmp_path: Path) -> None:
    """A saver that keeps two checkpoints keeps those, too, from which their values are rebuilt, and no more."""
    with SqliteSaver.from_conn_string(tmp_path / "t.db", keep_last=2) as saver:
        built = graph(delta_state(3), saver)
        whole = graph(Plain, InMemorySaver())
        for number in range(30):
            assert turn(whole, number) == turn(built, number)
        states = [state.values for state in built.get_state_history(PLACE)]
        assert states[:2] == [state.values for state in whole.get_state_history(PLACE)][:2]
        assert len(states) < 20
        saver.prune(["t"])
        assert states[0] == built.get_state(PLACE).values


def test_a_channel_becomes_a_delta_channel_and_back(saver: Any) -> None:
    """A key may turn from a plain reducer to a delta channel and back: its value goes with it."""
    plain, delta = graph(Plain, saver), graph(delta_state(100), saver)
    told = [
        turn(built, number)["words"]
        for number, built in enumerate([plain, delta, delta, plain, plain, delta])
    ]
    assert told == [turn(graph(Plain, InMemorySaver()), 0)["words"], *told[1:]]
    for before, after in zip(told, told[1:], strict=False):
        assert before == after[: len(before)]
    assert told[-1] == plain.get_state(PLACE).values["words"]


def test_a_delta_channel_that_loses_its_reducer(saver: Any) -> None:
    """A channel that cannot rebuild what was saved as changes says so, and what is saved stays as it is."""

    class Last(TypedDict):
        words: list[Any]

    builder = StateGraph(Last)
    builder.add_node("n", lambda state: {"words": ["lost"]})
    builder.add_edge(START, "n")
    last, delta = builder.compile(checkpointer=saver), graph(delta_state(100), saver)
    words = turn(delta, 0)["words"]
    for call in (lambda: last.get_state(PLACE), lambda: last.invoke({"words": []}, PLACE)):
        with pytest.raises(InvalidUpdateError, match="'words' was saved as changes.*LastValue"):
            call()
    assert words == delta.get_state(PLACE).values["words"]
    delta.update_state(PLACE, {"words": Overwrite(words)}, as_node="last")
    assert words == last.get_state(PLACE).values["words"]


def test_a_key_that_was_gone_for_a_while(saver: Any) -> None:
    """A graph without the key goes on with the thread; with the key again, the value is there again."""

    class Without(TypedDict):
        quiet: int

    builder = StateGraph(Without)
    builder.add_node("n", lambda state: {"quiet": 9})
    builder.add_edge(START, "n")
    without, delta = builder.compile(checkpointer=saver), graph(delta_state(100), saver)
    words = turn(delta, 0)["words"]
    assert {"quiet": 9} == without.invoke({"quiet": 1}, PLACE)
    assert words == delta.get_state(PLACE).values["words"]
    assert words == turn(delta, 1)["words"][: len(words)]
