"""When things are saved: sync, async, exit."""

from parity.registry import covers

from .states import Log, chain, saying, speaker
from .threads import FULL, THREAD, asker, brief, failing, waits

DURABILITIES = ("sync", "async", "exit")


@covers("CKP-20", "STR-26")
def runs_that_end_well(lg, drive):
    """sync and async save every step; exit saves the last one only, whose parent is where the run started."""
    for durability in DURABILITIES:
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver)
        for given in ("1", "2"):
            yield drive.every(graph, {"log": [given]}, THREAD, modes=FULL, durability=durability)
        yield drive.saved(saver, THREAD)
        yield drive.history(graph, THREAD)


@covers("CKP-20", "CKP-21", "HIL-01", "HIL-05")
def interrupted_runs(lg, drive):
    """An interrupt is an end: exit saves the step and its writes then, and the run is resumed from there."""
    for durability in DURABILITIES:
        saver = drive.saver()
        builder = chain(lg, Log, ("a", speaker(drive, "a")))
        builder.add_node("b", speaker(drive, "b", turn=0))
        builder.add_node("q", asker(lg, drive, "q", "one?", "two?", turn=1))
        builder.add_edge("a", "b").add_edge("a", "q")
        graph = builder.compile(checkpointer=saver)
        for given in ({"log": ["in"]}, lg.types.Command(resume="1"), lg.types.Command(resume="2")):
            yield drive.every(graph, given, THREAD, modes=FULL, durability=durability)
            yield drive.saved(saver, THREAD)
            yield drive.state(graph, THREAD)


@covers("CKP-20", "CKP-21")
def failed_runs(lg, drive):
    """A failure is an end too: the step it failed in and the writes of the others are saved, and tried again."""
    for durability in DURABILITIES:
        saver = drive.saver()
        builder = chain(lg, Log, ("a", speaker(drive, "a")))
        builder.add_node("b", speaker(drive, "b", turn=0))
        builder.add_node("bad", failing(drive, "bad", turn=1))
        builder.add_edge("a", "b").add_edge("a", "bad")
        graph = builder.compile(checkpointer=saver)
        for given in ({"log": ["in"]}, None):
            yield drive.every(graph, given, THREAD, modes=FULL, durability=durability)
            yield drive.saved(saver, THREAD)
            yield drive.state(graph, THREAD)


@covers("CKP-20", "CKP-21", "HIL-11")
def stopped_runs(lg, drive):
    """Breakpoints and the recursion limit are ends as well."""
    for durability in DURABILITIES:
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(
            checkpointer=saver, interrupt_before=["b"], interrupt_after=["b"]
        )
        for given in ({"log": ["in"]}, None, None):
            yield drive.every(graph, given, THREAD, modes=FULL, durability=durability)
        yield drive.saved(saver, THREAD)
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=saver)
        for given in ({"log": ["in"]}, None, None, None):
            yield drive.every(
                graph, given, THREAD | {"recursion_limit": 2}, modes=FULL, durability=durability
            )
        yield drive.saved(saver, THREAD)


@covers("CKP-21", "SUB-03", "SUB-07")
def nested_graphs(lg, drive):
    """A nested graph has the durability of the run; on exit it saves what is needed to go on, or its memory."""
    for durability in DURABILITIES:
        for own in (None, True) if durability == "sync" else (None, True, False):
            for last in (speaker(drive, "y"), asker(lg, drive, "y"), failing(drive, "y")):
                saver = drive.saver()
                inner = chain(lg, Log, ("x", speaker(drive, "x")), ("y", last)).compile(checkpointer=own)
                graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=saver)
                yield drive.invoke(graph, {"log": ["in"]}, THREAD, durability=durability)
                yield drive.saved(saver, THREAD)
                if waits(drive, graph):
                    yield drive.invoke(graph, lg.types.Command(resume="yes"), THREAD, durability=durability)
                yield brief(drive.history(graph, THREAD))
                yield drive.saved(saver)


@covers("CKP-20")
def saved_before_the_next_step(lg, drive):
    """With sync the checkpoint of a step is there when the next one begins; with exit nothing is, until the end."""
    for durability in ("sync", "exit"):
        saver = drive.saver()
        seen = []

        def look(state, saver=saver, seen=seen):
            seen.append([each.metadata["step"] for each in saver.list(THREAD)])
            return {"log": [len(seen)]}

        nodes = [(name, drive.node(look)) for name in "abc"]
        graph = chain(lg, Log, *nodes).compile(checkpointer=saver)
        yield drive.invoke(graph, {"log": []}, THREAD, durability=durability)
        yield durability, seen
        yield drive.invoke(graph, {"log": []}, THREAD, durability=durability)
        yield durability, seen


@covers("CKP-20", "CKP-22")
def words_for_it(lg, drive):
    """Unknown words do as they did; the old argument means async or exit, and does not go with the new one."""
    for word in ("zz", None, True, "EXIT"):
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
        yield word, drive.invoke(graph, {"log": []}, THREAD, durability=word)
        yield [each.metadata["step"] for each in drive.saved(saver)]
    for old in (True, False, None):
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
        with drive.heard() as heard:
            yield old, drive.invoke(graph, {"log": []}, THREAD, checkpoint_during=old)
            yield drive.stream(graph, {"log": []}, THREAD, checkpoint_during=old)
        yield [line[0] for line in heard]
        yield [each.metadata["step"] for each in drive.saved(saver)]
        yield drive.invoke(graph, {"log": []}, THREAD, checkpoint_during=old, durability="sync")


@covers("CKP-20", "CKP-21", "TTR-03", "TTR-04")
def forks_saved_on_exit(lg, drive):
    """A run that starts at an old checkpoint and saves on exit has that checkpoint as its parent, or the fork of it."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=saver)
    yield drive.invoke(graph, {"log": ["in"]}, THREAD, durability="sync")
    for old in list(drive.history(graph, THREAD)):
        yield old.next, drive.invoke(graph, None, old.config, durability="exit")
        yield drive.invoke(graph, {"log": ["new"]}, old.config, durability="exit")
    yield drive.saved(saver, THREAD)


@covers("CKP-20", "ENG-30")
def closing_early(lg, drive):
    """A consumer that leaves ends the run; what was finished is saved, unless it was to be saved on exit."""
    for durability in ("sync", "async"):
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=saver)
        yield drive.stream(graph, {"log": []}, THREAD, stream_mode="updates", stop=2, durability=durability)
        yield drive.state(graph, THREAD)
        yield drive.invoke(graph, None, THREAD)


@covers("CKP-23")
def sync_without_a_saver(lg, drive):
    """Where nothing is saved, durability says nothing, `sync` neither."""
    graph = chain(lg, Log, *saying(drive, "a", "b"))
    yield drive.invoke(graph.compile(), {"log": []}, durability="sync")
    inner = graph.compile(checkpointer=False)
    outer = chain(lg, Log, ("inner", inner)).compile(checkpointer=drive.saver())
    yield drive.invoke(outer, {"log": []}, THREAD, durability="sync")
