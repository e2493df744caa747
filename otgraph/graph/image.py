"""
A graph as PNG, drawn by a program that is installed here.

Rule: nothing leaves this machine. Without a program to draw with, the error says what to install, and what
works without.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path

from otgraph.graph.elements import Edge, Node
from otgraph.graph.mermaid import MermaidOptions

__all__ = ["MermaidDrawMethod", "PngOptions", "draw_graphviz_png", "draw_mermaid_png"]


class MermaidDrawMethod(Enum):
    """What makes a picture of a Mermaid diagram."""

    LOCAL = "mmdc"
    """The command of the Mermaid CLI."""
    PYPPETEER = "pyppeteer"
    API = "api"


class PngOptions(MermaidOptions, total=False):
    """How to make a picture of a diagram."""

    output_file_path: str | None
    draw_method: MermaidDrawMethod
    background_color: str
    padding: int
    max_retries: int
    retry_delay: float
    base_url: str | None
    proxies: Mapping[str, str] | None


_INSTEAD = (
    "Without it: `draw_svg()` draws a picture by itself, and `draw_mermaid()` gives the diagram as text, "
    "which GitHub, notebooks and https://mermaid.live show"
)


def draw_mermaid_png(diagram: str, options: PngOptions) -> bytes:
    """
    Return a picture of a Mermaid diagram, made by the command `mmdc`; write it to a file too if asked.

    Raises:
        ValueError: if another way of drawing is asked for.
        RuntimeError: if the command is not installed, or fails.
    """
    method = MermaidDrawMethod(options.get("draw_method", MermaidDrawMethod.LOCAL))
    if method is not MermaidDrawMethod.LOCAL:
        raise ValueError(
            f"Expected draw_method to be {MermaidDrawMethod.LOCAL}, got {method}. A graph is not sent to a "
            f"network service; install the command `mmdc` (npm install -g @mermaid-js/mermaid-cli). {_INSTEAD}"
        )
    command = shutil.which("mmdc")
    if command is None:
        raise RuntimeError(
            "A PNG of a Mermaid diagram is drawn by the command `mmdc`, which is not installed. Install it "
            f"with: npm install -g @mermaid-js/mermaid-cli. {_INSTEAD}"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "graph.mmd"), Path(folder, "graph.png")
        source.write_text(diagram, encoding="utf-8")
        color = options.get("background_color", "white").removeprefix("!")
        arguments = [command, "-q", "-i", str(source), "-o", str(target), "-b", color]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode or not target.exists():
            raise RuntimeError(f"`mmdc` could not draw the graph: {(done.stderr or done.stdout).strip()}")
        picture = target.read_bytes()
    if path := options.get("output_file_path"):
        Path(path).write_bytes(picture)
    return picture


def draw_graphviz_png(
    nodes: Mapping[str, Node],
    edges: Iterable[Edge],
    path: str | None,
    font: str | None,
    labels: Mapping[str, Mapping[str, str]],
) -> bytes | None:
    """
    Draw a graph with Graphviz: return the PNG, or write it to a file.

    Raises:
        ImportError: if pygraphviz is not installed.
    """
    try:
        from pygraphviz import AGraph  # type: ignore[import-not-found,import-untyped,unused-ignore]
    except ImportError as error:
        raise ImportError(
            "`draw_png` draws with Graphviz. Install it (apt install graphviz libgraphviz-dev, or brew install "
            f"graphviz), and then: pip install pygraphviz. {_INSTEAD}"
        ) from error
    style = {"fontname": font or "arial"}
    picture = AGraph(directed=True, nodesep=0.9, ranksep=1.0)
    for key, node in nodes.items():
        text = labels.get("nodes", {}).get(key, node.name)
        picture.add_node(key, label=text, style="filled", fillcolor="#f2f0ff", fontsize=15, **style)
    for number, edge in enumerate(edges):
        text = "" if edge.data is None else labels.get("edges", {}).get(str(edge.data), str(edge.data))
        look = "dotted" if edge.conditional else "solid"
        picture.add_edge(
            edge.source, edge.target, key=str(number), label=text, style=look, fontsize=12, **style
        )
    drawn: bytes | None = picture.draw(path, format="png", prog="dot")
    return drawn
