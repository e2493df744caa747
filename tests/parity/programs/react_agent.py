"""create_react_agent: models, prompts, tools, states, limits, answers in a shape, agents inside graphs."""

import operator
from dataclasses import dataclass
from typing import Annotated, Any

from typing_extensions import TypedDict

from parity.registry import covers

from .fakes import adder, calling, human, lc, scripted, tool
from .states import chain

BOTH = ("v1", "v2")
TWO_CALLS = (("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}, "c2"))


def react(lg, *args, **kwargs):
    return lg.prebuilt.create_react_agent(*args, **kwargs)


def two_turns(**options):
    """Return a model that calls two tools and then answers."""
    return scripted(calling(*TWO_CALLS, id="a1"), lc().AIMessage("done", id="a2"), **options)


def drawn(agent):
    """Return the nodes and edges of an agent."""
    graph = agent.get_graph()
    return sorted(graph.nodes), sorted((e.source, e.target, e.conditional) for e in graph.edges)


@covers("PRE-01", "PRE-04", "PRE-05", "PKG-11")
def the_loop(lg, drive):
    """The model is asked, its calls are made, each in a task of its own or all in one, until it calls none."""
    for version in BOTH:
        agent = react(lg, two_turns(), [adder(drive)], version=version)
        yield drawn(agent)
        yield drive.stream(agent, human(), stream_mode=["updates", "values", "tasks"])
        yield drive.invoke(agent, human())


@covers("PRE-01")
def it_is_deprecated(lg, drive):
    """It goes on working and says where its successor is."""
    with drive.heard() as heard:
        react(lg, scripted("x"), [])
    yield [kind for kind, _ in heard]


@covers("PRE-01")
def what_is_refused(lg, drive):
    """An unknown version and a state without what an agent needs are refused."""

    class Bare(TypedDict):
        messages: list

    class Shapeless(TypedDict):
        messages: list
        remaining_steps: lg.managed.RemainingSteps

    yield drive.attempt(react, lg, scripted("x"), [], version="v9")
    yield drive.attempt(react, lg, scripted("x"), [], state_schema=Bare)
    yield drive.attempt(react, lg, scripted("x"), [], state_schema=Shapeless, response_format=dict)


@covers("PRE-02")
def bound_models(lg, drive):
    """Tools are bound unless the user has bound them; then they must be the agent's."""
    from langchain_core.runnables import RunnableLambda

    tools = [adder(drive)]
    for make in (
        lambda m: m,
        lambda m: m.bind_tools([{"type": "function", "function": {"name": "add"}}]),
        lambda m: m.bind_tools([{"type": "function", "function": {"name": "other"}}]),
        lambda m: m.bind_tools([{"name": "add"}]),
        lambda m: m.bind_tools([{"name": "add"}, {"name": "other"}]),
        lambda m: m.bind(stop=["x"]),
        lambda m: m.bind_tools([{"name": "add"}]) | RunnableLambda(lambda message: message),
        lambda m: m.with_config(tags=["t"]),
    ):
        model = two_turns()
        agent = drive.attempt(react, lg, make(model), tools)
        yield drive.invoke(agent, human()) if hasattr(agent, "invoke") else agent
        yield [tools for _, tools in model.heard]


@covers("PRE-02")
def models_with_tool_objects(lg, drive):
    """A model whose user has bound tools as objects is taken as it is."""
    tools = [adder(drive)]
    agent = drive.attempt(react, lg, two_turns().bind_tools(tools), tools)
    yield drive.invoke(agent, human()) if hasattr(agent, "invoke") else agent


@covers("PRE-03")
def what_is_no_prompt(lg, drive):
    """A prompt of another kind is refused."""
    yield drive.attempt(react, lg, scripted("x"), [], prompt=5)


@covers("PRE-02")
def what_is_no_model(lg, drive):
    """A model is found by its name if LangChain is there, and must be able to bind tools."""
    from langchain_core.runnables import RunnableLambda

    yield drive.attempt(react, lg, RunnableLambda(lambda m: m), [adder(drive)])
    agent = drive.attempt(react, lg, RunnableLambda(lambda m: lc().AIMessage("x", id="x")), [])
    yield drive.invoke(agent, human())


@dataclass
class Context:
    which: str = "first"


@covers("PRE-02", "PRE-01")
def chosen_models(lg, drive):
    """A function may choose the model for each call, by the state and the context."""
    models = {name: scripted(lc().AIMessage(name, id=f"by {name}")) for name in ("first", "second")}
    models["calls"] = two_turns()

    @drive.node
    def choose(state, runtime):
        return models[runtime.context.which].bind_tools([adder(drive)])

    for version in BOTH:
        agent = react(lg, choose, [adder(drive)], context_schema=Context, version=version)
        for which in models:
            yield drive.invoke(agent, human(), context=Context(which))
    yield [tools for _, tools in models["calls"].heard]


@covers("PRE-02", "PRE-08")
def chosen_models_and_shapes(lg, drive):
    """A chosen model answers in a shape too."""

    @drive.node
    def choose(state, runtime):
        return scripted(lc().AIMessage("x", id="x"))

    yield drive.invoke(react(lg, choose, [], response_format=dict), human())


@covers("PRE-03")
def prompts(lg, drive):
    """A text, a message, a function of the state and what it asks for, or a Runnable."""
    from langchain_core.prompts import ChatPromptTemplate
    from langchain_core.runnables import RunnableConfig, RunnableLambda

    m = lc()

    @drive.node
    def by_state(state):
        return [m.SystemMessage(f"function {sorted(state)}"), *state["messages"]]

    @drive.node
    def by_config(state, config: RunnableConfig):
        return [m.SystemMessage(config["configurable"]["who"]), *state["messages"]]

    @drive.node
    def by_store(state, *, store):
        return [m.SystemMessage(store.get(("n",), "k").value["v"]), *state["messages"]]

    @drive.node
    def by_runtime(state, runtime):
        return [m.SystemMessage(runtime.context.which), *state["messages"]]

    store = lg.store.memory.InMemoryStore()
    store.put(("n",), "k", {"v": "from the store"})
    for prompt in (
        None,
        "text",
        m.SystemMessage("message"),
        by_state,
        by_config,
        by_store,
        RunnableLambda(lambda state: [m.SystemMessage("runnable"), *state["messages"]]),
        ChatPromptTemplate.from_messages([("system", "template"), ("placeholder", "{messages}")]),
    ):
        model = scripted(m.AIMessage("x", id="x"))
        agent = react(lg, model, [], prompt=prompt, store=store)
        yield drive.invoke(agent, human(), {"configurable": {"who": "me"}})
        yield [shown for shown, _ in model.heard]


@covers("PRE-03")
def prompts_that_show_texts(lg, drive):
    """A function may return a text for the model."""
    model = scripted(lc().AIMessage("x", id="x"))
    agent = react(lg, model, [], prompt=drive.node(lambda state: "just a text"))
    yield drive.invoke(agent, human()), [shown for shown, _ in model.heard]


@covers("PRE-06")
def limits(lg, drive):
    """An agent that runs out of steps says so, or the run ends with an error."""

    def direct(x: int) -> str:
        """Answer at once."""
        return f"direct {x}"

    straight = tool(drive, direct, return_direct=True)
    for limit in range(1, 6):
        for tools, calls in (
            ([adder(drive)], (("add", {"a": 1, "b": 2}),)),
            ([straight], (("direct", {"x": 1}),)),
            ([straight, adder(drive)], (("direct", {"x": 1}), ("add", {"a": 1, "b": 2}, "c2"))),
        ):
            for version in BOTH:
                model = scripted(calling(*calls, id="a1"), lc().AIMessage("done", id="a2"))
                agent = react(lg, model, tools, version=version)
                yield limit, drive.invoke(agent, human(), {"recursion_limit": limit})


@covers("PRE-06", "PRE-01")
def states(lg, drive):
    """A state of one's own, as a TypedDict or a Pydantic model, keeps its keys."""
    executor = lg.prebuilt.chat_agent_executor

    class Dict(executor.AgentState):
        k: Annotated[int, operator.add]

    class Model(executor.AgentStatePydantic):
        k: int = 3

    @drive.node
    def prompt(state):
        messages = state["messages"] if isinstance(state, dict) else state.messages
        return [lc().SystemMessage(type(state).__name__), *messages]

    for state in (Dict, Model):
        for version in BOTH:
            model = two_turns()
            agent = react(lg, model, [adder(drive)], state_schema=state, prompt=prompt, version=version)
            yield drive.invoke(agent, {**human(), "k": 1})
            yield drive.stream(agent, human(), stream_mode=["updates", "values"])
            yield [shown[0] for shown, _ in model.heard]
    yield sorted(executor.AgentState.__annotations__), sorted(executor.AgentStatePydantic.model_fields)
    yield sorted(executor.AgentStateWithStructuredResponse.__annotations__)


@covers("PRE-07")
def histories(lg, drive):
    """A history with calls that nobody answered is refused; one with answers is not."""
    m = lc()
    asking = calling(("add", {"a": 1, "b": 2}), ("add", {"a": 3, "b": 4}, "c2"), id="a0")
    answer = m.ToolMessage("3", tool_call_id="c1", id="t1")
    other = m.ToolMessage("7", tool_call_id="c2", id="t2")
    for history in (
        [asking],
        [asking, answer],
        [asking, answer, other],
        [asking, m.HumanMessage("and?", id="h2")],
        [],
    ):
        agent = react(lg, scripted(m.AIMessage("x", id="x")), [adder(drive)])
        yield drive.invoke(agent, {"messages": history})
    yield drive.invoke(agent, {})


@covers("PRE-08")
def shapes(lg, drive):
    """The model is asked once more for an answer of a shape, with a prompt of its own or without."""
    from pydantic import BaseModel

    class Answer(BaseModel):
        """An answer."""

        x: int

    for shape in (Answer, ("a prompt", Answer), {"title": "as JSON", "type": "object"}):
        for version in BOTH:
            agent = react(lg, two_turns(), [adder(drive)], response_format=shape, version=version)
            yield drawn(agent)
            yield drive.stream(agent, human(), stream_mode="updates")
            yield drive.invoke(agent, human()).get("structured_response")
    agent = react(lg, scripted(lc().AIMessage("x", id="x")), [], response_format=Answer, prompt="p")
    yield drawn(agent), drive.invoke(agent, human())


@covers("PRE-10")
def direct_tools(lg, drive):
    """A tool may end the run with its answer."""

    async def direct(x: int) -> str:
        """Answer at once."""
        await drive.turn(x)
        return f"direct {x}"

    tools = [tool(drive, direct, return_direct=True), adder(drive)]
    for version in BOTH:
        for calls in (
            (("direct", {"x": 1}),),
            (("add", {"a": 1, "b": 2}),),
            (("direct", {"x": 1}), ("add", {"a": 2, "b": 2}, "c2")),
            (("add", {"a": 1, "b": 2}), ("direct", {"x": 2}, "c2")),
            (("direct", {"x": 1}), ("direct", {"x": 2}, "c2")),
        ):
            model = scripted(calling(*calls, id="a1"), lc().AIMessage("done", id="a2"))
            agent = react(lg, model, tools, version=version)
            yield drawn(agent), drive.stream(agent, human(), stream_mode="updates")


@covers("PRE-10")
def tools_of_the_provider(lg, drive):
    """Dicts are tools that the provider runs: bound, and never called."""
    for tools in ([{"type": "web"}], [{"type": "web"}, adder(drive)]):
        model = two_turns()
        agent = react(lg, model, tools)
        yield drawn(agent), drive.invoke(agent, human()), [tools for _, tools in model.heard]


@covers("PRE-01", "PRE-12")
def tool_nodes(lg, drive):
    """Tools may come as a node, or as functions."""
    node = lg.prebuilt.ToolNode([adder(drive)], name="mine", handle_tool_errors=True)
    yield drive.stream(react(lg, two_turns(), node), human(), stream_mode="updates")

    def add(a: int, b: int) -> int:
        """Add."""
        return a + b

    agent = react(lg, scripted(calling(TWO_CALLS[0], id="a1"), "done"), [drive.node(add)])
    if drive.functions == "sync":
        yield drive.stream(agent, human(), stream_mode="updates")


@covers("PRE-11")
def names(lg, drive):
    """A name is the graph's, and is on the agent's messages."""
    for name in (None, "maths"):
        agent = react(lg, two_turns(), [adder(drive)], name=name)
        yield agent.name, agent.get_name(), drive.invoke(agent, human())


@covers("PRE-01", "PRE-05")
def breakpoints(lg, drive):
    """The run may stop before or after its nodes, and goes on from there."""
    config = {"configurable": {"thread_id": "1"}}
    for options in (
        {"interrupt_before": ["tools"]},
        {"interrupt_after": ["agent"]},
        {"interrupt_before": ["agent"], "interrupt_after": ["tools"]},
    ):
        agent = react(lg, two_turns(), [adder(drive)], checkpointer=drive.saver(), **options)
        yield drive.stream(agent, human(), config, stream_mode="updates")
        yield drive.state(agent, config).next
        for _ in range(3):
            yield drive.stream(agent, None, config, stream_mode="updates")
            yield drive.state(agent, config).next


@covers("PRE-01", "PRE-05")
def threads(lg, drive):
    """An agent remembers a thread; its checkpoints are those of any graph."""
    from langchain_core.tools import InjectedToolCallId

    async def add(a: int, b: int, tid: Annotated[str, InjectedToolCallId]) -> Any:
        """Add."""
        await drive.turn(a)
        return lc().ToolMessage(str(a + b), tool_call_id=tid, id=f"t{a}")

    for version in BOTH:
        saver = drive.saver()
        agent = react(lg, two_turns(), [tool(drive, add)], checkpointer=saver, version=version)
        config = {"configurable": {"thread_id": "1"}}
        drive.invoke(agent, human(), config)
        drive.invoke(agent, {"messages": [lc().HumanMessage("again", id="h2")]}, config)
        yield drive.history(agent, config)
        yield drive.saved(saver, config)


@covers("PRE-05", "PRE-04", "PRE-14")
def questions(lg, drive):
    """Tools that ask a human are answered one by one, or all at once; what was done is not done again."""
    done = []

    async def ask(what: str) -> str:
        """Ask."""
        await drive.turn(ord(what))
        done.append(what)
        return f"{what}: {lg.types.interrupt(what)}"

    config = {"configurable": {"thread_id": "1"}}
    calls = (("ask", {"what": "a"}), ("ask", {"what": "b"}, "c2"), ("add", {"a": 3, "b": 4}, "c3"))
    for version in BOTH:
        for answers in ("one by one", "at once"):
            model = scripted(calling(*calls, id="a1"), lc().AIMessage("done", id="a2"))
            tools = [tool(drive, ask), adder(drive)]
            agent = react(lg, model, tools, checkpointer=drive.saver(), version=version)
            yield drive.stream(agent, human(), config, stream_mode=["updates", "tasks"])
            state = drive.state(agent, config)
            yield state.next, [each.value for each in state.interrupts]
            if answers == "at once":
                given = {each.id: f"to {each.value}" for each in state.interrupts}
                yield drive.stream(agent, lg.types.Command(resume=given), config, stream_mode="updates")
            else:
                for _ in range(2):
                    open_questions = drive.state(agent, config).interrupts
                    given = {open_questions[0].id: f"to {open_questions[0].value}"}
                    resumed = lg.types.Command(resume=given)
                    yield drive.stream(agent, resumed, config, stream_mode="updates")
            yield sorted(done), drive.state(agent, config).values
            done.clear()


# ---- agents inside graphs


@covers("PRE-01", "PRE-05", "SUB-01")
def as_a_node(lg, drive):
    """An agent may be a node, seen from outside or through its namespace."""
    agent = react(lg, two_turns(), [adder(drive)], name="inner")
    graph = chain(lg, lg.graph.MessagesState, ("agent", agent)).compile(checkpointer=drive.saver())
    for subgraphs in (False, True):
        config = {"configurable": {"thread_id": str(subgraphs)}}
        yield drive.stream(
            graph, human(), config, stream_mode=["updates", "values", "messages"], subgraphs=subgraphs
        )


@covers("PRE-01", "PRE-05", "SUB-01")
def as_a_tool(lg, drive):
    """A tool may ask another agent, which may ask a human."""

    async def add(a: int) -> str:
        """Add, with a human's help."""
        return f"{a} + {lg.types.interrupt('what else?')}"

    inner = react(
        lg, scripted(calling(("add", {"a": 1}), id="i1"), lc().AIMessage("sum", id="i2")), [tool(drive, add)]
    )

    async def ask_maths(question: str) -> str:
        """Ask the other agent."""
        result = await drive.call(inner, {"messages": [lc().HumanMessage(question, id="q")]})
        return result["messages"][-1].content

    model = scripted(calling(("ask_maths", {"question": "1?"}), id="a1"), lc().AIMessage("done", id="a2"))
    agent = react(lg, model, [tool(drive, ask_maths)], checkpointer=drive.saver())
    config = {"configurable": {"thread_id": "1"}}
    yield drive.stream(agent, human(), config, stream_mode="updates", subgraphs=True)
    yield drive.state(agent, config).next
    yield drive.stream(agent, lg.types.Command(resume="2"), config, stream_mode="updates", subgraphs=True)


@covers("PRE-13", "PRE-04")
def handing_over(lg, drive):
    """A tool may send the run to another agent of the graph around."""
    from langchain_core.tools import InjectedToolCallId

    def to_bob(
        state: Annotated[Any, lg.prebuilt.InjectedState], tid: Annotated[str, InjectedToolCallId]
    ) -> Any:
        """Hand over."""
        answer = lc().ToolMessage("over to bob", tool_call_id=tid, id="t1")
        return lg.types.Command(
            goto="bob", graph=lg.types.Command.PARENT, update={"messages": [*state["messages"], answer]}
        )

    alice = react(lg, scripted(calling(("to_bob", {}), id="a1")), [tool(drive, to_bob)], name="alice")
    bob = react(lg, scripted(lc().AIMessage("I am bob", id="b1")), [], name="bob")
    builder = chain(lg, lg.graph.MessagesState, ("alice", alice))
    builder.add_node("bob", bob)
    yield drive.stream(builder.compile(), human(), stream_mode="updates", subgraphs=True)


@covers("PRE-01")
def debugging(lg, drive):
    """`debug` prints what happens, the same as `compile(debug=True)`."""
    agent = react(lg, scripted(lc().AIMessage("x", id="x")), [], debug=True)
    with drive.printed() as lines:
        drive.invoke(agent, human())
    yield len(lines) > 0
