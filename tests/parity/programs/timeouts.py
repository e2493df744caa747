"""Timeouts of nodes. LangGraph has them for async nodes alone, so the colour is async."""

import asyncio
from datetime import timedelta

from parity.normalise import Chunks, Raised
from parity.registry import covers

from .states import Log, chain, fan, speaker

LIMIT = 0.25


def told(chunks):
    """Return chunks with what a timeout error says, but for the time that has passed."""
    return Chunks([_masked(chunk) for chunk in chunks])


def _masked(value):
    if type(value).__name__ == "NodeTimeoutError":
        text = str(value).replace(f"elapsed: {value.elapsed:.3f}", "elapsed: ?")
        fields = {
            name: getattr(value, name) for name in ("node", "kind", "timeout", "idle_timeout", "run_timeout")
        }
        return "NodeTimeoutError", text, value.elapsed >= value.timeout, fields
    if isinstance(value, Raised):
        return _masked(value.error) if type(value.error).__name__ == "NodeTimeoutError" else value
    if isinstance(value, dict):
        return {key: _masked(item) for key, item in value.items()}
    return tuple(_masked(item) for item in value) if type(value) is tuple else value


def policies(lg):
    """Return every way to say how long a node may take."""
    Policy = lg.types.TimeoutPolicy
    return (
        LIMIT,
        timedelta(seconds=LIMIT),
        Policy(run_timeout=LIMIT),
        Policy(idle_timeout=LIMIT),
        Policy(run_timeout=5, idle_timeout=timedelta(seconds=LIMIT)),
        Policy(run_timeout=LIMIT, idle_timeout=5),
        Policy(idle_timeout=LIMIT, refresh_on="heartbeat"),
    )


def sleeper(seconds=1.0):
    """Return a node that sleeps."""

    async def sleep(state):
        await asyncio.sleep(seconds)
        return {"log": ["slept"]}

    return sleep


def signalling(act, count=4):
    """Return a node that gives a sign of life `count` times, each in time."""

    async def signal(state, runtime):
        for number in range(count):
            await asyncio.sleep(LIMIT * 0.4)
            act(runtime, number)
        return {"log": ["done"]}

    return signal


def limited(lg, node, timeout, **more):
    """Return a graph of one node with a timeout."""
    builder = lg.graph.StateGraph(Log).add_node("a", node, timeout=timeout, **more)
    return builder.add_edge(lg.graph.START, "a").compile()


@covers("REL-13", "REL-14", colours=("async",))
def expiry(lg, drive):
    """A node whose time is up fails with NodeTimeoutError, which says which limit it was."""
    for policy in policies(lg):
        graph = limited(lg, sleeper(), policy)
        yield told(drive.every(graph, {"log": []}))
        yield told([drive.invoke(graph, {"log": []})])
        yield drive.invoke(limited(lg, sleeper(0.001), policy), {"log": []})


@covers("REL-14", colours=("async",))
def signs_of_life(lg, drive):
    """Custom items and heartbeats are signs of life, or heartbeats alone; they do not help against run_timeout."""
    Policy = lg.types.TimeoutPolicy
    acts = (
        lambda runtime, number: runtime.stream_writer(number),
        lambda runtime, number: runtime.heartbeat(),
        lambda runtime, number: None,
    )
    for act in acts:
        for policy in (
            Policy(idle_timeout=LIMIT),
            Policy(idle_timeout=LIMIT, refresh_on="heartbeat"),
            Policy(idle_timeout=LIMIT, run_timeout=1.4 * LIMIT),
        ):
            yield told(drive.stream(limited(lg, signalling(act), policy), {"log": []}, stream_mode="updates"))
    yield drive.invoke(chain(lg, Log, ("a", signalling(acts[1]))).compile(), {"log": []})


@covers("REL-14", "REL-05", "REL-01", colours=("async",))
def retried(lg, drive):
    """A timeout is retried; each attempt has its own time. What a cancelled attempt says is not heard."""
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False)

    async def twice_slow(state, runtime):
        number = runtime.execution_info.node_attempt
        runtime.stream_writer(number)
        try:
            await asyncio.sleep(0.5 if number < 3 else 0.001)
        finally:
            runtime.stream_writer("end")
        return {"log": [number]}

    yield told(drive.every(limited(lg, twice_slow, LIMIT, retry_policy=policy), {"log": []}))
    other = policy._replace(retry_on=TimeoutError)
    yield told(drive.every(limited(lg, twice_slow, LIMIT, retry_policy=other), {"log": []}))


@covers("REL-13", "REL-14", colours=("async",))
def what_a_node_makes_of_it(lg, drive):
    """A node is cancelled; that it returns or raises something else then changes nothing."""

    async def keeps_it(state):
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            return {"log": ["kept"]}

    async def fails(state):
        try:
            await asyncio.sleep(1.0)
        except asyncio.CancelledError:
            raise ValueError("while it was cancelled") from None

    async def raises(state):
        raise asyncio.TimeoutError("its own")

    for node in (keeps_it, fails, raises):
        yield told(drive.every(limited(lg, node, LIMIT), {"log": []}))


@covers("REL-14", "REL-20", colours=("async",))
def beside_others(lg, drive):
    """A timeout stops siblings as any failure does; who was done before is seen."""
    for seconds in (0.001, 0.5):
        builder = fan(lg, Log, ("b", sleeper(seconds)))
        builder.add_node("a", sleeper(), timeout=LIMIT).add_edge("__start__", "a")
        yield told(drive.every(builder.compile(), {"log": []}))


@covers("REL-13", "REL-14", colours=("async",))
def branches(lg, drive):
    """The branches of a node are part of the attempt."""

    async def route(state):
        await asyncio.sleep(1.0)
        return "__end__"

    builder = lg.graph.StateGraph(Log).add_node("a", speaker(drive, "a"), timeout=LIMIT)
    builder.add_edge("__start__", "a").add_conditional_edges("a", route)
    yield told(drive.every(builder.compile(), {"log": []}))


@covers("REL-13", "GRA-30", colours=("async",))
def packets(lg, drive):
    """Send(timeout=…) stands in place of the node's own; it is kept as a policy, and packets differ by it."""
    Send, Policy = lg.types.Send, lg.types.TimeoutPolicy
    for own, given in ((None, LIMIT), (5, LIMIT), (LIMIT, 5), (5, Policy(idle_timeout=LIMIT)), (LIMIT, None)):
        builder = lg.graph.StateGraph(Log).add_node("a", sleeper(2 * LIMIT), timeout=own)
        builder.add_conditional_edges("__start__", lambda s, t=given: [Send("a", s, timeout=t)], ["a"])
        yield told(drive.every(builder.compile(), {"log": []}))
    for timeout in (None, 1, timedelta(seconds=1), Policy(run_timeout=1), Policy(idle_timeout=1), Policy()):
        packet = Send("a", 1, timeout=timeout)
        yield packet.timeout, repr(packet), packet == Send("a", 1), packet == Send("a", 1, timeout=1)
        yield hash(packet) == hash(Send("a", 1))


@covers("REL-13", colours=("async",))
def graphs_as_nodes(lg, drive):
    """A graph that is a node has a timeout for all it does; its supersteps are signs of life."""
    Policy = lg.types.TimeoutPolicy
    slow = chain(lg, Log, ("x", sleeper())).compile()
    steady = chain(lg, Log, *[(name, sleeper(LIMIT * 0.4)) for name in "pqrs"]).compile()
    beating = chain(lg, Log, ("x", signalling(lambda runtime, number: runtime.heartbeat()))).compile()

    def called(graph):
        async def call(state):
            return await graph.ainvoke(state)

        return call

    for graph, policy in (
        (slow, LIMIT),
        (steady, LIMIT),
        (steady, Policy(idle_timeout=LIMIT)),
        (steady, Policy(idle_timeout=LIMIT, refresh_on="heartbeat")),
        (beating, Policy(idle_timeout=LIMIT, refresh_on="heartbeat")),
    ):
        for node in (graph, called(graph)):
            # How far a graph comes in its time is for nobody to say.
            inside = graph is slow
            whole = limited(lg, node, policy)
            yield told(drive.stream(whole, {"log": []}, stream_mode=["tasks", "updates"], subgraphs=inside))


@covers("REL-14", colours=("async",))
def custom_items_inside(lg, drive):
    """What a graph inside writes is a sign of life if somebody streams it."""
    writing = chain(
        lg, Log, ("x", signalling(lambda runtime, number: runtime.stream_writer(number)))
    ).compile()
    graph = limited(lg, writing, lg.types.TimeoutPolicy(idle_timeout=LIMIT))
    for subgraphs in (True, False):
        yield told(drive.stream(graph, {"log": []}, stream_mode=["custom", "updates"], subgraphs=subgraphs))


@covers("REL-13", "REL-15", colours=("async",))
def handled(lg, drive):
    """An error handler learns of the timeout, and is not held to that of the node."""
    NodeError = lg.errors.NodeError

    async def handle(state, error: NodeError):
        await asyncio.sleep(2 * LIMIT)
        return {"log": [error.node, type(error.error).__name__, error.error.kind]}

    yield told(drive.every(limited(lg, sleeper(), LIMIT, error_handler=handle), {"log": []}))


@covers("GRA-07", "REL-13", colours=("async",))
def defaults(lg, drive):
    """set_node_defaults(timeout=) is for nodes that say nothing of their own, whenever they were added."""
    for timeout in (LIMIT, 5):
        builder = chain(lg, Log, ("before", sleeper(2 * LIMIT)))
        builder.add_node("own", sleeper(2 * LIMIT), timeout=5).add_edge("before", "own")
        yield told(drive.every(builder.set_node_defaults(timeout=timeout).compile(), {"log": []}))


@covers("GRA-07", "REL-15", colours=("async",))
def defaults_for_handlers(lg, drive):
    """A timeout for all nodes."""
    NodeError = lg.errors.NodeError

    async def handle(state, error: NodeError):
        await asyncio.sleep(2 * LIMIT)
        return {"log": ["handled"]}

    builder = lg.graph.StateGraph(Log).add_node("a", sleeper(), error_handler=handle)
    builder.add_edge("__start__", "a").set_node_defaults(timeout=LIMIT)
    yield told(drive.every(builder.compile(), {"log": []}))


@covers("REL-13")
def limits_that_are_none(lg):
    """A limit is more than nothing, and a policy without limits is none."""
    Policy, Send = lg.types.TimeoutPolicy, lg.types.Send
    builder = lg.graph.StateGraph(Log)

    async def node(state):
        pass

    for timeout in (None, Policy(), 1, 0.5):
        yield Send("a", 1, timeout=timeout).timeout
    for timeout in (
        0,
        -1,
        timedelta(0),
        Policy(run_timeout=0),
        Policy(idle_timeout=-1),
        Policy(refresh_on="never"),
        Policy(run_timeout=1, refresh_on="never"),
        "soon",
    ):
        for use in (
            lambda t: builder.add_node(f"n{len(builder.nodes)}", node, timeout=t),
            lambda t: Send("a", 1, timeout=t),
            lambda t: builder.set_node_defaults(timeout=t),
        ):
            try:
                use(timeout)
            except Exception as error:
                yield type(error), str(error).partition(", not ")[0]
            else:
                yield "accepted"


@covers("REL-13")
def sync_nodes(lg):
    """A timeout for a sync node."""
    builder = lg.graph.StateGraph(Log).add_node("a", lambda s: None, timeout=1).add_edge("__start__", "a")
    try:
        builder.compile()
    except ValueError as error:
        yield str(error)
    else:
        yield "compiled"
