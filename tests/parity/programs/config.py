"""config: what a node sees of it, how it is merged, what a nested graph inherits."""

from parity.registry import covers

from .states import Log, chain, speaker

ENGINE = ("__pregel_", "checkpoint_")


def visible(config):
    """Return what of a config belongs to users: the engine's own keys are reduced to their names."""
    shown = {
        k: config[k]
        for k in ("tags", "metadata", "recursion_limit", "max_concurrency", "run_name")
        if k in config
    }
    shown["configurable"] = {
        k: v for k, v in config.get("configurable", {}).items() if not k.startswith(ENGINE)
    }
    return shown


def looking(lg, drive, seen, way="argument"):
    """Return a node that notes the config it sees."""

    @drive.node
    def by_argument(state, config):
        seen.append(visible(config))

    @drive.node
    def by_call(state):
        seen.append(visible(lg.config.get_config()))

    return by_argument if way == "argument" else by_call


@covers("RUN-11", "RUN-12", "ENG-20")
def what_a_node_sees(lg, drive):
    """A node sees the caller's config with the engine's metadata, by argument and by get_config."""
    seen = []
    graph = chain(lg, Log, ("a", looking(lg, drive, seen)), ("b", looking(lg, drive, seen, "call"))).compile()
    yield drive.invoke(graph, {"log": []})
    given = {
        "configurable": {"user": "u", "thread_id": 7, "n": 1},
        "tags": ["t1", "t2"],
        "metadata": {"m": 1, "deep": {"k": [1]}},
        "recursion_limit": 11,
        "max_concurrency": 3,
        "run_name": "named",
    }
    before = repr(given)
    yield drive.invoke(graph, {"log": []}, given)
    yield before == repr(given)
    for each in seen:
        each["metadata"] = dict(sorted(each["metadata"].items()))
        each["configurable"] = dict(sorted(each["configurable"].items()))
        each["tags"] = sorted(t for t in each.get("tags", ()))
        yield each


def by_path(noted):
    """Order notes of parallel tasks by the task's path."""
    return noted[0], repr(noted[1]["langgraph_path"])


@covers("ENG-20")
def metadata_of_tasks(lg, drive):
    """Each task's metadata says step, node, triggers, path and namespace, and holds the node's own."""
    seen = []

    def noting(name):
        @drive.node
        def note(state, config):
            seen.append((name, dict(sorted(config["metadata"].items()))))

        return note

    builder = chain(lg, Log, ("a", noting("a")))
    builder.add_node("w", noting("w"), metadata={"mine": 1, "m": "node"})
    builder.add_conditional_edges("a", lambda s: [lg.types.Send("w", {}), "w"])
    inner = builder.compile()
    outer = chain(lg, Log, ("outer", inner)).compile()
    yield drive.invoke(inner, {"log": []}, {"metadata": {"m": "user"}, "max_concurrency": 1})
    yield sorted(seen, key=by_path)
    seen.clear()
    yield drive.invoke(outer, {"log": []}, {"max_concurrency": 1})
    yield sorted(seen, key=by_path)


@covers("RUN-11")
def unknown_keys_and_merging(lg, drive):
    """Unknown top-level keys move into configurable; a bound config and the call's are merged, the call's winning."""
    seen = []
    graph = chain(lg, Log, ("a", looking(lg, drive, seen))).compile()
    bound = graph.with_config(
        {
            "tags": ["bound"],
            "metadata": {"m": 1, "b": 1},
            "configurable": {"c": 1, "b": 1},
            "recursion_limit": 5,
        }
    )
    for call in (
        {},
        {"tags": ["call"], "metadata": {"m": 2}, "configurable": {"c": 2}, "recursion_limit": 6},
        {"user": "top level"},
    ):
        yield drive.invoke(bound, {"log": []}, call)
    for each in seen:
        own = {k: v for k, v in each["metadata"].items() if not k.startswith("langgraph_")}
        yield dict(sorted(own.items())), dict(sorted(each["configurable"].items()))
        yield [t for t in each.get("tags", ()) if ":" not in t], each.get("recursion_limit")


@covers("RUN-13", "RUN-11", "SUB-07")
def ambient_inheritance(lg, drive):
    """A graph invoked in a node inherits tags, metadata and configurable; its own are added."""
    seen = []
    inner = chain(lg, Log, ("x", looking(lg, drive, seen))).compile()

    @drive.node
    async def plain(state):
        await drive.call(inner, {"log": []})

    @drive.node
    async def more(state):
        await drive.call(
            inner, {"log": []}, {"tags": ["inner"], "metadata": {"i": 1}, "configurable": {"own": 2}}
        )

    @drive.node
    async def own_thread(state):
        await drive.call(inner, {"log": []}, {"configurable": {"thread_id": "other"}})

    config = {"tags": ["outer"], "metadata": {"o": 1}, "configurable": {"user": "u", "thread_id": "1"}}
    for node in (plain, more, own_thread):
        yield drive.invoke(chain(lg, Log, ("n", node)).compile(), {"log": []}, config)
    for each in seen:
        yield dict(sorted((k, v) for k, v in each["metadata"].items() if not k.startswith("langgraph_")))
        yield dict(sorted(each["configurable"].items())), [t for t in each.get("tags", ()) if ":" not in t]


@covers("RUN-11", "RUN-15")
def names_and_ids_of_runs(lg, drive):
    """run_name and run_id belong to the root run: a node's config does not carry them on."""
    seen = []

    @drive.node
    def a(state, config):
        seen.append((config.get("run_name"), config.get("run_id")))

    graph = chain(lg, Log, ("a", a)).compile()
    given = {"run_name": "my run", "run_id": "0b0ff64e-9cbb-4c10-9efb-dd4dc0f2f2c5"}
    yield drive.invoke(graph, {"log": []}, given)
    yield seen


@covers("RUN-17", "PKG-07", "STR-49")
def ambient_functions(lg, drive):
    """get_config, get_stream_writer and get_store work in a node and in what it calls; not outside a run."""

    def helper():
        lg.config.get_stream_writer()("from a helper")
        return lg.config.get_config()["metadata"]["langgraph_node"], lg.config.get_store()

    @drive.node
    def a(state):
        return {"log": [helper()]}

    yield drive.every(chain(lg, Log, ("a", a)).compile(), {"log": []})
    for function in (lg.config.get_config, lg.config.get_stream_writer, lg.config.get_store):
        yield drive.attempt(function)
    yield drive.attempt(lg.runtime.get_runtime)


@covers("RUN-12")
def thread_ids_as_given(lg, drive):
    """Without a checkpointer thread_id is one user key among others, and nothing is needed."""
    graph = chain(lg, Log, ("a", speaker(drive, "a"))).compile()
    for config in (
        None,
        {},
        {"configurable": {}},
        {"configurable": {"thread_id": 5}},
        {"configurable": {"x": [1]}},
    ):
        yield drive.every(graph, {"log": []}, config)
