"""
A survey of a folder: how much text is in it, which files are long, which words are frequent.

    python examples/survey.py [FOLDER]

    find ──one Send per file──▶ file (a graph of its own: read ──▶ measure) ──▶ rank

It prints the stream while the graph runs and afterwards the spans of the run. No key, no server, no network.
"""

from __future__ import annotations

import argparse
import heapq
import keyword
import operator
import re
import sys
import time
from collections import Counter
from collections.abc import Iterator
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, cast

from folder import Unreadable, load, walk
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from span_tree import draw
from typing_extensions import TypedDict

import otgraph
from otgraph.config import get_stream_writer
from otgraph.graph import END, START, StateGraph
from otgraph.types import Send

NOISE = {*keyword.kwlist, "self"}
WORD = re.compile(r"[^\W\d_]\w{3,}")
FEW, MANY = 5, 15


class Total(NamedTuple):
    """The files of one kind, added up."""

    files: int
    lines: int
    size: int


def add_totals(left: dict[str, Total], right: dict[str, Total]) -> dict[str, Total]:
    """Reduce: the totals of both sides, kind by kind."""
    none = Total(0, 0, 0)
    return {
        kind: Total(*map(operator.add, left.get(kind, none), right.get(kind, none)))
        for kind in left.keys() | right.keys()
    }


def keep_longest(left: list[tuple[int, str]], right: list[tuple[int, str]]) -> list[tuple[int, str]]:
    """Reduce: the longest files of both sides."""
    return heapq.nlargest(FEW, [*left, *right])


class Findings(TypedDict):
    """What is known about some files; each key says how two findings become one."""

    totals: Annotated[dict[str, Total], add_totals]
    longest: Annotated[list[tuple[int, str]], keep_longest]
    words: Annotated[list[Counter[str]], operator.add]
    problems: Annotated[list[str], operator.add]


class OneFile(Findings):
    """The state of the graph that looks at one file."""

    folder: Path
    name: str
    text: str | None


class Survey(Findings):
    """The state of the whole survey."""

    folder: Path
    names: list[str]
    frequent: list[tuple[str, int]]


def find(state: Survey) -> dict[str, Any]:
    """Node: list the files."""
    problems: list[str] = []
    return {"names": list(walk(state["folder"], problems)), "problems": problems}


def each_file(state: Survey) -> list[Send] | Literal["rank"]:
    """Branch: one task for each file, all in the same superstep."""
    return [Send("file", {"folder": state["folder"], "name": name}) for name in state["names"]] or "rank"


def read(state: OneFile) -> dict[str, Any]:
    """Node: read one file. A file that cannot be read is a finding, not a fault of the survey."""
    name = state["name"]
    try:
        return {"text": load(state["folder"] / name)}
    except Unreadable as reason:
        get_stream_writer()({"name": name, "result": str(reason)})
        return {"text": None, "problems": [f"{name}: {reason}"]}


def if_read(state: OneFile) -> str:
    """Branch: measure what could be read."""
    return END if state["text"] is None else "measure"


def measure(state: OneFile) -> dict[str, Any]:
    """Node: count the lines and words of one file, and tell whoever watches."""
    name, text = state["name"], state["text"] or ""
    lines = len(text.splitlines())
    get_stream_writer()({"name": name, "result": f"{lines:,} line{'s' * (lines != 1)}"})
    return {
        "totals": {Path(name).suffix or "(none)": Total(1, lines, len(text.encode()))},
        "longest": [(lines, name)],
        "words": [Counter(word for word in WORD.findall(text) if word not in NOISE)],
    }


def rank(state: Survey) -> dict[str, Any]:
    """Node: the words of all files, most frequent first."""
    total: Counter[str] = Counter()
    for words in state["words"]:
        total.update(words)
    return {"frequent": total.most_common(MANY)}


def build() -> Any:
    """Return the compiled graph."""
    file = StateGraph(OneFile, output_schema=Findings)
    file.add_node("read", read)
    file.add_node("measure", measure)
    file.add_edge(START, "read")
    file.add_conditional_edges("read", if_read, ["measure", END])
    file.add_edge("measure", END)

    survey = StateGraph(Survey)
    survey.add_node("find", find)
    survey.add_node("file", file.compile(name="file"))
    survey.add_node("rank", rank)
    survey.add_edge(START, "find")
    survey.add_conditional_edges("find", each_file, ["file", "rank"])
    survey.add_edge("file", "rank")
    survey.add_edge("rank", END)
    return survey.compile(name="survey")


def watch(folder: Path) -> Survey:
    """Run the survey of `folder`, print its stream as it happens, and return its last state."""
    begin, done, total = time.perf_counter(), 0, 0
    state: Any = None

    def say(node: str, what: str) -> None:
        print(f"{time.perf_counter() - begin:8.3f} s  {node:<5} {what}", flush=True)

    stream = build().stream(
        {"folder": folder},
        {"max_concurrency": 8},
        stream_mode=["custom", "updates", "values"],
        subgraphs=True,
    )
    for namespace, mode, chunk in stream:
        if mode == "custom":
            done += 1
            if done <= FEW or done == total or done % max(1, total // MANY) == 0:
                say("file", f"{done:>{len(str(total))}}/{total}  {chunk['name']}  {chunk['result']}")
        elif mode == "values" and not namespace:
            state = chunk
        elif "find" in chunk:
            total = len(chunk["find"]["names"])
            say("find", f"{total:,} files")
        elif "rank" in chunk:
            say("rank", f"{len(chunk['rank']['frequent'])} frequent words")
    return cast(Survey, state)


def report(state: Survey) -> Iterator[str]:
    """Yield the lines of the result."""
    yield f"\n{'Files':<12} {'files':>7} {'lines':>10} {'kB':>10}"
    kinds = sorted(state["totals"].items(), key=lambda item: -item[1].lines)
    for kind, total in kinds[:MANY]:
        yield f"  {kind:<10} {total.files:>7,} {total.lines:>10,} {total.size / 1000:>10,.1f}"
    if len(kinds) > MANY:
        yield f"  … and {len(kinds) - MANY:,} more kinds"
    yield "\nLongest"
    yield from (f"  {lines:>7,} lines  {name}" for lines, name in state["longest"])
    yield "\nFrequent words"
    yield "  " + ", ".join(f"{word} {count:,}" for word, count in state["frequent"])
    yield f"\nProblems: {len(state['problems']) or 'none'}"
    yield from (f"  {problem}" for problem in state["problems"][:MANY])
    if len(state["problems"]) > MANY:
        yield f"  … and {len(state['problems']) - MANY:,} more"


def main() -> int:
    """Survey the folder named on the command line; return the exit code."""
    parser = argparse.ArgumentParser(
        description="Survey a folder of text or source files with an otgraph graph."
    )
    default = Path(otgraph.__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="default: otgraph's own source")
    folder = parser.parse_args().folder
    if not folder.is_dir():
        what = "is not a folder" if folder.exists() else "does not exist"
        parser.error(f"{str(folder)!r} {what}: name a folder of text files, or none for otgraph's own source")

    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")  # a file name may hold what a terminal cannot show
    finished = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(finished))
    trace.set_tracer_provider(provider)

    print(f"Survey of {folder}\n")
    print("\n".join(report(watch(folder))))
    print("\nSpans of the run")
    print("\n".join(draw(finished.get_finished_spans())))
    return 0


if __name__ == "__main__":
    sys.exit(main())
