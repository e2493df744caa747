"""
TraceStoreProcessor: writes every span into a trace store, from its start on.

Rule: on the thread of the run nothing happens but an append to a queue. What is written down later is what the span
says then: a start that is written late may know more than it did.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from otgraph_exporters.trace_store import pieces
from otgraph_exporters.trace_store.file import default_path
from otgraph_exporters.trace_store.retention import Retention
from otgraph_exporters.trace_store.spool import END, EVENT, LIVE, START, Spool
from otgraph_exporters.trace_store.writer import Piece

__all__ = ["TraceStoreProcessor"]

QUEUE: Final = 1 << 16
"""Several seconds of the fastest graph there is; with the small spans that such a graph has, some 50 MB."""

OPEN: Final = 1 << 17
"""Of how many spans it remembers that they go on."""


class _Open:
    """A span that has not ended."""

    __slots__ = ("attributes", "told")

    def __init__(self, attributes: dict[str, Any]) -> None:
        self.attributes = attributes
        """What was written of them."""
        self.told = 0
        """How many events it has told itself."""


class TraceStoreProcessor(Spool, SpanProcessor):
    """
    Writes spans into the trace store, when they start, when something happens in them and when they end.

    Args:
        path: of the file; by default what `OTGRAPH_TRACE_STORE` says, or `.otgraph/traces.db`.
        tokens: whether tokens and messages that are streamed are kept too; only of runs whose content is captured.
        queue_size: how many starts, events and ends may wait to be written. Ends may take twice as much room; one that
            finds none is lost, and counted.
        interval: seconds for which it gathers before it writes.
        retention: what is deleted when; by default the oldest traces of a file of more than a GiB. None keeps all.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        *,
        tokens: bool = False,
        queue_size: int = QUEUE,
        interval: float = 0.1,
        retention: Retention | Literal["default"] | None = "default",
    ) -> None:
        kept = Retention.default() if retention == "default" else retention
        Spool.__init__(self, default_path() if path is None else Path(path), queue_size, interval, kept)
        self._tokens = tokens
        if tokens:
            self.on_live_event = self._take_live
        self._open: dict[tuple[int, int], _Open] = {}

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self._writer.path

    @property
    def lost(self) -> int:
        """How many spans were lost so far."""
        return self._losses.count

    # ---- what the provider and otgraph's spans tell

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Take a start."""
        queue = self._queue
        if len(queue) >= self._mark and self._crowded(START):
            return
        queue.append((START, span))
        if self._idle:
            self._wake()

    def on_span_event(self, span: Any, name: str, time_ns: int, attributes: Mapping[str, Any]) -> None:
        """Take an event of a span that goes on; told by otgraph's spans only."""
        queue = self._queue
        if len(queue) >= self._mark and self._crowded(EVENT):
            return
        queue.append((EVENT, span, name, time_ns, attributes))
        if self._idle:
            self._wake()

    def _take_live(self, span: Any, name: str, time_ns: int, attributes: Mapping[str, Any]) -> None:
        """Take a token or a message, which the span does not keep."""
        queue = self._queue
        if len(queue) >= self._mark and self._crowded(LIVE):
            return
        queue.append((LIVE, span, name, time_ns, attributes))
        if self._idle:
            self._wake()

    def on_end(self, span: ReadableSpan) -> None:
        """Take an end."""
        queue = self._queue
        if len(queue) >= self._mark and self._crowded(END):
            return
        queue.append((END, span))
        if self._idle:
            self._wake()

    # ---- what the writer makes of it

    def _going_on(self) -> bool:
        return bool(self._open)

    def _pieces(self, items: list[Any]) -> list[Piece]:
        made: dict[tuple[int, int], Piece] = {}
        for item in items:
            span = item[1]
            context = span.context
            if not context.trace_flags & 1:
                # Recorded but not sampled: it is for nobody's eyes.
                continue
            key = (context.trace_id, context.span_id)
            piece = made.get(key)
            if item[0] == START:
                attributes = dict(span.attributes or {})
                self._remember(key, attributes)
                piece = made[key] = Piece(context, attributes, pieces.start(span, attributes))
                if self._tokens:
                    piece.body["live"] = []
                continue
            known = self._open.get(key)
            if piece is None:
                piece = made[key] = Piece(context, known.attributes if known else span.attributes or {}, {})
            if item[0] == END:
                self._end(piece, span, known)
                self._open.pop(key, None)
            else:
                if known is not None:
                    known.told += 1
                kind = "events" if item[0] == EVENT else "live"
                piece.body.setdefault(kind, []).append(pieces.event(*item[2:]))
        return list(made.values())

    def _end(self, piece: Piece, span: ReadableSpan, known: _Open | None) -> None:
        attributes = piece.attributes = dict(span.attributes or {})
        body = piece.body
        if known is None:
            # Its start found no room, or came before this processor did.
            body.update(pieces.start(span, attributes))
        whole = "start_ns" in body
        body.update(pieces.ending(span, {} if whole or known is None else known.attributes))
        if known is None or not known.told or self._refused:
            told = pieces.events(span)
            if told:
                body["events"] = [*body.get("events", ()), *told]
            if span.dropped_events:
                body["dropped_events"] = span.dropped_events

    def _remember(self, key: tuple[int, int], attributes: dict[str, Any]) -> None:
        opened = self._open
        opened[key] = _Open(attributes)
        if len(opened) > OPEN:
            del opened[next(iter(opened))]
