"""
What a graph is compiled with besides its plan.

Rule: kept as given. What it means is decided where it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["CompileOptions"]


@dataclass(frozen=True, eq=False, repr=False)
class CompileOptions:
    """The arguments of `compile`."""

    checkpointer: Any = None
    """A saver; True for memory of its own, as a subgraph; False for none; None to inherit the parent's."""
    cache: Any = None
    store: Any = None
    interrupt_before: Sequence[str] | Literal["*"] = ()
    interrupt_after: Sequence[str] | Literal["*"] = ()
    debug: bool = False
    name: str = "LangGraph"
    telemetry: Any = None
    """What is recorded of its runs, where it differs from the application's settings."""
    transformers: Sequence[Callable[[tuple[str, ...]], Any]] = ()
    """Makers of further projections of the event stream, called with the namespace."""
