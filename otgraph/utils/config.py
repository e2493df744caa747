"""Door to configs, where LangGraph's users used to find them."""

from otgraph.compat.config import ensure_config, patch_configurable
from otgraph.runtime import get_config, get_store

__all__ = ["ensure_config", "get_config", "get_store", "patch_configurable"]
