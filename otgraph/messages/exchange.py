"""
What is asked of a model and what it answers, as far as telemetry tells of it.

Rule: plain data, whoever calls the model and however it answers; content is told by functions, which are called where
it is captured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from otgraph.usage import Usage

__all__ = ["ModelRequest", "ModelResponse", "ModelTrace"]


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What is known when a call of a model begins."""

    model: str
    provider: str | None = None
    operation: str = "chat"
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Such as `temperature`."""
    server: str | None = None
    """The URL of its API, or its host."""
    messages: Callable[[], Any] | None = None
    """Returns what the model is given, in the form of the conventions; called where content is captured."""
    instructions: Callable[[], Any] | None = None
    """The same of what it is told besides the messages."""
    tools: Callable[[], Any] | None = None
    """The same of the tools that it may call."""
    bridged: bool = False
    """Whether it is LangChain that calls the model."""


@dataclass(frozen=True, slots=True)
class ModelResponse:
    """What is known when it has answered."""

    model: str | None = None
    id: str | None = None
    finish_reasons: Sequence[str] = ()
    usage: Usage | None = None
    messages: Callable[[], Any] | None = None
    """Returns what the model said, in the form of the conventions."""


class ModelTrace(Protocol):
    """The telemetry of one call of a model."""

    def begin(self, *, current: bool) -> None: ...
    def chunk(self) -> bool: ...
    def token(self, chunk: Any) -> None: ...
    def message(self, message: Any) -> None: ...
    def read(self, answer: Any) -> None: ...
    def end(self, response: ModelResponse | None, error: BaseException | None) -> None: ...
