"""
Dashboards, and how they become Grafana's JSON.

Rule: this file knows Grafana and nothing of otgraph; a dashboard is a value, and its JSON depends on nothing else.
Panels are placed from left to right, rows below each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

__all__ = ["Column", "Dashboard", "Link", "Panel", "Query", "Row", "Variable", "graph", "stat", "table"]

Json = dict[str, Any]

WIDTH: Final = 24
"""Columns of Grafana's grid."""
METRICS_SOURCE: Final[Json] = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True)
class Query:
    """One PromQL query of a panel; `legend` names its series."""

    expr: str
    legend: str = ""
    exemplars: bool = False
    """Whether traces of single measurements are shown as dots."""


@dataclass(frozen=True)
class Link:
    """A link from a value to somewhere else."""

    title: str
    url: str


@dataclass(frozen=True)
class Column:
    """A column of a table: the rows are those of its query."""

    title: str
    expr: str
    unit: str = "short"
    links: tuple[Link, ...] = ()


@dataclass(frozen=True)
class Panel:
    """One panel; `description` says what it shows, and what to do about it."""

    title: str
    description: str
    kind: Literal["stat", "timeseries", "table"]
    queries: tuple[Query, ...]
    width: int
    height: int
    defaults: Json
    options: Json
    overrides: tuple[Json, ...] = ()
    transformations: tuple[Json, ...] = ()

    def json(self, number: int, x: int, y: int) -> Json:
        """Return the panel at a place of the grid."""
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.description,
            "datasource": METRICS_SOURCE,
            "gridPos": {"x": x, "y": y, "w": self.width, "h": self.height},
            "fieldConfig": {"defaults": self.defaults, "overrides": list(self.overrides)},
            "options": self.options,
            "targets": [self._target(chr(ord("A") + n), query) for n, query in enumerate(self.queries)],
            "transformations": list(self.transformations),
        }

    def _target(self, ref: str, query: Query) -> Json:
        over_time = self.kind == "timeseries"
        return {
            "refId": ref,
            "datasource": METRICS_SOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "format": "table" if self.kind == "table" else "time_series",
            "range": over_time,
            "instant": not over_time,
            "exemplar": query.exemplars,
        }


@dataclass(frozen=True)
class Row:
    """Panels below a heading."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """
    A choice above the dashboard.

    Args:
        kind: `query` for the values of a label, `datasource`, or `textbox`.
        text: the query, the type of data source, or the text.
        single: exactly one value is chosen, not any number of them.
    """

    name: str
    title: str
    kind: Literal["query", "datasource", "textbox"]
    text: str
    single: bool = False

    def json(self) -> Json:
        """Return the variable as Grafana writes it."""
        common: Json = {"name": self.name, "label": self.title, "type": self.kind, "hide": 0}
        if self.kind == "textbox":
            return {**common, "query": self.text, "current": {"text": self.text, "value": self.text}}
        if self.kind == "datasource":
            return {
                **common,
                "query": self.text,
                "refresh": 1,
                "regex": "",
                "multi": False,
                "includeAll": False,
            }
        choice: Json = (
            {} if self.single else {"allValue": ".*", "current": {"text": ["All"], "value": ["$__all"]}}
        )
        return {
            **common,
            **choice,
            "datasource": METRICS_SOURCE,
            "query": {
                "qryType": 1,
                "query": self.text,
                "refId": "PrometheusVariableQueryEditor-VariableQuery",
            },
            "refresh": 2,
            "sort": 1,
            "multi": not self.single,
            "includeAll": not self.single,
        }


@dataclass(frozen=True)
class Dashboard:
    """One dashboard; `uid` is its name in addresses and of its file."""

    uid: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]
    links: tuple[Link, ...] = ()

    @property
    def panels(self) -> list[Panel]:
        """All panels, in the order in which one reads them."""
        return [panel for row in self.rows for panel in row.panels]

    def json(self) -> Json:
        """Return the dashboard as Grafana writes it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["otgraph"],
            "schemaVersion": 41,
            "editable": True,
            "graphTooltip": 1,
            "timezone": "",
            "time": {"from": "now-6h", "to": "now"},
            "refresh": "1m",
            "templating": {"list": [variable.json() for variable in self.variables]},
            "links": [_others(), *(_dashboard_link(link) for link in self.links)],
            "panels": list(self._placed()),
        }

    def _placed(self) -> list[Json]:
        placed: list[Json] = []
        y = 0
        for row in self.rows:
            placed.append(_heading(row.title, len(placed) + 1, y))
            x, y, tallest = 0, y + 1, 0
            for panel in row.panels:
                if x + panel.width > WIDTH:
                    x, y, tallest = 0, y + tallest, 0
                placed.append(panel.json(len(placed) + 1, x, y))
                x, tallest = x + panel.width, max(tallest, panel.height)
            y += tallest
        return placed


def stat(
    title: str, description: str, expr: str, unit: str = "short", *, limit: float | None = None
) -> Panel:
    """Return one number, red from `limit` on."""
    steps: list[Json] = [{"color": "text" if limit is None else "green", "value": None}]
    if limit is not None:
        steps.append({"color": "red", "value": limit})
    defaults = {
        "unit": unit,
        "decimals": 0 if unit == "short" else 2,
        "noValue": "none yet",
        "color": {"mode": "thresholds"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "textMode": "auto",
    }
    return Panel(title, description, "stat", (Query(expr),), 4, 4, defaults, options)


def graph(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    links: tuple[Link, ...] = (),
    stacked: bool = False,
) -> Panel:
    """Return lines over time, or stacked bars."""
    custom = {
        "drawStyle": "bars" if stacked else "line",
        "fillOpacity": 60 if stacked else 8,
        "lineWidth": 1,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
    }
    defaults = {
        "unit": unit,
        "min": 0,
        "noValue": "none yet",
        "color": {"mode": "palette-classic"},
        "custom": custom,
        "links": [_data_link(link) for link in links],
    }
    options = {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "calcs": ["lastNotNull", "max"],
            "showLegend": True,
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    return Panel(title, description, "timeseries", queries, 12, 8, defaults, options)


def table(title: str, description: str, keys: dict[str, str], columns: tuple[Column, ...]) -> Panel:
    """Return a table with a row for each combination of the labels `keys`, which are given with their titles."""
    # Grafana calls the values of several queries after them, and those of a single one just so.
    values = [f"Value #{chr(ord('A') + n)}" for n in range(len(columns))] if len(columns) > 1 else ["Value"]
    titles = {**keys, **{value: column.title for value, column in zip(values, columns, strict=True)}}
    organize = {
        "id": "organize",
        "options": {
            "renameByName": titles,
            "excludeByName": {"Time": True},
            "indexByName": {name: n for n, name in enumerate(titles)},
        },
    }
    defaults = {"noValue": "-", "custom": {"align": "auto", "filterable": True}}
    return Panel(
        title,
        description,
        "table",
        tuple(Query(column.expr) for column in columns),
        24,
        9,
        defaults,
        {"showHeader": True, "cellHeight": "sm", "sortBy": [{"displayName": columns[0].title, "desc": True}]},
        tuple(_column(column) for column in columns),
        ({"id": "merge", "options": {}}, organize),
    )


def _column(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if column.unit == "short":
        properties.append({"id": "decimals", "value": 0})
    if column.links:
        properties.append({"id": "links", "value": [_data_link(link) for link in column.links]})
    return {"matcher": {"id": "byName", "options": column.title}, "properties": properties}


def _heading(title: str, number: int, y: int) -> Json:
    place = {"x": 0, "y": y, "w": WIDTH, "h": 1}
    return {"id": number, "type": "row", "title": title, "collapsed": False, "gridPos": place, "panels": []}


def _data_link(link: Link) -> Json:
    return {"title": link.title, "url": link.url, "targetBlank": True}


def _others() -> Json:
    link = {
        "type": "dashboards",
        "title": "otgraph",
        "tags": ["otgraph"],
        "asDropdown": True,
        "icon": "dashboard",
    }
    return {**link, "keepTime": True, "includeVars": True, "targetBlank": False, "tooltip": "", "url": ""}


def _dashboard_link(link: Link) -> Json:
    shown = {
        "type": "link",
        "title": link.title,
        "url": link.url,
        "icon": "external link",
        "targetBlank": True,
    }
    return {**shown, "tags": [], "asDropdown": False, "keepTime": False, "includeVars": False, "tooltip": ""}
