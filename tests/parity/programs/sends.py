"""Send: packets for nodes."""

import operator
from typing import Annotated, TypedDict

from pydantic import BaseModel

from parity.registry import covers

from .states import Log, chain, saying, speaker


def worker(drive, seen=None):
    """Return a node that writes the item of its packet, in an order of the items' own."""

    @drive.node
    async def w(payload):
        if seen is not None:
            seen.append(payload)
        await drive.turn(-payload["i"])
        return {"log": [payload["i"]]}

    return w


@covers("GRA-30", "ENG-12", "ENG-15", "ENG-21", "STR-12")
def map_over_items(lg, drive):
    """Each Send is a task of the next step, with its payload as input; writes apply in the order of the Sends."""
    Send = lg.types.Send
    seen = []
    graph = chain(lg, Log, *saying(drive, "s"))
    graph.add_node("w", worker(drive, seen))
    graph.add_conditional_edges("s", lambda s: [Send("w", {"i": i}) for i in range(4)])
    yield drive.every(graph.compile(), {"log": []})
    yield sorted(seen, key=repr)


@covers("GRA-32", "GRA-23")
def edges_of_sent_tasks(lg, drive):
    """Several Sends to a node trigger what follows it once."""
    Send = lg.types.Send
    graph = chain(lg, Log, *saying(drive, "s"))
    graph.add_node("w", worker(drive))
    graph.add_node("x", speaker(drive, "x"))
    graph.add_edge("w", "x")
    graph.add_conditional_edges("s", lambda s: [Send("w", {"i": i}) for i in range(3)])
    yield drive.every(graph.compile(), {"log": []})

    @drive.node
    async def numbered(payload):
        await drive.turn(-payload["i"])
        return {"log": [payload["i"]], "i": payload["i"]}

    routed = chain(lg, Log, *saying(drive, "s"))
    routed.add_node("w", numbered)
    routed.add_node("x", speaker(drive, "x"))
    routed.add_conditional_edges("s", lambda s: [Send("w", {"i": i}) for i in range(3)])
    routed.add_conditional_edges("w", lambda s: "x" if s["i"] == 1 else "__end__")
    yield drive.every(routed.compile(), {"log": []})


@covers("GRA-33", "GRA-30")
def payloads_are_handed_on_as_they_are(lg, drive):
    """A payload is neither merged with the state nor made into its class; it is the very object."""
    Send = lg.types.Send
    seen = []

    class Model(BaseModel):
        n: int = 0

    @drive.node
    def see(payload):
        seen.append(payload)

    thing = {"n": "not validated", "extra": [1]}
    for payload in (thing, Model(n=2), "text", None, 5):
        graph = chain(lg, Model, ("s", drive.node(lambda s: None)))
        graph.add_node("w", see)
        graph.add_conditional_edges("s", lambda s, p=payload: [Send("w", p)])
        yield drive.every(graph.compile(), {"n": 1})
    yield seen
    yield seen[0] is thing


@covers("GRA-34", "ENG-12", "ENG-13")
def a_send_and_an_edge_to_one_node(lg, drive):
    """A Send and a normal trigger make two tasks; the node's own write comes first."""
    Send = lg.types.Send

    @drive.node
    async def w(state):
        await drive.turn(0 if "i" in state else 1)
        return {"log": [sorted(state)]}

    graph = chain(lg, Log, *saying(drive, "s"))
    graph.add_node("w", w)
    graph.add_edge("s", "w")
    graph.add_conditional_edges("s", lambda s: [Send("w", {"i": 0})])
    yield drive.every(graph.compile(), {"log": []})


@covers("ENG-12", "GRA-27")
def sends_to_unknown_nodes(lg, drive):
    """A Send to an unknown node is skipped with a warning; one to END is refused."""
    Send, Command = lg.types.Send, lg.types.Command
    for targets in (["nowhere"], ["nowhere", "w"], ["__end__"], ["__start__"]):
        graph = chain(lg, Log, *saying(drive, "s"))
        graph.add_node("w", speaker(drive, "w"))
        graph.add_conditional_edges("s", lambda s, t=targets: [Send(name, {}) for name in t])
        with drive.heard() as heard:
            yield drive.every(graph.compile(), {"log": []}, {"recursion_limit": 4})
        yield heard
        jumping = chain(
            lg, Log, ("s", drive.node(lambda s, t=targets: Command(goto=[Send(name, {}) for name in t])))
        )
        jumping.add_node("w", speaker(drive, "w"))
        with drive.heard() as heard:
            yield drive.every(jumping.compile(), {"log": []}, {"recursion_limit": 4})
        yield heard


@covers("GRA-30", "PKG-06")
def equality_of_sends(lg):
    """Sends are equal, and hash alike, by node and arg."""
    Send = lg.types.Send
    yield Send("a", 1) == Send("a", 1), Send("a", 1) == Send("a", 2), Send("a", 1) == Send("b", 1)
    yield hash(Send("a", 1)) == hash(Send("a", 1)), Send("a", 1) == "a", repr(Send("a", {"k": 1}))


@covers("GRA-30", "GRA-35")
def sends_from_commands_and_branches_together(lg, drive):
    """Sends of a Command and of a branch of the same node go out together."""
    Send, Command = lg.types.Send, lg.types.Command
    graph = chain(
        lg, Log, ("s", drive.node(lambda s: Command(goto=[Send("w", {"i": 0}), "x"], update={"log": ["s"]})))
    )
    graph.add_node("w", worker(drive))
    graph.add_node("x", speaker(drive, "x", turn=5))
    graph.add_conditional_edges("s", lambda s: [Send("w", {"i": 1}), Send("w", {"i": 2})])
    yield drive.every(graph.compile(), {"log": []})


@covers("GRA-30", "ENG-21")
def sends_of_sent_tasks(lg, drive):
    """Sends made by sent tasks are collected in the order of those tasks, and run one step later."""
    Send, Command = lg.types.Send, lg.types.Command

    @drive.node
    async def split(payload):
        await drive.turn(payload["turn"])
        i = payload["i"]
        return Command(
            update={"log": [i]}, goto=[Send("leaf", {"i": f"{i}.{j}", "turn": j}) for j in range(2)]
        )

    @drive.node
    async def leaf(payload):
        await drive.turn(payload["turn"], payload["i"])
        return {"log": [payload["i"]]}

    graph = chain(lg, Log, *saying(drive, "s"))
    graph.add_node("split", split)
    graph.add_node("leaf", leaf)
    graph.add_conditional_edges("s", lambda s: [Send("split", {"i": i, "turn": 9 - i}) for i in range(2)])
    yield drive.every(graph.compile(), {"log": []})


class Items(TypedDict):
    """A list to map over and what came of it."""

    items: list
    done: Annotated[list, operator.add]


@covers("GRA-30", "SUB-01", "STR-02")
def sends_to_a_graph_node(lg, drive):
    """A Send to a graph node is that graph's input; each has a namespace of its own."""
    Send = lg.types.Send

    class Inner(TypedDict):
        item: int
        done: Annotated[list, operator.add]

    @drive.node
    async def work(state):
        await drive.turn(-state["item"])
        return {"done": [state["item"] * 10]}

    inner = chain(lg, Inner, ("work", work)).compile()
    graph = lg.graph.StateGraph(Items)
    graph.add_node("inner", inner)
    graph.set_conditional_entry_point(lambda s: [Send("inner", {"item": i}) for i in s["items"]])
    yield drive.every(graph.compile(), {"items": [1, 2, 3]}, woven=True)
