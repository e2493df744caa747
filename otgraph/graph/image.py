"""
A graph as PNG, drawn by a program that is installed here, or by a service that the caller names.

Rule: nothing leaves this machine unless the call says so. Without a program to draw with, the error says what to
install, and what works without.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from enum import Enum
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import ProxyHandler, build_opener

from otgraph.graph.elements import Edge, Node
from otgraph.graph.mermaid import MermaidOptions

__all__ = ["MermaidDrawMethod", "PngOptions", "draw_graphviz_png", "draw_mermaid_png"]


class MermaidDrawMethod(Enum):
    """What makes a picture of a Mermaid diagram."""

    LOCAL = "mmdc"
    """The command of the Mermaid CLI; the default."""
    API = "api"
    """The service mermaid.ink, or one like it: the diagram is sent there."""
    PYPPETEER = "pyppeteer"
    """Known to LangChain; not supported."""


class PngOptions(MermaidOptions, total=False):
    """How to make a picture of a diagram."""

    output_file_path: str | None
    draw_method: MermaidDrawMethod
    background_color: str
    padding: int
    """Known to LangChain; no effect."""
    max_retries: int
    """How often the service is asked."""
    retry_delay: float
    """Known to LangChain; no effect: nothing here waits."""
    base_url: str | None
    """Where the service is."""
    proxies: Mapping[str, str] | None


SERVICE = "https://mermaid.ink"
SECONDS = 10
"""How long one answer of the service may take."""

_INSTEAD = (
    "Without it: `draw_svg()` draws a picture by itself, and `draw_mermaid()` gives the diagram as text, "
    "which GitHub and notebooks show"
)


def draw_mermaid_png(diagram: str, options: PngOptions) -> bytes:
    """
    Return a picture of a Mermaid diagram; write it to a file too if asked.

    Raises:
        RuntimeError: if the command is not installed or fails, or the service does not answer.
        ValueError: if the way of drawing is not supported.
    """
    asked = options.get("draw_method", MermaidDrawMethod.LOCAL)
    # LangChain's own enumeration serves as well as ours.
    method = MermaidDrawMethod(getattr(asked, "value", asked))
    if method is MermaidDrawMethod.LOCAL:
        picture = _run_command(diagram, options)
    elif method is MermaidDrawMethod.API:
        picture = _ask_service(diagram, options)
    else:
        raise ValueError(
            f"Expected draw_method to be {MermaidDrawMethod.LOCAL} or {MermaidDrawMethod.API}, got {method}"
        )
    if path := options.get("output_file_path"):
        Path(path).write_bytes(picture)
    return picture


def _run_command(diagram: str, options: PngOptions) -> bytes:
    command = shutil.which("mmdc")
    if command is None:
        raise RuntimeError(
            "A PNG of a Mermaid diagram is drawn by the command `mmdc`, which is not installed. Install it with: "
            "npm install -g @mermaid-js/mermaid-cli. Or pass draw_method=MermaidDrawMethod.API to send the "
            f"diagram to {SERVICE}. {_INSTEAD}"
        )
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "graph.mmd"), Path(folder, "graph.png")
        source.write_text(diagram, encoding="utf-8")
        color = options.get("background_color", "white")
        arguments = [command, "-q", "-i", str(source), "-o", str(target), "-b", color]
        done = subprocess.run(arguments, capture_output=True, text=True, check=False)
        if done.returncode or not target.exists():
            raise RuntimeError(f"`mmdc` could not draw the graph: {(done.stderr or done.stdout).strip()}")
        return target.read_bytes()


def _ask_service(diagram: str, options: PngOptions) -> bytes:
    base = (options.get("base_url") or SERVICE).rstrip("/")
    # A name of a colour is marked as one; a number is not.
    color = options.get("background_color", "white")
    color = color[1:] if color.startswith("#") else "!" + color.removeprefix("!")
    encoded = urlsafe_b64encode(diagram.encode()).decode()
    address = f"{base}/img/{encoded}?type=png&bgColor={quote(color, safe='')}"
    proxies = options.get("proxies")
    opener = build_opener(ProxyHandler(None if proxies is None else dict(proxies)))
    problem: OSError | None = None
    for _ in range(max(options.get("max_retries", 1), 1)):
        try:
            with opener.open(address, timeout=SECONDS) as answer:
                picture: bytes = answer.read()
                return picture
        except OSError as error:
            if isinstance(error, HTTPError):
                error.close()
            problem = error
    raise RuntimeError(f"{base} did not draw the graph: {problem}. {_INSTEAD}") from problem


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
    picture = AGraph(strict=False, directed=True, nodesep=0.9, ranksep=1.0)
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
