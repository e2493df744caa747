"""
What a graph shows of itself from outside: an interrupt, a task, a state, a result.

Rule: plain values with LangGraph's names, fields and order; nothing here can change a run.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple

from typing_extensions import TypeVar

from otgraph.constants import INTERRUPT, NS_SEP
from otgraph.ids import hash_id
from otgraph.run_config import RunnableConfig
from otgraph.usage import Usage
from otgraph.warnings import LangGraphDeprecatedSinceV10, LangGraphDeprecatedSinceV11

__all__ = ["GraphOutput", "Interrupt", "PregelExecutableTask", "PregelTask", "StateSnapshot", "StateUpdate"]

ResponseT = TypeVar("ResponseT", default=Any)
ValueT = TypeVar("ValueT", default=Any)

NO_ID = "placeholder-id"
"""The id of an interrupt that was made outside a task; nothing can answer it."""


@dataclass(init=False, slots=True)
class Interrupt(Generic[ResponseT]):
    """A question that a run waits for a human to answer."""

    value: Any
    """What `interrupt(value)` was given: shown to whoever answers."""
    id: str
    """32 hex digits; `Command(resume={id: answer})` answers this interrupt and no other."""
    response_schema: type[ResponseT] | dict[str, Any] | None
    """What a valid answer looks like: a class or a JSON schema."""

    def __init__(
        self,
        value: Any,
        id: str = NO_ID,
        *,
        response_schema: type[ResponseT] | dict[str, Any] | None = None,
        ns: Iterable[str] | None = None,
        **_gone: Any,
    ) -> None:
        """
        Make an interrupt by hand; a node calls `interrupt(value)` instead.

        Args:
            ns: the levels of a namespace, from which older releases derived the id.
        """
        self.value = value
        self.id = hash_id(NS_SEP.join(ns)) if ns is not None and id == NO_ID else id
        self.response_schema = response_schema

    @classmethod
    def from_ns(
        cls, value: Any, ns: str, *, response_schema: type[ResponseT] | dict[str, Any] | None = None
    ) -> Interrupt[ResponseT]:
        """Return the interrupt of the task whose namespace is `ns`."""
        return cls(value, hash_id(ns), response_schema=response_schema)

    @property
    def interrupt_id(self) -> str:
        """The old name of `id`."""
        warnings.warn("`interrupt_id` is now `id`", LangGraphDeprecatedSinceV10, stacklevel=2)
        return self.id


class StateUpdate(NamedTuple):
    """One update for `bulk_update_state`: what `as_node` is to have returned."""

    values: dict[str, Any] | None
    as_node: str | None = None
    task_id: str | None = None


class PregelTask(NamedTuple):
    """One execution of one node, as a `StateSnapshot` or a checkpoint shows it."""

    id: str
    name: str
    path: tuple[str | int | tuple[Any, ...], ...]
    """Where it came from: `("__pregel_pull", node)`, `("__pregel_push", index, …)`, …"""
    error: Exception | None = None
    """What it raised; the `repr` as a string once it went through a checkpointer."""
    interrupts: tuple[Interrupt[Any], ...] = ()
    """Its questions that nobody has answered yet."""
    state: RunnableConfig | StateSnapshot | None = None
    """Config of the subgraph it runs, or that subgraph's state where it was asked for."""
    result: Any | None = None
    """What it wrote, as far as it is known."""


@dataclass(frozen=True)
class PregelExecutableTask:
    """
    A task as LangGraph's engine plans one, for packages that name the type.

    otgraph's engine makes none: a run's tasks are seen in its streams and spans.
    """

    name: str
    input: Any
    proc: Any
    """What is called."""
    writes: Any
    config: RunnableConfig
    triggers: Sequence[str]
    retry_policy: Sequence[Any]
    cache_key: Any
    id: str
    path: tuple[str | int | tuple[Any, ...], ...]
    writers: Sequence[Any] = ()
    subgraphs: Sequence[Any] = ()
    timeout: Any = None


class StateSnapshot(NamedTuple):
    """The state of a thread at one checkpoint."""

    values: dict[str, Any] | Any
    next: tuple[str, ...]
    """Names of the nodes that are due; empty at the end."""
    config: RunnableConfig
    """The config that names this checkpoint."""
    metadata: dict[str, Any] | None
    created_at: str | None
    """ISO 8601; None where nothing was saved yet."""
    parent_config: RunnableConfig | None
    """The config of the checkpoint before this one."""
    tasks: tuple[PregelTask, ...]
    interrupts: tuple[Interrupt[Any], ...]
    """All unanswered interrupts of `tasks`."""


@dataclass(frozen=True, slots=True)
class GraphOutput(Generic[ValueT]):
    """
    What `invoke(..., version="v2")` returns.

    `output["key"]` and `"key" in output` read `value` as a dict would, with a deprecation warning.
    """

    value: ValueT
    """The result, an instance of the output schema where that is a pydantic model or a dataclass."""
    interrupts: tuple[Interrupt[Any], ...] = ()
    """What the run now waits for; empty when it reached its end."""
    usage: Usage = field(default=Usage(), compare=False, repr=False, metadata={"saved": False})
    """What calls of models in the run have taken; otgraph's own, no part of what is compared, shown or saved."""

    def __getitem__(self, key: str) -> Any:
        """Return `value[key]`, the attribute `key` of an object, or the interrupts."""
        _warn_of_dict_access("output[key]")
        if key == INTERRUPT:
            return self.interrupts
        if isinstance(self.value, dict):
            return self.value[key]
        try:
            return getattr(self.value, key)
        except AttributeError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        """Say whether `output[key]` would find something."""
        _warn_of_dict_access("key in output")
        if key == INTERRUPT:
            return bool(self.interrupts)
        if isinstance(self.value, dict):
            return key in self.value
        return isinstance(key, str) and hasattr(self.value, key)


def _warn_of_dict_access(how: str) -> None:
    warnings.warn(
        f"`{how}` treats a GraphOutput as a dict; read `output.value` or `output.interrupts`",
        LangGraphDeprecatedSinceV11,
        stacklevel=3,
    )
