"""The order of chunks across modes, in the cases where several rules meet."""

from parity.registry import covers

from .states import Log, Text, chain, fan, saying, speaker

ALL = ["values", "updates", "custom", "tasks", "debug"]


def talker(drive, name, turn=None, key="log"):
    """Return a node that says something before it writes."""

    @drive.node(turn=turn)
    def talk(state, writer):
        writer(f"{name} 1")
        writer({"from": name})
        return {key: [name]}

    return talk


@covers("STR-30", "STR-50", "ENG-02", "ENG-03")
def one_superstep(lg, drive):
    """Starts, custom items, each task's updates and result, then values."""
    graph = fan(lg, Log, *[(n, talker(drive, n, t)) for n, t in zip("abc", (1, 2, 0), strict=True)])
    graph.add_node("z", talker(drive, "z"))
    graph.add_edge(["a", "b", "c"], "z")
    graph = graph.compile()
    yield drive.stream(graph, {"log": []}, stream_mode=ALL)
    for modes in (
        ["debug", "updates"],
        ["updates", "debug", "tasks"],
        ["custom", "values"],
        ["tasks", "custom"],
    ):
        yield drive.stream(graph, {"log": []}, stream_mode=modes)


@covers("STR-30", "STR-15", "STR-03")
def around_a_graph_node(lg, drive):
    """The chunks of the outer graph wrap those of the inner one, with a sibling in between."""
    inner = chain(lg, Log, ("x", talker(drive, "x", 1)), ("y", talker(drive, "y", 3))).compile()
    graph = fan(lg, Log, ("inner", inner), ("b", talker(drive, "b", 2)))
    graph.add_node("z", talker(drive, "z"))
    graph.add_edge("inner", "z")
    graph = graph.compile()
    for subgraphs in (True, False):
        yield drive.stream(graph, {"log": []}, stream_mode=ALL, subgraphs=subgraphs)


@covers("STR-30", "STR-02", "SUB-05")
def parallel_graph_nodes(lg, drive):
    """Two nested graphs run side by side; their chunks interleave as their tasks finish."""
    left = chain(lg, Log, ("l1", talker(drive, "l1", 1)), ("l2", talker(drive, "l2", 4))).compile()
    right = chain(lg, Log, ("r1", talker(drive, "r1", 2)), ("r2", talker(drive, "r2", 3))).compile()
    graph = fan(lg, Log, ("left", left), ("right", right)).compile()
    yield drive.stream(graph, {"log": ["in"]}, stream_mode=ALL, subgraphs=True, woven=True)
    yield drive.stream(graph, {"log": ["in"]}, stream_mode="updates", subgraphs=True)


@covers("STR-30", "STR-32", "ENG-05")
def failure_beside_siblings(lg, drive):
    """A failure comes after everything queued before it; earlier siblings have their chunks."""

    @drive.node(turn=1)
    def bad(state, writer):
        writer("about to fail")
        raise ValueError("boom")

    graph = fan(lg, Log, ("a", talker(drive, "a", 0)), ("bad", bad)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=ALL)


@covers("STR-32", "ENG-05", "ENG-28")
def failure_before_siblings(lg, drive):
    """Siblings that still run when one fails are waited for, or cancelled if async; the failure reaches the caller."""

    @drive.node(turn=0)
    def bad(state):
        raise ValueError("boom")

    graph = fan(lg, Log, ("bad", bad), ("z", talker(drive, "z", 1))).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["values", "updates", "tasks"])
    yield drive.stream(graph, {"log": []}, stream_mode=ALL)
    yield drive.invoke(graph, {"log": []})


@covers("STR-32", "ENG-05", "SUB-10")
def failure_before_siblings_inside(lg, drive):
    """The same in a nested graph, and in a nested graph beside a sibling of the outer one."""

    @drive.node(turn=0)
    def bad(state):
        raise ValueError("boom")

    inner = fan(lg, Log, ("bad", bad), ("z", talker(drive, "z", 1))).compile()
    yield drive.every(chain(lg, Log, ("inner", inner)).compile(), {"log": []})
    single = chain(lg, Log, ("bad", bad)).compile()
    yield drive.every(fan(lg, Log, ("inner", single), ("y", talker(drive, "y", 2))).compile(), {"log": []})


@covers("STR-32", "ENG-05", "SUB-10")
def failure_beside_a_nested_graph(lg, drive):
    """When the root has failed, nothing more is handed out of nested graphs that still run or are called."""

    @drive.node(turn=0)
    def bad(state):
        raise ValueError("boom")

    inner = chain(lg, Log, ("y", talker(drive, "y", 1)), ("z", talker(drive, "z", 2))).compile()
    deeper = chain(lg, Log, ("inner", inner)).compile()

    @drive.node(turn=1)
    async def caller(state):
        return await drive.call(inner, {"log": []})

    for node in (inner, deeper, caller):
        yield drive.every(fan(lg, Log, ("bad", bad), ("node", node)).compile(), {"log": []})


@covers("STR-32", "ENG-05", "SUB-10")
def nested_failure_beside_a_nested_graph(lg, drive):
    """A failure inside cancels a graph node beside it as one task: it shows, and nothing of the graph in it."""

    @drive.node(turn=0)
    def bad(state):
        raise ValueError("boom")

    inner = chain(lg, Log, ("y", talker(drive, "y", 1)), ("z", talker(drive, "z", 2))).compile()
    deeper = chain(lg, Log, ("inner", inner)).compile()
    for node in (inner, deeper):
        middle = fan(lg, Log, ("bad", bad), ("node", node)).compile()
        yield drive.every(chain(lg, Log, ("middle", middle)).compile(), {"log": []})


@covers("STR-30")
def speaking_order_is_finishing_order_of_the_log(lg, drive):
    """Sends and nodes mixed in one step: state in task order, chunks in completion order."""
    Send = lg.types.Send
    graph = chain(lg, Log, *saying(drive, "s"))

    @drive.node
    async def w(payload):
        await drive.turn(payload["turn"])
        return {"log": [f"w{payload['turn']}"]}

    graph.add_node("w", w)
    graph.add_node("a", speaker(drive, "a", turn=2))
    graph.add_conditional_edges("s", lambda s: [Send("w", {"turn": t}) for t in (3, 1, 4)] + ["a"])
    yield drive.stream(graph.compile(), {"log": []}, stream_mode=ALL)


@covers("STR-32", "STA-13", "STR-05")
def a_step_that_cannot_be_applied(lg, drive):
    """The chunks of its tasks come before the error; LangGraph loses those of a lone task unless a mode is live."""
    Command = lg.types.Command
    twice = drive.node(lambda s: [Command(update={"x": "1"}), Command(update={"x": "2"})])
    alone = chain(lg, Text, ("a", twice)).compile()
    write = [drive.node(lambda s, v=v: {"x": v}, turn=int(v)) for v in "12"]
    together = fan(lg, Text, ("a", write[0]), ("b", write[1])).compile()
    for modes in ("updates", "tasks", ["values", "updates"], ["updates", "custom"]):
        yield modes
        yield drive.stream(together, {"x": "0"}, stream_mode=modes)
        yield drive.stream(alone, {"x": "0"}, stream_mode=modes)
