"""Graphs as PNG: by a command, by a service that is asked for by name, and by Graphviz."""

from __future__ import annotations

import sys
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from enum import Enum
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from otgraph.graph.drawing import Graph
from otgraph.graph.image import MermaidDrawMethod


def drawing() -> Graph:
    graph = Graph()
    graph.add_edge(graph.add_node(None, "a"), graph.add_node(None, "b"), "why", conditional=True)
    return graph


def test_a_png_needs_a_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without `mmdc`, the error says how to get it and what works without."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match=r"npm install -g @mermaid-js/mermaid-cli\. .* `draw_svg\(\)`"):
        drawing().draw_mermaid_png()


MMDC = """\
#!{python}
import pathlib, sys
given = dict(zip(sys.argv[2::2], sys.argv[3::2]))
text = pathlib.Path(given["-i"]).read_text()
if "broken" in text:
    sys.exit("no such diagram")
pathlib.Path(given["-o"]).write_text(given["-b"] + text)
"""
"""Takes the options of the real command, and writes the diagram where the picture should go."""


@pytest.fixture
def mmdc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    command = tmp_path / "mmdc"
    command.write_text(MMDC.format(python=sys.executable))
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))


@pytest.mark.usefixtures("mmdc")
def test_a_png_is_made_by_the_program(tmp_path: Path) -> None:
    """`mmdc` gets the diagram with the caller's options; its picture is returned, and written where asked."""
    target = tmp_path / "graph.png"
    made = drawing().draw_mermaid_png(with_styles=False, background_color="red", output_file_path=str(target))
    assert ("red" + drawing().draw_mermaid(with_styles=False)).encode() == made == target.read_bytes()


@pytest.mark.usefixtures("mmdc")
def test_a_program_that_fails_is_quoted() -> None:
    """What the command complains about is in the error."""
    graph = Graph()
    graph.add_node(None, "broken")
    with pytest.raises(RuntimeError, match="could not draw the graph: no such diagram"):
        graph.draw_mermaid_png()


def test_graphviz_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pygraphviz, the error says what to install."""
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(ImportError, match="pip install pygraphviz"):
        drawing().draw_png()


class Service(BaseHTTPRequestHandler):
    """Answers like the real one, with the colour and the diagram for a picture; refuses the first request."""

    asked: list[str]

    def do_GET(self) -> None:  # noqa: N802 (the name is the standard library's)
        self.asked.append(self.path)
        encoded, _, color = self.path.removeprefix("/img/").partition("?type=png&bgColor=")
        self.send_response(503 if len(self.asked) == 1 else 200)
        self.end_headers()
        self.wfile.write(color.encode() + urlsafe_b64decode(encoded))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    Service.asked = []
    with HTTPServer(("127.0.0.1", 0), Service) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def test_the_service_is_asked_by_name_only(service: str) -> None:
    """With `API` the diagram goes to the service, again if it fails; LangChain's enumeration means the same."""
    other = Enum("MermaidDrawMethod", {"API": "api"})
    for method, color, marked in [
        (MermaidDrawMethod.API, "white", "%21white"),
        (other["API"], "#fff", "fff"),
    ]:
        made = drawing().draw_mermaid_png(
            draw_method=method,  # type: ignore[arg-type]
            base_url=service,
            background_color=color,
            max_retries=2,
            proxies={},
        )
        assert (marked + drawing().draw_mermaid()).encode() == made
    assert 3 == len(Service.asked)


def test_a_service_that_refuses_is_named(service: str) -> None:
    """The error says which service, what it answered, and what works without one."""
    with pytest.raises(
        RuntimeError, match=r"127\.0\.0\.1:\d+ did not draw the graph: HTTP Error 503.*`draw_svg\(\)`"
    ):
        drawing().draw_mermaid_png(draw_method=MermaidDrawMethod.API, base_url=service, proxies={})


def test_an_unsupported_way_is_refused() -> None:
    """Pyppeteer is known, and not supported."""
    with pytest.raises(ValueError, match="got MermaidDrawMethod.PYPPETEER"):
        drawing().draw_mermaid_png(draw_method=MermaidDrawMethod.PYPPETEER)


def test_graphviz_draws_where_it_is_installed(tmp_path: Path) -> None:
    """The PNG is returned, or written to a file; edges between the same nodes are all drawn."""
    pytest.importorskip("pygraphviz", reason="pygraphviz needs Graphviz's C library")
    graph = drawing()
    graph.add_edge(graph.nodes["a"], graph.nodes["b"])
    made = graph.draw_png(labels={"nodes": {"a": "A"}, "edges": {"why": "because"}})
    assert made is not None
    assert made.startswith(b"\x89PNG")
    assert graph.draw_png(str(tmp_path / "graph.png")) is None
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
