"""What LangChain's callback handlers are told of a run, by its config."""

from typing import Any

from parity.registry import covers

from .messages import ask, fake
from .states import Log, chain, fan


def recorder(*, asynchronous=False):
    """Return a handler that keeps what it is told, with ids of runs numbered as they come."""
    from langchain_core.callbacks import AsyncCallbackHandler, BaseCallbackHandler

    log: list[Any] = []
    numbers: dict[Any, int] = {}

    def number(run_id):
        return None if run_id is None else numbers.setdefault(run_id, len(numbers))

    def start(kind, run_id, parent_run_id, name, given, tags, metadata):
        log.append(
            (
                kind,
                number(run_id),
                number(parent_run_id),
                name,
                given,
                sorted(tags or ()),
                dict(metadata or {}),
            )
        )

    def end(kind, run_id, what):
        log.append((kind, number(run_id), what))

    class Sync(BaseCallbackHandler):
        def on_chain_start(
            self, serialized, inputs, *, run_id, parent_run_id=None, tags=None, metadata=None, **kw
        ):
            start("chain", run_id, parent_run_id, kw.get("name"), inputs, tags, metadata)

        def on_chain_end(self, outputs, *, run_id, **kw):
            end("end", run_id, outputs)

        def on_chain_error(self, error, *, run_id, **kw):
            end("error", run_id, error)

        def on_chat_model_start(
            self, serialized, messages, *, run_id, parent_run_id=None, tags=None, metadata=None, **kw
        ):
            start("model", run_id, parent_run_id, None, None, tags, metadata)

        def on_llm_end(self, response, *, run_id, **kw):
            end("model end", run_id, response.generations[0][0].text)

    class Async(AsyncCallbackHandler):
        async def on_chain_start(self, *args, **kwargs):
            Sync.on_chain_start(self, *args, **kwargs)

        async def on_chain_end(self, *args, **kwargs):
            Sync.on_chain_end(self, *args, **kwargs)

        async def on_chain_error(self, *args, **kwargs):
            Sync.on_chain_error(self, *args, **kwargs)

        async def on_chat_model_start(self, *args, **kwargs):
            Sync.on_chat_model_start(self, *args, **kwargs)

        async def on_llm_end(self, *args, **kwargs):
            Sync.on_llm_end(self, *args, **kwargs)

    handler = Async() if asynchronous else Sync()
    handler.log = log
    return handler


def speaking(drive, word, model):
    @drive.node
    async def node(state):
        return {"log": [word, (await ask(drive, model, "hi")).content]}

    return node


@covers("CBK-01", "CBK-02", "RUN-15")
def a_chain_with_a_branch(lg, drive):
    """A run, its tasks, their branches and the models inside are a tree; names, tags and metadata are LangGraph's."""
    model = fake("a b")

    @drive.node
    async def route(state):
        await ask(drive, model, "which")
        return "b"

    @drive.node
    def b(state):
        return lg.types.Command(update={"log": ["b"]}, goto="c")

    builder = lg.graph.StateGraph(Log)
    builder.add_node("a", speaking(drive, "a", model))
    builder.add_node("b", b, destinations=("c",))
    builder.add_node("c", drive.node(lambda state: {"log": ["c"]}), metadata={"of": "node"})
    builder.add_edge(lg.graph.START, "a")
    builder.add_conditional_edges("a", route, ["b"])
    graph = builder.compile()
    for config in (
        {},
        {"tags": ["u"], "metadata": {"um": 1}, "run_name": "mine", "configurable": {"thread_id": "1"}},
    ):
        handler = recorder()
        yield drive.invoke(graph, {"log": ["i"]}, {"callbacks": [handler], **config})
        yield handler.log
    handler = recorder()
    yield drive.stream(graph, {"log": ["i"]}, {"callbacks": [handler]}, stream_mode=["updates", "messages"])
    yield handler.log


@covers("CBK-01", "CBK-02")
def nested_graphs(lg, drive):
    """A graph inside a graph is a chain below its task, whether it is the node or called in it."""
    inner = chain(lg, Log, ("x", speaking(drive, "x", fake("in x")))).compile()

    @drive.node
    async def calls(state):
        return await drive.call(inner, {"log": []})

    @drive.node
    async def passes(state, config):
        return await drive.call(inner, {"log": []}, config)

    for node in (inner, calls, passes):
        handler = recorder()
        graph = chain(lg, Log, ("n", node)).compile(name="outer")
        yield drive.invoke(graph, {"log": ["i"]}, {"callbacks": [handler], "tags": ["u"], "run_name": "mine"})
        yield handler.log


@covers("CBK-01")
def errors(lg, drive):
    """An error ends the task's chain and the run's."""

    @drive.node
    def bad(state):
        raise ValueError("boom")

    handler = recorder()
    yield drive.invoke(chain(lg, Log, ("bad", bad)).compile(), {"log": []}, {"callbacks": [handler]})
    yield handler.log


@covers("CBK-01")
def interrupts(lg, drive):
    """An interrupt is an error to the task; the run ends with the state as it is."""

    @drive.node
    def ask_human(state):
        return {"log": [lg.types.interrupt("q")]}

    inner = chain(lg, Log, ("ask", ask_human)).compile()
    saver = lg.checkpoint.memory.InMemorySaver
    for node in (ask_human, inner):
        graph = chain(lg, Log, ("n", node)).compile(checkpointer=saver())
        for given in ({"log": ["i"]}, lg.types.Command(resume="yes")):
            handler = recorder()
            config = {"callbacks": [handler], "configurable": {"thread_id": "1"}}
            yield drive.invoke(graph, given, config)
            yield handler.log


@covers("CBK-02")
def async_handlers(lg, drive):
    """Handlers may be coroutines."""
    handler = recorder(asynchronous=True)
    graph = chain(lg, Log, ("a", speaking(drive, "a", fake("word")))).compile()
    yield drive.invoke(graph, {"log": []}, {"callbacks": [handler]})
    yield handler.log


@covers("CBK-02")
def side_by_side(lg, drive):
    """Each task of a superstep is a chain of its own."""
    nodes = [
        (word, drive.node(lambda state, word=word: {"log": [word]}, turn=i)) for i, word in enumerate("ab")
    ]
    handler = recorder()
    yield drive.invoke(fan(lg, Log, *nodes).compile(), {"log": []}, {"callbacks": [handler]})
    told = [(event[0], event[3] if event[0] == "chain" else event[2]) for event in handler.log]
    yield sorted(told, key=repr)


@covers("CBK-02")
def a_manager_and_bound_callbacks(lg, drive):
    """Callbacks may be a manager, or bound to the graph."""
    from langchain_core.callbacks import CallbackManager

    graph = chain(lg, Log, ("a", speaking(drive, "a", fake("word")))).compile()
    handler = recorder()
    yield drive.invoke(graph, {"log": []}, {"callbacks": CallbackManager([handler], [handler])})
    yield handler.log
    handler = recorder()
    yield drive.invoke(graph.with_config(callbacks=[handler]), {"log": []})
    yield handler.log


@covers("CBK-02")
def retried(lg, drive):
    """What handlers are told of an attempt that failed and of the next one."""
    attempts = []

    @drive.node
    def flaky(state):
        attempts.append(1)
        if len(attempts) == 1:
            raise ConnectionError("lost")
        return {"log": ["done"]}

    builder = lg.graph.StateGraph(Log)
    builder.add_node("n", flaky, retry_policy=lg.types.RetryPolicy(initial_interval=0.001, jitter=False))
    builder.add_edge(lg.graph.START, "n")
    handler = recorder()
    yield drive.invoke(builder.compile(), {"log": []}, {"callbacks": [handler]})
    yield handler.log


@covers("CBK-02")
def tasks_and_entrypoints(lg, drive):
    """Tasks are chains below the entrypoint."""
    model = fake("word")

    @lg.func.task
    @drive.node
    async def speak(topic, times=1, *more, **named):
        return (await ask(drive, model, topic)).content

    @lg.func.entrypoint()
    @drive.node
    async def main(topic):
        results = []
        for args, kwargs in (((topic,), {}), ((topic, 2, 3), {"other": 4}), ((), {"topic": topic})):
            answer = speak(*args, **kwargs)
            results.append(answer.result() if drive.functions == "sync" else await answer)
        return results

    handler = recorder()
    yield drive.invoke(main, "x", {"callbacks": [handler], "tags": ["u"]})
    yield handler.log


@covers("CBK-02", "GRA-02")
def nodes_that_are_runnables(lg, drive):
    """A Runnable as a node, and one that a node returns, are chains of their own below the task."""
    from langchain_core.runnables import RunnableLambda, RunnablePassthrough

    both = RunnableLambda(lambda state: {"log": ["one"]}, name="one").with_config(
        tags=["bound"], metadata={"b": 1}
    )

    @drive.node
    def returns(state):
        return both

    @drive.node
    def takes_config(state, config):
        return {"log": [type(config.get("callbacks")).__name__.removeprefix("Async")]}

    for name, node in (
        ("lambda", both),
        ("assign", RunnablePassthrough.assign(log=lambda state: ["assigned"])),
        ("returns", returns),
        ("takes_config", takes_config),
    ):
        handler = recorder()
        graph = chain(lg, Log, (name, node)).compile()
        yield drive.invoke(
            graph, {"log": ["i"]}, {"callbacks": [handler], "tags": ["u"], "configurable": {"thread_id": 1}}
        )
        yield handler.log
        yield drive.stream(graph, {"log": ["i"]}, stream_mode=["messages", "updates"])


@covers("CBK-02")
def a_sequence_as_a_node(lg, drive):
    """The steps of a sequence that is a node are chains below the task."""
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableLambda

    prompt = ChatPromptTemplate.from_messages([("human", "say {log}")])
    sequence = prompt | fake("said") | RunnableLambda(lambda message: {"log": [message.content]}, name="wrap")
    graph = chain(lg, Log, ("sequence", sequence)).compile()
    yield drive.stream(graph, {"log": ["i"]}, stream_mode=["messages", "updates"])
    handler = recorder()
    yield drive.invoke(graph, {"log": ["i"]}, {"callbacks": [handler]})
    yield [(event[0], event[3]) for event in handler.log if event[0] == "chain"]


def ended(handler):
    """Return how chains ended, by their number: with a result, or with an error of a class."""
    return [
        (kind, number, type(what).__name__ if kind == "error" else what)
        for kind, number, what, *_ in handler.log
        if kind in ("end", "error")
    ]


@covers("CBK-01", "GRA-39")
def left_graphs(lg, drive):
    """A Command for the graph around is an exception to the chains that it leaves."""

    def leave(state):
        return lg.types.Command(graph="__parent__", goto="after", update={"log": ["left"]})

    builder = lg.graph.StateGraph(Log)
    builder.add_node("inner", chain(lg, Log, ("leave", drive.node(leave))).compile(name="innermost"))
    builder.add_node("after", drive.node(lambda state: {"log": ["after"]}))
    builder.add_edge(lg.graph.START, "inner")
    handler = recorder()
    yield drive.invoke(builder.compile(), {"log": []}, {"callbacks": [handler]})
    yield ended(handler)


@covers("CBK-01")
def cut_short(lg, drive):
    """A consumer that leaves, and a sibling that fails, end chains by the exceptions of their colour."""

    async def slow(state):
        await drive.nap(0.2)
        return {"log": ["slow"]}

    async def fails(state):
        raise ValueError("lost")

    say = drive.node(lambda state: {"log": ["said"]})
    graph = chain(lg, Log, ("say", say), ("slow", drive.node(slow))).compile()
    handler = recorder()
    yield drive.stream(graph, {"log": []}, {"callbacks": [handler]}, stop=1)
    yield ended(handler)
    graph = fan(lg, Log, ("fails", drive.node(fails)), ("slow", drive.node(slow))).compile()
    handler = recorder()
    yield drive.invoke(graph, {"log": []}, {"callbacks": [handler]})
    yield sorted(ended(handler), key=str)
