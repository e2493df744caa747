"""
Draw docs/pictures/terminal-tree.svg: the live console in the middle of a run.

    python docs/pictures/terminal_tree.py

It runs the graph below, and draws what the console shows at the moment when two nodes hold still.
"""

from __future__ import annotations

import io
import operator
import re
import time
from pathlib import Path
from threading import Event, Lock, Thread
from types import SimpleNamespace
from typing import Annotated, Any, TypedDict

from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from otgraph_exporters.rows import Row, rows_of
from otgraph_exporters.run_tree import Forest

from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.telemetry import TelemetryOptions
from otgraph.types import RetryPolicy, Send, StreamWriter

PICTURE = Path(__file__).with_name("terminal-tree.svg")


class State(TypedDict, total=False):
    topic: str
    source: int
    notes: Annotated[list[str], operator.add]


class Scene:
    """The graph, and what tells when to look at it."""

    def __init__(self) -> None:
        self.reached = [Event(), Event()]
        self.go_on = Event()
        self.refused = False

    def ask(self, seconds: float, read: int, written: int) -> None:
        """Stand in for a call of a model."""
        with model_call("gpt-4o-mini", provider="openai") as call:
            time.sleep(seconds)
            usage = SimpleNamespace(prompt_tokens=read, completion_tokens=written)
            choice = SimpleNamespace(message=SimpleNamespace(content="…"), finish_reason="stop")
            call.response(SimpleNamespace(model="gpt-4o-mini", id="1", choices=[choice], usage=usage))

    def plan(self, state: State) -> State:
        self.ask(0.25, 812, 96)
        return {"notes": ["a plan"]}

    def read(self, state: State) -> State:
        time.sleep(0.05 + state["source"] % 7 * 0.02)
        return {"notes": ["a note"]}

    def search(self, state: State, writer: StreamWriter) -> State:
        writer({"query": "cats in the arts"})
        if not self.refused:
            self.refused = True
            raise ConnectionError("no answer")
        writer({"found": 12, "of": "museum.example"})
        self.reached[0].set()
        self.go_on.wait(30)
        return {"notes": ["finds"]}

    def draft(self, state: State, writer: StreamWriter) -> State:
        self.ask(0.3, 3204, 410)
        writer("second paragraph")
        self.reached[1].set()
        self.go_on.wait(30)
        return {"notes": ["a draft"]}

    def outline(self, state: State) -> State:
        time.sleep(0.08)
        return {"notes": ["an outline"]}

    def graph(self) -> Any:
        writer = StateGraph(State).add_node(self.outline).add_node(self.draft)
        writer.add_edge(START, "outline").add_edge("outline", "draft")
        essay = StateGraph(State).add_node(self.plan).add_node(self.read)
        essay.add_node(self.search, retry_policy=RetryPolicy(initial_interval=0.1, jitter=False))
        essay.add_node("write", writer.compile(name="write"))
        essay.add_edge(START, "plan")
        sources = [Send("read", {"source": number}) for number in range(40)]
        essay.add_conditional_edges("plan", lambda state: sources, ["read"])
        essay.add_edge("read", "search").add_edge("read", "write")
        return essay.compile(name="essay")


class Looker(SpanProcessor):
    """Has the forest that the console has."""

    def __init__(self) -> None:
        self.forest = Forest()
        self.lock = Lock()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        with self.lock:
            self.forest.start(span)

    def on_end(self, span: Any) -> None:
        with self.lock:
            self.forest.end(span)


def rows() -> list[Row]:
    """Run the graph, and return the rows of the console in the middle of it."""
    scene, looker = Scene(), Looker()
    provider = TracerProvider()
    provider.add_span_processor(looker)
    options = TelemetryOptions(provider=provider, capture=True)
    run = Thread(
        target=scene.graph().invoke,
        args=({"topic": "cats"}, {"max_concurrency": 8}),
        kwargs={"telemetry": options},
    )
    run.start()
    try:
        for reached in scene.reached:
            if not reached.wait(30):
                raise TimeoutError("the graph did not come as far as it should")
        with looker.lock:
            (root,) = looker.forest.roots.values()
            return rows_of(root, time.time_ns(), 20)
    finally:
        scene.go_on.set()
        run.join()


def main() -> None:
    """Write the picture."""
    from otgraph_exporters.screen import as_text
    from rich.console import Console

    console = Console(record=True, width=112, file=io.StringIO(), force_terminal=True, highlight=False)
    for row in rows():
        console.print(as_text(row, 30), no_wrap=True, overflow="ellipsis")
    svg = console.export_svg(title="otgraph run essay.py:graph --tree", unique_id="otgraph")
    # A picture that loads nothing: without rich's fonts the viewer takes one of its own.
    svg = re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL)
    PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n")


if __name__ == "__main__":
    main()
