"""
Programs of people who use packages built on LangGraph; run in an environment where LangGraph is installed too.

    python programs.py otgraph|langgraph PROGRAM

Rule: a program prints what it sees, with ids numbered as they come, so that both engines can be compared.
"""

from __future__ import annotations

import asyncio
import re
import sys
import warnings
from typing import Any

if sys.argv[1] == "otgraph":
    import otgraph.compat

    otgraph.compat.install()

warnings.simplefilter("ignore")

from langchain.agents import create_agent  # noqa: E402
from langchain.agents.middleware import HumanInTheLoopMiddleware, SummarizationMiddleware  # noqa: E402
from langchain.agents.structured_output import ToolStrategy  # noqa: E402
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel  # noqa: E402
from langchain_core.messages import AIMessage  # noqa: E402
from langchain_core.tools import tool  # noqa: E402
from langgraph.checkpoint.memory import InMemorySaver  # noqa: E402
from langgraph.graph import START, MessagesState, StateGraph  # noqa: E402
from langgraph.prebuilt import create_react_agent  # noqa: E402
from langgraph.types import Command  # noqa: E402
from langgraph_supervisor import create_supervisor  # noqa: E402
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


PROGRAMS = {
    program.__name__: program
    for program in (
        agent_streams,
        agent_async,
        agent_asks_a_human,
        agent_answers_in_a_shape,
        agent_summarises,
        agent_as_a_node,
        supervisor,
        swarm,
    )
}

if __name__ == "__main__":
    tell(StateGraph.__module__.partition(".")[0] == sys.argv[1])
    PROGRAMS[sys.argv[2]]()
