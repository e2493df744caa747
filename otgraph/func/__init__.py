"""Door: `otgraph.func`."""

from otgraph.func.entrypoint import entrypoint
from otgraph.func.task import task

__all__ = ["entrypoint", "task"]
