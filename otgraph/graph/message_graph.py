"""
MessageGraph: a graph whose whole state is a list of messages.

Rule: kept for old code; it is a `StateGraph` and adds nothing but the state.
"""

from __future__ import annotations

import warnings
from typing import Annotated, Any

from otgraph.graph.state import StateGraph
from otgraph.messages.add import add_messages
from otgraph.warnings import LangGraphDeprecatedSinceV10

__all__ = ["MessageGraph"]


class MessageGraph(StateGraph[Any, Any, Any, Any]):
    """A `StateGraph` over a bare list of messages; deprecated."""

    def __init__(self) -> None:
        warnings.warn(
            LangGraphDeprecatedSinceV10(
                "MessageGraph is deprecated. Please use StateGraph with a `messages` key instead."
            ),
            stacklevel=2,
        )
        root: Any = Annotated[list[Any], add_messages]
        super().__init__(root)
