"""
More programs of people who use packages built on LangGraph: chunk by chunk in every mode, in files, on the event loop.

Run by `forks.py`, whose argument says on which engine.
Rule: a program prints what it sees, with ids numbered as they come, so that both engines can be compared.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from langchain_core.messages import AIMessageChunk
from langchain_core.outputs import ChatGenerationChunk
from programs import (
    ASK,
    THREAD,
    AIMessage,
    Command,
    HumanInTheLoopMiddleware,
    InMemorySaver,
    MessagesState,
    Model,
    StateGraph,
    SummarizationMiddleware,
    TodoListMiddleware,
    add,
    calling,
    create_agent,
    create_handoff_tool,
    create_react_agent,
    create_supervisor,
    create_swarm,
    tell,
)
from pydantic import BaseModel

MODES = ["updates", "values", "messages", "custom", "tasks", "checkpoints", "debug", "tools"]
TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(?:\+00:00|Z)?")
APPROVE = Command(resume={"decisions": [{"type": "approve"}]})


def brief(value: Any) -> Any:
    """Return a chunk with its messages as text, and without what differs from run to run."""
    if hasattr(value, "content"):
        return (
            value.type,
            brief(value.content),
            value.name,
            [call["name"] for call in getattr(value, "tool_calls", ())],
        )
    if isinstance(value, Command):
        return ("command", value.graph, brief(value.update), value.goto)
    if isinstance(value, dict):
        # The config of a run names libraries, and keys that nobody is to read.
        kept = {
            name: each
            for name, each in value.items()
            if name not in ("lc_versions", "versions", "created_at")
        }
        return {name: brief(kept[name]) for name in sorted(kept) if not str(name).startswith("__pregel")}
    if isinstance(value, (list, tuple)):
        return type(value)([brief(each) for each in value]) if type(value) in (list, tuple) else value
    return TIMES.sub("<time>", value) if isinstance(value, str) else value


class Speaker(Model):
    """A model that streams what it was told to say, calls of tools included."""

    def _stream(self, messages: Any, *args: Any, run_manager: Any = None, **kwargs: Any) -> Iterator[Any]:
        answer = next(self.messages)
        texts = answer.content.split() if answer.content else []
        chunks = [AIMessageChunk(text, id=answer.id) for text in texts]
        calls = [
            {"name": call["name"], "args": json.dumps(call["args"]), "id": call["id"], "index": index}
            for index, call in enumerate(answer.tool_calls)
        ]
        if calls:
            chunks.append(AIMessageChunk("", id=answer.id, tool_call_chunks=calls))
        for chunk in chunks:
            part = ChatGenerationChunk(message=chunk)
            if run_manager is not None:
                run_manager.on_llm_new_token(chunk.content, chunk=part)
            yield part


def says(*answers: Any) -> Speaker:
    return Speaker(messages=iter(answers))


def show(graph: Any, given: Any, modes: Any = MODES, config: Any = THREAD) -> None:
    for ns, mode, chunk in graph.stream(given, config, stream_mode=modes, subgraphs=True):
        tell(ns, mode, brief(chunk))


async def ashow(graph: Any, given: Any, modes: Any = MODES, config: Any = THREAD) -> None:
    async for ns, mode, chunk in graph.astream(given, config, stream_mode=modes, subgraphs=True):
        tell(ns, mode, brief(chunk))


def asking(**more: Any) -> Any:
    model = says(calling("", ("add", {"a": 1, "b": 2}, "1")), AIMessage("all done"))
    middle = [HumanInTheLoopMiddleware(interrupt_on={"add": True}), TodoListMiddleware()]
    return create_agent(model, [add], middleware=middle, **more)


@contextmanager
def saver() -> Iterator[Any]:
    from langgraph.checkpoint.sqlite import SqliteSaver

    with TemporaryDirectory() as folder, SqliteSaver.from_conn_string(f"{folder}/threads.sqlite") as made:
        yield made


def history(graph: Any) -> None:
    for state in graph.get_state_history(THREAD):
        tell(
            state.metadata["step"],
            state.metadata["source"],
            state.next,
            len(state.tasks),
            brief(state.values),
        )


def agent_asks_in_every_mode() -> None:
    """An agent with a question, in a file."""
    with saver() as kept:
        agent = asking(checkpointer=kept)
        show(agent, ASK)
        show(agent, APPROVE)
        history(agent)


def agent_asks_in_every_mode_async() -> None:
    """The same on the event loop."""

    async def main() -> None:
        agent = asking(checkpointer=InMemorySaver())
        await ashow(agent, ASK)
        await ashow(agent, APPROVE)

    asyncio.run(main())


def agent_inside_asks() -> None:
    """An agent that is a node asks, and the graph around it is answered."""
    with saver() as kept:
        graph = (
            StateGraph(MessagesState).add_node("agent", asking(name="inner")).add_edge("__start__", "agent")
        )
        compiled = graph.compile(checkpointer=kept)
        show(compiled, ASK)
        tell(compiled.get_state(THREAD, subgraphs=True).tasks[0].state.next)
        show(compiled, APPROVE)
        history(compiled)


def agent_summarises_in_every_mode() -> None:
    """A summary is made before the model is called; its tokens are not the agent's."""
    middle = SummarizationMiddleware(
        says(AIMessage("a summary"), AIMessage("another")), trigger=("messages", 3), keep=("messages", 1)
    )
    agent = create_agent(
        says(AIMessage("one"), AIMessage("two")), [], middleware=[middle], checkpointer=InMemorySaver()
    )
    for _ in range(2):
        show(agent, ASK)


def supervisor_in_every_mode() -> None:
    """A supervisor whose agent asks a human in a tool."""
    from langchain_core.tools import tool
    from langgraph.types import interrupt

    @tool
    def sign(text: str) -> str:
        """Sign it."""
        return f"{text}: {interrupt(text)}"

    for colour in ("sync", "async"):
        clerk = create_react_agent(
            says(calling("", ("sign", {"text": "deed"}, "s1")), AIMessage("signed")), [sign], name="clerk"
        )
        model = says(calling("", ("transfer_to_clerk", {}, "t1")), AIMessage("all done"))
        graph = create_supervisor([clerk], model=model).compile(checkpointer=InMemorySaver())
        for given in (ASK, Command(resume="me")):
            if colour == "sync":
                show(graph, given)
            else:
                asyncio.run(ashow(graph, given))


def swarm_in_every_mode() -> None:
    """Two agents hand over to each other, over two turns of a thread."""
    alice = create_react_agent(
        says(calling("", ("transfer_to_bob", {}, "h1")), AIMessage("alice again")),
        [create_handoff_tool(agent_name="bob")],
        name="alice",
    )
    bob = create_react_agent(
        says(AIMessage("bob here"), calling("", ("transfer_to_alice", {}, "h2"))),
        [create_handoff_tool(agent_name="alice")],
        name="bob",
    )
    graph = create_swarm([alice, bob], default_active_agent="alice").compile(checkpointer=InMemorySaver())
    for _ in range(2):
        show(graph, ASK)


def deep_agent() -> None:
    """deepagents: files in the state, an agent below, a question."""
    from deepagents import create_deep_agent

    model = says(
        calling("", ("write_file", {"file_path": "/a.txt", "content": "hello"}, "1")),
        calling("", ("read_file", {"file_path": "/a.txt"}, "2")),
        calling("", ("task", {"description": "do", "subagent_type": "general-purpose"}, "3")),
        AIMessage("done below"),
        calling("", ("add", {"a": 1, "b": 2}, "4")),
        AIMessage("done"),
    )
    agent = create_deep_agent(
        model=model, tools=[add], checkpointer=InMemorySaver(), interrupt_on={"add": True}
    )
    show(agent, ASK, ["updates", "custom", "messages"])
    show(agent, APPROVE, ["updates", "custom", "messages"])
    tell(brief(agent.get_state(THREAD).values))


def deep_agent_below_asks() -> None:
    """deepagents: the question of an agent below."""
    from deepagents import create_deep_agent

    maths = {
        "name": "maths",
        "description": "maths",
        "system_prompt": "x",
        "tools": [add],
        "interrupt_on": {"add": True},
    }
    maths["model"] = says(calling("", ("add", {"a": 1, "b": 2}, "1")), AIMessage("3"))
    model = says(
        calling("", ("task", {"description": "do", "subagent_type": "maths"}, "2")), AIMessage("done")
    )
    agent = create_deep_agent(model=model, tools=[], subagents=[maths], checkpointer=InMemorySaver())
    show(agent, ASK, ["updates", "values"])
    show(agent, APPROVE, ["updates", "values"])


def calls_a_graph(name: str, make: Any) -> Any:
    """Return an agent whose only tool runs the graph that `make` makes."""
    from langchain_core.tools import tool

    @tool
    def ask(question: str) -> str:
        """Ask."""
        return str(make().invoke({"messages": [("human", question)]})["messages"][-1].content)

    model = says(calling("", ("ask", {"question": "q"}, "c1")), AIMessage("done"))
    return create_agent(model, [ask], name=name, checkpointer=InMemorySaver())


def followed(thing: Any) -> Any:
    """Return what a handle of a graph inside, or a piece of its life, says."""
    if isinstance(thing, dict):
        return thing
    names = ("path", "graph_name", "trigger_call_id", "status", "error", "cause")
    return {name: getattr(thing, name, None) for name in names}


def subagents_in_events() -> None:
    """The agents that an agent calls in its tools are projections of its events, whatever else they are called in."""

    def inner() -> Any:
        return create_agent(says(AIMessage("inner said")), [], name="inner")

    def asks() -> Any:
        model = says(calling("", ("add", {"a": 1, "b": 2}, "1")), AIMessage("three"))
        middle = [HumanInTheLoopMiddleware(interrupt_on={"add": True})]
        return create_agent(model, [add], name="asks", middleware=middle)

    def plain() -> Any:
        graph = StateGraph(MessagesState).add_node("p", lambda state: {"messages": ["p"]})
        return graph.add_edge("__start__", "p").compile(name="plain")

    for make in (
        lambda: calls_a_graph("outer", inner),
        lambda: calls_a_graph("outer", plain),
        lambda: calls_a_graph("outer", lambda: calls_a_graph("middle", inner)),
        lambda: calls_a_graph("outer", asks),
        lambda: StateGraph(MessagesState).add_node("n", inner()).add_edge("__start__", "n").compile(),
    ):
        for kind in ("lifecycle", "subgraphs", "subagents"):
            run = make().stream_events(ASK, THREAD, version="v3")
            for each in run.extensions.get(kind, ()):
                tell(kind, followed(each))
                if kind != "lifecycle":
                    tell([(event["method"], event["params"]["namespace"]) for event in each])
                    tell(kind, followed(each))

    async def read() -> None:
        run = await calls_a_graph("outer", inner).astream_events(ASK, THREAD, version="v3")
        async for each in run.extensions["subagents"]:
            tell(followed(each))
            tell([(event["method"], event["params"]["namespace"]) async for event in each])
            tell(followed(each))

    asyncio.run(read())


def events_of_agents() -> None:
    """What LangChain's handlers are told of agents, of their middleware, their ways and of those who supervise them."""

    def agent() -> Any:
        return asking(checkpointer=InMemorySaver())

    def supervised() -> Any:
        clerk = create_react_agent(says(AIMessage("signed")), [add], name="clerk")
        model = says(calling("", ("transfer_to_clerk", {}, "t1")), AIMessage("all done"))
        return create_supervisor([clerk], model=model).compile(checkpointer=InMemorySaver())

    def swarm() -> Any:
        tools = [create_handoff_tool(agent_name="alice")]
        alice = create_react_agent(says(AIMessage("alice here")), tools, name="alice")
        return create_swarm([alice], default_active_agent="alice").compile(checkpointer=InMemorySaver())

    async def main() -> None:
        for make in (agent, supervised, swarm):
            graph = make()
            for given in (ASK, APPROVE) if make is agent else (ASK,):
                async for event in graph.astream_events(given, THREAD, version="v2"):
                    shown = sorted(event["data"])
                    tell(event["event"], event["name"], sorted(event["tags"]), event["parent_ids"], shown)

    asyncio.run(main())


def memory() -> None:
    """langmem: tools that keep memories in the store."""
    from langgraph.store.memory import InMemoryStore
    from langmem import create_manage_memory_tool, create_search_memory_tool

    store, place = InMemoryStore(), ("memories", "{user}")
    model = says(
        calling("", ("manage_memory", {"content": "likes foxes", "action": "create"}, "1")),
        calling("", ("search_memory", {"query": "fox"}, "2")),
        AIMessage("ok"),
    )
    tools = [create_manage_memory_tool(namespace=place), create_search_memory_tool(namespace=place)]
    agent = create_react_agent(model, tools, store=store, checkpointer=InMemorySaver())
    show(agent, ASK, ["updates"], {"configurable": {"thread_id": "1", "user": "u"}})
    tell([(item.namespace, item.value) for item in store.search(("memories",))])


def extraction() -> None:
    """trustcall: an answer that is wrong first, and then patched."""
    from trustcall import create_extractor

    class Person(BaseModel):
        name: str
        age: int

    patch = {
        "json_doc_id": "1",
        "planned_edits": "fix",
        "patches": [{"op": "replace", "path": "/age", "value": 3}],
    }
    model = says(
        calling("", ("Person", {"name": "a", "age": "x"}, "1")),
        calling("", ("PatchFunctionErrors", patch, "2")),
    )
    found = create_extractor(model, tools=[Person], tool_choice="Person").invoke(
        {"messages": [("user", "x")]}
    )
    tell(found["responses"], brief(found["messages"]), found["attempts"])


PROGRAMS = {
    program.__name__: program
    for program in (
        agent_asks_in_every_mode,
        agent_asks_in_every_mode_async,
        agent_inside_asks,
        agent_summarises_in_every_mode,
        supervisor_in_every_mode,
        swarm_in_every_mode,
        deep_agent,
        deep_agent_below_asks,
        subagents_in_events,
        events_of_agents,
        memory,
        extraction,
    )
}
