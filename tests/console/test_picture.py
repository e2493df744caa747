"""The picture of the console in README is what the console shows."""

from __future__ import annotations

import html
import re
import sys
from pathlib import Path

import pytest
from otgraph_exporters.rows import Row
from otgraph_exporters.screen import as_text

PICTURES = Path(__file__).resolve().parent.parent.parent / "docs" / "pictures"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> list[Row]:
    monkeypatch.syspath_prepend(str(PICTURES))
    import terminal_tree

    yield terminal_tree.rows()
    del sys.modules["terminal_tree"]


def steady(text: str) -> str:
    """Return the words of a row, without its times and without which of the alike tasks it names."""
    text = re.sub(r"[\d.]+\s(?:µs|ms|s)\b", "…", text)
    return re.sub(r"\s+", "", text)


def test_the_picture_is_current(rows: list[Row]) -> None:
    """The rows that `docs/pictures/terminal_tree.py` draws now are those in the picture, but for times."""
    svg = (PICTURES / "terminal-tree.svg").read_text()
    lines: dict[float, str] = {}
    for y, words in re.findall(r'<text [^>]* y="([\d.]+)"[^>]*>([^<]*)</text>', svg):
        lines[float(y)] = lines.get(float(y), "") + html.unescape(words)
    drawn = [steady(line) for _, line in sorted(lines.items()) if "--tree" not in line]
    assert drawn == [steady(as_text(row, 30).plain) for row in rows]


def test_the_picture_loads_nothing() -> None:
    """The picture has everything in it: no font, no script and no address but those of its format and its maker."""
    svg = (PICTURES / "terminal-tree.svg").read_text()
    assert set(re.findall(r"https?://[^\s\"')]+", svg)) <= {
        "http://www.w3.org/2000/svg",
        "https://www.textualize.io",
    }
    assert "<script" not in svg
