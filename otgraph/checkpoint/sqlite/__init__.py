"""Door: `otgraph.checkpoint.sqlite`."""

from otgraph.checkpoint.sqlite.saver import SqliteSaver

__all__ = ["SqliteSaver"]
