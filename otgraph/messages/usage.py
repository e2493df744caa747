"""
What the answers of model clients tell of the tokens that they took.

Rule: OpenAI's and Anthropic's are told apart by the names of their fields. What is not told counts as none; what is
told of a part is not taken for the whole.
"""

from __future__ import annotations

from typing import Any

from otgraph.messages.convention import field_of
from otgraph.usage import NOT_TOLD, Modalities, Usage

__all__ = ["by_modality", "read_usage"]


def read_usage(told: Any) -> Usage:
    """Return the usage that an answer tells."""
    given, made = _number(told, "prompt_tokens"), _number(told, "completion_tokens")
    read, written = _number(told, "cache_read_input_tokens"), _number(told, "cache_creation_input_tokens")
    if field_of(told, "prompt_tokens") is None:
        # Anthropic counts what a cache had apart; the Responses API of OpenAI has the same names and does not.
        given, made = _number(told, "input_tokens") + read + written, _number(told, "output_tokens")
    inside = _details(told, "prompt_tokens_details", "input_tokens_details", "input_token_details")
    outside = _details(told, "completion_tokens_details", "output_tokens_details", "output_token_details")
    return Usage(
        input_tokens=given,
        output_tokens=made,
        cache_read_tokens=read or _number(inside, "cached_tokens"),
        cache_write_tokens=written or _number(inside, "cache_write_tokens"),
        reasoning_tokens=_number(outside, "reasoning_tokens"),
        input_by_modality=by_modality(inside, "_tokens"),
        output_by_modality=by_modality(outside, "_tokens"),
        cache_read_by_modality=by_modality(_details(inside, "cached_tokens_details"), "_tokens"),
    )


def by_modality(details: Any, ending: str = "") -> Modalities:
    """Return how many tokens are of which modality, as far as a field named after it says so."""
    if details is None:
        return NOT_TOLD
    text, image, audio = (_number(details, f"{name}{ending}") for name in ("text", "image", "audio"))
    return Modalities(text, image, audio) if text or image or audio else NOT_TOLD


def _details(told: Any, *keys: str) -> Any:
    if told is None:
        return None
    return next((found for key in keys if (found := field_of(told, key)) is not None), None)


def _number(value: Any, key: str) -> int:
    found = None if value is None else field_of(value, key)
    return found if isinstance(found, int) else 0
