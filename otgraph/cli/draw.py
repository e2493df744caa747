"""
`otgraph graph` and `otgraph dashboards`: pictures of a graph, and what Grafana and Prometheus need.

Rule: drawn here, without a network and without a run. Where a picture needs a library, the error says which.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from otgraph.cli.exits import CommandError
from otgraph.cli.target import load_graph
from otgraph.cli.values import as_json

__all__ = ["draw", "export_dashboards"]

SUFFIXES: Final = {
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".txt": "ascii",
    ".svg": "svg",
    ".png": "png",
    ".json": "json",
}
SHARPNESS: Final = 2
"""Pixels of a PNG per pixel of its SVG."""


def draw(given: Namespace) -> int:
    """Draw the graph that was asked for."""
    target = None if given.output is None else Path(given.output)
    form = given.format or _format_of(target)
    drawing = load_graph(given.target).get_graph(xray=given.xray)
    if form == "png":
        if target is None and sys.stdout.isatty():
            raise CommandError("a PNG cannot be shown here: say --output FILE, or send it somewhere")
        picture: bytes = _png(drawing.draw_svg())
    else:
        picture = _text(drawing, form).encode()
    if target is not None:
        try:
            target.write_bytes(picture)
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error}") from None
        return 0
    sys.stdout.buffer.write(picture)
    sys.stdout.flush()
    return 0


def _format_of(target: Path | None) -> str:
    """
    Return what the name of the output says; characters where it says nothing.

    Raises:
        CommandError: it says something that is no format.
    """
    suffix = "" if target is None else target.suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise CommandError(f"{target} names no format: expected {', '.join(SUFFIXES)}, or --format")
    return SUFFIXES.get(suffix, "ascii")


def _text(drawing: Any, form: str) -> str:
    makers = {
        "ascii": drawing.draw_ascii,
        "mermaid": drawing.draw_mermaid,
        "svg": drawing.draw_svg,
        "json": lambda: as_json(drawing.to_json(), indent=2),
    }
    return str(makers[form]()).rstrip("\n") + "\n"


def _png(svg: str) -> bytes:
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise CommandError(
            "a PNG is drawn by resvg: pip install 'otgraph[cli]'. Without it: --format svg, mermaid or ascii"
        ) from None
    return bytes(svg_to_bytes(svg_string=svg, zoom=SHARPNESS, background="white"))


def export_dashboards(given: Namespace) -> int:
    """Write dashboards and rules into a folder."""
    from otgraph_dashboards import export

    try:
        paths = export(given.folder)
    except OSError as error:
        raise CommandError(f"{given.folder} cannot be written: {error}") from None
    if given.json:
        print(as_json([str(path) for path in paths], indent=2))
    else:
        for path in paths:
            print(path)
    return 0
