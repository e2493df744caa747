"""
Values on the command line and in the terminal: JSON that people type, and JSON of what a run says.

Rule: what cannot be read is shown with the place where it goes wrong; whatever a state holds can be printed.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Set
from dataclasses import fields, is_dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TextIO

from otgraph.cli.exits import CommandError

__all__ = ["as_json", "parse_answer", "parse_span", "parse_json", "parse_size", "plain"]

UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
SIZES: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_json(text: str, what: str, stdin: TextIO | None = None) -> Any:
    """
    Return the value of JSON that stands in `text`, in the file of `@file`, or for `-` comes on standard input.

    Raises:
        CommandError: the file cannot be read, or there is no JSON in it.
    """
    source = what
    if text == "-":
        text, source = (stdin or sys.stdin).read(), "standard input"
    elif text.startswith("@"):
        source = text[1:]
        try:
            text = Path(source).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{what} {text!r}: cannot be read ({error})") from None
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise CommandError(f"{source} is not JSON: {_place(text, error)}") from None


def _place(text: str, error: json.JSONDecodeError) -> str:
    line = text.splitlines()[error.lineno - 1] if text.splitlines()[error.lineno - 1 :] else ""
    left = max(error.colno - 40, 0)
    shown, mark = line[left : left + 76], " " * (error.colno - 1 - left) + "^"
    return f"{error.msg}, line {error.lineno} column {error.colno}\n  {shown}\n  {mark}"


def parse_answer(text: str) -> Any:
    """Return the value of JSON, or the text itself where it is none, so that an answer needs no quotes."""
    if text == "-" or text.startswith("@"):
        return parse_json(text, "--resume")
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def parse_span(text: str) -> timedelta:
    """Return a span of time such as `90s`, `15m`, `2h`, `7d`."""
    try:
        return timedelta(seconds=float(text[:-1]) * UNITS[text[-1:]])
    except (ValueError, KeyError, OverflowError):
        raise CommandError(
            f"{text!r} is no span of time: expected a number and s, m, h, d or w, such as 2h"
        ) from None


def parse_size(text: str) -> int:
    """Return a number of bytes such as `500M` or `2G`."""
    number = text.upper().removesuffix("B").removesuffix("I")
    unit = number[-1:] if number[-1:] in "KMG" else ""
    try:
        return int(float(number.removesuffix(unit) if unit else number) * SIZES[unit])
    except (ValueError, OverflowError):
        raise CommandError(
            f"{text!r} is no size: expected bytes, or a number and K, M or G, such as 500M"
        ) from None


def plain(value: Any) -> Any:
    """Return what `json.dumps` takes for any value; of an object that has no such form, its `repr`."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {key if isinstance(key, str) else str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Set):
        return sorted(map(plain, value), key=repr)
    dump = getattr(value, "model_dump", None)
    if dump is not None and not isinstance(value, type):
        return plain(dump())
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, BaseException):
        return {"error": type(value).__name__, "message": str(value)}
    return repr(value)


def as_json(value: Any, indent: int | None = None) -> str:
    """Return any value as JSON."""
    return json.dumps(plain(value), ensure_ascii=False, indent=indent)
