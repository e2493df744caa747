"""
What packages written for LangGraph do with a config.

Rule: configs are never changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otgraph.constants import CONF

__all__ = ["patch_configurable"]


def patch_configurable(config: Mapping[str, Any] | None, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with some configurable parameters replaced."""
    given = dict(config or {})
    return {**given, CONF: {**(given.get(CONF) or {}), **patch}}
