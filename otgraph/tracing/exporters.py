"""
Which exporters an application wants: what it says itself, else what OpenTelemetry's variables say.

Rule: an exporter is found by its name in OpenTelemetry's entry-point groups, whoever registered it, and imported
when it is wanted. What cannot be followed is an error that says what was expected, never a silent default.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final, Literal, TypeAlias

from otgraph.tracing.batches import BatchSettings

__all__ = ["Signal", "Wanted", "Wish", "batch_settings", "sampler_from_environment", "wanted"]

Signal: TypeAlias = Literal["traces", "metrics", "logs"]
Wish: TypeAlias = bool | str | Sequence[Any] | Any | None
"""What to do with a signal: nothing, the usual, a name or several, or exporters themselves."""

PROTOCOLS: Final = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
SDK_SAMPLERS: Final = (
    "always_on",
    "always_off",
    "traceidratio",
    "parentbased_always_on",
    "parentbased_always_off",
    "parentbased_traceidratio",
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One exporter that is wanted."""

    name: str
    make: Callable[[], Any]
    """Makes an exporter, a metric reader or a span processor; what was given ready-made is returned as it is."""
    ready: bool = False
    """Whether it was given ready-made, so that it cannot be made again in a forked process."""


def wanted(signal: Signal, wish: Wish, endpoint: str | None, protocol: str | None) -> list[Wanted]:
    """
    Return the exporters of a signal.

    Args:
        signal: which.
        wish: what the application said, None where it leaves it to the environment.
        endpoint: the base address for OTLP, in place of the environment's.
        protocol: the same for the protocol.

    Raises:
        ValueError: a name or a protocol is unknown.
    """
    variable = f"OTEL_{signal.upper()}_EXPORTER"
    if wish is None or wish is True:
        said = os.environ.get(variable, "").strip() or ("otlp" if wish or signal != "logs" else "none")
        return list(_named(signal, said, variable, (endpoint, protocol)))
    if wish is False:
        return []
    if isinstance(wish, str):
        return list(_named(signal, wish, f"setup({signal}=...)", (endpoint, protocol)))
    items = wish if isinstance(wish, (list, tuple)) else (wish,)
    found: list[Wanted] = []
    for item in items:
        if isinstance(item, str):
            found += _named(signal, item, f"setup({signal}=...)", (endpoint, protocol))
        elif callable(item):
            found.append(Wanted(getattr(item, "__name__", repr(item)), item))
        elif hasattr(item, "shutdown"):
            found.append(Wanted(type(item).__name__, partial(_same, item), ready=True))
        else:
            raise ValueError(
                f"setup({signal}=...) takes the names of exporters, exporters, or callables that make one, "
                f"not {item!r}"
            )
    return found


def _same(item: Any) -> Any:
    return item


def _named(signal: Signal, said: str, where: str, otlp: tuple[str | None, str | None]) -> Iterator[Wanted]:
    names = [name.strip() for name in said.split(",") if name.strip()]
    if "none" in names:
        if len(names) > 1:
            raise ValueError(f"{where} is {said!r}: 'none' goes with no other exporter")
        return
    for name in names:
        yield _wanted(signal, name, where, otlp)


def _wanted(signal: Signal, name: str, where: str, otlp: tuple[str | None, str | None]) -> Wanted:
    endpoint, protocol = otlp
    group = f"opentelemetry_{signal}_exporter"
    registered = "otlp_proto_http" if name == "otlp" else name
    if name == "otlp":
        registered = PROTOCOLS[_protocol(signal, protocol)]
    entry = _entry(group, registered)
    if entry is None:
        known = sorted({"otlp", "none", *(each.name for each in entry_points(group=group))})
        raise ValueError(
            f"{where} names the exporter {name!r}, which is not installed: expected one of {', '.join(known)}, "
            "or several of them separated by commas"
        )
    try:
        kind = entry.load()
    except Exception as error:
        raise ValueError(f"the exporter {name!r} of {where} cannot be imported: {error}") from error
    if endpoint is None or registered not in PROTOCOLS.values():
        return Wanted(name, kind)
    address = _address(endpoint, signal, registered)
    return Wanted(name, partial(kind, endpoint=address))


def _protocol(signal: Signal, given: str | None) -> str:
    variables = (f"OTEL_EXPORTER_OTLP_{signal.upper()}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    sources = [("setup(protocol=...)", given), *((name, os.environ.get(name)) for name in variables)]
    for where, value in sources:
        if value and value.strip():
            if value.strip() not in PROTOCOLS:
                raise ValueError(f"{where} is {value!r}: expected {' or '.join(map(repr, PROTOCOLS))}")
            return value.strip()
    return "http/protobuf"


def _address(endpoint: str, signal: Signal, registered: str) -> str:
    if not endpoint.startswith(("http://", "https://")):
        raise ValueError(
            f"setup(endpoint=...) is {endpoint!r}: expected an address that begins with http:// or https://, "
            "such as http://localhost:4318"
        )
    return endpoint if registered == PROTOCOLS["grpc"] else f"{endpoint.rstrip('/')}/v1/{signal}"


def _entry(group: str, name: str) -> EntryPoint | None:
    return next(iter(entry_points(group=group, name=name)), None)


def batch_settings() -> BatchSettings:
    """Return how spans are queued, as the `OTEL_BSP_*` variables say, or as suits agents."""
    usual = BatchSettings()
    queue = _number("OTEL_BSP_MAX_QUEUE_SIZE", usual.queue)
    batch = _number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(usual.batch, queue))
    if batch > queue:
        raise ValueError(
            f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE is {batch}: expected no more than OTEL_BSP_MAX_QUEUE_SIZE, {queue}"
        )
    return BatchSettings(queue, batch, _number("OTEL_BSP_SCHEDULE_DELAY", int(usual.delay * 1000)) / 1000)


def _number(variable: str, usual: int) -> int:
    said = os.environ.get(variable, "").strip()
    if not said:
        return usual
    if not said.isdecimal() or int(said) == 0:
        raise ValueError(f"{variable} is {said!r}: expected a whole number above 0")
    return int(said)


def sampler_from_environment() -> Any:
    """
    Return the sampler that `OTEL_TRACES_SAMPLER` names where the SDK does not make it by itself, else None.

    Raises:
        ValueError: it names none, or its argument is no ratio.
    """
    name = os.environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    argument = os.environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if name.endswith("traceidratio") and argument and not _is_ratio(argument):
        raise ValueError(
            f"OTEL_TRACES_SAMPLER_ARG is {argument!r}: expected a ratio from 0 to 1, such as 0.1"
        )
    if not name or name in SDK_SAMPLERS:
        return None
    entry = _entry("opentelemetry_traces_sampler", name)
    if entry is None:
        known = sorted(
            {*SDK_SAMPLERS, *(each.name for each in entry_points(group="opentelemetry_traces_sampler"))}
        )
        raise ValueError(f"OTEL_TRACES_SAMPLER is {name!r}: expected one of {', '.join(known)}")
    return entry.load()(argument or None)


def _is_ratio(text: str) -> bool:
    try:
        return 0.0 <= float(text) <= 1.0
    except ValueError:
        return False
