"""
The user's sampler and id generator, which must not break a run.

Rule: what fails or makes no sense is counted, and answered as if nobody had asked: not sampled, a random id.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.sdk.trace.sampling import Decision, Sampler, SamplingResult

from otgraph.tracing.faults import faults

__all__ = ["GuardedSampler", "guarded_ids"]


class GuardedSampler(Sampler):
    """Asks another sampler."""

    def __init__(self, inner: Sampler) -> None:
        self._inner = inner

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: Any = None,
        attributes: Any = None,
        links: Any = None,
        trace_state: Any = None,
    ) -> SamplingResult:
        """Return the decision of the other sampler, or that the span is dropped."""
        try:
            result = self._inner.should_sample(parent_context, trace_id, name, kind, attributes, links)
            if not isinstance(result, SamplingResult):
                raise TypeError(f"expected a SamplingResult of sampler {self._inner!r}, got {result!r}")
            return result
        except Exception as error:
            faults.count(error, "sampler")
            return SamplingResult(Decision.DROP)

    def get_description(self) -> str:
        """Return the other's description."""
        return self._inner.get_description()


class _GuardedIds(IdGenerator):
    """Asks another id generator."""

    def __init__(self, inner: IdGenerator) -> None:
        self._inner = inner

    def generate_span_id(self) -> int:
        """Return 64 bits, not all of them 0."""
        return _valid(self._inner.generate_span_id, _random.generate_span_id, 64)

    def generate_trace_id(self) -> int:
        """Return 128 bits, not all of them 0."""
        return _valid(self._inner.generate_trace_id, _random.generate_trace_id, 128)

    def is_trace_id_random(self) -> bool:
        """Return what the other says of its trace ids; a release of the SDK that does not ask never calls this."""
        try:
            return bool(self._inner.is_trace_id_random())
        except Exception:
            return False


_random: Final = RandomIdGenerator()


def _valid(ask: Callable[[], int], otherwise: Callable[[], int], bits: int) -> int:
    try:
        number = ask()
        if not 0 < number < 1 << bits:
            raise ValueError(f"expected an id of {bits} bits, got {number!r}")
        return number
    except Exception as error:
        faults.count(error, "id generator")
        return otherwise()


def guarded_ids(generator: IdGenerator | None) -> IdGenerator:
    """Return a generator that never fails; the SDK's own is one."""
    if generator is None:
        return _random
    return generator if type(generator) is RandomIdGenerator else _GuardedIds(generator)
