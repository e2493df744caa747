"""What is saved: checkpoints, their metadata, the writes of tasks."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, Mixed, chain, fan, saying, speaker
from .threads import FULL, THREAD, brief, failing, thread


@covers("CKP-01", "CKP-02", "CKP-03", "CKP-08", "CKP-12", "CKP-13", "PKG-12")
def a_run_of_two_nodes(lg, drive):
    """Each superstep is a checkpoint: input at -1, `__start__` at 0, then one a step; writes hang on the one before."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver)
    yield drive.invoke(graph, {"log": ["in"]}, THREAD)
    yield drive.saved(saver, THREAD)
    yield drive.saved(saver)
    yield drive.one_saved(saver, THREAD)
    yield drive.one_saved(saver, thread("other"))
    with saver as same:
        yield (
            same is saver,
            sorted(type(part).__name__ for part in (saver.storage, saver.writes, saver.blobs)),
        )


@covers("CKP-01", "CKP-05", "ENG-09")
def turns_of_a_thread(lg, drive):
    """Steps and versions go on from turn to turn; each turn begins with an input checkpoint."""
    saver = drive.saver()
    graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(checkpointer=saver)
    for given in ({"log": ["1"], "word": "one"}, {"log": ["2"]}, {}, {"total": 3, "zz": 1}):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)


@covers("CKP-02", "GRA-31", "STA-17", "GRA-24", "GRA-41")
def hidden_channels(lg, drive):
    """Pending Sends, joins half way and deferred nodes are in the checkpoint; untracked values are not."""

    class State(TypedDict):
        log: Annotated[list, operator.add]
        secret: Annotated[str, lg.channels.UntrackedValue]

    saver = drive.saver()
    graph = chain(lg, State, ("s", drive.node(lambda s: {"log": ["s"], "secret": "told"})))
    for name in "aefw":
        graph.add_node(name, speaker(drive, name, turn=name))
    graph.add_node("b", speaker(drive, "b"))
    graph.add_node("join", drive.node(lambda s: {"log": [f"join {s.get('secret')}"]}))
    graph.add_node("late", speaker(drive, "late"), defer=True)
    graph.add_edge("a", "b").add_edge(["a", "b"], "join").add_edge("e", "late").add_edge("s", "e")
    graph.add_conditional_edges(
        "s", lambda s: ["a", lg.types.Send("w", {"i": 1, "secret": "x"}), lg.types.Send("w", {"i": 0})]
    )
    built = graph.compile(checkpointer=saver)
    yield drive.every(built, {"log": [], "secret": "in"}, THREAD, modes=FULL, durability="sync")
    yield drive.saved(saver, THREAD)
    yield drive.history(built, THREAD)


@covers("CKP-05", "CKP-06", "CKP-07", "RUN-12")
def metadata(lg, drive):
    """Metadata has source, step, parents, and the scalars of the config that are not the engine's own."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
    config = thread(
        user="u",
        number=1,
        deep={"k": 1},
        listed=[1],
        none=None,
        __mine="x",
        langgraph_step=9,
        flag=True,
        f=1.5,
    ) | {
        "metadata": {
            "m": "meta",
            "n": 2,
            "deep_m": {"k": 1},
            "none_m": None,
            "__hidden": 1,
            "langgraph_node": "zz",
            "source": "mine",
            "thread_id": "another",
            "user": "from metadata",
        },
        "tags": ["t"],
        "run_name": "named",
        "recursion_limit": 30,
    }
    yield drive.every(graph, {"log": ["in"]}, config, modes=("checkpoints",))
    yield [saved.metadata for saved in drive.saved(saver)]
    yield [state.metadata for state in drive.history(graph, THREAD)]
    for wanted in ({"m": "meta"}, {"n": 2, "source": "loop"}, {"step": -1}, {"m": "other"}, {"zz": 1}, {}):
        yield wanted, [saved.metadata["step"] for saved in drive.saved(saver, THREAD, filter=wanted)]
        yield [state.metadata["step"] for state in drive.history(graph, THREAD, filter=wanted)]
    bound = graph.with_config({"metadata": {"of": "the graph"}, "configurable": {"also": 1}})
    yield drive.invoke(bound, {"log": []}, thread("2"))
    yield [saved.metadata for saved in drive.saved(saver, thread("2"))]


@covers("RUN-12", "SAP-05")
def thread_ids(lg, drive):
    """A thread id of any type is saved as text; a node is given it as it is."""
    seen = []

    @drive.node
    def look(state, config):
        seen.append({k: v for k, v in config["configurable"].items() if not k.startswith("__")})
        return {"log": ["x"]}

    graph = chain(lg, Log, ("look", look)).compile(checkpointer=drive.saver())
    for name in (1, "1", 1.5, True, "a b/c|d:e", ""):
        yield drive.every(graph, {"log": [name]}, thread(name), modes=FULL)
        state = drive.state(graph, thread(name))
        yield state.config, state.values
    yield [sorted(each.items(), key=repr) for each in seen]


@covers("RUN-20", "SAP-17", "CKP-23", "HIL-07", "PKG-12")
def threads_missing(lg, drive):
    """A saver wants a thread; without a saver there is no state to ask for."""
    graph = chain(lg, Log, *saying(drive, "a"))
    saved, unsaved = graph.compile(checkpointer=drive.saver()), graph.compile()
    for config in (None, {}, {"configurable": {}}, {"configurable": {"user": 1}}, thread(None)):
        yield drive.invoke(saved, {"log": []}, config)
        yield drive.stream(saved, {"log": []}, config)
        yield drive.state(saved, config) if config is not None else None
        yield drive.history(saved, config) if config is not None else None
        yield drive.update(saved, config, {"log": ["u"]}) if config is not None else None
    for config in (THREAD, None):
        yield drive.invoke(unsaved, {"log": []}, config)
    yield drive.state(unsaved, THREAD), drive.history(unsaved, THREAD), drive.update(unsaved, THREAD, {})
    yield drive.bulk_update(unsaved, THREAD, [])
    yield drive.invoke(unsaved, lg.types.Command(resume=1), THREAD)
    yield drive.invoke(unsaved, None, THREAD)
    with drive.heard() as heard:
        for durability in ("async", "exit", None):
            yield drive.invoke(unsaved, {"log": []}, durability=durability)
    yield heard


@covers("RUN-21")
def wrong_checkpointers(lg, drive):
    """True is for nested graphs only, False is none; anything else must be a saver."""
    graph = chain(lg, Log, *saying(drive, "a"))
    for given in (True, False, None, 1, "saver", object(), lg.checkpoint.memory.InMemorySaver):
        built = drive.attempt(graph.compile, checkpointer=given)
        yield built if not hasattr(built, "invoke") else drive.invoke(built, {"log": ["in"]}, THREAD)
        yield drive.invoke(built, {"log": ["in"]}) if hasattr(built, "invoke") else None
    plain = graph.compile(checkpointer=True)
    yield drive.state(plain, THREAD)
    yield drive.update(plain, THREAD, {"log": []})


@covers("CKP-01", "CKP-12", "ENG-04")
def a_failed_step(lg, drive):
    """Where a step fails, the checkpoint it started from has the writes of those that ended, and the error's text."""
    saver = drive.saver()
    builder = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("b", failing(drive, "b", turn=1)))
    graph = builder.compile(checkpointer=saver)
    yield drive.every(graph, {"log": ["in"]}, THREAD, modes=FULL)
    yield drive.saved(saver, THREAD)
    yield drive.state(graph, THREAD)
    yield brief(drive.history(graph, THREAD))
    yield drive.every(graph, None, THREAD, modes=FULL)
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)


@covers("CKP-01", "CKP-02")
def tasks_that_write_nothing(lg, drive):
    """A task that writes nothing leaves a mark, so that it is known to have ended."""
    saver = drive.saver()
    builder = fan(
        lg,
        Log,
        ("none", drive.node(lambda s: None, turn=0)),
        ("goes", drive.node(lambda s: lg.types.Command(goto="after"), turn=1)),
        ("unknown", drive.node(lambda s: {"zz": 1}, turn=2)),
    )
    builder.add_node("after", drive.node(lambda s: {}))
    graph = builder.compile(checkpointer=saver)
    yield drive.every(graph, {"log": ["in"]}, THREAD, modes=FULL)
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)


@covers("CKP-02", "STA-10")
def root_state(lg, drive):
    """A graph whose state is one value is saved like others."""
    saver = drive.saver()
    graph = chain(lg, int, ("double", drive.node(lambda s: s * 2))).compile(checkpointer=saver)
    for given in (3, 4):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)
    yield drive.update(graph, THREAD, 11)
    yield drive.state(graph, THREAD)
