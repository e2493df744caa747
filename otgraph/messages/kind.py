"""
What messages in state are: LangChain's objects where LangChain is installed, dicts elsewhere.

Rule: asked when a message is at hand and never at import, so that `import otgraph` imports no LangChain.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Protocol

from otgraph.langchain.messages import LangChainMessages, installed
from otgraph.messages.plain import PlainMessages

__all__ = ["Kind", "kind_of_messages"]


class Kind(Protocol):
    """Makes and reads messages of one kind."""

    def made(self, value: Any) -> list[Any]: ...
    def identified(self, message: Any) -> Any: ...
    def id_of(self, message: Any) -> Any: ...
    def removes(self, message: Any) -> bool: ...
    def formatted(self, messages: list[Any]) -> list[Any]: ...


@cache
def kind_of_messages() -> Kind:
    """Return the kind of messages that this process keeps in state."""
    module = installed()
    return PlainMessages() if module is None else LangChainMessages(module)
