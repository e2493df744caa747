"""The runtime as a node finds it, and the store it leads to."""

from parity.registry import covers

from .states import Log, chain


def described(item):
    """Return what an item shows, its times as whether they are there."""
    if item is None:
        return None
    shown = (type(item).__name__, item.namespace, item.key, item.value, getattr(item, "score", "no score"))
    return (*shown, item.created_at.tzinfo is not None, item.created_at <= item.updated_at)


@covers("RTS-01", "PKG-08")
def fields_of_a_runtime(lg):
    """A Runtime is frozen; it is made by keywords, patched and overridden into new ones."""
    import dataclasses

    Runtime, Info = lg.runtime.Runtime, lg.runtime.ExecutionInfo
    yield sorted(field.name for field in dataclasses.fields(Runtime))
    yield sorted(field.name for field in dataclasses.fields(Info))
    yield [name for name in dir(Runtime) if not name.startswith("_")]
    empty = Runtime()
    yield empty.context, empty.store, empty.previous, empty.execution_info, empty.server_info, empty.control
    yield empty.drain_requested, empty.drain_reason, empty.heartbeat()
    info = Info(checkpoint_id="c", checkpoint_ns="n", task_id="t")
    yield info.thread_id, info.run_id, info.node_attempt, info.node_first_attempt_time
    patched = Runtime(execution_info=info).patch_execution_info(node_attempt=3)
    yield patched.execution_info.node_attempt, patched.execution_info.task_id, info.node_attempt
    merged = Runtime(context=1, previous=2).merge(Runtime(previous=3, execution_info=info))
    yield merged.context, merged.previous, merged.execution_info is info
    try:
        empty.context = 1
    except AttributeError as error:
        yield type(error).__name__


@covers("RTS-01")
def a_control_on_the_runtime(lg, drive):
    """A node sees by its runtime whether the run was asked to stop."""
    control = lg.runtime.RunControl()
    seen = []

    @drive.node
    def a(state, runtime):
        seen.append((runtime.drain_requested, runtime.drain_reason, runtime.control is control))
        control.request_drain("enough")
        seen.append((runtime.drain_requested, runtime.drain_reason))
        return {"log": ["a"]}

    yield drive.invoke(chain(lg, Log, ("a", a)).compile(), {"log": []}, control=control)
    yield seen


@covers("RTS-02", "RTS-04")
def by_hand_or_by_name(lg, drive):
    """get_runtime and get_store give what is injected; outside of a run they fail."""
    store = lg.store.memory.InMemoryStore()

    @drive.node
    def a(state, runtime, store):
        found = lg.runtime.get_runtime()
        same = lg.config.get_store() is store, found.store is store, runtime.store is store
        return {"log": [*same, found.context, found.execution_info.task_id == runtime.execution_info.task_id]}

    yield drive.invoke(chain(lg, Log, ("a", a)).compile(store=store), {"log": []}, context={"user": "u"})
    yield drive.invoke(chain(lg, Log, ("a", a)).compile(), {"log": []})
    for outside in (lg.runtime.get_runtime, lg.config.get_store):
        try:
            outside()
        except RuntimeError as error:
            yield type(error).__name__


@covers("RTS-04", "SUB-07")
def a_nested_graph_has_the_outer_store(lg, drive):
    """A graph that is a node, or is called in one, has the store of the run around it."""
    outer = lg.store.memory.InMemoryStore()

    @drive.node
    def remember(state, store):
        store.put(("seen",), str(len(state["log"])), {"log": state["log"]})
        return {"log": [len(store.search(("seen",)))]}

    inner = chain(lg, Log, ("remember", remember)).compile()

    @drive.node
    async def call(state):
        return {"log": (await drive.call(inner, {"log": ["called"]}))["log"]}

    graph = chain(lg, Log, ("inner", inner), ("call", call)).compile(store=outer)
    yield drive.invoke(graph, {"log": ["x"]})
    yield [described(item) for item in outer.search(())]


@covers("RTS-04")
def a_nested_graph_with_a_store(lg, drive):
    """A nested graph may have been compiled with a store of its own."""
    outer, own = lg.store.memory.InMemoryStore(), lg.store.memory.InMemoryStore()

    @drive.node
    def which(state, store):
        return {"log": ["outer" if store is outer else "own" if store is own else "none"]}

    inner = chain(lg, Log, ("which", which)).compile(store=own)
    for given in (outer, None):
        yield drive.invoke(chain(lg, Log, ("inner", inner)).compile(store=given), {"log": []})


@covers("RTS-04")
def a_store_outlives_its_runs(lg, drive):
    """What one run remembers, the next finds, whatever its thread; its coroutines do the same."""
    store = lg.store.memory.InMemoryStore()

    @drive.node
    async def a(state, store):
        if drive.functions == "async":
            await store.aput(("log",), str(state["log"][-1]), {"n": len(state["log"])})
            found = await store.asearch(("log",))
        else:
            store.put(("log",), str(state["log"][-1]), {"n": len(state["log"])})
            found = store.search(("log",))
        return {"log": [item.key for item in found]}

    graph = chain(lg, Log, ("a", a)).compile(store=store)
    for word in ("one", "two", "one"):
        yield drive.invoke(graph, {"log": [word]}, {"configurable": {"thread_id": word}})
