"""
What is asked of a model, as the attributes that the span of the call begins with.

Rule: only what the client told, by the names that OpenAI's client, Anthropic's and LangChain have for it; a value of
another type than the conventions want is left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from otgraph.messages.exchange import ModelRequest
from otgraph.tracing import names

__all__ = ["provider_of", "request_attributes"]

NUMBERS: Final = {
    "temperature": names.TEMPERATURE,
    "max_tokens": names.MAX_TOKENS,
    "max_completion_tokens": names.MAX_TOKENS,
    "max_output_tokens": names.MAX_TOKENS,
    "top_p": names.TOP_P,
    "top_k": names.TOP_K,
    "frequency_penalty": names.FREQUENCY_PENALTY,
    "presence_penalty": names.PRESENCE_PENALTY,
    "seed": names.SEED,
}
"""Parameter of a model -> its attribute."""
PROVIDERS: Final = {
    "amazon_bedrock": "aws.bedrock",
    "azure": "azure.ai.openai",
    "azure_openai": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "google_genai": "gcp.gemini",
    "google_vertexai": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "mistralai": "mistral_ai",
    "xai": "x_ai",
}
"""LangChain's name of a provider -> that of the conventions, where it is another."""
PORTS: Final = {"http": 80, "https": 443}


def provider_of(request: ModelRequest) -> str | None:
    """Return whose model is called, as the conventions call them."""
    return PROVIDERS.get(request.provider or "", request.provider)


def request_attributes(request: ModelRequest) -> dict[str, Any]:
    """Return what is known of a call before it is made."""
    told: dict[str, Any] = {
        names.OPERATION: request.operation,
        names.REQUEST_MODEL: request.model,
        # The conventions want a provider on every call.
        names.PROVIDER: provider_of(request) or "unknown",
    }
    if request.server is not None:
        told.update(_address(str(request.server)))
    told.update(_parameters(request.parameters))
    return told


def _parameters(given: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, attribute in NUMBERS.items():
        value = given.get(key)
        if type(value) in (int, float):
            yield attribute, value
    stop = given.get("stop") or given.get("stop_sequences")
    if isinstance(stop, str):
        stop = [stop]
    if isinstance(stop, (list, tuple)) and all(isinstance(text, str) for text in stop):
        yield names.STOP_SEQUENCES, tuple(stop)
    choices = given.get("n")
    if type(choices) is int and choices != 1:
        yield names.CHOICES, choices
    thinking = given.get("reasoning")
    level = given.get("reasoning_effort") or (
        thinking.get("effort") if isinstance(thinking, Mapping) else None
    )
    texts = {names.REASONING_LEVEL: level, names.PREVIOUS_RESPONSE: given.get("previous_response_id")}
    yield from ((attribute, text) for attribute, text in texts.items() if isinstance(text, str))
    wanted = given.get("response_format")
    if wanted is not None:
        # A schema, or a class that stands for one, is JSON too.
        text = isinstance(wanted, Mapping) and wanted.get("type") == "text"
        yield names.OUTPUT_TYPE, "text" if text else "json"


@lru_cache(maxsize=128)
def _address(server: str) -> dict[str, Any]:
    """Return the attributes for a URL, or for a host with or without a port."""
    try:
        url = urlsplit(server if "//" in server else f"//{server}")
        host, port = url.hostname, url.port or PORTS.get(url.scheme)
    except ValueError:
        return {}
    if not host:
        return {}
    return (
        {names.SERVER_ADDRESS: host}
        if port is None
        else {names.SERVER_ADDRESS: host, names.SERVER_PORT: port}
    )
