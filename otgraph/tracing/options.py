"""
What a user may say about telemetry, in one frozen object.

Rule: accepted for the application (`set_telemetry`), for a graph (`compile(telemetry=…)`) and for a call
(`stream(…, telemetry=…)`); the nearest one wins as a whole.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from otgraph.tracing.budget import Budget, Price

__all__ = ["TelemetryOptions", "get_telemetry", "set_telemetry"]

logger = logging.getLogger(__name__)

CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
EVENTS_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT"
CONTENT_MODES = ("NO_CONTENT", "SPAN_ONLY", "EVENT_ONLY", "SPAN_AND_EVENT")
EXCEPTIONS_VARIABLE = "OTGRAPH_CAPTURE_EXCEPTIONS"


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryOptions:
    """How a run is recorded; the defaults follow the environment."""

    provider: Any = None
    """A `TracerProvider`; None for the global one at the time the run starts."""
    capture: bool | None = None
    """
    Whether state, messages and custom items are recorded on spans, as JSON.

    None follows `OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT`: off unless it names spans.
    """
    capture_events: bool | None = None
    """
    Whether the messages of calls of models are recorded in log events, as data.

    None follows the same variable: off unless it names events, and off where `capture` is False.
    """
    emit_events: bool | None = None
    """
    Whether each call of a model ends with a log event that tells what its span does.

    None follows `OTEL_INSTRUMENTATION_GENAI_EMIT_EVENT`, and where that says nothing, whether content is recorded in
    log events.
    """
    redact: Callable[[str, Any], Any] | None = None
    """
    Called as `redact(name, value)` on every captured payload and exception message before it is recorded.

    What it returns is recorded in the value's place; where it raises, `[REDACTED:error]` is.
    """
    max_payload: int = 65536
    """Characters of JSON after which a captured payload is cut and marked as truncated."""
    exceptions: Literal["full", "type"] | None = None
    """
    What is recorded of an exception: type, message and frames, or its type alone.

    None follows `OTGRAPH_CAPTURE_EXCEPTIONS`, which is `full` where it is not set.
    """
    trace_resume: Literal["link", "continue"] = "link"
    """
    Whether a resumed run is a new trace, or goes on in that of the paused one; it is linked to that either way.

    A caller's own span, where there is one, stays the parent. A fork is a new trace always.
    """

    meter_provider: Any = None
    """A `MeterProvider`; None for the global one."""
    logger_provider: Any = None
    """A `LoggerProvider`; None for the global one."""
    prices: Mapping[str, Price] | None = None
    """Name of a model, as asked for or as it answers -> what its tokens cost; needed for costs."""
    budget: Budget | None = None
    """What a run may take of models; one that has used it up ends with `BudgetExceededError`."""

    def __post_init__(self) -> None:
        for model, price in (self.prices or {}).items():
            if not isinstance(price, Price):
                raise TypeError(
                    f"the price of {model!r} must be a Price(input=..., output=...), not {price!r}"
                )
        if self.budget is not None and self.budget.cost is not None and not self.prices:
            raise ValueError(
                f"a budget of cost={self.budget.cost!r} needs prices: "
                "give TelemetryOptions(prices={model: Price(...)})"
            )
        for name in ("capture", "capture_events"):
            if getattr(self, name) not in (None, True, False):
                raise ValueError(f"{name} must be True, False or None, not {getattr(self, name)!r}")
        if self.exceptions not in (None, "full", "type"):
            raise ValueError(f"exceptions must be 'full', 'type' or None, not {self.exceptions!r}")
        if self.trace_resume not in ("link", "continue"):
            raise ValueError(f"trace_resume must be 'link' or 'continue', not {self.trace_resume!r}")

    @property
    def captures(self) -> bool:
        """Whether content is recorded, the environment considered."""
        if self.capture is not None:
            return self.capture
        return content_mode().startswith("SPAN_")

    @property
    def captures_events(self) -> bool:
        """Whether content is recorded in log events, the environment considered."""
        if self.capture_events is not None:
            return self.capture_events
        return self.capture is not False and "EVENT" in content_mode()

    @property
    def emits(self) -> bool:
        """Whether calls of models are told in log events, the environment considered."""
        if self.emit_events is not None:
            return self.emit_events
        said = events_wanted()
        return self.captures_events if said is None else said

    @property
    def exceptions_full(self) -> bool:
        """Whether exception messages and frames are recorded, the environment considered."""
        wanted = self.exceptions or os.environ.get(EXCEPTIONS_VARIABLE, "full").lower()
        return wanted != "type"


def content_mode() -> str:
    """Return where the environment wants content: `NO_CONTENT`, `SPAN_ONLY`, `EVENT_ONLY` or `SPAN_AND_EVENT`."""
    said = os.environ.get(CONTENT_VARIABLE)
    if said is None:
        return "NO_CONTENT"
    said = said.strip()
    mode = said.upper() or "NO_CONTENT"
    if mode in CONTENT_MODES:
        return mode
    _refuse(CONTENT_VARIABLE, said, CONTENT_MODES, "no content is captured")
    return "NO_CONTENT"


def events_wanted() -> bool | None:
    """Return whether the environment wants log events of calls of models; None where it does not say."""
    said = os.environ.get(EVENTS_VARIABLE, "").strip()
    if said.lower() in ("true", "false", ""):
        return None if not said else said.lower() == "true"
    _refuse(EVENTS_VARIABLE, said, ("true", "false"), "it is not followed")
    return None


def _refuse(variable: str, said: str, valid: Sequence[str], what: str) -> None:
    """Warn of a variable, once for each wrong value."""
    if (variable, said) not in _refused:
        _refused.add((variable, said))
        logger.warning("%s is %r, which is none of %s: %s", variable, said, ", ".join(valid), what)


_refused: set[tuple[str, str]] = set()
"""Variables, each with a value that was warned of."""
_application = TelemetryOptions()


def set_telemetry(options: TelemetryOptions) -> None:
    """Set the options of all graphs and calls that have none of their own."""
    global _application  # noqa: PLW0603 (one application, one setting)
    if not isinstance(options, TelemetryOptions):
        raise TypeError(f"expected TelemetryOptions, got {options!r}")
    _application = options


def get_telemetry() -> TelemetryOptions:
    """Return the options set for the application."""
    return _application
