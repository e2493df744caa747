"""
The types of what `compile`, `invoke` and `stream` may be asked for.

Rule: types and checks of values that users pass in; nothing that runs.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

__all__ = ["All"]

All: TypeAlias = Literal["*"]
"""Every node, where node names are asked for."""
