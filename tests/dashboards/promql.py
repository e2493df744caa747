"""
PromQL for tests: the queries of dashboards and rules as their servers get them, and what they ask for.

Rule: nothing is guessed: a variable that is not listed is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import promql_parser
from otgraph_dashboards.grafana import Dashboard

from otgraph.tracing import names

NAMES = {value for key, value in vars(names).items() if key.isupper() and isinstance(value, str)}
"""All names of spans, attributes, events and metrics that otgraph writes."""

VARIABLES = {
    "__range": "3600s",
    "__rate_interval": "240s",
    "__rate_interval_ms": "240000",
    "service": ".*",
    "workflow": ".*",
    "node": ".*",
    "agent": ".*",
    "model": ".*",
}


@dataclass(frozen=True)
class Asked:
    """One query of a dashboard."""

    board: str
    panel: str
    ref: str
    """Which of the panel's queries it is: A, B, …"""
    expr: str

    def __str__(self) -> str:
        return f"{self.board}/{self.panel}/{self.ref}"


def asked(board: Dashboard) -> Iterator[Asked]:
    """Yield all queries of a dashboard."""
    for panel in board.json()["panels"]:
        for target in panel.get("targets", ()):
            yield Asked(board.uid, panel["title"], target["refId"], target["expr"])


def filled(query: str, variables: dict[str, str] = VARIABLES) -> str:
    """Return the query with the values of Grafana's variables."""
    return re.sub(r"\$(\w+)", lambda found: variables[found[1]], query)


def nodes(query: str) -> list[object]:
    """Return all parts of a query."""
    found: list[object] = []
    promql_parser.walk(promql_parser.parse(query), found.append)
    return found


def selectors(query: str) -> list[tuple[str, frozenset[str]]]:
    """Return the series that a query asks for, and the labels that it asks them by."""
    return [
        (part.name, frozenset(matcher.name for matcher in part.matchers.matchers))
        for part in nodes(query)
        if isinstance(part, promql_parser.VectorSelector)
    ]
