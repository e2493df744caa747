"""
Each query says what PromQL allows, and asks for what otgraph measures.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import promql_parser
import pytest
from otgraph_dashboards import ALERTS, DASHBOARDS, RECORDINGS
from otgraph_dashboards.metrics import METRICS, label

from .promql import NAMES, VARIABLES, Asked, asked, filled, nodes, selectors

QUERIES = [query for board in DASHBOARDS for query in asked(board)]
RULES = {**{rule.name: rule.expr for rule in RECORDINGS}, **{rule.name: rule.expr for rule in ALERTS}}
ALL = {**{str(query): query.expr for query in QUERIES}, **RULES}

SERIES = {metric.series for metric in METRICS if metric.kind != "histogram"}
SERIES |= {
    name
    for metric in METRICS
    if metric.kind == "histogram"
    for name in (metric.count, metric.sum, metric.bucket)
}
LABELS = {label(name) for name in NAMES} | {"job", "le"}
RECORDED = {rule.name for rule in RECORDINGS}


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_a_query_is_promql(query: str) -> None:
    """A parser of PromQL takes every query, with values for Grafana's variables."""
    assert promql_parser.parse(filled(query))


def test_a_parser_refuses_what_is_wrong() -> None:
    """The parser is one that refuses: a window where none may be, a label without quotes, a bracket too many."""
    for wrong in ("sum(a[5m])", "a{b=c}", "sum(a))", "sum by a (b)"):
        with pytest.raises(ValueError):
            promql_parser.parse(wrong)


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_a_query_asks_for_what_is_measured(query: str) -> None:
    """Each series is one of otgraph's, or one that a rule records; each label is an attribute that otgraph writes."""
    for series, labels in selectors(filled(query)):
        assert series in SERIES or (query in RULES.values() and series in RECORDED), series
        assert not labels - LABELS


@pytest.mark.parametrize("query", ALL.values(), ids=ALL)
def test_a_counter_is_never_read_as_a_gauge(query: str) -> None:
    """What only grows is asked for over a window."""
    windows = {
        part.vector_selector.name
        for part in nodes(filled(query))
        if isinstance(part, promql_parser.MatrixSelector)
    }
    counters = SERIES - {metric.series for metric in METRICS if metric.kind == "gauge"}
    found = {series for series, _ in selectors(filled(query))}
    assert not (found & counters) - windows


def test_every_metric_is_shown() -> None:
    """There is a panel for everything that otgraph measures."""
    shown = {series for query in QUERIES for series, _ in selectors(filled(query.expr))}
    assert not {
        metric.name
        for metric in METRICS
        if not shown & {metric.series, metric.count, metric.sum, metric.bucket}
    }


@pytest.mark.parametrize("query", QUERIES, ids=str)
def test_a_query_minds_the_choice_of_services(query: Asked) -> None:
    """All that is chosen above a dashboard narrows each of its queries: the service does in any case."""
    assert all("job" in labels for _, labels in selectors(filled(query.expr)))


def used(texts: Iterable[str]) -> set[str]:
    """Return the variables of dashboards that texts use."""
    found = {name for text in texts for name in re.findall(r"\$\{?(\w+)", text)}
    return {name for name in found if not name.startswith("__")}


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_variables_are_those_of_the_dashboard(board: object) -> None:
    """Every variable that is used is defined, and every one that is defined is used."""
    text = str(board.json())
    defined = {variable.name for variable in board.variables}
    assert defined == used([text])
    assert used(query.expr for query in asked(board)) <= set(VARIABLES)


@pytest.mark.parametrize("board", DASHBOARDS, ids=lambda board: board.uid)
def test_choices_are_values_of_labels(board: object) -> None:
    """A variable asks for the values of a label that exists, of a series that exists."""
    choices = [variable for variable in board.variables if variable.kind == "query"]
    for choice in choices:
        found = re.fullmatch(r"label_values\((.*), (\w+)\)", filled(choice.text))
        assert found, choice.text
        ((series, labels),) = selectors(found[1])
        assert series in SERIES
        assert not ({found[2]} | labels) - LABELS
    assert choices
