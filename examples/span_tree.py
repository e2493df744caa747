"""
Finished OpenTelemetry spans, drawn as a tree with durations.

Rule: it knows OpenTelemetry only. Whatever opened the spans, a parent is drawn above its children.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from opentelemetry.sdk.trace import ReadableSpan

__all__ = ["draw"]

_SHOWN = 5
"""Of many siblings with one name so many are drawn, the first of them with its children."""

_LABEL, _BAR = 46, 24


def draw(spans: Sequence[ReadableSpan]) -> Iterator[str]:
    """Yield the lines of the tree: a span, its duration, and when within the whole it ran."""
    children: dict[int | None, list[ReadableSpan]] = {}
    known = {_id(span) for span in spans}
    for span in sorted(spans, key=_start):
        parent = span.parent.span_id if span.parent and span.parent.span_id in known else None
        children.setdefault(parent, []).append(span)
    for root in children.get(None, []):
        yield _line("", root, root)
        yield from _branches(root, root, children, "")


def _branches(
    parent: ReadableSpan, root: ReadableSpan, children: dict[int | None, list[ReadableSpan]], indent: str
) -> Iterator[str]:
    groups: dict[str, list[ReadableSpan]] = {}
    for span in children.get(_id(parent), []):
        groups.setdefault(span.name, []).append(span)
    for number, group in enumerate(groups.values(), 1):
        crowd = len(group) > _SHOWN + 1
        shown, rest = (group[:_SHOWN], group[_SHOWN:]) if crowd else (group, [])
        for place, span in enumerate(shown, 1):
            last = number == len(groups) and place == len(shown) and not rest
            yield _line(indent + ("└─ " if last else "├─ "), span, root)
            if place == 1 or not crowd:
                yield from _branches(span, root, children, indent + ("   " if last else "│  "))
        if rest:
            yield indent + ("└─ " if number == len(groups) else "├─ ") + _summary(rest)


def _summary(spans: Sequence[ReadableSpan]) -> str:
    times = [_duration(span) for span in spans]
    spread = f"{_time(min(times))} to {_time(max(times))}, median {_time(median(times))}"
    return f"… and {len(spans):,} more {spans[0].name}: {spread}"


def _line(indent: str, span: ReadableSpan, root: ReadableSpan) -> str:
    attributes = span.attributes or {}
    label = indent + span.name
    if "otgraph.step" in attributes and span.name == "otgraph.superstep":
        label += f" {attributes['otgraph.step']}"
    if attributes.get("gen_ai.operation.name") == "chat" and "gen_ai.usage.output_tokens" in attributes:
        read, written = (attributes.get(f"gen_ai.usage.{side}_tokens", 0) for side in ("input", "output"))
        label += f" ({read} → {written} tokens)"
    if attributes.get("otgraph.outcome", "success") != "success":
        label += f" ({attributes['otgraph.outcome']})"
    scale = _BAR / max(_duration(root), 1)
    begin = min(int((_start(span) - _start(root)) * scale), _BAR - 1)
    length = min(max(1, round(_duration(span) * scale)), _BAR - begin)
    bar = " " * begin + "█" * length
    return f"{label:<{_LABEL}} {_time(_duration(span)):>9}  {bar}".rstrip()


def _id(span: ReadableSpan) -> int:
    return span.get_span_context().span_id


def _start(span: ReadableSpan) -> int:
    return span.start_time or 0


def _duration(span: ReadableSpan) -> int:
    return (span.end_time or 0) - _start(span)


def _time(nanoseconds: float) -> str:
    if nanoseconds < 1e6:
        return f"{nanoseconds / 1e3:.0f} µs"
    return f"{nanoseconds / 1e6:.1f} ms" if nanoseconds < 1e9 else f"{nanoseconds / 1e9:.2f} s"
