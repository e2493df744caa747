"""
StreamTransformer: what makes projections of the events of a run.

Rule: it sees every event of its scope and of those inside, before anybody reads it, and never waits on the sync side.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from typing_extensions import NotRequired, TypedDict

if TYPE_CHECKING:
    from otgraph.stream.projections.mux import StreamMux

__all__ = ["ProtocolEvent", "StreamTransformer", "SubgraphStatus", "TransformerFactory"]

SubgraphStatus: TypeAlias = Literal["started", "completed", "failed", "interrupted", "drained"]


class EventParams(TypedDict):
    """Where and when an event was, and what it says."""

    namespace: list[str]
    timestamp: int
    """Milliseconds since 1970."""
    data: Any
    interrupts: NotRequired[tuple[Any, ...]]


class ProtocolEvent(TypedDict):
    """One event of a run."""

    type: Literal["event"]
    seq: NotRequired[int]
    method: str
    """The stream mode that it is of, `lifecycle`, or `custom:` and the name of a channel."""
    params: EventParams


class StreamTransformer:
    """
    Makes projections of the events of a run, or of a graph inside it.

    Subclasses define `init`, and `process` or `aprocess`. Give the class, or any callable that takes a scope and
    returns a transformer, to `compile(transformers=…)` or to one call of `stream_events(version="v3")`.

    Args:
        scope: the namespace that it is for; empty for the run itself.
    """

    required_stream_modes: ClassVar[tuple[str, ...]] = ()
    """Stream modes that the run must have for it."""
    requires_async: ClassVar[bool] = False
    supports_sync: ClassVar[bool] = False
    """Whether it works in sync runs though it has async methods."""
    before_builtins: ClassVar[bool] = False
    """Whether it sees events, and may change them, before the projections that every run has."""
    _native: ClassVar[bool] = False
    """Whether its projections are attributes of the run stream too."""

    def __init__(self, scope: tuple[str, ...] = ()) -> None:
        self.scope = scope
        self._spawn: Callable[..., Any] | None = None

    def init(self) -> dict[str, Any]:
        """Return the projections by their names."""
        raise NotImplementedError(f"{type(self).__name__} must define `init`")

    def process(self, event: ProtocolEvent) -> bool:
        """Look at an event; return whether those who read the run's events are shown it."""
        raise NotImplementedError(f"{type(self).__name__} must define `process` or `aprocess`")

    async def aprocess(self, event: ProtocolEvent) -> bool:
        """Look at an event on the event loop; the run waits."""
        return self.process(event)

    def finalize(self) -> None:
        """The run has ended."""

    async def afinalize(self) -> None:
        """The run has ended, on the event loop."""
        self.finalize()

    def fail(self, err: BaseException) -> None:
        """The run has failed."""

    async def afail(self, err: BaseException) -> None:
        """The run has failed, on the event loop."""
        self.fail(err)

    def schedule(self, coro: Coroutine[Any, Any, Any], *, on_error: Literal["log", "raise"] = "log") -> Any:
        """
        Run a coroutine beside the run, which waits for it at its end; return its asyncio task.

        Raises:
            RuntimeError: in a sync run.
        """
        if self._spawn is None:
            coro.close()
            raise RuntimeError("schedule() needs an event loop: use astream_events(version='v3')")
        return self._spawn(coro, on_error)

    @property
    def is_async(self) -> bool:
        """Whether it works on the event loop only."""
        mine, base = type(self), StreamTransformer
        overrides = any(
            getattr(mine, name) is not getattr(base, name) for name in ("aprocess", "afinalize", "afail")
        )
        return not self.supports_sync and (self.requires_async or overrides)

    def _on_register(self, mux: StreamMux) -> None:
        """It is now a part of a run."""


TransformerFactory: TypeAlias = Callable[[tuple[str, ...]], StreamTransformer]
