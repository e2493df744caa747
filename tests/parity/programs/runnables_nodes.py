"""What LangChain is told of the steps inside a node, or a conditional edge, that is a Runnable."""

from functools import partial

from parity.registry import covers

from .callbacks import recorder
from .messages import ask, fake
from .runnables_events import events_of
from .states import Log, chain


def told(drive, graph, given=None, config=None):
    """Return the events of a run, the tags of each in alphabetical order: LangChain merges some as sets."""
    events = events_of(drive, graph, given, config)
    for event in events:
        if isinstance(event, dict):
            event["tags"] = sorted(event["tags"])
    return events


def shown(lg, drive, graph, given=None):
    """Yield the events of a run, and what a handler is told of it."""
    yield told(drive, graph, given)
    handler = recorder()
    yield drive.invoke(graph, given or {"log": ["i"]}, {"callbacks": [handler], "tags": ["u"]})
    yield handler.log
    yield drive.stream(graph, given or {"log": ["i"]}, stream_mode=["messages", "updates", "custom"])


def step(drive, name, function):
    """Return a step of a sequence."""
    from langchain_core.runnables import RunnableLambda

    return RunnableLambda(drive.node(function), name=name)


def speaking(drive):
    """Return a prompt, a model that says two words, a parser, and what makes an update of a text."""
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_messages([("human", "say {log}")])
    return prompt, fake("red fox"), StrOutputParser(), step(drive, "wrap", lambda text: {"log": [text]})


def routed(state, to):
    return to


class Router:
    """An edge that is an object."""

    def __call__(self, state):
        return "z"


@covers("STR-55", "CBK-01")
def a_sequence_with_a_model(lg, drive):
    """A prompt, a model, a parser and a function are chains below the task."""
    prompt, model, parser, wrap = speaking(drive)
    yield from shown(lg, drive, chain(lg, Log, ("n", prompt | model | parser | wrap)).compile())


@covers("STR-55", "CBK-01")
def a_sequence_that_streams(lg, drive):
    """Steps that stream pass their chunks on, and the node puts out each."""
    from langchain_core.runnables import RunnableGenerator

    prompt, model, parser, _ = speaking(drive)

    def each(texts):
        for text in texts:
            yield {"log": [text]}

    async def aeach(texts):
        async for text in texts:
            yield {"log": [text]}

    yield from shown(
        lg, drive, chain(lg, Log, ("n", prompt | model | parser | RunnableGenerator(each, aeach))).compile()
    )


@covers("STR-55", "CBK-01")
def functions(lg, drive):
    """One function as a Runnable, with tags and metadata bound to it or not."""
    one = step(drive, "one", lambda state: {"log": ["one"]})
    yield from shown(lg, drive, chain(lg, Log, ("n", one)).compile())
    bound = one.with_config(tags=["bound"], metadata={"b": 1}, run_name="named")
    yield from shown(lg, drive, chain(lg, Log, ("n", bound)).compile())


@covers("STR-55", "CBK-01")
def parallels(lg, drive):
    """Several Runnables side by side, alone and in a sequence."""
    from langchain_core.runnables import RunnableParallel

    one = step(drive, "one", lambda state: ["one"])
    yield from shown(lg, drive, chain(lg, Log, ("n", RunnableParallel(log=one))).compile())
    join = step(drive, "join", lambda parts: {"log": parts["a"]})
    yield from shown(lg, drive, chain(lg, Log, ("n", RunnableParallel(a=one) | join)).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", {"log": one})).compile())


@covers("STR-55", "CBK-01")
def nested_sequences(lg, drive):
    """A sequence in a sequence, in a parallel, with a config of its own."""
    from langchain_core.runnables import RunnableParallel, RunnableSequence

    def add(name):
        return step(drive, name, lambda state: {"log": [*state["log"], name]})

    inner = add("a") | add("b")
    named = RunnableSequence(add("c"), add("d"), name="named").with_config(tags=["inner"])
    yield from shown(lg, drive, chain(lg, Log, ("n", inner | named)).compile())
    own = RunnableSequence(add("e"), add("f"), name="own")
    yield from shown(lg, drive, chain(lg, Log, ("n", own)).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", own.with_config(tags=["t"]))).compile())
    both = RunnableParallel(log=own | step(drive, "pick", lambda state: state["log"]))
    yield from shown(lg, drive, chain(lg, Log, ("n", both)).compile())


@covers("STR-55", "CBK-01", "CBK-02")
def nodes_with_edges(lg, drive):
    """Conditional edges after a sequence, edges that are Runnables, and sequences."""

    def add(name):
        return step(drive, name, lambda state: {"log": [name]})

    from langchain_core.runnables import RunnableLambda

    def route(name, to):
        # LangGraph cannot take an edge that is a coroutine in a Runnable.
        return RunnableLambda(lambda state: to, name=name)

    for edge in (
        route("edge", "z"),
        step(drive, "count", lambda state: len(state["log"])) | step(drive, "choose", lambda count: "z"),
        drive.node(lambda state: "z"),
        partial(drive.node(routed), to="z"),
        Router(),
    ):
        for node in (add("a"), add("a") | step(drive, "b", lambda state: {"log": ["b"]})):
            builder = lg.graph.StateGraph(Log)
            builder.add_node("n", node).add_node("z", add("in z"))
            builder.add_edge(lg.graph.START, "n")
            builder.add_conditional_edges("n", edge, ["z"])
            yield from shown(lg, drive, builder.compile())


@covers("STR-55", "CBK-01", "CBK-02")
def edges_of_the_start(lg, drive):
    """A conditional edge that leaves the start, and two that leave one node."""
    from langchain_core.runnables import RunnableLambda

    def route(name, to):
        # LangGraph cannot take an edge that is a coroutine in a Runnable.
        return RunnableLambda(lambda state: to, name=name)

    say = step(drive, "say", lambda state: {"log": ["said"]})
    builder = lg.graph.StateGraph(Log)
    builder.add_node("n", say).add_node("z", say)
    builder.add_conditional_edges(lg.graph.START, route("first", "n"), ["n"])
    builder.add_conditional_edges("n", route("one", "z"), ["z"])
    builder.add_conditional_edges("n", route("two", "z"), ["z"])
    yield from shown(lg, drive, builder.compile())


@covers("CBK-02")
def edges_of_all_kinds(lg, drive):
    """The number of a conditional edge counts the other edges of its node."""

    def route(state):
        return "y"

    say = drive.node(lambda state: {"log": ["said"]})
    for edges in (["x"], ["x", "z"], ["x", ["n", "x"]], [["n", "x"]], [["n", "x"], "z"]):
        builder = lg.graph.StateGraph(Log)
        for name in ("n", "x", "y", "z"):
            builder.add_node(name, say)
        builder.add_edge(lg.graph.START, "n")
        for edge in edges:
            if isinstance(edge, list):
                builder.add_edge(edge, "z")
            else:
                builder.add_edge("n", edge)
        builder.add_edge(lg.graph.START, "x")
        builder.add_conditional_edges("n", drive.node(route), ["y"])
        handler = recorder()
        drive.invoke(builder.compile(), {"log": []}, {"callbacks": [handler]})
        yield [event[3:6:2] for event in handler.log if event[0] == "chain" and event[3] == "route"]


@covers("STR-55", "CBK-01")
def graphs_in_sequences(lg, drive):
    """A graph is a step of the sequence that is a node."""
    inner = chain(lg, Log, ("x", drive.node(lambda state: {"log": ["x"]}))).compile(name="inner")
    before = step(drive, "before", lambda state: state)
    after = step(drive, "after", lambda state: {"log": ["after"]})
    yield from shown(lg, drive, chain(lg, Log, ("n", before | inner)).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", inner | after)).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", before | inner | after)).compile())


@covers("STR-55", "CBK-01")
def runnables_that_nodes_return(lg, drive):
    """A node returns a Runnable, or a sequence; functions below a function call others."""
    one = step(drive, "one", lambda state: {"log": ["one"]})
    two = step(drive, "in two", lambda state: state) | step(drive, "two", lambda state: {"log": ["two"]})

    @drive.node
    def returns_one(state):
        return one

    @drive.node
    def returns_two(state):
        return two

    @drive.node
    async def calls(state):
        return await drive.call(two, state)

    for node in (returns_one, returns_two, calls, step(drive, "lambda", lambda state: two)):
        yield from shown(lg, drive, chain(lg, Log, ("n", node)).compile())


@covers("STR-55", "CBK-01")
def failures_in_steps(lg, drive):
    """An error in a step, one that is caught by a fallback, and one that is tried again."""

    def lost(state):
        raise ValueError("lost")

    bad = step(drive, "bad", lost)
    first = step(drive, "first", lambda state: state)
    good = step(drive, "good", lambda state: {"log": ["good"]})
    yield from shown(lg, drive, chain(lg, Log, ("n", first | bad)).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", bad.with_fallbacks([good]))).compile())
    yield from shown(lg, drive, chain(lg, Log, ("n", first | bad.with_fallbacks([first | good]))).compile())
    again = bad.with_retry(stop_after_attempt=2, wait_exponential_jitter=False)
    yield from shown(lg, drive, chain(lg, Log, ("n", again)).compile())


@covers("STR-55", "CBK-01")
def questions_in_steps(lg, drive):
    """A step asks a human; the run goes on with the answer from the first step on."""
    first = step(drive, "first", lambda state: state)
    asks = step(drive, "asks", lambda state: {"log": [lg.types.interrupt("q")]})
    graph = chain(lg, Log, ("n", first | asks)).compile(checkpointer=drive.saver())
    config = {"configurable": {"thread_id": "1"}}
    yield told(drive, graph, config=config)
    yield told(drive, graph, lg.types.Command(resume="yes"), config)


@covers("STR-55", "CBK-01")
def branches_of_langchain(lg, drive):
    """RunnableBranch, assign, pick and passthrough as nodes."""
    from langchain_core.runnables import RunnableBranch, RunnablePassthrough

    one = step(drive, "one", lambda state: {"log": ["one"]})
    two = step(drive, "two", lambda state: {"log": ["two"]})
    condition = step(drive, "condition", lambda state: True)
    assigned = RunnablePassthrough.assign(log=step(drive, "assigned", lambda state: ["assigned"]))
    for node in (
        RunnableBranch((condition, one), two),
        assigned,
        assigned | one,
        RunnablePassthrough() | two,
        assigned.pick(["log"]),
        one.bind(),
        one.with_types(),
        one | two.with_listeners(),
    ):
        yield from shown(lg, drive, chain(lg, Log, ("n", node)).compile())


@covers("STR-55", "CBK-01")
def generators(lg, drive):
    """Generator functions stream what they yield."""
    from langchain_core.runnables import RunnableGenerator

    def plain(state):
        yield {"log": ["a"]}
        yield {"log": ["b"]}

    async def coloured(state):
        yield {"log": ["a"]}
        yield {"log": ["b"]}

    if drive.functions == "sync":
        yield from shown(lg, drive, chain(lg, Log, ("n", plain)).compile())
    else:
        yield from shown(lg, drive, chain(lg, Log, ("n", coloured)).compile())

    def many(states):
        for state in states:
            yield from plain(state)

    async def amany(states):
        async for state in states:
            async for each in coloured(state):
                yield each

    # It is not invoked: there is no sum of its chunks.
    yield told(drive, chain(lg, Log, ("n", RunnableGenerator(many, amany))).compile())


@covers("STR-55", "CBK-01")
def a_model_alone(lg, drive):
    """A model is the node itself, and a step that takes the messages."""
    model = fake("red fox")
    enter = step(drive, "enter", lambda state: state["messages"])
    leave = step(drive, "leave", lambda message: {"messages": [message]})
    builder = chain(lg, lg.graph.MessagesState, ("n", enter | model | leave))
    yield from shown(lg, drive, builder.compile(), {"messages": [("human", "hi")]})

    @drive.node
    async def speaks(state):
        return {"messages": [await ask(drive, enter | model, state)]}

    yield from shown(
        lg, drive, chain(lg, lg.graph.MessagesState, ("n", speaks)).compile(), {"messages": [("human", "hi")]}
    )


@covers("STR-55", "CBK-02")
def graphs_of_runnables(lg, drive):
    """Graphs inside each other whose nodes are sequences."""
    prompt, model, parser, wrap = speaking(drive)
    inner = chain(lg, Log, ("x", prompt | model | parser | wrap)).compile(name="inner")
    outer = chain(lg, Log, ("n", inner), ("m", prompt | model | parser | wrap)).compile()
    yield from shown(lg, drive, outer)

    @drive.node
    async def calls(state):
        return await drive.call(inner, state)

    yield from shown(lg, drive, chain(lg, Log, ("n", calls)).compile())


@covers("CBK-02")
def handlers_that_tap(lg, drive):
    """A handler that taps what chains put out has nodes streamed, in either colour."""
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.tracers._streaming import _StreamingCallbackHandler

    class Taps(BaseCallbackHandler, _StreamingCallbackHandler):
        def __init__(self):
            self.seen = []

        def tap_output_iter(self, run_id, output):
            for chunk in output:
                self.seen.append(chunk)
                yield chunk

        async def tap_output_aiter(self, run_id, output):
            async for chunk in output:
                self.seen.append(chunk)
                yield chunk

    prompt, model, parser, wrap = speaking(drive)
    graph = chain(lg, Log, ("n", prompt | model | parser | wrap)).compile()
    for run in (drive.invoke, drive.stream):
        handler = Taps()
        yield run(graph, {"log": ["i"]}, {"callbacks": [handler]})
        yield [type(chunk).__name__ for chunk in handler.seen]


@covers("STR-55")
def other_versions(lg, drive):
    """Version 1 of the events, and the log of a run."""
    prompt, model, parser, wrap = speaking(drive)
    graph = chain(lg, Log, ("n", prompt | model | parser | wrap)).compile()

    async def events():
        return [
            (event["event"], event["name"], event["tags"], event["data"])
            async for event in graph.astream_events({"log": ["i"]}, version="v1")
        ]

    async def log():
        return [
            (each["op"], each["path"].split("/")[1:3])
            async for patch in graph.astream_log({"log": ["i"]})
            for each in patch.ops
        ]

    yield drive.awaited(events)
    yield drive.awaited(log)
