"""
A span processor that exports in batches and knows what becomes of each span.

Rule: ending a span never waits for an exporter. Every span that it was given is exported once or counted as lost
once, whatever the exporter does; a forked process exports its own spans and none of its parent's.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from threading import Condition, Event, Thread
from time import monotonic
from typing import Any, Final
from weakref import WeakMethod

from opentelemetry import context as otel_context
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otgraph.tracing.faults import faults
from otgraph.tracing.lost import LostSpans, Reason, lost_spans

__all__ = ["BatchSettings", "SpanBatches", "size_of"]

MOST_BYTES: Final = 3 << 20
"""What a batch may weigh; receivers by gRPC refuse a message of more than 4 MiB, and all that is in it."""
GRACE: Final = 1.0
"""Seconds that an exporter has to give up what it is doing, once it was told to shut down."""


class BatchSettings:
    """How spans are queued; the defaults fit traces of agents, which may have thousands of spans at once."""

    __slots__ = ("batch", "delay", "queue")

    def __init__(self, queue: int = 16384, batch: int = 512, delay: float = 1.0) -> None:
        self.queue = queue
        """The most spans that wait; beyond it the oldest are dropped."""
        self.batch = batch
        """The most spans that are exported at once."""
        self.delay = delay
        """Seconds after which what waits is exported anyway."""


class SpanBatches(SpanProcessor):
    """
    See the module.

    Args:
        exporter: is called in one thread of its own, which begins with the first span.
        settings: sizes and times.
        lost: counts what does not arrive.
    """

    def __init__(
        self, exporter: SpanExporter, settings: BatchSettings | None = None, lost: LostSpans = lost_spans
    ) -> None:
        self.exporter = exporter
        self._settings = settings or BatchSettings()
        self._lost = lost
        self._closed = False
        """Whether no more spans are accepted."""
        self._ended = False
        """Whether all that was not exported by now has been counted as lost."""
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_weakly(self._begin))

    def _begin(self) -> None:
        """Begin with nothing, here or in a forked process, where the thread and all that waits stayed behind."""
        self._queue: deque[ReadableSpan] = deque()
        self._changed = Condition()
        """Guards what follows, and tells who waits for spans to be settled."""
        self._wake = Event()
        self._worker: Thread | None = None
        self._taken = 0
        """How many spans were accepted into the queue."""
        self._settled = 0
        """How many of them were exported or lost."""
        self._in_hand = 0
        """How many are neither queued nor settled: the thread has them, or the exporter."""

    # ---- the side of the run

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span if it is sampled."""
        context = span.context
        if context is None or not context.trace_flags.sampled:
            return
        reason: Reason | None = None
        with self._changed:
            if self._closed:
                reason = "shutdown"
            else:
                queue = self._queue
                if len(queue) >= self._settings.queue:
                    queue.popleft()
                    self._settled += 1
                    reason = "queue_full"
                queue.append(span)
                self._taken += 1
                if len(queue) >= self._settings.batch:
                    self._wake.set()
                if self._worker is None:
                    self._hire()
        if reason is not None:
            self._lost.count(reason)

    def _hire(self) -> None:
        self._worker = worker = Thread(target=self._work, name="otgraph-export", daemon=True)
        try:
            worker.start()
        except RuntimeError as error:
            # The interpreter ends, or the machine has no thread left: what is queued is exported, or lost, at the end.
            faults.count(error, "span export")

    def force_flush(self, timeout_millis: float | None = 30000) -> bool:
        """Wait until all spans that have ended by now are exported or lost; False if that takes too long."""
        with self._changed:
            wanted = self._taken
            if self._worker is None and not self._queue:
                return True
            self._wake.set()
            seconds = None if timeout_millis is None else timeout_millis / 1000
            return self._changed.wait_for(lambda: self._settled >= wanted, seconds)

    def shutdown(self, timeout_millis: float = 10000) -> None:
        """Export what is left, for as long as there is time; what is left then is lost."""
        with self._changed:
            if self._closed:
                return
            self._closed = True
            worker = self._worker
            self._wake.set()
        if worker is not None and worker.is_alive():
            end = monotonic() + timeout_millis / 1000
            with self._changed:
                self._changed.wait_for(lambda: self._settled >= self._taken, max(0.0, end - monotonic()))
        self._end_exporter()
        if worker is not None and worker.is_alive():
            worker.join(GRACE)
        with self._changed:
            self._ended = True
            left = len(self._queue) + self._in_hand
            self._queue.clear()
            self._settled = self._taken
            self._changed.notify_all()
        if left:
            self._lost.count("shutdown", left)

    def _end_exporter(self) -> None:
        try:
            self.exporter.shutdown()
        except Exception as error:
            faults.count(error, "span exporter")

    # ---- the side of the exporter

    def _work(self) -> None:
        """Export what is queued, until the processor is shut down."""
        held: list[ReadableSpan] = []
        while True:
            self._wake.wait(self._settings.delay)
            self._wake.clear()
            while self._fill(held):
                batch = _light(held)
                del held[: len(batch)]
                self._settle(len(batch), arrived=self._export(batch))
            with self._changed:
                if self._closed and (self._ended or not self._queue):
                    return

    def _fill(self, held: list[ReadableSpan]) -> bool:
        """Take spans off the queue until there are enough for a batch; say whether there are any to export."""
        with self._changed:
            queue = self._queue
            while queue and len(held) < self._settings.batch:
                held.append(queue.popleft())
            self._in_hand = len(held)
            return bool(held) and not self._ended

    def _export(self, batch: list[ReadableSpan]) -> bool:
        token = otel_context.attach(otel_context.set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        try:
            return self.exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:
            faults.count(error, "span exporter")
            return False
        finally:
            otel_context.detach(token)

    def _settle(self, spans: int, *, arrived: bool) -> None:
        with self._changed:
            if self._ended:
                return
            self._in_hand -= spans
        if arrived:
            self._lost.arrive()
        else:
            self._lost.count("export_failed", spans)
        with self._changed:
            # Only now: who has waited for this finds the counts as they are.
            self._settled += spans
            self._changed.notify_all()


def _light(spans: list[ReadableSpan]) -> list[ReadableSpan]:
    """Return as many spans, from the first, as weigh no more than a receiver takes; one at least."""
    weight = 0
    for count, span in enumerate(spans):
        weight += size_of(span)
        if count and weight > MOST_BYTES:
            return spans[:count]
    return list(spans)


def _weakly(method: Callable[[], None]) -> Callable[[], None]:
    reference = WeakMethod(method)

    def call() -> None:
        found = reference()
        if found is not None:
            found()

    return call


def size_of(span: ReadableSpan) -> int:
    """Return about how many bytes a span is when it is sent, rather too many than too few."""
    size = 400 + _size_of_attributes(span.attributes)
    for event in span.events:
        size += 50 + _size_of_value(event.name) + _size_of_attributes(event.attributes)
    for link in span.links:
        size += 80 + _size_of_attributes(link.attributes)
    return size


def _size_of_attributes(attributes: Mapping[str, Any] | None) -> int:
    return sum(20 + _size_of_value(key) + _size_of_value(value) for key, value in (attributes or {}).items())


def _size_of_value(value: Any) -> int:
    if isinstance(value, str):
        return len(value) if value.isascii() else 4 * len(value)
    if isinstance(value, bytes):
        return len(value)
    if isinstance(value, Iterable):
        return sum(10 + _size_of_value(item) for item in value)
    return 10
