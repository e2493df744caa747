"""
Other instrumentors that make spans of model calls, such as OpenTelemetry's and OpenInference's for OpenAI.

Rule: they are recognised by the state they are in, and nothing of theirs is ever imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, Final

__all__ = ["active_instrumentors", "traced_elsewhere"]

BASE: Final = "opentelemetry.instrumentation.instrumentor"
"""The module of the class that all instrumentors derive from."""

CLIENTS: Final = {
    "azure.ai.inference": "azure_ai_inference",
    "azure.ai.openai": "openai",
    "aws.bedrock": "bedrock",
    "gcp.gemini": "google_genai",
    "gcp.gen_ai": "google_genai",
    "gcp.vertex_ai": "vertexai",
    "mistral_ai": "mistralai",
    "x_ai": "openai",
    "deepseek": "openai",
    "together": "openai",
    "upstage": "openai",
}
"""Provider -> the client by which it is called, where that has another name."""


MODELS: Final = (
    ("gpt-", "openai"),
    ("chatgpt-", "openai"),
    ("o1", "openai"),
    ("o3", "openai"),
    ("o4", "openai"),
    ("claude", "anthropic"),
    ("gemini", "google_genai"),
    ("mistral", "mistralai"),
)
"""What the name of a model begins with -> the client that is likely to call it."""


def traced_elsewhere(provider: str | None, model: str, *, bridged: bool) -> bool:
    """
    Say whether another instrumentor makes the span of a model call.

    Args:
        provider: whose model it is; None where nobody says so, and the name of the model has to tell.
        bridged: whether LangChain calls it.
    """
    if BASE not in sys.modules:
        return False
    active = active_instrumentors()
    if bridged and "langchain" in active:
        return True
    if provider is None:
        return any(model.startswith(start) and client in active for start, client in MODELS)
    return CLIENTS.get(provider, provider) in active


def active_instrumentors() -> set[str]:
    """Return the names of the libraries that are instrumented in this process now."""
    return set(_active()) if BASE in sys.modules else set()


def _active() -> Iterator[str]:
    """Yield the names of the libraries that are instrumented."""
    waiting: list[Any] = [getattr(sys.modules[BASE], "BaseInstrumentor", object)]
    if waiting[0] is object:
        return
    while waiting:
        for kind in waiting.pop().__subclasses__():
            waiting.append(kind)
            instance = kind.__dict__.get("_instance")
            if instance is not None and getattr(instance, "is_instrumented_by_opentelemetry", False):
                yield _library(kind.__module__)


def _library(module: str) -> str:
    """Return what an instrumentor instruments, by the name of its module."""
    _, _, rest = module.partition("instrumentation.")
    parts = rest.removeprefix("genai.").split(".")
    return parts[0].removesuffix("_v2")
