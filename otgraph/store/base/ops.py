"""
What can be asked of a store: each operation as a tuple with names, so that many go to it at once.

Rule: data only, with LangGraph's fields in LangGraph's order. In one batch all reads see the state before the
batch, and of several puts to one key the last counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, NamedTuple, TypeAlias

from otgraph.store.base.item import Item, SearchItem
from otgraph.store.base.namespaces import check_labels

__all__ = [
    "GetOp",
    "ListNamespacesOp",
    "MatchCondition",
    "NamespaceMatchType",
    "NamespacePath",
    "Op",
    "PutOp",
    "Result",
    "SearchOp",
    "last_puts",
    "unknown_op",
    "validate_op_namespace",
]

NamespacePath: TypeAlias = tuple[str | Literal["*"], ...]
"""The labels a namespace begins or ends with; `*` stands for any one label."""

NamespaceMatchType: TypeAlias = Literal["prefix", "suffix"]


class GetOp(NamedTuple):
    """Fetch one item."""

    namespace: tuple[str, ...]
    key: str
    refresh_ttl: bool = True
    """Whether reading the item makes it live longer."""


class SearchOp(NamedTuple):
    """Find the items at and below a namespace."""

    namespace_prefix: tuple[str, ...]
    filter: dict[str, Any] | None = None
    """What the value must be: key -> value, or key -> `{"$gt": …}` and its like."""
    limit: int = 10
    offset: int = 0
    query: str | None = None
    """What the items should be about, best first."""
    refresh_ttl: bool = True


class MatchCondition(NamedTuple):
    """What a namespace must begin or end with to be listed."""

    match_type: NamespaceMatchType
    path: NamespacePath


class ListNamespacesOp(NamedTuple):
    """List the namespaces that hold items."""

    match_conditions: tuple[MatchCondition, ...] | None = None
    """All of them must be met."""
    max_depth: int | None = None
    """Longer namespaces are cut to so many labels and listed once."""
    limit: int = 100
    offset: int = 0


class PutOp(NamedTuple):
    """Keep an item, or delete it."""

    namespace: tuple[str, ...]
    key: str
    value: Mapping[str, Any] | None
    """None deletes the item."""
    index: Literal[False] | list[str] | None = None  # type: ignore[assignment]
    """Paths of the texts to search by; False for none, None for those of the store's configuration."""
    ttl: float | None = None
    """Minutes the item lives; None for ever."""


Op: TypeAlias = GetOp | SearchOp | PutOp | ListNamespacesOp
Result: TypeAlias = Item | list[Item] | list[SearchItem] | list[tuple[str, ...]] | None


def validate_op_namespace(op: Op) -> None:
    """Raise `InvalidNamespaceError` if a label in `op` is none."""
    if isinstance(op, SearchOp):
        check_labels(op.namespace_prefix)
    elif isinstance(op, ListNamespacesOp):
        for condition in op.match_conditions or ():
            check_labels(condition.path)
    elif isinstance(op, (GetOp, PutOp)):
        check_labels(op.namespace)
    else:
        raise unknown_op(op)


def last_puts(ops: Iterable[Op]) -> dict[tuple[tuple[str, ...], str], PutOp]:
    """Return the puts of a batch that count, by namespace and key."""
    return {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}


def unknown_op(op: object) -> ValueError:
    """Return the error for something in a batch that is no operation."""
    return ValueError(
        f"a store cannot perform {op!r}; a batch holds GetOp, SearchOp, PutOp and ListNamespacesOp "
        f"of otgraph.store.base"
    )
