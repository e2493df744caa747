"""interrupt_before and interrupt_after: where a run stops, what is seen, and how it goes on."""

from parity.registry import covers

from .states import Log, Mixed, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, brief, failing, ordered, waits


@covers("HIL-11", "STR-16", "ENG-02", "ENG-03", "STR-29")
def before_and_after(lg, drive):
    """A run stops before or after the step a node takes part in, and goes on with None."""
    for before, after in (
        (["b"], None),
        (None, ["b"]),
        (["b"], ["b"]),
        (["a", "c"], ["b"]),
        ("*", None),
        (None, "*"),
        ("*", "*"),
    ):
        saver = drive.saver()
        graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(
            checkpointer=saver, interrupt_before=before, interrupt_after=after
        )
        given = {"log": ["in"]}
        for _ in range(8):
            yield before, after, drive.every(graph, given, THREAD, modes=(*FULL, "debug"))
            state = drive.state(graph, THREAD)
            yield state
            given = None
            if not state.next:
                break
        yield drive.saved(saver, THREAD)


@covers("HIL-11", "RUN-03")
def at_the_call(lg, drive):
    """A call's breakpoints replace those of the graph, unless they are none; names that are no node stop nowhere."""
    for at_compile in (None, ["b"], "*"):
        for at_call in (None, [], ["c"], "*", ["zz"], ["__start__"]):
            graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(
                checkpointer=drive.saver(), interrupt_before=at_compile
            )
            yield at_compile, at_call, drive.invoke(graph, {"log": []}, THREAD, interrupt_before=at_call)
            yield drive.state(graph, THREAD).next
            yield drive.stream(graph, None, THREAD, interrupt_after=at_call)
            yield drive.state(graph, THREAD).next


@covers("HIL-11", "HIL-12")
def without_a_saver(lg, drive):
    """Without a saver a breakpoint ends the run."""
    graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile()
    for stops in ({"interrupt_before": ["b"]}, {"interrupt_after": ["b"]}, {"interrupt_before": "*"}):
        yield drive.every(graph, {"log": []}, **stops)
        yield drive.invoke(graph, {"log": []}, THREAD, **stops)


@covers("HIL-11", "ENG-08")
def steps_that_change_nothing(lg, drive):
    """A breakpoint stops a run only if something changed since the last stop."""
    for durability in ("sync", "exit"):
        for stops in ({"interrupt_before": "*"}, {"interrupt_after": "*"}):
            saver = drive.saver()
            quiet = [(name, drive.node(lambda s: None)) for name in "abc"]
            graph = chain(lg, Log, *quiet).compile(checkpointer=saver)
            for given in ({"log": []}, None, None, None, None):
                yield drive.every(graph, given, THREAD, modes=FULL, durability=durability, **stops)
                yield drive.state(graph, THREAD).next, len(drive.saved(saver))


@covers("HIL-11", "GRA-24", "GRA-41", "GRA-31")
def steps_of_several_tasks(lg, drive):
    """One node with a breakpoint stops the whole step; joins, deferred nodes and Sends are stopped at like others."""
    Send = lg.types.Send
    for stops in (
        {"interrupt_before": ["b"]},
        {"interrupt_after": ["b"]},
        {"interrupt_before": ["join"]},
        {"interrupt_before": ["late"], "interrupt_after": ["w"]},
        {"interrupt_before": ["w"]},
    ):
        builder = fan(lg, Log, *ordered(drive, "a", "b"))
        builder.add_node("join", speaker(drive, "join", turn=3))
        builder.add_node("late", speaker(drive, "late"), defer=True)
        builder.add_node("w", drive.node(lambda s: {"log": [s]}, turn=4))
        builder.add_edge(["a", "b"], "join").add_edge("a", "late")
        builder.add_conditional_edges("join", lambda s: [Send("w", 1), Send("w", 2)])
        saver = drive.saver()
        graph = builder.compile(checkpointer=saver, **stops)
        for given in ({"log": ["in"]}, None, None):
            yield drive.every(graph, given, THREAD, modes=FULL)
            yield drive.state(graph, THREAD)
        yield drive.saved(saver, THREAD)


@covers("HIL-07", "HIL-08", "HIL-11", "ENG-07")
def commands_at_a_breakpoint(lg, drive):
    """A resume value passes a breakpoint; an update is applied and passes it; a goto runs beside what is pending."""
    Command = lg.types.Command
    for stops in ({"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}):
        for given in (
            Command(resume="x"),
            Command(resume={}),
            Command(update={"log": ["u"]}),
            Command(update={"log": ["u"]}, resume="x"),
            Command(goto="c"),
            Command(goto="b"),
            Command(goto=[lg.types.Send("c", {"log": []})], update={"word": "w"}),
        ):
            saver = drive.saver()
            graph = chain(lg, Mixed, *ordered(drive, "a", "b", "c")).compile(checkpointer=saver, **stops)
            drive.invoke(graph, {"log": ["in"]}, THREAD)
            yield drive.every(graph, given, THREAD, modes=FULL)
            yield drive.state(graph, THREAD)
            yield drive.invoke(graph, None, THREAD)
            yield drive.saved(saver, THREAD)


@covers("HIL-11", "HIL-05", "HIL-07")
def questions_at_breakpoints(lg, drive):
    """A node may have a breakpoint and ask; an answer given at the breakpoint is for the first question asked."""
    for stops in (
        {"interrupt_before": ["q"]},
        {"interrupt_after": ["q"]},
        {"interrupt_before": "*", "interrupt_after": "*"},
    ):
        for first in (None, lg.types.Command(resume="early")):
            saver = drive.saver()
            graph = chain(
                lg, Log, ("a", speaker(drive, "a")), ("q", asker(lg, drive, "q", "1", "2"))
            ).compile(checkpointer=saver, **stops)
            given = {"log": ["in"]}
            for _ in range(3):
                yield drive.every(graph, given, THREAD, modes=FULL)
                yield drive.state(graph, THREAD)
                given = first
            if waits(drive, graph):
                yield drive.every(graph, lg.types.Command(resume="late"), THREAD, modes=FULL)
            yield drive.saved(saver, THREAD)


@covers("HIL-11")
def loops(lg, drive):
    """In a loop a breakpoint stops every time round."""
    builder = chain(lg, Log, *saying(drive, "a", "b"))
    builder.add_conditional_edges("b", lambda s: "a" if len(s["log"]) < 6 else "__end__")
    graph = builder.compile(checkpointer=drive.saver(), interrupt_before=["a"], interrupt_after=["a"])
    given = {"log": []}
    for _ in range(8):
        yield drive.every(graph, given, THREAD)
        given = None
    yield brief(drive.history(graph, THREAD))


@covers("HIL-11", "ENG-05", "ENG-08")
def failures_at_breakpoints(lg, drive):
    """A step that failed after its breakpoint is tried again without stopping, unless something changed."""
    for stops in ({"interrupt_before": ["bad"]}, {"interrupt_after": ["bad"]}):
        saver = drive.saver()
        graph = chain(
            lg, Log, ("a", speaker(drive, "a")), ("bad", failing(drive, "bad")), ("b", speaker(drive, "b"))
        )
        built = graph.compile(checkpointer=saver, **stops)
        for given in ({"log": ["in"]}, None, None, None):
            yield drive.every(built, given, THREAD, modes=FULL)
            yield drive.state(built, THREAD)
        yield drive.saved(saver, THREAD)


@covers("HIL-11", "SUB-07", "HIL-14")
def breakpoints_in_nested_graphs(lg, drive):
    """A nested graph's breakpoints stop the whole run; its state can be read; None goes on."""
    none = {}
    for inside, outside in (
        ({"interrupt_before": ["y"]}, none),
        ({"interrupt_after": ["x"]}, none),
        ({"interrupt_before": "*"}, none),
        (none, {"interrupt_before": ["inner"]}),
        (none, {"interrupt_after": ["inner"]}),
        ({"interrupt_after": "*"}, {"interrupt_before": "*"}),
    ):
        saver = drive.saver()
        inner = chain(lg, Log, *saying(drive, "x", "y")).compile(**inside)
        graph = chain(lg, Log, ("a", speaker(drive, "a")), ("inner", inner)).compile(
            checkpointer=saver, **outside
        )
        given = {"log": ["in"]}
        for _ in range(4):
            yield drive.every(graph, given, THREAD, modes=FULL)
            yield drive.state(graph, THREAD, subgraphs=True)
            given = None
        yield drive.saved(saver)
