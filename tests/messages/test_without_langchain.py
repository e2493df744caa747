"""Where LangChain is not installed: messages are dicts, tokens of any client, and errors that say what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

BLOCKED = """
import sys


class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("langchain_core", "langsmith"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Blocker())

from otgraph.graph import START, MessagesState, StateGraph, add_messages
from otgraph.graph.message import REMOVE_ALL_MESSAGES, MessageGraph, push_message
from otgraph.messages import model_call
"""

PROGRAMS = {
    "a conversation of dicts": (
        """
def answer(state):
    return {"messages": [{"role": "assistant", "content": f"you said {state['messages'][-1]['content']}", "id": "a"}]}

graph = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").compile()
first, second = graph.invoke({"messages": "hello"})["messages"]
print(first["role"], first["content"], bool(first["id"]), second)
""",
        "user hello True {'role': 'assistant', 'content': 'you said hello', 'id': 'a'}",
    ),
    "replaced and removed by id": (
        """
given = [{"role": "user", "content": "a", "id": "1"}, ("ai", "b")]
merged = add_messages([], given)
print([m["content"] for m in add_messages(merged, {"role": "user", "content": "c", "id": "1"})])
print(add_messages(merged[:1], {"role": "remove", "id": "1"}))
print(add_messages(merged, [{"role": "remove", "id": REMOVE_ALL_MESSAGES}, merged[0]]))
print(given[1])
""",
        "['c', 'b']\n[]\n[{'role': 'user', 'content': 'a', 'id': '1'}]\n('ai', 'b')",
    ),
    "a message that is not there cannot be removed": (
        """
try:
    add_messages([], [{"role": "remove", "id": "x"}])
except ValueError as error:
    print(error)
""",
        "Attempting to delete a message with an ID that doesn't exist ('x')",
    ),
    "bad messages": (
        """
for bad in (5, {"content": "x"}):
    try:
        add_messages([], bad)
    except (TypeError, ValueError) as error:
        print(error)
""",
        "a message is a dict such as {'role': 'user', 'content': '…'}, a text, or a pair of role and text, not 5; "
        "give one of these, or install LangChain's messages: pip install 'otgraph[langchain]'\n"
        "a message needs a role, such as {'role': 'user', 'content': '…'}, and {'content': 'x'} has none",
    ),
    "the format of LangChain": (
        """
try:
    add_messages([], "x", format="langchain-openai")
except ImportError as error:
    print(error)
""",
        "format='langchain-openai' is LangChain's: leave it out, or install LangChain's messages: "
        "pip install 'otgraph[langchain]'",
    ),
    "tokens of any client": (
        """
def answer(state):
    with model_call("tiny", provider="me", tags=["t"]) as call:
        for word in ("big ", "red ", "fox"):
            call.token(word)
    return {"messages": [{"role": "assistant", "content": "big red fox", "id": call.id}]}

graph = StateGraph(MessagesState).add_node(answer).add_edge(START, "answer").compile()
for message, metadata in graph.stream({"messages": "hello"}, stream_mode="messages"):
    print(message.content, metadata["langgraph_node"], metadata["ls_model_name"], metadata["tags"])
""",
        "big  answer tiny ['t']\nred  answer tiny ['t']\nfox answer tiny ['t']",
    ),
    "a dict that is pushed": (
        """
def say(state):
    push_message({"role": "assistant", "content": "at once", "id": "p"})
    return {"messages": [("ai", "later")]}

graph = StateGraph(MessagesState).add_node(say).add_edge(START, "say").compile()
print([m["content"] for m, _ in graph.stream({"messages": "hello"}, stream_mode="messages")])
print([m["content"] for m in graph.invoke({"messages": "hello"})["messages"]])
""",
        "['at once']\n['hello', 'at once', 'later']",
    ),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_without_langchain(name: str) -> None:
    """Messages are dicts and everything that needs no LangChain works; what does says which extra to install."""
    program, expected = PROGRAMS[name]
    done = subprocess.run([sys.executable, "-c", BLOCKED + program], capture_output=True, text=True)
    assert ("", expected) == (done.stderr, done.stdout.rstrip("\n"))


def test_callbacks_need_langchain() -> None:
    """Callbacks in a config are LangChain's: without it the run is refused, with what to install."""
    program = """
graph = StateGraph(MessagesState).add_node("n", lambda state: {}).add_edge(START, "n").compile()
try:
    graph.invoke({"messages": "hello"}, {"callbacks": [object()]})
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", BLOCKED + program], capture_output=True, text=True)
    expected = "LangChain is not installed, and is needed for callbacks in a config: pip install 'otgraph[langchain]'\n"
    assert ("", expected) == (done.stderr, done.stdout)


def test_a_runnable_needs_langchain() -> None:
    """A graph is a Runnable where LangChain is: without it, what makes it one is missing and says what to install."""
    program = """
graph = StateGraph(MessagesState).add_node("n", lambda state: {}).add_edge(START, "n").compile()
print(hasattr(graph, "with_retry"), isinstance(graph, StateGraph), graph.batch([{"messages": []}]))
for use in (lambda: graph.with_retry, lambda: graph.astream_events({}), lambda: graph | print, lambda: print | graph):
    try:
        use()
    except (AttributeError, ImportError) as error:
        print(error)
"""
    done = subprocess.run([sys.executable, "-c", BLOCKED + program], capture_output=True, text=True)
    expected = "False False [{'messages': []}]\n" + "".join(
        f"LangChain is not installed, and is needed for {what}: pip install 'otgraph[langchain]'\n"
        for what in (
            "'with_retry' of a graph",
            "the events of a graph",
            "`|` with a graph",
            "`|` with a graph",
        )
    )
    assert ("", expected) == (done.stderr, done.stdout)


def test_handlers_need_langchain() -> None:
    """The base of handlers is LangChain's: importing it says what to install."""
    program = """
try:
    import otgraph.callbacks
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", BLOCKED + program], capture_output=True, text=True)
    expected = "LangChain is not installed, and is needed for handlers of callbacks: pip install 'otgraph[langchain]'\n"
    assert ("", expected) == (done.stderr, done.stdout)
