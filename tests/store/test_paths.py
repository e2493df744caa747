"""Paths: how they are split and what texts they lead to."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.store.base import get_text_at_path, tokenize_path

from .model import values

VALUE: dict[str, Any] = {
    "title": "tea",
    "author": {"name": "ann", "tags": ["x", "y", ["z"]]},
    "notes": [{"text": "one"}, {"text": "two", "by": "bob"}, {"by": "cy"}, "loose"],
    "pair": ("p", 2),
    "n": 5,
    "f": 1.5,
    "yes": True,
    "none": None,
    "empty": {},
    "u": "ü",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", ["a"]),
        ("a.b.c", ["a", "b", "c"]),
        ("a[0].b[*]", ["a", "[0]", "b", "[*]"]),
        ("a[*]b", ["a", "[*]", "b"]),
        ("a.{b,c.d}", ["a", "{b,c.d}"]),
        ("{a,{b,c}}", ["{a,{b,c}}"]),
        ("$", ["$"]),
        ("", []),
        (".a..b.", ["a", "b"]),
        ("a[0", ["a", "[0"]),
        ("a]", ["a]"]),
        ("a[", ["a", "["]),
    ],
)
def test_steps_of_a_path(path: str, expected: list[str]) -> None:
    """Periods separate names; brackets and braces are steps of their own."""
    assert expected == tokenize_path(path)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("title", ["tea"]),
        ("author.name", ["ann"]),
        ("author.tags", ['["x", "y", ["z"]]']),
        ("author.tags[0]", ["x"]),
        ("author.tags[-1]", ['["z"]']),
        ("author.tags[9]", []),
        ("author.tags[x]", []),
        ("notes[*].text", ["one", "two"]),
        ("notes[*].{text,by}", ["one", "two", "bob", "cy"]),
        ("notes[-1]", ["loose"]),
        ("notes.text", []),
        ("author.*", ["ann", '["x", "y", ["z"]]']),
        ("notes.*.by", ["bob", "cy"]),
        ("{title, author.name}", ["tea", "ann"]),
        ("pair[*]", ["p", "2"]),
        ("n", ["5"]),
        ("f", ["1.5"]),
        ("yes", ["True"]),
        ("none", []),
        ("empty", ["{}"]),
        ("u", ["ü"]),
        ("missing.deep", []),
        ("title.x", []),
    ],
)
def test_texts_at_a_path(path: str, expected: list[str]) -> None:
    """Texts are taken as they are, numbers in digits, the rest as JSON; a path that leads nowhere finds none."""
    assert expected == get_text_at_path(VALUE, path)
    assert expected == get_text_at_path(VALUE, tokenize_path(path))


@pytest.mark.parametrize("path", ["$", "", []])
def test_the_whole_value(path: Any) -> None:
    """The root is the value as JSON with sorted keys, whatever is in it."""
    assert ['{"a": "ü", "b": [1, null]}'] == get_text_at_path({"b": [1, None], "a": "ü"}, path)
    assert ['{"a": "2"}'] == get_text_at_path({"a": type("Two", (), {"__str__": lambda _: "2"})()}, path)


@given(values, st.text("ab.[]{}*$,0-1 ", max_size=8))
def test_no_path_is_an_error(value: dict[str, Any], path: str) -> None:
    """Any text is a path into any value; all that it finds are texts."""
    assert all(isinstance(text, str) for text in get_text_at_path(value, path))
    assert path.replace(".", "") == "".join(tokenize_path(path)).replace(".", "")
