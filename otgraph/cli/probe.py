"""
A trace that is sent to find out whether it arrives, and the backends that are asked for it.

Rule: it is an ordinary run of an ordinary graph, so it takes the road that every other trace takes.
"""

from __future__ import annotations

import json
import logging
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from typing_extensions import TypedDict

from otgraph.constants import START
from otgraph.graph.state import StateGraph

__all__ = ["BACKENDS", "Backend", "connect", "guess", "look_up", "send"]

NAME: Final = "otgraph doctor"
AGAIN: Final = 0.25
"""Seconds after which a backend is asked again."""


class _State(TypedDict, total=False):
    note: str


@dataclass(frozen=True)
class Backend:
    """A kind of server that keeps traces and can be asked for one."""

    name: str
    port: int
    """Where it usually listens."""
    trace: str
    """The path at which it has a trace, with its id to be filled in."""
    alive: str
    """A path that answers if it is this kind of server."""


BACKENDS: Final[Mapping[str, Backend]] = {
    "jaeger": Backend("Jaeger", 16686, "/api/traces/{}", "/api/services"),
    "tempo": Backend("Tempo", 3200, "/api/traces/{}", "/ready"),
}


def connect(endpoint: str, timeout: float) -> str | None:
    """Return why nobody listens at an address; None if somebody does."""
    parts = urlsplit(endpoint if "//" in endpoint else f"//{endpoint}")
    try:
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with socket.create_connection((parts.hostname or "", port), timeout):
            return None
    except (OSError, ValueError) as error:
        return f"{type(error).__name__}: {error}"


class _Complaints(logging.Handler):
    """Keeps what exporters complain of."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage().splitlines()[0])


def send(flush: Any, timeout: float) -> tuple[str, int, list[str]]:
    """Run a graph and export its spans; return the trace's id, how many spans it has, and complaints."""
    graph = StateGraph(_State).add_node("look", lambda state: {"note": "seen"}).add_edge(START, "look")
    complaints = _Complaints()
    loggers = [logging.getLogger(name) for name in ("opentelemetry", "otgraph")]
    for logger in loggers:
        logger.addHandler(complaints)
    try:
        told = list(graph.compile(name=NAME).stream({"note": ""}, stream_mode="spans"))
        if not flush(timeout):
            complaints.messages.append(f"it took longer than {timeout:g} seconds")
    finally:
        for logger in loggers:
            logger.removeHandler(complaints)
    ends = {span["span_id"] for span in told if span["type"] == "end"}
    return told[0]["trace_id"], len(ends), complaints.messages


def guess(host: str, timeout: float) -> tuple[Backend, str] | None:
    """Return a backend that answers at its usual port on a host."""
    for backend in BACKENDS.values():
        address = f"http://{host}:{backend.port}"
        if _get(address + backend.alive, timeout) is not None:
            return backend, address
    return None


def look_up(
    backend: Backend, address: str, trace_id: str, wanted: int, timeout: float
) -> tuple[int, float, str]:
    """
    Ask a backend for a trace until it has it.

    Returns:
        How many of its spans the backend has, after how many seconds, and what it said if it has none.
    """
    begun = time.monotonic()
    found, said = 0, ""
    while True:
        answer = _get(address.rstrip("/") + backend.trace.format(trace_id), timeout)
        if answer is not None:
            found, said = _count(answer), f"it answers {answer[:80]!r}"
        else:
            said = "it does not answer"
        spent = time.monotonic() - begun
        if found >= wanted or spent > timeout:
            return found, spent, said
        time.sleep(AGAIN)


def _get(url: str, timeout: float) -> str | None:
    """Return what a server answers, be it a refusal; None if it does not."""
    try:
        with urlopen(Request(url, headers={"Accept": "application/json"}), timeout=timeout) as answer:
            return str(answer.read().decode(errors="replace"))
    except HTTPError as error:
        with error:
            return f"{error.code} {error.reason}"
    except (URLError, OSError, ValueError):
        return None


def _count(answer: str) -> int:
    """Return how many spans there are in a trace, as Jaeger or Tempo tells it."""
    try:
        told = json.loads(answer)
    except ValueError:
        return 0
    return sum(1 for _ in _span_ids(told))


def _span_ids(told: Any) -> Any:
    """Yield the ids of spans, wherever in the answer they stand; a reference to a span is none."""
    if isinstance(told, dict):
        # Jaeger has one spelling of both names, OTLP, which Tempo speaks, the other.
        for name, start in (("spanID", "startTime"), ("spanId", "startTimeUnixNano")):
            if name in told and start in told:
                yield told[name]
        for key, value in told.items():
            if key not in ("references", "links"):
                yield from _span_ids(value)
    elif isinstance(told, list):
        for item in told:
            yield from _span_ids(item)
