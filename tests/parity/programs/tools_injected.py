"""What tools are given besides what the model says: state, store, the id of the call, the runtime."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any

from typing_extensions import NotRequired, TypedDict

from parity.registry import covers

from .fakes import calling, human, scripted, tool
from .states import chain
from .tool_node import asked, shown, tools_graph


class Foo(TypedDict):
    messages: Annotated[list, operator.add]
    foo: str
    maybe: NotRequired[str]


def state_tools(lg, drive):
    """Return tools that are given state."""
    injected = lg.prebuilt.InjectedState

    def whole(x: int, state: Annotated[Any, injected]) -> str:
        """See it all."""
        seen = state if isinstance(state, dict) else vars(state)
        return f"{x} {type(state).__name__} {sorted(seen)}"

    def made(x: int, state: Annotated[Any, injected()]) -> str:
        """See it all."""
        return f"{x} {type(state).__name__}"

    def one(x: int, foo: Annotated[str, injected("foo")]) -> str:
        """See one field."""
        return f"{x} {foo}"

    def two(foo: Annotated[str, injected("foo")], messages: Annotated[list, injected("messages")]) -> str:
        """See two fields."""
        return f"{foo} {len(messages)}"

    def last(foo: Annotated[str, injected("foo")], x: int = 7) -> str:
        """Have a default after it."""
        return f"{foo} {x}"

    return [tool(drive, each) for each in (whole, made, one, two, last)]


@covers("PRE-15")
def state(lg, drive):
    """A tool gets all of the state or a field of it, be it a dict, a dataclass or a Pydantic model."""
    from pydantic import BaseModel

    @dataclass
    class Data:
        messages: list = field(default_factory=list)
        foo: str = "default"

    class Model(BaseModel):
        messages: list
        foo: str = "default"

    tools = state_tools(lg, drive)
    for schema in (Foo, Data, Model):
        graph = tools_graph(lg, lg.prebuilt.ToolNode(tools), schema)
        for each in tools:
            arguments = {"x": 1} if "x" in each.args else {}
            result = drive.invoke(graph, {**asked((each.name, arguments)), "foo": "bar"})
            yield each.name, shown(result)


@covers("PRE-15")
def hidden(lg, drive):
    """The model sees nothing of what is injected, and cannot forge it."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    tools = [*state_tools(lg, drive), *runtime_tools(lg, drive)]
    yield [convert_to_openai_tool(each) for each in tools]
    graph = tools_graph(lg, lg.prebuilt.ToolNode(tools), Foo)
    for name, arguments in (
        ("whole", {"x": 1, "state": {"forged": 1}}),
        ("one", {"x": 1, "foo": "forged"}),
        ("two", {"foo": "forged", "messages": []}),
        ("last", {"foo": "forged", "x": 3}),
        ("look", {"x": 1, "runtime": {"state": "forged"}}),
    ):
        yield name, shown(drive.invoke(graph, {**asked((name, arguments)), "foo": "bar"}))


@covers("PRE-15")
def missing_fields(lg, drive):
    """Where the state has no such field, the default stays; without one it is an error, of which no model is told."""
    injected = lg.prebuilt.InjectedState

    def or_none(value: Annotated[str | None, injected("maybe")] = None) -> str:
        """May be missing."""
        return f"{value}"

    def plain(value: Annotated[str, injected("maybe")]) -> str:
        """Is of a key that may be missing."""
        return f"{value}"

    def unknown(value: Annotated[Any, injected("nowhere")]) -> str:
        """Is nowhere."""
        return f"{value}"

    def default(value: Annotated[Any, injected("nowhere")] = "default") -> str:
        """Is nowhere and has a default."""
        return f"{value}"

    tools = [tool(drive, each) for each in (or_none, plain, unknown, default)]
    graph = tools_graph(lg, lg.prebuilt.ToolNode(tools), Foo)
    for each in tools:
        yield each.name, shown(drive.invoke(graph, {**asked((each.name, {})), "foo": "bar"}))
    handling = tools_graph(lg, lg.prebuilt.ToolNode(tools, handle_tool_errors=True), Foo)
    yield shown(drive.invoke(handling, {**asked(("unknown", {})), "foo": "bar"}))


@covers("PRE-15")
def fields_that_may_be_none(lg, drive):
    """A parameter that may be None is None where the state has no such field."""
    injected = lg.prebuilt.InjectedState

    def or_none(value: Annotated[str | None, injected("maybe")]) -> str:
        """May be missing."""
        return f"{value}"

    graph = tools_graph(lg, lg.prebuilt.ToolNode([tool(drive, or_none)]), Foo)
    yield shown(drive.invoke(graph, {**asked(("or_none", {})), "foo": "bar"}))
    yield shown(drive.invoke(graph, {**asked(("or_none", {})), "foo": "bar", "maybe": "there"}))


@covers("PRE-15")
def lists_of_messages(lg, drive):
    """Where the state is a list, a tool gets the list, and `messages` is the list too."""
    injected = lg.prebuilt.InjectedState

    def whole(state: Annotated[Any, injected]) -> str:
        """See it all."""
        return f"{type(state).__name__} {len(state)}"

    def field_of_it(messages: Annotated[list, injected("messages")]) -> str:
        """See the messages."""
        return f"{type(messages).__name__} {len(messages)}"

    node = lg.prebuilt.ToolNode([tool(drive, whole), tool(drive, field_of_it)])
    for name in ("whole", "field_of_it"):
        builder = lg.graph.StateGraph(Annotated[list, lg.graph.add_messages])
        builder.add_node("tools", node)
        builder.add_edge(lg.graph.START, "tools")
        yield drive.invoke(builder.compile(), [calling((name, {}), id="ai")])


# ---- store


def store_tools(lg, drive):
    injected = lg.prebuilt.InjectedStore

    def remember(key: str, store: Annotated[Any, injected()]) -> str:
        """Put and get."""
        store.put(("n",), key, {"v": key})
        return store.get(("n",), key).value["v"]

    def by_runtime(key: str, runtime: lg.prebuilt.ToolRuntime) -> str:
        """Get."""
        found = runtime.store.get(("n",), key) if runtime.store else "no store"
        return f"{found and getattr(found, 'value', found)}"

    return [tool(drive, remember), tool(drive, by_runtime)]


@covers("PRE-15", "RTS-04")
def the_store(lg, drive):
    """A tool gets the store of the graph."""
    builder = chain(lg, lg.graph.MessagesState, ("tools", lg.prebuilt.ToolNode(store_tools(lg, drive))))
    graph = builder.compile(store=lg.store.memory.InMemoryStore())
    for name in ("by_runtime", "remember", "by_runtime"):
        yield shown(drive.invoke(graph, asked((name, {"key": "k"}))))
    yield shown(drive.invoke(graph, asked(("remember", {"key": "k", "store": "forged"}))))
    yield shown(drive.invoke(builder.compile(), asked(("by_runtime", {"key": "k"}))))


@covers("PRE-15")
def no_store(lg, drive):
    """Without a store a tool that asks for one fails."""
    node = lg.prebuilt.ToolNode(store_tools(lg, drive))
    yield shown(drive.invoke(tools_graph(lg, node), asked(("remember", {"key": "k"}))))


# ---- the runtime


@dataclass
class Context:
    user: str = "nobody"


def runtime_tools(lg, drive):
    from langchain_core.tools import InjectedToolCallId

    runtime_class = lg.prebuilt.ToolRuntime

    def look(x: int, runtime: runtime_class) -> str:
        """See the runtime."""
        told = runtime.execution_info
        return repr(
            (
                x,
                runtime.tool_call_id,
                sorted(runtime.state) if isinstance(runtime.state, dict) else runtime.state,
                runtime.context,
                runtime.store,
                sorted(runtime.config),
                runtime.config["configurable"].get("thread_id"),
                sorted(each.name for each in runtime.tools),
                told and (told.thread_id, told.node_attempt),
                runtime.server_info,
            )
        )

    def typed(runtime: runtime_class[Context, Foo]) -> str:
        """See the runtime, with its types."""
        return f"{runtime.context} {runtime.state.get('foo')}"

    def writes(what: str, runtime: runtime_class) -> str:
        """Write."""
        runtime.stream_writer({"wrote": what})
        return what

    def identified(tid: Annotated[str, InjectedToolCallId]) -> str:
        """Know the call."""
        return f"called {tid}"

    return [tool(drive, each) for each in (look, typed, writes, identified)]


@covers("PRE-15")
def runtimes(lg, drive):
    """A tool may ask for the runtime, and reach state, context, config, store and writer by it."""
    tools = runtime_tools(lg, drive)
    builder = lg.graph.StateGraph(Foo, context_schema=Context)
    builder.add_node("tools", lg.prebuilt.ToolNode(tools))
    builder.add_edge(lg.graph.START, "tools")
    graph = builder.compile()
    arguments = {"look": {"x": 1}, "writes": {"what": "w"}}
    for each in tools:
        given = {**asked((each.name, arguments.get(each.name, {}))), "foo": "bar"}
        yield drive.stream(
            graph,
            given,
            {"configurable": {"thread_id": "t"}},
            context=Context("me"),
            stream_mode=["updates", "custom"],
        )


@covers("PRE-15")
def runtimes_by_name(lg, drive):
    """A parameter called `runtime` is enough where it says nothing of its type; a config is LangChain's to give."""
    from langchain_core.runnables import RunnableConfig

    def with_config(x: int, config: RunnableConfig) -> str:
        """See the config."""
        return f"{x} {config['configurable'].get('thread_id')} {config['metadata'].get('m')}"

    graph = tools_graph(lg, lg.prebuilt.ToolNode([tool(drive, with_config)]))
    config = {"configurable": {"thread_id": "t"}, "metadata": {"m": 1}}
    yield shown(drive.invoke(graph, asked(("with_config", {"x": 1})), config))


@covers("PRE-15", "PRE-01", "PRE-06")
def in_an_agent(lg, drive):
    """Tools of an agent get its state, its store and its context, in both versions."""

    class State(lg.prebuilt.chat_agent_executor.AgentState):
        foo: str

    def look(
        x: int,
        foo: Annotated[str, lg.prebuilt.InjectedState("foo")],
        runtime: lg.prebuilt.ToolRuntime,
        store: Annotated[Any, lg.prebuilt.InjectedStore()],
    ) -> str:
        """Look."""
        keys = sorted(runtime.state)
        return f"{x} {foo} {runtime.context} {runtime.tool_call_id} {keys} {type(store).__name__}"

    for version in ("v1", "v2"):
        agent = lg.prebuilt.create_react_agent(
            scripted(calling(("look", {"x": 1}), ("look", {"x": 2}, "c2"), id="a"), "done"),
            [tool(drive, look)],
            state_schema=State,
            context_schema=Context,
            store=lg.store.memory.InMemoryStore(),
            version=version,
        )
        yield shown(drive.invoke(agent, {**human(), "foo": "bar"}, context=Context("me")))


@covers("PRE-15", "PRE-05")
def parts_of_output(lg, drive):
    """A tool may hand out parts of its output while it runs; `invoke` takes no notice."""

    def parts(runtime: lg.prebuilt.ToolRuntime) -> str:
        """Hand out parts."""
        for part in ("a", "b"):
            runtime.emit_output_delta(part)
        return "ab"

    graph = tools_graph(lg, lg.prebuilt.ToolNode([tool(drive, parts)]))
    yield shown(drive.invoke(graph, asked(("parts", {}))))
    yield drive.stream(graph, asked(("parts", {})), stream_mode=["updates", "custom"])


@covers("PRE-15")
def with_a_schema_of_its_own(lg, drive):
    """A tool whose schema leaves out what is injected gets it all the same."""
    from pydantic import BaseModel

    class Arguments(BaseModel):
        x: int

    def look(x: int, runtime: lg.prebuilt.ToolRuntime) -> str:
        """Look."""
        return f"{x} {runtime.tool_call_id} {sorted(runtime.state)}"

    node = lg.prebuilt.ToolNode([tool(drive, look, args_schema=Arguments)])
    yield shown(drive.invoke(tools_graph(lg, node), asked(("look", {"x": 1}))))


@covers("PRE-15")
def classes(lg):
    """The marks are LangChain's for injected arguments, and the runtime has its fields."""
    import dataclasses

    from langchain_core.tools import InjectedToolArg

    prebuilt = lg.prebuilt
    yield (
        issubclass(prebuilt.InjectedState, InjectedToolArg),
        issubclass(prebuilt.InjectedStore, InjectedToolArg),
    )
    yield prebuilt.InjectedState("x").field, prebuilt.InjectedState().field
    yield [each.name for each in dataclasses.fields(prebuilt.ToolRuntime)]
    yield [each.name for each in dataclasses.fields(prebuilt.tool_node.ToolCallRequest)]
