"""
Namespaces: the tuple of labels that says where in a store an item lives.

Rule: what a label may be, and which namespaces a listing shows, is decided here; every store asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from otgraph.store.base.ops import ListNamespacesOp, MatchCondition

__all__ = ["InvalidNamespaceError", "check_labels", "check_writable", "list_page"]

WILDCARD: Final = "*"
"""In the path of a condition: any one label."""
RESERVED: Final = "langgraph"
"""The first label that no user may write under, kept because LangGraph keeps it."""


class InvalidNamespaceError(ValueError):
    """A namespace that no item can live in."""


def check_labels(namespace: tuple[str, ...]) -> None:
    """Raise `InvalidNamespaceError` unless every label is a non-empty string without a period."""
    for label in namespace:
        if not isinstance(label, str) or not label or "." in label:
            raise InvalidNamespaceError(_what_is_wrong(label, namespace))


def _what_is_wrong(label: Any, namespace: tuple[str, ...]) -> str:
    if not isinstance(label, str):
        return f"label {label!r} of namespace {namespace!r} is of type {type(label).__name__}; labels are strings"
    if not label:
        return f"namespace {namespace!r} has an empty label; leave it out or name it"
    return (
        f"label {label!r} of namespace {namespace!r} contains a period, which separates labels; "
        f"give the parts as labels of their own, or write something else for the period"
    )


def check_writable(namespace: tuple[str, ...]) -> None:
    """Raise `InvalidNamespaceError` unless items may be put under `namespace`."""
    if not namespace:
        raise InvalidNamespaceError(f"namespace {namespace!r} is empty; an item needs at least one label")
    check_labels(namespace)
    if namespace[0] == RESERVED:
        raise InvalidNamespaceError(f"namespace {namespace!r} begins with {RESERVED!r}, which is reserved")


def list_page(namespaces: Iterable[tuple[str, ...]], op: ListNamespacesOp) -> list[tuple[str, ...]]:
    """Return the namespaces that `op` asks for: matching, cut to its depth, sorted, one page of them."""
    conditions = op.match_conditions or ()
    for each in conditions:
        if each.match_type not in ("prefix", "suffix"):
            raise ValueError(
                f"a namespace is matched by its 'prefix' or its 'suffix', not {each.match_type!r}"
            )
    found = {ns[: op.max_depth] for ns in namespaces if all(_meets(ns, each) for each in conditions)}
    return sorted(found)[op.offset : op.offset + op.limit]


def _meets(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = condition.path
    start = 0 if condition.match_type == "prefix" else max(0, len(namespace) - len(path))
    part = namespace[start : start + len(path)]
    return len(part) == len(path) and all(map(_is_like, part, path))


def _is_like(label: str, pattern: str) -> bool:
    return pattern in (WILDCARD, label)


def is_under(namespace: tuple[str, ...], prefix: Sequence[str]) -> bool:
    """Say whether `namespace` is `prefix` or lies below it."""
    return namespace[: len(prefix)] == prefix
