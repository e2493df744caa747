"""
The rows of the table: what is compared with what, and the budget it must keep.

Rule: a budget is written here and nowhere else; a row without one informs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import median
from typing import Final, TypeAlias

from benchmarks.cases import CHAINS, EVENTS, STEPS
from benchmarks.graphs import LENGTH
from benchmarks.models import TOKENS, TOOL_TURNS
from benchmarks.rounds import Round, Sample, Side
from benchmarks.saved import HISTORY, TURNS

__all__ = ["ROWS", "Figure", "Result", "Row", "judge"]

Figure: TypeAlias = Callable[..., float]
"""From the samples of a row's sides, in one round, to the number that is shown."""

CHAIN_SPANS = 1 + 2 * LENGTH
"""The run, and for each of the ten nodes its superstep and its task."""

CHAIN_VALUES = 1 + 3 * LENGTH
"""The same for histograms, where a superstep has two values."""

SAVED_VALUES = CHAIN_VALUES + 1 + (LENGTH + 1) + 2 * (LENGTH + 2)
"""
The same where it is saved: besides, one read, the writes of each node and of `__start__`, and time and size of the
checkpoints after these and of that of the input.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    group: str
    """Rows of one group are measured in the same rounds."""
    title: str
    against: str
    sides: tuple[Side, ...]
    """What is measured; the first is otgraph."""
    figure: Figure
    unit: str = "x"
    budget: float | None = None
    rounds: int = 15
    """At most so many: slow cases need fewer."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row."""

    row: Row
    figure: float | None = None
    """The median over the rounds; None if the row failed."""
    spread: tuple[float, float] = (0.0, 0.0)
    """The lower and the upper quartile."""
    seconds: tuple[float, ...] = ()
    """Median seconds per run of each side."""
    failure: str = ""

    def missed(self, tolerance: float) -> bool:
        """Say whether the row failed or is over its budget by more than `tolerance`, a fraction of it."""
        if self.failure or self.figure is None:
            return True
        return self.row.budget is not None and self.figure > self.row.budget * (1 + tolerance)


def judge(row: Row, rounds: list[Round], failed: dict[Side, str]) -> Result:
    """Compute the figure of `row` in each round, and its median."""
    failures = dict.fromkeys(failed[side] for side in row.sides if side in failed)
    if failures:
        return Result(row, failure="; ".join(failures))
    samples = [[samples[side] for side in row.sides] for samples in rounds]
    figures = sorted(row.figure(*sides) for sides in samples)
    quarter = len(figures) // 4
    return Result(
        row,
        figure=median(figures),
        spread=(figures[quarter], figures[-1 - quarter]),
        seconds=tuple(median(sample.seconds for sample in side) for side in zip(*samples, strict=True)),
    )


def ratio(ours: Sample, theirs: Sample) -> float:
    """Our time as a multiple of theirs."""
    return ours.seconds / theirs.seconds


def net_ratio(ours: Sample, theirs: Sample, nothing: Sample) -> float:
    """The same for processes, less what a process costs that does nothing."""
    return (ours.seconds - nothing.seconds) / (theirs.seconds - nothing.seconds)


def each(sample: Sample) -> float:
    """Microseconds per chunk."""
    return sample.seconds * 1e6 / sample.figures["chunks"]


def wait(sample: Sample) -> float:
    """Milliseconds from when there is a token to when the consumer has it."""
    return sample.figures["wait"] * 1e3


def live_cost(stream: Sample, invoke: Sample) -> float:
    """Microseconds per superstep that the stream takes beyond `invoke` and beyond 2 µs for each chunk."""
    return ((stream.seconds - invoke.seconds) * 1e6 - 2 * stream.figures["chunks"]) / LENGTH


def measuring_cost(measured: Sample, unmeasured: Sample) -> float:
    """Microseconds per superstep that measuring takes."""
    return (measured.seconds - unmeasured.seconds) * 1e6 / LENGTH


def storing_cost(stored: Sample, unstored: Sample) -> float:
    """Microseconds per superstep that the trace store takes of the run's own thread."""
    return (stored.figures["thread"] - unstored.figures["thread"]) * 1e6 / LENGTH


def steepness(sample: Sample) -> float:
    """The last thousand steps as a multiple of the first."""
    return sample.figures["last"] / sample.figures["first"]


def growth(sample: Sample) -> float:
    """Bytes of memory that each step leaves behind."""
    return sample.figures["growth"]


def bytes_ratio(ours: Sample, theirs: Sample) -> float:
    """The bytes we store as a multiple of those they store."""
    return ours.figures["bytes"] / theirs.figures["bytes"]


def turn_time(sample: Sample) -> float:
    """Milliseconds a turn."""
    return sample.seconds * 1e3 / sample.figures["turns"]


def turn_bytes(sample: Sample) -> float:
    """Thousands of stored bytes a turn."""
    return sample.figures["bytes"] / 1e3


def _traced(case: str, spans: int | None = None) -> Side:
    return Side("otgraph + sdk", case, spans)


_CHAIN = _traced("chain", CHAIN_SPANS)
_LANGGRAPH = "LangGraph, untraced"


def _chain() -> list[Row]:
    def row(title: str, against: str, ours: Side, theirs: Side, budget: float | None) -> Row:
        return Row("chain", title, against, (ours, theirs), ratio, budget=budget)

    traced, plain = "chain of 10, traced", "chain of 10, nothing configured"
    openinference = "LangGraph + OpenInference"
    return [
        row(traced, _LANGGRAPH, _CHAIN, Side("langgraph", "chain"), 0.25),
        row(traced, openinference, _CHAIN, Side("langgraph + openinference", "chain", 1 + LENGTH), 0.08),
        row(traced, "the loop by hand, same spans", _CHAIN, _traced("chain by hand", CHAIN_SPANS), 0.9),
        row(plain, _LANGGRAPH, Side("otgraph", "chain"), Side("langgraph", "chain"), 0.2),
        row(
            "chain of 10, async, traced",
            _LANGGRAPH,
            _traced("chain async", CHAIN_SPANS),
            Side("langgraph", "chain async"),
            None,
        ),
    ]


def _streams() -> list[Row]:
    def row(mode: str, against: str, stream: Side, invoke: Side, budget: float | None = 1.25) -> Row:
        return Row("streams", f"stream {mode}", against, (stream, invoke), ratio, budget=budget)

    def live(mode: str, stream: Side, invoke: Side) -> Row:
        title, against = f"stream {mode}, live, beyond 2 µs a chunk", "its invoke"
        return Row("streams", title, against, (stream, invoke), live_cost, "µs a superstep", 20)

    def on_one_core(mode: str, stream: Side, invoke: Side) -> Row:
        sides = (replace(side, worker="otgraph + sdk on one core") for side in (stream, invoke))
        return live(f"{mode}, on one core", *sides)

    def side(case: str) -> Side:
        return _traced(case, CHAIN_SPANS)

    saved, writing, four = side("chain saved"), side("chain writing"), side("chain all four")
    custom, spans = side("chain writing custom"), side("chain spans")
    modes = ["values", "updates", "tasks", "debug"]
    return [
        *(row(mode, "invoke", side(f"chain {mode}"), _CHAIN) for mode in modes),
        row("checkpoints", "its invoke", side("chain saved checkpoints"), saved),
        row("all four", "invoke", four, _CHAIN, None),
        row("custom, one item a node", "its invoke", custom, writing, None),
        live("custom", custom, writing),
        row("spans", "invoke", spans, _CHAIN, None),
        live("spans", spans, _CHAIN),
        on_one_core("custom", custom, writing),
        on_one_core("spans", spans, _CHAIN),
        live("custom, async", side("chain writing custom async"), side("chain writing async")),
        live("spans, async", side("chain spans async"), side("chain async")),
        row("all four", _LANGGRAPH, four, Side("langgraph", "chain all four"), None),
        row("custom", _LANGGRAPH, custom, Side("langgraph", "chain writing custom"), None),
    ]


def _metrics() -> list[Row]:
    def row(case: str, title: str, values: int, budget: float | None) -> Row:
        measured = Side("otgraph + sdk + metrics", case, CHAIN_SPANS, values)
        sides = (measured, _traced(case, CHAIN_SPANS))
        unit = "µs a superstep"
        return Row("metrics", title, "the same, unmeasured", sides, measuring_cost, unit, budget)

    return [
        row("chain", "metrics of a chain of 10, traced", CHAIN_VALUES, 25),
        row("chain async", "metrics of a chain of 10, async, traced", CHAIN_VALUES, 25),
        row("chain saved", "metrics of a chain of 10, saved in memory, traced", SAVED_VALUES, None),
    ]


def _stored() -> list[Row]:
    spans = CHAINS * CHAIN_SPANS
    case = "chains on their thread"
    sides = (Side("otgraph + sdk + store", case, spans), _traced(case, spans))
    title, unit = "trace store: a chain of 10, its own thread", "µs a superstep"
    return [
        Row("trace store", title, "the same, not stored", sides, storing_cost, unit, 10),
        Row("trace store", "trace store: a chain of 10, all threads", "the same, not stored", sides, ratio),
    ]


def _saved() -> list[Row]:
    def row(case: str, title: str, budget: float | None, spans: int | None = None, rounds: int = 15) -> Row:
        sides = (_traced(case, spans), Side("langgraph", case))
        return Row(case, title, _LANGGRAPH, sides, ratio, budget=budget, rounds=rounds)

    talk = (_traced("conversation"), Side("langgraph", "conversation"))
    title = f"a thread of {TURNS:,} turns in SQLite"
    return [
        row("chain saved", "chain of 10, saved in memory, traced", 0.3, CHAIN_SPANS),
        row("chain saved in sqlite", "chain of 10, saved in SQLite, traced", 0.6, CHAIN_SPANS),
        row("chains saved in sqlite, async", "the same, async", None),
        row("state from memory", "get_state", 0.5),
        row("state from sqlite", "get_state, from SQLite", None),
        row("history from memory", f"history of {HISTORY:,} checkpoints", 0.7, rounds=7),
        row("history from sqlite", f"history of {HISTORY:,} checkpoints, from SQLite", None, rounds=5),
        Row("conversation", f"{title}, growing", _LANGGRAPH, talk, ratio, budget=1.0, rounds=1),
        Row("conversation", f"{title}: bytes", _LANGGRAPH, talk, bytes_ratio, budget=1.0, rounds=1),
        Row("conversation", f"{title}: time", "", talk[:1], turn_time, "ms a turn", rounds=1),
        Row("conversation", f"{title}: bytes", "", talk[:1], turn_bytes, "kB a turn", rounds=1),
    ]


def _loads() -> list[Row]:
    def row(case: str, title: str, budget: float, rounds: int = 15) -> Row:
        sides = (_traced(case), Side("langgraph", case))
        return Row(case, title, _LANGGRAPH, sides, ratio, budget=budget, rounds=rounds)

    def events(case: str, colour: str) -> list[Row]:
        title = f"{EVENTS:,} custom items, {colour}"
        peer = Side("langgraph", case)
        return [
            Row(case, title, "budget alone", (_traced(case),), each, "µs each", 2, rounds=9),
            Row(case, title, _LANGGRAPH, (_traced(case), peer), ratio, rounds=9),
        ]

    loop, memory = f"loop of {STEPS:,} steps: last thousand", f"loop of {STEPS:,} steps: memory"
    return [
        row("fan-out async", "fan-out of 100, async, traced", 0.3),
        row("fan-out", "fan-out of 100, sync, traced", 0.4),
        row("calls", "100 calls of a task in a row, sync, traced", 0.3),
        row("calls async", "100 calls of a task together, async, traced", 0.3),
        *events("events", "sync"),
        *events("events async", "async"),
        Row("loop", loop, "the first thousand", (_traced("loop"),), steepness, budget=1.1, rounds=7),
        Row("memory", memory, "flat", (_traced("loop memory"),), growth, "bytes a step", 16, rounds=1),
        row("concurrent", "1,000 runs at once, async, traced", 0.35, rounds=5),
    ]


def _models() -> list[Row]:
    def row(case: str, title: str, rounds: int) -> Row:
        sides = (_traced(case), Side("langgraph", case))
        return Row(case, title, _LANGGRAPH, sides, ratio, budget=0.5, rounds=rounds)

    def tokens(case: str, colour: str, model: str) -> list[Row]:
        title, bare = f"a stream of {TOKENS:,} tokens, {colour}", Side("otgraph", model)
        whole = row(case, title, 5)
        beyond = f"{title}, beyond the model's own time"
        return [whole, Row(case, beyond, _LANGGRAPH, (*whole.sides, bare), net_ratio, rounds=5)]

    def delay(case: str, colour: str) -> list[Row]:
        title, peer = f"from a token to its consumer, {colour}", Side("langgraph", case)
        return [
            Row(case, title, "budget alone", (_traced(case),), wait, "ms", 1, rounds=3),
            Row(case, f"{title}: LangGraph", "", (peer,), wait, "ms", rounds=3),
        ]

    def client(case: str, colour: str) -> Row:
        # LangGraph streams the tokens of models of LangChain's only, so that is what a client is made into there.
        theirs = Side("langgraph", "tokens" if colour == "sync" else "tokens async")
        title = f"a stream of {TOKENS:,} tokens of a plain client, {colour}"
        return Row(case, title, _LANGGRAPH, (_traced(case), theirs), ratio, budget=0.5, rounds=5)

    return [
        client("tokens of a client", "sync"),
        client("tokens of a client, async", "async"),
        *tokens("tokens", "sync", "tokens of the model"),
        *tokens("tokens async", "async", "tokens of the model, async"),
        *delay("token wait", "sync"),
        *delay("token wait async", "async"),
        row("agent", f"an agent, {TOOL_TURNS} calls of a tool, traced", 9),
    ]


def _imports() -> list[Row]:
    def row(ours: Side, title: str, budget: float | None) -> Row:
        sides = (ours, Side("otgraph", "import sdk"), Side("otgraph", "import nothing"))
        return Row(
            "imports", title, "import opentelemetry.sdk.trace", sides, net_ratio, budget=budget, rounds=9
        )

    return [
        row(Side("otgraph", "import otgraph"), "import otgraph.graph", 1.5),
        row(Side("otgraph", "import otgraph, all"), "import otgraph.graph, with what runs graphs", None),
        row(Side("langgraph", "import langgraph"), "import langgraph.graph", None),
    ]


ROWS: Final = (*_chain(), *_metrics(), *_stored(), *_streams(), *_saved(), *_loads(), *_models(), *_imports())
