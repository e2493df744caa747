"""
The log event of a call of a model: what its span tells, and its content as data.

Rule: only where the user asked for content in events. It is of the span of the call, and goes to the application's own
`LoggerProvider`.
"""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any, Final

from opentelemetry import _logs as logs
from opentelemetry import trace

from otgraph.tracing import names
from otgraph.tracing.content import as_data
from otgraph.tracing.faults import faults
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.span import Span
from otgraph.version import __version__

__all__ = ["tell_details"]

CONTENT: Final = frozenset(
    {names.INPUT_MESSAGES, names.OUTPUT_MESSAGES, names.SYSTEM_INSTRUCTIONS, names.TOOL_DEFINITIONS}
)
ALIKE: Final = ("gen_ai.", "server.", names.ERROR_TYPE)
"""What the attributes begin with that the event has in common with the span."""


def tell_details(
    options: TelemetryOptions, span: Span, content: Mapping[str, Any], *, exported: bool
) -> None:
    """
    Send the event.

    Args:
        span: of the call, which is over.
        content: attribute -> what it is to tell, as data.
        exported: whether the span is; else nobody would find it by its id.
    """
    provider = logs.get_logger_provider() if options.logger_provider is None else options.logger_provider
    if type(provider).__module__.startswith("opentelemetry._logs"):
        # The proxy of one that was not set yet, or a no-op.
        return
    attributes = {
        key: value for key, value in span._attributes.items() if key.startswith(ALIKE) and key not in CONTENT
    }
    for attribute, value in content.items():
        attributes.update(as_data(options, attribute, value))
    try:
        logger = provider.get_logger(names.SCOPE, __version__)
        logger.emit(_record(logger, attributes, span if exported else trace.INVALID_SPAN))
    except Exception as error:
        faults.count(error, "log event of a model call")


def _record(logger: Any, attributes: dict[str, Any], span: Any) -> logs.LogRecord:
    record: Any = logs.LogRecord(
        timestamp=time_ns(),
        context=trace.set_span_in_context(span),
        severity_number=logs.SeverityNumber.DEBUG,
        severity_text="DEBUG",
        event_name=names.DETAILS,
        attributes=attributes,
    )
    if hasattr(logger, "resource") and not hasattr(record, "resource"):
        # Before 1.38 the SDK takes a record of the API as it is, and its exporters look for these two.
        record.resource, record.dropped_attributes = logger.resource, 0
    return record  # type: ignore[no-any-return]
