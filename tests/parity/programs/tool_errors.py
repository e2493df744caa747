"""Errors of tools: which go back to the model, and how they are told."""

from typing import Annotated, Any

from parity.registry import covers

from .fakes import adder, calling, human, scripted, tool
from .tool_node import asked, shown, tools_graph


def breaking(drive, error=ValueError):
    """Return a tool that fails."""

    def boom(x: str) -> str:
        """Fail."""
        raise error(f"bad {x}")

    return tool(drive, boom)


def on_value(e: ValueError) -> str:
    return f"value {e}"


def on_key(e: KeyError) -> str:
    return f"key {e}"


def on_either(e: ValueError | KeyError) -> str:
    return f"either {e}"


def on_any(e):
    return f"any {type(e).__name__} {e}"


def on_exception(e: Exception) -> str:
    return f"exception {e}"


def that_fails(e: Exception) -> str:
    raise RuntimeError("the handler fails")


class Handler:
    """An object that handles, and a method that does."""

    def __call__(self, e: ValueError) -> str:
        return f"object {e}"

    def method(self, e: ValueError) -> str:
        return f"method {e}"


POLICIES = [
    True,
    False,
    "a text",
    "",
    ValueError,
    KeyError,
    Exception,
    (KeyError,),
    (ValueError, TypeError),
    (),
    on_value,
    on_key,
    on_either,
    on_any,
    on_exception,
    Handler().method,
    lambda e: f"lambda {e}",
]


@covers("PRE-14")
def policies(lg, drive):
    """A policy says which errors the model is told, and in which words; the rest end the run."""
    tools = [breaking(drive), adder(drive)]
    for policy in POLICIES:
        graph = tools_graph(lg, lg.prebuilt.ToolNode(tools, handle_tool_errors=policy))
        for calls in ((("boom", {"x": "q"}),), (("add", {"a": "x"}),), (("nope", {}),)):
            yield shown(drive.invoke(graph, asked(*calls)))


@covers("PRE-14")
def the_default(lg, drive):
    """By default wrong arguments go back to the model, and no other error does."""
    graph = tools_graph(lg, lg.prebuilt.ToolNode([breaking(drive), adder(drive)]))
    for calls in (
        (("boom", {"x": "q"}),),
        (("boom", {}),),
        (("boom", {"x": 1, "y": 2}),),
        (("add", {"a": "x"}),),
        (("add", {"a": "x", "b": [1]}),),
        (("nope", {"any": 1}),),
        (("add", {"a": 1, "b": 2}), ("add", {}, "c2"), ("nope", {}, "c3")),
    ):
        yield shown(drive.invoke(graph, asked(*calls)))


@covers("PRE-14")
def handlers_that_fail(lg, drive):
    """What a handler raises ends the run."""
    for handler in (that_fails,):
        graph = tools_graph(lg, lg.prebuilt.ToolNode([breaking(drive)], handle_tool_errors=handler))
        yield drive.invoke(graph, asked(("boom", {"x": "q"})))


@covers("PRE-14")
def errors_of_tools(lg, drive):
    """Errors of several classes, LangChain's for tools among them, and a tool's own handling of its errors."""
    from langchain_core.tools import ToolException

    tools = [breaking(drive, error) for error in (KeyError, ToolException, TypeError)]
    for each in tools:
        for policy in (True, "text", on_any):
            graph = tools_graph(lg, lg.prebuilt.ToolNode([each], handle_tool_errors=policy))
            yield shown(drive.invoke(graph, asked(("boom", {"x": "q"}))))
    own = breaking(drive, ToolException)
    own.handle_tool_error = True
    yield shown(drive.invoke(tools_graph(lg, lg.prebuilt.ToolNode([own])), asked(("boom", {"x": "q"}))))
    own.handle_tool_error = lambda e: f"own {e}"
    yield shown(drive.invoke(tools_graph(lg, lg.prebuilt.ToolNode([own])), asked(("boom", {"x": "q"}))))
    checked = adder(drive)
    checked.handle_validation_error = "its own words"
    yield shown(drive.invoke(tools_graph(lg, lg.prebuilt.ToolNode([checked])), asked(("add", {}))))


@covers("PRE-14", "PRE-15")
def hidden_arguments(lg, drive):
    """What the model is told of wrong arguments leaves out what it knows nothing of."""
    injected = lg.prebuilt.InjectedState

    def add(a: int, state: Annotated[dict, injected], messages: Annotated[list, injected("messages")]) -> str:
        """Add."""
        return f"{a} {len(messages)}"

    graph = tools_graph(lg, lg.prebuilt.ToolNode([tool(drive, add)]))
    for arguments in ({"a": "x"}, {}, {"a": 1, "state": {"forged": 1}}, {"a": "x", "state": {"forged": 1}}):
        yield shown(drive.invoke(graph, asked(("add", arguments))))


@covers("PRE-14")
def several_that_fail(lg, drive):
    """Of several calls each is answered for itself; one error that is not handled ends the run."""
    tools = [breaking(drive), adder(drive)]
    calls = asked(("add", {"a": 1, "b": 2}), ("boom", {"x": "q"}, "c2"), ("add", {"a": 2, "b": 2}, "c3"))
    for policy in (True, False):
        graph = tools_graph(lg, lg.prebuilt.ToolNode(tools, handle_tool_errors=policy))
        yield drive.stream(graph, calls, stream_mode=["updates"])


@covers("PRE-14", "PRE-12")
def questions_pass(lg, drive):
    """A tool that asks a human is no tool that fails, whatever the policy."""

    def ask(what: str) -> str:
        """Ask."""
        return f"answered {lg.types.interrupt(what)}"

    for policy in (True, on_any, Exception):
        node = lg.prebuilt.ToolNode([tool(drive, ask)], handle_tool_errors=policy)
        builder = lg.graph.StateGraph(lg.graph.MessagesState)
        builder.add_node("tools", node)
        builder.add_edge(lg.graph.START, "tools")
        graph = builder.compile(checkpointer=drive.saver())
        config = {"configurable": {"thread_id": "1"}}
        yield drive.stream(graph, asked(("ask", {"what": "go on?"})), config)
        yield drive.stream(graph, lg.types.Command(resume="yes"), config)


@covers("PRE-14", "PRE-01")
def errors_in_an_agent(lg, drive):
    """An agent tries again when the model was told; else the run ends."""
    agent = lg.prebuilt.create_react_agent
    wrong = [calling(("add", {"a": 1}), id="a1"), calling(("add", {"a": 1, "b": 1}, "c2"), id="a2"), "done"]
    yield drive.stream(agent(scripted(*wrong), [adder(drive)]), human(), stream_mode="updates")
    failing = [calling(("boom", {"x": "q"}), id="a1"), "done"]
    yield drive.stream(agent(scripted(*failing), [breaking(drive)]), human(), stream_mode="updates")
    node = lg.prebuilt.ToolNode([breaking(drive)], handle_tool_errors=True)
    yield drive.stream(agent(scripted(*failing), node), human(), stream_mode="updates")


@covers("PRE-14")
def errors_without_a_class(lg, drive) -> Any:
    """An error of the model ends the run."""
    model = scripted(ValueError("the model fails"))
    agent = lg.prebuilt.create_react_agent(model, [adder(drive)])
    yield drive.stream(agent, human(), stream_mode="updates")
