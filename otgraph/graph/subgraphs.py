"""
Which graphs a node runs: a search through what its callable refers to, without calling anything.

Rule: it reads names, attributes and bytecode, and never evaluates a property or an import. It may miss a graph
(one that is made at run time), but one it names is one that the code of the node itself names.
"""

from __future__ import annotations

import dis
import inspect
from collections.abc import Iterator, Mapping
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType
from typing import Any

from otgraph.constants import NS_SEP
from otgraph.missing import MISSING
from otgraph.plan.model import Callee, Plan

__all__ = ["find_subgraphs", "get_subgraphs"]

DEPTH = 8
"""How many wrappers around a function are opened."""

_WRAPPED = ("__wrapped__", "func", "afunc", "bound", "first", "middle", "last")
"""Where decorators and LangChain's Runnables keep what they call."""


def get_subgraphs(
    compiled: Any, *, namespace: str | None = None, recurse: bool = False
) -> Iterator[tuple[str, Any]]:
    """
    Yield the graphs inside a compiled graph, each with its namespace: names of nodes joined by `|`.

    Args:
        namespace: yield only the graph in this one.
        recurse: look inside those found too.
    """
    yield from _walk(compiled, namespace, "", recurse=recurse, path=(compiled,))


def _walk(
    compiled: Any, namespace: str | None, prefix: str, *, recurse: bool, path: tuple[Any, ...]
) -> Iterator[tuple[str, Any]]:
    for name, node in compiled.plan.nodes.items():
        here = prefix + name
        if namespace is not None and namespace != here and not namespace.startswith(here + NS_SEP):
            continue
        found = find_subgraphs(node.callee)
        inner = next((graph for graph in found if not any(graph is outer for outer in path)), None)
        if inner is None:
            continue
        if namespace in (None, here):
            yield here, inner
        if recurse and namespace != here:
            yield from _walk(inner, namespace, here + NS_SEP, recurse=True, path=(*path, inner))


def find_subgraphs(node: Any) -> list[Any]:
    """
    Return the compiled graphs that a node runs, those closest to it first.

    Args:
        node: a `Callee`, or what the user gave as the node.
    """
    origin = (node.graph or node.origin) if isinstance(node, Callee) else node
    return list({id(graph): graph for graph in _search(origin, DEPTH)}.values())


def _search(candidate: Any, depth: int) -> Iterator[Any]:
    if is_graph(candidate):
        yield candidate
    elif depth == 0 or inspect.isclass(candidate):
        return
    elif isinstance(candidate, FunctionType):
        yield from _search_function(candidate, {}, depth)
        yield from _search_wrapped(candidate, depth)
    elif isinstance(candidate, MethodType):
        yield from _search_method(candidate, depth)
    elif isinstance(candidate, partial):
        for value in (*candidate.args, *candidate.keywords.values()):
            if is_graph(value):
                yield value
        yield from _search(candidate.func, depth - 1)
    elif isinstance(candidate, Mapping):
        for value in candidate.values():
            yield from _search(value, depth - 1)
    elif callable(candidate) or _attribute(candidate, "invoke") is not MISSING:
        yield from _search_wrapped(candidate, depth)
        call = _attribute(type(candidate), "__call__")
        if isinstance(call, FunctionType):
            yield from _search_function(call, {_first_argument(call): candidate}, depth)


def _search_wrapped(candidate: Any, depth: int) -> Iterator[Any]:
    for name in _WRAPPED if depth else ():
        inner = _attribute(candidate, name)
        for value in inner if isinstance(inner, (list, tuple)) else [inner]:
            if value is not MISSING and value is not None:
                yield from _search(value, depth - 1)


def _search_method(method: MethodType, depth: int) -> Iterator[Any]:
    if is_graph(method.__self__):
        yield method.__self__
    elif isinstance(method.__func__, FunctionType):
        function = method.__func__
        yield from _search_function(function, {_first_argument(function): method.__self__}, depth)
        yield from _search_wrapped(method.__func__, depth)


def _first_argument(function: FunctionType) -> str:
    return function.__code__.co_varnames[0] if function.__code__.co_argcount else ""


def _search_function(function: FunctionType, arguments: Mapping[str, Any], depth: int) -> Iterator[Any]:
    """
    Yield the graphs that the body of a function names: in its closure, among the globals, in its arguments.

    Args:
        arguments: values that are known, such as `self`.
    """
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    closure = {name: cell.cell_contents for name, cell in cells if _is_filled(cell)}
    local = {**_defaults(function), **arguments}
    scopes = {"free": {**local, **closure}, "global": function.__globals__, "local": local}
    uses = list(dict.fromkeys(_uses(function.__code__)))
    uses.sort(key=lambda use: (list(scopes).index(use[0]), use[1] if use[0] == "free" else ""))
    for kind, name, path in uses:
        if name in scopes[kind]:
            yield from _follow(scopes[kind][name], path, depth)


def _is_filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not MISSING
    except ValueError:
        return False


def _defaults(function: FunctionType) -> dict[str, Any]:
    code, values = function.__code__, function.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(values) : code.co_argcount]
    return {**dict(zip(names, values, strict=True)), **(function.__kwdefaults__ or {})}


def _uses(code: CodeType, *, nested: bool = False) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Yield `(kind, name, attributes)` for each `name.attribute.attribute` in some code and the code in it."""
    kind, name, path = "", "", []
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_ATTR", "LOAD_METHOD"):
            path.append(step.argval)
            continue
        if kind:
            yield kind, name, tuple(path)
        kind, path = "", []
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            kind, name = "global", step.argval
        elif step.opname in ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF"):
            kind, name = "free" if nested or step.argval in code.co_freevars else "local", step.argval
        elif step.opname.startswith("LOAD_FAST") and not nested:
            # One instruction may load two variables: what follows is about the second.
            *others, name = step.argval if isinstance(step.argval, tuple) else (step.argval,)
            yield from (("local", other, ()) for other in others)
            kind = "local"
    if kind:
        yield kind, name, tuple(path)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _uses(constant, nested=True)


def _follow(value: Any, path: tuple[str, ...], depth: int) -> Iterator[Any]:
    """Yield the graph that `value`, an attribute of it, an attribute of that … is, holds, or is a method of."""
    for name in (*path, None):
        owner = value.__self__ if isinstance(value, MethodType) else value
        if is_graph(owner):
            yield owner
            return
        if name in ("invoke", "ainvoke"):
            yield from _search_wrapped(owner, depth)
        if name is not None:
            value = _attribute(value, name)


def is_graph(value: Any) -> bool:
    """Say whether `value` is a compiled graph, without running any code of its class."""
    return isinstance(_attribute(value, "plan"), Plan)


def _attribute(value: Any, name: str) -> Any:
    """Return an attribute as it is stored, or `MISSING`; one that is computed is returned uncomputed."""
    try:
        found = inspect.getattr_static(value, name)
    except AttributeError:
        return MISSING
    return getattr(value, name, MISSING) if inspect.ismemberdescriptor(found) else found
