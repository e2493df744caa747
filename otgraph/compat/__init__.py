"""Lets packages that were written for LangGraph run on otgraph, as they are."""

from otgraph.compat.finder import install

__all__ = ["install"]
