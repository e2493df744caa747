"""
What a tool may ask for besides what the model gives: state, store, and the runtime of the call.

Rule: found once for each tool, by its annotations. Whatever the model says under such a name is overwritten.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, Union, get_args, get_origin, get_type_hints

from langchain_core.tools import BaseTool, InjectedToolArg
from langchain_core.tools import base as _tools
from typing_extensions import TypeVar

from otgraph.langchain.agents.nodes import field_of
from otgraph.langchain.tools import tell_delta

__all__ = ["InjectedState", "InjectedStore", "Injection", "ToolRuntime", "injection_of"]

ContextT = TypeVar("ContextT", default=Any)
StateT = TypeVar("StateT", default=Any)

_Direct: Any = getattr(_tools, "_DirectlyInjectedToolArg", InjectedToolArg)
"""What tells langchain-core to keep a parameter from the model by its type alone."""


class InjectedState(InjectedToolArg):
    """
    Marks a parameter that gets the state of the graph: `Annotated[dict, InjectedState]`.

    Args:
        field: one key of the state instead of all of it.
    """

    def __init__(self, field: str | None = None) -> None:
        self.field = field


class InjectedStore(InjectedToolArg):
    """Marks a parameter that gets the graph's store: `Annotated[BaseStore, InjectedStore()]`."""


@dataclass
class ToolRuntime(_Direct, Generic[ContextT, StateT]):
    """What a call of a tool can reach of the run that it is in; a parameter of this type gets it."""

    state: StateT
    context: ContextT
    config: Any
    stream_writer: Callable[[Any], None]
    tool_call_id: str | None
    store: Any
    tools: list[BaseTool]
    execution_info: Any = None
    server_info: Any = None

    def emit_output_delta(self, delta: Any) -> None:
        """Hand out a part of the tool's output while it runs, to whoever streams `tools`."""
        if self.tool_call_id is not None:
            tell_delta(self.config, self.tool_call_id, delta)


class StateArgument(NamedTuple):
    """A parameter that gets the state, or one key of it."""

    field: str | None
    """The key; None for all of the state."""
    optional: bool
    """Whether it may be None."""
    default: bool
    """Whether it has a default, which stays where the state has no such key."""


@dataclass(frozen=True)
class Injection:
    """Which parameters of a tool get what."""

    tool: str
    state: Mapping[str, StateArgument]
    store: tuple[str, ...]
    runtime: tuple[str, ...]

    def values(self, runtime: ToolRuntime[Any, Any]) -> dict[str, Any]:
        """
        Return the values of these parameters.

        Raises:
            KeyError: the state has no such key.
            ValueError: the graph has no store.
        """
        given: dict[str, Any] = dict.fromkeys(self.runtime, runtime)
        state = {"messages": runtime.state} if isinstance(runtime.state, list) else runtime.state
        for name, wanted in self.state.items():
            if wanted.field is None:
                given[name] = state
            elif _has(state, wanted.field):
                given[name] = field_of(state, wanted.field)
            elif wanted.optional and not wanted.default:
                given[name] = None
            elif not wanted.default:
                raise KeyError(wanted.field)
        if self.store and runtime.store is None:
            raise ValueError(
                "Cannot inject store into tools with InjectedStore annotations - please compile your graph "
                f"with a store: tool {self.tool!r} asks for one as {self.store[0]!r}"
            )
        given.update(dict.fromkeys(self.store, runtime.store))
        return given


def _has(state: Any, key: str) -> bool:
    return key in state if isinstance(state, Mapping) else hasattr(state, key)


def injection_of(tool: BaseTool) -> Injection:
    """Find out what a tool asks for."""
    schema = tool.get_input_schema()
    state: dict[str, StateArgument] = {}
    store: list[str] = []
    runtime: list[str] = []
    annotations = {**_own_annotations(tool), **_tools.get_all_basemodel_annotations(schema)}
    for name, annotation in annotations.items():
        marks = _marks(annotation)
        for mark in marks:
            if mark is InjectedState or isinstance(mark, InjectedState):
                default = name in schema.model_fields and not schema.model_fields[name].is_required()
                state[name] = StateArgument(getattr(mark, "field", None), _allows_none(annotation), default)
            elif mark is InjectedStore or isinstance(mark, InjectedStore):
                store.append(name)
        if _is_runtime(annotation):
            runtime.append(name)
    return Injection(tool.name, state, tuple(store), tuple(runtime))


def _own_annotations(tool: BaseTool) -> dict[str, Any]:
    """Return what a tool's function says of its parameters: a schema of its user's may leave out what is injected."""
    function = getattr(tool, "func", None) or getattr(tool, "coroutine", None) or tool._run
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _marks(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) is Annotated:
        return get_args(annotation)[1:]
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(mark for part in get_args(annotation) for mark in _marks(part))
    return ()


def _allows_none(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        return _allows_none(get_args(annotation)[0])
    return get_origin(annotation) in (Union, types.UnionType) and type(None) in get_args(annotation)


def _is_runtime(annotation: Any) -> bool:
    bare = get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
    bare = get_origin(bare) or bare
    return isinstance(bare, type) and issubclass(bare, ToolRuntime)
