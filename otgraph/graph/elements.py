"""
What a drawing is made of: nodes and edges.

Rule: plain tuples with LangChain's field names, so that code which reads its drawings reads ours.
"""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple
from uuid import UUID

__all__ = ["Edge", "Node", "describe", "is_uuid", "name_of"]


class Node(NamedTuple):
    """A box of a drawing."""

    id: str
    name: str
    """What is written in the box."""
    data: Any
    """The object behind it: the user's function, a compiled graph, a class; None for the end."""
    metadata: dict[str, Any] | None

    def copy(self, *, id: str | None = None, name: str | None = None) -> Node:
        """Return the same node under another id or name."""
        return Node(id or self.id, name or self.name, self.data, self.metadata)


class Edge(NamedTuple):
    """An arrow of a drawing."""

    source: str
    target: str
    data: Any = None
    """The label, where there is one."""
    conditional: bool = False

    def copy(self, *, source: str | None = None, target: str | None = None) -> Edge:
        """Return the same edge between other nodes."""
        return Edge(source or self.source, target or self.target, self.data, self.conditional)


def is_uuid(value: str) -> bool:
    """Say whether `value` is an id that nobody chose."""
    try:
        UUID(value)
    except ValueError:
        return False
    return True


def name_of(id: str, data: Any) -> str:
    """Return what to write in a box: the id, or the object's name where nobody chose the id."""
    if data is None or not is_uuid(id):
        return id
    if not inspect.isclass(data) and callable(getattr(data, "get_name", None)):
        return str(data.get_name()).removeprefix("Runnable")
    return str(getattr(data, "__name__", type(data).__name__))


def describe(node: Node, *, with_schemas: bool = False) -> dict[str, Any]:
    """Return what JSON says of the object behind a node: its type, and its name or its schema."""
    if node.data is None:
        return {}
    name = node.name if is_uuid(node.id) else node.id
    if inspect.isclass(node.data):
        schema = getattr(node.data, "model_json_schema", None)
        return {"type": "schema", "data": schema() if with_schemas and schema is not None else name}
    described = node.data if hasattr(node.data, "__qualname__") else type(node.data)
    return {
        "type": "runnable",
        "data": {"id": [*described.__module__.split("."), described.__qualname__], "name": name},
    }
