"""How the input of a saved run is taken: new input, None, a Command."""

from parity.registry import covers

from .states import Log, Mixed, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, brief, counted, failing, ordered, thread


@covers("ENG-06", "ENG-10", "STR-08", "TTR-06")
def none_as_input(lg, drive):
    """None goes on with what is saved; where nothing is, it is an error; where all is done, it does nothing."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(
        checkpointer=drive.saver(), interrupt_before=["b"]
    )
    yield drive.every(graph, None, THREAD, modes=FULL)
    yield drive.invoke(graph, None, THREAD)
    for given in ({"log": ["in"]}, None, None, None):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.invoke(graph, None, THREAD)
    yield drive.history(graph, THREAD)


@covers("ENG-06", "CKP-06")
def the_same_run_again(lg, drive):
    """Input with the run id of the saved checkpoint goes on with it, and is not applied."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(
        checkpointer=drive.saver(), interrupt_before=["b"]
    )
    config = THREAD | {"metadata": {"run_id": "one"}}
    yield drive.every(graph, {"log": ["in"]}, config, modes=FULL)
    yield drive.every(graph, {"log": ["again"]}, config, modes=FULL)
    yield drive.every(graph, {"log": ["after the end"]}, config, modes=FULL)
    yield drive.every(graph, {"log": ["other"]}, THREAD | {"metadata": {"run_id": "two"}}, modes=FULL)
    yield drive.history(graph, THREAD)
    yield drive.invoke(graph, {"log": ["first"]}, thread("2") | {"metadata": {"run_id": "one"}})


@covers("ENG-09", "HIL-10")
def new_input_while_tasks_are_pending(lg, drive):
    """New input drops what was pending, saved writes of finished tasks included; all begins again from START."""
    for other in (asker(lg, drive, "q", turn=1), failing(drive, "q", turn=1)):
        ran = []
        builder = fan(lg, Log, ("a", counted(drive, ran, "a", turn=0)), ("q", other))
        builder.add_node("after", speaker(drive, "after"))
        builder.add_edge("a", "after")
        saver = drive.saver()
        graph = builder.compile(checkpointer=saver)
        yield drive.every(graph, {"log": ["1"]}, THREAD, modes=FULL)
        yield drive.every(graph, {"log": ["2"]}, THREAD, modes=FULL)
        yield ran
        yield drive.saved(saver, THREAD)
        yield drive.history(graph, THREAD)


@covers("ENG-09", "HIL-10", "GRA-31")
def new_input_while_sends_are_pending(lg, drive):
    """Pending Sends are dropped by new input too; joins keep the half they have."""
    builder = chain(lg, Log, ("s", speaker(drive, "s")))
    builder.add_node("w", drive.node(lambda s: {"log": [lg.types.interrupt(s["i"])]}, turn=0))
    builder.add_node("a", speaker(drive, "a", turn=1))
    builder.add_node("join", speaker(drive, "join"))
    builder.add_edge(["s", "a"], "join")
    builder.add_conditional_edges("s", lambda s: [lg.types.Send("w", {"i": i}) for i in range(len(s["log"]))])
    builder.add_conditional_edges("w", lambda s: "a")
    graph = builder.compile(checkpointer=drive.saver())
    for given in ({"log": ["1"]}, {"log": ["2"]}):
        yield drive.every(graph, given, thread("x"), modes=FULL)
        yield drive.state(graph, thread("x"))
    yield drive.history(graph, thread("x"))


@covers("ENG-09", "HIL-10", "HIL-11")
def new_input_at_a_breakpoint(lg, drive):
    """New input at a breakpoint starts anew as well, and stops at the breakpoint again."""
    graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(
        checkpointer=drive.saver(), interrupt_before=["b"]
    )
    for given in ({"log": ["1"]}, {"log": ["2"], "word": "w"}, {}, {"zz": 1}, None):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.history(graph, THREAD)


@covers("ENG-07", "ENG-08", "GRA-40", "HIL-08")
def commands_on_a_new_thread(lg, drive):
    """A Command with an update or goto runs on a thread where nothing is saved."""
    Command, Send = lg.types.Command, lg.types.Send
    for given in (
        Command(update={"log": ["u"]}),
        Command(goto="b"),
        Command(goto="b", update={"log": ["u"]}),
        Command(goto=["b", Send("a", {"log": ["sent"]})]),
        Command(goto="zz"),
        Command(goto=Send("zz", 1)),
        Command(goto="__end__"),
        Command(update=[("log", ["1"]), ("log", ["2"])], goto="b"),
        Command(update={"zz": 1}),
    ):
        graph = chain(lg, Log, *ordered(drive, "a", "b")).compile(checkpointer=drive.saver())
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield drive.history(graph, THREAD)


@covers("ENG-07", "HIL-08", "GRA-40")
def commands_that_are_refused(lg, drive):
    """An empty Command, one for a parent, and odd values of goto are errors; what was saved stays."""
    Command = lg.types.Command
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=drive.saver())
    yield drive.invoke(graph, {"log": ["in"]}, THREAD)
    for given in (
        Command(),
        Command(resume=None),
        Command(graph=Command.PARENT, update={"log": ["u"]}),
        Command(graph="other", goto="a"),
        Command(goto=1),
        Command(goto=[None]),
        Command(update=1),
    ):
        result = drive.invoke(graph, given, THREAD)
        yield type(result.error).__name__ if hasattr(result, "error") else result
        yield drive.state(graph, THREAD).values


@covers("ENG-07", "GRA-40", "HIL-08")
def commands_after_the_end(lg, drive):
    """On a finished thread a Command's update is applied and its goto runs; an update alone runs nothing."""
    Command, Send = lg.types.Command, lg.types.Send
    saver = drive.saver()
    graph = chain(lg, Mixed, *ordered(drive, "a", "b")).compile(checkpointer=saver)
    yield drive.invoke(graph, {"log": ["in"], "word": "w"}, THREAD)
    for given in (
        Command(update={"log": ["u"], "word": "v"}),
        Command(goto="b"),
        Command(goto=["a", Send("b", {"log": ["sent"]})], update={"total": 2}),
        Command(goto="__start__"),
    ):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("HIL-05", "ENG-07", "HIL-08")
def answers_nobody_asked_for(lg, drive):
    """An answer to a thread that is new or at its end is an error, unless there is more to do."""
    Command = lg.types.Command
    graph = chain(lg, Log, *ordered(drive, "a", "b")).compile(checkpointer=drive.saver())
    yield drive.invoke(graph, Command(resume="yes"), THREAD)
    yield drive.state(graph, THREAD).values
    drive.invoke(graph, {"log": ["in"]}, thread("2"))
    for given in (
        Command(resume="yes"),
        Command(resume={"k": "v"}),
        Command(resume={}),
        Command(resume="yes", goto="b"),
        Command(resume="yes", update={"log": ["u"]}),
    ):
        yield drive.invoke(graph, given, thread("2"))
        yield brief(drive.history(graph, thread("2")))


@covers("ENG-08", "STR-08", "ENG-02")
def values_when_a_run_goes_on(lg, drive):
    """A run that goes on shows the state first, whatever output keys ask for; other modes show nothing of it."""
    for modes in ("values", "updates", "tasks", "debug", "checkpoints", ["values"], ["updates", "values"]):
        for keys in (None, "word", ["log"]):
            graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(
                checkpointer=drive.saver(), interrupt_after=["a"]
            )
            drive.invoke(graph, {"log": ["in"]}, THREAD)
            yield drive.stream(graph, None, THREAD, stream_mode=modes, output_keys=keys)
            yield drive.stream(graph, None, THREAD, stream_mode=modes, output_keys=keys)


@covers("ENG-06", "RUN-14")
def steps_are_counted_from_where_a_run_goes_on(lg, drive):
    """The recursion limit counts the steps of one call, not those of the thread."""
    graph = chain(lg, Log, *saying(drive, "a", "b", "c", "d")).compile(checkpointer=drive.saver())
    config = THREAD | {"recursion_limit": 3}
    for given in ({"log": ["in"]}, None, None, None):
        yield drive.every(graph, given, config, modes=FULL)
        yield drive.state(graph, THREAD).next
