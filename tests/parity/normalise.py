"""
Observations as comparable text: the same run on two engines gives the same lines.

Rule: nothing is erased that a user could see. Ids are renamed one to one in order of appearance, a timestamp
becomes a mark only if it is ISO-8601 in UTC, live objects become structures with a name. Tuples stay tuples,
lists stay lists, and dicts keep their order, except inside a saved checkpoint and in the
name of one, where it is the saver's own; of a
channel's version the number stays. Only what no program can rely on goes: memory addresses, the name of the engine in
module paths, the version in pydantic's links.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from .weave import untangle

__all__ = ["NULL_ID", "Chunks", "Normaliser", "Raised", "Tagged"]

LEAKED = "__pregel_checkpointer"
"""A key of LangGraph's own that is left in the configs of some states."""

NULL_ID = "00000000-0000-0000-0000-000000000000"

_IDS = re.compile(
    r"(?<![0-9a-f])(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})(?![0-9a-f])"
)
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?\+00:00")
_VERSION = re.compile(r"(\d{32})\.[0-9.e-]+")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_PACKAGE = re.compile(r"\botgraph(?=[./])")
_PYDANTIC = re.compile(r"(?<=errors\.pydantic\.dev/)[0-9.]+")

INSTALLED = "lc_versions"
"""The metadata in which LangChain says which of its packages an environment has."""

_SHOWN: dict[str, tuple[str, ...]] = {
    "Command": ("graph", "update", "resume", "goto"),
    "GraphOutput": ("value", "interrupts"),
    "Interrupt": ("value", "id"),
    "Overwrite": ("value",),
    "Send": ("node", "arg"),
}
"""The engine's own values: what a user sees of them, whatever else an engine keeps on them."""


class Chunks(list[Any]):
    """The chunks of one stream; each is compared on a line of its own."""

    woven = False
    """True where graphs inside ran side by side: then the chunks are untangled before they are compared."""


class Raised:
    """An exception that ended a run: part of what was observed."""

    def __init__(self, error: BaseException) -> None:
        self.error = error


class Tagged:
    """An object as plain data: its class's name and what it shows."""

    def __init__(self, name: str, /, *args: Any, **fields: Any) -> None:
        self.name, self.args, self.fields = name, args, fields

    def __repr__(self) -> str:
        shown = [repr(value) for value in self.args] + [f"{k}={v!r}" for k, v in self.fields.items()]
        return f"{self.name}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tagged) and repr(self) == repr(other)

    __hash__ = None  # type: ignore[assignment]


class Normaliser:
    """
    Turns live observations into plain data; ids keep their names for as long as it lives.

    Args:
        rename: give ids names; else they stay.
        sort_interrupts: several interrupts that bubble up from a nested graph together come in any order on
            LangGraph; put them into one.
    """

    def __init__(self, *, rename: bool = True, sort_interrupts: bool = False) -> None:
        self._rename = rename
        self._sort_interrupts = sort_interrupts
        self._names: dict[str, str] = {}

    def lines(self, observed: Iterable[Any]) -> list[str]:
        """Return a line of text for each observation, and for each chunk of a stream, alone or in a tuple."""
        lines: list[str] = []
        for number, each in enumerate(observed):
            parts = each if type(each) is tuple and any(isinstance(p, Chunks) for p in each) else (each,)
            for part in parts:
                lines += [f"{number}. {shown!r}" for shown in self._shown(part)]
        return lines

    def _shown(self, observed: Any) -> list[Any]:
        if not isinstance(observed, Chunks):
            return [self.plain(observed)]
        if observed.woven:
            observed[:] = untangle(observed, self.without_ids)
        return [self.plain(chunk) for chunk in observed] or ["no chunks"]

    def without_ids(self, value: Any) -> str:
        """Return the text of `value` with its ids erased."""
        return _IDS.sub("#", repr(Normaliser(rename=False).plain(value)))

    def plain(self, value: Any) -> Any:
        """Return `value` as nested builtins and `Tagged` structures."""
        if value is None or isinstance(value, bool | int | float | bytes) and not isinstance(value, Enum):
            return value
        if isinstance(value, str) and not isinstance(value, Enum):
            return self.text(value)
        if isinstance(value, Mapping):
            if "channel_versions" in value and "versions_seen" in value:
                value = _in_order(value)
            elif "thread_id" in value and "checkpoint_ns" in value:
                value = {key: value[key] for key in sorted(value) if key != LEAKED}
            return {
                self.plain(key): "<versions>" if key == INSTALLED else self.plain(item)
                for key, item in value.items()
            }
        if isinstance(value, list | tuple) and self._sort_interrupts and _are_interrupts(value):
            value = type(value)(sorted(value, key=self._known))
        if isinstance(value, list):
            return [self.plain(item) for item in value]
        if isinstance(value, tuple):
            return self._tuple(value)
        if isinstance(value, set | frozenset):
            return Tagged(type(value).__name__, *sorted((self.plain(item) for item in value), key=repr))
        return self._object(value)

    def text(self, value: str) -> str:
        """Return `value` with ids renamed and machine-dependent parts marked."""
        if _UTC.fullmatch(value):
            return "<utc>"
        if version := _VERSION.fullmatch(value):
            return f"<version {int(version.group(1))}>"
        value = _ADDRESS.sub("", _PYDANTIC.sub("", _PACKAGE.sub("langgraph", value)))
        return _IDS.sub(self._name, value) if self._rename else value

    def _known(self, interrupt: Any) -> tuple[str, str]:
        """What an interrupt is sorted by: its content, and the name its id already has."""
        return self.without_ids(interrupt), _IDS.sub(
            lambda m: self._names.get(m.group(), "?"), repr(interrupt)
        )

    def _name(self, match: re.Match[str]) -> str:
        found = match.group()
        if found == NULL_ID:
            return found
        if found not in self._names:
            letter = "T" if "-" in found else "I"
            taken = sum(name[0] == letter for name in self._names.values())
            self._names[found] = f"{letter}{taken + 1}"
        return self._names[found]

    def _tuple(self, value: tuple[Any, ...]) -> Any:
        if hasattr(value, "_fields"):
            return Tagged(type(value).__name__, **{k: self.plain(getattr(value, k)) for k in value._fields})
        return tuple(self.plain(item) for item in value)

    def _object(self, value: Any) -> Any:
        kind = type(value)
        if isinstance(value, Raised):
            return self._raised(value.error)
        if isinstance(value, BaseException):
            return Tagged(kind.__name__, self._message(value))
        if isinstance(value, Enum):
            return Tagged(kind.__name__, value.name, self.plain(value.value))
        if isinstance(value, type):
            return Tagged("class", self.text(value.__name__))
        if kind.__name__ in _SHOWN:
            return self._fields(value, _SHOWN[kind.__name__])
        if hasattr(kind, "model_fields"):
            return self._fields(value, tuple(kind.model_fields))
        if dataclasses.is_dataclass(value):
            return self._fields(value, tuple(field.name for field in dataclasses.fields(value)))
        if callable(value):
            return Tagged("callable", getattr(value, "__name__", kind.__name__))
        if hasattr(value, "__dict__") and ".programs." in kind.__module__:
            return self._fields(value, tuple(vars(value)))
        return Tagged(kind.__name__)

    def _fields(self, value: Any, names: tuple[str, ...]) -> Tagged:
        return Tagged(type(value).__name__, **{name: self.plain(getattr(value, name)) for name in names})

    def _raised(self, error: BaseException) -> Tagged:
        # A hint is what otgraph says besides: it is otgraph's own, as the attributes of a part are.
        told = [note for note in getattr(error, "__notes__", ()) if type(note).__name__ != "Hint"]
        notes = [self.text(note) for note in told]
        return Tagged(f"raise {type(error).__name__}", self._message(error), notes=notes)

    def _message(self, error: BaseException) -> Any:
        """Return the text of an error; the values it carries, where the text would be their repr."""
        if all(isinstance(part, str) for part in error.args) or not error.args:
            return self.text(str(error))
        return self.plain(error.args[0] if len(error.args) == 1 else error.args)


def _in_order(value: Any) -> Any:
    """Return a saved checkpoint with its keys, and those of the dicts it is made of, in alphabetical order."""
    made_of = ("channel_values", "channel_versions", "versions_seen")
    return {
        key: _sorted(item, deep=key == "versions_seen") if key in made_of else item
        for key, item in sorted(value.items())
    }


def _sorted(value: Mapping[str, Any], *, deep: bool) -> dict[str, Any]:
    return {key: _sorted(item, deep=False) if deep else item for key, item in sorted(value.items())}


def _are_interrupts(values: Any) -> bool:
    """Whether these are interrupts, or the dicts that stand for them in task results."""
    return len(values) > 1 and all(
        type(value).__name__ == "Interrupt" or (isinstance(value, dict) and "response_schema" in value)
        for value in values
    )
