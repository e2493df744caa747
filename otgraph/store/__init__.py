"""Stores: memory that outlives a thread, shared by all graphs that were compiled with it."""
