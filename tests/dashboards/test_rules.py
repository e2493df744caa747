"""
Rules are whole: what Prometheus reads is what the code says, and an alert tells its reader what to do.
"""

from __future__ import annotations

import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from otgraph_dashboards import ALERTS, RECORDINGS, files
from otgraph_dashboards.rules import Alert

from .promql import nodes

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs" / "monitoring.md").read_text()


def words(text: str) -> list[str]:
    return text.split()


def test_the_files_say_what_the_rules_say() -> None:
    """Read as YAML, the files hold each rule whole."""
    ((recordings,), (alerts,)) = (
        yaml.safe_load(files()[f"rules/otgraph-{kind}.yaml"])["groups"] for kind in ("recordings", "alerts")
    )
    assert [{"record": rule.name, "expr": rule.expr} for rule in RECORDINGS] == recordings["rules"]
    assert [rule.name for rule in ALERTS] == [rule["alert"] for rule in alerts["rules"]]
    for rule, read in zip(ALERTS, alerts["rules"], strict=True):
        assert (rule.expr, rule.lasting, rule.severity) == (
            read["expr"],
            read["for"],
            read["labels"]["severity"],
        )
        told = read["annotations"]
        assert rule.summary == told["summary"]
        assert words(rule.meaning) == words(told["description"])
        assert words(rule.runbook) == words(told["runbook"])


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_summary_names_only_labels_that_the_alert_has(alert: Alert) -> None:
    """A template asks for labels that the expression, or the rule that it reads, sums by."""
    recorded = {rule.name: rule.expr for rule in RECORDINGS}
    kept = set()
    for part in nodes(alert.expr):
        expressions = (
            [recorded[part.name]]
            if isinstance(part, promql_parser.VectorSelector) and part.name in recorded
            else []
        )
        for expression in [alert.expr, *expressions]:
            kept |= set(re.split(r"[, ]+", " ".join(re.findall(r"by \(([^)]*)\)", expression))))
    asked = set(re.findall(r"\$labels\.(\w+)", alert.summary))
    assert asked <= kept
    assert "$value" in alert.summary


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_the_page_has_a_runbook(alert: Alert) -> None:
    """docs/monitoring.md has a section for each alert, with its meaning and what to do."""
    section = PAGE.partition(f"\n### {alert.name}\n")[2].partition("\n#")[0]
    assert section, f"no section {alert.name}"
    assert " ".join(words(alert.meaning)) in " ".join(words(section))
    assert " ".join(words(alert.runbook)) in " ".join(words(section))


def test_the_page_has_no_runbook_of_an_alert_that_is_gone() -> None:
    """Sections on alerts are those of alerts."""
    assert [alert.name for alert in ALERTS] == re.findall(r"^### (Otgraph\w+)$", PAGE, re.MULTILINE)


def test_the_page_shows_the_thresholds() -> None:
    """The table of alerts on the page has their severity and how long they wait."""
    for alert in ALERTS:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| [{alert.name}]"))
        assert alert.severity in row
        assert f"| {alert.lasting} |" in row
