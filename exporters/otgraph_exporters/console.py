"""
A live picture, in the terminal, of the runs of this process; where there is no terminal, plain lines.

Rule: it looks on. A start and an end of a span are put into a queue of limited size and nothing more; a thread that
lives while there are runs does the drawing. A fault in it ends the picture, never the program.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import time
import weakref
from collections import deque
from collections.abc import Sequence
from threading import Event, Lock, Thread
from typing import Any, Final, Literal, TextIO

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

from otgraph.tracing import names
from otgraph_exporters.plain_log import PlainLog
from otgraph_exporters.rows import Row, rows_of
from otgraph_exporters.run_tree import FAULTS, Forest, Item
from otgraph_exporters.screen import Screen

__all__ = ["ConsoleExporter", "ConsoleProcessor", "Style", "style_for"]

Style = Literal["live", "lines", "off"]

NAME: Final = "otgraph_console"
"""What `OTEL_TRACES_EXPORTER` calls it."""
PERIOD: Final = 0.1
"""Seconds between two pictures, unless drawing one takes long."""
LINGER: Final = 2.0
"""Seconds without a run after which the thread ends."""
MOST_WAITING: Final = 20_000
"""
Starts and ends that wait for the thread; whoever brings more works them off. If that cannot be, since the thread is
stuck in a terminal that takes no more, they wait up to twice as many. Then all are dropped, and that is told.
"""
MOST_SETTLED: Final = 10
"""Runs that are printed when they are over, between two pictures; of more, their number is."""
FINAL_ROWS: Final = 40
"""Rows of a run that is over."""

logger = logging.getLogger(__name__)


def style_for(stream: TextIO) -> Style:
    """Return how to write to a stream: `OTGRAPH_CONSOLE` decides, else whether it is a terminal that can draw."""
    asked = os.environ.get("OTGRAPH_CONSOLE", "")
    if asked in ("live", "lines", "off"):
        return asked  # type: ignore[return-value]
    plain = os.environ.get("NO_COLOR") or os.environ.get("CI") or os.environ.get("TERM", "dumb") == "dumb"
    if plain or (sys.platform == "win32" and "WT_SESSION" not in os.environ) or not stream.isatty():
        return "lines"
    return "live" if _has_rich() else "lines"


def _has_rich() -> bool:
    try:
        import rich  # noqa: F401
    except ImportError:
        logger.warning(
            "otgraph's console writes plain lines; the live tree needs: pip install 'otgraph[cli]'"
        )
        return False
    return True


class ConsoleProcessor(SpanProcessor):
    """
    Shows what runs in this process.

    Args:
        stream: where to; `sys.stderr`, as it is when a run begins, if None.
        style: `live`, `lines` or `off`; if None, as `style_for` says of the stream.
    """

    def __init__(self, stream: TextIO | None = None, *, style: Style | None = None) -> None:
        self._stream = stream
        self._asked = style
        self._inbox: deque[tuple[bool, ReadableSpan]] = deque()
        self._reset()
        atexit.register(_finish, weakref.ref(self))
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=_Forked(self))

    def _reset(self) -> None:
        self._inbox.clear()
        self._lock = Lock()
        self._wake = Event()
        self._working = False
        self._closed = False
        self._forest = Forest()
        self._missed = 0
        """Starts and ends that were dropped."""
        self._over: list[list[Row]] = []
        self._counted: dict[str, int] = {}
        """Outcome -> runs that are over and not shown."""
        self._screen: Screen | None = None
        self._log: PlainLog | None = None

    # ---- the run's side

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Take note of a span."""
        if self._working:
            self._inbox.append((True, span))
            if len(self._inbox) > MOST_WAITING:
                self._relieve()
        elif names.RUN_ID in (span.attributes or {}) and not self._closed:
            self._inbox.append((True, span))
            try:
                self._begin()
            except Exception as error:
                self._give_up(error)

    def on_end(self, span: ReadableSpan) -> None:
        """Take note of the end of a span."""
        if self._working:
            self._inbox.append((False, span))
            if len(self._inbox) > MOST_WAITING:
                self._relieve()
            if span.parent is None:
                self._wake.set()

    def _begin(self) -> None:
        with self._lock:
            if self._working or self._closed:
                return
            stream = self._stream or sys.stderr
            style = self._asked or (style_for(stream) if stream is not None else "off")
            if style == "off":
                self._inbox.clear()
                self._closed = True
                return
            if style == "live":
                self._screen = self._screen or Screen(stream)
                self._screen.open()
            else:
                self._log = self._log or PlainLog(stream)
            self._working = True
        try:
            Thread(target=self._work, name="otgraph-console", daemon=True).start()
        except RuntimeError:
            # The interpreter ends, or there are as many threads as there may be: shutting down tells what there is.
            pass

    def _relieve(self) -> None:
        # Somebody else may be at it, or this very thread may be, interrupted by a finaliser.
        if self._lock.acquire(blocking=False):
            try:
                self._take()
            except Exception as error:
                self._give_up(error)
            finally:
                self._lock.release()
        elif len(self._inbox) > 2 * MOST_WAITING:
            self._missed += len(self._inbox)
            self._inbox.clear()

    # ---- the thread's side

    def _work(self) -> None:
        pause, idle_since = PERIOD, time.monotonic()
        while True:
            self._wake.wait(pause)
            self._wake.clear()
            begun = time.monotonic()
            with self._lock:
                if not self._working:
                    return
                self._turn()
                if self._forest.roots or self._inbox:
                    idle_since = begun
                elif begun - idle_since > LINGER:
                    self._working = False
                    if not self._inbox:
                        if self._screen is not None:
                            self._screen.close()
                        return
                    self._working = True
            # Drawing takes at most a tenth of one core.
            pause = max(PERIOD, 10 * (time.monotonic() - begun))

    def _turn(self) -> None:
        """Do what is to be done now; the lock is held."""
        try:
            self._take()
            if self._log is not None:
                self._log.tick(self._forest, time.time_ns())
            elif self._screen is not None:
                self._draw(self._screen)
        except Exception as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._working, self._closed = False, True
        self._inbox.clear()
        self._forest = Forest()
        screen, self._screen, self._log = self._screen, None, None
        try:
            if screen is not None:
                screen.close()
        except Exception:
            pass  # the terminal is gone
        logger.warning("otgraph's console has stopped: %s: %s", type(error).__name__, error)

    def _take(self) -> None:
        """Work off what is waiting."""
        if self._missed:
            self._forget_all()
        inbox, forest, log = self._inbox, self._forest, self._log
        for _ in range(len(inbox)):
            try:
                starts, span = inbox.popleft()
            except IndexError:
                return  # somebody has dropped them
            if starts:
                item = forest.start(span)
                if item is not None and item.parent is None and log is not None:
                    log.started(item)
                continue
            item = forest.end(span)
            if item is None:
                continue
            if log is not None:
                log.ended(item)
            elif item.parent is None:
                self._end_run(item)

    def _forget_all(self) -> None:
        """Begin anew after starts and ends were dropped: what is known does not fit what comes."""
        told = f"… {self._missed:,} starts and ends of spans came too fast; runs that went on are not shown"
        self._missed = 0
        self._forest = Forest()
        if self._log is not None:
            self._log.forget(told)
        else:
            self._over.append([Row("", told, "error")])

    def _end_run(self, root: Item) -> None:
        if len(self._over) < MOST_SETTLED:
            self._over.append(rows_of(root, root.end or root.start, FINAL_ROWS))
        else:
            outcome = root.outcome or ""
            self._counted[outcome] = self._counted.get(outcome, 0) + 1

    def _draw(self, screen: Screen) -> None:
        if self._over:
            rows = [row for over in self._over for row in over]
            if self._counted:
                told = ", ".join(f"{count:,} {outcome}" for outcome, count in self._counted.items())
                fault = "error" if FAULTS & self._counted.keys() else ""
                rows.append(
                    Row("", f"… and {sum(self._counted.values()):,} more runs are over: {told}", fault)
                )
            self._over, self._counted = [], {}
            screen.settle(rows)
        if self._forest.roots:
            screen.show(self._going_on(screen.room[1] * 2 // 3))
        else:
            screen.show([])

    def _going_on(self, room: int) -> list[Row]:
        """Return the rows of all runs that are going on, at most `room` of them."""
        roots = list(self._forest.roots.values())
        shown = roots[: max(room // 4, 1)]
        hidden = len(roots) - len(shown) + self._forest.uncounted
        room -= hidden > 0
        rows: list[Row] = []
        now = time.time_ns()
        for place, root in enumerate(shown):
            rows += rows_of(root, now, max((room - len(rows)) // (len(shown) - place), 1))
        if hidden:
            rows.append(Row("", f"… and {hidden:,} more runs", ""))
        return rows

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Draw or print what is waiting."""
        if not self._lock.acquire(timeout=timeout_millis / 1000):
            return False
        try:
            if self._working:
                self._turn()
        finally:
            self._lock.release()
        return True

    def shutdown(self) -> None:
        """Print what is waiting, and let go of the terminal."""
        if not self._lock.acquire(timeout=1):
            return
        try:
            if self._working:
                self._turn()
            if self._screen is not None:
                if self._forest.roots:
                    self._screen.settle(self._going_on(FINAL_ROWS))
                self._screen.close()
        except Exception as error:
            self._give_up(error)
        finally:
            self._working, self._closed = False, True
            self._lock.release()
            self._wake.set()


def _finish(reference: weakref.ref[ConsoleProcessor]) -> None:
    processor = reference()
    if processor is not None:
        processor.shutdown()


class _Forked:
    """Lets a child process begin anew: the parent's runs and its thread are not there."""

    def __init__(self, processor: ConsoleProcessor) -> None:
        self._processor = weakref.ref(processor)

    def __call__(self) -> None:
        processor = self._processor()
        if processor is not None:
            processor._reset()


class ConsoleExporter(ConsoleProcessor, SpanExporter):
    """
    The console where only an exporter can be named, as in `OTEL_TRACES_EXPORTER=otgraph_console`.

    An exporter hears of spans when they are over. So whoever sees that it is a span processor too, as
    `otgraph.telemetry.setup` does, adds it as that; where OpenTelemetry's own set-up puts it behind a batch processor,
    it adds itself to the provider that is being set up. Put behind one by hand, it shows runs when they are over.
    """

    def __init__(self) -> None:
        ConsoleProcessor.__init__(self)
        self._added = False
        provider: Any = trace.get_tracer_provider()
        if NAME in os.environ.get("OTEL_TRACES_EXPORTER", "") and hasattr(provider, "add_span_processor"):
            self._added = True
            provider.add_span_processor(self)

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Show runs that are over, unless they were shown while they went on."""
        if not self._added:
            told = [(span.start_time or 0, True, span) for span in spans]
            told += [(span.end_time or 0, False, span) for span in spans]
            for _, starts, span in sorted(told, key=lambda entry: entry[0]):
                if starts:
                    self.on_start(span)  # type: ignore[arg-type]
                else:
                    self.on_end(span)
        return SpanExportResult.SUCCESS
