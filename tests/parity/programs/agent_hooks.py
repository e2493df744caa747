"""Hooks of an agent: nodes before and after its model."""

from parity.registry import covers

from .fakes import adder, calling, human, lc, scripted, tool
from .react_agent import BOTH, drawn, react, two_turns


@covers("PRE-09", "PRE-04")
def before(lg, drive):
    """A node before the model may say what the model is shown, and change the state."""
    m = lc()
    hooks = {
        "shown": lambda state: {"llm_input_messages": [m.HumanMessage("only this", id="o")]},
        "trimmed": lambda state: {"llm_input_messages": state["messages"][-1:]},
        "kept": lambda state: {"messages": [m.HumanMessage("one more", id="m")]},
        "replaced": lambda state: {
            "messages": [m.RemoveMessage("__remove_all__"), m.HumanMessage("new", id="n")]
        },
        "both": lambda state: {
            "messages": [m.HumanMessage("kept", id="k")],
            "llm_input_messages": [m.HumanMessage("shown", id="s")],
        },
    }
    for name, hook in hooks.items():
        for version in BOTH:
            model = scripted(lc().AIMessage("done", id="a2"))
            agent = react(lg, model, [adder(drive)], pre_model_hook=drive.node(hook), version=version)
            yield name, drive.stream(agent, human(), stream_mode=["updates", "values"])
            yield [shown for shown, _ in model.heard]
    yield drawn(agent)


@covers("PRE-09")
def before_each_call(lg, drive):
    """The node runs before each call of the model, after tools too."""

    @drive.node
    def hook(state):
        return {"llm_input_messages": [lc().SystemMessage("see"), *state["messages"]]}

    for version in BOTH:
        for prompt in (None, "a prompt"):
            model = two_turns()
            agent = react(lg, model, [adder(drive)], pre_model_hook=hook, prompt=prompt, version=version)
            yield drive.stream(agent, human(), stream_mode=["updates"])
            yield [shown for shown, _ in model.heard]


@covers("PRE-09")
def nothing_before(lg, drive):
    """A hook that says nothing that an agent knows."""
    for hook in (lambda state: None, lambda state: {}, lambda state: {"unknown": 1}):
        agent = react(lg, scripted(lc().AIMessage("x", id="x")), [], pre_model_hook=drive.node(hook))
        yield drive.stream(agent, human(), stream_mode=["updates"])


@covers("PRE-09", "PRE-04")
def after(lg, drive):
    """A node after the model may add messages, change the answer, or take calls of tools away."""
    m = lc()

    def without_calls(state):
        last = state["messages"][-1]
        return {"messages": [m.AIMessage("no tools", id=last.id)]}

    def fewer_calls(state):
        last = state["messages"][-1]
        return {"messages": [last.model_copy(update={"tool_calls": last.tool_calls[:1]})]}

    def answered(state):
        last = state["messages"][-1]
        return {
            "messages": [m.ToolMessage("mine", tool_call_id=c["id"], id=c["id"]) for c in last.tool_calls[:1]]
        }

    hooks = {
        "nothing": lambda state: {},
        "said": lambda state: {"messages": []},
        "without_calls": without_calls,
        "fewer_calls": fewer_calls,
        "answered": answered,
    }
    for name, hook in hooks.items():
        for version in ("v2",):
            agent = react(lg, two_turns(), [adder(drive)], post_model_hook=drive.node(hook), version=version)
            yield name, drive.stream(agent, human(), stream_mode=["updates"])
    yield drawn(agent)


@covers("PRE-09", "PRE-08")
def around_and_a_shape(lg, drive):
    """Hooks and an answer in a shape together; with no tools, and with tools."""
    for tools in ([], [adder(drive)]):
        for version in ("v2",):
            model = two_turns() if tools else scripted(lc().AIMessage("x", id="x"))
            agent = react(
                lg,
                model,
                tools,
                pre_model_hook=drive.node(lambda state: {"llm_input_messages": state["messages"]}),
                post_model_hook=drive.node(lambda state: {"messages": []}),
                response_format=dict,
                version=version,
            )
            yield drawn(agent)
            yield drive.stream(agent, human(), stream_mode=["updates", "tasks"])


@covers("PRE-09")
def a_human_after(lg, drive):
    """A node after the model may ask a human whether tools are called."""
    m, Command = lc(), lg.types.Command

    @drive.node
    def approve(state):
        last = state["messages"][-1]
        if not last.tool_calls or lg.types.interrupt({"calls": last.tool_calls}):
            return {}
        refused = [m.ToolMessage("refused", tool_call_id=c["id"], id=c["id"]) for c in last.tool_calls]
        return {"messages": refused}

    config = {"configurable": {"thread_id": "1"}}
    for version in ("v2",):
        for answer in (True, False):
            agent = react(
                lg,
                two_turns(),
                [adder(drive)],
                post_model_hook=approve,
                checkpointer=drive.saver(),
                version=version,
            )
            yield drive.stream(agent, human(), config, stream_mode="updates")
            yield drive.stream(agent, Command(resume=answer), config, stream_mode="updates")
            yield drive.state(agent, config).next


@covers("PRE-09", "PRE-10")
def after_and_direct(lg, drive):
    """A tool that answers at once ends the run with hooks too."""

    def direct(x: int) -> str:
        """Answer at once."""
        return f"direct {x}"

    for version in ("v2",):
        model = scripted(calling(("direct", {"x": 1}), id="a1"), lc().AIMessage("no", id="a2"))
        agent = react(
            lg,
            model,
            [tool(drive, direct, return_direct=True)],
            pre_model_hook=drive.node(lambda state: {"llm_input_messages": state["messages"]}),
            post_model_hook=drive.node(lambda state: {}),
            version=version,
        )
        yield drawn(agent), drive.stream(agent, human(), stream_mode="updates")


@covers("PRE-09", "PRE-06")
def states_with_hooks(lg, drive):
    """Hooks see the state's own class."""
    executor = lg.prebuilt.chat_agent_executor

    class Model(executor.AgentStatePydantic):
        k: int = 3

    seen = []

    @drive.node
    def pre(state):
        seen.append((type(state).__name__, state.k))
        return {"llm_input_messages": state.messages}

    @drive.node
    def post(state):
        seen.append((type(state).__name__, len(state.messages)))
        return {"k": state.k + 1}

    agent = react(
        lg, two_turns(), [adder(drive)], state_schema=Model, pre_model_hook=pre, post_model_hook=post
    )
    yield drive.stream(agent, {**human(), "k": 1}, stream_mode=["updates", "values"]), seen


@covers("PRE-09")
def after_and_all_calls_in_one(lg, drive):
    """A node after the model works where one task makes all calls."""
    hook = drive.node(lambda state: {})
    agent = react(lg, two_turns(), [adder(drive)], post_model_hook=hook, version="v1")
    yield drive.stream(agent, human(), stream_mode="updates")
