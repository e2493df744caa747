"""
What a run says, on standard output: parts of its streams, tokens as they come, and its result.

Rule: with `--json` every line is one JSON object and the last one is the end; without, it is for people.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from otgraph.cli.values import as_json

__all__ = ["Printer"]


class Printer:
    """
    Prints what a run says.

    Args:
        modes: the stream modes that were asked for; with none, the result is printed at the end.
        json: whether to print JSON lines.
        keys: the keys of the state that are the result.
        thread: the thread that the run belongs to.
    """

    def __init__(
        self, modes: Sequence[str], json: bool, keys: str | Sequence[str], thread: str | None
    ) -> None:
        self._modes, self._json, self._keys, self._thread = modes, json, keys, thread
        self._last: Any = None
        self._midline = False
        self.interrupts: tuple[Any, ...] = ()
        """What the run waits for."""

    def take(self, part: Mapping[str, Any]) -> None:
        """Print a part, if its mode was asked for."""
        mode = part["type"]
        if mode == "values" and not part["ns"]:
            self._last = part["data"]
            self.interrupts = tuple(part.get("interrupts", ()))
        if mode not in self._modes:
            return
        if self._json:
            print(as_json(_part_object(part)), flush=True)
        elif mode == "messages":
            self._say(part["data"][0])
        else:
            self._break()
            print(_part_line(part), flush=True)

    def _say(self, message: Any) -> None:
        """Print the text of a token, on the line of those before."""
        text = _text_of(message)
        if text:
            sys.stdout.write(text)
            sys.stdout.flush()
            self._midline = not text.endswith("\n")

    def _break(self) -> None:
        if self._midline:
            print()
            self._midline = False

    def finish(self) -> None:
        """End the line that is begun."""
        self._break()

    def end(self, outcome: str, error: Exception | None = None) -> None:
        """Print the result, or how else the run ended."""
        self._break()
        if self._json:
            ending: dict[str, Any] = {"type": "end", "outcome": outcome, "thread_id": self._thread}
            if outcome == "success":
                ending["result"] = self._result()
            if self.interrupts:
                ending["interrupts"] = [{"id": each.id, "value": each.value} for each in self.interrupts]
            if error is not None:
                ending["error"] = {"type": type(error).__name__, "message": str(error)}
            print(as_json(ending), flush=True)
        elif outcome == "success" and not self._modes:
            print(as_json(self._result(), indent=2), flush=True)

    def _result(self) -> Any:
        if isinstance(self._keys, str) or not isinstance(self._last, Mapping):
            return self._last
        return {key: value for key, value in self._last.items() if key in self._keys}


def _part_object(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part of a stream as an object of JSON."""
    return {"type": part["type"], "ns": list(part["ns"]), "data": part["data"]}


def _part_line(part: Mapping[str, Any]) -> str:
    """Return a part of a stream as a line for people."""
    place = " > ".join(level.partition(":")[0] for level in part["ns"])
    return " ".join(filter(None, (part["type"], place and f"[{place}]", as_json(part["data"]))))


def _text_of(message: Any) -> str:
    content = message.get("content") if isinstance(message, Mapping) else getattr(message, "content", message)
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return "".join(block if isinstance(block, str) else str(block.get("text", "")) for block in content)
    return ""
