"""invoke and stream: results, output keys, limits, closing early, timeouts."""

import threading
from typing import Annotated, TypedDict

from parity.normalise import Raised
from parity.registry import covers

from .states import Log, Mixed, Text, chain, fan, saying, speaker


@covers("RUN-02", "STR-01")
def default_modes(lg, drive):
    """A compiled graph streams updates; nested or called with its parent's config it streams values."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()
    seen = []

    @drive.node
    async def bare(state):
        seen.append(await drive.read(inner, {"log": ["in"]}))
        return {"log": ["bare"]}

    @drive.node
    async def handed(state, config):
        seen.append(await drive.read(inner, {"log": ["in"]}, config))
        return {"log": ["handed"]}

    yield drive.stream(inner, {"log": []})
    yield drive.stream(inner, {"log": []}, stream_mode=None)
    yield drive.stream(chain(lg, Log, ("bare", bare), ("handed", handed)).compile(), {"log": []})
    yield seen
    other = chain(lg, Log, *saying(drive, "x")).compile()
    other.stream_mode = "values"
    yield drive.stream(other, {"log": []})


@covers("RUN-03", "RUN-05", "RUN-09")
def invoke_results(lg, drive):
    """invoke returns the last values; with another mode, or a list of modes, the list of chunks."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile()
    yield drive.invoke(graph, {"log": []})
    for modes in (
        "values",
        "updates",
        "tasks",
        "custom",
        "debug",
        ["values"],
        ["updates", "values"],
        ("values",),
    ):
        yield drive.invoke(graph, {"log": []}, stream_mode=modes)
    yield drive.invoke(graph, {"log": []}, stream_mode="updates", subgraphs=True)
    yield drive.invoke(graph, {"log": []}, subgraphs=True)


@covers("RUN-03")
def invoke_without_values(lg, drive):
    """A run that never writes an output key returns None."""
    quiet = chain(lg, Text, ("a", drive.node(lambda s: None))).compile()
    yield drive.invoke(quiet, {}), drive.invoke(quiet, {"zz": 1}), drive.invoke(quiet, {"x": "1"})
    yield drive.invoke(chain(lg, Log, ("a", drive.node(lambda s: None))).compile(), {})
    yield drive.invoke(chain(lg, int, ("a", drive.node(lambda s: None))).compile(), 0)


@covers("RUN-03", "STR-07", "ENG-25")
def the_result_is_the_last_values_chunk(lg, drive):
    """A key that empties itself in a step that writes nothing stays in the result: no values chunk told of it."""

    class Fleeting(TypedDict):
        any: Annotated[int, lg.channels.AnyValue]
        eph: Annotated[int, lg.channels.EphemeralValue]
        word: str

    graph = chain(
        lg, Fleeting, ("a", drive.node(lambda s: None)), ("b", drive.node(lambda s: {"word": str(sorted(s))}))
    )
    quiet = chain(lg, Fleeting, ("a", drive.node(lambda s: None))).compile()
    for given in ({"any": 1}, {"eph": 1}, {"any": 1, "eph": 2, "word": "w"}):
        yield drive.invoke(quiet, given)
        yield drive.invoke(graph.compile(), given)
        yield drive.stream(quiet, given, stream_mode="values")


@covers("RUN-07", "STR-13", "STR-12")
def output_keys(lg, drive):
    """output_keys limits values, updates, task results and the result; an unknown key is refused."""
    write = drive.node(lambda s: {"log": ["a"], "total": 1})
    silent = drive.node(lambda s: {"total": 2})
    graph = chain(lg, Mixed, ("a", write), ("b", silent)).compile()
    given = {"log": ["in"], "total": 0, "word": "w"}
    for keys in (["log"], ["word", "log"], "log", "total", [], None, ["zz"], "zz", ["log", "zz"]):
        yield drive.every(graph, given, output_keys=keys)
        yield drive.invoke(graph, given, output_keys=keys)


@covers("RUN-07", "RUN-03")
def output_keys_beat_the_output_schema(lg, drive):
    """output_keys may name keys that the output schema leaves out."""

    class Out(TypedDict):
        word: str

    builder = lg.graph.StateGraph(Mixed, output_schema=Out)
    builder.add_node("a", speaker(drive, "a")).add_edge("__start__", "a")
    graph = builder.compile()
    given = {"log": ["in"], "word": "w"}
    yield drive.invoke(graph, given)
    yield drive.invoke(graph, given, output_keys=["log"])
    yield drive.stream(graph, given, stream_mode=["values", "updates"])
    yield drive.stream(graph, given, stream_mode=["values", "updates"], output_keys=["word"])


@covers("RUN-14", "ENG-02", "STR-32")
def recursion_limit(lg, drive):
    """N nodes in a line need a limit of N + 1; reaching it raises after every chunk so far."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile()
    for limit in (0, -1, 1, 2, 3, None):
        yield drive.every(graph, {"log": []}, {"recursion_limit": limit} if limit is not None else {})
        yield drive.invoke(graph, {"log": []}, {"recursion_limit": limit})
    loop = chain(lg, Log, *saying(drive, "a"))
    loop.add_edge("a", "a")
    yield drive.every(loop.compile(), {"log": []}, {"recursion_limit": 4})


@covers("RUN-14", "SUB-07")
def recursion_limit_of_nested_graphs(lg, drive):
    """A nested graph counts its own steps against the same limit."""
    inner = chain(lg, Log, *saying(drive, "x", "y", "z")).compile()
    outer = chain(lg, Log, ("a", speaker(drive, "a")), ("inner", inner)).compile()
    for limit in (3, 4):
        yield drive.every(outer, {"log": []}, {"recursion_limit": limit})


@covers("ENG-10")
def nothing_to_start_from(lg, drive):
    """None as input, with nothing saved, is refused."""
    graph = chain(lg, Log, *saying(drive, "a")).compile()
    yield drive.invoke(graph, None)
    yield drive.every(graph, None)


@covers("ENG-30")
def closing_early(lg, drive):
    """After the consumer leaves no further superstep starts."""
    ran = []

    def noting(name):
        @drive.node
        def node(state):
            ran.append(name)
            return {"log": [name]}

        return node

    graph = chain(lg, Log, *[(n, noting(n)) for n in "abc"]).compile()
    for mode, stop in (
        ("updates", 1),
        ("updates", 2),
        ("values", 1),
        ("values", 2),
        ("tasks", 1),
        ("tasks", 2),
    ):
        ran.clear()
        yield mode, stop
        yield drive.stream(graph, {"log": []}, stream_mode=mode, stop=stop)
        yield list(ran)


@covers("STR-05")
def live_items(lg, drive):
    """Custom items reach the consumer while their node still runs."""
    came = threading.Event()

    @drive.node
    async def a(state, writer):
        writer("now")
        for _ in range(400):
            if came.is_set():
                return {"log": ["it came"]}
            await drive.nap(0.005)
        return {"log": ["it did not come"]}

    graph = chain(lg, Log, ("a", a)).compile()

    def tell(chunk):
        if "now" in repr(chunk):
            came.set()

    for modes in ("custom", ["custom", "updates"], ["values", "custom"]):
        came.clear()
        yield drive.stream(graph, {"log": []}, stream_mode=modes, on_chunk=tell)


@covers("STR-05", "STR-12", "STR-15", "ENG-04")
def results_come_when_their_task_ends(lg, drive):
    """A task's updates reach the consumer before its slower siblings end."""
    came = threading.Event()

    @drive.node
    async def slow(state):
        for _ in range(400):
            if came.is_set():
                return {"log": ["fast was seen"]}
            await drive.nap(0.005)
        return {"log": ["fast was not seen"]}

    graph = fan(lg, Log, ("fast", speaker(drive, "fast")), ("slow", slow)).compile()
    for modes in ("updates", "tasks", ["values", "updates"], ["debug"]):
        came.clear()

        def tell(chunk):
            if "['fast']" in repr(chunk):
                came.set()

        yield drive.stream(graph, {"log": []}, stream_mode=modes, on_chunk=tell)


@covers("ENG-31", "REL-12", colours=("sync", "async"))
def step_timeout(lg, drive):
    """A step that takes longer than step_timeout ends the run; one that does not is not disturbed."""

    @drive.node
    async def slow(state):
        await drive.nap(0.3)
        return {"log": ["slow"]}

    graph = fan(lg, Log, ("slow", slow), ("fast", speaker(drive, "fast"))).compile()
    graph.step_timeout = 0.05
    result = drive.stream(graph, {"log": []}, stream_mode=["values", "updates"])
    yield result[:-1]
    assert isinstance(result[-1], Raised)
    yield isinstance(result[-1].error, TimeoutError), result[-1]
    quick = chain(lg, Log, *saying(drive, "a", "b")).compile()
    quick.step_timeout = 30
    yield drive.every(quick, {"log": []})


@covers("RUN-16", "ENG-28")
def max_concurrency(lg, drive):
    """No more than max_concurrency tasks run together."""
    running, most = [], []

    def counting(name):
        @drive.node
        async def node(state):
            running.append(name)
            most.append(len(running))
            await drive.nap(0.01)
            running.remove(name)
            return {"log": [name]}

        return node

    graph = fan(lg, Log, *[(n, counting(n)) for n in "abcd"]).compile()
    for limit in (1, 2, 4):
        most.clear()
        yield drive.invoke(graph, {"log": []}, {"max_concurrency": limit})
        yield max(most) <= limit, limit > 1 or max(most)


@covers("RUN-16")
def one_at_a_time_in_nested_graphs(lg, drive):
    """A limit of one does not block a nested graph beside a sibling."""
    inner = fan(lg, Log, *saying(drive, "x", "y")).compile()
    graph = fan(lg, Log, ("a", speaker(drive, "a")), ("inner", inner), ("z", speaker(drive, "z"))).compile()
    yield drive.invoke(graph, {"log": []}, {"max_concurrency": 1})


@covers("ENG-28", "STR-49")
def context_variables(lg, drive):
    """A node sees the caller's context variables; what it sets stays inside it."""
    from contextvars import ContextVar

    var = ContextVar("var", default="unset")
    seen = []

    @drive.node
    def a(state):
        seen.append(var.get())
        var.set("by a")

    @drive.node
    def b(state):
        seen.append(var.get())

    token = var.set("by the caller")
    try:
        yield drive.every(chain(lg, Log, ("a", a), ("b", b)).compile(), {"log": []})
        yield drive.every(fan(lg, Log, ("a", a), ("b", drive.node(b, turn=1))).compile(), {"log": []})
        yield seen, var.get()
    finally:
        var.reset(token)


@covers("ENG-29", colours=("sync",))
def one_task_runs_in_the_callers_thread(lg, drive):
    """A lone task of a sync run, with no live mode, runs in the thread that asks for the chunk."""
    here = threading.get_ident()
    seen = []

    def a(state):
        seen.append(threading.get_ident() == here)

    graph = chain(lg, Log, ("a", a)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode="values"), drive.invoke(graph, {"log": []})
    yield seen


@covers("RUN-04", "STR-09", "STR-16")
def interrupts_without_a_checkpointer(lg, drive):
    """An interrupt ends the run: a list in invoke's result, a tuple in values, dicts in task results."""

    def asking(question, turn):
        @drive.node(turn=turn)
        def ask(state):
            lg.types.interrupt(question)
            return {"log": ["never"]}

        return ask

    alone = chain(
        lg, Log, ("a", speaker(drive, "a")), ("q", asking("why?", None)), ("b", speaker(drive, "b"))
    )
    yield drive.invoke(alone.compile(), {"log": ["in"]})
    yield drive.every(alone.compile(), {"log": ["in"]})
    several = fan(
        lg, Log, ("q1", asking(1, 1)), ("q2", asking({"k": 2}, 0)), ("ok", speaker(drive, "ok", turn=2))
    )
    yield drive.invoke(several.compile(), {"log": ["in"]})
    yield drive.every(several.compile(), {"log": ["in"]})
    for mode in ("values", "updates", "tasks", "debug"):
        yield drive.stream(several.compile(), {"log": ["in"]}, stream_mode=mode)
    yield drive.invoke(several.compile(), {}), drive.invoke(alone.compile(), {})
    rooted = chain(lg, str, ("q", asking("root", None))).compile()
    yield drive.invoke(rooted, "text")
    yield drive.every(rooted, "text")


@covers("RUN-04", "STR-16")
def breakpoints_without_a_checkpointer(lg, drive):
    """A static breakpoint ends the run: an empty tuple in updates, nothing in invoke's result."""
    graph = chain(lg, Log, *saying(drive, "a", "b", "c"))
    for where in ("interrupt_before", "interrupt_after"):
        for names in (["b"], "*", ["a", "c"], ["c"], []):
            yield drive.invoke(graph.compile(), {"log": []}, **{where: names})
            yield drive.every(graph.compile(), {"log": []}, **{where: names})
    yield drive.every(graph.compile(interrupt_before=["b"]), {"log": []})
    yield drive.every(graph.compile(interrupt_after=["b"]), {"log": []}, interrupt_after=["a"])


@covers("RUN-10")
def batches_and_copies(lg, drive):
    """batch runs several inputs; with_config and copy give graphs of their own."""
    graph = chain(
        lg, Log, ("a", drive.node(lambda s, config: {"log": [sorted(config.get("tags", []))]}))
    ).compile()
    if drive.driver == "sync" or drive.functions == "sync":
        yield graph.batch([{"log": [1]}, {"log": [2]}])
    tagged = graph.with_config(tags=["t"])
    yield drive.invoke(tagged, {"log": []}), drive.invoke(graph, {"log": []})
    yield type(tagged) is type(graph), tagged is graph
    copied = graph.copy({"name": "copied"})
    yield copied.name, graph.name, drive.invoke(copied, {"log": []})
