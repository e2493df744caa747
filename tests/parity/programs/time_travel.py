"""Runs that start at an old checkpoint: replays, forks, other answers."""

from parity.registry import covers

from .states import Log, Mixed, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, before, brief, counted, failing, ids_of, ordered, thread, waits


@covers("TTR-01", "TTR-05", "TTR-06", "TTR-07", "ENG-08", "CKP-05")
def replays(lg, drive):
    """A run from an old checkpoint makes a fork of it and runs what was next there again; at the end nothing."""
    ran = []
    saver = drive.saver()
    graph = chain(lg, Log, *((word, counted(drive, ran, word)) for word in "abc")).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    for old in list(drive.history(graph, THREAD)):
        ran.clear()
        yield old.next, drive.every(graph, None, old.config, modes=(*FULL, "debug"))
        yield list(ran), drive.state(graph, THREAD)
        yield drive.state(graph, old.config)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)
    yield drive.invoke(graph, None, THREAD)


@covers("TTR-03", "TTR-05", "ENG-09")
def new_input_at_old_checkpoints(lg, drive):
    """New input at an old checkpoint is applied to the state there, on a new branch."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    for old in list(drive.history(graph, THREAD)):
        yield old.next, drive.every(graph, {"log": ["new"]}, old.config, modes=FULL)
        yield drive.state(graph, THREAD)
    yield drive.history(graph, THREAD)


@covers("TTR-01", "TTR-02", "HIL-05")
def questions_asked_again(lg, drive):
    """A replay asks again and forgets old answers; an answer with an old id answers there, on a new branch."""
    Command = lg.types.Command
    saver = drive.saver()
    graph = chain(
        lg,
        Log,
        ("a", speaker(drive, "a")),
        ("q", asker(lg, drive, "q", "one", "two")),
        ("b", speaker(drive, "b")),
    ).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    drive.invoke(graph, Command(resume="1"), THREAD)
    drive.invoke(graph, Command(resume="2"), THREAD)
    states = list(drive.history(graph, THREAD))
    yield states
    for old in states:
        yield old.next, drive.every(graph, None, old.config, modes=FULL)
        yield drive.state(graph, THREAD)
        if waits(drive, graph):
            yield drive.invoke(graph, Command(resume="again 1"), THREAD)
        if old.next:
            yield drive.every(graph, Command(resume="other 1"), old.config, modes=FULL)
        yield drive.state(graph, THREAD)
        if waits(drive, graph):
            yield drive.invoke(graph, Command(resume="other 2"), THREAD)
    yield drive.saved(saver, THREAD)


@covers("TTR-02", "HIL-05", "HIL-13")
def answers_at_the_head(lg, drive):
    """An answer with the id of the newest checkpoint is an ordinary answer: what was finished is not run again."""
    Command = lg.types.Command
    for how in ("value", "map", "none", "update"):
        ran = []
        saver = drive.saver()
        builder = fan(
            lg,
            Log,
            ("a", counted(drive, ran, "a", turn=0)),
            ("q", asker(lg, drive, "q", "one", "two", turn=1)),
        )
        graph = builder.compile(checkpointer=saver)
        asked = ids_of(drive.invoke(graph, {"log": ["in"]}, THREAD))
        head = drive.state(graph, THREAD).config
        given = {
            "value": Command(resume="1"),
            "map": Command(resume={asked["one"]: "1"}),
            "none": None,
            "update": Command(resume="1", update={"log": ["u"]}),
        }[how]
        yield how, drive.every(graph, given, head, modes=FULL)
        yield ran, drive.saved(saver, THREAD)
        yield drive.every(graph, Command(resume="2"), drive.state(graph, THREAD).config, modes=FULL)
        yield drive.history(graph, THREAD)


@covers("TTR-01", "TTR-02", "HIL-13")
def parallel_tasks_replayed(lg, drive):
    """A replay of a step runs all of its tasks, also those that were finished; answers by id are for the new tasks."""
    Command = lg.types.Command
    ran = []
    saver = drive.saver()
    builder = fan(
        lg,
        Log,
        ("a", counted(drive, ran, "a", turn=0)),
        ("p", asker(lg, drive, "p", turn=1)),
        ("q", asker(lg, drive, "q", turn=2)),
    )
    builder.add_node("join", speaker(drive, "join")).add_edge(["a", "p", "q"], "join")
    graph = builder.compile(checkpointer=saver)
    asked = ids_of(drive.invoke(graph, {"log": ["in"]}, THREAD))
    drive.invoke(graph, Command(resume={asked["p"]: "P", asked["q"]: "Q"}), THREAD)
    old = before(drive.history(graph, THREAD), "a", "p", "q")
    ran.clear()
    yield drive.every(graph, None, old.config, modes=FULL)
    yield ran, drive.state(graph, THREAD)
    yield drive.every(graph, Command(resume={asked["p"]: "old id"}), THREAD, modes=FULL)
    now = ids_of(drive.state(graph, THREAD))
    yield drive.every(graph, Command(resume={now["p"]: "P2"}), THREAD, modes=FULL)
    yield drive.every(graph, Command(resume={asked["p"]: "P3", asked["q"]: "Q3"}), old.config, modes=FULL)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("TTR-04", "TTR-05", "SAP-13", "TTR-01")
def forks_by_update(lg, drive):
    """A run from the config an update returned goes on there, without another fork."""
    saver = drive.saver()
    graph = chain(lg, Mixed, *saying(drive, "a", "b", "c")).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    old = before(drive.history(graph, THREAD), "b")
    one = drive.update(graph, old.config, {"word": "one"})
    two = drive.update(graph, old.config, {"word": "two"}, as_node="b")
    copy = drive.update(graph, old.config, None, as_node="__copy__")
    yield one, two, copy
    for config in (one, two, copy, THREAD):
        yield drive.state(graph, config)
        yield drive.every(graph, None, config, modes=FULL)
        yield drive.state(graph, THREAD)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("TTR-01", "HIL-11")
def replays_with_breakpoints(lg, drive):
    """A replay starts past a breakpoint, and stops at the next."""
    graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(
        checkpointer=drive.saver(), interrupt_before=["b"], interrupt_after=["c"]
    )
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    drive.invoke(graph, None, THREAD)
    for old in list(drive.history(graph, THREAD)):
        yield old.next, drive.every(graph, None, old.config, modes=FULL)
        yield drive.state(graph, THREAD)
        yield drive.invoke(graph, None, THREAD)
    yield brief(drive.history(graph, THREAD))


@covers("TTR-01", "ENG-05", "SAP-07")
def failed_steps_replayed(lg, drive):
    """A failed step is run again as a fork, finished siblings too; the failure stays with the old checkpoint."""
    ran = []
    saver = drive.saver()
    builder = fan(lg, Log, ("a", counted(drive, ran, "a", turn=0)), ("bad", failing(drive, "bad", turn=1)))
    graph = builder.compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    head = drive.state(graph, THREAD)
    yield drive.every(graph, None, head.config, modes=FULL)
    yield ran, drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("TTR-01", "TTR-02", "HIL-08", "ENG-07")
def commands_at_old_checkpoints(lg, drive):
    """Updates and gotos at an old checkpoint make a branch too."""
    Command = lg.types.Command
    saver = drive.saver()
    graph = chain(lg, Mixed, *ordered(drive, "a", "b", "c")).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    for old in list(drive.history(graph, THREAD)):
        for given in (
            Command(update={"log": ["u"]}),
            Command(goto="c"),
            Command(resume="x", goto="c") if not old.next else Command(resume="x"),
            Command(update={"word": "w"}, goto="b"),
        ):
            yield old.next, drive.every(graph, given, old.config, modes=FULL)
    yield drive.history(graph, THREAD)


@covers("TTR-01", "GRA-31", "GRA-24", "GRA-41")
def sends_and_joins_replayed(lg, drive):
    """A replay has the Sends and half joins of its checkpoint."""
    Send = lg.types.Send
    builder = chain(lg, Log, ("s", speaker(drive, "s")))
    builder.add_node("w", drive.node(lambda s: {"log": [s["i"]]}, turn=0)).add_node(
        "b", speaker(drive, "b", turn=1)
    )
    builder.add_node("late", speaker(drive, "late"), defer=True)
    builder.add_node("join", speaker(drive, "join")).add_edge(["s", "b"], "join").add_edge("s", "late")
    builder.add_conditional_edges("s", lambda s: [Send("w", {"i": 1}), Send("w", {"i": 0}), "b"])
    graph = builder.compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": []}, THREAD, durability="sync")
    for old in list(drive.history(graph, THREAD)):
        yield old.next, drive.every(graph, None, old.config, modes=FULL, durability="sync")
    yield brief(drive.history(graph, THREAD))


@covers("TTR-01", "SAP-05")
def checkpoints_that_are_not_there(lg, drive):
    """A checkpoint id that is not there: with input a new thread under that parent, without it an error."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    for given in (None, {"log": ["new"]}, lg.types.Command(update={"log": ["u"]})):
        yield drive.every(
            graph, given, thread("1", checkpoint_id="1ef00000-0000-6000-8000-000000000000"), modes=FULL
        )
    yield drive.update(
        graph, thread("1", checkpoint_id="1ef00000-0000-6000-8000-000000000000"), {"log": ["u"]}
    )
    yield brief(drive.history(graph, THREAD))
    yield [(each.config, each.parent_config) for each in drive.saved(saver)]
