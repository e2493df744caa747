"""Door: `otgraph.managed`."""

from otgraph.managed.base import ManagedValue, is_managed_value
from otgraph.managed.is_last_step import IsLastStep, IsLastStepManager, RemainingSteps, RemainingStepsManager

__all__ = [
    "IsLastStep",
    "IsLastStepManager",
    "ManagedValue",
    "RemainingSteps",
    "RemainingStepsManager",
    "is_managed_value",
]
