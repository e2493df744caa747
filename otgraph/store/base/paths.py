"""
Paths into a value: `title`, `notes[*].text`, `authors[-1]`, `{title,summary}`, `$` for the whole.

Rule: a path that leads nowhere finds nothing; it is never an error, for values differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

__all__ = ["ROOT", "get_text_at_path", "tokenize_path"]

ROOT: Final = "$"
"""The path of the whole value."""

_CLOSING: Final = {"[": "]", "{": "}"}


def tokenize_path(path: str) -> list[str]:
    """
    Split a path into its steps: `a.b[0].{c,d}` into `a`, `b`, `[0]`, `{c,d}`.

    A bracket that is never closed takes the rest of the path.
    """
    tokens: list[str] = []
    name, position = "", 0
    while position < len(path):
        character = path[position]
        if character in _CLOSING:
            if name:
                tokens.append(name)
            name, end = "", _end_of_group(path, position)
            tokens.append(path[position:end])
            position = end
        else:
            if character != ".":
                name += character
            elif name:
                tokens.append(name)
                name = ""
            position += 1
    return [*tokens, name] if name else tokens


def _end_of_group(path: str, start: int) -> int:
    opening, depth = path[start], 0
    for position in range(start, len(path)):
        depth += (path[position] == opening) - (path[position] == _CLOSING[opening])
        if depth == 0:
            return position + 1
    return len(path)


def get_text_at_path(obj: Any, path: str | list[str]) -> list[str]:
    """
    Return the texts that a path leads to: strings as they are, numbers in digits, objects and lists as JSON.

    Args:
        path: a path, or its steps.
    """
    if not path or path == ROOT:
        return [_json(obj)]
    return list(_texts(obj, tokenize_path(path) if isinstance(path, str) else path))


def _texts(value: Any, steps: Sequence[str]) -> Iterator[str]:
    if steps:
        for found in _step(value, steps[0]):
            yield from _texts(found, steps[1:])
    elif isinstance(value, str):
        yield value
    elif isinstance(value, (bool, int, float)):
        yield str(value)
    elif isinstance(value, (dict, list, tuple)):
        yield _json(value)


def _step(value: Any, step: str) -> Iterator[Any]:
    if step[0] == "[":
        if isinstance(value, (list, tuple)):
            yield from _elements(value, step[1:-1].strip())
    elif step[0] == "{":
        for path in step[1:-1].split(","):
            if path.strip():
                yield from _walk(value, tokenize_path(path.strip()))
    elif step == "*":
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    elif isinstance(value, dict) and step in value:
        yield value[step]


def _elements(values: Sequence[Any], index: str) -> Iterator[Any]:
    if index == "*":
        yield from values
        return
    try:
        yield values[int(index)]
    except (ValueError, IndexError):
        return


def _walk(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    for found in _step(value, steps[0]):
        yield from _walk(found, steps[1:])


def _json(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
