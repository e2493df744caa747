"""
Dashboards are whole: placed, described, linked to traces.
"""

from __future__ import annotations

import json
import re
from itertools import combinations
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from otgraph_dashboards import DASHBOARDS
from otgraph_dashboards.common import traces
from otgraph_dashboards.metrics import label

from otgraph.tracing import names

from .promql import NAMES

BOARDS = [board.json() for board in DASHBOARDS]
PANELS = [(board["uid"], panel) for board in BOARDS for panel in board["panels"] if panel["type"] != "row"]
GRAFANA_UNITS = {"short", "none", "s", "percentunit", "cpm", "bytes"}


def cells(panel: dict[str, Any]) -> set[tuple[int, int]]:
    place = panel["gridPos"]
    return {
        (x, y)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    }


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board["uid"])
def test_panels_have_room(board: dict[str, Any]) -> None:
    """No panel lies over another or beyond the edge; numbers of panels are their own."""
    for one, other in combinations(board["panels"], 2):
        assert not cells(one) & cells(other), (one["title"], other["title"])
    assert all(x < 24 for panel in board["panels"] for x, _ in cells(panel))
    assert len(board["panels"]) == len({panel["id"] for panel in board["panels"]})


@pytest.mark.parametrize(
    ("uid", "panel"), PANELS, ids=lambda value: value["title"] if isinstance(value, dict) else value
)
def test_a_panel_explains_itself(uid: str, panel: dict[str, Any]) -> None:
    """A panel has a title, a sentence, a unit, and something to say where nothing was measured."""
    defaults = panel["fieldConfig"]["defaults"]
    units = [defaults.get("unit")] + [
        entry["value"]
        for override in panel["fieldConfig"]["overrides"]
        for entry in override["properties"]
        if entry["id"] == "unit"
    ]
    assert panel["description"].endswith(".")
    assert defaults["noValue"]
    assert {unit for unit in units if unit} <= GRAFANA_UNITS
    assert all(units) or (panel["type"] == "table" and len(units) == 1 + len(panel["targets"]))


def test_titles_are_told_apart() -> None:
    """No two panels of a dashboard are called alike, and no two dashboards."""
    for board in DASHBOARDS:
        assert len(board.panels) == len({panel.title for panel in board.panels})
    assert len(BOARDS) == len({board["uid"] for board in BOARDS}) == len({board["title"] for board in BOARDS})


def links(panel: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the links of a panel's values."""
    found = list(panel["fieldConfig"]["defaults"].get("links", ()))
    for override in panel["fieldConfig"]["overrides"]:
        found += [
            link for entry in override["properties"] if entry["id"] == "links" for link in entry["value"]
        ]
    return found


LINKS = [(panel, link) for _, panel in PANELS for link in links(panel)]


def test_traces_are_one_click_away() -> None:
    """Each dashboard leads to traces, and each duration that is drawn has exemplars or such a link."""
    for board in BOARDS:
        drawn = [
            p
            for p in board["panels"]
            if p["type"] == "timeseries" and p["fieldConfig"]["defaults"]["unit"] == "s"
        ]
        for panel in drawn:
            gauge = not any("_bucket" in target["expr"] for target in panel["targets"])
            assert gauge or links(panel) or any(target["exemplar"] for target in panel["targets"]), panel[
                "title"
            ]
        assert any(link["url"].startswith("${jaeger}/search?") for link in board["links"])


@pytest.mark.parametrize(
    ("panel", "link"), LINKS, ids=[f"{panel['title']}-{link['title']}" for panel, link in LINKS]
)
def test_a_link_asks_for_spans_that_exist(panel: dict[str, Any], link: dict[str, Any]) -> None:
    """A link into traces is a query of TraceQL over attributes that otgraph writes; others lead to a dashboard here."""
    url = urlsplit(link["url"])
    if url.path != "/explore":
        assert url.path in {f"/d/{board['uid']}" for board in BOARDS}
        return
    (pane,) = json.loads(parse_qs(url.query)["panes"][0]).values()
    query = pane["queries"][0]["query"]
    attributes = set(re.findall(r"span\.([\w.]+)", query))
    assert "${tempo}" == pane["datasource"]
    assert attributes
    assert attributes <= NAMES
    for condition in query.strip("{ }").split(" && "):
        assert re.fullmatch(r'span\.[\w.]+ (= "[^"]*"|!= nil)', condition), condition
    for name in re.findall(r"__field\.labels\.(\w+)", query):
        legends = " ".join(target["legendFormat"] for target in panel["targets"])
        assert f"{{{{{name}}}}}" in legends, "the series one clicks on lacks that label"
    for title in re.findall(r"__data\.fields\.([^}]+)", query):
        assert title in panel["transformations"][1]["options"]["renameByName"].values()


def test_a_link_survives_being_an_address() -> None:
    """What Grafana fills in stays as it is, and all else is quoted."""
    link = traces("Here", f'span.{names.WORKFLOW} = "${{__field.labels.{label(names.WORKFLOW)}}}"')
    assert "${__field.labels.gen_ai_workflow_name}" in link.url
    assert not set(re.sub(r"\$\{[^}]*\}", "", link.url)) & set('{}"\\ ')


def test_a_table_shows_the_labels_that_it_sums_by() -> None:
    """Each column of a table has the labels that the table is keyed by, and a title in place of Grafana's name."""
    for _, panel in PANELS:
        if panel["type"] == "table":
            titles = panel["transformations"][1]["options"]["renameByName"]
            keys = [key for key in titles if not key.startswith("Value")]
            for target in panel["targets"]:
                assert ("Value" if len(panel["targets"]) == 1 else f"Value #{target['refId']}") in titles
                assert all(key in target["expr"] for key in keys)
