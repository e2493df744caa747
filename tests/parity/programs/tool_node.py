"""ToolNode: what it takes, what it gives back, how calls are wrapped; validation; the shapes of questions."""

import operator
from typing import Annotated, Any

from typing_extensions import TypedDict

from parity.registry import covers

from .fakes import adder, call, calling, lc, tool
from .states import chain


def tools_graph(lg, node, state=None):
    return chain(lg, state or lg.graph.MessagesState, ("tools", node)).compile()


def asked(*calls):
    """Return a state in which a model has called tools."""
    return {"messages": [calling(*calls, id="ai")]}


def shown(result):
    """Return the answers of a run, without what it was given."""
    if not isinstance(result, dict):
        return result
    return [
        (m.type, m.content, m.name, getattr(m, "status", None), getattr(m, "tool_call_id", None))
        + ((m.artifact,) if getattr(m, "artifact", None) is not None else ())
        for m in result["messages"]
        if m.id != "ai"
    ]


@covers("PRE-12")
def attributes(lg, drive):
    """A node knows its name, its tags and its tools; functions become tools."""

    def plain(x: int) -> str:
        """Say it."""
        return f"plain {x}"

    node = lg.prebuilt.ToolNode([adder(drive), plain], name="mine", tags=["t"])
    yield node.name, node.tags, list(node.tools_by_name), node.tools_by_name["plain"].description
    node = lg.prebuilt.ToolNode([adder(drive)])
    yield node.name, node.tags
    yield drive.attempt(lg.prebuilt.ToolNode, [])
    builder = lg.graph.StateGraph(lg.graph.MessagesState)
    builder.add_node(node)
    builder.add_edge(lg.graph.START, "tools")
    yield shown(drive.invoke(builder.compile(), asked(("add", {"a": 1, "b": 2}))))


@covers("PRE-12")
def inputs(lg, drive):
    """A state, its messages, bare calls, and one call with its state: each has its form of answer."""
    m, node = lc(), lg.prebuilt.ToolNode([adder(drive)])
    one = calling(("add", {"a": 1, "b": 2}))
    two = calling(("add", {"a": 3, "b": 4}, "c2"), ("add", {"a": 5, "b": 6}, "c3"))

    class Model:
        messages = [one]

    for given in (
        {"messages": [one]},
        {"messages": [m.HumanMessage("x"), two]},
        {"messages": [one, m.HumanMessage("later")]},
        Model(),
        [m.HumanMessage("x"), one],
        [call("add", {"a": 1, "b": 2})],
        [call("add", {"a": 1, "b": 2}), call("add", {"a": 2, "b": 2}, "c2")],
        {"__type": "tool_call_with_context", "tool_call": call("add", {"a": 1, "b": 2}), "state": {}},
        {"messages": [m.AIMessage("no calls")]},
    ):
        seen = []

        @drive.node
        async def ask(state, config, given=given, seen=seen):
            seen.append(await drive.call(node, given, config))

        graph = chain(lg, lg.graph.MessagesState, ("ask", ask)).compile()
        yield drive.invoke(graph, {"messages": []}), seen


@covers("PRE-12")
def inputs_without_calls(lg, drive):
    """A state without an AI message, or without messages, is refused."""
    m, node = lc(), lg.prebuilt.ToolNode([adder(drive)])
    for given in ({"messages": []}, {"messages": [m.HumanMessage("x", id="h")]}):
        yield drive.invoke(tools_graph(lg, node), given)


@covers("PRE-12")
def another_key(lg, drive):
    """Messages may be under another key."""

    class Other(TypedDict):
        said: Annotated[list, operator.add]
        k: int

    node = lg.prebuilt.ToolNode([adder(drive)], messages_key="said")
    graph = tools_graph(lg, node, Other)
    yield drive.invoke(graph, {"said": [calling(("add", {"a": 1, "b": 2}))], "k": 1})


@covers("PRE-12")
def side_by_side(lg, drive):
    """Calls run side by side and are answered in their order; a limit of the run's holds for them."""
    node = lg.prebuilt.ToolNode([adder(drive)])
    three = asked(*(("add", {"a": 9 - i, "b": i}, f"c{i}") for i in range(3)))
    yield drive.stream(tools_graph(lg, node), three, stream_mode=["updates", "tasks"])


def many_results(lg, drive):
    m = lc()
    values = {
        "text": lambda: "text",
        "empty": lambda: "",
        "nothing": lambda: None,
        "number": lambda: 1.5,
        "dict": lambda: {"ä": [1, 2], "n": None},
        "odd": lambda: {"set": {1}},
        "list": lambda: [1, "x"],
        "strings": lambda: ["a", "b"],
        "blocks": lambda: [{"type": "text", "text": "hi"}],
        "mixed": lambda: ["a", {"type": "text", "text": "hi"}],
        "tuple": lambda: (1, 2),
        "bytes": lambda: b"x",
        "ai": lambda: m.AIMessage("ai", id="i"),
    }

    def made(name, make):
        def function() -> Any:
            """Return something."""
            return make()

        function.__name__ = name
        return tool(drive, function)

    return [made(name, make) for name, make in values.items()]


@covers("PRE-13")
def results(lg, drive):
    """Texts and blocks stay as they are, other values are JSON where they can be, with all letters kept."""
    tools = many_results(lg, drive)
    graph = tools_graph(lg, lg.prebuilt.ToolNode(tools))
    for each in tools:
        yield each.name, shown(drive.invoke(graph, asked((each.name, {}))))


@covers("PRE-13", "PRE-15")
def messages_as_results(lg, drive):
    """A tool may make its message itself, and may keep something beside what the model sees."""
    from langchain_core.tools import InjectedToolCallId

    def own(tid: Annotated[str, InjectedToolCallId]) -> Any:
        """Answer."""
        return lc().ToolMessage("own", tool_call_id=tid, name="else", status="error")

    def other() -> Any:
        """Answer another call."""
        return lc().ToolMessage("other", tool_call_id="another")

    def beside() -> Any:
        """Answer with something beside."""
        return "content", {"artifact": 1}

    def not_beside() -> Any:
        """Forget it."""
        return "content"

    tools = [
        tool(drive, own),
        tool(drive, other),
        tool(drive, beside, response_format="content_and_artifact"),
        tool(drive, not_beside, response_format="content_and_artifact"),
    ]
    graph = tools_graph(lg, lg.prebuilt.ToolNode(tools))
    for each in tools:
        yield each.name, shown(drive.invoke(graph, asked((each.name, {}))))


class Counted(TypedDict, total=False):
    messages: Annotated[list, operator.add]
    k: Annotated[int, operator.add]
    route: str


def commands_of(lg, drive):
    """Return tools that answer with commands."""
    from langchain_core.tools import InjectedToolCallId

    m, Command, Send = lc(), lg.types.Command, lg.types.Send

    def said(tid, text="ok"):
        return m.ToolMessage(text, tool_call_id=tid)

    made = {
        "update": lambda t: Command(update={"messages": [said(t)], "k": 1}),
        "as_pair": lambda t: Command(
            update={"messages": [{"role": "tool", "content": "d", "tool_call_id": t}]}
        ),
        "goes": lambda t: Command(update={"messages": [said(t)], "k": 1}, goto="after"),
        "sends": lambda t: Command(update={"messages": [said(t)]}, goto=[Send("after", {"route": t})]),
        "unanswered": lambda t: Command(update={"k": 1}),
        "nothing": lambda t: Command(goto="after"),
        "other_call": lambda t: Command(update={"messages": [said("zz")]}),
        "a_list": lambda t: Command(update=[said(t)]),
        "clears": lambda t: Command(update={"messages": [m.RemoveMessage("__remove_all__")]}),
        "two": lambda t: [Command(update={"messages": [said(t)], "k": 1}), Command(update={"k": 5})],
        "message_and": lambda t: [said(t), Command(update={"k": 5})],
        "messages": lambda t: [said(t)],
        "none_bound": lambda t: [Command(update={"k": 5})],
        "two_bound": lambda t: [said(t), Command(update={"messages": [said(t, "again")]})],
        "with_others": lambda t: [Command(update={"messages": [said(t), m.AIMessage("more", id="m")]})],
    }

    def tool_of(name, make):
        def function(tid: Annotated[str, InjectedToolCallId]) -> Any:
            """Command."""
            return make(tid)

        function.__name__ = name
        return tool(drive, function)

    return [tool_of(name, make) for name, make in made.items()]


@covers("PRE-13", "PRE-12")
def commands(lg, drive):
    """Commands pass if they answer the call; lists need exactly one answer."""
    tools = commands_of(lg, drive)

    @drive.node
    def after(state):
        return {"route": f"after {state.get('route')}"}

    for each in tools:
        builder = chain(lg, Counted, ("tools", lg.prebuilt.ToolNode([*tools, adder(drive)])))
        builder.add_node("after", after)
        graph = builder.compile()
        modes = ["updates", "values"]
        yield each.name, drive.stream(graph, asked((each.name, {})), stream_mode=modes)
        two = asked((each.name, {}), ("add", {"a": 1, "b": 1}, "c2"))
        yield each.name, drive.stream(graph, two, stream_mode=modes)


@covers("PRE-13", "PRE-14")
def commands_refused(lg, drive):
    """What is wrong with a command is told to the model where errors are."""
    tools = commands_of(lg, drive)
    graph = tools_graph(lg, lg.prebuilt.ToolNode(tools, handle_tool_errors=True))
    for name in ("unanswered", "none_bound", "two_bound", "a_list"):
        yield name, shown(drive.invoke(graph, asked((name, {}))))


@covers("PRE-13")
def commands_of_lists(lg, drive):
    """Where the state is a list of messages, so is an update."""
    graph_state = Annotated[list, lg.graph.add_messages]
    node = lg.prebuilt.ToolNode(commands_of(lg, drive))
    for name in ("a_list", "update"):
        builder = lg.graph.StateGraph(graph_state)
        builder.add_node("tools", node)
        builder.add_edge(lg.graph.START, "tools")
        yield drive.invoke(builder.compile(), [calling((name, {}), id="ai")])


@covers("PRE-13")
def commands_for_the_graph_around(lg, drive):
    """A command for the parent passes without an answer; several that send go together."""
    Command, Send = lg.types.Command, lg.types.Send

    def up(to: str) -> Any:
        """Go up."""
        return Command(graph=Command.PARENT, goto=[Send(to, {"route": to})], update={"k": 1})

    def plain_up() -> Any:
        """Go up by name."""
        return Command(graph=Command.PARENT, goto="x", update={"k": 10})

    @drive.node(turn=1)
    def x(state):
        return {"messages": [f"x {state.get('route')}"]}

    @drive.node(turn=2)
    def y(state):
        return {"messages": [f"y {state.get('route')}"]}

    node = lg.prebuilt.ToolNode([tool(drive, up), tool(drive, plain_up)])
    builder = lg.graph.StateGraph(Counted)
    builder.add_node("sub", chain(lg, Counted, ("tools", node)).compile())
    builder.add_node("x", x)
    builder.add_node("y", y)
    builder.add_edge(lg.graph.START, "sub")
    graph = builder.compile()
    for calls in (
        (("up", {"to": "x"}),),
        (("plain_up", {}),),
        (("up", {"to": "x"}), ("up", {"to": "y"}, "c2")),
    ):
        yield drive.stream(graph, asked(*calls), stream_mode=["updates", "values"])


# ---- wrappers


@covers("PRE-16")
def wrapped(lg, drive):
    """A wrapper sees each request, may change it, call it again, or answer itself, for unknown tools too."""
    m, seen = lc(), []

    def around(request, result):
        return request.tool_call["name"], request.tool and request.tool.name, type(result).__name__

    def override(request):
        if request.tool_call["args"].get("a") != 1:
            return request
        return request.override(tool_call={**request.tool_call, "args": {"a": 10, "b": 1}})

    def unknown(request):
        answer = f"made up for {request.tool_call['name']}"
        return m.ToolMessage(answer, tool_call_id=request.tool_call["id"], name="made_up")

    def wrap(request, execute):
        if request.tool is None and request.tool_call["name"] == "nope":
            return unknown(request)
        result = execute(override(request))
        seen.append(around(request, result))
        return result

    async def awrap(request, execute):
        if request.tool is None and request.tool_call["name"] == "nope":
            return unknown(request)
        result = await execute(override(request))
        seen.append(around(request, result))
        return result

    calls = asked(
        ("add", {"a": 1, "b": 2}), ("nope", {}, "c2"), ("neither", {}, "c3"), ("add", {"a": 11, "b": 2}, "c4")
    )
    node = lg.prebuilt.ToolNode([adder(drive)], wrap_tool_call=wrap, awrap_tool_call=awrap)
    yield shown(drive.invoke(tools_graph(lg, node), calls))
    yield sorted(map(str, seen))


@covers("PRE-16")
def sync_wrappers(lg, drive):
    """A sync wrapper serves tools of both colours in runs of both."""

    def wrap(request, execute):
        return execute(request.override(tool_call={**request.tool_call, "args": {"a": 10, "b": 1}}))

    node = lg.prebuilt.ToolNode([adder(drive)], wrap_tool_call=wrap)
    yield shown(drive.invoke(tools_graph(lg, node), asked(("add", {"a": 1, "b": 2}))))


@covers("PRE-16")
def one_wrapper(lg, drive):
    """A sync wrapper serves async runs of sync tools, an async wrapper none but async runs."""

    def wrap(request, execute):
        result = execute(request)
        result.content += " wrapped"
        return result

    async def awrap(request, execute):
        result = await execute(request)
        result.content += " awaited"
        return result

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    for options in ({"wrap_tool_call": wrap}, {"awrap_tool_call": awrap}):
        node = lg.prebuilt.ToolNode([add], **options)
        for calls in (
            (("add", {"a": 1, "b": 2}),),
            (("add", {"a": 1, "b": 2}), ("add", {"a": 2, "b": 2}, "c2")),
        ):
            yield shown(drive.invoke(tools_graph(lg, node), asked(*calls)))


@covers("PRE-16", "PRE-14")
def wrappers_and_errors(lg, drive):
    """A wrapper may try again; what it raises is treated as the tool's own error."""
    tries = []

    async def flaky(x: int) -> int:
        """Fail twice."""
        tries.append(x)
        if len(tries) % 3:
            raise ValueError(f"try {len(tries)}")
        return x

    def again(request, execute):
        for _ in range(2):
            try:
                return execute(request)
            except ValueError:
                continue
        return execute(request)

    async def aagain(request, execute):
        for _ in range(2):
            try:
                return await execute(request)
            except ValueError:
                continue
        return await execute(request)

    def breaks(request, execute):
        raise KeyError("wrapper")

    async def abreaks(request, execute):
        raise KeyError("wrapper")

    given = asked(("flaky", {"x": 1}))
    for handling in ({}, {"handle_tool_errors": True}, {"handle_tool_errors": False}):
        for wrappers in ((again, aagain), (breaks, abreaks)):
            tries.clear()
            node = lg.prebuilt.ToolNode(
                [tool(drive, flaky)], wrap_tool_call=wrappers[0], awrap_tool_call=wrappers[1], **handling
            )
            yield shown(drive.invoke(tools_graph(lg, node), given)), len(tries)


@covers("PRE-16", "PRE-15")
def requests(lg, drive):
    """A request says the call, the tool, the state and the runtime; a copy leaves it as it was."""
    seen = []

    def look(request):
        other = request.override(state={"other": 1})
        seen.append(
            (
                request.tool_call,
                request.tool.name,
                sorted(request.state),
                request.runtime.tool_call_id,
                sorted(request.runtime.state),
                other.state,
                request.state == other.state,
            )
        )

    def wrap(request, execute):
        look(request)
        return execute(request)

    async def awrap(request, execute):
        look(request)
        return await execute(request)

    node = lg.prebuilt.ToolNode([adder(drive)], wrap_tool_call=wrap, awrap_tool_call=awrap)
    yield shown(drive.invoke(tools_graph(lg, node), asked(("add", {"a": 1, "b": 2}))))
    yield seen


@covers("PRE-16", "PRE-13")
def wrappers_that_command(lg, drive):
    """A wrapper may answer with a command."""
    m, Command = lc(), lg.types.Command

    def answer(request):
        return Command(
            update={"messages": [m.ToolMessage("w", tool_call_id=request.tool_call["id"])], "k": 3}
        )

    def wrap(request, execute):
        return answer(request)

    async def awrap(request, execute):
        return answer(request)

    node = lg.prebuilt.ToolNode([adder(drive)], wrap_tool_call=wrap, awrap_tool_call=awrap)
    graph = tools_graph(lg, node, Counted)
    yield drive.stream(graph, asked(("add", {"a": 1, "b": 2})), stream_mode=["updates", "values"])


# ---- routes, validation, shapes


@covers("PRE-17")
def the_condition(lg, drive):
    """The last message decides: tools, or the end."""
    m, condition = lc(), lg.prebuilt.tools_condition
    one = calling(("add", {"a": 1, "b": 2}), id="ai")

    class Model:
        messages = [one]

    for given in (
        {"messages": [one]},
        {"messages": [one, m.HumanMessage("later")]},
        {"messages": [m.AIMessage("x")]},
        [one],
        [m.AIMessage("x")],
        Model(),
    ):
        yield condition(given)
    yield condition({"said": [one]}, messages_key="said")
    for given in ({"messages": []}, {"m": 1}):
        yield drive.attempt(condition, given)
    builder = chain(lg, lg.graph.MessagesState, ("model", drive.node(lambda state: {"messages": [one]})))
    builder.add_node("tools", lg.prebuilt.ToolNode([adder(drive)]))
    builder.add_conditional_edges("model", condition)
    yield (
        drive.stream(builder.compile(), {"messages": []}),
        [(edge.source, edge.target, edge.conditional) for edge in builder.compile().get_graph().edges],
    )


@covers("PRE-18")
def validation(lg, drive):
    """Calls are checked against models, tools and functions, and answered without being made."""
    from pydantic import BaseModel, field_validator

    class Select(BaseModel):
        """Select a number."""

        n: int

        @field_validator("n")
        def check(cls, value):
            if value != 37:
                raise ValueError("Only 37 is allowed")
            return value

    def by_function(x: int) -> None:
        """Whatever."""

    def told(error, call, schema):
        return f"{type(error).__name__} in {call['name']} of {schema.__name__}"

    for options in ({}, {"format_error": told, "name": "mine"}):
        node = lg.prebuilt.ValidationNode([Select, adder(drive), by_function], **options)
        graph = tools_graph(lg, node)
        for calls in (
            (("Select", {"n": 37}),),
            (("Select", {"n": 1}),),
            (("add", {"a": "x"}),),
            (("by_function", {"x": 1}), ("Select", {"n": 3}, "c2")),
            (("unknown", {}),),
        ):
            result = drive.invoke(graph, asked(*calls))
            yield (
                [(m.content, m.name, m.additional_kwargs) for m in result["messages"][1:]]
                if isinstance(result, dict)
                else result
            )
    yield drive.attempt(lg.prebuilt.ValidationNode, [5])


@covers("PRE-18")
def validation_without_calls(lg, drive):
    """A state whose last message is no AI message is refused."""
    graph = tools_graph(lg, lg.prebuilt.ValidationNode([adder(drive)]))
    yield drive.invoke(graph, {"messages": [lc().HumanMessage("x", id="h")]})


@covers("PRE-19")
def shapes_of_questions(lg):
    """What a human is asked and answers has a shape."""
    for name in ("HumanInterrupt", "HumanResponse", "ActionRequest", "HumanInterruptConfig"):
        found = getattr(lg.prebuilt.interrupt, name)
        yield name, sorted(found.__annotations__), sorted(found.__required_keys__)


@covers("PRE-12")
def as_a_runnable(lg, drive):
    """A node of tools is a Runnable: it can be a step, and have a fallback."""
    from langchain_core.messages import AIMessage
    from langchain_core.runnables import Runnable, RunnableLambda
    from langchain_core.tools import tool

    @tool
    def fails(number: int) -> str:
        """Fail."""
        raise ConnectionError("lost")

    @tool
    def double(number: int) -> str:
        """Double."""
        return str(2 * number)

    def called(name):
        return {"messages": [AIMessage("", tool_calls=[{"name": name, "args": {"number": 2}, "id": "1"}])]}

    node = lg.prebuilt.ToolNode([fails, double])
    yield isinstance(node, Runnable), node.get_name()
    instead = RunnableLambda(lambda given: {"messages": [repr(given["error"])]})
    wrapped = node.with_fallbacks([instead], exception_key="error")
    graph = lg.graph.StateGraph(lg.graph.MessagesState).add_node("tools", wrapped)
    graph = graph.add_edge("__start__", "tools").compile()
    for name in ("fails", "double"):
        result = drive.invoke(graph, called(name))
        yield [message.content for message in result["messages"]]
    sequence = RunnableLambda(called) | node | (lambda update: update["messages"][0].content)
    graph = lg.graph.StateGraph(str).add_node("n", sequence).add_edge("__start__", "n").compile()
    yield drive.invoke(graph, "double")
