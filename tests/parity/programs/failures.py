"""Failures: what the caller gets, what is kept, what goes on."""

import asyncio
import traceback

from parity.registry import covers

from .states import Log, Text, chain, fan, speaker
from .threads import THREAD, failing

GIVEN = {"log": []}


@covers("REL-19", "REL-06")
def the_same_object(lg, drive):
    """The exception is the node's own object, with a note for each task that it came through."""
    error = ValueError("boom")

    @drive.node
    def fail(state):
        raise error

    inner = chain(lg, Log, ("x", fail)).compile()
    for node in (fail, inner):
        del getattr(error, "__notes__", [])[:]
        caught = drive.invoke(chain(lg, Log, ("a", node)).compile(), GIVEN)
        yield caught, caught.error is error
        frames = traceback.extract_tb(caught.error.__traceback__)
        yield frames[-1].name, error.__cause__, error.__context__


@covers("REL-19")
def causes(lg, drive):
    """What an exception was raised from stays with it."""

    @drive.node
    def fail(state):
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("second") from error

    caught = drive.invoke(chain(lg, Log, ("a", fail)).compile(), GIVEN)
    yield caught, repr(caught.error.__cause__)


@covers("REL-20", "REL-21", "REL-22", colours=("sync",))
def siblings_of_a_failure_in_threads(lg, drive):
    """A sync sibling cannot be stopped: the run waits for it, and what it wrote is kept for the next run."""
    bad = failing(drive, "bad", turn=1)
    builder = fan(lg, Log, ("before", speaker(drive, "before", turn=0)), ("bad", bad))
    builder.add_node("after", speaker(drive, "after", turn=2)).add_edge("__start__", "after")
    graph = builder.compile(checkpointer=drive.saver())
    yield drive.stream(graph, GIVEN, THREAD, stream_mode=["updates", "tasks", "values"])
    state = drive.state(graph, THREAD)
    yield state.values, state.next, [(task.name, task.error, task.result) for task in state.tasks]
    yield drive.stream(graph, None, THREAD, stream_mode=["updates", "tasks", "values"])
    yield len(drive.history(graph, THREAD))


@covers("REL-20", "REL-21", "REL-22", colours=("async",))
def siblings_of_a_failure_in_coroutines(lg, drive):
    """An async sibling is cancelled, and runs again with the next run."""
    ended = []

    async def slow(state):
        try:
            await asyncio.sleep(0.2 if not ended else 0)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise
        return {"log": ["slow"]}

    builder = fan(
        lg, Log, ("before", speaker(drive, "before", turn=0)), ("bad", failing(drive, "bad", turn=1))
    )
    builder.add_node("slow", slow).add_edge("__start__", "slow")
    graph = builder.compile(checkpointer=drive.saver())
    yield drive.stream(graph, GIVEN, THREAD, stream_mode=["updates", "tasks", "values"])
    state = drive.state(graph, THREAD)
    yield state.values, state.next, [(task.name, task.error, task.result) for task in state.tasks]
    yield sorted(ended)
    yield drive.stream(graph, None, THREAD, stream_mode=["updates", "values"])


@covers("REL-21", "REL-22")
def going_on_after_a_failure(lg, drive):
    """A failed run saves no checkpoint; the state shows the error, and going on runs only what failed."""
    saver = drive.saver()
    nodes = [("a", speaker(drive, "a")), ("bad", failing(drive, "bad", times=2)), ("c", speaker(drive, "c"))]
    graph = chain(lg, Log, *nodes).compile(checkpointer=saver)
    yield drive.every(graph, GIVEN, THREAD)
    for _ in range(2):
        yield drive.state(graph, THREAD)
        yield drive.saved(saver, THREAD)
        yield drive.every(graph, None, THREAD)
    yield drive.history(graph, THREAD)


@covers("REL-21")
def a_new_input_after_a_failure(lg, drive):
    """A new input begins from the start and leaves the failure behind."""
    nodes = [("a", speaker(drive, "a")), ("bad", failing(drive, "bad"))]
    graph = chain(lg, Log, *nodes).compile(checkpointer=drive.saver())
    yield drive.every(graph, GIVEN, THREAD)
    yield drive.every(graph, {"log": ["new"]}, THREAD)
    yield drive.state(graph, THREAD)


@covers("REL-21", "SUB-10")
def failures_inside_saved_graphs(lg, drive):
    """A graph inside goes on where it failed."""
    inner = chain(lg, Log, ("i", speaker(drive, "i")), ("bad", failing(drive, "bad"))).compile()
    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("inner", inner)).compile(checkpointer=drive.saver())
    yield drive.every(graph, GIVEN, THREAD)
    state = drive.state(graph, THREAD, subgraphs=True)
    yield state.values, state.next, [(task.name, task.error) for task in state.tasks]
    yield drive.every(graph, None, THREAD)


@covers("REL-23")
def cancelled_by_itself(lg, drive):
    """A CancelledError that a node raises is a NodeCancelledError, which has no note and can be handled."""
    NodeError = lg.errors.NodeError

    @drive.node
    def cancel(state):
        raise asyncio.CancelledError("own")

    @drive.node
    def handle(state, error: NodeError):
        return {"log": [repr(error.error)]}

    alone = chain(lg, Log, ("a", cancel)).compile()
    yield drive.every(alone, GIVEN)
    caught = drive.invoke(alone, GIVEN).error
    yield caught.node, type(caught.__cause__ or caught.__context__).__name__
    yield drive.every(fan(lg, Log, ("a", cancel)).compile(), GIVEN)
    builder = lg.graph.StateGraph(Log).add_node("a", cancel, error_handler=handle)
    yield drive.every(builder.add_edge("__start__", "a").compile(), GIVEN)
    inner = chain(lg, Log, ("x", cancel)).compile()
    yield drive.every(chain(lg, Log, ("inner", inner)).compile(), GIVEN)


@covers("REL-24", colours=("async",))
def cancelled_from_outside(lg, drive):
    """A cancellation of the caller stops the run; what was saved is usable."""
    saver = drive.saver()
    begun = []

    async def slow(state):
        begun.append(1)
        await asyncio.sleep(5 if len(begun) < 2 else 0)
        return {"log": ["slow"]}

    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("slow", slow)).compile(checkpointer=saver)

    async def leave():
        task = asyncio.create_task(graph.ainvoke(GIVEN, THREAD))
        while not begun:
            await asyncio.sleep(0.001)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled"

    yield drive.awaited(leave)
    state = drive.state(graph, THREAD)
    yield state.values, state.next
    yield drive.every(graph, None, THREAD)


@covers("REL-24")
def exceptions_that_are_the_callers(lg, drive):
    """KeyboardInterrupt and its like reach the caller; what was saved is usable."""
    left = [1]

    @drive.node
    def stop(state):
        if left[0]:
            left[0] -= 1
            raise Quit("enough")
        return {"log": ["done"]}

    class Quit(BaseException):
        pass

    graph = chain(lg, Log, ("a", speaker(drive, "a")), ("stop", stop)).compile(checkpointer=drive.saver())
    try:
        yield drive.invoke(graph, GIVEN, THREAD)
    except Quit as error:
        yield "raised", str(error), getattr(error, "__notes__", [])
    state = drive.state(graph, THREAD)
    yield state.values, state.next
    yield drive.every(graph, None, THREAD)


@covers("REL-25")
def troubleshooting(lg, drive):
    """Messages of the engine's own errors end with the address of a page."""

    plain = lg.graph.StateGraph(Text)
    for name in "ab":
        plain.add_node(name, drive.node(lambda s: {"x": "x"})).add_edge("__start__", name)
    yield drive.invoke(plain.compile(), {"x": ""})
    loop = chain(lg, Log, ("a", speaker(drive, "a"))).add_edge("a", "a").compile()
    yield drive.invoke(chain(lg, Log, ("a", drive.node(lambda s: 5))).compile(), GIVEN)
    yield [code.name for code in lg.errors.ErrorCode]
    yield str(drive.invoke(loop, GIVEN, {"recursion_limit": 3}).error).splitlines()[-1]
