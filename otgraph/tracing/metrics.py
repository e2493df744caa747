"""
Meters: the instruments that otgraph has on one meter provider, and which provider that is.

Rule: the provider is the user's and is only asked for instruments; it is looked up anew for each root run. What it
does wrong is counted, and breaks nothing. Without one that keeps measurements, nothing is measured.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import metrics

from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.tracing.late import Late
from otgraph.tracing.metrics_calls import CallMeters
from otgraph.tracing.metrics_runs import RunMeters
from otgraph.tracing.metrics_saves import SaveMeters
from otgraph.tracing.metrics_steps import StepMeters
from otgraph.tracing.metrics_streams import StreamMeters
from otgraph.version import __version__

__all__ = ["Meters", "meters_for"]


class Meters:
    """
    See the module.

    Args:
        meter: makes the instruments.
    """

    __slots__ = ("calls", "late", "runs", "saves", "steps", "streams")

    def __init__(self, meter: metrics.Meter) -> None:
        self.late = late = Late()
        self.calls = CallMeters(meter, late, names.CALL_METRICS)
        self.runs = RunMeters(meter, late)
        self.saves = SaveMeters(meter)
        self.steps = StepMeters(meter, late)
        self.streams = StreamMeters(meter, late)
        what = "Faults of telemetry that were swallowed, since the process began."
        meter.create_observable_counter(names.FAULTS, [self._faults], "{fault}", what)

    def _faults(self, options: Any) -> Iterator[metrics.Observation]:
        # What is observed is asked for before the rest is collected.
        self.late.flush()
        for where, count in faults.counts.copy().items():
            yield metrics.Observation(count, {names.FAULT_WHERE: where})


def meters_for(provider: Any = None) -> Meters | None:
    """
    Return the instruments of `provider`, or of the global one as it is now; None where nobody keeps measurements.

    A no-op, the proxy of a provider that was not set yet, and the SDK's where `OTEL_SDK_DISABLED` is true keep none.
    """
    try:
        if provider is None:
            provider = metrics.get_meter_provider()
        if type(provider).__module__.startswith("opentelemetry.metrics") or getattr(
            provider, "_disabled", False
        ):
            return None
        meters = _known.get(provider)
        if meters is None:
            meters = _known[provider] = Meters(provider.get_meter(names.SCOPE, __version__))
    except Exception as error:
        faults.count(error, "meter provider")
        return None
    return meters


_known: WeakKeyDictionary[Any, Meters] = WeakKeyDictionary()
