"""
What LangChain's handlers may hear of a graph besides its chains: that a run pauses, and that one goes on.

Rule: only handlers that derive from GraphCallbackHandler hear of it. The events are LangGraph's, field by field.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias
from uuid import UUID

from typing_extensions import Self

from otgraph.langchain.extra import extra
from otgraph.snapshot import Interrupt

with extra("handlers of callbacks"):
    from langchain_core.callbacks import BaseCallbackHandler, BaseCallbackManager
    from langchain_core.callbacks.manager import ahandle_event, handle_event

__all__ = [
    "AsyncGraphCallbackManager",
    "GraphCallbackHandler",
    "GraphCallbackManager",
    "GraphInterruptEvent",
    "GraphLifecycleEvent",
    "GraphLifecycleStatus",
    "GraphResumeEvent",
    "get_async_graph_callback_manager_for_config",
    "get_sync_graph_callback_manager_for_config",
]

GraphLifecycleStatus: TypeAlias = Literal[
    "input", "pending", "done", "interrupt_before", "interrupt_after", "out_of_steps"
]
"""Where a run stands: at a breakpoint before or after a node, or, pending, at a question or where it goes on."""


@dataclass(frozen=True)
class GraphInterruptEvent:
    """A run pauses: at a breakpoint, or with questions."""

    run_id: UUID | None
    """The id that callbacks know the run by."""
    status: GraphLifecycleStatus
    checkpoint_id: str
    """The checkpoint that it can go on from."""
    checkpoint_ns: tuple[str, ...]
    """The namespace of the graph, one part for each graph around it."""
    interrupts: tuple[Interrupt[Any], ...]
    """Its questions; none at a breakpoint."""


@dataclass(frozen=True)
class GraphResumeEvent:
    """A run goes on from a checkpoint; a graph inside has an event of its own."""

    run_id: UUID | None
    status: GraphLifecycleStatus
    checkpoint_id: str
    checkpoint_ns: tuple[str, ...]


GraphLifecycleEvent: TypeAlias = GraphInterruptEvent | GraphResumeEvent


class GraphCallbackHandler(BaseCallbackHandler):
    """A handler of LangChain's that hears of pauses too; give it as one of `config["callbacks"]`."""

    def on_interrupt(self, event: GraphInterruptEvent) -> Any:
        """The run pauses; it has saved what there is to save."""

    def on_resume(self, event: GraphResumeEvent) -> Any:
        """The run, or a graph inside it, goes on from a checkpoint."""


class _Manager(BaseCallbackManager):
    def __init__(self, handlers: Sequence[Any], *, run_id: UUID | None = None, **kwargs: Any) -> None:
        super().__init__([each for each in handlers if isinstance(each, GraphCallbackHandler)], **kwargs)
        self.run_id = run_id

    @classmethod
    def configure(cls, callbacks: Any = None, *, run_id: UUID | None = None) -> Self:
        """Return a manager of those of some callbacks, a list or a manager, that hear of it."""
        return cls(getattr(callbacks, "handlers", callbacks) or (), run_id=run_id)


class GraphCallbackManager(_Manager):
    """Tells the handlers of a config of pauses."""

    def on_interrupt(self, event: GraphInterruptEvent) -> None:
        """Tell that a run pauses."""
        handle_event(self.handlers, "on_interrupt", None, event)

    def on_resume(self, event: GraphResumeEvent) -> None:
        """Tell that a run goes on."""
        handle_event(self.handlers, "on_resume", None, event)


class AsyncGraphCallbackManager(_Manager):
    """Tells them on the event loop."""

    async def on_interrupt(self, event: GraphInterruptEvent) -> None:
        """Tell that a run pauses."""
        await ahandle_event(self.handlers, "on_interrupt", None, event)

    async def on_resume(self, event: GraphResumeEvent) -> None:
        """Tell that a run goes on."""
        await ahandle_event(self.handlers, "on_resume", None, event)


def get_sync_graph_callback_manager_for_config(
    config: Mapping[str, Any], *, run_id: UUID | None = None
) -> GraphCallbackManager:
    """Return a manager of the handlers in a config that hear of pauses."""
    return GraphCallbackManager.configure(config.get("callbacks"), run_id=run_id)


def get_async_graph_callback_manager_for_config(
    config: Mapping[str, Any], *, run_id: UUID | None = None
) -> AsyncGraphCallbackManager:
    """Return a manager of the handlers in a config that hear of pauses, for async code."""
    return AsyncGraphCallbackManager.configure(config.get("callbacks"), run_id=run_id)
