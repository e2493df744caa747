"""
No secret leaves the process: every byte that any exporter writes is searched for it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from otgraph_exporters.trace_store import TraceStore

from telemetry.programs import environment
from telemetry.receiver import Kept, http_endpoint

pytest.importorskip("langchain_core", reason="tools and messages are LangChain's")

CAPTURED = {
    "state", "message", "update", "key", "deep", "packet", "custom", "toolargs", "toolresult", "toolerror", "subgraph",
    "question", "human", "taskargument", "taskresult", "returned", "prompt", "answer", "nodemetadata",
    "retried", "fatal", "piece",
}  # fmt: skip
"""Places whose content is recorded with capture on."""
LABELS = {"metadata", "tag"}
"""Places that are recorded as they are, unless a hook says otherwise."""
LOGGED = {"log", "extra"}
"""Places that the program itself writes into its log."""
EVENTS = {"prompt", "client", "piece", "brokenoff"}
"""Places that log events of calls of models have, with content in events."""
SHOWN = {
    "state", "message", "update", "key", "bytes", "deep", "packet", "custom", "answer", "token", "toolargs",
    "toolresult", "toolerror", "subgraph", "question", "human", "edited", "fatal", "cause", "nonsense", "refused",
    "refusedinside", "taskargument", "taskresult", "returned",
}  # fmt: skip
"""Places whose content the program itself shows, in its streams, states and errors."""


class Ran:
    """A run of `secretive.py`, and all that its exporters wrote."""

    def __init__(self, mode: str, folder: Path, **variables: Any) -> None:
        self.folder = folder
        self.kept = Kept()
        with http_endpoint(self.kept) as address:
            command = [sys.executable, str(Path(__file__).with_name("secretive.py")), mode, *sorted(SHOWN)]
            self.done = subprocess.run(
                command,
                cwd=folder,
                env=environment(
                    OTEL_EXPORTER_OTLP_ENDPOINT=address,
                    OTEL_TRACES_EXPORTER="otlp,console,otgraph_sqlite,otgraph_otlp_json,otgraph_console",
                    OTEL_METRICS_EXPORTER="otlp",
                    OTEL_LOGS_EXPORTER="otlp",
                    OTGRAPH_TRACE_STORE=folder / "traces.db",
                    OTGRAPH_OTLP_JSON=folder / "traces.jsonl",
                    **variables,
                ),
                capture_output=True,
                text=True,
                check=False,
                timeout=100,
            )
        assert self.done.returncode == 0, self.done.stderr
        *printed, shown = self.done.stdout.splitlines()
        self.printed = "\n".join(printed)
        assert set(json.loads(shown)) == SHOWN

    def sent(self, signal: str) -> bytes:
        return b"\n".join(body for kind, body in self.kept.bodies if kind == signal)

    def stored(self) -> bytes:
        """Return the trace store's files, and all that is read from them."""
        with TraceStore(self.folder / "traces.db") as store:
            told = repr([[run, *store.spans(run.run_id)] for run in store.runs()])
        return b"\n".join(path.read_bytes() for path in self.folder.glob("traces.db*")) + told.encode()


SINKS: Mapping[str, Callable[[Ran], bytes]] = {
    "spans by OTLP": lambda ran: ran.sent("traces"),
    "metrics by OTLP": lambda ran: ran.sent("metrics"),
    "logs by OTLP": lambda ran: ran.sent("logs"),
    "console": lambda ran: ran.printed.encode(),
    "console tree": lambda ran: ran.done.stderr.encode(),
    "trace store": Ran.stored,
    "OTLP-JSON file": lambda ran: (ran.folder / "traces.jsonl").read_bytes(),
}
"""Everything that an exporter writes; whatever is added to otgraph is added here."""


def found(data: bytes) -> set[str]:
    """Return the places whose secret is in some data, or the beginning of it; ids are random bytes, and no secret."""
    return {part.decode() for part in re.findall(rb"zq([a-z]{3,})", data)}


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Run the program in a mode, once for all tests."""
    known: dict[str, Ran] = {}

    def run(mode: str, **variables: Any) -> Ran:
        if mode not in known:
            known[mode] = Ran(mode, tmp_path_factory.mktemp(mode), **variables)
        return known[mode]

    return run


def in_mode(ran: Callable[..., Ran], mode: str) -> Ran:
    return ran(mode, **({"OTGRAPH_CAPTURE_EXCEPTIONS": "type"} if mode == "default" else {}))


@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("mode", ["default", "patterns", "captured", "blanket", "broken"])
def test_no_exported_byte_has_a_secret(ran: Callable[..., Ran], mode: str, sink: str) -> None:
    """By default with types of exceptions only, and with a hook whatever is recorded, no sink has any secret."""
    data = SINKS[sink](in_mode(ran, mode))
    assert data
    assert found(data) == set()


@pytest.mark.parametrize("sink", ["spans by OTLP", "console", "trace store", "OTLP-JSON file"])
def test_the_search_finds_what_is_there(ran: Callable[..., Ran], sink: str) -> None:
    """Without a hook and with capture on, the same program has the secrets of all places in the same sinks."""
    places = found(SINKS[sink](in_mode(ran, "open")))
    missing = (CAPTURED | LABELS) - places
    assert not missing, sorted(missing)


def test_the_search_finds_what_is_logged(ran: Callable[..., Ran]) -> None:
    """What the program logs without a hook, and what models say, is in the logs; names of tools are in the metrics."""
    opened = in_mode(ran, "open")
    assert LOGGED | EVENTS <= found(SINKS["logs by OTLP"](opened))
    assert b"look_up" in SINKS["metrics by OTLP"](opened)
    assert not found(SINKS["metrics by OTLP"](opened))


def test_the_default_records_no_content_attribute(ran: Callable[..., Ran]) -> None:
    """By default no span has a payload, a message, an argument or a result, nor the message of an exception."""
    opened, closed = (SINKS["spans by OTLP"](in_mode(ran, mode)) for mode in ("open", "default"))
    for name in (
        "otgraph.payload", "gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.tool.call.arguments",
        "gen_ai.tool.call.result", "exception.message", "exception.stacktrace",
    ):  # fmt: skip
        assert name.encode() in opened
        assert name.encode() not in closed
