"""Corners of agents and of nodes of tools: every way to handle errors, odd results, few steps, breakpoints."""

from typing import Annotated

from typing_extensions import TypedDict

from parity.registry import covers

from .runnables_agents import scripted

HI = {"messages": [("human", "hi")]}


def calling(name, number="1", **args):
    return {"name": name, "args": args, "id": number, "type": "tool_call"}


def tools_of(lg):
    """Return tools that give all kinds of results."""
    from langchain_core.messages import ToolMessage
    from langchain_core.tools import InjectedToolCallId, tool

    Command = lg.types.Command

    def boom(x: str) -> str:
        """Fail."""
        raise ValueError(f"boom {x}")

    def lost(x: str) -> str:
        """Fail."""
        raise KeyError(x)

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    def command(x: str, number: Annotated[str, InjectedToolCallId]):
        """Answer and go on."""
        return Command(update={"messages": [ToolMessage(x, tool_call_id=number)]}, goto="z")

    def commands(x: str, number: Annotated[str, InjectedToolCallId]):
        """Answer and go on, in two."""
        return [Command(update={"messages": [ToolMessage(x, tool_call_id=number)]}), Command(goto="z")]

    def silent(x: str):
        """Answer nothing."""
        return Command(update={"messages": []})

    def twice(x: str, number: Annotated[str, InjectedToolCallId]):
        """Answer twice."""
        return [ToolMessage("1", tool_call_id=number), ToolMessage("2", tool_call_id=number)]

    def odd(x: str):
        """Return what `x` says."""
        blocks = {"b": [{"type": "text", "text": "t"}], "u": [{"type": "nope"}]}
        return {"s": {"é": {1, 2}}, "d": {"é": [1]}, "n": None, "f": 3.5, **blocks}[x]

    plain = [tool(each) for each in (boom, lost, add, command, commands, silent, twice, odd)]
    return [*plain, tool(return_direct=True)(direct), tool(response_format="content_and_artifact")(artifact)]


def direct(x: str) -> str:
    """Answer in the model's place."""
    return f"direct {x}"


def artifact(x: str):
    """Return more than the model is shown."""
    return x, {"a": x}


def made(lg, drive, node, *calls):
    """Return the chunks of a graph whose node of tools is asked to make these calls."""
    from langchain_core.messages import AIMessage

    builder = lg.graph.StateGraph(lg.graph.MessagesState).add_node("tools", node)
    builder.add_node("z", drive.node(lambda state: {"messages": [("human", "z")]}))
    given = {"messages": [AIMessage("", tool_calls=list(calls), id="m")]}
    return drive.stream(builder.add_edge("__start__", "tools").compile(), given, stream_mode="updates")


def typed(error: ValueError) -> str:
    return f"typed {error}"


def one_of(error: ValueError | KeyError) -> str:
    return f"one of {error!r}"


def whatever(error) -> str:
    return f"whatever {error!r}"


@covers("PRE-12", "PRE-14")
def ways_to_handle_errors(lg, drive):
    """Each way to handle errors of tools, with each kind of error."""
    calls = [
        calling("boom", x="q"),
        calling("lost", x="q"),
        calling("nope", x="q"),
        calling("add", a="x", b=1),
    ]
    calls += [calling("add"), calling("silent", x="1"), calling("twice", x="1")]
    ways = (True, False, "text", typed, one_of, whatever, ValueError, (KeyError, ValueError), Exception, None)
    for handling in ({}, *({"handle_tool_errors": way} for way in ways)):
        node = lg.prebuilt.ToolNode(tools_of(lg), **handling)
        for call in calls:
            yield made(lg, drive, node, call)


@covers("PRE-12", "PRE-13")
def odd_results(lg, drive):
    """What tools return, alone and together."""
    node = lg.prebuilt.ToolNode(tools_of(lg))
    for name in ("command", "commands", "direct", "artifact"):
        yield made(lg, drive, node, calling(name, x="q"))
    for x in "sdnbuf":
        yield made(lg, drive, node, calling("odd", x=x))
    both = calling("add", "1", a=1, b=2), calling("add", "2", a=3, b=4)
    yield made(lg, drive, node, *both, calling("command", "3", x="1"), calling("nope", "4"))
    yield made(lg, drive, node, calling("command", "1", x="a"), calling("command", "2", x="b"))


def limited(lg, drive, limit):
    """Return the chunks of an agent that may take so many steps to call a tool and answer."""
    agent = lg.prebuilt.create_react_agent(scripted([calling("add", a=1, b=2)], "three"), tools_of(lg))
    return drive.stream(agent, HI, {"recursion_limit": limit}, stream_mode="updates")


@covers("PRE-06")
def few_steps(lg, drive):
    """An agent with few steps."""
    for limit in (1, 2, 4, 5):
        yield limited(lg, drive, limit)


@covers("PRE-06")
def the_last_step(lg, drive):
    """An answer in the very last step."""
    yield limited(lg, drive, 3)


@covers("PRE-01", "PRE-03", "PRE-09", "PRE-15")
def parameters(lg, drive):
    """Versions, breakpoints, state and context schemas, with tools that look at both."""
    from langchain_core.messages import AIMessage

    prebuilt = lg.prebuilt

    class Context(TypedDict):
        user: str

    class State(prebuilt.chat_agent_executor.AgentState):
        extra: str

    def look(x, state, runtime):
        runtime.stream_writer({"seen": x})
        return f"{x} {state.get('extra')} {runtime.context} {runtime.tool_call_id} {sorted(runtime.state)}"

    look.__annotations__ = {
        "x": str,
        "state": Annotated[dict, prebuilt.InjectedState],
        "runtime": prebuilt.ToolRuntime,
    }
    look.__doc__ = "Look."

    def shown(answers, given=HI, run=None, **more):
        agent = drive.attempt(lambda: prebuilt.create_react_agent(scripted(*answers), [look], **more))
        modes = ["updates", "custom", "values"]
        return (
            drive.stream(agent, given, stream_mode=modes, **run or {}) if hasattr(agent, "invoke") else agent
        )

    looks = [calling("look", x="q")], "done"
    for version in ("v1", "v2"):
        more = {"state_schema": State, "context_schema": Context, "version": version}
        yield shown(looks, {**HI, "extra": "E"}, {"context": {"user": "u"}}, **more)
        yield shown(([calling("nope", x="q")], "done"), version=version)
        for where in ("interrupt_before", "interrupt_after"):
            for node in ("agent", "tools"):
                saver = drive.saver()
                agent = prebuilt.create_react_agent(
                    scripted(*looks), [look], checkpointer=saver, version=version, **{where: [node]}
                )
                config = {"configurable": {"thread_id": "1"}}
                yield drive.stream(agent, HI, config, stream_mode="updates")
                yield drive.stream(agent, None, config, stream_mode="updates")
                yield drive.state(agent, config).next
    yield shown(("done",), {"messages": [AIMessage("", tool_calls=[calling("x")])]})
    yield shown(("done",), {"messages": []})
    yield shown(("done",), {})
    shows = drive.node(lambda state: {"llm_input_messages": [("human", "x")]})
    yield shown(("done",), pre_model_hook=shows, version="v1")
    yield shown(("done",), pre_model_hook=drive.node(lambda state: {"other": 1}))
    yield shown(("done",), version="v3")
