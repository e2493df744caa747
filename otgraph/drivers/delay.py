"""
How long a pause is, jitter added.

Rule: the only place where chance enters a run; tests replace `jitter`.
"""

from __future__ import annotations

from random import Random

from otgraph.engine.effects import Sleep

__all__ = ["seconds_of"]

jitter = Random().random


def seconds_of(effect: Sleep) -> float:
    """Return the seconds to sleep, with up to one more at random if the policy wants it."""
    return effect.seconds + jitter() if effect.jitter else effect.seconds
