"""
Graphs made from a description: plain data that builds the same graph on either engine, and the runs of it.

A graph is `{"keys", "input", "output", "nodes", "edges", "branches"}`, a run is a call's keyword arguments with the
driver to use. `random_graphs.py` draws such descriptions; this module needs nothing but an engine, so that the
oracle's environment can read it.

Rule: a body does what its description says and nothing else, and every body waits for its turn, so that a
description has one meaning on every engine.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Annotated, Any, TypedDict
from zlib import crc32

from .drive import Drive
from .engine import Engine
from .normalise import Normaliser, Raised

__all__ = ["BODIES", "KINDS", "UNDETERMINED", "Described", "reconcile", "run_described"]

KINDS = {
    "log": "tail",
    "n": "last",
    "sum": "sum",
    "map": "merge",
    "any": "any",
    "eph": "ephemeral",
    "topic": "topic",
    "unt": "untracked",
}
"""Key -> the kind of channel it is, in every graph that has it."""

BODIES = 40
"""How many bodies a run may execute. Then they fail, so that loops in loops come to an end, and nothing of the run
is compared: what is seen of many failures side by side is not determined."""


UNDETERMINED = "undetermined"
"""What stands for a run in which a PARENT command and an error met: LangGraph lets either of them win."""


def keep_tail(left: list[Any], right: list[Any]) -> list[Any]:
    """Append, and keep the last twelve."""
    return [*left, *right][-12:]


def merge(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Merge two dicts, the right one winning."""
    return {**left, **right}


def run_described(engine: Engine, graph: dict[str, Any], calls: list[dict[str, Any]]) -> list[str]:
    """Build `graph`, make every call, and return what was observed, a line each."""
    lines: list[str] = []
    for number, call in enumerate(calls):
        with Drive(engine, call["driver"]) as drive:
            observed = Described(engine, drive, graph).observe(call)
            lines += [f"call {number}: {line}" for line in Normaliser(sort_interrupts=True).lines([observed])]
    return lines


def reconcile(expected: list[str], observed: list[str]) -> tuple[list[str], list[str]]:
    """
    Return both without what LangGraph leaves open: undetermined calls, and chunks that it makes and then loses.

    When a step of one task cannot be applied, LangGraph raises before it hands out that task's chunks, unless a live
    mode is on; otgraph shows them whatever the modes.
    """
    for call in sorted({line.partition(":")[0] + ":" for line in expected + observed}):
        theirs, ours = ([line for line in lines if line.startswith(call)] for lines in (expected, observed))
        if any(UNDETERMINED in line for line in theirs + ours):
            lost = theirs + ours
        elif (
            theirs[-1:] == ours[-1:]
            and theirs[-1].endswith("notes=[])")
            and theirs[:-1] == ours[: len(theirs) - 1]
        ):
            lost = ours[len(theirs) - 1 : -1]
        else:
            continue
        expected = [line for line in expected if line not in lost]
        observed = [line for line in observed if line not in lost]
    return expected, observed


class Described:
    """A described graph in one colour, and what its bodies have done so far."""

    def __init__(self, engine: Engine, drive: Drive, graph: dict[str, Any]) -> None:
        self.lg, self.drive, self.graph = engine, drive, graph
        self.bodies = self.ups = self.asked = 0
        self.failing: set[str] = set()
        """Where a branch fails after its node's body."""

    def observe(self, call: dict[str, Any]) -> Any:
        built = self.drive.attempt(self.build, self.graph, "", self.drive)
        if isinstance(built, Raised):
            return built
        config = {"recursion_limit": call["limit"], "max_concurrency": 32}
        options = {
            name: call[name] for name in ("output_keys", "interrupt_before", "interrupt_after", "version")
        }
        seen = self.look(built, call, config, options)
        if self.bodies > BODIES:
            return "too long a run"
        if self.drive.turns.tied:
            return "bodies that cannot be told apart"
        return UNDETERMINED if self.ups and self.contested(seen) else seen

    def contested(self, seen: Any) -> bool:
        """Whether a PARENT command may have met another one, an interrupt or an error in its superstep."""
        raised = isinstance(seen, Raised) or (
            isinstance(seen, list) and any(isinstance(c, Raised) for c in seen)
        )
        return self.ups > 1 or self.asked > 0 or raised

    def look(self, built: Any, call: dict[str, Any], config: dict[str, Any], options: dict[str, Any]) -> Any:
        """Return the result of the call, or its chunks."""
        if call["modes"] is None:
            return self.drive.invoke(built, call["input"], config, **options)
        return self.drive.stream(
            built,
            call["input"],
            config,
            stream_mode=call["modes"],
            subgraphs=call["subgraphs"],
            woven=call["subgraphs"],
            **options,
        )

    # -- the graph

    def build(self, graph: dict[str, Any], place: str, drive: Drive, saver: Any = None) -> Any:
        """Return the compiled graph; `place` is the path of names that leads to it."""
        builder = self.lg.graph.StateGraph(
            self.schema(graph["keys"]),
            input_schema=self.schema(graph["input"]) if graph["input"] else None,
            output_schema=self.schema(graph["output"]) if graph["output"] else None,
        )
        for node in graph["nodes"]:
            where = f"{place}/{node['name']}"
            options: dict[str, Any] = {"defer": node["defer"]}
            if node.get("reads"):
                options["input_schema"] = self.schema(node["reads"])
            if node.get("metadata"):
                options["metadata"] = node["metadata"]
            inner = node["kind"] == "graph"
            action = self.build(node["graph"], where, drive) if inner else self.body(node, where, drive)
            builder.add_node(node["name"], action, **options)
        for start, end in graph["edges"]:
            builder.add_edge(start, end)
        for number, branch in enumerate(graph["branches"]):
            if branch["fails"]:
                self.failing.add(f"{place}/{branch['source']}")
            path, path_map = self.branch(branch, number)
            builder.add_conditional_edges(branch["source"], path, path_map)
        return builder.compile(checkpointer=graph.get("saver", saver))

    def schema(self, keys: list[str]) -> Any:
        """Return a TypedDict of `keys`."""
        channels = self.lg.channels
        types = {
            "tail": Annotated[list, keep_tail],
            "last": int,
            "sum": Annotated[int, operator.add],
            "merge": Annotated[dict, merge],
            "any": Annotated[int, channels.AnyValue],
            "ephemeral": Annotated[int, channels.EphemeralValue],
            "topic": Annotated[list, channels.Topic(int)],
            "untracked": Annotated[int, channels.UntrackedValue],
        }
        return TypedDict("State", {key: types[self.kind(key)] for key in keys})  # type: ignore[misc, operator]

    def kind(self, key: str) -> str:
        """Return the kind of channel that a key is."""
        return KINDS[key]

    def branch(self, branch: dict[str, Any], number: int) -> tuple[Callable[..., Any], Any]:
        """Return the function of a conditional edge, and its path map."""
        choices, by = branch["choices"], branch["by"]

        def path(state, writer):  # type: ignore[no-untyped-def]
            if branch["says"]:
                writer({"branch": branch["source"], "says": branch["says"]})
            if branch["fails"]:
                raise LookupError(branch["source"])
            size = len(state.get("log", ())) if isinstance(state, dict) else 0
            index = min(size // by, len(choices) - 1)
            return f"way {index}" if branch["mapped"] else [self.target(each) for each in choices[index]]

        path.__name__ = f"branch_{number}"
        mapped = (
            {f"way {index}": choice[0] for index, choice in enumerate(choices)} if branch["mapped"] else None
        )
        return path, mapped

    def target(self, target: Any) -> Any:
        """Return a node's name, or the Send that a target describes."""
        if isinstance(target, dict):
            return self.lg.types.Send(target["send"], target["with"])
        return target

    # -- bodies

    def body(self, node: dict[str, Any], where: str, drive: Drive) -> Any:
        """Return a node's function; in an async run it may be a sync one all the same."""
        if not node["async"]:
            drive = drive.with_sync_functions()
        called = self.build(node["calls"], f"{where}()", drive) if node.get("calls") else None

        async def run(state, writer, config):  # type: ignore[no-untyped-def]  # only bare names are injected
            await drive.turn(*self.rank(node, where, state))
            self.bodies += 1
            if self.bodies > BODIES:
                raise RuntimeError("this run executed all the bodies it may")
            for word in node["says"]:
                writer({"node": node["name"], "says": word})
            if called is not None:
                result = await drive.call(called, {"log": [node["name"]], "n": 1}, config)
                writer({"node": node["name"], "result": result})
            return self.outcome(node, where, state)

        run.__name__ = node["name"]
        return drive.node(run)

    def rank(self, node: dict[str, Any], where: str, state: Any) -> tuple[Any, ...]:
        """Return the turn of a body: those that fail come last, the rest in an order of their own."""
        seen = repr(state)
        return "fail" in node["does"] or where in self.failing, crc32(f"{where} {seen}".encode()), where, seen

    def outcome(self, node: dict[str, Any], where: str, state: Any) -> Any:
        """Return, or raise, what a body ends with."""
        does = node["does"]
        if "fail" in does:
            raise ValueError(does["fail"])
        if "interrupt" in does:
            self.asked += 1
            self.lg.types.interrupt(does["interrupt"])
        if "list" in does:
            return [self.result(each, node, state) for each in does["list"]]
        return self.result(does, node, state)

    def result(self, does: dict[str, Any], node: dict[str, Any], state: Any) -> Any:
        """Return a dict, a Command or None."""
        update = self.update(does.get("update"), node, state)
        if "goto" not in does and not does.get("parent"):
            return update
        self.ups += bool(does.get("parent"))
        given = self.lg.types.Command
        return given(
            graph=given.PARENT if does.get("parent") else None,
            update=update,
            goto=[self.target(each) for each in does.get("goto", ())],
        )

    def update(self, keys: dict[str, int] | None, node: dict[str, Any], state: Any) -> dict[str, Any] | None:
        """Return the values written: each from the description and from what the body saw."""
        if keys is None:
            return None
        seen = len(state.get("log", ())) if isinstance(state, dict) else 0
        name = node["name"]
        made: dict[str, Callable[[int], Any]] = {
            "log": lambda k: [f"{name}{k}.{seen}"] if k else {"__overwrite__": [name]},
            "map": lambda k: {name: k + seen},
            "topic": lambda k: [k, seen],
            "unknown": lambda k: k,
        }
        return {key: made.get(key, lambda k: k + seen)(k) for key, k in keys.items()}
