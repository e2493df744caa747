"""
Every query of every dashboard, and every rule, gives the number that the workload is known to have.

`increase` and `rate` estimate; so that numbers are exact nevertheless, all is asked in windows of half an hour that
begin before the first process does, and at a time when the last has ended. In such a window each series is new, and
counts from zero, exactly (how others are counted is held by the tests of rules). A "rate interval" is one such window
too, so that what happens "per minute" is a thirtieth of what happened.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from dashboards.promql import VARIABLES, asked, filled
from foreign_server import eventually
from otgraph_dashboards import ALERTS, DASHBOARDS, RECORDINGS, export
from otgraph_dashboards.metrics import FAULTS, METRICS, RUN, Metric
from otgraph_dashboards.rules import Alert, Recording

from backends.mishaps import MISHAPS
from backends.numbers import alerts, mishaps, numbers, recordings
from backends.servers import Programs, Prometheus, Server, running_collector, running_prometheus
from backends.tallies import MINUTES, Between, Numbers
from backends.workload import RUNS, Workload

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

WINDOW = {
    "service": "workload",
    "__range": f"{MINUTES}m",
    "__rate_interval": f"{MINUTES}m",
    "__rate_interval_ms": str(MINUTES * 60_000),
}
QUERIES = {str(query): query.expr for board in DASHBOARDS for query in asked(board)}
OF_NODES = {name: query for name, query in QUERIES.items() if name.startswith("otgraph-nodes/")}
OTHERS = {name: query for name, query in QUERIES.items() if name not in OF_NODES}
WORKFLOWS = ["crowd", "fetch", "wide", "matryoshka", "approval", "division", "slow"]


@dataclass(frozen=True)
class Scene:
    """A Prometheus, and a time at which all has been fetched and the last process has just ended."""

    prometheus: Prometheus
    moment: float

    def given(self, query: str, at: float = 0.0) -> dict[tuple[str, ...], float]:
        """Return what a query gives, by the values of the labels in the order of their names."""
        answer = self.prometheus.ask("http", "/api/v1/query", query=query, time=at or self.moment)
        assert "vector" == answer["data"]["resultType"]
        found: dict[tuple[str, ...], float] = {}
        for series in answer["data"]["result"]:
            labels = sorted((name, value) for name, value in series["metric"].items() if name != "__name__")
            found[tuple(value for _, value in labels)] = float(series["value"][1])
        return found


def scene_of(prometheus: Prometheus, metric: Metric, number: float) -> Scene:
    """Wait until as much was fetched of a metric as is known to come."""
    done = f"sum(last_over_time({metric.count}[{MINUTES}m]))"
    eventually(lambda: prometheus.number(done) == number, f"{done} == {number}")
    return Scene(prometheus, time.time())


@pytest.fixture(scope="module")
def scene(workload: Workload, prometheus: Prometheus) -> Scene:
    """What came of the workload."""
    return scene_of(prometheus, RUN, RUNS.total())


@pytest.fixture(scope="module")
def other(binaries: Programs, folder: Path) -> Iterator[tuple[Scene, dict[str, int]]]:
    """What came of mishaps, with servers of their own: others count what is in theirs. And what the saver counted."""
    place = folder / "mishaps"
    rules = [path for path in export(place) if path.suffix == ".yaml"]
    with (
        running_collector(binaries, place) as collector,
        running_prometheus(binaries, place, collector, *rules) as prometheus,
    ):
        command = [sys.executable, "-m", "backends.mishaps"]
        done = subprocess.run(
            command, env=apart(collector), capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, done.stdout + done.stderr
        faults = MISHAPS["processors that fail"]
        yield scene_of(prometheus, FAULTS, faults), json.loads(done.stdout)


def assert_given(found: dict[tuple[str, ...], float], wanted: Numbers) -> None:
    """Hold what was found to what is wanted: the same series, and each the number or in its range."""
    assert set(found) == set(wanted)
    for key, number in wanted.items():
        if isinstance(number, Between):
            assert number.low <= found[key] <= number.high, key
        else:
            assert found[key] == pytest.approx(number, rel=1e-9, abs=1e-12), key


@pytest.mark.parametrize("service", ["workload", "mishaps"])
def test_prometheus_runs_the_rules(service: str, scene: Scene, other: tuple[Scene, dict[str, int]]) -> None:
    """Loaded from the exported files, all rules are evaluated without an error, and those alerts are raised."""
    prometheus = (scene if service == "workload" else other[0]).prometheus
    bad = {name for name, found in alerts(service).items() if found}

    def evaluated() -> bool:
        groups = prometheus.ask("http", "/api/v1/rules")["data"]["groups"]
        return {"ok"} == {rule["health"] for group in groups for rule in group["rules"]}

    def raised() -> bool:
        found = prometheus.ask("http", "/api/v1/alerts")["data"]["alerts"]
        return bad == {alert["labels"]["alertname"] for alert in found}

    eventually(evaluated, "all rules are evaluated")
    eventually(raised, f"the alerts {bad} are raised, and no others")


@pytest.mark.parametrize("name", OTHERS)
def test_a_panel_shows_the_number(name: str, scene: Scene) -> None:
    """The query of the panel gives the numbers that follow from what the workload did."""
    query = filled(OTHERS[name], {**VARIABLES, **WINDOW})
    assert_given(scene.given(query), numbers("crowd")[name])


WRONG = set(mishaps({}))


@pytest.mark.parametrize("name", sorted(WRONG))
def test_a_panel_shows_what_goes_wrong(name: str, other: tuple[Scene, dict[str, int]]) -> None:
    """The same, of the service in which those things happen that do not happen in the workload."""
    found, counted = other
    query = filled(QUERIES[name], {**VARIABLES, **WINDOW, "service": "mishaps"})
    assert_given(found.given(query), mishaps(counted)[name])


@pytest.mark.parametrize("workflow", WORKFLOWS)
@pytest.mark.parametrize("name", OF_NODES)
def test_a_panel_shows_the_number_of_a_workflow(name: str, workflow: str, scene: Scene) -> None:
    """The same, of the dashboard that shows one workflow."""
    query = filled(OF_NODES[name], {**VARIABLES, **WINDOW, "workflow": workflow})
    assert_given(scene.given(query), numbers(workflow)[name])


def test_no_query_is_left_out() -> None:
    """The table has a number for every query, and none for a query that is gone."""
    assert set(QUERIES) == set(numbers("crowd"))
    some = {
        name for workflow in WORKFLOWS for name, found in numbers(workflow).items() if any(found.values())
    }
    assert set(QUERIES) == some | WRONG, "somewhere each query gives more than nothing or zero"
    assert {alert.name for alert in ALERTS} == set(alerts("workload")) == set(alerts("mishaps"))
    assert {rule.name for rule in RECORDINGS} == set(recordings())


def test_choices_are_narrowed(scene: Scene) -> None:
    """What is chosen above a dashboard counts: one workflow's runs, and none of a service that does not exist."""
    query = QUERIES["otgraph-runs/Runs/A"]
    some = filled(query, {**VARIABLES, **WINDOW, "workflow": "survey|fetch"})
    none = filled(query, {**VARIABLES, **WINDOW, "service": "another"})
    assert_given(scene.given(some), {(): 45})
    assert_given(scene.given(none), {(): 0})


@pytest.mark.parametrize("name", [name for name, query in QUERIES.items() if "vector(0)" in query])
def test_a_number_is_zero_where_nothing_happened(name: str, scene: Scene) -> None:
    """A count shows a zero before there is any traffic, and not an empty panel."""
    query = filled(QUERIES[name], {**VARIABLES, **WINDOW, "service": ".*"})
    assert_given(scene.given(query, scene.moment - 86400), {(): 0})


CHOICES = sorted(
    {variable.text for board in DASHBOARDS for variable in board.variables if variable.kind == "query"}
)
CHOSEN = {
    "job": {"workload"},
    "gen_ai_workflow_name": {"survey", "wide", "librarian"},
    "gen_ai_node_name": {"left", "right", "meet"},
    "gen_ai_agent_name": {"librarian"},
    "gen_ai_request_model": {"scripted-1"},
}


@pytest.mark.parametrize("choice", CHOICES)
def test_there_is_something_to_choose(choice: str, scene: Scene) -> None:
    """The variables above the dashboards offer services, workflows, nodes, agents and models that exist."""
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(choice, {**VARIABLES, "workflow": "crowd"}))
    assert found
    path = f"/api/v1/label/{found[2]}/values"
    values = set(
        scene.prometheus.ask("http", path, **{"match[]": found[1], "start": scene.moment - MINUTES * 60})[
            "data"
        ]
    )
    assert CHOSEN[found[2]] <= values
    assert found[2] not in ("job", "gen_ai_node_name") or CHOSEN[found[2]] == values


def inlined(query: str) -> str:
    """Return a query with the expressions of what is recorded, as if the rules had run at that very moment."""
    for rule in reversed(RECORDINGS):
        query = query.replace(rule.name, f"({rule.expr})")
    return query.replace("[15m]", f"[{MINUTES}m]").replace("offset 15m", f"offset {MINUTES}m")


@pytest.mark.parametrize("rule", RECORDINGS, ids=lambda rule: rule.name)
def test_a_rule_records_the_number(rule: Recording, scene: Scene) -> None:
    """What a rule records is what the workload did."""
    found = scene.given(inlined(rule.expr))
    assert_given(found, recordings()[rule.name])


@pytest.mark.parametrize("service", ["workload", "mishaps"])
@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_sees_the_number(
    alert: Alert, service: str, scene: Scene, other: tuple[Scene, dict[str, int]]
) -> None:
    """The condition of an alert holds for what is bad enough, says how bad, and holds for nothing else."""
    looked = scene if service == "workload" else other[0]
    assert_given(looked.given(inlined(alert.expr)), alerts(service)[alert.name])


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_a_metric_is_measured(metric: Metric, scene: Scene, other: tuple[Scene, dict[str, int]]) -> None:
    """All that the dashboards know of is measured somewhere, under the name and as the kind that they expect."""
    for where in (scene, other[0]):
        known = where.prometheus.ask("http", "/api/v1/metadata", metric=metric.series)["data"]
        measured = where.given(f"count(last_over_time({metric.count}[{MINUTES}m]))")
        if measured:
            name = metric.series if metric.series in known else metric.series.removesuffix("_total")
            assert {metric.kind} == {kind["type"] for kind in known[name]}
            return
    raise AssertionError(f"nothing measures {metric.name}")


DOTTED = {
    f"{board.uid}/{panel.title}": query.expr
    for board in DASHBOARDS
    for panel in board.panels
    for query in panel.queries
    if query.exemplars
}


def test_dots_lead_to_traces(binaries: Programs, folder: Path) -> None:
    """Asked for the exemplars of each panel that shows them, Prometheus names traces that there are."""
    named: set[str] = set()
    place = folder / "dots"
    place.mkdir()
    with (
        running_collector(binaries, place) as collector,
        running_prometheus(binaries, place, collector) as prometheus,
        subprocess.Popen(
            [sys.executable, "-m", "backends.dots"],
            env={**apart(collector), "OTEL_METRIC_EXPORT_INTERVAL": "1000"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        try:
            for name, expr in DOTTED.items():
                workflow = "crowd" if name.startswith("otgraph-nodes/") else ".*"
                query = filled(expr, {**VARIABLES, **WINDOW, "service": "dots", "workflow": workflow})

                def dots(query: str = query) -> set[str]:
                    now = time.time()
                    answer = prometheus.ask(
                        "http", "/api/v1/query_exemplars", query=query, start=now - MINUTES * 60, end=now
                    )
                    found = [exemplar for series in answer["data"] for exemplar in series["exemplars"]]
                    return {exemplar["labels"]["trace_id"] for exemplar in found}

                named |= eventually(dots, f"dots in {name}")
        finally:
            told, _ = process.communicate()
    assert named
    assert named <= set(json.loads(told))


def apart(collector: Server) -> dict[str, str]:
    """Return the environment of a process that sends its telemetry to a Collector."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(Path(__file__).resolve().parents[1]),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://{collector.address('http')}",
    }
