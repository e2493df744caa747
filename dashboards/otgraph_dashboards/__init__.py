"""Grafana dashboards and Prometheus rules for what otgraph measures."""

from otgraph_dashboards.export import DASHBOARDS, export, files
from otgraph_dashboards.rules import ALERTS, RECORDINGS

__all__ = ["ALERTS", "DASHBOARDS", "RECORDINGS", "export", "files"]
