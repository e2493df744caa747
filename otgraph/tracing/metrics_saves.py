"""
SaveMeters: metrics of what runs ask of savers.

Rule: the time is that of the call, wherever it is made, and waiting for a connection is part of it. The size is what
the saver says; nothing is serialised to find it out.
"""

from __future__ import annotations

from time import perf_counter_ns, time_ns
from typing import Any, Final

from opentelemetry import metrics

from otgraph.checkpoint.records import size_of
from otgraph.engine.effects import Failure, LoadCheckpoint, SaveCheckpoint, SaveWrites
from otgraph.tracing import names
from otgraph.tracing.distribution import Distribution
from otgraph.tracing.faults import faults
from otgraph.tracing.record import Record

__all__ = ["SaveMeters"]

SAVE_SECONDS: Final = [
    0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]  # fmt: skip
"""From a dict to a database that is overloaded."""
BYTES: Final = [4**n for n in range(3, 15)]
"""From 64 bytes to 256 MB."""

OPERATIONS: Final[dict[type[Any], str]] = {
    LoadCheckpoint: "get",
    SaveCheckpoint: "put",
    SaveWrites: "put_writes",
}


class SaveMeters:
    """
    See the module.

    Args:
        meter: makes the instruments.
    """

    __slots__ = ("_duration", "_size")

    def __init__(self, meter: metrics.Meter) -> None:
        keys = (names.SAVER, names.SAVER_OPERATION, names.ERROR_TYPE)
        what = "What calls of savers take."
        self._duration = Distribution(meter, names.SAVE_DURATION, "s", what, SAVE_SECONDS, *keys)
        what = "What a checkpoint is stored as, without the writes of tasks."
        self._size = Distribution(meter, names.SAVE_SIZE, "By", what, BYTES, names.SAVER)

    def performed(self, effect: Any, reply: Any, begun: int, record: Record) -> None:
        """
        Measure what a saver was asked for.

        Args:
            reply: what came of it.
            begun: when, by the performance counter, in nanoseconds.
        """
        operation = OPERATIONS.get(type(effect))
        if operation is None:
            return
        took = (perf_counter_ns() - begun) / 1e9
        try:
            at = time_ns()
            # A run begins when it is known what it goes on from.
            run = record.runs[0] if record.runs else None
            span = None if run is None else run.span
            saver = type(effect.saver).__name__
            kind = type(reply.error).__qualname__ if type(reply) is Failure else None
            self._duration.record(took, (saver, operation, kind), at, run, span)
            if operation == "put" and kind is None:
                size = size_of(effect.stored)
                if size is not None:
                    self._size.record(size, (saver,), at, run, span)
        except Exception as error:
            faults.count(error, "metrics")
