"""
How far the run may still go: `IsLastStep` and `RemainingSteps`.

Rule: `stop` is the first superstep that the recursion limit forbids.
"""

from __future__ import annotations

from typing import Annotated

from otgraph.managed.base import ManagedValue

__all__ = ["IsLastStep", "IsLastStepManager", "RemainingSteps", "RemainingStepsManager"]


class IsLastStepManager(ManagedValue):
    """True in the last superstep that the recursion limit allows."""

    @staticmethod
    def get(step: int, stop: int) -> bool:
        """Return whether superstep `step` is the last one allowed."""
        return step == stop - 1


class RemainingStepsManager(ManagedValue):
    """How many supersteps the recursion limit still allows, this one included."""

    @staticmethod
    def get(step: int, stop: int) -> int:
        """Return the number of supersteps from `step` to the limit."""
        return stop - step


IsLastStep = Annotated[bool, IsLastStepManager]
RemainingSteps = Annotated[int, RemainingStepsManager]
