"""
The arguments of the builder's methods, brought into one form each.

Rule: lenient in what it takes, and a mistake is named with the value that was wrong.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from typing import Any

from otgraph.plan.callee import infer_name, is_runnable
from otgraph.plan.declared import Destinations
from otgraph.policies import RetryPolicy

__all__ = ["branch_name", "function_of", "name_and_action", "read_destinations", "read_ends", "read_policies"]


def name_and_action(node: Any, action: Any) -> tuple[str, Any]:
    """Return name and callable of a node; the name is the callable's own where only that is given."""
    if not isinstance(node, str):
        if action is not None:
            raise TypeError(f"The name of a node must be a string, not {node!r}.")
        if node is None:
            raise RuntimeError("A node needs a callable: add_node(function) or add_node(name, function).")
        return infer_name(node), node
    if action is None:
        raise RuntimeError(f"Node '{node}' has no callable: write add_node('{node}', function).")
    return node, action


def read_policies(given: Any) -> tuple[RetryPolicy, ...] | None:
    """Return one retry policy or several as a tuple; None stays None."""
    if given is None:
        return None
    if hasattr(given, "max_attempts"):  # a policy is a tuple itself
        return (given,)
    if isinstance(given, Iterable):
        policies = tuple(given)
        if all(hasattr(policy, "max_attempts") for policy in policies):
            return policies
    raise TypeError(f"retry_policy must be a RetryPolicy or a sequence of them, not {given!r}.")


def read_destinations(given: Any) -> Destinations | None:
    """Return destinations as a tuple of names or a dict of labels."""
    if given is None:
        return None
    if isinstance(given, Mapping):
        return dict(given)
    return (given,) if isinstance(given, str) else tuple(given)


def read_ends(path_map: Any) -> dict[Hashable, str] | None:
    """Return a path map as a dict; names alone stand for themselves, and an empty one for none."""
    if not path_map:
        return None
    if isinstance(path_map, Mapping):
        return dict(path_map)
    names = (path_map,) if isinstance(path_map, str) else path_map
    return {name: name for name in names}


def function_of(path: Any) -> Any:
    """Return the function whose annotations speak for a branch: a Runnable made of one has it inside."""
    if not is_runnable(path):
        return path if callable(path) else None
    inner = getattr(path, "func", None) or getattr(path, "afunc", None)
    return inner if callable(inner) else None


def branch_name(path: Any) -> str:
    """Return what a branch is called: as its function, or `condition` where that has no name of its own."""
    if is_runnable(path):
        return infer_name(path)
    name = getattr(path, "__name__", "<lambda>")
    return "condition" if name == "<lambda>" else str(name)
