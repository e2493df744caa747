"""Run one request on both engines and say where they differ."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from typing import Any

import pytest

from .oracle import Oracle

__all__ = ["compare"]


def compare(oracle: Oracle, request: dict[str, Any], run: Callable[[], list[str]]) -> None:
    """Fail unless `run`, on otgraph, observes what the oracle observes for `request`."""
    reply = oracle.ask(request)
    try:
        observed = run()
    finally:
        expected = reply()
    if expected != observed:
        diff = unified_diff(expected, observed, "LangGraph", "otgraph", n=2, lineterm="")
        pytest.fail("\n".join(["the engines differ:", *diff]), pytrace=False)
