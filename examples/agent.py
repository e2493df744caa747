"""
An agent that looks into a folder with tools and says what it found, token by token.

    python examples/agent.py [FOLDER] [--ask QUESTION]

    agent ──tool calls──▶ tools ──results──▶ agent … ──▶ the answer

It needs `otgraph[langchain]`. Without more it follows a script: no key, no server, no network. With OPENAI_API_KEY or
OPENAI_BASE_URL in the environment it asks that model instead, any endpoint that speaks OpenAI's protocol
(pip install langchain-openai; OPENAI_MODEL names the model).

It prints the stream as it happens, and then the spans: the agent, its calls of the model with their tokens, its tools.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from folder import Unreadable, load, walk
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from span_tree import draw

import otgraph
from otgraph.prebuilt import ToolNode, create_react_agent

QUESTION = "What is in this folder?"
ADVICE = "You describe a folder of files in a few sentences. Look with the tools before you answer."


def tools_for(folder: Path) -> list[Callable[..., str]]:
    """Return the tools: functions whose docstrings tell the model what they are for."""

    def names() -> list[str]:
        return list(walk(folder, []))

    def lines_of(name: str) -> list[str]:
        if name not in names():
            raise ValueError(f"there is no file {name!r}: take a name that longest_files has returned")
        return load(folder / name).splitlines()

    def length(name: str) -> int:
        try:
            return len(load(folder / name).splitlines())
        except Unreadable:
            return 0

    def count_files() -> str:
        """Count the files of the folder."""
        count = len(names())
        return f"{count:,} file{'s' * (count != 1)}"

    def longest_files(count: int) -> str:
        """List the longest files, with their numbers of lines."""
        ranked = sorted(((length(name), name) for name in names()), reverse=True)
        return "\n".join(f"{name}: {lines:,} lines" for lines, name in ranked[:count])

    def first_lines(name: str, count: int) -> str:
        """Read the first lines of a file."""
        return "\n".join(lines_of(name)[:count])

    return [count_files, longest_files, first_lines]


def chat_model() -> Any:
    """Return the model that the environment names, or else the scripted one."""
    if not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")):
        from scripted_model import ScriptedModel

        return ScriptedModel()
    try:
        from langchain_openai import ChatOpenAI
    except ModuleNotFoundError:
        sys.exit("OPENAI_API_KEY or OPENAI_BASE_URL is set, which needs: pip install langchain-openai")
    # A server of one's own often wants no key, and the client wants one.
    os.environ.setdefault("OPENAI_API_KEY", "none")
    return ChatOpenAI(model=os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), stream_usage=True)


def watch(agent: Any, question: str) -> None:
    """Run the agent, and print tokens, tool calls and results as they come."""
    stream = agent.stream({"messages": [("user", question)]}, stream_mode=["messages", "updates"])
    for mode, chunk in stream:
        if mode == "messages":
            message, metadata = chunk
            if metadata["langgraph_node"] == "agent":
                print(message.text, end="", flush=True)
            continue
        for update in chunk.values():
            for message in update["messages"]:
                show(message)


def show(message: Any) -> None:
    """Print what a message has besides text that was already shown."""
    if message.type == "tool":
        print(f"  {message.name} → {' ⏎ '.join(message.text.splitlines())[:100]}")
        return
    print()
    for call in message.tool_calls:
        arguments = ", ".join(f"{name}={value!r}" for name, value in call["args"].items())
        print(f"  {call['name']}({arguments})")


def report(spans: Sequence[Any]) -> None:
    """Print the spans of the run, and what its models took."""
    print("\nSpans of the run")
    print("\n".join(draw(spans)))
    whole = next(span.attributes for span in spans if span.parent is None)
    calls, read, written = (
        whole.get(f"otgraph.usage.{name}", 0) for name in ("model_calls", "input_tokens", "output_tokens")
    )
    print(f"\n{calls} calls of the model, {read:,} tokens read, {written:,} written")


def main() -> int:
    """Ask the agent about the folder named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(description="Let an agent look into a folder, and watch it.")
    default = Path(otgraph.__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="default: otgraph's own source")
    parser.add_argument("--ask", default=QUESTION, metavar="QUESTION", help="default: %(default)s")
    given = parser.parse_args()
    if not given.folder.is_dir():
        parser.error(f"{str(given.folder)!r} is not a folder: name a folder of text files, or none")
    finished = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)

    # What a tool cannot do, the model is told, and may do better.
    tools = ToolNode(tools_for(given.folder), handle_tool_errors=(ValueError, Unreadable))
    with warnings.catch_warnings():
        # LangGraph has moved it, and otgraph says so as LangGraph does; here it stays.
        warnings.simplefilter("ignore", DeprecationWarning)
        agent = create_react_agent(chat_model(), tools, prompt=ADVICE, name="librarian")
    print(f"{given.ask} ({given.folder})\n")
    watch(agent, given.ask)
    report(finished.get_finished_spans())
    return 0


if __name__ == "__main__":
    sys.exit(main())
