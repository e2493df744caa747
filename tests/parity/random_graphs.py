"""
Random graphs, as descriptions that `described.py` builds on either engine.

Rule: what is drawn is legal more often than not, small, and comes to an end: loops are bounded by the recursion
limit and by the number of bodies a run may execute.
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from .described import KINDS

__all__ = ["calls", "graphs", "saved_graphs", "threads"]

DEPTH = 3
NAMES = ("a", "b", "c", "d", "e")
START, END = "__start__", "__end__"
MODES = ("values", "updates", "custom", "debug", "tasks")

_Draw = Any


def _some(draw: _Draw, items: Any, most: int, least: int = 0) -> list[Any]:
    return draw(st.lists(st.sampled_from(items), min_size=least, max_size=most, unique_by=repr))


def _often(draw: _Draw, out_of: int) -> bool:
    """True once in `out_of` times."""
    return bool(draw(st.integers(0, out_of - 1)) == out_of // 2)


@st.composite
def graphs(draw: _Draw, depth: int = DEPTH) -> dict[str, Any]:
    """Draw a graph of up to five nodes, with graphs inside as deep as `depth` allows."""
    keys = ["log", *_some(draw, sorted(set(KINDS) - {"log"}), 4)]
    names = list(NAMES[: draw(st.integers(1, 5 if depth == DEPTH else 3))])
    graph: dict[str, Any] = {
        "keys": keys,
        "input": _some(draw, keys, 3, 1) if _often(draw, 6) else None,
        "output": _some(draw, keys, 3, 1) if _often(draw, 6) else None,
        "nodes": [draw(_nodes(name, keys, names, depth)) for name in names],
        "edges": [[START, name] for name in _some(draw, names, 3, 1)],
        "branches": [draw(_branches(START, keys, names))] if _often(draw, 8) else [],
    }
    for index, name in enumerate(names):
        ahead = [*(names if _often(draw, 6) else names[index + 1 :]), END]
        graph["edges"] += [[name, end] for end in _some(draw, ahead, 2)]
        if _often(draw, 3):
            graph["branches"].append(
                draw(_branches(name, keys, names if _often(draw, 3) else names[index + 1 :]))
            )
    if len(names) > 1 and _often(draw, 2):
        graph["edges"].append([_some(draw, names, 3, 2), draw(st.sampled_from(names))])
    return graph


@st.composite
def _nodes(draw: _Draw, name: str, keys: list[str], names: list[str], depth: int) -> dict[str, Any]:
    node: dict[str, Any] = {"name": name, "kind": "plain", "defer": _often(draw, 7)}
    if depth > 1 and _often(draw, 4):
        return {**node, "kind": "graph", "graph": draw(graphs(depth - 1))}
    node |= {
        "async": draw(st.booleans()),
        "says": draw(st.lists(st.integers(0, 9), max_size=2)) if _often(draw, 2) else [],
        "does": draw(_outcomes(keys, names, inside=depth < DEPTH)),
    }
    if _often(draw, 8):
        node["reads"] = _some(draw, keys, 2, 1)
    if _often(draw, 8):
        node["metadata"] = {"of": name}
    if depth > 1 and _often(draw, 8):
        node["calls"] = draw(graphs(depth - 1))
    return node


def _updates(keys: list[str]) -> st.SearchStrategy[dict[str, int]]:
    """Log in most updates; keys that only one node of a step may write, seldom."""
    rare = [key for key in keys if KINDS[key] in {"last", "ephemeral", "untracked"}]
    common = [key for key in keys if key not in rare]
    kinds = [st.dictionaries(st.sampled_from(common), st.integers(1, 9), max_size=3)] * 6
    if rare:
        kinds.append(st.dictionaries(st.sampled_from(rare), st.integers(1, 9), min_size=1, max_size=1))
    kinds.append(st.just({"log": 0}))
    kinds.append(st.just({"unknown": 1, "log": 2}))
    return st.one_of(kinds)


def _gotos(keys: list[str], names: list[str]) -> st.SearchStrategy[list[Any]]:
    if not names:
        return st.just([END])
    sends = st.fixed_dictionaries({"send": st.sampled_from(names), "with": _payloads(keys)})
    return st.lists(st.one_of(st.sampled_from([*names, END]), sends), max_size=3)


def _payloads(keys: list[str]) -> st.SearchStrategy[dict[str, Any]]:
    """A packet has a number of its own, so that two packets for a node can be told apart."""
    return st.builds(
        lambda number, logged: {"i": number, **({"log": [f"sent {number}"]} if logged else {})},
        st.integers(0, 99),
        st.booleans(),
    )


@st.composite
def _outcomes(draw: _Draw, keys: list[str], names: list[str], inside: bool) -> dict[str, Any]:
    kind = draw(
        st.sampled_from(["update"] * 14 + ["none"] + ["command"] * 3 + ["list", "fail", "interrupt", "up"])
    )
    if kind == "fail":
        return {"fail": draw(st.sampled_from(["boom", "bang"]))}
    if kind == "interrupt":
        return {"interrupt": draw(st.sampled_from(["why?", {"k": 1}]))}
    if kind == "none":
        return {}
    if kind == "list":
        commands = [draw(_commands(keys, names)) for _ in range(draw(st.integers(1, 2)))]
        return {"list": [*commands, {"update": draw(_updates(keys))}]}
    if kind == "command" or (kind == "up" and not inside):
        return draw(_commands(keys, names))
    if kind == "up":
        return {"parent": True, "update": draw(_updates(["log"])), "goto": _some(draw, NAMES[:2], 1)}
    return {"update": draw(_updates(keys))}


@st.composite
def _commands(draw: _Draw, keys: list[str], names: list[str]) -> dict[str, Any]:
    return {"update": draw(st.none() | _updates(keys)), "goto": draw(_gotos(keys, names))}


@st.composite
def _branches(draw: _Draw, source: str, keys: list[str], names: list[str]) -> dict[str, Any]:
    mapped = draw(st.booleans())
    ways = draw(st.integers(1, 3))
    if mapped:
        choices: list[list[Any]] = [[draw(st.sampled_from([*names, END]))] for _ in range(ways)]
    else:
        choices = [draw(_gotos(keys, names)) for _ in range(ways)]
    return {
        "source": source,
        "choices": [*choices, [END]],
        "by": draw(st.integers(1, 4)),
        "mapped": mapped,
        "says": int(_often(draw, 4)),
        "fails": source != START and _often(draw, 25),
    }


_inputs = st.fixed_dictionaries(
    {"log": st.just(["in"])},
    optional={
        "n": st.integers(0, 3),
        "sum": st.integers(0, 3),
        "map": st.just({"in": 1}),
        "any": st.integers(0, 3),
        "eph": st.integers(0, 3),
        "topic": st.integers(0, 3),
        "unt": st.integers(0, 3),
        "unknown": st.just(1),
    },
) | st.just({})


@st.composite
def calls(draw: _Draw, graph: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw the runs of one graph: everything there is to see with both drivers, then two more."""
    call: dict[str, Any] = {
        "input": draw(_inputs),
        "limit": draw(st.integers(2, 9)),
        "modes": list(MODES),
        "subgraphs": True,
        "version": "v1",
        "output_keys": None,
        "interrupt_before": None,
        "interrupt_after": None,
    }
    more: list[dict[str, Any]] = []
    for driver in ("sync", "async"):
        modes = draw(
            st.sampled_from([None, *MODES]) | st.lists(st.sampled_from(MODES), max_size=3, unique=True)
        )
        names = [node["name"] for node in graph["nodes"]]
        stops = (
            st.none() | st.just("*") | st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True)
        )
        more.append(
            call
            | {
                "driver": driver,
                "modes": modes,
                "subgraphs": draw(st.booleans()) if modes is not None else False,
                "version": draw(st.sampled_from(["v1", "v1", "v1", "v2"])),
                "output_keys": _some(draw, graph["keys"], 2, 1) if _often(draw, 5) else None,
                "interrupt_before": draw(stops) if _often(draw, 6) else None,
                "interrupt_after": draw(stops) if _often(draw, 6) else None,
            }
        )
    return [call | {"driver": "sync"}, call | {"driver": "async"}, *more]


@st.composite
def saved_graphs(draw: _Draw) -> dict[str, Any]:
    """Draw a graph whose nodes may ask, and may fail the first time, at any depth."""
    graph: dict[str, Any] = draw(graphs())
    _unsettle(draw, graph, depth=0)
    return graph


def _unsettle(draw: _Draw, graph: dict[str, Any], depth: int) -> None:
    """Let nodes ask and fail; let graphs inside be saved, or not."""
    if depth and _often(draw, 6):
        graph["saver"] = False
    for branch in graph["branches"]:
        # LangGraph takes a node for done whose branch has failed; otgraph runs it again.
        branch["fails"] = False
    for node in graph["nodes"]:
        if node["kind"] == "plain":
            node["fails_first"] = _often(draw, 8)
            # What LangGraph shows of a task that fails after it was answered, no record has a reason to.
            if not node["fails_first"] and "fail" not in node["does"]:
                node["asks"] = draw(st.sampled_from([0, 0, 0, 0, 1, 1, 2, 3]))
        for inside in (node.get("graph"), node.get("calls")):
            if inside:
                _unsettle(draw, inside, depth + 1)


def _has_unsaved(graph: dict[str, Any]) -> bool:
    inside = [node[key] for node in graph["nodes"] for key in ("graph", "calls") if node.get(key)]
    return graph.get("saver") is False or any(map(_has_unsaved, inside))


@st.composite
def threads(draw: _Draw, graph: dict[str, Any]) -> dict[str, Any]:
    """Draw what is done with one thread: new input, then up to seven steps more."""
    names = [node["name"] for node in graph["nodes"]]
    first = draw(_runs(graph["keys"], names)) | {"given": "input", "at": None}
    steps = st.one_of(
        _runs(graph["keys"], names), _runs(graph["keys"], names), _state_updates(graph["keys"], names)
    )
    # LangGraph breaks where a run that is saved at once has a graph inside that is not, and saves on exit, too, what
    # of an async run was cancelled.
    unsaved = _has_unsaved(graph)
    durability = "exit" if unsaved else draw(st.sampled_from(["sync", "sync", "exit"]))
    return {
        "driver": "sync" if durability == "exit" else draw(st.sampled_from(["sync", "async", "mixed"])),
        "durability": durability,
        "steps": [first, *draw(st.lists(steps, min_size=1, max_size=7))],
    }


def _places(draw: _Draw) -> int | None:
    """Draw the index of an old checkpoint; more often none."""
    return draw(st.integers(0, 12)) if _often(draw, 5) else None


def _stops(draw: _Draw, names: list[str]) -> Any:
    if not _often(draw, 5):
        return None
    return draw(st.just("*") | st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))


@st.composite
def _runs(draw: _Draw, keys: list[str], names: list[str]) -> dict[str, Any]:
    """A run: mostly answers, sometimes None or new input."""
    return {
        "do": "run",
        "given": draw(st.sampled_from(["answer"] * 5 + ["none"] * 2 + ["input"])),
        "input": draw(_inputs),
        "how": draw(st.sampled_from(["all", "all", "some", "some", "one", "nothing", "unknown", "word"])),
        "pick": draw(st.lists(st.integers(0, 3), max_size=3)),
        "update": draw(_updates(keys)) if _often(draw, 5) else None,
        "goto": draw(_gotos(keys, names)) if _often(draw, 6) else [],
        "at": _places(draw),
        "interrupt_before": _stops(draw, names),
        "interrupt_after": _stops(draw, names),
    }


@st.composite
def _state_updates(draw: _Draw, keys: list[str], names: list[str]) -> dict[str, Any]:
    """An update of the state, as a node, as nobody or as one of the special names."""
    return {
        "do": "update",
        "update": draw(st.none() | _updates(keys)),
        "as_node": draw(st.sampled_from([None, None, *names, *names, END, "__copy__", "__input__"])),
        "at": _places(draw),
    }
