"""
Values of every kind that a checkpoint may hold, for either engine.

Rule: importable wherever Python is; what one environment lacks is left out there. Values are named, so that the
two environments can talk about them.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import ipaddress
import pathlib
import re
import sys
import uuid
import zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque
from importlib import import_module
from typing import Any, Generic, NamedTuple, TypeVar

import pydantic

__all__ = ["engine_values", "plain_values", "shown"]

T = TypeVar("T")


class Colour(enum.Enum):
    RED = 1


class Word(str, enum.Enum):
    A = "a"


class Number(enum.IntEnum):
    ONE = 1


class Bits(enum.Flag):
    A = 1
    B = 2


@dataclasses.dataclass
class Point:
    x: int = 0
    y: Any = None


@dataclasses.dataclass(slots=True, frozen=True, kw_only=True)
class Frozen:
    x: int = 0


class Pair(NamedTuple):
    a: int
    b: Any = "b"


class Names(set):  # type: ignore[type-arg]
    pass


class Place(pathlib.PosixPath):
    pass


class Person(pydantic.BaseModel):
    name: str
    born: dt.date | None = None
    tags: set[str] = set()
    inner: Point | None = None


class Box(pydantic.BaseModel, Generic[T]):
    item: T


if sys.version_info < (3, 14):  # the first pydantic ends there
    import pydantic.v1

    class OldPerson(pydantic.v1.BaseModel):
        name: str


@pydantic.dataclasses.dataclass
class Checked:
    x: int = 1


def plain_values() -> dict[str, Any]:
    """Return values that know nothing of an engine, by name."""
    utc, two = dt.timezone.utc, dt.timezone(dt.timedelta(hours=2), "two")
    values = {
        "none": None,
        "scalars": [None, True, False, 0, -1, 2**63, 2**64 - 1, -(2**63), 0.5, float("inf"), "é\n\0", ""],
        "bytes": b"\0b",
        "bytearray": bytearray(b"b"),
        "inner bytes": [b"", bytearray(b"x"), memoryview(b"y")],
        "surrogate": "a\ud800b",
        "dict": {"a": {"b": [{}]}, 1: (1, 2), 2.5: None, (1, 2): 3, None: 4, False: 5, b"k": 6},
        "date keys": {dt.date(2026, 1, 2): 1, Word.A: 2, uuid.UUID(int=7): 3},
        "dicts": [OrderedDict(a=1), defaultdict(list, a=[1]), Counter("aab")],
        "sets": [{1}, frozenset("a"), Names([2]), {(1, 2)}],
        "deque": deque([1, [2]], maxlen=3),
        "datetimes": [
            dt.datetime(2026, 1, 2, 3, 4, 5, 6),
            dt.datetime(2026, 1, 2, tzinfo=utc),
            dt.datetime(2026, 1, 2, tzinfo=two),
            dt.datetime.max,
        ],
        "dates": [dt.date.min, dt.time(1, 2, 3, 4, fold=1), dt.time(1, tzinfo=utc), dt.timedelta(-1, 2, 3)],
        "zones": [utc, two, dt.timezone(dt.timedelta(minutes=-90))],
        "ids": [uuid.UUID(int=5), decimal.Decimal("1.10"), decimal.Decimal("NaN")],
        "paths": [pathlib.Path("/a/b"), pathlib.Path("."), pathlib.PosixPath("a/../b"), Place("/x")],
        "patterns": [re.compile("a.b", re.I | re.M), re.compile(b"x"), re.compile("x", re.X)],
        "addresses": [
            kind(text)
            for kind, text in (
                (ipaddress.ip_address, "1.2.3.4"),
                (ipaddress.ip_network, "10.0.0.0/8"),
                (ipaddress.ip_interface, "10.0.0.1/8"),
                (ipaddress.ip_address, "::1"),
                (ipaddress.ip_network, "fe80::/10"),
                (ipaddress.ip_interface, "::1/64"),
            )
        ],
        "enums": [Colour.RED, Word.A, Number.ONE, Bits.A | Bits.B],
        "dataclasses": [Point(1, Point(2)), Frozen(x=1), Checked(x=2)],
        "named tuples": [Pair(1), Pair(2, Pair(3))],
        "models": [Person(name="n", born=dt.date(2026, 1, 2), tags={"t"}), Box[int](item=1)],
        "secret": pydantic.SecretStr("hidden"),
        "errors": [ValueError("boom"), KeyError(1), BaseException()],
    }
    if sys.version_info < (3, 14):
        values["old model"] = OldPerson(name="o")
    if "Europe/Berlin" in zoneinfo.available_timezones():
        berlin = zoneinfo.ZoneInfo("Europe/Berlin")
        values["zone by name"] = [berlin, dt.datetime(2026, 7, 2, tzinfo=berlin)]
    return values | _messages() | _arrays()


def _messages() -> dict[str, Any]:
    try:
        messages = import_module("langchain_core.messages")
        documents = import_module("langchain_core.documents")
    except ImportError:
        return {}
    call = {"name": "tool", "args": {"x": [1]}, "id": "c", "type": "tool_call"}
    return {
        "messages": [
            messages.HumanMessage("hi", id="1"),
            messages.AIMessage("x", tool_calls=[call], usage_metadata=None),
            messages.AIMessageChunk(content=[{"type": "text", "text": "t"}]),
            messages.ToolMessage("r", tool_call_id="c", artifact={"a": 1}),
            messages.SystemMessage("s"),
            messages.RemoveMessage(id="1"),
        ],
        "document": documents.Document(page_content="p", metadata={"m": 1}),
    }


def _arrays() -> dict[str, Any]:
    try:
        np = import_module("numpy")
    except ImportError:
        return {}
    return {
        "arrays": [
            np.array([1, 2, 3]),
            np.arange(6).reshape(2, 3),
            np.asfortranarray(np.arange(6.0).reshape(2, 3)),
            np.array(["a", "bc"]),
            np.array(5),
            np.zeros((0, 2)),
            np.zeros((2, 2))[:, 0],
            np.array([1 + 2j]),
            np.array([True]),
        ]
    }


def engine_values(engine: str) -> dict[str, Any]:
    """
    Return values that an engine itself stores, by name.

    Args:
        engine: `langgraph` or `otgraph`.
    """
    types = import_module(f"{engine}.types")
    serde = import_module(f"{engine}.checkpoint.serde.types")
    snapshot = getattr(serde, "DeltaSnapshot", None) or serde._DeltaSnapshot
    store = import_module(f"{engine}.store.base")
    send, moment = types.Send, dt.datetime(2026, 1, 2, tzinfo=dt.timezone.utc)
    item = {"namespace": ("a",), "key": "k", "value": {"v": 1}, "created_at": moment, "updated_at": moment}
    return {
        "send": send("n", {"x": send("m", {1})}),
        "send with timeout": [
            send("n", 1, timeout=2),
            send("n", 1, timeout=dt.timedelta(seconds=3)),
            send("n", None, timeout=types.TimeoutPolicy(idle_timeout=0.5)),
        ],
        "interrupt": [
            types.Interrupt({"q": Point(1)}, "id"),
            types.Interrupt(1, "i", response_schema={"a": 1}),
        ],
        "command": [
            types.Command(resume={"a": 1}),
            types.Command(graph=types.Command.PARENT, update=[("a", 1)], goto=[send("n", 1), "m"]),
            types.Command(),
        ],
        "overwrite": types.Overwrite([1]),
        "state update": types.StateUpdate({"a": 1}, "n"),
        "task": types.PregelTask("i", "n", ("__pregel_pull", "n"), interrupts=(types.Interrupt(1, "i"),)),
        "snapshot": types.StateSnapshot({"a": 1}, ("n",), {"configurable": {}}, None, None, None, (), ()),
        "policy": types.TimeoutPolicy(run_timeout=1.0, refresh_on="heartbeat"),
        "output": types.GraphOutput({"a": 1}, ()),
        "items": [store.Item(**item), store.SearchItem(**item, score=0.5)],
        "delta": [snapshot([1, send("n", 1)]), snapshot(None)],
    }


def shown(value: Any) -> str:
    """Return what a value is, down to the types in it, in words that do not depend on the engine."""
    if isinstance(value, dict):
        inner = ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items())
    elif isinstance(value, (list, tuple, set, frozenset, deque)) and not hasattr(value, "_asdict"):
        inner = ", ".join(
            sorted(map(shown, value)) if isinstance(value, (set, frozenset)) else map(shown, value)
        )
    elif hasattr(value, "_asdict"):
        inner = shown(value._asdict())
    elif dataclasses.is_dataclass(value):
        fields = [field.name for field in dataclasses.fields(value) if field.metadata.get("saved", True)]
        if type(value).__name__ == "Overwrite":
            fields = ["value"]
        inner = ", ".join(f"{name}={shown(getattr(value, name))}" for name in fields)
    elif type(value).__name__ == "Send":
        inner = f"{value.node}, {shown(value.arg)}, {shown(value.timeout)}"
    elif type(value).__name__ == "ndarray":
        inner = f"{value.dtype.str}, {value.shape}, {value.tolist()}"
    elif any(base.__name__ == "BaseModel" for base in type(value).__mro__):
        inner = ", ".join(f"{name}={shown(item)}" for name, item in value)
    else:
        inner = repr(value)
    return f"{type(value).__name__.lstrip('_')}({inner})"
