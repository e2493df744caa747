"""
The benchmarks: what they compute, how they take turns, and that a worker really measures.

Rule: no test here measures speed; a loaded machine must not fail one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import __main__ as command
from benchmarks.cases import CASES
from benchmarks.rounds import ORACLE, WORKERS, CaseFailed, Pool, Sample, Side, play, pool
from benchmarks.rows import ROWS, Result, Row, growth, judge, live_cost, net_ratio, ratio, steepness
from benchmarks.table import BEGIN, END, as_markdown, as_text, write_between

OURS, THEIRS = Side("otgraph", "chain"), Side("langgraph", "chain")
ROW = Row("chain", "a chain", "a peer", (OURS, THEIRS), ratio, budget=0.5)


class Recorder:
    """Stands where the pool of workers stands: notes who is asked, and fails for one side."""

    def __init__(self, failing: Side | None = None) -> None:
        self.asked: list[Side] = []
        self._failing = failing

    def measure(self, side: Side) -> Sample:
        self.asked.append(side)
        if side == self._failing:
            raise CaseFailed("it broke")
        return Sample(1.0)


@pytest.fixture(scope="module")
def workers() -> Iterator[Pool]:
    """Real workers, asked for as little as possible."""
    with pool(slice_seconds=0.001) as started:
        yield started


def test_figures() -> None:
    """Each figure is what its docstring says."""
    assert ratio(Sample(1.0), Sample(4.0)) == 0.25
    assert net_ratio(Sample(3.0), Sample(2.0), Sample(1.0)) == 2.0
    assert live_cost(Sample(150e-6, figures={"chunks": 10}), Sample(30e-6)) == pytest.approx(10.0)
    assert steepness(Sample(1.0, figures={"first": 2.0, "last": 3.0})) == 1.5
    assert growth(Sample(1.0, figures={"growth": 7.0})) == 7.0


def test_a_ratio_is_formed_within_a_round() -> None:
    """A machine that is ten times slower in one round changes no figure."""
    rounds = [
        {OURS: Sample(1.0), THEIRS: Sample(4.0)},
        {OURS: Sample(10.0), THEIRS: Sample(40.0)},
        {OURS: Sample(1.0), THEIRS: Sample(4.0)},
    ]
    result = judge(ROW, rounds, {})
    assert result.figure == 0.25
    assert result.spread == (0.25, 0.25)
    assert result.seconds == (1.0, 4.0)


def test_sides_take_turns_and_change_places() -> None:
    """Every side is measured in every round, and each second round runs backwards."""
    recorder = Recorder()
    played, failed = play(recorder, [OURS, THEIRS], 3)  # type: ignore[arg-type]
    assert recorder.asked == [OURS, THEIRS, THEIRS, OURS, OURS, THEIRS]
    assert [set(samples) for samples in played] == [{OURS, THEIRS}] * 3
    assert failed == {}


def test_a_side_that_fails_fails_its_rows_only() -> None:
    """It is asked once, its rows say why they failed, and the others go on."""
    recorder = Recorder(failing=THEIRS)
    played, failed = play(recorder, [OURS, THEIRS], 2)  # type: ignore[arg-type]
    assert recorder.asked.count(THEIRS) == 1
    assert judge(ROW, played, failed).failure == "it broke"
    alone = Row("chain", "alone", "", (OURS,), lambda sample: sample.seconds)
    assert judge(alone, played, failed).figure == 1.0


@given(st.floats(0.01, 100), st.floats(0.01, 10), st.floats(0, 1))
def test_a_budget_is_missed_beyond_the_tolerance(figure: float, budget: float, tolerance: float) -> None:
    """A row is missed exactly when its figure exceeds the budget by more than the tolerance."""
    result = Result(Row("g", "t", "", (OURS,), ratio, budget=budget), figure=figure)
    assert result.missed(tolerance) == (figure > budget * (1 + tolerance))


def test_a_row_without_a_budget_is_missed_only_by_failing() -> None:
    """Rows that inform cannot be missed; a row that could not be measured is."""
    inform = Row("g", "t", "", (OURS,), ratio)
    assert not Result(inform, figure=1e9).missed(0)
    assert Result(inform, failure="it broke").missed(0)


def test_the_table_says_each_reason_once() -> None:
    """Kept, missed and failed rows are told apart, and a reason that failed two rows is printed once."""
    results = [
        Result(ROW, figure=0.4, seconds=(2e-4, 5e-4)),
        Result(ROW, figure=0.9, seconds=(0.9, 1.0)),
        Result(ROW, failure="it broke"),
        Result(ROW, failure="it broke"),
    ]
    text = as_text(results, 0.1).splitlines()
    verdicts = [line.split()[-1] for line in text[2:6]]
    assert verdicts == ["kept", "MISSED", "FAILED", "FAILED"]
    assert "200 µs" in text[2]
    assert text[6:] == ["failed: it broke (a chain)"]
    assert (
        as_markdown(results, 0.1)
        .splitlines()[2]
        .startswith("| a chain | a peer | 200 µs | 500 µs | 0.400 x |")
    )


def test_figures_are_written_between_the_marks(tmp_path: Path) -> None:
    """Only what stands between the marks is replaced; without marks nothing is written."""
    page = tmp_path / "README.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    write_between(page, "new")
    write_between(page, "newer")
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n\nnewer\n\n{END}\nafter\n"
    page.write_text("no marks\n", encoding="utf-8")
    with pytest.raises(ValueError, match="lacks the marks"):
        write_between(page, "new")
    assert page.read_text(encoding="utf-8") == "no marks\n"


def test_rows_name_cases_and_workers_that_exist() -> None:
    """Every side of every row can be measured, and no two rows look alike."""
    sides = {side for row in ROWS for side in row.sides}
    assert {side.case for side in sides} <= set(CASES)
    assert {side.worker for side in sides} <= set(WORKERS)
    assert len({(row.title, row.against, row.unit) for row in ROWS}) == len(ROWS)


def test_the_readme_has_a_place_for_the_figures() -> None:
    """`--write` finds its marks."""
    page = Path(command.__file__).with_name("README.md").read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1


def test_a_worker_counts_what_reaches_the_exporter(workers: Pool) -> None:
    """The loop by hand exports its 21 spans, no more and no less, however often it runs."""
    for _ in range(3):
        sample = workers.measure(Side("otgraph + sdk", "chain by hand", 21))
        assert sample.seconds > 0
    with pytest.raises(CaseFailed, match="21 spans per run arrived on 'otgraph \\+ sdk', expected 22"):
        workers.measure(Side("otgraph + sdk", "chain by hand", 22))


def test_a_worker_counts_what_is_measured(workers: Pool) -> None:
    """A chain of ten has measured the run, ten tasks and, twice, ten supersteps."""
    for case in ("chain", "chain async"):
        assert workers.measure(Side("otgraph + sdk + metrics", case, 21, 31)).measurements == 31


def test_a_worker_survives_a_case_that_fails(workers: Pool) -> None:
    """The reason is handed back and the worker answers the next request."""
    with pytest.raises(CaseFailed, match="KeyError: 'no such case'"):
        workers.measure(Side("otgraph", "no such case"))
    assert workers.measure(Side("otgraph", "import nothing")).seconds > 0


@pytest.mark.parametrize(
    "case",
    [
        "chain",
        "chain async",
        "chain all four",
        "chain writing custom",
        "fan-out",
        "fan-out async",
        "calls",
        "calls async",
    ],
)
def test_programs_run_traced(workers: Pool, case: str) -> None:
    """A program comes out right on otgraph and exports a span for the run, each superstep and each task."""
    spans = {"fan-out": 1 + 2 + 101, "calls": 1 + 1 + 101}.get(case.split(maxsplit=1)[0], 21)
    assert workers.measure(Side("otgraph + sdk", case, spans)).seconds > 0


@pytest.mark.oracle
@pytest.mark.skipif(not ORACLE.exists(), reason="LangGraph's environment is missing: make oracle")
@pytest.mark.parametrize(
    "case", ["chain", "chain async", "chain all four", "chain saved", "fan-out async", "calls"]
)
def test_programs_run_on_the_peer(workers: Pool, case: str) -> None:
    """The same program comes out right on LangGraph."""
    assert workers.measure(Side("langgraph", case)).seconds > 0


def test_an_unknown_row_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """The command ends with exit code 2 and names the rows there are."""
    assert command.main(["--rows", "no such row"]) == 2
    assert "no row matches 'no such row'; rows: chain of 10, traced" in capsys.readouterr().err
