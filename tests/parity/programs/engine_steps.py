"""The engine's steps, where no other subject holds them: ids, task order, writes, commit, reserved names."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, Text, chain, fan, speaker


def task_id(checkpoint_id, *parts):
    """Return the id a task of this checkpoint has: 128 bits of xxh3 over the checkpoint's id and text parts."""
    from xxhash import xxh3_128_hexdigest

    digest = xxh3_128_hexdigest(bytes.fromhex(checkpoint_id.replace("-", "")) + "".join(parts).encode())
    return "-".join((digest[:8], digest[8:12], digest[12:16], digest[16:20], digest[20:]))


@covers("ENG-16", "ENG-17", "ENG-18", "ENG-19")
def ids_can_be_computed(lg, drive):
    """A task's id is a hash of checkpoint, namespace, step, name and path; both engines compute the same."""
    seen = []

    @drive.node
    def note(state, runtime, config):
        info, data = runtime.execution_info, config["metadata"]
        *above, own = data["langgraph_checkpoint_ns"].split("|")
        namespace = "|".join([*above, data["langgraph_node"]])
        path = data["langgraph_path"]
        if path[0] == "__pregel_pull":
            tail = ("__pregel_pull", *sorted(data["langgraph_triggers"]))
        else:
            tail = ("__pregel_push", str(path[1]))
        expected = task_id(
            info.checkpoint_id, namespace, str(data["langgraph_step"]), data["langgraph_node"], *tail
        )
        seen.append((path, info.task_id == expected, own == f"{data['langgraph_node']}:{info.task_id}"))

    builder = chain(lg, Log, ("a", note))
    builder.add_node("b", note)
    builder.add_conditional_edges(
        "a", lambda s: [lg.types.Send("b", {"i": 0}), lg.types.Send("b", {"i": 1}), "b"]
    )
    builder.add_node("joined", note)
    builder.add_edge(["a", "b"], "joined")
    inner = builder.compile()
    config = {"max_concurrency": 1}
    yield drive.invoke(inner, {"log": []}, config)
    yield sorted(seen)
    seen.clear()
    yield drive.invoke(chain(lg, Log, ("outer", inner)).compile(), {"log": []}, config)
    yield sorted(seen)


@covers("ENG-12", "ENG-13", "ENG-27")
def tasks_in_order(lg, drive):
    """Sends come first by position, then nodes by name; a node is due once whatever triggered it."""
    builder = chain(lg, Log, ("s", speaker(drive, "s")))
    for turn, name in enumerate(("B", "a", "Z", "m10", "m9")):
        builder.add_node(name, speaker(drive, name, turn=turn))
        builder.add_edge("s", name)
    builder.add_conditional_edges("s", lambda s: [lg.types.Send("m9", {}), lg.types.Send("a", {})])
    yield drive.every(builder.compile(), {"log": []}, {"max_concurrency": 16})


@covers("ENG-21", "STR-31")
def many_writes_in_path_order(lg, drive):
    """Writes apply by node name, then by position of the Sends, ten and more of them in numeric order."""
    Send = lg.types.Send

    class State(TypedDict):
        k: Annotated[list, operator.add]

    @drive.node
    def w(payload):
        return {"k": [payload]}

    builder = chain(lg, State, ("s", drive.node(lambda s: {"k": ["s"]})))
    builder.add_node("w", w)
    builder.add_node("z", drive.node(lambda s: {"k": ["z"]}))
    builder.add_node("a", drive.node(lambda s: {"k": ["a"]}))
    builder.add_edge("s", "z").add_edge("s", "a")
    builder.add_conditional_edges("s", lambda s: [Send("w", i) for i in range(12)])
    yield drive.invoke(builder.compile(), {"k": []}, {"max_concurrency": 3})


@covers("ENG-22", "ENG-24", "STA-19")
def barriers_are_consumed(lg, drive):
    """A barrier that fired starts empty again; an extra run of one start does not fire it."""
    builder = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("b", speaker(drive, "b", turn=1)))
    builder.add_node("join", speaker(drive, "join"))
    builder.add_node("again", speaker(drive, "again"))
    builder.add_edge(["a", "b"], "join").add_edge("join", "again")
    builder.add_conditional_edges("again", lambda s: "a" if s["log"].count("again") < 2 else "__end__")
    yield drive.every(builder.compile(), {"log": []}, {"recursion_limit": 10})


@covers("ENG-23", "ENG-13")
def one_trigger_for_many_writes(lg, drive):
    """All that changed in a step changed at once: a node triggered twice in one step runs once."""
    Command = lg.types.Command
    builder = fan(
        lg,
        Log,
        ("a", drive.node(lambda s: Command(goto="c"), turn=0)),
        ("b", drive.node(lambda s: [Command(goto="c"), Command(goto=["c", "c"])], turn=1)),
    )
    builder.add_node("c", speaker(drive, "c"))
    builder.add_edge("a", "c")
    yield drive.every(builder.compile(), {"log": []})


@covers("ENG-03", "ENG-04", "STR-13")
def commit_of_every_kind(lg, drive):
    """What each kind of end commits: writes, nothing, an error, an interrupt with the writes before it dropped."""

    @drive.node(turn=0)
    def wrote(state):
        return {"log": ["w"]}

    @drive.node(turn=1)
    def nothing(state):
        return None

    @drive.node(turn=2)
    def asked(state):
        lg.types.interrupt("q")

    graph = fan(lg, Log, ("wrote", wrote), ("nothing", nothing), ("asked", asked)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["values", "updates", "tasks", "debug"])

    @drive.node(turn=3)
    def failed(state):
        raise ValueError("f")

    graph = fan(lg, Log, ("wrote", wrote), ("nothing", nothing), ("failed", failed)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["values", "updates", "tasks", "debug"])


@covers("ENG-24")
def keys_that_are_channels(lg, drive):
    """Reserved names cannot be written by nodes; a key named like a trigger is an unknown key."""
    for key in (
        "__interrupt__",
        "__resume__",
        "__error__",
        "__no_writes__",
        "branch:to:b",
        "__start__",
        "__pregel_tasks",
    ):
        builder = chain(lg, Text, ("a", drive.node(lambda s, k=key: {"x": "a", k: "v"})))
        builder.add_node("b", drive.node(lambda s: {"y": "b"}))
        with drive.heard() as heard:
            yield drive.every(builder.compile(), {"x": "0"})
        yield key, heard


@covers("ENG-11", "STR-18", "ENG-02")
def the_start_task_is_hidden(lg, drive):
    """The step that copies the input shows no task; user steps count from 1."""
    seen = []

    @drive.node
    def a(state, config):
        seen.append(config["metadata"]["langgraph_step"])

    yield drive.stream(chain(lg, Text, ("a", a), ("b", a)).compile(), {"x": "1"}, stream_mode="debug")
    yield seen


@covers("ENG-01", "ENG-03", "GRA-12")
def state_objects_of_parallel_nodes(lg, drive):
    """Parallel nodes get dicts of their own; what one changes in its dict the other does not see."""

    @drive.node(turn=0)
    def a(state):
        state["log"] = ["changed by a"]
        state["new"] = 1
        return {}

    @drive.node(turn=1)
    def b(state):
        return {"log": [sorted(state), list(state["log"])]}

    yield drive.invoke(fan(lg, Log, ("a", a), ("b", b)).compile(), {"log": ["in"]})
