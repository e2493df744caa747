"""The custom stream."""

from parity.registry import covers

from .states import Log, chain, fan, saying, speaker


@covers("STR-48", "GRA-20", "GRA-22")
def three_ways_to_write(lg, drive):
    """get_stream_writer(), the injected writer and runtime.stream_writer put any object on the stream, as it is."""
    thing = object()

    @drive.node
    def by_call(state):
        lg.config.get_stream_writer()({"by": "call"})

    @drive.node
    def by_argument(state, writer):
        writer(("by", "argument"))
        writer(None)
        writer(thing)

    @drive.node
    def by_runtime(state, runtime):
        runtime.stream_writer(["by", "runtime"])

    graph = chain(lg, Log, ("c", by_call), ("a", by_argument), ("r", by_runtime)).compile()
    chunks = drive.stream(graph, {"log": []}, stream_mode="custom")
    yield chunks
    yield [chunk is thing for chunk in chunks]
    yield drive.every(graph, {"log": []})


@covers("STR-50", "GRA-22")
def silent_when_nobody_listens(lg, drive):
    """Without custom among the modes writing does nothing."""

    @drive.node
    def a(state, writer):
        yielded = writer("unheard"), lg.config.get_stream_writer()("unheard")
        return {"log": [yielded]}

    graph = chain(lg, Log, ("a", a)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["updates", "values"])
    yield drive.invoke(graph, {"log": []})


@covers("STR-51", "STR-03", "STR-02")
def from_inside_nested_graphs(lg, drive):
    """Items of a nested graph carry its namespace; without subgraphs=True they are dropped."""

    @drive.node
    def x(state, writer):
        writer("declared" if "declared" in state["log"] else "called")

    inner = chain(lg, Log, ("x", x)).compile()

    @drive.node
    async def caller(state, writer):
        writer("before")
        await drive.call(inner, {"log": []})
        writer("after")

    graph = chain(
        lg, Log, ("declare", speaker(drive, "declared")), ("inner", inner), ("caller", caller)
    ).compile()
    for subgraphs in (False, True):
        yield drive.stream(graph, {"log": []}, stream_mode="custom", subgraphs=subgraphs)
        yield drive.stream(graph, {"log": []}, stream_mode=["custom", "updates"], subgraphs=subgraphs)


@covers("STR-49", "STR-51")
def an_inner_stream_of_its_own(lg, drive):
    """A node that streams a graph itself gets its chunks; the outer stream gets them only if it asks."""

    @drive.node
    def x(state, writer):
        writer("from x")
        return {"log": ["x"]}

    inner = chain(lg, Log, ("x", x)).compile()

    @drive.node
    async def reader(state, writer):
        chunks = await drive.read(inner, {"log": []}, stream_mode=["custom", "updates", "values"])
        writer({"read": chunks})
        return {"log": ["reader"]}

    @drive.node
    async def namespaces(state):
        return {
            "log": await drive.read(inner, {"log": []}, stream_mode=["custom", "updates"], subgraphs=True)
        }

    graph = chain(lg, Log, ("reader", reader), ("namespaces", namespaces)).compile()
    for subgraphs in (False, True):
        yield drive.stream(graph, {"log": []}, stream_mode=["custom", "updates"], subgraphs=subgraphs)


@covers("STR-49")
def from_branches_and_helpers(lg, drive):
    """Branch functions and helpers of a node write under the node's graph."""

    def path(state):
        lg.config.get_stream_writer()("from the branch")
        return "b"

    def helper():
        lg.config.get_stream_writer()("from a helper")

    @drive.node
    def a(state):
        helper()

    graph = chain(lg, Log, ("a", a))
    graph.add_node("b", speaker(drive, "b"))
    graph.add_conditional_edges("a", path)
    yield drive.every(graph.compile(), {"log": []})


@covers("STR-52")
def items_of_failed_attempts_stay(lg, drive):
    """Items of an attempt that fails and is retried are not taken back; its writes are."""
    attempts = []

    @drive.node
    def a(state, writer):
        attempts.append(1)
        writer(f"attempt {len(attempts)}")
        if len(attempts) < 3:
            raise ConnectionError("again")
        return {"log": [len(attempts)]}

    builder = lg.graph.StateGraph(Log)
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False, max_attempts=3)
    builder.add_node("a", a, retry_policy=policy)
    builder.add_edge("__start__", "a")
    yield drive.every(builder.compile(), {"log": []})

    @drive.node
    def always(state, writer):
        writer("trying")
        raise ConnectionError("never")

    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", always, retry_policy=policy)
    builder.add_edge("__start__", "a")
    yield drive.every(builder.compile(), {"log": []})


@covers("STR-53")
def tokens_of_any_client(lg, drive):
    """A node iterates a client of its own and writes token after token."""

    @drive.node
    def ask(state, writer):
        answer = []
        for token in ["to", "be", "or", "not"]:
            writer({"token": token})
            answer.append(token)
        return {"log": [" ".join(answer)]}

    yield drive.stream(chain(lg, Log, ("ask", ask)).compile(), {"log": []}, stream_mode=["custom", "updates"])


@covers("STR-48", "STR-31")
def parallel_writers(lg, drive):
    """Items of parallel nodes interleave as they are written."""

    def talker(name, *turns):
        @drive.node
        async def talk(state, writer):
            for turn in turns:
                await drive.turn(turn)
                writer(f"{name} {turn}")
            return {"log": [name]}

        return talk

    graph = fan(lg, Log, ("a", talker("a", 1, 4, 5)), ("b", talker("b", 2, 3, 6))).compile()
    yield drive.stream(graph, {"log": []}, stream_mode=["custom", "updates"])
    yield drive.stream(graph, {"log": []}, stream_mode="custom", subgraphs=True)
    yield drive.stream(chain(lg, Log, *saying(drive, "quiet")).compile(), {"log": []}, stream_mode="custom")
