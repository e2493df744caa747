"""Door: `otgraph.config`."""

from otgraph.runtime import get_config, get_store, get_stream_writer

__all__ = ["get_config", "get_store", "get_stream_writer"]
