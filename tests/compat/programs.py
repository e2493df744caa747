"""
Programs of people who use packages built on LangGraph; run in an environment where LangGraph is installed too.

Run by `forks.py`, whose argument says on which engine.
Rule: a program prints what it sees, with ids numbered as they come, so that both engines can be compared.
"""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from dataclasses import dataclass
from typing import Any

if sys.argv[1] == "otgraph":
    import otgraph.compat

    otgraph.compat.install()

warnings.simplefilter("ignore")

from langchain.agents import AgentState, create_agent  # noqa: E402
from langchain.agents.middleware import (  # noqa: E402
    AgentMiddleware,
    HumanInTheLoopMiddleware,
    ModelCallLimitMiddleware,
    ModelFallbackMiddleware,
    SummarizationMiddleware,
    TodoListMiddleware,
    ToolCallLimitMiddleware,
    ToolRetryMiddleware,
    dynamic_prompt,
)
from langchain.agents.structured_output import ProviderStrategy, ToolStrategy  # noqa: E402
from langchain.tools import ToolRuntime  # noqa: E402
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel  # noqa: E402
from langchain_core.messages import AIMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langgraph.checkpoint.memory import InMemorySaver  # noqa: E402
from langgraph.graph import START, MessagesState, StateGraph  # noqa: E402
from langgraph.prebuilt import create_react_agent  # noqa: E402
from langgraph.types import Command  # noqa: E402
from langgraph_supervisor import create_supervisor  # noqa: E402
from langgraph_supervisor.handoff import create_forward_message_tool  # noqa: E402
from langgraph_swarm import create_handoff_tool, create_swarm  # noqa: E402
from pydantic import BaseModel  # noqa: E402

ASK = {"messages": [("user", "hi")]}
THREAD = {"configurable": {"thread_id": "1"}}

IDS = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\b[0-9a-f]{32}\b")
known: dict[str, str] = {}


class Model(GenericFakeChatModel):
    """A model that says what it was told to."""

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        return self


def says(*answers: Any) -> Model:
    return Model(messages=iter(answers))


def calling(text: str, *calls: tuple[str, dict[str, Any], str]) -> AIMessage:
    return AIMessage(
        text, tool_calls=[{"name": n, "args": a, "id": i, "type": "tool_call"} for n, a, i in calls]
    )


@dataclass
class Context:
    user: str


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def tell(*values: Any) -> None:
    text = " ".join(map(str, values))
    print(IDS.sub(lambda found: known.setdefault(found.group(), f"<{len(known)}>"), text))


def brief(update: dict[str, Any]) -> dict[str, Any]:
    """Return an update with its messages as text."""
    return {
        key: contents(value["messages"]) if isinstance(value, dict) and "messages" in value else value
        for key, value in update.items()
    }


def contents(messages: Any) -> list[Any]:
    return [(m.type, m.content, m.name) for m in messages]


def agent_streams() -> None:
    """An agent's updates and tokens."""
    agent = create_agent(
        says(calling("let me see", ("add", {"a": 1, "b": 2}, "1")), AIMessage("done")), [add]
    )
    for mode, chunk in agent.stream(ASK, stream_mode=["updates", "messages"]):
        tell(
            mode,
            brief(chunk)
            if mode == "updates"
            else (chunk[0].content, sorted(chunk[1]), chunk[1]["langgraph_node"]),
        )


def agent_async() -> None:
    """The same on the event loop."""

    async def main() -> None:
        agent = create_agent(
            says(calling("let me see", ("add", {"a": 1, "b": 2}, "1")), AIMessage("done")), [add]
        )
        async for mode, chunk in agent.astream(ASK, stream_mode=["updates", "values"]):
            tell(mode, brief(chunk) if mode == "updates" else [m.content for m in chunk["messages"]])

    asyncio.run(main())


def agent_asks_a_human() -> None:
    """A middleware that has a human approve calls of tools, or reject or edit them."""
    for decision in (
        {"type": "approve"},
        {"type": "reject", "message": "no"},
        {"type": "edit", "edited_action": {"name": "add", "args": {"a": 5, "b": 5}}},
    ):
        model = says(calling("see", ("add", {"a": 1, "b": 2}, "1")), AIMessage("done"))
        human = HumanInTheLoopMiddleware(interrupt_on={"add": True})
        agent = create_agent(model, [add], middleware=[human], checkpointer=InMemorySaver())
        tell(agent.invoke(ASK, THREAD)["__interrupt__"])
        tell(agent.get_state(THREAD).next)
        result = agent.invoke(Command(resume={"decisions": [decision]}), THREAD)
        tell([(m.type, m.content) for m in result["messages"]])


def agent_answers_in_a_shape() -> None:
    """An answer that is an object."""

    class Out(BaseModel):
        x: int

    agent = create_agent(
        says(calling("see", ("Out", {"x": 5}, "1"))), [add], response_format=ToolStrategy(Out)
    )
    tell(agent.invoke(ASK)["structured_response"])


def agent_summarises() -> None:
    """A middleware that replaces the history by a summary, with hooks before the model."""
    middle = SummarizationMiddleware(
        says(AIMessage("summary")), trigger=("messages", 3), keep=("messages", 1)
    )
    agent = create_agent(
        says(AIMessage("one"), AIMessage("two")), [], middleware=[middle], checkpointer=InMemorySaver()
    )
    for _ in range(2):
        tell([m.content for m in agent.invoke(ASK, THREAD)["messages"]])


def agent_as_a_node() -> None:
    """An agent inside a graph, seen through its namespaces."""
    agent = create_agent(
        says(calling("see", ("add", {"a": 1, "b": 2}, "1")), AIMessage("done")), [add], name="inner"
    )
    graph = StateGraph(MessagesState).add_node("agent", agent).add_edge(START, "agent").compile()
    for ns, chunk in graph.stream(ASK, subgraphs=True):
        tell(ns, brief(chunk))


def supervisor() -> None:
    """A supervisor with two agents, seen through their namespaces."""
    math = create_react_agent(says(AIMessage("I am math")), [add], name="math")
    writer = create_react_agent(says(AIMessage("I am writer")), [], name="writer")
    model = says(calling("go", ("transfer_to_math", {}, "t1")), AIMessage("all done"))
    graph = create_supervisor([math, writer], model=model).compile(checkpointer=InMemorySaver())
    for ns, chunk in graph.stream(ASK, THREAD, subgraphs=True):
        tell(ns, brief(chunk))
    tell([(m.type, m.content, m.name) for m in graph.get_state(THREAD).values["messages"]])


def swarm() -> None:
    """Two agents that hand over to each other, over two turns of a thread."""
    alice = create_react_agent(
        says(calling("to bob", ("transfer_to_bob", {}, "h1")), AIMessage("alice again")),
        [create_handoff_tool(agent_name="bob")],
        name="alice",
    )
    bob = create_react_agent(
        says(AIMessage("bob here"), AIMessage("bob 2")), [create_handoff_tool(agent_name="alice")], name="bob"
    )
    graph = create_swarm([alice, bob], default_active_agent="alice").compile(checkpointer=InMemorySaver())
    for _ in range(2):
        for ns, chunk in graph.stream(ASK, THREAD, subgraphs=True):
            tell(ns, brief(chunk))
        tell(graph.get_state(THREAD).values["active_agent"])


def agent_falls_back() -> None:
    """A middleware that asks another model when one fails."""
    middle = ModelFallbackMiddleware(says(AIMessage("from the other")))
    agent = create_agent(says(), [add], middleware=[middle])
    for chunk in agent.stream(ASK):
        tell(brief(chunk))


def agent_tries_again() -> None:
    """A middleware that calls a tool again when it fails."""
    tries = []

    @tool
    def flaky(x: int) -> int:
        """Fail once."""
        tries.append(x)
        if len(tries) < 2:
            raise ValueError("lost")
        return x

    middle = ToolRetryMiddleware(max_retries=2, initial_delay=0.001, jitter=False)
    model = says(calling("see", ("flaky", {"x": 1}, "1")), AIMessage("done"))
    agent = create_agent(model, [flaky], middleware=[middle])
    tell(contents(agent.invoke(ASK)["messages"]), tries)


def agent_is_limited() -> None:
    """Middlewares that limit calls of tools and of models."""
    for middle in (
        ToolCallLimitMiddleware(run_limit=1, exit_behavior="end"),
        ToolCallLimitMiddleware(run_limit=1),
        ToolCallLimitMiddleware(thread_limit=1, exit_behavior="error"),
        ModelCallLimitMiddleware(run_limit=1),
    ):
        call = ("add", {"a": 1, "b": 2}, "1")
        model = says(calling("one", call), calling("two", (*call[:2], "2")), AIMessage("done"))
        agent = create_agent(model, [add], middleware=[middle], checkpointer=InMemorySaver())
        try:
            for chunk in agent.stream(ASK, THREAD):
                tell(brief(chunk))
        except Exception as error:
            tell(type(error).__name__, error)


def agent_plans() -> None:
    """A middleware that brings a tool and a key of the state."""
    todos = [{"content": "think", "status": "pending"}]
    model = says(calling("plan", ("write_todos", {"todos": todos}, "1")), AIMessage("done"))
    agent = create_agent(model, [add], middleware=[TodoListMiddleware()])
    for mode, chunk in agent.stream(ASK, stream_mode=["updates", "values"]):
        tell(mode, brief(chunk) if mode == "updates" else (contents(chunk["messages"]), chunk.get("todos")))


def agent_with_middleware() -> None:
    """A middleware of one's own: each hook, its state, wrappers of models and tools, a jump to the end."""

    class Middle(AgentMiddleware):
        def before_agent(self, state: Any, runtime: Any) -> Any:
            tell("before_agent", sorted(state), runtime.context)

        def before_model(self, state: Any, runtime: Any) -> Any:
            tell("before_model", len(state["messages"]))

        def after_model(self, state: Any, runtime: Any) -> Any:
            tell("after_model", len(state["messages"]))

        def after_agent(self, state: Any, runtime: Any) -> Any:
            tell("after_agent", len(state["messages"]))

        def wrap_model_call(self, request: Any, handler: Any) -> Any:
            tell("model", len(request.messages), [each.name for each in request.tools])
            return handler(request)

        def wrap_tool_call(self, request: Any, handler: Any) -> Any:
            tell("tool", request.tool_call["name"], sorted(request.state))
            return handler(request)

    @dynamic_prompt
    def prompt(request: Any) -> str:
        return f"to {request.runtime.context}"

    agent = create_agent(
        says(calling("see", ("add", {"a": 1, "b": 2}, "1")), AIMessage("done")),
        [add],
        middleware=[Middle(), prompt],
        context_schema=str,
    )
    tell(sorted(agent.get_graph().nodes))
    for chunk in agent.stream(ASK, context="me"):
        tell(brief(chunk))


def agent_with_states() -> None:
    """A state and a context of one's own, seen by tools; several calls, async, with checkpoints."""

    class State(AgentState):  # type: ignore[type-arg]
        count: int

    @tool
    async def look(x: int, runtime: ToolRuntime) -> str:
        """Look."""
        runtime.stream_writer({"looks": x})
        return f"{x} {runtime.state['count']} {runtime.context.user} {runtime.tool_call_id}"

    async def main() -> None:
        model = says(calling("see", ("look", {"x": 1}, "1")), AIMessage("done"))
        agent = create_agent(
            model, [look], state_schema=State, context_schema=Context, checkpointer=InMemorySaver()
        )
        modes = ["updates", "custom"]
        given = {**ASK, "count": 3}
        async for mode, chunk in agent.astream(given, THREAD, context=Context("me"), stream_mode=modes):
            tell(mode, brief(chunk) if mode == "updates" else chunk)
        tell((await agent.aget_state(THREAD)).values["count"])
        async for state in agent.aget_state_history(THREAD):
            tell(state.metadata["step"], state.next)

    asyncio.run(main())


def agent_answers_as_the_provider() -> None:
    """An answer that is an object, made by the provider; and one that was wrong first."""

    class Out(BaseModel):
        x: int

    agent = create_agent(says(AIMessage('{"x": 7}')), [], response_format=ProviderStrategy(Out))
    tell(agent.invoke(ASK)["structured_response"])
    model = says(calling("see", ("Out", {"x": "no"}, "1")), calling("see", ("Out", {"x": 5}, "2")))
    agent = create_agent(model, [], response_format=ToolStrategy(Out))
    result = agent.invoke(ASK)
    tell(contents(result["messages"]), result["structured_response"])


def nested_supervisors() -> None:
    """A supervisor of supervisors, with what its agents said passed on."""
    for mode in ("full_history", "last_message"):
        math = create_react_agent(
            says(calling("see", ("add", {"a": 1, "b": 2}, "m1")), AIMessage("3")), [add], name="math"
        )
        team = create_supervisor(
            [math],
            model=says(calling("go", ("transfer_to_math", {}, "t1")), AIMessage("team is done")),
            supervisor_name="lead",
            output_mode=mode,
        ).compile(name="team")
        graph = create_supervisor(
            [team],
            model=says(calling("go", ("transfer_to_team", {}, "u1")), AIMessage("all done")),
            output_mode=mode,
        ).compile(checkpointer=InMemorySaver())
        for ns, chunk in graph.stream(ASK, THREAD, subgraphs=True):
            tell(ns, brief(chunk))
        tell(contents(graph.get_state(THREAD).values["messages"]))


def supervisor_forwards() -> None:
    """A supervisor that passes an agent's message on, word by word."""
    math = create_react_agent(says(AIMessage("I am math")), [add], name="math")
    forward = {"from_agent": "math"}
    model = says(
        calling("go", ("transfer_to_math", {}, "t1")), calling("", ("forward_message", forward, "f1"))
    )
    tools = [create_forward_message_tool("supervisor")]
    graph = create_supervisor([math], model=model, tools=tools).compile()
    tell(contents(graph.invoke(ASK)["messages"]))


PROGRAMS = {
    program.__name__: program
    for program in (
        agent_streams,
        agent_async,
        agent_asks_a_human,
        agent_answers_in_a_shape,
        agent_summarises,
        agent_as_a_node,
        agent_falls_back,
        agent_tries_again,
        agent_is_limited,
        agent_plans,
        agent_with_middleware,
        agent_with_states,
        agent_answers_as_the_provider,
        nested_supervisors,
        supervisor_forwards,
        supervisor,
        swarm,
    )
}
