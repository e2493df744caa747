"""
The channels of a graph: those of all its schemas, put together.

Rule: a key has one update rule in the whole graph. A schema that only names a key, without a rule, agrees
with whatever rule it has.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any, Literal, TypeAlias, get_origin

from otgraph.channels.base import BaseChannel
from otgraph.channels.last_value import LastValue
from otgraph.constants import RESERVED, START, TASKS
from otgraph.plan.declared import Declared
from otgraph.schema import Schema, inspect_schema

__all__ = ["add_schema"]

AnyChannel: TypeAlias = BaseChannel[Any, Any, Any]
Boundary: TypeAlias = Literal["Input", "Output"]


def add_schema(declared: Declared, typ: Any, boundary: Boundary | None = None) -> Schema:
    """
    Add the channels and managed values of a schema to the graph, and return what the schema says.

    Args:
        boundary: which side of the graph passes through it, if one does.

    Raises:
        ValueError: if a key has another rule already, is reserved, or is a managed value at a boundary.
    """
    known = declared.schemas.get(_key(typ))
    if known is not None:
        return known
    if not isinstance(typ, type) and typ is not Any and get_origin(typ) is None:
        warnings.warn(
            f"Invalid state_schema: {typ}. Expected a type or Annotated[type, reducer]. "
            "Please provide a valid schema to ensure correct updates.",
            UserWarning,
            stacklevel=3,
        )
    schema = inspect_schema(typ)
    if boundary and schema.managed:
        raise ValueError(
            f"Invalid managed channels detected in {_name(typ)}: {', '.join(schema.managed)}. "
            "Managed channels are not permitted in Input/Output schema."
        )
    for key, channel in schema.channels.items():
        _check_key(key)
        _check_rule(key, declared.channels.get(key, channel), channel)
    for key, channel in schema.channels.items():
        declared.channels.setdefault(key, channel)
    declared.managed.update(schema.managed)
    declared.schemas[_key(typ)] = schema
    return schema


def schema_of(declared: Declared, typ: Any) -> Schema:
    """
    Return what a schema that was added says.

    A key that some schema calls a managed value is one for all of them.
    """
    schema = declared.schemas[_key(typ)]
    both = schema.channels.keys() & declared.managed.keys()
    if not both:
        return schema
    channels = {key: channel for key, channel in schema.channels.items() if key not in both}
    managed = {**schema.managed, **{key: declared.managed[key] for key in both}}
    return replace(schema, channels=channels, managed=managed, keys=tuple(channels))


def _key(typ: Any) -> Any:
    """Return what stands for `typ` in a dict; a root state may carry a channel, which has no hash."""
    try:
        hash(typ)
    except TypeError:
        return id(typ)
    return typ


def _name(typ: Any) -> str:
    return str(getattr(typ, "__name__", typ))


def _check_key(key: str) -> None:
    if key == TASKS:
        raise ValueError(f"Channel '{key}' is reserved and cannot be used in the graph.")
    if key in RESERVED or key == START:
        raise ValueError(f"Channel name '{key}' is reserved")


def _check_rule(key: str, known: AnyChannel, channel: AnyChannel) -> None:
    if known is not channel and type(channel) is not LastValue and known != channel:
        raise ValueError(f"Channel '{key}' already exists with a different type")
