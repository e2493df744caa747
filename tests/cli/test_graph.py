"""`otgraph graph` and `otgraph dashboards`: pictures and files."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest


def test_a_graph_is_drawn_as_text(otgraph: Any) -> None:
    """By default a drawing in characters goes to standard output; Mermaid and JSON do on request."""
    drawn = otgraph("graph", "graphs:graph").stdout
    assert "| plan |" in drawn
    assert "__end__" in drawn
    assert "plan --> write;" in otgraph("graph", "graphs:graph", "--format", "mermaid").stdout
    told = json.loads(otgraph("graph", "graphs:graph", "-F", "json").stdout)
    assert [node["id"] for node in told["nodes"]] == ["__start__", "plan", "write", "__end__"]


def test_a_picture_is_written(otgraph: Any, folder: Path) -> None:
    """The name of the output says what it is: SVG is complete in itself, PNG is drawn from it, without a network."""
    for name in ("graph.svg", "graph.png", "graph.mmd"):
        assert otgraph("graph", "graphs:graph", "-o", name).returncode == 0
    svg = (folder / "graph.svg").read_text()
    picture = ElementTree.fromstring(svg)
    assert "plan" in "".join(picture.itertext())
    png = (folder / "graph.png").read_bytes()
    width, height = struct.unpack(">II", png[16:24])
    assert png.startswith(b"\x89PNG")
    assert (width, height) == (2 * int(picture.get("width") or 0), 2 * int(picture.get("height") or 0))
    assert len(set(png)) > 100, "there is something in it"
    assert (folder / "graph.mmd").read_text().startswith("---\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["graphs:graph", "-F", "jpeg"], "invalid choice: 'jpeg'"),
        (["graphs:graph", "-o", "no/such/folder/graph.svg"], "cannot be written"),
        (["graphs:none"], "has no 'none'"),
    ],
)
def test_what_cannot_be_drawn_is_said(otgraph: Any, arguments: list[str], message: str) -> None:
    """A wish that cannot be followed ends with 2."""
    done = otgraph("graph", *arguments)
    assert done.returncode == 2
    assert message in done.stderr


def test_dashboards_are_written(otgraph: Any, folder: Path) -> None:
    """Dashboards and rules are written into a folder, and their paths are listed."""
    done = otgraph("dashboards", "export", "out", "--json")
    paths = [folder / name for name in json.loads(done.stdout)]
    assert {path.suffix for path in paths} == {".json", ".yaml"}
    assert all(path.stat().st_size for path in paths)
    assert otgraph("dashboards", "export", "out").stdout.split() == json.loads(done.stdout)
    assert otgraph("dashboards", "export", "graphs.py").returncode == 2


def test_a_name_that_is_no_format_is_refused(otgraph: Any, folder: Path) -> None:
    """The ending of the output's name says the format; one that is none is no file of characters."""
    done = otgraph("graph", "graphs:graph", "--output", "graph.jpg")
    assert done.returncode == 2
    assert "graph.jpg names no format: expected .mmd" in done.stderr
    assert not (folder / "graph.jpg").exists()
