"""
What a node can reach of the run it is in: its runtime, its config, its stream writer, its store.

Rule: everything is found through one context variable, `SCOPE`. A driver sets it around one call of user code,
in a context of its own; nothing here knows how it came to be set.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Protocol, cast

from typing_extensions import TypeVar

from otgraph.run_config import RunnableConfig

__all__ = [
    "SCOPE",
    "BaseUser",
    "ExecutionInfo",
    "RunControl",
    "Runtime",
    "Scope",
    "ServerInfo",
    "get_config",
    "get_runtime",
    "get_store",
    "get_stream_writer",
    "interrupt",
]

ContextT = TypeVar("ContextT", default=None)


class Scope(Protocol):
    """One call of user code, as seen from inside it."""

    @property
    def config(self) -> RunnableConfig: ...
    @property
    def runtime(self) -> Runtime[Any]: ...
    @property
    def store(self) -> Any: ...
    @property
    def state(self) -> Any: ...
    @property
    def heard(self) -> bool: ...
    def sign(self) -> None: ...
    def write(self, payload: Any) -> None: ...
    def tell(self, message: Any, metadata: dict[str, Any], whole: bool = False) -> None: ...
    def tell_block(self, event: Any, metadata: dict[str, Any]) -> None: ...
    def tell_tool(self, payload: dict[str, Any]) -> None: ...
    def model(self, request: Any) -> Any: ...
    def push(self, key: str, value: Any) -> None: ...
    def interrupt(self, value: Any, response_schema: Any = None) -> Any: ...
    def call(self, node: Any, given: tuple[Any, Any]) -> Any: ...


SCOPE: ContextVar[Scope | None] = ContextVar("otgraph.scope", default=None)


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """Which execution this is."""

    checkpoint_id: str = ""
    checkpoint_ns: str = ""
    task_id: str = ""
    thread_id: str | None = None
    run_id: str | None = None
    node_attempt: int = 1
    """From 1."""
    node_first_attempt_time: float | None = None
    """Seconds since 1970."""

    def patch(self, **overrides: Any) -> ExecutionInfo:
        """Return a copy with some fields replaced."""
        return replace(self, **overrides)


class BaseUser(Protocol):
    """The user on whose behalf a server runs a graph."""

    @property
    def identity(self) -> str: ...
    @property
    def is_authenticated(self) -> bool: ...


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """Which server deployment runs the graph, where one does."""

    assistant_id: str
    graph_id: str
    user: BaseUser | None = None


class RunControl:
    """
    A handle by which a run is asked to stop between two supersteps.

    Give it to `invoke(…, control=control)`; `request_drain` may be called from any thread.
    """

    __slots__ = ("_reason",)

    def __init__(self) -> None:
        self._reason: str | None = None

    def request_drain(self, reason: str = "shutdown") -> None:
        """Ask the run to finish the superstep it is in, save it, and stop with `GraphDrained(reason)`."""
        self._reason = reason

    @property
    def drain_requested(self) -> bool:
        """Whether somebody asked."""
        return self._reason is not None

    @property
    def drain_reason(self) -> str | None:
        """What they gave as the reason."""
        return self._reason


def _no_writer(payload: Any) -> None:
    """Take a custom item that nobody can receive."""


def _no_heartbeat() -> None:
    """Reset the idle timer of a node that has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime(Generic[ContextT]):
    """What a run offers to its nodes; injected where a node takes a parameter `runtime`."""

    context: ContextT = field(default=None)  # type: ignore[assignment]
    """The `context` given to the call, as an instance of the graph's `context_schema`."""
    store: Any = None
    """The store the graph was compiled with, or None."""
    stream_writer: Callable[[Any], None] = _no_writer
    """Hands its argument to whoever streams `custom`."""
    previous: Any = None
    """What this thread's entrypoint saved last, in the functional API."""
    heartbeat: Callable[[], None] = _no_heartbeat
    """Tells the idle timeout that the node is alive."""
    execution_info: ExecutionInfo | None = None
    server_info: ServerInfo | None = None
    control: RunControl | None = None

    @property
    def drain_requested(self) -> bool:
        """Whether somebody asked the run to stop."""
        return self.control is not None and self.control.drain_requested

    @property
    def drain_reason(self) -> str | None:
        """What they gave as the reason."""
        return None if self.control is None else self.control.drain_reason

    def merge(self, other: Runtime[ContextT]) -> Runtime[ContextT]:
        """Return this runtime with what `other` has and is not the default taken from `other`."""
        return Runtime(
            context=other.context or self.context,
            store=other.store or self.store,
            stream_writer=self.stream_writer if other.stream_writer is _no_writer else other.stream_writer,
            previous=self.previous if other.previous is None else other.previous,
            heartbeat=self.heartbeat if other.heartbeat is _no_heartbeat else other.heartbeat,
            execution_info=other.execution_info or self.execution_info,
            server_info=other.server_info or self.server_info,
            control=other.control or self.control,
        )

    def override(self, **overrides: Any) -> Runtime[ContextT]:
        """Return a copy with some fields replaced."""
        return replace(self, **overrides)

    def patch_execution_info(self, **overrides: Any) -> Runtime[ContextT]:
        """Return a copy with some fields of `execution_info` replaced."""
        return replace(self, execution_info=(self.execution_info or ExecutionInfo()).patch(**overrides))


def _scope() -> Scope:
    scope = SCOPE.get()
    if scope is None:
        raise RuntimeError(
            "Called get_config outside of a runnable context: it works in a node, a task, a tool or a branch "
            "function while a graph runs it (a thread of your own needs contextvars.copy_context().run)"
        )
    return scope


def get_config() -> RunnableConfig:
    """Return the config of the task that calls; raise `RuntimeError` outside of a run."""
    return _scope().config


def get_store() -> Any:
    """Return the store of the run that calls, or None; raise `RuntimeError` outside of a run."""
    return _scope().store


def get_stream_writer() -> Callable[[Any], None]:
    """
    Return the function that hands its argument to whoever streams `custom`.

    Works in sync and async code on every supported Python. Raises `RuntimeError` outside of a run.
    """
    return _scope().write


def get_runtime(context_schema: type[ContextT] | None = None) -> Runtime[ContextT]:
    """
    Return the runtime of the run that calls; raise `RuntimeError` outside of a run.

    Args:
        context_schema: tells type checkers the type of `runtime.context`; not looked at.
    """
    return cast("Runtime[ContextT]", _scope().runtime)


def interrupt(value: Any, *, response_schema: Any = None) -> Any:
    """
    Pause the run and ask a human; return the answer once the run is resumed with it.

    The node runs again from its start when it is resumed, so what stands before the call happens twice.

    Args:
        value: what is asked, as the stream and the state show it.
        response_schema: what kind of answer is expected: a JSON schema, which is only shown, or a class, which
            the answer is made an instance of.

    Raises:
        ValidationError: the answer is not what was expected; the question stays open.
        GraphInterrupt: the first time; it must not be caught.
        RuntimeError: outside of a run.
    """
    return _scope().interrupt(value, response_schema)
