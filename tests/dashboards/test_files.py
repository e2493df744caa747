"""
What is committed, and what is exported.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import otgraph_dashboards
import pytest
from otgraph_dashboards import export, files
from parsed import parsed

from .promql import NAMES

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "dashboards"
PACKAGE = Path(otgraph_dashboards.__file__).parent


@pytest.mark.parametrize("name", files())
def test_what_is_committed_is_what_the_code_makes(name: str) -> None:
    """A file in dashboards/ is current; if not: python -m otgraph_dashboards dashboards."""
    assert files()[name] == (FOLDER / name).read_text(encoding="utf-8")


def test_nothing_else_is_committed_beside_it() -> None:
    """The folders of what is made have no file that nobody makes any more."""
    found = {
        str(path.relative_to(FOLDER)) for part in ("grafana", "rules") for path in (FOLDER / part).rglob("*")
    }
    assert set(files()) == found


def test_an_export_writes_all_files_and_says_where(tmp_path: Path) -> None:
    """Folders are made, what was there is replaced, and the paths are returned."""
    target = tmp_path / "some" / "where"
    export(target)
    (target / "grafana" / "otgraph-runs.json").write_text("old")
    paths = export(str(target))
    assert files() == {str(path.relative_to(target)): path.read_text(encoding="utf-8") for path in paths}
    assert set(paths) == {path for path in target.rglob("*") if path.is_file()}


def test_the_module_exports_too(tmp_path: Path) -> None:
    """`python -m otgraph_dashboards FOLDER` writes the same files, and prints their paths."""
    done = subprocess.run(
        [sys.executable, "-m", "otgraph_dashboards", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(str(tmp_path / name) for name in files()) == sorted(done.stdout.split())
    assert files() == {
        str(p.relative_to(tmp_path)): p.read_text("utf-8") for p in tmp_path.rglob("*") if p.is_file()
    }


def test_the_package_knows_only_the_names() -> None:
    """`otgraph_dashboards` imports `otgraph.tracing.names`, itself, and what comes with Python."""
    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.ImportFrom):
                imported |= {f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    known = ("otgraph_dashboards.", "otgraph.tracing.names")
    strange = {name for name in imported if not name.startswith(known)}
    assert not {name for name in strange if name.split(".")[0] not in sys.stdlib_module_names}


def test_no_name_is_spelt_again() -> None:
    """No text in the package spells a metric or an attribute of telemetry; prose may."""
    spelt = {name for name in NAMES if "." in name}
    found = []
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in spelt:
                found.append(f"{path.name}:{node.lineno}: {node.value}")
    assert not found
