"""
What the reducing channels share: initial values, overwrites and the comparison of reducers.

Rule: an overwrite is recognised here and nowhere else, in each of its three spellings.
"""

from __future__ import annotations

from collections.abc import (
    Callable,
    Mapping,
    MutableMapping,
    MutableSequence,
    MutableSet,
    Sequence,
)
from collections.abc import Set as AbstractSet
from functools import partial
from typing import Annotated, Any, Final, get_origin

from typing_extensions import NotRequired, ReadOnly, Required

from otgraph.channels.base import MISSING
from otgraph.command import Overwrite
from otgraph.constants import OVERWRITE
from otgraph.errors import ErrorCode, InvalidUpdateError, create_error_message

__all__ = ["maker_of", "overwrite_in", "same_reducer"]

_CONCRETE: Final[dict[Any, Callable[[], Any]]] = {
    Sequence: list,
    MutableSequence: list,
    AbstractSet: set,
    MutableSet: set,
    Mapping: dict,
    MutableMapping: dict,
}
"""The class that stands in for an abstract one, which cannot be called."""

_BUILTIN: Final = frozenset({list, dict, set, frozenset, tuple})
"""Classes whose parametrised forms are called bare: `list()` is several times faster than `list[int]()`."""

_WRAPPERS: Final = frozenset({Annotated, Required, NotRequired, ReadOnly})
"""What may stand around a type without being part of it."""


def maker_of(typ: Any) -> Callable[[], Any] | None:
    """Return what makes an initial value of `typ` when called; None if nothing does."""
    while (origin := get_origin(typ)) in _WRAPPERS:
        typ = typ.__args__[0]
    make = _CONCRETE.get(origin or typ) if _hashable(typ) else None
    if make is None:
        make = origin if origin in _BUILTIN else typ
    try:
        make()
    except Exception:
        return None
    return make


def overwrite_in(writes: Sequence[Any]) -> Any:
    """
    Return what the one overwrite among `writes` holds; `MISSING` if there is none.

    An overwrite is `Overwrite(value)`, `{"__overwrite__": value}` or
    `{"value": value, "type": "__overwrite__"}`: the last two are what JSON makes of it.
    """
    found: Any = MISSING
    for write in writes:
        if isinstance(write, Overwrite):
            value = write.value
        elif isinstance(write, dict):
            if len(write) == 1 and OVERWRITE in write:
                value = write[OVERWRITE]
            elif write.get("type") == OVERWRITE and "value" in write:
                value = write["value"]
            else:
                continue
        else:
            continue
        if found is not MISSING:
            raise InvalidUpdateError(
                create_error_message(
                    message="Can receive only one Overwrite value per super-step.",
                    error_code=ErrorCode.INVALID_CONCURRENT_GRAPH_UPDATE,
                )
            )
        found = value
    return found


def same_reducer(left: Any, right: Any) -> bool:
    """
    Say whether two channels reduce alike.

    A lambda counts as equal to anything: an annotation that is a string makes a new one each time it is read.
    """
    if isinstance(left, partial) and isinstance(right, partial):
        return (left.args, left.keywords) == (right.args, right.keywords) and same_reducer(
            left.func, right.func
        )
    return bool(left == right) or "<lambda>" in (_name(left), _name(right))


def _name(function: Any) -> Any:
    return getattr(function, "__name__", None)


def _hashable(typ: Any) -> bool:
    try:
        hash(typ)
    except TypeError:
        return False
    return True
