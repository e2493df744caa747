"""Messages: the reducer, the states made of it, tokens of models, messages that nodes return."""

import operator
from dataclasses import dataclass
from typing import Annotated, Any

from typing_extensions import TypedDict

from parity.registry import covers

from .states import chain, fan


class Talk(TypedDict, total=False):
    topic: str
    said: Annotated[list, operator.add]


def lc():
    """LangChain's messages; imported by whoever runs a program, not by whoever lists them."""
    from langchain_core import messages

    return messages


def fake(*answers, **options):
    """A model that streams its answers word by word, for ever."""
    from itertools import cycle

    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

    made = [lc().AIMessage(answer) if isinstance(answer, str) else answer for answer in answers]
    return GenericFakeChatModel(messages=cycle(made or [lc().AIMessage("big red fox")]), **options)


def slow_learner(*answers, **options):
    """A model that cannot stream."""
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel

    return FakeMessagesListChatModel(responses=[lc().AIMessage(answer) for answer in answers], **options)


async def ask(drive, model, *args, **kwargs):
    """Ask a model in the colour of the nodes."""
    if drive.functions == "sync":
        return model.invoke(*args, **kwargs)
    return await model.ainvoke(*args, **kwargs)


def asks(drive, *models, key="said", **options):
    """Return a node that asks models one after another and returns what they say, as text."""

    @drive.node
    async def node(state):
        texts = []
        for model in models:
            texts.append((await ask(drive, model, "hi", **options)).content)
        return {key: texts}

    return node


# ---- state


@covers("STA-23", "PKG-03")
def the_reducer(lg):
    """add_messages merges by id, gives ids in place, removes, and makes messages of what stands for them."""
    m, add = lc(), lg.graph.add_messages

    def attempt(*args, **kwargs):
        try:
            return add(*args, **kwargs)
        except Exception as error:
            return type(error).__name__, str(error)

    human, ai, gone = m.HumanMessage, m.AIMessage, m.RemoveMessage
    everything = gone(id=lg.graph.message.REMOVE_ALL_MESSAGES)
    yield attempt([], [])
    yield attempt("a", "b")
    yield attempt([("human", "x")], {"role": "assistant", "content": "y"})
    yield attempt([human("a", id="1"), human("b", id="2")], [ai("c", id="1"), ai("d", id="1")])
    yield attempt([human("a", id="1"), human("b", id="1")], [ai("c", id="1")])
    yield attempt([human("a", id="1")], [m.AIMessageChunk("c", id="1")])
    yield attempt([human("a", id="1")], [gone(id="1")])
    yield attempt([human("a", id="1")], [gone(id="2")])
    yield attempt([human("a", id="1")], [gone(id="1"), human("b", id="1")])
    yield attempt([human("a", id="1")], [human("b", id="1"), gone(id="1")])
    yield attempt([human("a", id="1")], [human("n", id="3"), gone(id="3")])
    yield attempt([human("a", id="1")], [everything, human("b", id="9"), human("c", id="9"), ("ai", "e")])
    yield attempt([human("a", id="1")], [everything, human("b", id="9"), everything, gone(id="zz")])
    yield attempt([gone(id="z")], [human("b", id="9")])
    yield attempt(([]), 5)
    yield attempt(([]), {"x": 1})
    yield attempt([], [{"role": "nope", "content": "x"}])
    yield attempt(({"role": "user", "content": "x"},), [])
    yield attempt(None, [])
    yield attempt([], [])
    left, right = [human("a")], [human("b")]
    merged = add(left, right)
    yield merged[0] is left[0], merged[1] is right[0], left, right


@covers("STA-23")
def the_form_of_openai(lg):
    """format= changes contents; with keywords only the result is a reducer."""
    m, add = lc(), lg.graph.add_messages
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "1234"}}
    text = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    yield add([m.HumanMessage([text, picture], id="1")], [], format="langchain-openai")
    yield add(format="langchain-openai")([], [m.HumanMessage([text], id="q")])
    try:
        add([], [], format="bad")
    except ValueError as error:
        yield str(error)


@covers("STA-24", "STA-23", "PKG-01")
def a_state_of_messages(lg, drive):
    """MessagesState holds a conversation; a node may return one message, a list, or what stands for them."""
    m = lc()
    graph = lg.graph.StateGraph(lg.graph.MessagesState)

    @drive.node
    def one(state):
        return {"messages": m.AIMessage("one", id="1")}

    @drive.node
    def many(state):
        return {"messages": [("ai", "two"), {"role": "user", "content": "three"}]}

    @drive.node
    def gone(state):
        return {"messages": [m.RemoveMessage(id="1")]}

    graph = chain(lg, lg.graph.MessagesState, ("one", one), ("many", many), ("gone", gone)).compile()
    yield drive.every(graph, {"messages": "hello"})
    yield drive.invoke(graph, {"messages": [m.HumanMessage("a", id="x"), m.HumanMessage("b", id="x")]})


@covers("STA-25")
def a_graph_of_messages(lg, drive):
    """The state of a MessageGraph is a bare list of messages."""
    m = lc()
    builder = lg.graph.MessageGraph()
    builder.add_node("n", drive.node(lambda messages: m.AIMessage(f"{len(messages)}", id="q")))
    builder.add_edge(lg.graph.START, "n")
    graph = builder.compile()
    yield drive.invoke(graph, "hi")
    yield drive.stream(
        graph, [m.HumanMessage("y", id="h")], stream_mode=["updates", "values", "messages", "tasks"]
    )


@covers("STA-26", "STR-41")
def pushed(lg, drive):
    """push_message shows a message at once and writes it before what the node returns."""
    m, push = lc(), lg.graph.message.push_message

    @drive.node
    def n(state):
        returned = push(m.AIMessage("pushed", id="p1"))
        push({"role": "ai", "content": "shown only", "id": "p2"}, state_key=None)
        push(m.AIMessage("pushed again", id="p1"))
        return {"messages": [m.AIMessage(type(returned).__name__, id="r"), m.AIMessage("known", id="p2")]}

    @drive.node
    def without_an_id(state):
        try:
            push(m.AIMessage("x"))
        except ValueError as error:
            yield_ = type(error).__name__
        return {"messages": [m.AIMessage(yield_, id="e")]}

    graph = chain(lg, lg.graph.MessagesState, ("n", n), ("e", without_an_id)).compile()
    yield drive.stream(
        graph,
        {"messages": [m.HumanMessage("hi", id="h")]},
        {"tags": ["u"]},
        stream_mode=["messages", "updates", "values", "tasks"],
    )
    yield drive.invoke(graph, {"messages": [m.HumanMessage("hi", id="h")]})


# ---- tokens


@covers("STR-33", "STR-35", "STR-46", "STR-34")
def tokens(lg, drive):
    """A model that is invoked streams, and each token is a chunk with its metadata."""
    graph = chain(lg, Talk, ("n", asks(drive, fake(), fake("one")))).compile()
    for mode in ("messages", ["messages"], ["updates", "messages", "values"]):
        yield drive.stream(graph, {"topic": "x"}, stream_mode=mode)
    yield drive.stream(graph, {"topic": "x"}, stream_mode="messages", version="v2")
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["updates", "values"])


@covers("STR-33", "STR-34")
def tokens_of_a_stream(lg, drive):
    """A node that streams its model itself is seen too."""
    model = fake()

    @drive.node
    async def n(state):
        if drive.functions == "sync":
            parts = [chunk.content for chunk in model.stream("hi")]
        else:
            parts = [chunk.content async for chunk in model.astream("hi")]
        return {"said": parts}

    graph = chain(lg, Talk, ("n", n)).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-40", "STR-42", "CBK-03")
def metadata_of_tokens(lg, drive):
    """Tokens say where they are from: what the user said, where in the graph, which model, its tags."""
    graph = lg.graph.StateGraph(Talk)
    graph.add_node("n", asks(drive, fake(tags=["joke"]), fake()), metadata={"of": "node"})
    graph.add_edge(lg.graph.START, "n")
    graph = graph.compile()
    config = {
        "tags": ["u"],
        "metadata": {"um": 2},
        "configurable": {"thread_id": "1", "other": "o", "assistant_id": "as"},
    }
    chunks = drive.stream(graph, {"topic": "x"}, config, stream_mode="messages")
    yield [(message.content, dict(sorted(metadata.items()))) for message, metadata in chunks]
    del config["configurable"]["assistant_id"]
    yield drive.stream(graph, {"topic": "x"}, config, stream_mode="messages")
    yield drive.stream(graph, {"topic": "x"}, {"metadata": {"um": {"deep": [1]}}}, stream_mode="messages")
    yield drive.stream(graph.with_config(tags=["g"]), {"topic": "x"}, {"tags": ["u"]}, stream_mode="messages")


@covers("STR-40", "STR-42")
def filters(lg, drive):
    """Tokens can be told apart by tag and by node."""
    joke, poem = fake("a joke", tags=["joke"]), fake("a poem", tags=["poem"])

    @drive.node
    async def both(state, config):
        await ask(drive, joke, "hi", config)
        await ask(drive, poem, "hi", config)

    graph = chain(lg, Talk, ("both", both), ("write_poem", asks(drive, poem))).compile()
    chunks = drive.stream(graph, {"topic": "x"}, stream_mode="messages")
    yield [message.content for message, metadata in chunks if metadata["tags"] == ["joke"]]
    yield [message.content for message, metadata in chunks if metadata["langgraph_node"] == "write_poem"]
    yield chunks


@covers("STR-38")
def not_streamed(lg, drive):
    """`nostream` hides tokens; a model that does not stream gives one whole message."""
    models = [
        fake("hidden", tags=["nostream"]),
        fake("hidden too").with_config(tags=["nostream", "other"]),
        fake("not streamed", disable_streaming=True),
        slow_learner("cannot stream"),
        fake("seen"),
    ]
    graph = chain(lg, Talk, *((f"n{i}", asks(drive, model)) for i, model in enumerate(models))).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-38", "STR-34")
def hidden_and_returned(lg, drive):
    """A message is hidden while its model speaks, and shown when its node returns it."""
    model = fake("hidden", tags=["nostream"])

    @drive.node
    async def n(state):
        return {"messages": [await ask(drive, model, "hi")]}

    graph = chain(lg, lg.graph.MessagesState, ("n", n)).compile()
    yield drive.stream(graph, {"messages": "hi"}, stream_mode=["messages", "updates"])


# ---- messages that nodes return


@dataclass
class Reply:
    said: Any = None
    also: Any = None


@covers("STR-34", "STR-36", "STR-41")
def returned(lg, drive):
    """Messages in what a node returns are shown, one level deep; what only stands for a message is not."""
    m, Command = lc(), lg.types.Command
    ai = m.AIMessage
    returns = {
        "one": lambda: {"said": [ai("one")]},
        "bare": lambda: {"said": [ai("listed"), "text", ("ai", "pair"), {"role": "ai", "content": "dict"}]},
        "deep": lambda: {"said": [{"inside": ai("deep")}, [ai("deeper")]]},
        "unknown": lambda: {"nowhere": ai("unknown key"), "said": []},
        "command": lambda: Command(update={"said": [ai("in a command")]}),
        "commands": lambda: [
            Command(update={"said": [ai("first")]}),
            Command(update={"said": [ai("second")]}),
        ],
        "mixed": lambda: [Command(update={"said": [ai("in a list")]}), {"said": [ai("beside a command")]}],
        "pairs": lambda: Command(update=[("said", [ai("in pairs")])]),
        "tuple": lambda: {"said": (ai("in a tuple"),)} and {"said": [ai("kept")], "topic": (ai("tuple"),)},
        "object": lambda: Reply(said=[ai("in an object")]),
        "human": lambda: {"said": [m.HumanMessage("human"), m.ToolMessage("tool", tool_call_id="c")]},
        "removal": lambda: {"said": [m.RemoveMessage(id="zz")]},
        "chunk": lambda: {"said": [m.AIMessageChunk("chunk")]},
        "twice": lambda: {"said": [ai("same", id="s"), ai("other", id="s")]},
        "again": lambda: {"said": [ai("same", id="s")]},
        "nothing": lambda: None,
    }
    for name, make in returns.items():
        graph = chain(lg, Talk, (name, drive.node(lambda state, make=make: make()))).compile()
        yield drive.stream(graph, {"topic": "x"}, {"tags": ["u"]}, stream_mode=["messages", "updates"])


@covers("STR-34", "STR-36")
def returned_bare(lg, drive):
    """Where the state is a list, a node returns messages themselves."""
    m = lc()
    for make in (lambda: m.AIMessage("one"), lambda: [m.AIMessage("two"), m.AIMessage("three")]):
        builder = lg.graph.StateGraph(Annotated[list, lg.graph.add_messages])
        builder.add_node("n", drive.node(lambda state, make=make: make()))
        builder.add_edge(lg.graph.START, "n")
        yield drive.stream(builder.compile(), [("user", "hi")], stream_mode=["messages", "updates"])


@covers("STR-36", "STR-37", "STR-45")
def seen(lg, drive):
    """What a node was given, or what was streamed, is not shown again; ids are given before updates are."""
    m, model = lc(), fake(lc().AIMessage("big red fox", id="own"), lc().AIMessage("small dog"))

    @drive.node
    async def asks_and_returns(state):
        return {"messages": [await ask(drive, model, "hi"), await ask(drive, model, "hi")]}

    @drive.node
    def returns_all(state):
        return {"messages": [*state["messages"], m.AIMessage("new")]}

    @drive.node
    def a_tool(state):
        return {"messages": [m.ToolMessage("result", tool_call_id="1")]}

    graph = chain(
        lg, lg.graph.MessagesState, ("a", asks_and_returns), ("r", returns_all), ("t", a_tool)
    ).compile()
    given = [m.HumanMessage("hi", id="h"), m.AIMessage("earlier", id="e")]
    yield drive.stream(graph, {"messages": given}, stream_mode=["messages", "updates"])
    yield drive.stream(graph, {"messages": given}, stream_mode=["updates"])


@covers("STR-30", "STR-34")
def order(lg, drive):
    """Tokens of a node, and of its branch, come before the messages it returns; those before its update."""
    m, model, branching = lc(), fake("node speaks"), fake("branch speaks", tags=["branch"])

    @drive.node
    async def n(state, writer):
        writer("before")
        await ask(drive, model, "hi")
        writer("after")
        return {"said": [m.AIMessage("returned", id="r")]}

    @drive.node
    async def route(state):
        lg.config.get_stream_writer()("in the branch")
        await ask(drive, branching, "hi")
        return lg.graph.END

    builder = chain(lg, Talk, ("n", n))
    builder.add_conditional_edges("n", route, [lg.graph.END])
    modes = ["messages", "updates", "custom", "tasks", "values"]
    yield drive.stream(builder.compile(), {"topic": "x"}, stream_mode=modes)


@covers("STR-34", "STR-32")
def failures(lg, drive):
    """Tokens of a node that fails stay in the stream; what it would have returned is not shown."""
    m, model = lc(), fake("some words")

    @drive.node
    async def speaks_and_fails(state):
        await ask(drive, model, "hi")
        raise ValueError("boom")

    @drive.node
    def fine(state):
        return {"said": [m.AIMessage("returned", id="r")]}

    @drive.node
    def lost(state):
        raise ValueError("no way")

    yield drive.stream(
        chain(lg, Talk, ("n", speaks_and_fails)).compile(),
        {"topic": "x"},
        stream_mode=["messages", "updates"],
    )
    builder = chain(lg, Talk, ("n", fine))
    builder.add_conditional_edges("n", lost, [lg.graph.END])
    yield drive.stream(builder.compile(), {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-33", "STR-31")
def side_by_side(lg, drive):
    """Two nodes of one superstep stream with metadata of their own."""
    one, two = fake("one"), fake("two")

    @drive.node(turn=1)
    async def a(state):
        return {"said": [(await ask(drive, one, "hi")).content]}

    @drive.node(turn=2)
    async def b(state):
        return {"said": [(await ask(drive, two, "hi")).content]}

    graph = fan(lg, Talk, ("a", a), ("b", b)).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-40", "STR-41")
def pushed_tasks(lg, drive):
    """A task that was sent says so in its metadata."""
    m, model = lc(), fake("sent")

    @drive.node
    def plan(state):
        return lg.types.Command(goto=[lg.types.Send("w", {"topic": "1"}), lg.types.Send("w", {"topic": "2"})])

    @drive.node(turn=1)
    async def w(state):
        await ask(drive, model, "hi")
        return {"said": [m.AIMessage(state["topic"], id=state["topic"])]}

    builder = lg.graph.StateGraph(Talk)
    builder.add_node("plan", plan)
    builder.add_node("w", w)
    builder.add_edge(lg.graph.START, "plan")
    yield drive.stream(builder.compile(), {"topic": "x"}, stream_mode="messages")


# ---- graphs inside graphs


def nested(lg, drive):
    m, model = lc(), fake("inside speaks")

    @drive.node
    async def x(state):
        answer = await ask(drive, model, "hi")
        return {"messages": [answer, m.AIMessage("whole", id=f"w{len(state['messages'])}")]}

    return chain(lg, lg.graph.MessagesState, ("x", x)).compile()


@covers("STR-39", "STR-43", "STR-40")
def inside_a_node_graph(lg, drive):
    """Tokens of a graph that is a node are shown with subgraphs=True; else its messages when it ends, whole."""
    graph = chain(lg, lg.graph.MessagesState, ("sub", nested(lg, drive))).compile()
    given = {"messages": [lc().HumanMessage("hi", id="h")]}
    config = {"tags": ["u"], "metadata": {"um": 1}, "configurable": {"thread_id": "t"}}
    for subgraphs in (False, True):
        yield drive.stream(graph, given, config, stream_mode=["messages", "updates"], subgraphs=subgraphs)
        yield drive.stream(graph, given, config, stream_mode="messages", subgraphs=subgraphs)


@covers("STR-39", "STR-43")
def inside_a_node(lg, drive):
    """The same where a node invokes a graph, with or without passing its config on."""
    inner = nested(lg, drive)

    @drive.node
    async def by_context(state):
        return {"messages": (await drive.call(inner, state))["messages"]}

    @drive.node
    async def by_config(state, config):
        return {"messages": (await drive.call(inner, state, config))["messages"]}

    given = {"messages": [lc().HumanMessage("hi", id="h")]}
    for node in (by_context, by_config):
        graph = chain(lg, lg.graph.MessagesState, ("n", node)).compile()
        for subgraphs in (False, True):
            yield drive.stream(graph, given, stream_mode=["messages", "updates"], subgraphs=subgraphs)


@covers("STR-39")
def an_inner_stream(lg, drive):
    """A node that streams a graph itself gets its tokens, whatever the stream around shows."""
    inner = nested(lg, drive)

    @drive.node
    async def n(state, writer):
        chunks = await drive.read(inner, state, stream_mode="messages")
        writer([message.content for message, _ in chunks])

    graph = chain(lg, lg.graph.MessagesState, ("n", n)).compile()
    given = {"messages": [lc().HumanMessage("hi", id="h")]}
    yield drive.stream(graph, given, stream_mode=["messages", "custom"])
    yield drive.stream(graph, given, stream_mode=["custom"])


@covers("STR-35", "STR-40")
def chains_of_runnables(lg, drive):
    """A model inside a chain of LangChain streams too, and a Runnable may be the node itself."""
    from langchain_core.runnables import RunnableLambda

    model = fake("from a chain")
    sequence = model | RunnableLambda(lambda message: {"said": [message.content]})

    @drive.node
    async def n(state):
        return await ask(drive, sequence, "hi")

    graph = chain(lg, Talk, ("n", n)).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])
    first = RunnableLambda(lambda state: state["topic"])
    graph = chain(lg, Talk, ("n", first | sequence)).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-37", "STR-34")
def retries(lg, drive):
    """Tokens of an attempt that failed stay; the next attempt's come after them."""
    attempts, model = [], fake("some words")

    @drive.node
    async def n(state):
        await ask(drive, model, "hi")
        attempts.append(1)
        if len(attempts) % 2:
            raise ConnectionError("lost")
        return {"said": ["done"]}

    builder = lg.graph.StateGraph(Talk)
    builder.add_node("n", n, retry_policy=lg.types.RetryPolicy(initial_interval=0.001, jitter=False))
    builder.add_edge(lg.graph.START, "n")
    chunks = drive.stream(builder.compile(), {"topic": "x"}, stream_mode="messages")
    yield [(message.content, metadata["langgraph_node"]) for message, metadata in chunks]


@covers("STR-44", colours=("async",))
def code_that_lost_its_context(lg, drive):
    """In a task without the node's context variables, as in Python 3.10, a model streams if it is passed the config."""
    import asyncio
    import contextvars

    model = fake("by config")

    def apart(*args):
        loop = asyncio.get_running_loop()
        return contextvars.Context().run(loop.create_task, model.ainvoke("hi", *args))

    async def with_it(state, config):
        return {"said": [(await apart(config)).content]}

    async def without_it(state):
        return {"said": [(await apart()).content]}

    graph = chain(lg, Talk, ("with_it", with_it), ("without_it", without_it)).compile()
    yield drive.stream(graph, {"topic": "x"}, stream_mode=["messages", "updates"])


@covers("STR-39", "SUB-01", "RUN-17", "STR-40")
def a_config_that_is_passed_on(lg, drive):
    """A node that passes its config to a model or a graph says nothing new by it: threads and namespaces stay."""
    inner, model = nested(lg, drive), fake("by config")

    @drive.node
    async def n(state, config):
        await ask(drive, model, "hi", config)
        messages = (await drive.call(inner, state, config))["messages"]
        return {"messages": [*messages, lc().AIMessage(lg.types.interrupt("go on?"), id="answer")]}

    graph = chain(lg, lg.graph.MessagesState, ("n", n)).compile(
        checkpointer=lg.checkpoint.memory.InMemorySaver()
    )
    config = {"configurable": {"thread_id": "t"}, "metadata": {"um": 1}, "tags": ["u"]}
    given = {"messages": [lc().HumanMessage("hi", id="h")]}
    modes = ["messages", "updates", "checkpoints"]
    yield drive.stream(graph, given, config, stream_mode=modes, subgraphs=True)
    yield drive.stream(graph, lg.types.Command(resume="yes"), config, stream_mode=modes, subgraphs=True)


@covers("STR-33", "STR-43", "STR-34")
def in_tasks(lg, drive):
    """Models called in tasks and entrypoints stream, and what these return is shown; the namespace is the run's."""
    m, model = lc(), fake("from a task", tags=["t"])

    @lg.func.task
    @drive.node
    async def speak(topic):
        await ask(drive, model, topic)
        return m.AIMessage("of a task", id="a")

    @lg.func.entrypoint()
    @drive.node
    async def main(topic):
        answer = speak(topic)
        answer = answer.result() if drive.functions == "sync" else await answer
        await ask(drive, model, "again")
        return [answer, m.AIMessage("of the entrypoint", id="b")]

    for subgraphs in (False, True):
        yield drive.stream(
            main, "x", {"tags": ["u"]}, stream_mode=["messages", "updates"], subgraphs=subgraphs
        )
