"""get_state and get_state_history: what a thread looks like from outside."""

from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, brief, failing, ordered, thread


@covers("SAP-01", "SAP-04", "SAP-05", "SAP-16")
def snapshots(lg, drive):
    """A snapshot says values, next nodes, config, metadata, time, parent, tasks, interrupts; a new thread has none."""
    graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
    yield drive.state(graph, THREAD), drive.history(graph, THREAD)
    yield drive.state(graph, thread(7, user="u")), drive.state(graph, thread("x", checkpoint_ns=""))
    yield drive.invoke(graph, {"log": ["in"], "word": "w"}, THREAD)
    state = drive.state(graph, THREAD)
    yield state, state._fields, type(state).__name__
    yield drive.state(graph, THREAD | {"metadata": {"m": 1}, "tags": ["t"]})
    yield drive.state(graph, thread("1", user="u"))
    yield drive.state(graph, state.config) == state, drive.state(graph, state.parent_config)
    yield drive.state(graph, thread("1", checkpoint_id="nothing"))
    yield drive.history(graph, thread("1", checkpoint_id="nothing"))
    values, following, *rest = state
    yield values, following, len(rest)


@covers("SAP-02", "SAP-03", "SAP-06", "SAP-07")
def states_of_a_failed_step(lg, drive):
    """Without an id the finished tasks' writes are in the values and they are not next; with one they are."""
    builder = fan(
        lg,
        Log,
        ("a", speaker(drive, "a", turn=0)),
        ("bad", failing(drive, "bad", turn=2)),
        ("c", speaker(drive, "c", turn=1)),
    )
    builder.add_node("after", speaker(drive, "after")).add_edge("a", "after")
    graph = builder.compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    state = drive.state(graph, THREAD)
    yield state
    yield drive.state(graph, state.config)
    yield drive.history(graph, THREAD)
    yield drive.history(graph, state.config)


@covers("SAP-02", "SAP-03", "SAP-07", "GRA-31")
def states_of_an_interrupted_step(lg, drive):
    """Sent tasks are next once each; results and interrupts of tasks are in the snapshot."""
    Send = lg.types.Send
    builder = chain(lg, Mixed, ("s", speaker(drive, "s")))
    builder.add_node("w", drive.node(lambda s: {"log": [s["i"]], "total": s["i"]}, turn=0))
    builder.add_node("q", asker(lg, drive, "q", turn=1))
    builder.add_node(
        "c", drive.node(lambda s: lg.types.Command(update=[("log", ["1"]), ("log", ["2"])], goto="q"), turn=2)
    )
    builder.add_conditional_edges(
        "s", lambda s: [Send("w", {"i": 1}), Send("w", {"i": 2}), Send("q", {}), "q", "c"]
    )
    for stops in ({}, {"interrupt_before": ["q"]}, {"interrupt_after": ["q"]}):
        graph = builder.compile(checkpointer=drive.saver(), **stops)
        drive.invoke(graph, {"log": ["in"]}, THREAD)
        state = drive.state(graph, THREAD)
        yield state
        yield drive.state(graph, state.config)
        yield drive.history(graph, THREAD)


@covers("SAP-02", "STA-13", "ENG-05")
def a_step_that_cannot_be_applied(lg, drive):
    """Where finished writes do not go together, asking for the state raises as the run did; by id it does not."""
    graph = fan(
        lg,
        Text,
        ("a", drive.node(lambda s: {"x": "a"}, turn=0)),
        ("b", drive.node(lambda s: {"x": "b"}, turn=1)),
    ).compile(checkpointer=drive.saver())
    yield drive.invoke(graph, {"x": "in"}, THREAD)
    yield drive.state(graph, THREAD)
    history = drive.history(graph, THREAD)
    yield history
    yield drive.invoke(graph, None, THREAD)
    yield drive.state(graph, history[0].config)
    yield drive.invoke(graph, {"x": "again"}, THREAD)


@covers("SAP-09", "CKP-07")
def histories(lg, drive):
    """History is newest first; filter, before and limit choose; a config with an id starts there."""
    graph = chain(lg, Mixed, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
    for number in (1, 2):
        drive.invoke(graph, {"log": [number]}, THREAD | {"metadata": {"turn": number}})
    drive.update(graph, THREAD, {"word": "w"})
    everything = drive.history(graph, THREAD)
    yield brief(everything)
    for limit in (0, 1, 3, 100, None):
        yield limit, brief(drive.history(graph, THREAD, limit=limit))
    for wanted in ({"source": "input"}, {"source": "update"}, {"turn": 1}, {"turn": 1, "step": 0}, {"zz": 1}):
        yield wanted, brief(drive.history(graph, THREAD, filter=wanted))
    for index in (0, 3, len(everything) - 1):
        config = everything[index].config
        yield brief(drive.history(graph, THREAD, before=config))
        yield brief(drive.history(graph, config))
        yield (
            brief(drive.history(graph, config, limit=2)),
            brief(drive.history(graph, THREAD, before=config, limit=1)),
        )
        yield brief(drive.history(graph, THREAD, before=config, filter={"source": "input"}))
    yield drive.history(graph, THREAD, limit=2)


@covers("SAP-07", "SAP-01")
def tasks_in_a_history(lg, drive):
    """Each state of a history shows what its tasks went on to do."""
    builder = chain(
        lg, Mixed, ("a", drive.node(lambda s: None)), ("b", drive.node(lambda s: {"word": "b", "zz": 1}))
    )
    builder.add_node("c", drive.node(lambda s: lg.types.Command(goto="d", update={"total": 1})))
    builder.add_node("d", drive.node(lambda s: [{"log": ["d"]}, {"log": ["d2"]}]))
    builder.add_edge("b", "c")
    graph = builder.compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": ["in"]}, THREAD)
    yield drive.history(graph, THREAD)


@covers("SAP-01", "SAP-02", "STA-07", "STA-04")
def values_of_schemas(lg, drive):
    """A snapshot's values are all keys of the state, whatever the output schema; plain data for a model."""
    from pydantic import BaseModel

    class Model(BaseModel):
        n: int = 0
        text: str = "t"

    builder = lg.graph.StateGraph(Mixed, output_schema=Text)
    for schema, given in ((Mixed, {"word": "w"}), (Model, {"n": 3})):
        builder = lg.graph.StateGraph(schema, output_schema=Text if schema is Mixed else schema)
        builder.add_node("a", drive.node(lambda s: {"total": 2} if isinstance(s, dict) else {"n": s.n + 1}))
        builder.add_edge("__start__", "a")
        graph = builder.compile(checkpointer=drive.saver(), interrupt_before=["a"])
        for values in (given, None):
            yield drive.every(graph, values, THREAD, modes=FULL)
            yield drive.state(graph, THREAD)
        yield drive.history(graph, THREAD)


@covers("SAP-02", "HIL-13")
def answers_that_wait(lg, drive):
    """A state read between two answers shows what is open now."""
    builder = fan(
        lg, Log, ("p", asker(lg, drive, "p", "p1", "p2", turn=0)), ("q", asker(lg, drive, "q", "q1", turn=1))
    )
    graph = builder.compile(checkpointer=drive.saver())
    given = {"log": []}
    for _ in range(4):
        drive.invoke(graph, given, THREAD)
        state = drive.state(graph, THREAD)
        yield state
        yield drive.state(graph, state.config)
        given = lg.types.Command(resume={each.id: f"to {each.value}" for each in state.interrupts[:1]})


@covers("SAP-03", "GRA-24", "GRA-41")
def joins_and_deferred_nodes(lg, drive):
    """A join or a deferred node is next once it is due, not before."""
    builder = fan(lg, Log, *ordered(drive, "a", "b"))
    builder.add_node("join", speaker(drive, "join"))
    builder.add_node("late", speaker(drive, "late"), defer=True)
    builder.add_node("c", speaker(drive, "c"))
    builder.add_edge(["a", "c"], "join").add_edge("b", "c").add_edge("a", "late")
    graph = builder.compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": []}, THREAD, durability="sync")
    yield brief(drive.history(graph, THREAD))
    yield drive.history(graph, THREAD)


@covers("SAP-08", "SAP-04")
def namespaces_that_are_not_there(lg, drive):
    """Asking for a namespace that is no graph's reads what is saved under it: nothing."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()
    graph = chain(lg, Log, ("inner", inner)).compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": []}, THREAD)
    for namespace in ("zz", "inner", "inner:zz", "inner|zz", "zz:1|inner:2"):
        state = drive.state(graph, thread("1", checkpoint_ns=namespace))
        yield state.values, state.next, state.metadata, state.tasks
        yield drive.history(graph, thread("1", checkpoint_ns=namespace))
