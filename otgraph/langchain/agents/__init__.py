"""Agents that call tools, built on the public API."""

from otgraph.langchain.needed import langchain_core

__all__ = ["langchain_core"]
