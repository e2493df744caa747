"""
The signature of a user's callable: which arguments it asks for, what it is shown, where it may lead.

Rule: by name and annotation only, nothing is called; an annotation that cannot be resolved says nothing.
"""

from __future__ import annotations

import inspect
import sys
import typing
import warnings
from collections.abc import Callable, Hashable, Mapping
from functools import partial
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Final, Literal, Union, cast, get_args, get_origin

from otgraph.command import Command
from otgraph.plan.model import Injected

__all__ = [
    "command_targets",
    "described",
    "first_input",
    "injected_arguments",
    "literal_results",
    "misplaced_argument",
]

INJECTED: Final[tuple[Injected, ...]] = ("config", "writer", "store", "runtime", "previous", "error")

_CLASS_NAMES: Final = {"config": "RunnableConfig", "store": "BaseStore", "error": "NodeError"}
"""
The class that a parameter of this name must be annotated with.

Classes are known by name: LangChain's `RunnableConfig` and a foreign store's base class do as well as ours.
"""

_OPTIONAL: Final = frozenset({"config", "store"})
"""Parameters that may also be annotated `Optional[...]`."""

_MUST_BE_ANNOTATED: Final = frozenset({"error"})

_BY_POSITION: Final = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_KEYWORD: Final = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def described(action: Any) -> Any:
    """Return the function whose signature speaks for `action`: an object's own is that of `__call__`."""
    if inspect.isroutine(action) or inspect.isclass(action) or isinstance(action, partial):
        return action
    return action.__call__


def parameters_of(action: Any) -> tuple[inspect.Parameter, ...]:
    """Return the parameters of `action`, decorators that use `functools.wraps` looked through."""
    try:
        return tuple(_signature(described(action)).parameters.values())
    except (TypeError, ValueError):  # built-in functions may have none
        return ()


def injected_arguments(action: Any, *, after_input: bool = True) -> tuple[Injected, ...]:
    """
    Return the names of the arguments that the engine is asked to fill in.

    Args:
        after_input: the first parameter is the input, whatever it is called. False for tasks, which take
            any arguments of their own.
    """
    found = parameters_of(action)
    if after_input and found and found[0].kind in _BY_POSITION:
        found = found[1:]
    names = {parameter.name for parameter in found if parameter.kind in _BY_KEYWORD}
    wanted = names.intersection(INJECTED) & _taken_by_keyword(action) - _bound(action)
    if not wanted:
        return ()
    hints = hints_of(action)
    return tuple(name for name in INJECTED if name in wanted and _is_asked_for(name, hints.get(name)))


def misplaced_argument(action: Any) -> str | None:
    """Return the name of the first parameter if its annotation says that it is none for the input."""
    found = parameters_of(action)
    if not found or found[0].kind not in _BY_POSITION:
        return None
    name = found[0].name
    hint = hints_of(action).get(name) if name in _CLASS_NAMES or name == "runtime" else None
    base = hint if _is_union(hint) else get_origin(hint) or hint
    return name if _is_class_named(_CLASS_NAMES.get(name, "Runtime"), base, optional=True) else None


def hints_of(action: Any) -> dict[str, Any]:
    """Return the annotations of `action` by parameter name; one that cannot be resolved stays a string."""
    function = described(action)
    while isinstance(function, partial):
        function = function.func
    if inspect.isclass(function):
        function = function.__init__
    raw = _raw_annotations(function)
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    try:
        return _resolve(raw, scope)
    except Exception:
        return {name: _resolve_one(name, hint, scope) for name, hint in raw.items()}


def first_input(action: Any) -> type[Any] | None:
    """Return the class with type hints that the first parameter is annotated with, if it is."""
    function = described(action)
    if isinstance(function, partial) or inspect.isclass(function):
        return None
    found = parameters_of(function)
    hint = hints_of(function).get(found[0].name) if found else None
    if get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    if not inspect.isclass(hint) or get_origin(hint) is not None:
        return None
    try:
        return hint if typing.get_type_hints(hint) else None
    except Exception:
        return None


def literal_results(action: Any) -> dict[Hashable, str] | None:
    """Return the names in a `Literal[...]` return annotation of a function, as a map to themselves."""
    # To Python 3.14 a partial is a routine.
    if not inspect.isroutine(action) or isinstance(action, partial):
        return None
    hint = hints_of(action).get("return")
    if get_origin(hint) is not Literal:
        return None
    return {name: name for name in get_args(hint)}


def command_targets(action: Any) -> tuple[str, ...] | None:
    """Return the names in a `Command[Literal[...]]` return annotation, alone or in a union."""
    function = described(action)
    if isinstance(function, partial) or inspect.isclass(function):
        return None
    hint = hints_of(function).get("return")
    options = get_args(hint) if _is_union(hint) else (hint,)
    targets: dict[str, None] = {}
    for option in options:
        if get_origin(option) is Command:
            for argument in get_args(option):
                if get_origin(argument) is Literal:
                    targets.update(dict.fromkeys(get_args(argument)))
    return tuple(targets) or None


def _signature(function: Callable[..., Any], *, follow_wrapped: bool = True) -> inspect.Signature:
    if sys.version_info >= (3, 14):
        from annotationlib import Format

        return inspect.signature(function, follow_wrapped=follow_wrapped, annotation_format=Format.FORWARDREF)
    return inspect.signature(function, follow_wrapped=follow_wrapped)


def _taken_by_keyword(action: Any) -> frozenset[str]:
    """Return the names that a call may really use; a decorator need not take what it wraps takes."""
    function = described(action)
    names = frozenset(INJECTED)
    if not hasattr(function, "__wrapped__"):
        return names
    outer = _signature(function, follow_wrapped=False).parameters.values()
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in outer):
        return names
    return names & {parameter.name for parameter in outer if parameter.kind in _BY_KEYWORD}


def _bound(action: Any) -> frozenset[str]:
    """Return the names that a `functools.partial` has given values: what the user says wins."""
    return frozenset(action.keywords) if isinstance(action, partial) else frozenset()


def _raw_annotations(function: Any) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(function, format=Format.FORWARDREF)
    return getattr(function, "__annotations__", None) or {}


def _resolve(raw: Mapping[str, Any], scope: dict[str, Any]) -> dict[str, Any]:
    holder = SimpleNamespace(__annotations__=dict(raw))
    return typing.get_type_hints(cast(Any, holder), globalns=scope, include_extras=True)


def _resolve_one(name: str, hint: Any, scope: dict[str, Any]) -> Any:
    try:
        return _resolve({name: hint}, scope)[name]
    except Exception:
        return getattr(hint, "__forward_arg__", hint)


def _is_union(hint: Any) -> bool:
    return get_origin(hint) in (Union, UnionType)


def _is_asked_for(name: str, hint: Any) -> bool:
    if name in ("previous", "runtime"):
        return True
    if hint is None:
        return name not in _MUST_BE_ANNOTATED
    if name == "writer":
        return hint == "StreamWriter" or _is_writer(hint)
    if _is_class_named(_CLASS_NAMES[name], hint, optional=name in _OPTIONAL):
        return True
    if name == "config":
        warnings.warn(
            "The 'config' parameter should be typed as 'RunnableConfig' or 'RunnableConfig | None', "
            f"not '{hint}'. It is not filled in.",
            UserWarning,
            stacklevel=2,
        )
    return False


def _is_writer(hint: Any) -> bool:
    """Say whether `hint` is `Callable[[Any], None]`, which is what `StreamWriter` stands for."""
    return get_origin(hint) is Callable and get_args(hint) in (([Any], None), ([Any], NoneType))


def _is_class_named(name: str, hint: Any, *, optional: bool) -> bool:
    if isinstance(hint, str):
        text = hint.replace(" ", "").replace("typing.", "")
        return text == name or (optional and text in (f"Optional[{name}]", f"{name}|None", f"None|{name}"))
    if optional and _is_union(hint):
        others = [option for option in get_args(hint) if option is not NoneType]
        return len(others) == 1 and _is_class_named(name, others[0], optional=False)
    return getattr(hint, "__name__", None) == name
