"""Packages that were written for LangGraph, as they are published."""
