"""
langchain-core, or what to do without it.

Rule: whatever cannot work without it imports it here first, so that the error says which extra is missing.
"""

from __future__ import annotations

__all__ = ["langchain_core"]

try:
    import langchain_core
except ImportError as error:
    raise ImportError(
        "agents and tools are LangChain's: install langchain-core with `pip install otgraph[langchain]`"
    ) from error
