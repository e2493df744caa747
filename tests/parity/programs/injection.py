"""What a node may ask for besides the state."""

from typing import Any, TypedDict

from parity.registry import covers

from .states import Log, chain


def kinds(values):
    """Return the type names of injected values, so that engines' own types need not be equal."""
    return [None if value is None else type(value).__name__ for value in values]


@covers("GRA-20", "GRA-21", "GRA-22")
def by_name(lg, drive):
    """config, writer, store and runtime come by name, positional or keyword-only, annotated or not."""
    seen = []

    @drive.node
    def bare(state, config, writer, store, runtime):
        seen.append((isinstance(config, dict), callable(writer), store, type(runtime).__name__))

    @drive.node
    def keyword(state, *, runtime, store, writer, config):
        seen.append((isinstance(config, dict), callable(writer), store, type(runtime).__name__))

    @drive.node
    def annotated(
        state: Log,
        writer: lg.types.StreamWriter,
        runtime: lg.runtime.Runtime,
        config: "RunnableConfig",  # noqa: F821
    ):
        seen.append((isinstance(config, dict), callable(writer), type(runtime).__name__))

    @drive.node
    def optional(state, config: "Optional[RunnableConfig]", store: "Optional[BaseStore]"):  # noqa: F821, UP045
        seen.append((isinstance(config, dict), store))

    @drive.node
    def anything(state, runtime: Any):
        seen.append(type(runtime).__name__)

    @drive.node
    def defaults(state, config=None, writer=None, store=5, runtime=None):
        seen.append((isinstance(config, dict), callable(writer), store, type(runtime).__name__))

    nodes = [(n.__name__, n) for n in (bare, keyword, annotated, optional, anything, defaults)]
    yield drive.stream(chain(lg, Log, *nodes).compile(), {"log": []})
    yield seen


@covers("GRA-20", colours=("sync", "async"))
def wrong_annotations(lg, drive):
    """The right name with another type is not injected; Python says what is missing."""

    @drive.node
    def wrong_config(state, config: dict):
        return {"log": ["got it"]}

    @drive.node
    def wrong_writer(state, writer: str):
        return {"log": ["got it"]}

    @drive.node
    def wrong_store(state, store: int):
        return {"log": ["got it"]}

    @drive.node
    def wrong_previous(state, previous):
        return {"log": [previous]}

    for node in (wrong_config, wrong_writer, wrong_store, wrong_previous):
        with drive.heard() as heard:
            graph = chain(lg, Log, ("n", node)).compile()
        yield node.__name__, [kind for kind, *_ in heard]
        yield drive.stream(graph, {"log": []})


@covers("GRA-21")
def stores(lg, drive):
    """A store given at compile is injected; without one None is."""
    seen = []

    @drive.node
    def by_argument(state, store):
        if store is not None:
            store.put(("n",), "k", {"v": 1})
        seen.append(store is not None)

    @drive.node
    def by_call(state, runtime):
        same = lg.config.get_store() is runtime.store
        seen.append((same, runtime.store and runtime.store.get(("n",), "k").value))

    builder = chain(lg, Log, ("a", by_argument), ("b", by_call))
    yield drive.invoke(builder.compile(), {"log": []})
    yield drive.invoke(builder.compile(store=lg.store.memory.InMemoryStore()), {"log": []})
    yield seen


class Needs:
    """A callable object that takes a writer."""

    def __call__(self, state, writer):
        writer("from an object")
        return {"log": ["object"]}

    def method(self, state, *, writer):
        writer("from a method")
        return {"log": ["method"]}


@covers("GRA-20", "GRA-02", colours=("sync", "mixed"))
def into_objects_methods_and_partials(lg, drive):
    """Callable objects, methods and partials are injected into as well."""
    import functools

    def both(word, state, writer):
        writer(f"from a partial: {word}")
        return {"log": [word]}

    needs = Needs()
    graph = chain(lg, Log, ("o", needs), ("m", needs.method), ("p", functools.partial(both, "w"))).compile()
    yield drive.every(graph, {"log": []})


@covers("GRA-20", "GRA-28")
def into_branches(lg, drive):
    """Branch functions take the same arguments as nodes."""

    def path(state, config, writer, runtime):
        writer(("branch", config["metadata"]["langgraph_node"], type(runtime).__name__))
        return "__end__"

    graph = chain(lg, Log, ("a", drive.node(lambda s: None)))
    graph.add_conditional_edges("a", path)
    yield drive.every(graph.compile(), {"log": []})


class Context(TypedDict):
    """A context."""

    user: str


@covers("GRA-20", "RUN-18")
def context_by_runtime(lg, drive):
    """runtime.context is the context of the call."""

    @drive.node
    def a(state, runtime: lg.runtime.Runtime[Context]):
        return {"log": [runtime.context]}

    builder = lg.graph.StateGraph(Log, context_schema=Context)
    builder.add_node("a", a).add_edge("__start__", "a")
    yield drive.invoke(builder.compile(), {"log": []}, context={"user": "u"})
    yield drive.invoke(builder.compile(), {"log": []})
