"""
A managed value: a key that a node may read like state and that the engine computes for each superstep.

Rule: never stored, never written, a pure function of where the run is.
"""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any

from typing_extensions import TypeIs

__all__ = ["ManagedValue", "is_managed_value"]


class ManagedValue(ABC):
    """Subclass it and annotate a state key with the class: `Annotated[int, MyManager]`."""

    @staticmethod
    @abstractmethod
    def get(step: int, stop: int) -> Any:
        """Return the value during superstep `step` of a run that must end before superstep `stop`."""


def is_managed_value(value: Any) -> TypeIs[type[ManagedValue]]:
    """Say whether `value` is a class of managed values."""
    return inspect.isclass(value) and issubclass(value, ManagedValue)
