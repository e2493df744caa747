"""Caches: results of nodes, kept so that the same input need not be worked on twice."""
