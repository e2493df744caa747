"""Savers published for LangGraph, with otgraph, unchanged, and on real databases."""
