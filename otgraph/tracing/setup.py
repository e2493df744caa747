"""
The one call that sets telemetry up for an application that has not done so itself.

Rule: nothing happens before the call, and it happens once. A provider that the application has already is left
alone. A process that is forked afterwards exports what is its own; what waits is exported when a process ends.
"""

from __future__ import annotations

import atexit
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from functools import partial
from threading import Lock, Thread
from time import monotonic
from typing import Any, Final, Literal, TypeAlias

from opentelemetry import metrics as metrics_api
from opentelemetry import trace

from otgraph.tracing import names
from otgraph.tracing.batches import SpanBatches
from otgraph.tracing.exporters import (
    Signal,
    Wanted,
    Wish,
    batch_settings,
    sampler_from_environment,
    wanted,
)
from otgraph.tracing.faults import faults
from otgraph.tracing.forked import Renewed, forget_measurements
from otgraph.tracing.lost import lost_spans, measure_lost_spans
from otgraph.version import __version__

__all__ = ["Telemetry", "flush", "setup", "shutdown"]

logger = logging.getLogger(__name__)

State: TypeAlias = Literal["exported", "off", "application"]
"""Of a signal: exported by this set-up, exported nowhere, or left to the provider that the application has."""

INSTANCE: Final = "service.instance.id"


class Telemetry:
    """What `setup` has set up; there is one of it in a process."""

    def __init__(self) -> None:
        self.states: dict[Signal, State] = {"traces": "off", "metrics": "off", "logs": "off"}
        """Signal -> `exported`, `off`, or `application` where the application has a provider of its own."""
        self.exporters: dict[Signal, list[str]] = {"traces": [], "metrics": [], "logs": []}
        """Signal -> names of the exporters that it goes to."""
        self._providers: dict[Signal, Any] = {}
        self._handler: logging.Handler | None = None
        self._over = False

    def __repr__(self) -> str:
        told = (
            f"{signal}={','.join(self.exporters[signal]) or state}" for signal, state in self.states.items()
        )
        return f"Telemetry({', '.join(told)})"

    @property
    def lost(self) -> dict[str, int]:
        """How many spans this process has lost, by reason."""
        return {str(reason): spans for reason, spans in lost_spans.counts.items()}

    def flush(self, timeout: float = 10.0) -> bool:
        """Export what waits now; False if that took longer than `timeout` seconds."""
        return _flush(self._providers or _global_providers(), timeout)

    def shutdown(self, timeout: float = 10.0) -> None:
        """Export what waits, for `timeout` seconds at most, and end; spans that are left are counted as lost."""
        if self._over:
            return
        self._over = True
        if self._handler is not None:
            logging.getLogger().removeHandler(self._handler)
        end = monotonic() + timeout
        # Metrics come last, for they tell of lost spans.
        for signal in ("logs", "traces", "metrics"):
            provider = self._providers.get(signal)
            if provider is not None:
                left = max(0.5, end - monotonic())
                _within(left + 2.0, partial(_end, provider, left))


_the: Telemetry | None = None
_once: Final = Lock()


def setup(
    service: str | None = None,
    *,
    endpoint: str | None = None,
    protocol: str | None = None,
    traces: Wish = None,
    metrics: Wish = None,
    logs: Wish = None,
    resource: Mapping[str, Any] | None = None,
) -> Telemetry:
    """
    Set up OpenTelemetry for this process: providers, exporters, flushing at exit.

    What is not said here is as the variables `OTEL_*` say. A second call changes nothing and returns what the
    first one did. Where the application has a provider, that signal is left to it.

    Args:
        service: the name of the service, in place of `OTEL_SERVICE_NAME`.
        endpoint: where OTLP goes, such as `http://localhost:4318`, in place of `OTEL_EXPORTER_OTLP_ENDPOINT`.
        protocol: `http/protobuf` (the default) or `grpc`, in place of `OTEL_EXPORTER_OTLP_PROTOCOL`.
        traces: True or the names of exporters, exporters, or callables that make one; False for none. None follows
            `OTEL_TRACES_EXPORTER`, or is OTLP.
        metrics: the same, for `OTEL_METRICS_EXPORTER`.
        logs: the same, for `OTEL_LOGS_EXPORTER`; but where neither asks for them, logs are not exported.
        resource: attributes of the service, over those of `OTEL_RESOURCE_ATTRIBUTES`.

    Raises:
        ValueError: an argument or a variable cannot be followed.
    """
    global _the  # noqa: PLW0603 (one process, one set-up)
    wishes: dict[Signal, Wish] = {"traces": traces, "metrics": metrics, "logs": logs}
    with _once:
        if _the is not None:
            given = any(
                item is not None for item in (service, endpoint, protocol, resource, *wishes.values())
            )
            if given:
                logger.warning(
                    "Telemetry is set up already, as %r; what this call of setup() says is ignored", _the
                )
            return _the
        made = Telemetry()
        if os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
            logger.info("OTEL_SDK_DISABLED is true, so telemetry goes nowhere")
        else:
            plan = {signal: wanted(signal, wish, endpoint, protocol) for signal, wish in wishes.items()}
            _build(made, plan, {**(resource or {}), **({"service.name": service} if service else {})})
        _the = made
    return made


def flush(timeout: float = 10.0) -> bool:
    """
    Export what waits now, as a function does that is frozen or killed after it answered.

    Providers that the application has set up itself are flushed as well.

    Returns:
        Whether that took no longer than `timeout` seconds.
    """
    return _flush(_global_providers(), timeout) if _the is None else _the.flush(timeout)


def shutdown(timeout: float = 10.0) -> None:
    """End what `setup` has begun; it happens by itself when the process ends."""
    if _the is not None:
        _the.shutdown(timeout)


def _build(made: Telemetry, plan: Mapping[Signal, list[Wanted]], attributes: Mapping[str, Any]) -> None:
    from opentelemetry.sdk.resources import Resource

    resource = Resource.create(dict(attributes))
    if INSTANCE not in resource.attributes:
        resource = resource.merge(Resource({INSTANCE: str(uuid.uuid4())}))
    makers: dict[Signal, Callable[[list[Any], Any], Any]] = {
        "metrics": _meter_provider,
        "traces": _tracer_provider,
        "logs": _logger_provider,
    }
    ready: dict[Signal, list[Any]] = {}
    for signal, items in plan.items():
        if _is_free(signal):
            ready[signal] = [_made(signal, item) for item in items]
        else:
            made.states[signal] = "application"
            logger.info("The application has a provider for %s, which is left alone", signal)
    # Made before any is set: what cannot be followed leaves nothing behind.
    providers = {
        signal: make(ready[signal], resource) for signal, make in makers.items() if ready.get(signal)
    }
    for signal, provider in providers.items():
        _set(signal, provider)
        made._providers[signal] = provider
        made.states[signal] = "exported"
        made.exporters[signal] = [item.name for item in plan[signal]]
    if "traces" in providers:
        measure_lost_spans(metrics_api.get_meter(names.SCOPE, __version__))
    if "logs" in providers:
        from otgraph.tracing.log_export import LogExport

        made._handler = LogExport(providers["logs"])
        logging.getLogger().addHandler(made._handler)
    if providers:
        _stay(made)


def _made(signal: Signal, item: Wanted) -> Any:
    """Make an exporter, so that what is wrong with it shows now; a child of this process makes its own."""
    try:
        made = item.make() if item.ready else Renewed(item.make)
    except Exception as error:
        raise ValueError(f"the exporter {item.name!r} for {signal} cannot be made: {error}") from error
    return made


def _tracer_provider(exporters: list[Any], resource: Any) -> Any:
    from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

    sampler = sampler_from_environment()
    provider = TracerProvider(sampler=sampler, resource=resource, shutdown_on_exit=False)
    settings = batch_settings()
    for exporter in exporters:
        itself = exporter.made if isinstance(exporter, Renewed) else exporter
        is_processor = isinstance(itself, SpanProcessor)
        provider.add_span_processor(itself if is_processor else SpanBatches(exporter, settings))
    return provider


def _meter_provider(exporters: list[Any], resource: Any) -> Any:
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader

    readers = []
    for exporter in exporters:
        itself = exporter.made if isinstance(exporter, Renewed) else exporter
        is_reader = isinstance(itself, MetricReader)
        readers.append(itself if is_reader else PeriodicExportingMetricReader(exporter))
    return MeterProvider(readers, resource, shutdown_on_exit=False)


def _logger_provider(exporters: list[Any], resource: Any) -> Any:
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import BatchLogRecordProcessor

    provider = LoggerProvider(resource, shutdown_on_exit=False)
    for exporter in exporters:
        provider.add_log_record_processor(BatchLogRecordProcessor(exporter))
    return provider


# ---- the application's own providers


def _global(signal: Signal) -> Any:
    if signal == "traces":
        return trace.get_tracer_provider()
    if signal == "metrics":
        return metrics_api.get_meter_provider()
    from opentelemetry._logs import get_logger_provider

    return get_logger_provider()


def _is_free(signal: Signal) -> bool:
    """Say whether nobody has set a provider; until then OpenTelemetry has a proxy there."""
    return "Proxy" in type(_global(signal)).__name__


def _set(signal: Signal, provider: Any) -> None:
    if signal == "traces":
        trace.set_tracer_provider(provider)
    elif signal == "metrics":
        metrics_api.set_meter_provider(provider)
    else:
        from opentelemetry._logs import set_logger_provider

        set_logger_provider(provider)


def _global_providers() -> dict[Signal, Any]:
    signals: tuple[Signal, ...] = ("traces", "metrics", "logs")
    return {signal: _global(signal) for signal in signals}


# ---- until the end


def _stay(made: Telemetry) -> None:
    """See to it that what waits is exported when this process ends, or one that is forked from it."""
    atexit.register(made.shutdown)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lambda: _in_child(made))
    try:
        from multiprocessing import util
    except ImportError:
        return  # where processes cannot be made
    # Processes of multiprocessing end without atexit; they have finalizers of their own.
    util.register_after_fork(made, lambda made: util.Finalize(None, made.shutdown, exitpriority=100))


def _in_child(made: Telemetry) -> None:
    lost_spans.reset()
    provider = made._providers.get("metrics")
    if provider is not None:
        forget_measurements(provider)


def _flush(providers: Mapping[Signal, Any], timeout: float) -> bool:
    end = monotonic() + timeout
    done = True
    for provider in providers.values():
        # A processor that has nothing to flush may say nothing, which a provider of the SDK takes for a no.
        for each in _processors(provider) or (provider,):
            force = getattr(each, "force_flush", None)
            if force is not None:
                left = max(0.0, end - monotonic())
                done = _within(left, partial(force, int(left * 1000))) and done
    return done


def _processors(provider: Any) -> tuple[Any, ...]:
    return tuple(getattr(getattr(provider, "_active_span_processor", None), "_span_processors", ()))


def _end(provider: Any, seconds: float) -> bool:
    """Shut a provider down; one of the SDK's takes no time limit for spans, so that its processors are told."""
    for processor in _processors(provider):
        if isinstance(processor, SpanBatches):
            processor.shutdown(seconds * 1000)
    try:
        provider.shutdown(timeout_millis=seconds * 1000)
    except TypeError:
        provider.shutdown()
    return True


def _within(seconds: float, call: Callable[[], Any]) -> bool:
    """Call something that may take for ever; return whether it said yes in time."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(call())
        except Exception as error:
            faults.count(error, "export at the end")
            answers.append(False)

    worker = Thread(target=ask, name="otgraph-flush", daemon=True)
    try:
        worker.start()
    except RuntimeError:
        # The interpreter is too far on its way out for threads.
        ask()
    else:
        worker.join(seconds)
    return bool(answers and answers[0] is not False)
