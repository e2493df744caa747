"""Door to nodes with a function for each colour, where LangGraph's users used to find them."""

from otgraph.compat.runnable import RunnableCallable, RunnableLike

__all__ = ["RunnableCallable", "RunnableLike"]
