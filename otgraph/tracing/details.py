"""
The log events of a call of a model: what its span tells, with its content as data, and how it failed.

Rule: the first only where the user asked for it, the second wherever the application has a `LoggerProvider`; both are
of the span of the call, and content is in neither unless it is captured in events.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any, Final

from opentelemetry import _logs as logs
from opentelemetry import trace

from otgraph.tracing import names
from otgraph.tracing.content import as_data
from otgraph.tracing.exceptions import exception_event
from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.span import Span
from otgraph.version import __version__

__all__ = ["tell_details", "tell_exception"]

CONTENT: Final = frozenset(
    {names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS}
)
ALIKE: Final = ("gen_ai.", "server.", names.ERROR_TYPE)
"""What the attributes begin with that the event has in common with the span."""


def tell_details(
    options: TelemetryOptions, span: Span, content: Mapping[str, Any], *, exported: bool
) -> None:
    """
    Send the event that tells what the span does.

    Args:
        span: of the call, which is over.
        content: attribute -> what it is to tell, as data.
        exported: whether the span is; else nobody would find it by its id.
    """
    provider = _provider(options)
    if provider is None:
        return
    told = _alike(span)
    for attribute, value in content.items():
        told.update(as_data(options, attribute, value))
    _send(provider, names.DETAILS, logs.SeverityNumber.DEBUG, told, span if exported else trace.INVALID_SPAN)


def tell_exception(options: TelemetryOptions, span: Span, error: Exception, *, exported: bool) -> None:
    """
    Send the event of a call that failed; its arguments are those of `tell_details`.

    What is told of the exception, and what of it is hidden, is what a span would tell.
    """
    provider = _provider(options)
    if provider is None:
        return
    told = {**_alike(span), **exception_event(error, options)[1]}
    _send(provider, names.EXCEPTION, logs.SeverityNumber.WARN, told, span if exported else trace.INVALID_SPAN)


def _provider(options: TelemetryOptions) -> Any:
    """Return the user's provider; None for the proxy of one that was not set yet, and for a no-op."""
    provider = logs.get_logger_provider() if options.logger_provider is None else options.logger_provider
    return None if type(provider).__module__.startswith("opentelemetry._logs") else provider


def _alike(span: Span) -> dict[str, Any]:
    return {
        key: value for key, value in span._attributes.items() if key.startswith(ALIKE) and key not in CONTENT
    }


def _send(provider: Any, name: str, severity: logs.SeverityNumber, told: dict[str, Any], span: Any) -> None:
    try:
        logger = provider.get_logger(names.SCOPE, __version__)
        logger.emit(_record(logger, name, severity, told, span))
    except Exception as error:
        faults.count(error, "log event of a model call")


def _record(
    logger: Any, name: str, severity: logs.SeverityNumber, told: dict[str, Any], span: Any
) -> logs.LogRecord:
    record: Any = logs.LogRecord(
        timestamp=time_ns(),
        context=trace.set_span_in_context(span),
        severity_number=severity,
        severity_text=severity.name,
        event_name=name,
        attributes=told,
    )
    if hasattr(logger, "resource") and not hasattr(record, "resource"):
        # Before 1.38 the SDK takes a record of the API as it is, and its exporters look for these two.
        record.resource, record.dropped_attributes = logger.resource, 0
    return record  # type: ignore[no-any-return]
