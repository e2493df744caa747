"""
Writes dashboards and rules into a folder.

Rule: what is written depends on the code alone, so that the committed files can be checked against it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from otgraph_dashboards.agents import AGENTS
from otgraph_dashboards.health import HEALTH
from otgraph_dashboards.humans import HUMANS
from otgraph_dashboards.nodes import NODES_OF_WORKFLOW
from otgraph_dashboards.rulefile import alert_rules, recording_rules
from otgraph_dashboards.rules import ALERTS, RECORDINGS
from otgraph_dashboards.runs import RUNS

__all__ = ["DASHBOARDS", "export", "files"]

DASHBOARDS: Final = (RUNS, NODES_OF_WORKFLOW, AGENTS, HUMANS, HEALTH)
"""In the order in which one looks at them."""


def files() -> dict[str, str]:
    """Return the text of each file, by its path below the folder."""
    boards = {
        f"grafana/{board.uid}.json": json.dumps(board.json(), indent=2, ensure_ascii=False) + "\n"
        for board in DASHBOARDS
    }
    return {
        **boards,
        "rules/otgraph-recordings.yaml": recording_rules(RECORDINGS),
        "rules/otgraph-alerts.yaml": alert_rules(ALERTS),
    }


def export(folder: str | Path) -> list[Path]:
    """
    Write the dashboards for Grafana and the rules for Prometheus into `folder`, and return the paths.

    Folders are made where they are missing; files of the same names are replaced.
    """
    written = []
    for name, text in files().items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        written.append(path)
    return written
