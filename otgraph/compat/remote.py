"""
The name of LangGraph's client for graphs on a server, which otgraph does not have.

Rule: packages may import the name and ask whether something is one; making one is an error that says so.
"""

from __future__ import annotations

from typing import Any, NoReturn

__all__ = ["RemoteException", "RemoteGraph"]


class RemoteException(Exception):
    """A graph on a server failed."""


class RemoteGraph:
    """A graph on a LangGraph server: not there in otgraph."""

    def __init__(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            "otgraph has no client for LangGraph servers: call the server from a node with langgraph-sdk"
        )
