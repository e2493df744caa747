"""
What goes wrong in a service of its own, so that dashboards and alerts have that to show too.

    python -m backends.mishaps

Its metrics go where the standard OTEL_* variables say. Its spans go nowhere: that is one of the mishaps.

Rule: how often each thing happens is in `MISHAPS`, which is what the tests hold Prometheus to.
"""

from __future__ import annotations

import json
import logging
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from threading import Event, Thread
from typing import Any, Final

from langchain_core.language_models.fake_chat_models import FakeListChatModel
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from typing_extensions import TypedDict

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.graph import START, StateGraph
from otgraph.messages import model_call
from otgraph.prebuilt import create_react_agent
from otgraph.telemetry import setup

__all__ = ["MISHAPS", "SERVICE"]

SERVICE: Final = "mishaps"

MISHAPS: Final = {
    "answers that stream": 3,
    "answers that fail": 1,
    "agents that fail": 6,
    "processors that fail": 2,
    "savers that fail": 2,
    "runs that hang": 1,
}
"""What happens, and how often."""

FIRST_TOKEN: Final = 0.05
"""Seconds until an answer begins."""
NEXT_TOKEN: Final = 0.02
"""Seconds until it goes on."""

SLOW: Final = 0.6
"""Seconds that a slow write takes."""


class State(TypedDict, total=False):
    """What the graphs here work on."""

    number: int


def runs(name: str, node: Any, saver: Any = None) -> Any:
    """Return a graph of one node."""
    return (
        StateGraph(State).add_node("act", node).add_edge(START, "act").compile(name=name, checkpointer=saver)
    )


class Refusing(SpanExporter):
    """A backend that takes no span."""

    def __init__(self) -> None:
        self.refused = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Refuse them."""
        self.refused += len(spans)
        return SpanExportResult.FAILURE


class Stumbling(SpanProcessor):
    """A processor that fails at some spans."""

    def on_end(self, span: ReadableSpan) -> None:
        """Fail at the runs of one graph."""
        if span.name == "invoke_workflow stumble":
            raise RuntimeError("tripped over a span")


class FullDisk(InMemorySaver):
    """Saves nothing."""

    def put(self, *args: Any) -> Any:
        """Fail."""
        raise OSError("no space left on device")


class SlowDisk(InMemorySaver):
    """Takes its time to save, and counts what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()

    def get_tuple(self, *args: Any) -> Any:
        """Count that."""
        self.counted["get"] += 1
        return super().get_tuple(*args)

    def put(self, *args: Any) -> Any:
        """Save after a while."""
        self.counted["put"] += 1
        time.sleep(SLOW)
        return super().put(*args)

    def put_writes(self, *args: Any, **kwargs: Any) -> None:
        """Count that."""
        self.counted["put_writes"] += 1
        super().put_writes(*args, **kwargs)


class Unreachable(FakeListChatModel):
    """A model that nobody reaches."""

    responses: list[str] = []

    def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
        """Return the same: no tools are called."""
        return self

    def _call(self, *args: Any, **kwargs: Any) -> str:
        raise ConnectionError("nobody answers")


def answer(state: State) -> State:
    """Ask a model whose answer streams, or fails before it begins."""
    with model_call("scripted-2", provider="theatre") as call:
        time.sleep(FIRST_TOKEN)
        if state["number"] >= MISHAPS["answers that stream"]:
            raise ConnectionError("the line is down")
        call.token("yes")
        time.sleep(NEXT_TOKEN)
        call.token(", it does")
    return {}


def main() -> None:
    """Let everything go wrong, and print what the slow saver was asked for."""
    logging.disable()
    setup(SERVICE, traces=Refusing())
    provider = trace.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    provider.add_span_processor(Stumbling())
    for number in range(MISHAPS["answers that stream"] + MISHAPS["answers that fail"]):
        with suppress(ConnectionError):
            runs("reader", answer).invoke({"number": number})
    clumsy = create_react_agent(Unreachable(), [], name="clumsy")
    for _ in range(MISHAPS["agents that fail"]):
        with suppress(ConnectionError):
            clumsy.invoke({"messages": [("user", "hello?")]})
    for _ in range(MISHAPS["processors that fail"]):
        runs("stumble", lambda state: {}).invoke({})
    for _ in range(MISHAPS["savers that fail"]):
        with suppress(OSError):
            runs("forgetful", lambda state: {}, FullDisk()).invoke({}, _thread(), durability="sync")
    slow = SlowDisk()
    runs("patient", lambda state: {"number": 1}, slow).invoke({}, _thread(), durability="sync")
    began = Event()
    Thread(
        target=runs("hung", lambda state: began.set() or Event().wait()).invoke, args=({},), daemon=True
    ).start()
    assert began.wait(60)
    print(json.dumps(slow.counted))


def _thread() -> Any:
    return {"configurable": {"thread_id": "one"}}


if __name__ == "__main__":
    main()
