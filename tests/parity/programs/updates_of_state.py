"""update_state and bulk_update_state."""

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, before, brief, failing, ordered, thread


@covers("SAP-10", "SAP-15", "SAP-16")
def as_a_node(lg, drive):
    """An update is as if the node had returned it: reducers, edges, a checkpoint of its own."""
    for node in ("a", "b", "c"):
        for values in (
            {"log": ["u"], "total": 5},
            {"word": "w", "zz": 1},
            {},
            None,
            {"log": lg.types.Overwrite(["o"])},
        ):
            saver = drive.saver()
            graph = chain(lg, Mixed, *saying(drive, "a", "b", "c")).compile(
                checkpointer=saver, interrupt_before=["b"]
            )
            drive.invoke(graph, {"log": ["in"]}, THREAD)
            yield node, values, drive.update(graph, THREAD, values, as_node=node)
            yield drive.state(graph, THREAD)
            yield drive.one_saved(saver, THREAD)
            yield drive.every(graph, None, THREAD, modes=FULL)


@covers("SAP-10", "GRA-25", "GRA-28", "GRA-37")
def branches_and_commands(lg, drive):
    """The node's conditional edges are run on the updated state; a Command's goto and Sends are taken."""
    Command, Send = lg.types.Command, lg.types.Send
    for values in (
        {"log": ["u"]},
        {"log": ["u", "u"]},
        Command(update={"log": ["u"]}, goto="c"),
        Command(goto=Send("c", {"log": ["sent"]})),
        [{"log": ["1"]}, Command(update={"log": ["2"]}, goto="c")],
    ):
        saver = drive.saver()
        builder = chain(lg, Log, ("a", speaker(drive, "a")))
        builder.add_node("b", speaker(drive, "b", turn=0)).add_node("c", speaker(drive, "c", turn=1))
        builder.add_conditional_edges(
            "a", lambda s: ["b", Send("c", {"log": ["sent", *s["log"]]})] if len(s["log"]) % 2 else "c"
        )
        graph = builder.compile(checkpointer=saver)
        yield drive.update(graph, THREAD, values, as_node="a")
        yield drive.state(graph, THREAD)
        yield drive.saved(saver, THREAD)
        yield drive.every(graph, None, THREAD, modes=FULL)


@covers("SAP-11")
def who_it_is_from(lg, drive):
    """Without as_node it is the only node, the input of an empty thread, or the last that ran; else it must be said."""
    one = chain(lg, Log, *saying(drive, "a"))
    line = chain(lg, Log, *saying(drive, "a", "b", "c"))
    wide = fan(lg, Log, *ordered(drive, "a", "b"))
    wide.add_node("join", speaker(drive, "join")).add_edge(["a", "b"], "join")
    for builder in (one, line, wide):
        for stops in ({}, {"interrupt_after": ["a"]}, {"interrupt_before": ["a"]}):
            graph = builder.compile(checkpointer=drive.saver(), **stops)
            yield drive.update(graph, thread("empty"), {"log": ["u"]})
            yield drive.state(graph, thread("empty"))
            yield drive.invoke(graph, None, thread("empty"))
            drive.invoke(graph, {"log": ["in"]}, THREAD)
            yield drive.update(graph, THREAD, {"log": ["u"]})
            yield drive.state(graph, THREAD)
            yield drive.update(graph, THREAD, {"log": ["v"]})
            yield drive.update(graph, THREAD, {"log": ["w"]}, as_node="a")
            yield drive.update(graph, THREAD, {"log": ["x"]})
            yield drive.invoke(graph, None, THREAD)
            for unknown in ("zz", "", "__start__", 1):
                yield unknown, drive.update(graph, THREAD, {"log": ["u"]}, as_node=unknown)
            yield brief(drive.history(graph, THREAD))


@covers("SAP-12", "SAP-13")
def special_nodes(lg, drive):
    """END clears what is pending, `__input__` is new input, `__copy__` a copy; None alone is a new checkpoint."""
    for node in ("__end__", "__input__", "__copy__", None):
        for values in (None, {"log": ["u"]}, {}):
            for stops in ({}, {"interrupt_before": ["b"]}):
                saver = drive.saver()
                graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver, **stops)
                drive.invoke(graph, {"log": ["in"]}, THREAD)
                yield node, values, stops, drive.update(graph, THREAD, values, as_node=node)
                yield drive.state(graph, THREAD)
                yield drive.saved(saver, THREAD, limit=2)
                yield drive.invoke(graph, None, THREAD)
                yield brief(drive.history(graph, THREAD))


@covers("SAP-12")
def special_nodes_of_an_empty_thread(lg, drive):
    """On a thread where nothing is saved: what each special node does."""
    for node in ("__end__", "__input__", "__copy__", None, "a", "b"):
        for values in (None, {"log": ["u"]}):
            saver = drive.saver()
            graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver)
            yield node, values, drive.update(graph, THREAD, values, as_node=node)
            yield drive.state(graph, THREAD)
            yield drive.saved(saver)
            yield drive.every(graph, None, THREAD, modes=FULL)


def half_done(lg, drive, other):
    """Return a compiled graph and its saver: a step of which `a` is done and `other` is not."""
    saver = drive.saver()
    builder = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("q", other))
    builder.add_node("after", speaker(drive, "after", turn=2))
    builder.add_node("then", speaker(drive, "then", turn=3))
    builder.add_edge("a", "after").add_edge("q", "then")
    graph = builder.compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    return graph, saver


@covers("SAP-12", "SAP-13", "SAP-02")
def updates_of_a_half_done_step(lg, drive):
    """An update as the node that waits takes its place; END keeps what others wrote; a copy keeps nothing of it."""
    for node, values in (
        ("q", {"log": ["u"]}),
        ("a", {"log": ["u"]}),
        ("after", {"log": ["u"]}),
        ("__end__", None),
        ("__copy__", None),
        ("__input__", {"log": ["u"]}),
        (None, None),
        (None, {"log": ["u"]}),
    ):
        for other in (asker(lg, drive, "q", turn=1), failing(drive, "q", turn=1)):
            graph, saver = half_done(lg, drive, other)
            yield node, drive.update(graph, THREAD, values, as_node=node)
            yield drive.state(graph, THREAD)
            yield drive.saved(saver, THREAD, limit=2)
            yield drive.every(graph, None, THREAD, modes=FULL)
            yield drive.history(graph, THREAD)


@covers("SAP-13", "TTR-04", "TTR-05")
def updates_of_old_checkpoints(lg, drive):
    """An update of an old checkpoint is a branch: the run goes on from it, and it is the newest of the thread."""
    graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    for old in list(drive.history(graph, THREAD)):
        config = drive.update(graph, old.config, {"log": [f"at {old.next}"]})
        yield config, drive.state(graph, THREAD).values
        yield drive.every(graph, None, config if isinstance(config, dict) else THREAD, modes=FULL)
    yield drive.history(graph, THREAD)
    old = before(drive.history(graph, THREAD), "b")
    yield drive.update(graph, old.config, {"log": ["as c"]}, as_node="c")
    yield drive.state(graph, THREAD)


@covers("SAP-10", "CKP-06", "SAP-05")
def what_an_update_saves(lg, drive):
    """Metadata and configurable of the config are kept; what comes back names thread, namespace and checkpoint."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver)
    config = thread("1", user="u", deep={"k": 1}) | {"metadata": {"m": 1, "run_id": "r"}, "tags": ["t"]}
    yield drive.update(graph, config, {"log": ["u"]}, as_node="a")
    yield drive.update(
        graph, config, {"log": ["v"]}, as_node="a", task_id="00000000-0000-0000-0000-00000000000a"
    )
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)
    yield drive.update(graph, thread(5), {"log": ["number"]}, as_node="a")


@covers("SAP-14", "SAP-16")
def bulk_updates(lg, drive):
    """Each inner list is a superstep of its own, with a checkpoint; tasks of one step write together."""
    Update = lg.types.StateUpdate
    saver = drive.saver()
    builder = fan(lg, Log, *ordered(drive, "a", "b"))
    builder.add_node("join", speaker(drive, "join")).add_edge(["a", "b"], "join")
    graph = builder.compile(checkpointer=saver)
    yield drive.bulk_update(
        graph,
        THREAD,
        [
            [Update({"log": ["in"]}, "__input__")],
            [Update({"log": ["in"]}, "__start__")],
            [Update({"log": ["b"]}, "b"), Update({"log": ["a"]}, "a")],
            [Update({"log": ["join"]}, "join")],
        ],
    )
    yield drive.state(graph, THREAD)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver)
    yield drive.bulk_update(graph, THREAD, [[Update({"log": ["a2"]}, "a")], [Update({"log": ["b2"]}, "b")]])
    yield drive.every(graph, None, THREAD, modes=FULL)
    yield drive.bulk_update(graph, thread("2"), [[Update(None, "__copy__")], [Update({"log": ["x"]}, "a")]])
    yield drive.history(graph, thread("2"))


@covers("SAP-14")
def bulk_updates_that_are_refused(lg, drive):
    """Nothing to do, special nodes beside others, unknown nodes: errors; steps before the error stay."""
    Update = lg.types.StateUpdate
    graph = chain(lg, Text, *((n, drive.node(lambda s: None)) for n in "ab")).compile(
        checkpointer=drive.saver()
    )
    ok = [Update({"x": "1"}, "a")]
    for steps in (
        [],
        [[]],
        [ok, []],
        [[Update({"x": "1"}, "a"), Update({"x": "2"}, "b")]],
        [[Update(None, "__end__"), Update({"x": "2"}, "b")]],
        [[Update({"x": "1"}, "__input__"), Update({"x": "2"}, "b")]],
        [[Update(None, "__copy__"), Update({"x": "2"}, "b")]],
        [[Update(None, None), Update({"x": "2"}, "b")]],
        [[Update({"x": "1"}, "__end__")]],
        [[Update({"x": "1"}, "zz")]],
        [[Update({"x": "1"}), Update({"y": "2"})]],
        [ok, [Update({"x": "1"}, "zz")]],
    ):
        yield drive.bulk_update(graph, THREAD, steps)
        yield drive.state(graph, THREAD)


@covers("SAP-14", "SAP-07")
def a_history_made_again(lg, drive):
    """A thread's history can be made again on another thread, with the results of its tasks."""
    Update = lg.types.StateUpdate
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
    for given in ("1", "2"):
        drive.invoke(graph, {"log": [given]}, THREAD)
    states = list(drive.history(graph, THREAD))[::-1]
    steps = []
    for state, following in zip(states, [*states[1:], None], strict=True):
        if state.metadata["source"] == "input":
            steps.append([Update(state.tasks[0].result, "__input__")])
        if following is not None and state.tasks:
            steps.append([Update(task.result, task.name) for task in state.tasks])
    yield drive.bulk_update(graph, thread("copy"), steps)
    yield drive.history(graph, thread("copy"))
    fork = [[Update(None, "__copy__")], [Update([(None, "a")], "__copy__")]]
    yield drive.bulk_update(graph, states[2].config, fork[:1])
    yield brief(drive.history(graph, THREAD))


@covers("SAP-10", "SAP-15", "HIL-01")
def updates_between_questions(lg, drive):
    """An update of a thread that waits for an answer: what is asked again, and what the answer is for."""
    for node in ("a", "q", None):
        saver = drive.saver()
        graph = chain(
            lg,
            Log,
            ("a", speaker(drive, "a")),
            ("q", asker(lg, drive, "q", "1", "2")),
            ("b", speaker(drive, "b")),
        ).compile(checkpointer=saver)
        drive.invoke(graph, {"log": ["in"]}, THREAD)
        drive.invoke(graph, lg.types.Command(resume="one"), THREAD)
        yield node, drive.update(graph, THREAD, {"log": ["u"]}, as_node=node)
        yield drive.state(graph, THREAD)
        yield drive.every(graph, lg.types.Command(resume="answer"), THREAD, modes=FULL)
        yield drive.state(graph, THREAD)
        yield drive.saved(saver, THREAD)
