"""Run one request on both engines and say where they differ."""

from __future__ import annotations

from collections.abc import Callable
from difflib import unified_diff
from typing import Any

import pytest

from .deviations import allowed, difference
from .oracle import Oracle

__all__ = ["compare"]


Reconcile = Callable[["list[str]", "list[str]"], "tuple[list[str], list[str]]"]


def compare(
    oracle: Oracle, request: dict[str, Any], run: Callable[[], list[str]], reconcile: Reconcile | None = None
) -> None:
    """
    Fail unless `run`, on otgraph, observes what the oracle observes for `request`.

    Args:
        reconcile: takes out of both what LangGraph does not determine.
    """
    reply = oracle.ask(request)
    try:
        observed = run()
    finally:
        expected = reply()
    if reconcile is not None:
        expected, observed = reconcile(expected, observed)
    if expected != observed:
        if allowed(request.get("program", ""), request.get("colour", ""), difference(expected, observed)):
            return
        diff = unified_diff(expected, observed, "LangGraph", "otgraph", n=2, lineterm="")
        pytest.fail("\n".join(["the engines differ:", *diff]), pytrace=False)
