"""Random workloads: what is counted is what was done, by either driver, traced or not."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from driven import Driven
from hypothesis import given, settings
from hypothesis import strategies as st

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.errors import GraphRecursionError
from otgraph.graph import END, START, StateGraph
from otgraph.tracing import names
from otgraph.types import Command, RetryPolicy, interrupt

from .conftest import Measured
from .graphs import State, process

LIMIT = 4
POLICY = RetryPolicy(max_attempts=3, initial_interval=0.0, jitter=False, retry_on=TimeoutError)

ACTIONS = st.sampled_from(
    ["ok", "fail", "retry 1", "retry 2", "retry 3", "pause 1", "pause 2", "loop", "resume"]
)
WORK = st.lists(st.tuples(st.sampled_from("abc"), ACTIONS), max_size=12)


class Workload:
    """
    Threads on which things are done, and how often each thing must have been measured.

    Args:
        drive: the driver.
        measured: where to.
        durability: when checkpoints are saved.
    """

    def __init__(self, drive: Driven, measured: Measured, durability: Any) -> None:
        self._drive = drive
        self._durability = durability
        self._measured = measured
        self._failures = 0
        self.questions: dict[str, int] = {}
        """Paused thread -> how many questions are still to be answered."""
        self.runs: Counter[str] = Counter()
        self.tasks: Counter[str] = Counter()
        self.resumes: Counter[str] = Counter()
        self.retries = self.pauses = self.hits = 0
        graph: Any = StateGraph(State)
        graph.add_node("work", drive.node(self._work), retry_policy=POLICY)
        graph.add_edge(START, "work")
        graph.add_conditional_edges("work", lambda state: "work" if state["todo"] == "loop" else END)
        self._graph = graph.compile(name="g", checkpointer=InMemorySaver())

    def _work(self, state: State) -> dict[str, Any]:
        kind, _, count = state["todo"].partition(" ")
        if kind == "fail":
            raise ValueError
        if kind == "retry" and self._failures < int(count):
            self._failures += 1
            raise TimeoutError
        return {"log": [interrupt("why?") for _ in range(int(count))]} if kind == "pause" else {"log": [1]}

    def do(self, thread: str, action: str) -> None:
        """Do one thing, and note what is to be counted of it."""
        kind, _, count = action.partition(" ")
        given: Any = {"todo": action}
        resumes = kind == "resume"
        if resumes:
            if thread not in self.questions:
                return
            given, left = Command(resume="x"), self.questions.pop(thread) - 1
        else:
            left = int(count) if kind == "pause" else 0
            self.questions.pop(thread, None)
        self._failures = 0
        outcome, error, tasks = "success", None, 1
        if left:
            outcome = "interrupted"
            self.questions[thread] = left
            self.pauses += 1
        elif kind == "fail":
            outcome, error = "error", ValueError
        elif kind == "loop":
            outcome, error, tasks = "recursion_limit", GraphRecursionError, LIMIT
            self.hits += 1
        elif kind == "retry":
            self.retries += min(int(count), 2)
            if count == "3":
                outcome, error = "error", TimeoutError
        self.runs[outcome] += 1
        self.tasks["success" if kind == "loop" else outcome] += tasks
        self.resumes[outcome] += resumes
        config = {"configurable": {"thread_id": thread}, "recursion_limit": LIMIT}
        options: Any = {"durability": self._durability, "telemetry": self._measured.options}
        if error is None:
            self._drive.invoke(self._graph, given, config, **options)
        else:
            with pytest.raises(error):
                self._drive.invoke(self._graph, given, config, **options)

    def check(self) -> None:
        """Compare what was measured with what was done."""

        def counted(name: str, label: str) -> dict[str, int]:
            total: Counter[str] = Counter()
            for point in self._measured.points(name).values():
                total[point.attributes[label]] += point.count if hasattr(point, "count") else point.value
            return dict(+total)

        def total(name: str) -> int:
            return sum(self._measured.counts(name).values())

        assert dict(+self.runs) == counted(names.RUN_DURATION, names.OUTCOME)
        assert dict(+self.tasks) == counted(names.NODE_DURATION, names.OUTCOME)
        assert dict(+self.resumes) == counted(names.RESUMES, names.OUTCOME)
        assert self.tasks.total() == total(names.STEP_DURATION) == total(names.STEP_WIDTH)
        assert (self.retries, self.pauses, self.hits) == (
            total(names.RETRIES),
            total(names.PAUSES),
            total(names.LIMIT_HITS),
        )
        assert self.resumes.total() == total(names.INTERRUPT_WAITS)
        assert len(self.questions) == total(names.RUN_PAUSED)
        assert bool(self.questions) is bool(self._measured.counts(names.OLDEST_PAUSE))
        assert 0 == total(names.RUN_ACTIVE)


@settings(max_examples=40)
@given(
    WORK,
    st.sampled_from(["threads", "asyncio"]),
    st.booleans(),
    st.sampled_from(["sync", "async", "exit"]),
)
def test_counts_are_those_of_the_workload(
    work: list[tuple[str, str]], driver: str, traced: bool, durability: str
) -> None:
    """Runs, tasks, failures, retries, pauses, resumes and limits are counted as often as there were any."""
    measured = Measured(traced=traced)
    workload = Workload(Driven(driver), measured, durability)
    for thread, action in work:
        workload.do(thread, action)
    workload.check()
    measured.close()


def test_a_pause_that_ends_in_another_process(tmp_path: Path) -> None:
    """Processes that share nothing but a file count pauses and their ends so that the sum is what is paused."""
    file = str(tmp_path / "checkpoints.sqlite")
    asked = process(file, "a b c", "input")
    answered = process(file, "a b", "answer")
    assert (asked["paused"], asked["pauses"], asked["resumes"], asked["waits"]) == (3, 3, 0, 0)
    assert (answered["paused"], answered["pauses"], answered["resumes"], answered["waits"]) == (-2, 0, 2, 2)
    assert asked["oldest"]
    assert not answered["oldest"]
