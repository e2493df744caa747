"""
The classes that the state of a graph may be made of, as far as its schemas say.

Rule: a class that a schema names may be brought back from a checkpoint where the environment asks to be strict; what
only a node puts into the state may not.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from otgraph.checkpoint.base import with_types
from otgraph.checkpoint.serde.allowlist import strict_by_default
from otgraph.plan.model import Plan

__all__ = ["classes_of", "trusting"]

_known: WeakKeyDictionary[Plan, tuple[Any, Any]] = WeakKeyDictionary()
"""Plan -> the saver that its graph had last, and that saver with the classes of the plan."""


def trusting(saver: Any, plan: Plan) -> Any:
    """Return a saver of the same store that may bring back the classes of a graph's schemas."""
    if _takes_all(saver) or not strict_by_default():
        # Without a list all may come back, and a list that the user made stands.
        return saver
    before, made = _known.get(plan, (None, None))
    if before is not saver:
        made = with_types(saver, classes_of(plan))
        _known[plan] = (saver, made)
    return made


def _takes_all(saver: Any) -> bool:
    """Say whether a saver has no list; that is cheaper to know than what the environment asks."""
    allow = getattr(getattr(saver, "serde", None), "_allow", None)
    return allow is not None and allow.all


def classes_of(plan: Plan) -> set[type[Any]]:
    """Return the classes that the schemas of a graph name: in containers, and in fields of other classes, too."""
    schemas = [plan.state, plan.input, plan.output, *(node.schema for node in plan.nodes.values())]
    left = [*(schema.typ for schema in schemas), *(channel.typ for channel in plan.channels.values())]
    found: set[type[Any]] = set()
    met: dict[int, Any] = {}
    while left:
        typ = left.pop()
        if id(typ) in met:
            continue
        met[id(typ)] = typ  # kept alive, so that no other gets its id
        if isinstance(typ, type) and get_origin(typ) is None and typ.__module__ != "builtins":
            found.add(typ)
        left.extend(_parts(typ))
    return found


def _parts(typ: Any) -> Iterator[Any]:
    """Yield the types of which a type is made."""
    origin = get_origin(typ)
    if origin is Literal:
        return
    if origin is not None:
        yield origin
        yield from get_args(typ)[: 1 if origin is Annotated else None]
    elif isinstance(typ, type):
        if not issubclass(typ, Enum) and typ.__module__ != "builtins":
            yield from _fields(typ)
    elif isinstance(typ, (list, tuple)):
        yield from typ
    else:
        # A NewType, or an alias made by the statement `type`.
        yield getattr(typ, "__supertype__", None) or getattr(typ, "__value__", None)


def _fields(typ: type[Any]) -> list[Any]:
    try:
        return list(get_type_hints(typ).values())
    except Exception:
        # An annotation that cannot be read is nothing that could be trusted.
        return []
