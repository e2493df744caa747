"""The stream mode `tools`: what is told of the calls of tools, wherever in a run they are made."""

from parity.registry import covers

from .fakes import adder, tool
from .states import chain
from .tool_node import asked, tools_graph


def talking(lg, drive, **wishes):
    """Return a tool that hands out parts of its output."""

    def talk(word: str, runtime: lg.prebuilt.ToolRuntime) -> str:
        """Talk."""
        for letter in word:
            runtime.emit_output_delta(letter)
        runtime.emit_output_delta({"words": 1})
        return word

    made = tool(drive, talk)
    for key, value in wishes.items():
        setattr(made, key, value)
    return made


@covers("STR-54")
def calls(lg, drive):
    """A call begins, hands out parts, and ends; alone, among other modes, and as parts of version 2."""
    node = lg.prebuilt.ToolNode([adder(drive), talking(lg, drive)])
    graph = tools_graph(lg, node)
    for given in (asked(("add", {"a": 1, "b": 2})), asked(("talk", {"word": "hi"}))):
        yield drive.stream(graph, given, stream_mode="tools")
        yield drive.stream(graph, given, stream_mode=["custom", "tools", "updates", "messages", "tasks"])
        yield drive.stream(graph, given, stream_mode=["tools"], version="v2")
        yield drive.stream(graph, given, stream_mode=["custom"])


@covers("STR-54")
def failures(lg, drive):
    """A call fails: an answer to the model, or the end of the run; a tool that does not exist is not called."""

    def divide(a: int, b: int) -> float:
        """Divide."""
        return a / b

    made = tool(drive, divide)
    for handled in (True, False):
        graph = tools_graph(lg, lg.prebuilt.ToolNode([made], handle_tool_errors=handled))
        for arguments in ({"a": 1, "b": 0}, {"a": "one"}):
            yield drive.attempt(drive.stream, graph, asked(("divide", arguments)), stream_mode="tools")
        yield drive.stream(graph, asked(("nothing", {})), stream_mode="tools")


@covers("STR-54")
def questions(lg, drive):
    """A tool asks a human: its call has no end, and begins again with the answer."""

    def ask(word: str) -> str:
        """Ask."""
        return lg.types.interrupt(word)

    node = lg.prebuilt.ToolNode([tool(drive, ask)])
    graph = chain(lg, lg.graph.MessagesState, ("tools", node)).compile(
        checkpointer=lg.checkpoint.memory.InMemorySaver()
    )
    config = {"configurable": {"thread_id": "1"}}
    yield drive.stream(graph, asked(("ask", {"word": "why"})), config, stream_mode=["tools", "updates"])
    yield drive.stream(graph, lg.types.Command(resume="so"), config, stream_mode=["tools", "updates"])


@covers("STR-54")
def hidden(lg, drive):
    """A tool with the tag `nostream` is not shown, nor what it hands out."""
    graph = tools_graph(lg, lg.prebuilt.ToolNode([talking(lg, drive, tags=["nostream"])]))
    yield drive.stream(graph, asked(("talk", {"word": "hi"})), stream_mode="tools")
    graph = tools_graph(lg, lg.prebuilt.ToolNode([talking(lg, drive, tags=["loud"])]))
    yield drive.stream(graph, asked(("talk", {"word": "hi"})), stream_mode="tools")


@covers("STR-54")
def inside(lg, drive):
    """Tools of a graph inside are shown with `subgraphs`, each with its namespace."""
    inner = tools_graph(lg, lg.prebuilt.ToolNode([talking(lg, drive)]))
    graph = chain(lg, lg.graph.MessagesState, ("inner", inner)).compile()
    for subgraphs in (False, True):
        given = asked(("talk", {"word": "hi"}))
        yield drive.stream(graph, given, stream_mode=["tools"], subgraphs=subgraphs)


@covers("STR-54")
def by_hand(lg, drive):
    """A tool that a node calls by hand is shown under the id of its run; so is one that a tool calls."""
    add = adder(drive)

    async def by_node(state, config):
        return {"messages": [("ai", str(await drive.call(add, {"a": 1, "b": 2}, config)))]}

    graph = chain(lg, lg.graph.MessagesState, ("node", drive.node(by_node))).compile()
    yield drive.stream(graph, asked(), stream_mode=["tools"])
