"""Drain: a run is asked to stop, and stops between two supersteps."""

from parity.registry import covers

from .states import Log, chain, fan, speaker

GIVEN = {"log": []}


def asking(lg, drive, name, control=None, reason="why"):
    """Return a node that asks for the drain of its run."""
    Runtime = lg.runtime.Runtime

    @drive.node
    def ask(state, runtime: Runtime):
        (control or runtime.control).request_drain(reason)
        return {"log": [name]}

    return ask


def line(lg, drive, at, names="abc"):
    """Return a builder of nodes in a line, of which one asks for the drain."""
    nodes = [(name, asking(lg, drive, name) if name == at else speaker(drive, name)) for name in names]
    return chain(lg, Log, *nodes)


def told(control):
    """Return what a control says."""
    return control.drain_requested, control.drain_reason


@covers("REL-26", "RUN-19")
def between_supersteps(lg, drive):
    """The superstep finishes, then the run stops; asked in the last superstep, it has ended anyway."""
    for at in "abc":
        control = lg.runtime.RunControl()
        yield told(control)
        yield drive.every(line(lg, drive, at).compile(), GIVEN, control=control)
        yield drive.invoke(line(lg, drive, at).compile(), GIVEN, control=lg.runtime.RunControl())
        yield told(control)


@covers("REL-26")
def the_exception(lg):
    """GraphDrained is control flow, says why, and has no notes."""
    error = lg.errors.GraphDrained("enough")
    yield str(error), error.reason, isinstance(error, lg.errors.GraphBubbleUp)
    control = lg.runtime.RunControl()
    yield told(control), control.request_drain(), told(control), control.request_drain("again"), told(control)


@covers("REL-26")
def asked_before_it_begins(lg, drive):
    """A run that was asked before it began does nothing."""
    control = lg.runtime.RunControl()
    control.request_drain("early")
    yield drive.every(line(lg, drive, None).compile(), GIVEN, control=control)
    yield drive.invoke(line(lg, drive, None).compile(), GIVEN, control=control)


@covers("REL-26", "RTS-01")
def without_a_control(lg, drive):
    """Every run has a control, which its nodes find in their runtime; the next run has another one."""
    graph = line(lg, drive, "a").compile()
    Runtime = lg.runtime.Runtime

    @drive.node
    def see(state, runtime: Runtime):
        return {"log": [type(runtime.control).__name__, *told(runtime.control)]}

    for _ in range(2):
        yield drive.every(graph, GIVEN)
    yield drive.invoke(chain(lg, Log, ("see", see), ("a", speaker(drive, "a"))).compile(), GIVEN)


@covers("REL-26", "SUB-07")
def graphs_inside(lg, drive):
    """Graphs inside share the control and stop at their own borders; then so does the graph around them."""
    for at in "abc":
        inner = line(lg, drive, at).compile()

        @drive.node
        async def call(state, inner=inner):
            return await drive.call(inner, state)

        for node in (inner, call):
            graph = chain(lg, Log, ("x", node), ("y", speaker(drive, "y"))).compile()
            yield drive.every(graph, GIVEN, control=lg.runtime.RunControl())
            yield drive.every(graph, GIVEN)


@covers("REL-26", "REL-18", "REL-05")
def neither_failure_nor_retry(lg, drive):
    """A drain inside a node is not retried and not handled; those beside it finish."""
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False)
    NodeError = lg.errors.NodeError

    @drive.node
    def handle(state, error: NodeError):
        return {"log": ["handled"]}

    inner = line(lg, drive, "a").compile()
    builder = lg.graph.StateGraph(Log).add_node("x", inner, retry_policy=policy, error_handler=handle)
    yield drive.every(builder.add_edge("__start__", "x").compile(), GIVEN)
    both = fan(lg, Log, ("x", inner), ("slow", speaker(drive, "slow", turn=1)))
    yield drive.stream(both.compile(), GIVEN, stream_mode=["updates", "tasks", "values"])


@covers("REL-26")
def beside_other_ends(lg, drive):
    """Breakpoints and questions come first; the recursion limit too."""
    for options in ({"interrupt_before": ["b"]}, {"interrupt_after": ["a"]}):
        yield drive.every(line(lg, drive, "a").compile(**options), GIVEN)
    Runtime = lg.runtime.Runtime

    @drive.node
    def ask(state, runtime: Runtime):
        runtime.control.request_drain()
        lg.types.interrupt("?")

    yield drive.every(chain(lg, Log, ("a", ask), ("b", speaker(drive, "b"))).compile(), GIVEN)


@covers("REL-26")
def saved(lg, drive):
    """What was done is saved, and the run goes on from there; in each durability."""
    Saver = lg.checkpoint.memory.InMemorySaver
    config = {"configurable": {"thread_id": "1"}}
    for durability in ("sync", "async", "exit"):
        graph = line(lg, drive, "a").compile(checkpointer=Saver())
        yield drive.every(graph, GIVEN, config, control=lg.runtime.RunControl(), durability=durability)
        state = graph.get_state(config)
        yield state.values, state.next, [task.error for task in state.tasks], state.interrupts
        yield drive.every(graph, None, config)


@covers("REL-26")
def saved_inside(lg, drive):
    """A graph inside goes on where it stopped, and what was done beside it is not done again."""
    Saver = lg.checkpoint.memory.InMemorySaver
    config = {"configurable": {"thread_id": "1"}}
    inner = line(lg, drive, "a").compile()
    builder = fan(lg, Log, ("x", inner), ("beside", speaker(drive, "beside", turn=1)))
    builder.add_node("y", speaker(drive, "y")).add_edge(["x", "beside"], "y")
    graph = builder.compile(checkpointer=Saver())
    yield drive.stream(graph, GIVEN, config, stream_mode=["updates", "values"])
    state = graph.get_state(config)
    yield state.values, state.next, [(task.name, task.error, task.result) for task in state.tasks]
    yield drive.stream(graph, None, config, stream_mode=["updates", "values"])
