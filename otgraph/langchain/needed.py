"""
langchain-core, or what to do without it.

Rule: whatever cannot work without it imports it here first, so that the error says which extra is missing.
"""

from __future__ import annotations

from otgraph.langchain.extra import extra

__all__ = ["langchain_core"]

with extra("agents and tools"):
    import langchain_core
