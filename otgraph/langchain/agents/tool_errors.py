"""
What becomes of a tool's error: a message for the model, or the end of the run.

Rule: by default only what the model can mend, wrong arguments, goes back to it. What belongs to the graph, an
interrupt or a route, always passes.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, Union, get_args, get_origin, get_type_hints

__all__ = ["Handling", "ToolInvocationError", "handle_wrong_arguments", "handled", "unknown_tool"]

Handling: TypeAlias = "bool | str | Callable[..., str] | type[Exception] | tuple[type[Exception], ...]"
"""True for all errors, the text to answer with, a function that makes it, or the errors that are answered."""

CALL_ERROR: Final = "Error: {error}\n Please fix your mistakes."


class ToolInvocationError(Exception):
    """The model called a tool with arguments that it does not take."""

    def __init__(self, tool_name: str, source: Exception, tool_kwargs: Mapping[str, Any], text: str) -> None:
        self.tool_name = tool_name
        self.source = source
        self.tool_kwargs = dict(tool_kwargs)
        self.message = (
            f"Error invoking tool '{tool_name}' with kwargs {dict(tool_kwargs)} with error:\n {text}\n"
            " Please fix the error and try again."
        )
        super().__init__(self.message)


def wrong_arguments(
    name: str, error: Any, kwargs: Mapping[str, Any], hidden: set[str]
) -> ToolInvocationError:
    """
    Return what is wrong with a model's arguments.

    Args:
        error: Pydantic's.
        hidden: parameters that the model knows nothing of.
    """
    faults = [fault for fault in error.errors() if not (fault["loc"] and fault["loc"][0] in hidden)]
    text = "\n".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in faults) or str(error)
    return ToolInvocationError(name, error, kwargs, text)


def handle_wrong_arguments(error: Exception) -> str:
    """Answer wrong arguments, and raise everything else: what `ToolNode` does where it is told nothing."""
    if isinstance(error, ToolInvocationError):
        return error.message
    raise error


def handled(handling: Handling, error: Exception) -> str | None:
    """Return what the model is told of an error; None if the error is to be raised."""
    if not handling or not isinstance(error, _types_of(handling)):
        return None
    if isinstance(handling, str):
        return handling
    if callable(handling) and not isinstance(handling, type):
        return handling(error)
    return CALL_ERROR.format(error=repr(error))


def unknown_tool(name: str, known: list[str]) -> str:
    """Return what the model is told when it calls a tool that does not exist."""
    return f"Error: {name} is not a valid tool, try one of [{', '.join(known)}]."


def _types_of(handling: Handling) -> tuple[type[Exception], ...]:
    if isinstance(handling, tuple):
        return handling
    if isinstance(handling, type):
        return (handling,)
    return _annotated(handling) if callable(handling) else (Exception,)


def _annotated(handler: Callable[..., str]) -> tuple[type[Exception], ...]:
    """Return the exceptions that a function says it takes."""
    try:
        parameters = [name for name in inspect.signature(handler).parameters if name != "self"]
        annotation = get_type_hints(handler).get(parameters[0]) if parameters else None
    except (NameError, TypeError, ValueError):
        return (Exception,)
    found = get_args(annotation) if get_origin(annotation) in (Union, types.UnionType) else (annotation,)
    kinds = tuple(kind for kind in found if isinstance(kind, type) and issubclass(kind, Exception))
    return kinds or (Exception,)
