"""
`otgraph doctor`: does telemetry go where it should, and nothing that should not.

Rule: each check says what it found and, where that is not as it should be, what to do. Nothing is changed; the one
trace that is sent is called `otgraph doctor`.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, entry_points, version
from typing import Final, Literal
from urllib.parse import urlsplit

from otgraph.cli.exits import DONE, FAILED, CommandError
from otgraph.cli.probe import BACKENDS, Backend, connect, guess, look_up, send
from otgraph.cli.target import load_graph
from otgraph.cli.values import as_json
from otgraph.tracing.instrumentors import active_instrumentors
from otgraph.tracing.options import get_telemetry
from otgraph.tracing.setup import Telemetry, flush, setup

__all__ = ["doctor"]

Status = Literal["ok", "warn", "fail", "skip"]
MARKS: Final[dict[Status, str]] = {"ok": "✓", "warn": "!", "fail": "✗", "skip": "-"}

PACKAGES: Final = (
    "opentelemetry-api",
    "opentelemetry-sdk",
    "opentelemetry-exporter-otlp",
    "structlog",
    "rich",
    "langchain-core",
)
OWN: Final = ("otgraph_console", "otgraph_sqlite")
"""Exporters that come with the package."""


@dataclass(frozen=True)
class Check:
    """What one check found."""

    name: str
    status: Status
    found: str
    advice: str = ""
    """What to do."""


def doctor(given: Namespace) -> int:
    """Run the checks; the exit code is 1 if one of them failed."""
    if given.target is not None:
        load_graph(given.target)
    checks = []
    for check in _checks(given):
        checks.append(check)
        if not given.json:
            print(f"{MARKS[check.status]} {check.status:<4}  {check.name}: {check.found}")
            if check.advice:
                print(f"        → {check.advice}")
    if given.json:
        print(as_json([asdict(check) for check in checks], indent=2))
    return FAILED if any(check.status == "fail" for check in checks) else DONE


def _checks(given: Namespace) -> Iterator[Check]:
    yield _versions()
    yield _exporters()
    yield _content()
    yield _exceptions()
    yield _instrumentors()
    yield _store()
    if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Check("sdk", "fail", "OTEL_SDK_DISABLED is true, so nothing is exported", "unset it")
        return
    yield _sampler()
    yield from _road(given)


def _versions() -> Check:
    known = {name: _version(name) for name in ("otgraph", *PACKAGES)}
    told = ", ".join(f"{name} {number}" for name, number in known.items() if number)
    told = f"Python {sys.version.split()[0]}, {told}"
    api, sdk = known["opentelemetry-api"], known["opentelemetry-sdk"]
    if api and sdk and api.split(".")[:2] != sdk.split(".")[:2]:
        return Check("versions", "warn", told, "opentelemetry-api and -sdk should be of one release")
    return Check("versions", "ok", told)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _exporters() -> Check:
    found = {entry.name: entry for entry in entry_points(group="opentelemetry_traces_exporter")}
    missing = [name for name in OWN if name not in found]
    if missing:
        return Check("entry points", "warn", f"not registered: {', '.join(missing)}", "install otgraph again")
    broken = []
    for name in OWN:
        try:
            found[name].load()
        except Exception as error:
            broken.append(f"{name} ({error})")
    if broken:
        return Check(
            "entry points", "fail", f"cannot be imported: {', '.join(broken)}", "install otgraph again"
        )
    return Check("entry points", "ok", f"exporters by name: {', '.join(sorted(found))}")


def _content() -> Check:
    if get_telemetry().captures:
        return Check("content", "warn", "state, messages and custom events are recorded in spans",
                     "turn it off where traces go to others, or redact: TelemetryOptions(redact=...)")  # fmt: skip
    return Check("content", "ok", "not recorded")


def _exceptions() -> Check:
    if get_telemetry().exceptions_full:
        return Check(
            "exceptions",
            "ok",
            "type, message and frames are recorded; OTGRAPH_CAPTURE_EXCEPTIONS=type keeps messages out",
        )
    return Check("exceptions", "ok", "only their types are recorded")


def _instrumentors() -> Check:
    installed = sorted({entry.name for entry in entry_points(group="opentelemetry_instrumentor")})
    active = sorted(active_instrumentors())
    told = f"installed: {', '.join(installed) or 'none'}; active: {', '.join(active) or 'none'}"
    return Check("instrumentors", "ok", told, "otgraph itself needs none" if "langgraph" in active else "")


def _store() -> Check:
    from otgraph_exporters.trace_store.file import TraceStoreError, default_path
    from otgraph_exporters.trace_store.store import TraceStore

    path = default_path()
    if not path.exists():
        return Check("trace store", "skip", f"none at {path}")
    try:
        with TraceStore(path) as store:
            runs, size = store.runs(), store.size()
    except TraceStoreError as error:
        return Check("trace store", "fail", str(error))
    died = sum(run.state == "died" for run in runs)
    told = f"{path}: {len(runs):,} runs, {died:,} of them died, {size:,} bytes"
    return Check("trace store", "ok", told, "otgraph trace gc deletes old ones" if size > 1 << 30 else "")


def _sampler() -> Check:
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower() or "parentbased_always_on"
    ratio = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if name.endswith("always_off"):
        return Check("sampler", "fail", f"{name}: no run is exported", "unset OTEL_TRACES_SAMPLER")
    if name.endswith("always_on"):
        return Check("sampler", "ok", f"{name}: every run is exported")
    return Check(
        "sampler", "warn", f"{name} {ratio}: some runs are not exported, the test trace maybe neither"
    )


def _road(given: Namespace) -> Iterator[Check]:
    """Check the way of a trace, from this process to a backend and back."""
    names = _named()
    configured = bool(names) or given.endpoint is not None
    try:
        telemetry = setup(
            "otgraph-doctor", endpoint=given.endpoint, traces=names or True, metrics=False, logs=False
        )
    except ValueError as error:
        yield Check("exporter", "fail", str(error))
        return
    own = telemetry.states["traces"] == "application"
    otlp = own or "otlp" in telemetry.exporters["traces"]
    endpoint = _endpoint(given.endpoint)
    if own:
        yield Check("exporter", "ok", f"{given.target} has set a provider of its own")
    elif configured:
        yield Check("exporter", "ok", ", ".join(telemetry.exporters["traces"]))
    else:
        advice = "set OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_TRACES_EXPORTER, or call otgraph.telemetry.setup()"
        missing = "none is configured: spans go nowhere unless the program calls setup()"
        yield Check("exporter", "warn", missing, advice)
    if otlp and not own:
        refused = connect(endpoint, given.timeout)
        if refused is not None:
            yield Check("endpoint", "fail" if configured else "warn", f"nobody listens at {endpoint} ({refused})",
                        "start the collector or backend, or correct OTEL_EXPORTER_OTLP_ENDPOINT")  # fmt: skip
            return
        yield Check("endpoint", "ok", f"{endpoint} listens")
    yield from _sent(given, telemetry, urlsplit(endpoint).hostname or "localhost")


def _named() -> list[str]:
    names = [name.strip() for name in os.environ.get("OTEL_TRACES_EXPORTER", "").split(",") if name.strip()]
    if not names and any(os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("", "TRACES_")):
        names = ["otlp"]
    return [name for name in names if name != "none"]


def _endpoint(given: str | None) -> str:
    variables = [os.environ.get(f"OTEL_EXPORTER_OTLP_{part}ENDPOINT") for part in ("TRACES_", "")]
    protocols = [os.environ.get(f"OTEL_EXPORTER_OTLP_{part}PROTOCOL") for part in ("TRACES_", "")]
    usual = "http://localhost:4317" if "grpc" in protocols else "http://localhost:4318"
    return next(filter(None, (given, *variables)), usual)


def _sent(given: Namespace, telemetry: Telemetry, host: str) -> Iterator[Check]:
    trace_id, spans, complaints = send(flush, given.timeout)
    lost = sum(telemetry.lost.values())
    if lost or complaints:
        why = "; ".join(complaints) or f"{lost} spans did not arrive"
        yield Check(
            "test trace",
            "fail",
            f"trace {trace_id} was not taken: {why}",
            "look into the log of the receiver",
        )
        return
    yield Check("test trace", "ok", f"trace {trace_id} with {spans} spans was taken")
    asked = _backend(given, host)
    if asked is None:
        yield Check("backend", "skip", f"neither Jaeger nor Tempo answers at its usual port on {host}",
                    "say where it is, so that it is asked: --jaeger URL or --tempo URL")  # fmt: skip
        return
    backend, address = asked
    found, seconds, said = look_up(backend, address, trace_id, spans, given.timeout)
    if found >= spans:
        yield Check(
            "backend", "ok", f"{backend.name} at {address} returns all {spans} spans, after {seconds:.1f} s"
        )
    elif found:
        yield Check("backend", "fail", f"{backend.name} at {address} returns {found} of {spans} spans",
                    "some are dropped on the way: look at the collector's own metrics")  # fmt: skip
    else:
        missing = f"{backend.name} at {address} does not have the trace after {seconds:.0f} s: {said}"
        yield Check("backend", "fail", missing,
                    "is it where the collector exports to, and does tail sampling keep such a trace?")  # fmt: skip


def _backend(given: Namespace, host: str) -> tuple[Backend, str] | None:
    for name, backend in BACKENDS.items():
        address = getattr(given, name)
        if address is not None:
            if "//" not in address:
                raise CommandError(
                    f"--{name} {address!r} is no address: expected something like http://{host}:{backend.port}"
                )
            return backend, address
    return guess(host, min(given.timeout, 2.0))
