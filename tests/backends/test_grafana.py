"""
The dashboards are what Grafana's own published types say a dashboard is, and their links are TraceQL.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from otgraph_dashboards import DASHBOARDS, files

pytestmark = pytest.mark.e2e

HERE = Path(__file__).parent / "grafana"
BOARDS = {name: text for name, text in files().items() if name.startswith("grafana/")}


@pytest.fixture(scope="module")
def packages() -> Path:
    """Install what Grafana publishes, once."""
    versions = json.loads((HERE / "package.json").read_text())["dependencies"]
    cache = Path(os.environ.get("OTGRAPH_CACHE") or Path.home() / ".cache" / "otgraph")
    folder = cache / "grafana" / "-".join(versions.values())
    npm = shutil.which("npm")
    assert npm, "npm is not installed, so Grafana's types cannot be fetched: get Node.js 20 or newer"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "done").exists():
            shutil.copy(HERE / "package.json", folder)
            command = [npm, "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
            subprocess.run(command, cwd=folder, check=True, capture_output=True)
            (folder / "done").touch()
    return folder


def faults(packages: Path, folder: Path, boards: dict[str, str]) -> str:
    """Return what TypeScript's compiler has to say about dashboards."""
    (folder / "node_modules").symlink_to(packages / "node_modules")
    shutil.copy(HERE / "dashboard.ts", folder)
    for name, text in boards.items():
        lines = [
            "import type { PanelOf, Whole } from './dashboard';",
            f"export const whole: Whole = {text.strip()};",
        ]
        for panel in json.loads(text)["panels"]:
            if panel["type"] != "row":
                kind, number = panel["type"], panel["id"]
                lines.append(f"export const panel{number}: PanelOf<'{kind}'> = {json.dumps(panel)};")
        (folder / f"{Path(name).stem}.ts").write_text("\n".join(lines))
    options = [
        "--noEmit",
        "--strict",
        "--skipLibCheck",
        "--moduleResolution",
        "bundler",
        "--module",
        "esnext",
    ]
    command = [
        str(packages / "node_modules" / ".bin" / "tsc"),
        *options,
        *(p.name for p in folder.glob("*.ts")),
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_dashboards_have_grafanas_types(packages: Path, tmp_path: Path) -> None:
    """Every field, and the options of every panel, exist and have the type that Grafana says."""
    assert "" == faults(packages, tmp_path, BOARDS)


MISTAKES = {
    "an unknown unit of time": lambda board: board.update(refresh=60),
    "an unknown field": lambda board: board.update(titel="typo"),
    "an unknown mode of colours": lambda board: board["panels"][1]["fieldConfig"]["defaults"]["color"].update(
        mode="rainbow"
    ),
    "an unknown option": lambda board: board["panels"][1]["options"].update(graphMod="none"),
    "an unknown value of an option": lambda board: board["panels"][1]["options"].update(graphMode="cube"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found(mistake: str, packages: Path, tmp_path: Path) -> None:
    """The compiler is awake: a dashboard with one mistake is refused."""
    board: dict[str, Any] = json.loads(BOARDS["grafana/otgraph-runs.json"])
    MISTAKES[mistake](board)
    assert "error TS" in faults(packages, tmp_path, {"grafana/otgraph-runs.json": json.dumps(board)})


def not_traceql(packages: Path, queries: list[str]) -> list[str]:
    """Return those queries that Grafana's parser of TraceQL finds a fault in."""
    node = shutil.which("node")
    assert node
    command = [node, str(HERE / "traceql.mjs"), str(packages)]
    done = subprocess.run(command, input=json.dumps(queries), capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def queries() -> list[str]:
    """Return the queries of all links into traces."""

    def links(value: Any) -> Any:
        if isinstance(value, dict):
            if str(value.get("url", "")).startswith("/explore?"):
                yield value["url"]
            value = list(value.values())
        for entry in value if isinstance(value, list) else ():
            yield from links(entry)

    found = {url for board in DASHBOARDS for url in links(board.json())}
    panes = [json.loads(parse_qs(urlsplit(url).query)["panes"][0]) for url in found]
    return [pane["queries"][0]["query"] for entry in panes for pane in entry.values()]


def test_links_are_traceql(packages: Path) -> None:
    """Grafana's own parser takes the query of every link into traces, and refuses one that is wrong."""
    assert len(queries()) > 20
    assert [] == not_traceql(packages, queries())
    wrong = ["{ span.a = }", '{ span.a = "b" ', "{ span.a == 1 }"]
    assert wrong == not_traceql(packages, wrong)
