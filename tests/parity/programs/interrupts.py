"""Nodes that ask: what is seen of it, and what each kind of answer does."""

from pydantic import BaseModel

from parity.normalise import Raised
from parity.registry import covers

from .states import Log, Mixed, chain, fan, speaker
from .threads import FULL, THREAD, asker, counted, ids_of, thread


@covers("HIL-01", "HIL-02", "HIL-16", "STR-16", "STR-09", "RUN-04")
def one_question(lg, drive):
    """The run stops, says what is asked, and goes on with the answer: the node runs again from its start."""
    ran = []

    @drive.node
    def ask(state, writer):
        ran.append("asked")
        writer("asking")
        answer = lg.types.interrupt({"question": "why?", "log": state["log"]})
        ran.append("answered")
        return {"log": [answer]}

    saver = drive.saver()
    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("ask", ask), ("b", speaker(drive, "b"))).compile(
        checkpointer=saver
    )
    yield drive.every(graph, {"log": ["in"]}, THREAD, modes=(*FULL, "debug"))
    yield drive.state(graph, THREAD)
    yield drive.saved(saver, THREAD)
    yield drive.every(graph, lg.types.Command(resume="because"), THREAD, modes=(*FULL, "debug"))
    yield drive.saved(saver, THREAD)
    yield drive.history(graph, THREAD)
    yield ran
    state = drive.state(graph, thread("2"))
    yield drive.invoke(graph, {"log": []}, thread("2")), state.values
    yield drive.invoke(graph, lg.types.Command(resume=["a", "list"]), thread("2"))


@covers("HIL-03", "HIL-02", "SAP-19", "HIL-16")
def several_questions_in_one_task(lg, drive):
    """Each answer goes to the next question; answers are kept; only one question is open, with an id of its own."""
    saver = drive.saver()
    graph = chain(lg, Log, ("q", asker(lg, drive, "q", "one", "two", "three"))).compile(checkpointer=saver)
    answer = drive.invoke(graph, {"log": []}, THREAD)
    for value in ("1", "2", "3"):
        yield answer, drive.state(graph, THREAD)
        answer = drive.every(graph, lg.types.Command(resume=value), THREAD, modes=FULL)
        yield drive.saved(saver, THREAD)
    yield answer
    yield drive.history(graph, THREAD)


@covers("HIL-05", "HIL-09")
def an_answer_is_for_one_question(lg, drive):
    """An answer is taken once: going on without one, the next question is asked again."""
    graph = chain(lg, Log, ("q", asker(lg, drive, "q", "one", "two"))).compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": []}, THREAD)
    yield drive.invoke(graph, lg.types.Command(resume="1"), THREAD)
    yield drive.invoke(graph, None, THREAD)
    yield drive.invoke(graph, lg.types.Command(resume="2"), THREAD)


@covers("HIL-03", "HIL-05")
def several_questions_answered_by_id(lg, drive):
    """An id map answers the open question of a task; the ids of answered questions no longer count."""
    graph = chain(lg, Log, ("q", asker(lg, drive, "q", "one", "two"))).compile(checkpointer=drive.saver())
    first = ids_of(drive.invoke(graph, {"log": []}, THREAD))
    yield first
    second = drive.invoke(graph, lg.types.Command(resume={first["one"]: "1"}), THREAD)
    yield second
    yield drive.invoke(graph, lg.types.Command(resume={first["one"]: "once more"}), THREAD)
    yield drive.state(graph, THREAD)
    now = ids_of(drive.state(graph, THREAD))
    if now:
        yield drive.invoke(graph, lg.types.Command(resume=dict.fromkeys(now.values(), "2")), THREAD)
    yield drive.state(graph, THREAD)


def three_tasks(lg, drive, ran):
    """Return a builder: two nodes ask and one writes, all at once; then they join."""
    builder = fan(
        lg,
        Log,
        ("h1", asker(lg, drive, "h1", "q1", turn=1)),
        ("h2", asker(lg, drive, "h2", "q2", turn=0)),
        ("ok", counted(drive, ran, "ok", turn=2)),
    )
    builder.add_node("join", speaker(drive, "join"))
    return builder.add_edge(["h1", "h2", "ok"], "join")


@covers("HIL-05", "HIL-13", "STR-23", "STR-17", "SAP-02", "SAP-03")
def several_tasks_ask(lg, drive):
    """An id map answers each task; one that has ended is not run again, and its update is shown as cached."""
    ran = []
    saver = drive.saver()
    graph = three_tasks(lg, drive, ran).compile(checkpointer=saver)
    asked = ids_of(drive.invoke(graph, {"log": []}, THREAD))
    yield asked
    yield drive.state(graph, THREAD)
    yield drive.saved(saver, THREAD)
    both = lg.types.Command(resume={asked["q1"]: "A", asked["q2"]: "B"})
    yield drive.every(graph, both, THREAD, modes=(*FULL, "debug"))
    yield ran, drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("HIL-05", "HIL-13", "SAP-19")
def one_answer_after_the_other(lg, drive):
    """A map with some of the ids answers those; the other tasks ask again, the answered ones do not run again."""
    for first, second in (("q1", "q2"), ("q2", "q1")):
        saver = drive.saver()
        graph = three_tasks(lg, drive, []).compile(checkpointer=saver)
        asked = ids_of(drive.invoke(graph, {"log": []}, THREAD))
        yield drive.every(graph, lg.types.Command(resume={asked[first]: "A"}), THREAD, modes=FULL)
        yield drive.state(graph, THREAD)
        yield drive.saved(saver, THREAD)
        yield drive.every(graph, lg.types.Command(resume="the rest"), THREAD, modes=FULL)
        yield drive.state(graph, THREAD)
        if drive.state(graph, THREAD).next:
            yield drive.every(graph, lg.types.Command(resume={asked[second]: "B"}), THREAD, modes=FULL)
        yield drive.history(graph, THREAD)


@covers("HIL-05", "HIL-06", "HIL-18")
def answers_nobody_can_place(lg, drive):
    """One value for several questions, unknown ids, an empty map, None: what each does to a thread that waits."""
    Command = lg.types.Command
    unknown = "0123456789abcdef0123456789abcdef"
    for number, given in enumerate(
        (
            Command(resume="one for two"),
            Command(resume={}),
            Command(resume={unknown: 1}),
            Command(resume={"not an id": 1}),
            Command(resume={unknown: 1, "not an id": 2}),
            Command(resume=None, update={"log": ["u"]}),
            Command(resume=["a", "b"]),
            None,
        )
    ):
        graph = three_tasks(lg, drive, []).compile(checkpointer=drive.saver())
        drive.invoke(graph, {"log": []}, THREAD)
        yield number, drive.every(graph, given, THREAD, modes=FULL)
        yield drive.state(graph, THREAD)


@covers("HIL-06", "HIL-05")
def odd_answers_for_one_question(lg, drive):
    """Any value but None answers a question, false ones too; a dict may be one, but an empty one is an empty map."""
    Command = lg.types.Command
    unknown = "0123456789abcdef0123456789abcdef"
    for value in (
        0,
        False,
        "",
        [],
        {},
        {"k": "v"},
        {unknown: 1},
        {unknown: 1, "k": 2},
        (1, 2),
        Command(goto="x"),
    ):
        graph = chain(lg, Log, ("q", asker(lg, drive, "q"))).compile(checkpointer=drive.saver())
        drive.invoke(graph, {"log": []}, THREAD)
        yield drive.every(graph, Command(resume=value), THREAD, modes=FULL)
        yield drive.state(graph, THREAD)


@covers("HIL-09", "HIL-13", "ENG-08")
def going_on_without_an_answer(lg, drive):
    """None runs the tasks that ask again; they ask again; what has ended is restored each time."""
    ran = []
    saver = drive.saver()
    graph = three_tasks(lg, drive, ran).compile(checkpointer=saver)
    yield drive.invoke(graph, {"log": []}, THREAD)
    for _ in range(2):
        yield drive.every(graph, None, THREAD, modes=FULL)
    yield ran, drive.state(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("HIL-08", "ENG-07", "GRA-40")
def answers_with_updates_and_gotos(lg, drive):
    """An update is applied before the node runs again; a goto starts nodes beside it; both go with an answer."""
    Command, Send = lg.types.Command, lg.types.Send
    for given in (
        Command(resume="yes", update={"log": ["u"], "word": "w"}),
        Command(resume="yes", goto="other"),
        Command(resume="yes", goto=["other", Send("other", {"log": ["sent"]})], update={"log": ["u"]}),
        Command(update={"log": ["u"]}),
        Command(goto="other"),
        Command(goto="q"),
        Command(resume="yes", goto="q"),
        Command(resume="yes", goto="__end__"),
        Command(update={"log": lg.types.Overwrite(["over"])}, resume="yes"),
    ):
        saver = drive.saver()
        builder = chain(lg, Mixed, ("q", asker(lg, drive, "q", turn=0)), ("b", speaker(drive, "b", turn=1)))
        builder.add_node("other", speaker(drive, "other", turn=2))
        graph = builder.compile(checkpointer=saver)
        drive.invoke(graph, {"log": ["in"]}, THREAD)
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield drive.saved(saver, THREAD)
        yield drive.history(graph, THREAD)


@covers("HIL-13", "GRA-31", "HIL-05", "STR-31")
def sends_that_ask(lg, drive):
    """Each sent task has its own question; those that are answered write in the order of the Sends."""
    Send = lg.types.Send
    builder = chain(lg, Log, ("s", speaker(drive, "s")))

    @drive.node(turn=0)
    def w(packet):
        if packet["i"] == 1:
            return {"log": ["no question"]}
        return {"log": [f"{packet['i']}: " + lg.types.interrupt(packet["i"])]}

    builder.add_node("w", w)
    builder.add_conditional_edges("s", lambda s: [Send("w", {"i": i}) for i in range(4)])
    saver = drive.saver()
    graph = builder.compile(checkpointer=saver)
    asked = ids_of(drive.invoke(graph, {"log": []}, THREAD))
    yield drive.state(graph, THREAD)
    yield drive.every(graph, lg.types.Command(resume={asked[3]: "c", asked[0]: "a"}), THREAD, modes=FULL)
    yield drive.state(graph, THREAD)
    yield drive.every(graph, lg.types.Command(resume="b"), THREAD, modes=FULL)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver, THREAD)


@covers("HIL-04", "HIL-12", "HIL-02")
def without_a_saver(lg, drive):
    """Without a saver the run stops and says what is asked; the id follows from what is run."""
    builder = fan(lg, Log, ("q", asker(lg, drive, "q", turn=0)), ("b", speaker(drive, "b", turn=1)))
    builder.add_node("after", speaker(drive, "after")).add_edge(["q", "b"], "after")
    graph = builder.compile()
    yield drive.every(graph, {"log": []})
    yield drive.invoke(graph, {"log": []})
    yield drive.invoke(graph, lg.types.Command(resume="yes"))
    yield drive.invoke(graph, lg.types.Command(resume="yes"), THREAD)
    yield drive.invoke(graph, lg.types.Command(goto="after"), THREAD)
    yield drive.invoke(graph, lg.types.Command(update={"log": ["u"]}), THREAD)


@covers("HIL-18", "STR-21", "HIL-02")
def schemas_of_answers(lg, drive):
    """A question may say what its answer should look like; an answer of another shape is taken all the same."""

    @drive.node
    def ask(state):
        return {"log": [lg.types.interrupt("how many?", response_schema={"type": "integer"})]}

    graph = chain(lg, Log, ("ask", ask)).compile(checkpointer=drive.saver())
    for chunk in drive.every(graph, {"log": []}, THREAD, modes=(*FULL, "debug")):
        yield chunk
        yield [each.response_schema for each in interrupts_in(chunk)]
    state = drive.state(graph, THREAD)
    yield state, [each.response_schema for each in state.interrupts]
    yield drive.invoke(graph, lg.types.Command(resume="a text"), THREAD)


class Amount(BaseModel):
    """What an answer may be."""

    n: int


@covers("HIL-18", "HIL-01")
def classes_of_answers(lg, drive):
    """Where a class is expected the answer is made an instance of it, or refused and asked for again."""
    for kind, answers in (
        (int, ("x", "3")),
        (Amount, ({"n": "z"}, {"n": "4"})),
        (list[int], ("x", [1, "2"])),
    ):

        @drive.node
        def ask(state, kind=kind):
            answer = lg.types.interrupt("how many?", response_schema=kind)
            return {"log": [answer, lg.types.interrupt("sure?")]}

        graph = chain(lg, Log, ("ask", ask)).compile(checkpointer=drive.saver())
        for chunk in drive.every(graph, {"log": []}, THREAD, modes=FULL):
            yield chunk
            yield [each.response_schema for each in interrupts_in(chunk)]
        for answer in answers:
            result = drive.invoke(graph, lg.types.Command(resume=answer), THREAD)
            refused = isinstance(result, Raised) and lg.errors.is_invalid_resume(result.error)
            yield answer, refused, result if isinstance(result, dict) else type(result.error).__name__
            yield drive.state(graph, THREAD).next
        yield drive.invoke(graph, lg.types.Command(resume="yes"), THREAD)


@covers("HIL-18", "HIL-05", "HIL-06", "TTR-02")
def strict_answers(lg, drive):
    """Who asks to hear of answers that fit no open question does, before anything is written."""
    Command = lg.types.Command
    unknown = "0123456789abcdef0123456789abcdef"
    strict = thread(THREAD["configurable"]["thread_id"], __pregel_strict_resume=True)

    def attempt(graph, names, given, config=strict):
        result = drive.invoke(graph, given, config)
        if not isinstance(result, Raised) or not isinstance(result.error, lg.errors.UnknownInterruptError):
            return result
        error = result.error
        return error.reason, *(
            sorted(names.get(each, each) for each in ids) for ids in (error.interrupt_ids, error.pending_ids)
        )

    def begun():
        # Turns, so that questions are always asked in the same order.
        builder = fan(
            lg, Log, ("p", asker(lg, drive, "p", "p1", "p2", turn=0)), ("q", asker(lg, drive, "q", turn=1))
        )
        graph = builder.compile(checkpointer=drive.saver())
        asked = ids_of(drive.invoke(graph, {"log": []}, THREAD))
        return graph, asked, {each: name for name, each in asked.items()}

    graph, asked, names = begun()
    for given in (
        Command(resume={unknown: 1}),
        Command(resume={asked["p1"]: 1, unknown: 2}),
        Command(resume={}),
        Command(resume="one for two"),
        Command(resume={unknown: 1}, update={"log": ["u"]}, goto="q"),
    ):
        yield attempt(graph, names, given)
        yield drive.state(graph, THREAD)
    yield attempt(graph, names, Command(resume={asked["p1"]: "1"}))
    now = ids_of(drive.state(graph, THREAD))
    names.update({each: name for name, each in now.items()})
    yield attempt(graph, names, Command(resume={asked["p1"]: "1"}))
    yield attempt(graph, names, Command(resume={asked["q"]: "Q"}))
    yield attempt(graph, names, Command(resume="2"))
    yield attempt(graph, names, Command(resume={asked["q"]: "Q"}))
    for old in list(drive.history(graph, THREAD)):
        if old.next:
            config = thread(**old.config["configurable"], __pregel_strict_resume=True)
            yield old.next, drive.state(graph, THREAD)
            yield attempt(graph, names, Command(resume={unknown: 1}), config)
            break
    for flag in (False, None, 0):
        graph, asked, names = begun()
        yield attempt(graph, names, Command(resume={unknown: 1}), thread("1", __pregel_strict_resume=flag))


def interrupts_in(chunk):
    """Return the live interrupts of a chunk."""
    payload = chunk[-1]
    return payload.get("__interrupt__", ()) if isinstance(payload, dict) else ()


@covers("HIL-17")
def raised_by_hand(lg, drive):
    """NodeInterrupt, raised, is a question without an answer: the node runs again and may go on."""
    asks = [True]

    @drive.node(turn=0)
    def ask(state):
        if asks:
            raise lg.errors.NodeInterrupt("too long")
        return {"log": ["passed"]}

    graph = fan(lg, Log, ("ask", ask), ("b", speaker(drive, "b", turn=1))).compile(checkpointer=drive.saver())
    with drive.heard() as heard:
        yield drive.every(graph, {"log": []}, THREAD, modes=FULL)
    yield [line[0] for line in heard]
    yield drive.state(graph, THREAD)
    yield drive.every(graph, lg.types.Command(resume="yes"), THREAD, modes=FULL)
    asks.clear()
    yield drive.every(graph, None, THREAD, modes=FULL)
    yield drive.history(graph, THREAD)
