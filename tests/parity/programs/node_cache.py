"""Cached nodes: what is kept, when it is used again, what a hit shows."""

import functools

from parity.registry import covers

from .states import Log, chain, fan, saying, speaker


class Counted:
    """Node bodies that note that they ran."""

    def __init__(self, drive):
        self.drive = drive
        self.ran = []

    def node(self, name, result="name", turn=None):
        """Return a node that notes its name and returns a log entry, or what is given."""

        @self.drive.node(turn=turn)
        def body(state):
            self.ran.append(name)
            return {"log": [name]} if result == "name" else result

        return body

    def twice(self, graph, given=None, **options):
        """Yield what two runs show, and who ran."""
        for _ in range(2):
            self.ran.clear()
            yield self.drive.every(graph, given or {"log": []}, **options)
            yield sorted(self.ran)


def cached(lg, builder, name, node, **policy):
    """Add a cached node."""
    return builder.add_node(name, node, cache_policy=lg.types.CachePolicy(**policy))


@covers("REL-08", "REL-09")
def hits(lg, drive):
    """A hit shows the task's start and an update marked as cached, no result; its writes count, its edges fire."""
    counted = Counted(drive)
    builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"))
    builder.add_node("b", counted.node("b"))
    builder.add_edge("__start__", "a").add_edge("a", "b")
    graph = builder.compile(cache=lg.cache.memory.InMemoryCache())
    yield from counted.twice(graph)
    for mode in ("values", "updates", "tasks", "debug", "custom"):
        yield drive.stream(graph, {"log": []}, stream_mode=mode)
    yield drive.stream(graph, {"log": []}, stream_mode=["updates", "values"], version="v2")
    yield drive.invoke(graph, {"log": []})
    yield from counted.twice(graph, {"log": ["other"]})


@covers("REL-08", "REL-09")
def what_is_kept(lg, drive):
    """Every result is kept, none and a Command's route too."""
    counted = Counted(drive)
    Command, Send = lg.types.Command, lg.types.Send
    for result in (
        None,
        {},
        {"log": ["x"], "unknown": 1},
        Command(goto="b"),
        Command(update={"log": ["c"]}, goto=[Send("b", {"log": ["sent"]})]),
        [Command(update={"log": ["1"]}), {"log": ["2"]}],
    ):
        builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a", result))
        builder.add_node("b", counted.node("b"))
        builder.add_edge("__start__", "a")
        yield from counted.twice(builder.compile(cache=lg.cache.memory.InMemoryCache()))


@covers("REL-08", "REL-09")
def branches_of_a_hit(lg, drive):
    """The routes that branches took are kept with the writes: branches are not asked again."""
    counted = Counted(drive)
    asked = []

    def route(state):
        asked.append(1)
        return "b"

    builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"))
    builder.add_node("b", counted.node("b")).add_edge("__start__", "a").add_conditional_edges("a", route)
    yield from counted.twice(builder.compile(cache=lg.cache.memory.InMemoryCache()))
    yield len(asked)


@covers("REL-11", "REL-09")
def what_is_not_kept(lg, drive):
    """Errors and interrupts are not kept; of what finished beside them, everything is."""
    counted = Counted(drive)

    def bad(state):
        counted.ran.append("bad")
        raise ValueError("bad")

    def ask(state):
        counted.ran.append("ask")
        lg.types.interrupt("?")

    for other in (bad, ask):
        alone = cached(lg, lg.graph.StateGraph(Log), "n", drive.node(other)).add_edge("__start__", "n")
        yield from counted.twice(alone.compile(cache=lg.cache.memory.InMemoryCache()))
        both = cached(lg, fan(lg, Log, ("n", drive.node(other, turn=1))), "a", counted.node("a", turn=0))
        both.add_edge("__start__", "a")
        yield from counted.twice(both.compile(cache=lg.cache.memory.InMemoryCache()))


@covers("REL-08")
def keys(lg, drive):
    """The key function is given the node's input and returns text or bytes; equal keys are the same entry."""
    counted = Counted(drive)
    for function in (lambda s: "text", lambda s: b"bytes", lambda s: repr(s), lambda s: repr(sorted(s))):
        builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"), key_func=function)
        graph = builder.add_edge("__start__", "a").compile(cache=lg.cache.memory.InMemoryCache())
        yield from counted.twice(graph)
        yield from counted.twice(graph, {"log": [1]})


@covers("REL-08")
def a_key_function_that_fails(lg, drive):
    """What a key function raises ends the run."""
    counted = Counted(drive)

    def fail(value):
        raise KeyError("no key")

    builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"), key_func=fail)
    yield from counted.twice(
        builder.add_edge("__start__", "a").compile(cache=lg.cache.memory.InMemoryCache())
    )


@covers("REL-08")
def namespaces(lg, drive):
    """Entries are apart by function and by node; what has no name of its own is apart by node alone."""
    seen = []

    class Spy(lg.cache.memory.InMemoryCache):
        def get(self, keys):
            seen.extend(keys)
            return super().get(keys)

        async def aget(self, keys):
            seen.extend(keys)
            return await super().aget(keys)

        def set(self, pairs):
            seen.extend((key, list(value), ttl) for key, (value, ttl) in pairs.items())
            return super().set(pairs)

        async def aset(self, pairs):
            seen.extend((key, list(value), ttl) for key, (value, ttl) in pairs.items())
            return await super().aset(pairs)

    class Called:
        def __call__(self, state):
            return {"log": ["called"]}

        def method(self, state):
            return {"log": ["method"]}

    def plain(state, more=None):
        return {"log": ["plain"]}

    inner = chain(lg, Log, *saying(drive, "x")).compile()
    nodes = (plain, Called(), Called().method, functools.partial(plain, more=1), inner, lambda s: None)
    for number, node in enumerate(nodes):
        # A partial of otgraph's own drive would hide the name.
        builder = cached(lg, lg.graph.StateGraph(Log), "n", node, key_func=lambda s: "k", ttl=number or None)
        graph = builder.add_edge("__start__", "n").compile(cache=Spy())
        seen.clear()
        yield drive.invoke(graph, {"log": []}), drive.invoke(graph, {"log": []})
        yield list(seen)


@covers("REL-08")
def time_to_live(lg, drive):
    """An entry that has expired is none."""
    counted = Counted(drive)
    for ttl in (0, 1000, None):
        builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"), ttl=ttl)
        yield from counted.twice(
            builder.add_edge("__start__", "a").compile(cache=lg.cache.memory.InMemoryCache())
        )


@covers("REL-08")
def nothing_to_keep_it_in(lg, drive):
    """A policy without a cache does nothing; a nested graph does not use the cache of the one around it."""
    counted = Counted(drive)
    inner = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a")).add_edge("__start__", "a")
    yield from counted.twice(inner.compile())
    Cache = lg.cache.memory.InMemoryCache
    for graph in (inner.compile(), inner.compile(cache=Cache())):

        @drive.node
        async def call(state, graph=graph):
            return await drive.call(graph, state)

        yield from counted.twice(chain(lg, Log, ("inner", graph)).compile(cache=Cache()))
        yield from counted.twice(chain(lg, Log, ("call", call)).compile(cache=Cache()))


@covers("REL-08", "REL-09")
def graphs_as_nodes(lg, drive):
    """A graph that is a cached node does not run at all on a hit."""
    counted = Counted(drive)
    inner = chain(lg, Log, ("x", counted.node("x"))).compile()
    builder = cached(lg, lg.graph.StateGraph(Log), "inner", inner).add_edge("__start__", "inner")
    yield from counted.twice(builder.compile(cache=lg.cache.memory.InMemoryCache()))


@covers("REL-08", "REL-09", "REL-10")
def packets(lg, drive):
    """The tasks of Sends are cached one by one, by their input."""
    counted = Counted(drive)
    Send = lg.types.Send
    builder = cached(lg, lg.graph.StateGraph(Log), "w", counted.node("w", turn=0))
    builder.add_conditional_edges("__start__", lambda s: [Send("w", {"i": i}) for i in s["log"]], ["w"])
    graph = builder.compile(cache=lg.cache.memory.InMemoryCache())
    yield from counted.twice(graph, {"log": [1, 2]})
    yield from counted.twice(graph, {"log": [2, 3]})


@covers("GRA-07", "REL-08")
def defaults(lg, drive):
    """set_node_defaults(cache_policy=) is for nodes that have none; not for error handlers."""
    counted = Counted(drive)
    NodeError = lg.errors.NodeError

    def bad(state):
        raise ValueError("bad")

    @drive.node
    def handle(state, error: NodeError):
        counted.ran.append("handler")

    builder = fan(lg, Log, ("a", counted.node("a", turn=0)))
    builder.add_node("bad", drive.node(bad, turn=1), error_handler=handle).add_edge("__start__", "bad")
    builder.set_node_defaults(cache_policy=lg.types.CachePolicy())
    yield from counted.twice(builder.compile(cache=lg.cache.memory.InMemoryCache()))


@covers("REL-10")
def clearing(lg, drive):
    """clear_cache forgets some nodes or all; without a cache it is an error."""
    counted = Counted(drive)
    builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a"), key_func=lambda s: "k")
    cached(lg, builder, "b", counted.node("b"), key_func=lambda s: "k")
    builder.add_edge("__start__", "a").add_edge("a", "b")
    graph = builder.compile(cache=lg.cache.memory.InMemoryCache())

    def clear(*args):
        if drive.driver == "sync":
            return drive.attempt(graph.clear_cache, *args)
        return drive.awaited(graph.aclear_cache, *args)

    yield from counted.twice(graph)
    for names in ((["a"],), (("b",),), ([],), (), (None,)):
        yield clear(*names)
        yield from counted.twice(graph)
    graph = builder.compile()
    yield clear(), clear(["a"])


@covers("REL-09", "REL-08")
def breakpoints(lg, drive):
    """A breakpoint before a cached node stops the run first; one after it stops it too."""
    counted = Counted(drive)
    builder = cached(lg, lg.graph.StateGraph(Log), "a", counted.node("a")).add_edge("__start__", "a")
    for options in ({"interrupt_before": ["a"]}, {"interrupt_after": ["a"]}):
        yield from counted.twice(builder.compile(cache=lg.cache.memory.InMemoryCache()), **options)


@covers("REL-11")
def a_cache_that_fails(lg, drive):
    """What a cache raises ends the run."""

    class NoGet(lg.cache.memory.InMemoryCache):
        def get(self, keys):
            raise RuntimeError("no get")

        async def aget(self, keys):
            raise RuntimeError("no get")

    class NoSet(lg.cache.memory.InMemoryCache):
        def set(self, pairs):
            raise RuntimeError("no set")

        async def aset(self, pairs):
            raise RuntimeError("no set")

    for kind in (NoGet, NoSet):
        builder = cached(lg, lg.graph.StateGraph(Log), "a", speaker(drive, "a")).add_edge("__start__", "a")
        yield drive.invoke(builder.compile(cache=kind()), {"log": []})
