"""
What otgraph measures, as Prometheus knows it.

Rule: no name of a metric or of an attribute is spelt here; they are those of `otgraph.tracing.names`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from otgraph.tracing import names

__all__ = ["METRICS", "Metric", "label"]

UNITS: Final = {"s": "_seconds", "By": "_bytes"}
"""What Prometheus adds to a name for the unit; one in braces is an annotation, and adds nothing."""


@dataclass(frozen=True)
class Metric:
    """One instrument: its name and unit in OpenTelemetry, and what kind of series it becomes."""

    name: str
    unit: str
    kind: Literal["counter", "gauge", "histogram"]

    @property
    def series(self) -> str:
        """The name of its series; those of a histogram continue in `_count`, `_sum` and `_bucket`."""
        total = "_total" if self.kind == "counter" else ""
        return label(self.name) + UNITS.get(self.unit, "") + total

    @property
    def count(self) -> str:
        """The series that grows by one with each measurement."""
        return self.series + ("_count" if self.kind == "histogram" else "")

    @property
    def sum(self) -> str:
        """The series that grows by what was measured; histograms only."""
        return self.series + "_sum"

    @property
    def bucket(self) -> str:
        """The series of the buckets; histograms only."""
        return self.series + "_bucket"


def label(attribute: str) -> str:
    """Return the name that Prometheus gives a metric or an attribute."""
    return attribute.replace(".", "_")


RUN = Metric(names.RUN_DURATION, "s", "histogram")
AGENT = Metric(names.AGENT_DURATION, "s", "histogram")
AGENT_CALLS = Metric(names.AGENT_CALLS, "{inference_call}", "histogram")
AGENT_TOOLS = Metric(names.AGENT_TOOLS, "{tool_call}", "histogram")
TOOL = Metric(names.TOOL_DURATION, "s", "histogram")
CALL = Metric(names.CALL_DURATION, "s", "histogram")
FIRST_CHUNK = Metric(names.CALL_FIRST_CHUNK, "s", "histogram")
PER_CHUNK = Metric(names.CALL_CHUNKS, "s", "histogram")
TOKENS = Metric(names.TOKEN_USAGE, "{token}", "histogram")
COST = Metric(names.COST, "{cost}", "counter")
NODE = Metric(names.NODE_DURATION, "s", "histogram")
BARRIER = Metric(names.BARRIER_WAIT, "s", "histogram")
RETRIES = Metric(names.RETRIES, "{retry}", "counter")
STEP = Metric(names.STEP_DURATION, "s", "histogram")
STEP_TASKS = Metric(names.STEP_WIDTH, "{task}", "histogram")
ACTIVE = Metric(names.RUN_ACTIVE, "{run}", "gauge")
PAUSED = Metric(names.RUN_PAUSED, "{run}", "gauge")
PAUSES = Metric(names.PAUSES, "{pause}", "counter")
RESUMES = Metric(names.RESUMES, "{run}", "counter")
OLDEST_PAUSE = Metric(names.OLDEST_PAUSE, "s", "gauge")
WAIT = Metric(names.INTERRUPT_WAITS, "s", "histogram")
RECURSION = Metric(names.LIMIT_HITS, "{run}", "counter")
CHECKPOINT = Metric(names.SAVE_DURATION, "s", "histogram")
CHECKPOINT_SIZE = Metric(names.SAVE_SIZE, "By", "histogram")
LAG = Metric(names.STREAM_LAG, "s", "histogram")
DROPPED = Metric(names.STREAM_DROPPED, "{chunk}", "counter")
FAULTS = Metric(names.FAULTS, "{fault}", "counter")
LOST = Metric(names.SPANS_LOST, "{span}", "counter")

METRICS: Final = [value for value in list(globals().values()) if isinstance(value, Metric)]
"""All of them."""
