"""A graph of one engine as a node of the other's, in one process."""

from __future__ import annotations

import os
import subprocess

import pytest

from .test_packages import HERE, PYTHON, REPOSITORY

PROGRAM = """
import sys
from importlib import import_module
from typing import TypedDict

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

inside, outside = sys.argv[1:3]

class State(TypedDict):
    said: list

def node(state, config):
    model = GenericFakeChatModel(messages=iter([AIMessage("red fox")]))
    return {"said": [model.invoke("hi").content, config["configurable"]["mine"], config["tags"]]}

def graph(engine, action):
    builder = import_module(f"{engine}.graph").StateGraph(State)
    return builder.add_node("n", action).add_edge("__start__", "n").compile()

both = graph(outside, graph(inside, node))
config = {"configurable": {"mine": "m"}, "tags": ["u"]}
print(both.invoke({"said": []}, config))
print([chunk.content for chunk, _ in both.stream({"said": []}, config, stream_mode="messages")])
"""


@pytest.mark.oracle
@pytest.mark.parametrize(("inside", "outside"), [("langgraph", "otgraph"), ("otgraph", "langgraph")])
def test_a_graph_of_the_other_engine_is_a_node(inside: str, outside: str) -> None:
    """It gets the config of the run around it, gives its result, and its models' tokens are in the stream."""
    ran = subprocess.run(
        [str(PYTHON), "-c", PROGRAM, inside, outside],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.stdout.splitlines() == [
        "{'said': ['red fox', 'm', ['u']]}",
        "['red', ' ', 'fox']",
    ], ran.stdout + ran.stderr[-2000:]


ASKED = """
two_questions
['0'] q1
['0'] q2
['0', '0', 'a', 'b']
3 ()
['0'] q1
['0'] q2
['0', '0', 'a', 'b']
6 ()
['0'] q1
['0'] q2
['0', '0', 'a', 'b']
12 ()
['0'] q1
['0'] q2
['0', '0', 'a', 'b']
15 ()
questions_side_by_side
[] q
[] q
['a', 'a']
[] q1 s
[] q2 s
['b'] q2
['a', 'c', 'b']
questions_deep_inside
[] q1
[] q2
['a', 'b']
engines_in_turn
[] q
['a']
questions_again
[] q
[] q
['a']
[] q
lost
['a']
breakpoints
[]
('inner',)
['n']
without_a_saver
[] q
streams
[('__interrupt__', ['q'])]
[{'inner': {'x': ['a']}}]
in_a_file
True
False
leaving
['p', 'z1']
['p', 'z1']
['p', 'z1']
"""
"""What `questions.py` prints: a result and the open questions of each run."""


@pytest.mark.oracle
@pytest.mark.parametrize("colour", ["sync", "async"])
@pytest.mark.parametrize(("inside", "outside"), [("langgraph", "otgraph"), ("otgraph", "langgraph")])
def test_a_graph_of_the_other_engine_asks_a_human(inside: str, outside: str, colour: str) -> None:
    """Its questions are those of the run around it, and the answers reach it, once each."""
    ran = subprocess.run(
        [str(PYTHON), str(HERE / "questions.py"), inside, outside, colour],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.stdout == ASKED.lstrip(), ran.stdout + ran.stderr[-3000:]
