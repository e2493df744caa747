"""
Records of the standard library's `logging`, as OpenTelemetry's log records.

Rule: a record is exported with the ids of the run that it was written in. What is written by whoever exports is
never exported; messages pass the redaction hook, and exceptions are recorded as they are on spans.
"""

from __future__ import annotations

import logging
from time import time_ns
from typing import Any, Final

from opentelemetry import context as otel_context
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY
from opentelemetry.sdk import _logs as sdk_logs

from otgraph.tracing import names
from otgraph.tracing.exceptions import exception_event
from otgraph.tracing.log_ids import EMPTY, run_ids
from otgraph.tracing.options import get_telemetry
from otgraph.tracing.redaction import redacted

__all__ = ["LogExport"]

OWN: Final = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName", *EMPTY}
"""What a record has of its own; all else is what the caller gave as `extra`."""
IDS: Final = {
    "run_id": names.RUN_ID,
    "thread_id": names.CONVERSATION,
    "graph": names.WORKFLOW,
    "step": names.STEP,
    "node": names.NODE,
    "task_id": names.TASK_ID,
}
"""Our name of an id -> the name that spans have for it."""
SEVERITY: Final = {"WARNING": "WARN", "CRITICAL": "FATAL"}
EXPORTERS: Final = ("opentelemetry", "otgraph.tracing.lost")
"""Loggers whose records say that exporting fails."""


class LogExport(logging.Handler):
    """
    A handler that hands records over to a logger provider.

    Args:
        provider: whose exporters get them.
    """

    def __init__(self, provider: Any) -> None:
        super().__init__()
        self._provider = provider

    def emit(self, record: logging.LogRecord) -> None:
        """Hand over a record, unless it is about exporting itself."""
        if otel_context.get_value(_SUPPRESS_INSTRUMENTATION_KEY) or record.name.startswith(EXPORTERS):
            return
        try:
            self._provider.get_logger(record.name).emit(_made(self._provider, _told(record)))
        except Exception:
            self.handleError(record)


def _told(record: logging.LogRecord) -> dict[str, Any]:
    options = get_telemetry()
    attributes: dict[str, Any] = {
        "code.file.path": record.pathname,
        "code.function.name": record.funcName,
        "code.line.number": record.lineno,
    }
    for key, value in vars(record).items():
        if key not in OWN and isinstance(value, (str, bool, int, float)):
            attributes[key] = redacted(options, f"log.{key}", value)
    ids = run_ids()
    attributes.update({name: ids[key] for key, name in IDS.items() if key in ids})
    if record.exc_info and record.exc_info[1] is not None:
        attributes.update(exception_event(record.exc_info[1], options)[1])
    return {
        "timestamp": int(record.created * 1e9),
        "observed_timestamp": time_ns(),
        "context": otel_context.get_current(),
        "severity_text": SEVERITY.get(record.levelname, record.levelname),
        "severity_number": _severity(record.levelno),
        "body": str(redacted(options, "log.message", record.getMessage())),
        "attributes": attributes,
    }


def _made(provider: Any, told: dict[str, Any]) -> Any:
    """Make a record of the class that the installed SDK takes; until 1.38 that was one of its own."""
    kind = getattr(sdk_logs, "LogRecord", None)
    return LogRecord(**told) if kind is None else kind(**told, resource=provider.resource)


def _severity(level: int) -> SeverityNumber:
    # OpenTelemetry has four numbers for each level: DEBUG begins at 5, INFO at 9, and so on.
    return SeverityNumber(min(21, max(1, level // 10 * 4 + 1)))
