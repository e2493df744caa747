"""Error handlers: what runs in the place of a node that failed for good."""

from parity.registry import covers

from .states import Log, chain, fan, speaker
from .threads import THREAD

GIVEN = {"log": []}


def failing(drive, error=None, turn=None):
    """Return a node that fails."""

    @drive.node(turn=turn)
    def fail(state):
        raise error or ValueError("boom")

    return fail


def handling(lg, drive, result=None, turn=None):
    """Return a handler that writes what it is told, or returns `result`."""
    NodeError = lg.errors.NodeError

    @drive.node(turn=turn)
    def handle(state, error: NodeError):
        return {"log": [(error.node, repr(error.error), state)]} if result is None else result

    return handle


def handled(lg, node, handler, **more):
    """Return a builder of one node, `a`, with an error handler."""
    builder = lg.graph.StateGraph(Log).add_node("a", node, error_handler=handler, **more)
    return builder.add_edge(lg.graph.START, "a")


@covers("REL-15", "REL-17")
def in_its_place(lg, drive):
    """The handler is shown the failed task's input and the error; it has a result in streams, and no start."""
    graph = handled(lg, failing(drive), handling(lg, drive)).compile()
    yield drive.every(graph, GIVEN)
    for mode in ("values", "updates", "tasks", "debug"):
        yield drive.stream(graph, GIVEN, stream_mode=mode)
    yield drive.invoke(graph, {"log": ["in"]})


@covers("REL-15")
def what_a_handler_may_take(lg, drive):
    """A handler takes the error where it says so, and whatever a node may take."""
    NodeError, Runtime = lg.errors.NodeError, lg.runtime.Runtime
    StreamWriter = lg.types.StreamWriter

    @drive.node
    def nothing(state):
        return {"log": ["nothing"]}

    @drive.node
    def unannotated(state, error):
        return {"log": ["never"]}

    @drive.node
    def other_name(state, failure: NodeError):
        return {"log": ["never"]}

    @drive.node
    def by_keyword(state, *, error: NodeError):
        return {"log": [error.node]}

    @drive.node
    def everything(state, config, runtime: Runtime, writer: StreamWriter, error: NodeError):
        writer("said")
        metadata = config["metadata"]
        told = [metadata[f"langgraph_{key}"] for key in ("node", "step", "triggers", "path", "checkpoint_ns")]
        return {"log": [told, runtime.execution_info.node_attempt, type(error).__name__]}

    for handler in (nothing, unannotated, other_name, by_keyword, everything):
        yield drive.stream(
            handled(lg, failing(drive), handler).compile(), GIVEN, stream_mode=["updates", "custom"]
        )


@covers("REL-16")
def edges_do_not_fire(lg, drive):
    """The failed node's edges and branches are not taken; a handler's Command says where to go."""
    Command, Send = lg.types.Command, lg.types.Send
    for result in (None, Command(goto="z"), Command(update={"log": ["h"]}, goto=[Send("z", GIVEN), "y"]), {}):
        builder = handled(lg, failing(drive), handling(lg, drive, result))
        builder.add_node("z", speaker(drive, "z", turn=0)).add_node("y", speaker(drive, "y", turn=1))
        builder.add_edge("a", "y")
        builder.add_conditional_edges("a", lambda s: "z")
        yield drive.stream(builder.compile(), GIVEN, stream_mode=["updates", "values"])


@covers("REL-15", "REL-01", "REL-04")
def after_all_retries(lg, drive):
    """The handler runs when retries are used up, once."""
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False, retry_on=KeyError)
    ran = []

    @drive.node
    def fail(state):
        ran.append(1)
        raise KeyError("k")

    yield drive.every(handled(lg, fail, handling(lg, drive), retry_policy=policy).compile(), GIVEN)
    yield len(ran)


@covers("REL-18", "GRA-07")
def handlers_that_fail(lg, drive):
    """A handler's failure is the run's; default retries apply to it, a handler of its own it has not."""
    NodeError = lg.errors.NodeError
    for times in (1, 2, 5):
        left = [times]

        @drive.node
        def handle(state, error: NodeError, left=left):
            if left[0]:
                left[0] -= 1
                raise KeyError("handler")
            return {"log": ["handled"]}

        policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False, retry_on=KeyError)
        yield drive.every(handled(lg, failing(drive), handle).compile(), GIVEN)
        left[0] = times
        builder = handled(lg, failing(drive), handle).set_node_defaults(
            retry_policy=policy, error_handler=handling(lg, drive)
        )
        yield drive.every(builder.compile(), GIVEN)


@covers("REL-15", "GRA-07")
def default_handlers(lg, drive):
    """A node's own handler beats that of all nodes."""
    builder = fan(lg, Log, ("b", failing(drive, turn=0)), ("c", speaker(drive, "c", turn=2)))
    builder.add_node("a", failing(drive, turn=1), error_handler=handling(lg, drive, {"log": ["own"]}, turn=4))
    builder.add_edge("__start__", "a").set_node_defaults(error_handler=handling(lg, drive, turn=3))
    graph = builder.compile()
    yield drive.stream(graph, GIVEN, stream_mode=["updates", "tasks", "values"])
    yield sorted(graph.get_graph().nodes)


@covers("REL-18")
def what_handlers_do_not_catch(lg, drive):
    """Interrupts and Commands for the parent pass."""

    @drive.node
    def ask(state):
        lg.types.interrupt("?")

    @drive.node
    def leave(state):
        return lg.types.Command(graph=lg.types.Command.PARENT, goto="z", update={"log": ["left"]})

    yield drive.every(handled(lg, ask, handling(lg, drive)).compile(), GIVEN)
    inner = handled(lg, leave, handling(lg, drive)).compile()
    builder = handled(lg, inner, handling(lg, drive)).add_node("z", speaker(drive, "z"))
    yield drive.every(builder.compile(), GIVEN)


@covers("REL-15", "SUB-10")
def failures_inside(lg, drive):
    """A graph inside fails as a node; its own handlers come first."""
    inner = chain(lg, Log, ("x", failing(drive))).compile()
    yield drive.every(handled(lg, inner, handling(lg, drive)).compile(), GIVEN)
    inner = handled(lg, failing(drive), handling(lg, drive, {"log": ["inside"]})).compile()
    yield drive.every(handled(lg, inner, handling(lg, drive)).compile(), GIVEN)


@covers("REL-15", "REL-17")
def packets_and_siblings(lg, drive):
    """Each failed task has a handler of its own; who is beside it goes on. Writes apply in the tasks' order."""
    Send = lg.types.Send
    builder = lg.graph.StateGraph(Log)
    builder.add_node("w", failing(drive, turn=0), error_handler=handling(lg, drive, turn=1))
    builder.add_node("b", speaker(drive, "b", turn=2)).add_edge("__start__", "b")
    builder.add_conditional_edges("__start__", lambda s: [Send("w", {"i": i}) for i in range(3)], ["w"])
    yield drive.stream(builder.compile(), GIVEN, stream_mode=["updates", "tasks", "values"])


@covers("REL-15")
def what_counts_as_failure(lg, drive):
    """A result that is none and a branch that raises are failures too."""

    def route(state):
        raise KeyError("route")

    yield drive.every(handled(lg, drive.node(lambda s: 5), handling(lg, drive)).compile(), GIVEN)
    builder = handled(lg, speaker(drive, "a"), handling(lg, drive)).add_conditional_edges("a", route)
    yield drive.every(builder.compile(), GIVEN)
    builder = handled(lg, failing(drive), handling(lg, drive, 5))
    yield drive.every(builder.compile(), GIVEN)


@covers("REL-15", "REL-24")
def exceptions_that_are_the_callers(lg, drive):
    """An exception that is no Exception."""

    class Stop(BaseException):
        pass

    for builder in (
        handled(lg, failing(drive, Stop("s")), handling(lg, drive)),
        chain(lg, Log, ("a", failing(drive, Stop("s")))),
    ):
        try:
            yield drive.every(builder.compile(), GIVEN)
        except Stop as error:
            yield "raised", repr(error)


@covers("REL-18", "REL-21", "REL-22")
def cut_off_before_the_handler_was_done(lg, drive):
    """A run that goes on runs the handler again, not the node; it is told the error's text."""
    ran = []
    NodeError = lg.errors.NodeError

    @drive.node(turn=1)
    def fail(state):
        ran.append("node")
        raise ValueError("boom")

    @drive.node
    def handle(state, error: NodeError):
        ran.append(("handler", error.node, str(error.error)))
        if len(ran) < 3:
            raise KeyError("handler")
        return lg.types.Command(update={"log": ["handled"]}, goto="z")

    for turn in (0, 2):
        ran.clear()
        builder = (
            handled(lg, fail, handle)
            .add_node("b", speaker(drive, "b", turn=0))
            .add_node("z", speaker(drive, "z"))
        )
        if turn:
            builder.add_edge("__start__", "b")
        saver = drive.saver()
        graph = builder.compile(checkpointer=saver)
        yield drive.stream(graph, GIVEN, THREAD, stream_mode=["updates", "tasks", "values"])
        state = drive.state(graph, THREAD)
        yield (
            state.values,
            state.next,
            [(t.name, t.path, t.error, t.interrupts, t.result) for t in state.tasks],
        )
        yield drive.one_saved(saver, THREAD).pending_writes
        yield drive.stream(graph, None, THREAD, stream_mode=["updates", "tasks", "values", "checkpoints"])
        yield list(ran)


@covers("REL-18")
def a_handler_that_asks(lg, drive):
    """A handler may ask; the answer is for it."""
    NodeError = lg.errors.NodeError
    ran = []

    @drive.node
    def handle(state, error: NodeError):
        ran.append(error.node)
        return {"log": [lg.types.interrupt("go on?")]}

    graph = handled(lg, failing(drive), handle).compile(checkpointer=drive.saver())
    yield drive.every(graph, GIVEN, THREAD)
    state = drive.state(graph, THREAD)
    yield state.next, [(task.name, task.error, task.interrupts) for task in state.tasks], state.interrupts
    yield drive.every(graph, lg.types.Command(resume="yes"), THREAD)
    yield list(ran), drive.state(graph, THREAD).next


@covers("REL-18")
def a_handler_that_was_done(lg, drive):
    """A handler that was done when another task failed."""
    NodeError = lg.errors.NodeError
    ran = []
    left = [1]

    @drive.node(turn=0)
    def fail(state):
        raise ValueError("boom")

    @drive.node
    def handle(state, error: NodeError):
        ran.append("handler")
        return {"log": ["handled"]}

    @drive.node(turn=1)
    def other(state):
        if left[0]:
            left[0] -= 1
            raise KeyError("other")
        return {"log": ["other"]}

    builder = handled(lg, fail, handle).add_node("other", other).add_edge("__start__", "other")
    graph = builder.compile(checkpointer=drive.saver())
    yield drive.stream(graph, GIVEN, THREAD, stream_mode=["updates", "tasks"])
    yield drive.stream(graph, None, THREAD, stream_mode=["updates", "values"])
    yield ran
