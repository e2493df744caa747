"""
The type variables of a graph: its state, its input, its output, its context.

Rule: no bounds. A state may be a TypedDict, a dataclass, a pydantic model or any value; `schema` decides.
"""

from __future__ import annotations

from typing_extensions import TypeVar

__all__ = ["ContextT", "InputT", "OutputT", "StateT", "StateT_co", "StateT_contra"]

StateT = TypeVar("StateT")
"""The state that the nodes share."""

StateT_co = TypeVar("StateT_co", covariant=True)
StateT_contra = TypeVar("StateT_contra", contravariant=True)

ContextT = TypeVar("ContextT", default=None)
"""What `context=` of a run must be; None for a graph without a context schema."""

InputT = TypeVar("InputT", default=StateT)
"""What a run may be started with; the state unless said otherwise."""

OutputT = TypeVar("OutputT", default=StateT)
"""What a run returns; the state unless said otherwise."""

NodeInputT = TypeVar("NodeInputT")
"""What one node is shown of the state."""
