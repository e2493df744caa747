"""
Each alert fires when it should and is quiet when it should be, by promtool, which is Prometheus' own evaluator.

A case is what was scraped: series with a value every half minute. What is recorded on the way is checked with it, for
alerts read what the recording rules write.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from otgraph_dashboards import ALERTS, export, files
from otgraph_dashboards.metrics import (
    ACTIVE,
    AGENT,
    CHECKPOINT,
    DROPPED,
    FAULTS,
    LOST,
    OLDEST_PAUSE,
    RECURSION,
    RUN,
    STEP,
    TOOL,
    label,
)
from otgraph_dashboards.promql import counted

from backends.servers import Programs
from otgraph.tracing import names

pytestmark = pytest.mark.e2e

INTERVAL = "30s"
Scraped = dict[str, str]
"""Series -> its values, as promtool writes them: `3+1x20` begins at 3 and grows by 1, twenty times."""

WORKFLOW = {names.WORKFLOW: "letters"}
BAD = {names.OUTCOME: "error", names.ERROR_TYPE: "ValueError"}
GOOD = {names.OUTCOME: "success"}
MANY = 400


def series(name: str, *attributes: dict[str, str]) -> str:
    """Return a series of the service `app`."""
    pairs = {"job": "app", **{label(key): value for given in attributes for key, value in given.items()}}
    return f"{name}{{{', '.join(f'{key}={json.dumps(value)}' for key, value in pairs.items())}}}"


def flat(value: float) -> str:
    """Return a value that stays for hours."""
    return f"{value:g}+0x{MANY}"


def buckets(name: str, low: str, high: str, count: int, *attributes: dict[str, str]) -> Scraped:
    """Return a histogram in which all that was measured lies between two bounds."""
    found = {low: 0, high: count, "+Inf": count}
    return {series(name, *attributes, {"le": bound}): flat(value) for bound, value in found.items()}


@dataclass(frozen=True)
class Case:
    """What was scraped, and when one looks."""

    scraped: Scraped
    at: str = "12m"


@dataclass(frozen=True)
class Example:
    """
    An alert, a case in which it fires, and cases in which it is quiet.

    Args:
        labels: those of the alert, besides its job and its severity.
        summary: what it says.
    """

    alert: str
    firing: Case
    labels: dict[str, str]
    summary: str
    quiet: dict[str, Case] = field(default_factory=dict)


def failures(name: str, key: dict[str, str], good: float, bad: float) -> Scraped:
    return {series(name, key, GOOD): flat(good), series(name, key, BAD): flat(bad)}


AGENT_KEY, TOOL_KEY = {names.AGENT: "poet"}, {names.TOOL: "search"}
SAVER = {names.SAVER: "SqliteSaver", names.SAVER_OPERATION: "put"}
DROPS = {**WORKFLOW, names.STREAM_POLICY: "drop_oldest"}
REASON = {names.LOST_REASON: "queue full"}
WHERE = {names.FAULT_WHERE: "redact"}
PAUSED = {names.OUTCOME: "interrupted"}


def fast_and_slow(low: str, high: str, count: int) -> Scraped:
    """Return runs of a workflow that took between two bounds."""
    return {**buckets(RUN.bucket, low, high, count, WORKFLOW), series(RUN.count, WORKFLOW, GOOD): flat(count)}


def nothing_since(scraped: Scraped) -> Case:
    """Return the same, seen hours later."""
    return Case(scraped, "180m")


EXAMPLES = [
    Example(
        "OtgraphErrorRatio",
        Case(failures(RUN.count, WORKFLOW, 9, 1)),
        {label(names.WORKFLOW): "letters"},
        "10% of the runs of letters fail.",
        {
            "as many as are allowed": Case(failures(RUN.count, WORKFLOW, 19, 1)),
            "too few to say": Case(failures(RUN.count, WORKFLOW, 3, 1)),
            "too few came to an end": Case(
                {**failures(RUN.count, WORKFLOW, 3, 1), series(RUN.count, WORKFLOW, PAUSED): flat(90)}
            ),
            "long ago": nothing_since(failures(RUN.count, WORKFLOW, 9, 1)),
            "not for long": Case(failures(RUN.count, WORKFLOW, 9, 1), "4m"),
        },
    ),
    Example(
        "OtgraphRunsSlow",
        Case(fast_and_slow("300", "600", 10)),
        {label(names.WORKFLOW): "letters"},
        "A run of letters in twenty takes longer than 9m 45s.",
        {
            "fast enough": Case(fast_and_slow("120", "300", 10)),
            "too few to say": Case(fast_and_slow("300", "600", 4)),
            "long ago": nothing_since(fast_and_slow("300", "600", 10)),
        },
    ),
    Example(
        "OtgraphAgentErrorRatio",
        Case(failures(AGENT.count, AGENT_KEY, 3, 3)),
        {label(names.AGENT): "poet"},
        "50% of the runs of the agent poet fail.",
        {
            "all is well": Case(failures(AGENT.count, AGENT_KEY, 30, 0)),
            "too few to say": Case(failures(AGENT.count, AGENT_KEY, 2, 2)),
        },
    ),
    Example(
        "OtgraphToolErrorRatio",
        Case(
            failures(TOOL.count, TOOL_KEY, 3, 1)
            | {series(TOOL.count, TOOL_KEY, BAD, {"instance": "b"}): flat(1)}
        ),
        {label(names.TOOL): "search"},
        "40% of the calls of the tool search fail.",
        {
            "as many as are allowed": Case(failures(TOOL.count, TOOL_KEY, 8, 2)),
            "too few to say": Case(failures(TOOL.count, TOOL_KEY, 1, 3)),
        },
    ),
    Example(
        "OtgraphRecursionLimit",
        Case({series(RECURSION.count, WORKFLOW): "_x10 2+0x20"}),
        {label(names.WORKFLOW): "letters"},
        "2 runs of letters hit the recursion limit.",
        {"long ago": nothing_since({series(RECURSION.count, WORKFLOW): flat(2)})},
    ),
    Example(
        "OtgraphPausedTooLong",
        Case({series(OLDEST_PAUSE.series, WORKFLOW): flat(90000)}),
        {label(names.WORKFLOW): "letters"},
        "A run of letters has waited for a human for 1d 1h 0m 0s.",
        {"not a day yet": Case({series(OLDEST_PAUSE.series, WORKFLOW): "79200+30x40"})},
    ),
    Example(
        "OtgraphCheckpointsSlow",
        Case(buckets(CHECKPOINT.bucket, "0.5", "1", 10, SAVER)),
        {label(names.SAVER): "SqliteSaver"},
        "A write of SqliteSaver in twenty takes over 975ms.",
        {
            "fast enough": Case(buckets(CHECKPOINT.bucket, "0.25", "0.5", 10, SAVER)),
            "only reads are slow": Case(
                buckets(CHECKPOINT.bucket, "0.5", "1", 10, {**SAVER, names.SAVER_OPERATION: "get"})
            ),
        },
    ),
    Example(
        "OtgraphCheckpointErrors",
        Case({series(CHECKPOINT.count, SAVER, {names.ERROR_TYPE: "OperationalError"}): "0x10 1+0x20"}),
        {label(names.SAVER): "SqliteSaver", label(names.SAVER_OPERATION): "put"},
        "1 calls of SqliteSaver failed (put).",
        {"all is well": Case({series(CHECKPOINT.count, SAVER): "0+10x100"})},
    ),
    Example(
        "OtgraphStreamDrops",
        Case({series(DROPPED.count, DROPS): "_x10 7+0x20"}),
        {label(key): value for key, value in DROPS.items()},
        "7 chunks of letters were dropped.",
        {"long ago": nothing_since({series(DROPPED.count, DROPS): flat(7)})},
    ),
    Example(
        "OtgraphSpansLost",
        Case({series(LOST.count, REASON): "_x10 512+0x20"}),
        {label(names.LOST_REASON): "queue full"},
        "512 spans were lost (queue full).",
        {"long ago": nothing_since({series(LOST.count, REASON): flat(512)})},
    ),
    Example(
        "OtgraphTelemetryFaults",
        Case({series(FAULTS.count, WHERE): "_x10 3+0x20"}),
        {label(names.FAULT_WHERE): "redact"},
        "3 faults of telemetry (redact).",
        {"long ago": nothing_since({series(FAULTS.count, WHERE): flat(3)})},
    ),
    Example(
        "OtgraphRunsStuck",
        Case({series(ACTIVE.series, WORKFLOW): flat(2), series(STEP.count, WORKFLOW): flat(40)}, "90m"),
        {label(names.WORKFLOW): "letters"},
        "2 runs of letters are active, and no superstep ends.",
        {
            "supersteps end": Case(
                {series(ACTIVE.series, WORKFLOW): flat(2), series(STEP.count, WORKFLOW): f"0+1x{MANY}"}, "90m"
            ),
            "nothing is active": Case(
                {series(ACTIVE.series, WORKFLOW): flat(0), series(STEP.count, WORKFLOW): flat(40)}, "90m"
            ),
            "has just begun": Case({series(ACTIVE.series, WORKFLOW): flat(2)}, "14m"),
        },
    ),
]


@pytest.fixture(scope="module")
def promtool(binaries: Programs) -> str:
    """Where promtool is, of the Prometheus that the other tests run."""
    return str(binaries["promtool"])


def test_promtool_takes_the_rules(promtool: str, tmp_path: Path) -> None:
    """`promtool check rules` finds no fault in what is exported, not even what it only warns of."""
    rules = [str(path) for path in export(tmp_path) if path.suffix == ".yaml"]
    done = subprocess.run(
        [promtool, "check", "rules", "--lint-fatal", *rules], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run(promtool: str, folder: Path, *tests: object) -> subprocess.CompletedProcess[str]:
    """Have promtool judge; files of rules lie in `folder`."""
    rules = [str(path) for path in export(folder) if path.suffix == ".yaml"]
    cases = {"rule_files": rules, "evaluation_interval": INTERVAL, "tests": tests}
    (folder / "tests.yaml").write_text(json.dumps(cases))
    command = [promtool, "test", "rules", str(folder / "tests.yaml")]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def told(example: Example) -> dict[str, object]:
    """Return what the alert of an example looks like when it fires."""
    (group,) = yaml.safe_load(files()["rules/otgraph-alerts.yaml"])["groups"]
    (rule,) = (rule for rule in group["rules"] if rule["alert"] == example.alert)
    return {
        "exp_labels": {"job": "app", **rule["labels"], **example.labels},
        "exp_annotations": {**rule["annotations"], "summary": example.summary},
    }


def expect(example: Example, case: Case, *alerts: object) -> dict[str, object]:
    return {
        "interval": INTERVAL,
        "input_series": [{"series": name, "values": values} for name, values in case.scraped.items()],
        "alert_rule_test": [{"eval_time": case.at, "alertname": example.alert, "exp_alerts": list(alerts)}],
    }


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.alert)
def test_an_alert_fires(example: Example, promtool: str, tmp_path: Path) -> None:
    """It fires, with these labels and this summary."""
    done = run(promtool, tmp_path, expect(example, example.firing, told(example)))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("example", "why"),
    [(example, why) for example in EXAMPLES for why in example.quiet],
    ids=lambda v: getattr(v, "alert", v),
)
def test_an_alert_is_quiet(example: Example, why: str, promtool: str, tmp_path: Path) -> None:
    """It does not fire when all is well, when there is too little to judge by, and when it is over."""
    done = run(promtool, tmp_path, expect(example, example.quiet[why]))
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_an_example() -> None:
    """No alert is left out, and each is seen firing and quiet."""
    assert [alert.name for alert in ALERTS] == [example.alert for example in EXAMPLES]
    assert all(example.quiet for example in EXAMPLES)


def test_promtool_finds_an_alert_that_is_quiet_though_expected(promtool: str, tmp_path: Path) -> None:
    """The judge is awake: what is expected to fire and does not is a failure."""
    example = EXAMPLES[0]
    done = run(promtool, tmp_path, expect(example, example.quiet["too few to say"], told(example)))
    assert done.returncode != 0


COUNTS = {
    "a new series counts from zero": ("_x100 3+0x100", "60m", 3),
    "also where it ended since": ("_x100 3+0x4 stale", "60m", 3),
    "an old one by what it grew": ("0+1x200", "90m", 30),
    "an old one that rests": ("5+0x200", "90m", 0),
    "one that began again": ("5+0x170 0+1x30", "90m", 9),
    "one that was away for a while is not new": ("5+0x80 _x60 5+0x60", "75m", 0),
}


@pytest.mark.parametrize("why", COUNTS)
def test_what_is_counted(why: str, promtool: str, tmp_path: Path) -> None:
    """Each way in which a counter moves counts as it should, within fifteen minutes."""
    values, at, count = COUNTS[why]
    query = {"expr": f"round(sum ({counted('things_total', '', '15m')}))", "eval_time": at}
    test = {
        "interval": INTERVAL,
        "input_series": [{"series": "things_total", "values": values}],
        "promql_expr_test": [{**query, "exp_samples": [{"labels": "{}", "value": count}]}],
    }
    done = run(promtool, tmp_path, test)
    assert done.returncode == 0, done.stdout + done.stderr
