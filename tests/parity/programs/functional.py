"""Entrypoints and tasks, without a saver."""

import time
from typing import TypedDict

from parity.registry import covers


def entry(lg, drive, body, **options):
    """Return an entrypoint of `body` in the drive's colour."""
    return lg.func.entrypoint(**options)(drive.node(body))


@covers("PKG-05", "FUN-02")
def names(lg):
    """The module's names, and what they make."""

    @lg.func.task
    def double(x):
        """Docs."""
        return 2 * x

    @lg.func.entrypoint()
    def main(x):
        return double(x).result()

    yield sorted(name for name in ("entrypoint", "task") if hasattr(lg.func, name))
    yield double.__name__, double.__doc__, double.func(2)
    yield main.invoke(4), main.stream_mode, type(main).__name__
    yield list(main.nodes), list(main.channels)
    yield main.input_channels, main.output_channels, main.stream_channels
    yield main.get_graph().draw_mermaid()
    yield isinstance(main, lg.graph.state.CompiledStateGraph)


@covers("FUN-02", colours=("sync",))
def what_is_refused(lg, drive):
    """Generators, and functions without a parameter."""

    def generator(x):
        yield x

    async def async_generator(x):
        yield x

    def lonely():
        pass

    yield drive.attempt(lg.func.entrypoint(), generator)
    yield drive.attempt(lg.func.entrypoint(), async_generator)
    yield drive.attempt(lg.func.entrypoint(), lonely)


@covers("FUN-01", "FUN-06", "FUN-12", "STR-10", "STR-14")
def the_order_of_a_stream(lg, drive):
    """A task starts when it is called; what it says, its update and its result come before its caller goes on."""

    @lg.func.task
    @drive.node
    def t1(x):
        lg.config.get_stream_writer()("in t1")
        return x + 1

    async def main(x):
        writer = lg.config.get_stream_writer()
        writer("start")
        result = await drive.result(t1(x))
        again = await drive.result(t1(result))
        writer("end")
        return again

    graph = entry(lg, drive, main)
    yield drive.every(graph, 1)
    yield drive.stream(graph, 1)
    yield drive.stream(graph, 1, stream_mode="debug")
    yield drive.stream(graph, 1, stream_mode=["values", "updates"], version="v2")
    yield drive.invoke(graph, 1), drive.invoke(graph, 1, stream_mode="updates")


@covers("FUN-01", "FUN-13")
def side_by_side(lg, drive):
    """Several tasks in progress at once: they start in the order of calls and end in their own."""

    @lg.func.task
    @drive.node(turn=1)
    async def work(x):
        return x

    async def main(n):
        return [await drive.result(future) for future in [work(i) for i in range(n)]]

    yield drive.every(entry(lg, drive, main), 3)


@covers("FUN-01")
def tasks_in_tasks_and_nodes(lg, drive):
    """Tasks call tasks, and so do nodes of a graph."""

    @lg.func.task
    @drive.node
    def inner(x):
        return x + 1

    @lg.func.task(name="around")
    @drive.node
    async def outer(x, *, times=1):
        return await drive.result(inner(x)) * times

    async def main(x):
        return await drive.result(outer(x, times=3))

    class State(TypedDict):
        x: int

    @drive.node
    async def node(state):
        return {"x": await drive.result(outer(state["x"]))}

    yield drive.every(entry(lg, drive, main), 1)
    graph = lg.graph.StateGraph(State).add_node("node", node).add_edge("__start__", "node").compile()
    yield drive.every(graph, {"x": 1})


@covers("FUN-13", "ENG-16", "ENG-18", "STR-02")
def places(lg, drive):
    """What a called task finds of its place: path, namespace, node, step, triggers."""

    def look():
        config = lg.config.get_config()
        metadata = dict(config["metadata"])
        return metadata, config.get("tags"), config["configurable"]["checkpoint_ns"]

    @lg.func.task
    @drive.node
    def leaf(x):
        return look()

    @lg.func.task
    @drive.node
    async def branch(x):
        return [await drive.result(leaf(x)), await drive.result(leaf(x))]

    async def main(x):
        return [look(), await drive.result(leaf(x)), await drive.result(branch(x))]

    yield drive.invoke(entry(lg, drive, main), 1, {"tags": ["t"], "metadata": {"m": 1}})
    yield drive.stream(entry(lg, drive, main), 1, {"tags": ["t"], "metadata": {"m": 1}}, stream_mode="tasks")


@covers("FUN-08")
def falsy_results(lg, drive):
    """0, False, None and empty things are results."""

    @lg.func.task
    @drive.node
    def give(value):
        return value

    async def main(values):
        return [await drive.result(give(value)) for value in values]

    yield drive.every(entry(lg, drive, main), [0, False, None, "", [], {}])
    yield drive.every(entry(lg, drive, drive.node(lambda x: None)), 0)


@covers("FUN-08")
def errors(lg, drive):
    """A task's error comes out of its future; caught there, or not."""

    @lg.func.task
    @drive.node
    def fail(x):
        raise ValueError(f"no {x}")

    async def catching(x):
        try:
            await drive.result(fail(x))
        except ValueError as error:
            return ["caught", str(error)]

    async def failing(x):
        await drive.result(fail(x))

    yield drive.every(entry(lg, drive, catching), 1)
    yield drive.every(entry(lg, drive, failing), 1)
    yield drive.invoke(entry(lg, drive, failing), 1)


@covers("FUN-01")
def nobody_waits(lg, drive):
    """The run ends when all calls have, whoever waits for them; what they raise fails nobody."""

    @lg.func.task
    @drive.node
    async def later(x):
        await drive.nap(0.05 * x)
        if x == 2:
            raise ValueError("late")
        return x

    def main(x):
        later(1), later(2)
        return "done"

    yield drive.every(entry(lg, drive, main), 1)
    yield drive.invoke(entry(lg, drive, main), 1)


@covers("FUN-09", "FUN-10")
def interrupts_unsaved(lg, drive):
    """A task that asks is reported once, by the entrypoint; a body may ask too, or keep it to itself."""

    @lg.func.task
    @drive.node
    def ask(x):
        return lg.types.interrupt(f"question {x}")

    async def one(x):
        return await drive.result(ask(x))

    async def keeping(x):
        try:
            await drive.result(ask(x))
        except Exception as error:
            return type(error).__name__

    def body(x):
        return lg.types.interrupt("body")

    for function in (one, keeping, body):
        graph = entry(lg, drive, function)
        yield drive.every(graph, 1)
        yield drive.invoke(graph, 1)


@covers("FUN-01", "FUN-02")
def retries(lg, drive):
    """Tasks and entrypoints are retried; each attempt of a body calls its tasks anew where nothing is saved."""
    policy = lg.types.RetryPolicy(initial_interval=0.001, jitter=False, retry_on=ValueError)
    attempts = []

    @lg.func.task(retry_policy=policy)
    @drive.node
    def flaky(x, runtime):
        lg.config.get_stream_writer()(("attempt", runtime.execution_info.node_attempt))
        attempts.append(x)
        if len(attempts) % 3:
            raise ValueError("flaky")
        return x

    @lg.func.task
    @drive.node
    def steady(x):
        return x

    async def calls(x):
        return await drive.result(flaky(x))

    bodies = []

    async def fails(x):
        bodies.append(x)
        result = await drive.result(steady(x))
        if len(bodies) < 3:
            raise ValueError("body")
        return result

    yield drive.every(entry(lg, drive, calls), 1)
    yield drive.every(entry(lg, drive, fails, retry_policy=policy), 1)


@covers("FUN-01", "FUN-02", "REL-08", "REL-09", "REL-10")
def caches(lg, drive):
    """Results of tasks and entrypoints are cached by arguments, and forgotten when asked."""
    keys = []

    def key(*args, **kwargs):
        keys.append((args, kwargs))
        return repr((args, sorted(kwargs)))

    calls = []

    @lg.func.task(cache_policy=lg.types.CachePolicy(key_func=key))
    @drive.node
    def work(x, y=0):
        calls.append((x, y))
        lg.config.get_stream_writer()("working")
        return [x, y]

    async def main(x):
        first = await drive.result(work(x))
        await drive.nap(0.05)  # LangGraph writes to its cache while the body goes on
        return [first, await drive.result(work(x)), await drive.result(work(x, y=1))]

    graph = entry(lg, drive, main, cache=lg.cache.memory.InMemoryCache())
    yield drive.every(graph, 1)
    time.sleep(0.05)
    yield drive.every(graph, 1)
    work.clear_cache(graph.cache)
    yield drive.every(graph, 1)
    yield calls, keys
    whole = entry(lg, drive, main, cache=lg.cache.memory.InMemoryCache(), cache_policy=lg.types.CachePolicy())
    yield drive.every(whole, 2)
    time.sleep(0.05)
    yield drive.every(whole, 2)


@covers("FUN-03", "GRA-20")
def injected(lg, drive):
    """Functions get what they ask for by name; what a caller gives by keyword wins."""

    @lg.func.task
    @drive.node
    def t(x, config=None, writer=None, store=None, runtime=None, previous=7):
        return type(config).__name__, callable(writer), store, type(runtime).__name__, previous

    async def main(x, *, writer, store, runtime, previous):
        return (
            await drive.result(t(x)),
            await drive.result(t(x, store="mine", previous="mine")),
            callable(writer),
            store,
            type(runtime).__name__,
            previous,
        )

    yield drive.invoke(entry(lg, drive, main), 1)


@covers("FUN-02", "RTS-03")
def context(lg, drive):
    """`context_schema` and `context=` as for any graph."""

    class Context(TypedDict):
        name: str

    def main(x, *, runtime):
        return runtime.context

    yield drive.invoke(entry(lg, drive, main, context_schema=Context), 1, context={"name": "n"})
    yield drive.invoke(entry(lg, drive, main), 1)


@covers("FUN-04", "FUN-12")
def final_and_commands(lg, drive):
    """`entrypoint.final` returns its value; a Command is returned as it is; None starts nothing."""

    def final(x, previous=None):
        return lg.func.entrypoint.final(value=[x, previous], save=10 * x)

    def command(x):
        return lg.types.Command(goto="nowhere", update={"a": 1})

    yield drive.every(entry(lg, drive, final), 1)
    yield drive.every(entry(lg, drive, command), 1)
    yield drive.invoke(entry(lg, drive, final), None)
    for given in (0, "", {}, [], False):
        yield drive.invoke(entry(lg, drive, final), given)


@covers("FUN-01", "STR-02", "STR-51", "RUN-13")
def graphs_inside(lg, drive):
    """Graphs invoked by bodies and tasks, entrypoints inside entrypoints, entrypoints as nodes."""

    class State(TypedDict):
        x: int

    @drive.node
    def node(state):
        lg.config.get_stream_writer()("sub")
        return {"x": state["x"] + 1}

    sub = lg.graph.StateGraph(State).add_node("node", node).add_edge("__start__", "node").compile()

    @lg.func.task
    @drive.node
    async def t(x):
        lg.config.get_stream_writer()("task")
        return (await drive.call(sub, {"x": x}))["x"]

    async def main(x):
        lg.config.get_stream_writer()("body")
        first = await drive.call(sub, {"x": x})
        return first["x"] + await drive.result(t(x))

    graph = entry(lg, drive, main)
    yield drive.every(graph, 1)
    yield drive.stream(graph, 1, stream_mode=["custom", "updates"])

    async def twice(x):
        return [await drive.call(graph, x), await drive.call(graph, x)]

    yield drive.every(entry(lg, drive, twice), 1)

    def step(state):
        return {"x": state["x"] + 10}

    inner = entry(lg, drive, step)
    yield drive.every(
        lg.graph.StateGraph(State).add_node("d", inner).add_edge("__start__", "d").compile(), {"x": 1}
    )


@covers("FUN-01", colours=("async",))
def futures_on_a_loop(lg, drive):
    """`asyncio.gather`, `wait_for` and `cancel` do with calls what they do with futures."""
    import asyncio

    @lg.func.task
    async def nap(x):
        await asyncio.sleep(x)
        return x

    @lg.func.task
    def plain(x):
        return x

    @lg.func.entrypoint()
    async def gathers(x):
        return await asyncio.gather(nap(0.02), plain(7))

    @lg.func.entrypoint()
    async def gives_up(x):
        try:
            return await asyncio.wait_for(nap(5), 0.05)
        except asyncio.TimeoutError:
            return "timed out"

    @lg.func.entrypoint()
    async def fails(x):
        nap(5)
        await asyncio.sleep(0.02)
        raise ValueError("main")

    yield drive.stream(gathers, 1, stream_mode="values")
    yield drive.every(gives_up, 1)
    yield drive.every(fails, 1)


@covers("FUN-01", colours=("sync",))
def futures_of_threads(lg, drive):
    """`concurrent.futures` waits for calls as for its own futures."""
    import asyncio
    import concurrent.futures

    @lg.func.task
    def plain(x):
        return x

    @lg.func.entrypoint()
    def main(x):
        futures = [plain(i) for i in range(3)]
        done, left = concurrent.futures.wait(futures)

        async def wait():
            return await asyncio.wrap_future(plain(7))

        return (
            isinstance(futures[0], concurrent.futures.Future),
            len(done),
            len(left),
            sorted(future.result() for future in concurrent.futures.as_completed(futures)),
            [future.done() for future in futures],
            asyncio.run(wait()),
        )

    yield drive.invoke(main, 1)


@covers("FUN-01", colours=("sync",))
def outside_of_a_run(lg, drive):
    """A task can be called in a run only; an async one in an async run only."""

    @lg.func.task
    def plain(x):
        return x

    @lg.func.task
    async def coro(x):
        return x

    @lg.func.entrypoint()
    def main(x):
        return coro(x).result()

    yield drive.attempt(plain, 1)
    yield drive.invoke(main, 1)


@covers("FUN-01", "FUN-06", "STR-33", "STR-34", "STR-40", "STR-41")
def messages(lg, drive):
    """Tokens of models in bodies and tasks, and messages that these return, each once."""
    from .messages import ask, fake, lc

    big, small = fake("big fox"), fake("small fox")

    @lg.func.task
    @drive.node
    async def asking(x):
        return await ask(drive, big, x)

    @lg.func.task
    @drive.node
    def making(x):
        return lc().AIMessage("made", id="made")

    async def main(x):
        return {"messages": [await drive.result(asking(x)), await drive.result(making(x))]}

    async def direct(x):
        return await ask(drive, small, x)

    for body in (main, direct):
        graph = entry(lg, drive, body)
        yield drive.stream(graph, "hi", stream_mode=["messages", "updates"], subgraphs=True)
        yield drive.stream(graph, "hi", stream_mode="messages")
