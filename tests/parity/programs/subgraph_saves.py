"""Saved runs of graphs inside graphs: namespaces, questions asked inside, states inside."""

from parity.registry import covers

from .states import Log, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, brief, counted, failing, ids_of, thread, waits


@covers("SUB-03", "CKP-05", "STR-27", "SAP-06")
def what_is_saved_of_a_nested_graph(lg, drive):
    """None saves under `node:task`, True under `node`, False nothing, a saver of its own is not used."""
    mine = drive.saver()
    for own in (None, True, False, mine):
        saver = drive.saver()
        inner = chain(lg, Log, *saying(drive, "x", "y")).compile(checkpointer=own)
        graph = chain(lg, Log, *saying(drive, "a"), ("inner", inner)).compile(checkpointer=saver)
        for given in ("1", "2"):
            yield drive.every(graph, {"log": [given]}, THREAD, modes=FULL)
            yield drive.state(graph, THREAD, subgraphs=True)
        yield drive.saved(saver)
        yield drive.saved(saver, THREAD), drive.saved(mine)
        yield drive.history(graph, THREAD)


@covers("HIL-14", "SUB-03", "SAP-06", "SAP-08")
def a_question_inside(lg, drive):
    """A question inside stops the whole run; the answer goes on inside, without the steps that are done."""
    ran = []
    saver = drive.saver()
    inner = chain(
        lg,
        Log,
        ("x", counted(drive, ran, "x")),
        ("q", asker(lg, drive, "q", "1", "2")),
        ("y", counted(drive, ran, "y")),
    ).compile()
    graph = chain(
        lg, Log, ("a", counted(drive, ran, "a")), ("inner", inner), ("b", speaker(drive, "b"))
    ).compile(checkpointer=saver)
    for given in ({"log": ["in"]}, None, lg.types.Command(resume="one"), lg.types.Command(resume="two")):
        yield drive.every(graph, given, THREAD, modes=(*FULL, "debug"))
        yield list(ran)
        for subgraphs in (False, True):
            state = drive.state(graph, THREAD, subgraphs=subgraphs)
            yield state
        if state.tasks:
            yield drive.state(graph, state.tasks[0].state.config)
            yield drive.history(graph, state.tasks[0].state.config)
    yield drive.saved(saver)


@covers("HIL-14", "HIL-05", "HIL-13", "SAP-06", "STR-31", sort_interrupts=True)
def questions_two_levels_deep(lg, drive):
    """Questions at several levels and in several tasks are all reported; a map answers each."""
    deep = fan(
        lg, Log, ("d1", asker(lg, drive, "d1", turn=0)), ("d2", speaker(drive, "d2", turn=1))
    ).compile()
    middle = fan(lg, Log, ("deep", deep), ("m", asker(lg, drive, "m", turn=2))).compile()
    builder = fan(
        lg,
        Log,
        ("middle", middle),
        ("q", asker(lg, drive, "q", turn=3)),
        ("ok", speaker(drive, "ok", turn=4)),
    )
    saver = drive.saver()
    graph = builder.compile(checkpointer=saver)
    asked = ids_of(drive.invoke(graph, {"log": ["in"]}, THREAD))
    yield sorted(asked.items())
    yield drive.state(graph, THREAD, subgraphs=True)
    yield drive.every(graph, lg.types.Command(resume={asked["d1"]: "D"}), THREAD, modes=FULL, woven=True)
    yield drive.state(graph, THREAD, subgraphs=True)
    yield drive.every(graph, lg.types.Command(resume={asked["m"]: "M", asked["q"]: "Q"}), THREAD, modes=FULL)
    yield drive.state(graph, THREAD, subgraphs=True)
    yield brief(drive.history(graph, THREAD))


@covers("HIL-14", "SUB-04", "SUB-01", "STR-02")
def questions_in_called_graphs(lg, drive):
    """A graph called in a node asks; the node begins anew; runs that had ended are not run again."""
    ran = []
    first = chain(lg, Log, ("x", counted(drive, ran, "x")), ("q", asker(lg, drive, "first"))).compile()
    second = chain(lg, Log, ("y", counted(drive, ran, "y")), ("q", asker(lg, drive, "second"))).compile()

    @drive.node
    async def caller(state):
        ran.append("caller")
        one = await drive.call(first, {"log": []})
        two = await drive.call(second, one)
        return {"log": [lg.types.interrupt("own"), *two["log"]]}

    saver = drive.saver()
    graph = chain(lg, Log, ("caller", caller)).compile(checkpointer=saver)
    for given in ({"log": ["in"]}, *(lg.types.Command(resume=value) for value in ("1", "2", "3"))):
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield list(ran), drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)


@covers("SUB-06", "SUB-10", "HIL-14", "ENG-05")
def failures_inside(lg, drive):
    """A nested graph that failed goes on where it failed, when the run is tried again."""
    ran = []
    saver = drive.saver()
    inner = chain(lg, Log, ("x", counted(drive, ran, "x")), ("bad", failing(drive, "bad"))).compile()
    graph = chain(lg, Log, ("a", counted(drive, ran, "a")), ("inner", inner)).compile(checkpointer=saver)
    for given in ({"log": ["in"]}, None):
        yield drive.every(graph, given, THREAD, modes=FULL)
        yield list(ran), drive.state(graph, THREAD, subgraphs=True)
    yield drive.saved(saver)


@covers("SUB-06", "REL-01")
def retried_nested_graphs(lg, drive):
    """A node policy that tries a nested graph again goes on where it failed, if it is saved."""
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ValueError, max_attempts=3)
    for saved in (True, False):
        ran = []
        inner = chain(
            lg, Log, ("x", counted(drive, ran, "x")), ("bad", failing(drive, "bad", times=2))
        ).compile()
        builder = lg.graph.StateGraph(Log)
        builder.add_node("inner", inner, retry_policy=policy).add_edge("__start__", "inner")
        graph = builder.compile(checkpointer=drive.saver() if saved else None)
        yield drive.every(graph, {"log": ["in"]}, THREAD, modes=FULL)
        yield ran


def calling(drive, graph, config):
    """Return a node that calls a graph with a config."""

    @drive.node
    async def caller(state):
        result = await drive.call(graph, {"log": ["called"]}, config)
        return {"log": result["log"]}

    return caller


@covers("SUB-09", "RUN-13")
def threads_of_their_own(lg, drive):
    """A graph called with a thread of its own is saved by its own saver, apart from the outer run."""
    own, saver = drive.saver(), drive.saver()
    for which in (own, None, True):
        inner = chain(lg, Log, *saying(drive, "x")).compile(checkpointer=which)
        caller = calling(drive, inner, thread("inner's"))
        graph = chain(lg, Log, ("caller", caller)).compile(checkpointer=saver)
        for given in ("1", "2"):
            yield drive.every(graph, {"log": [given]}, THREAD, modes=FULL)
        yield drive.saved(own), drive.saved(saver)


@covers("SUB-08")
def finding_nested_graphs(lg, drive):
    """get_subgraphs finds graphs that are nodes and graphs that a node's function refers to, by whole segments."""
    third = chain(lg, Log, *saying(drive, "z")).compile(checkpointer=drive.saver())
    second = chain(lg, Log, ("third", third)).compile(checkpointer=True)

    @drive.node
    async def caller(state):
        return await drive.call(second, {"log": []})

    graph = chain(lg, Log, ("first", second), ("caller", caller), ("firstly", third)).compile(
        checkpointer=drive.saver()
    )
    for namespace in (
        None,
        "first",
        "fir",
        "first|third",
        "caller",
        "caller|third",
        "third",
        "zz",
        "first:1|third:2",
    ):
        for recurse in (False, True):
            found = list(graph.get_subgraphs(namespace=namespace, recurse=recurse))
            yield (
                namespace,
                recurse,
                [(name, each.name, each is second, each is third) for name, each in found],
            )


@covers("SAP-18", "SAP-08", "SAP-13", "HIL-14")
def updates_of_a_nested_state(lg, drive):
    """update_state with a nested graph's config changes that graph's state; the run goes on with it."""
    for node in (None, "x", "q", "y"):
        saver = drive.saver()
        inner = chain(
            lg, Log, *saying(drive, "x"), ("q", asker(lg, drive, "q")), *saying(drive, "y")
        ).compile()
        graph = chain(lg, Log, ("inner", inner), *saying(drive, "b")).compile(checkpointer=saver)
        drive.invoke(graph, {"log": ["in"]}, THREAD)
        config = drive.state(graph, THREAD, subgraphs=True).tasks[0].state.config
        made = drive.update(graph, config, {"log": ["u"]}, as_node=node)
        yield node, made
        yield drive.state(graph, config), drive.state(graph, THREAD, subgraphs=True)
        yield drive.every(graph, lg.types.Command(resume="yes"), THREAD, modes=FULL)
        yield drive.saved(saver)


@covers("TTR-08", "TTR-01", "SAP-08")
def replays_of_nested_graphs(lg, drive):
    """A replay of the outer graph runs the nested one from its input; one of a nested checkpoint goes on inside."""
    ran = []
    saver = drive.saver()
    inner = chain(
        lg,
        Log,
        ("x", counted(drive, ran, "x")),
        ("q", asker(lg, drive, "q")),
        ("y", counted(drive, ran, "y")),
    ).compile()
    graph = chain(lg, Log, ("a", counted(drive, ran, "a")), ("inner", inner)).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    inside = drive.state(graph, THREAD, subgraphs=True).tasks[0].state
    within = list(drive.history(graph, inside.config))
    yield within
    drive.invoke(graph, lg.types.Command(resume="first"), THREAD)
    for old in [*drive.history(graph, THREAD), *within]:
        ran.clear()
        yield old.next, old.config, drive.every(graph, None, old.config, modes=FULL)
        yield list(ran), drive.state(graph, THREAD, subgraphs=True)
        if waits(drive, graph):
            yield drive.every(graph, lg.types.Command(resume="again"), THREAD, modes=FULL)
    yield brief(drive.history(graph, THREAD))


@covers("TTR-08", "SAP-18", "TTR-04")
def forks_of_nested_graphs(lg, drive):
    """An update of a nested checkpoint is a fork inside; with the config it returns the run goes on there."""
    saver = drive.saver()
    inner = chain(lg, Log, *saying(drive, "x"), ("q", asker(lg, drive, "q")), *saying(drive, "y")).compile()
    graph = chain(lg, Log, *saying(drive, "a"), ("inner", inner)).compile(checkpointer=saver)
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    inside = drive.state(graph, THREAD, subgraphs=True).tasks[0].state
    for old in list(drive.history(graph, inside.config)):
        made = drive.update(graph, old.config, {"log": [f"at {old.next}"]})
        yield made
        yield drive.every(graph, None, made, modes=FULL)
        yield drive.every(graph, lg.types.Command(resume="yes"), THREAD, modes=FULL)
    yield drive.history(graph, THREAD)


@covers("HIL-14", "GRA-39", "SUB-03")
def commands_for_the_parent(lg, drive):
    """A Command for the parent after an answer inside leaves the nested graph; what it saved stays."""

    @drive.node
    def leave(state):
        answer = lg.types.interrupt("where to?")
        return lg.types.Command(graph=lg.types.Command.PARENT, goto=answer, update={"log": ["left"]})

    saver = drive.saver()
    inner = chain(lg, Log, *saying(drive, "x"), ("leave", leave)).compile()
    builder = chain(lg, Log, ("inner", inner))
    builder.add_node("b", speaker(drive, "b"))
    graph = builder.compile(checkpointer=saver)
    for given in ({"log": ["in"]}, lg.types.Command(resume="b")):
        yield drive.every(graph, given, THREAD, modes=FULL)
    yield drive.history(graph, THREAD)
    yield drive.saved(saver)


@covers("GRA-31", "HIL-14", "HIL-05", "SUB-04")
def nested_graphs_that_are_sent_to(lg, drive):
    """Each packet is a run of the nested graph with a namespace and a question of its own."""
    Send = lg.types.Send
    saver = drive.saver()

    @drive.node(turn=0)
    def q(state):
        return {"log": [lg.types.interrupt(state["log"][0])]}

    inner = chain(lg, Log, ("q", q)).compile()
    builder = lg.graph.StateGraph(Log).add_node("inner", inner)
    builder.add_conditional_edges("__start__", lambda s: [Send("inner", {"log": [i]}) for i in range(3)])
    graph = builder.compile(checkpointer=saver)
    asked = ids_of(drive.invoke(graph, {"log": []}, THREAD))
    yield sorted(asked)
    answers = lg.types.Command(resume={asked[2]: "two", asked[0]: "zero"})
    yield drive.every(graph, answers, THREAD, modes=("updates", "values"), woven=True)
    state = drive.state(graph, THREAD)
    yield state.values, state.next, [each.value for each in state.interrupts]
    yield drive.invoke(graph, lg.types.Command(resume="one"), THREAD)
