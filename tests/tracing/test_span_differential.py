"""
otgraph's span against the SDK's: the same operations on both, then the same bytes from the OTLP encoder.

The SDK that is installed decides what is right; nothing here names a release.
"""

from __future__ import annotations

import copy
import enum
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import opentelemetry.sdk.trace as sdk
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

import otgraph.tracing.span as ours
from otgraph.tracing.limits import SpanLimits as Limits
from otgraph.tracing.span import Span, SpanSource

NOW = 1_700_000_000_000_000_000


class Kept(SpanProcessor):
    """Keeps what ended."""

    def __init__(self) -> None:
        self.ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        self.ended.append(span)


class Silent:
    """A stream that nobody reads."""

    def on_start(self, span: Span) -> None: ...

    def on_event(self, span: Span, name: str, time_ns: int, attributes: Any, fact: Any) -> None: ...

    def on_end(self, span: Span) -> None: ...


class Warnings(logging.Handler):
    """Counts what is logged while both spans are driven."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


kept = Kept()
provider = TracerProvider(shutdown_on_exit=False)
provider.add_span_processor(kept)
tracer = provider.get_tracer("otgraph", "1", "https://example.org/schema")
warned = Warnings()


@contextmanager
def fixed_clock() -> Iterator[None]:
    """Make both spans see one time, and count warnings instead of printing them."""
    loggers = [logging.getLogger("opentelemetry"), logging.getLogger("otgraph")]
    clocks = sdk.time_ns, ours.time_ns
    sdk.time_ns = ours.time_ns = lambda: NOW
    for logger in loggers:
        logger.addHandler(warned)
        logger.propagate = False
    try:
        yield
    finally:
        sdk.time_ns, ours.time_ns = clocks
        for logger in loggers:
            logger.removeHandler(warned)
            logger.propagate = True


# ---- values


class Told:
    """Has a string of its own."""

    def __str__(self) -> str:
        return "told"


class Mute:
    """Has none; two of them look alike."""

    def __repr__(self) -> str:
        return "mute"


class Plain:
    """Has neither, so that its string would be an address."""


class Named(str):
    """A str that is not exactly one."""


class Colour(enum.IntEnum):
    RED = 1


class Level(str, enum.Enum):
    HIGH = "high"


class Broken(Exception):
    """Comes from no module of builtins."""


text = st.text(max_size=6)
plain = st.one_of(text, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats())
odd = st.one_of(
    st.none(),
    st.binary(max_size=6),
    st.just(b"\xff"),
    st.just(2**70),
    st.builds(Told),
    st.builds(Mute),
    st.builds(Plain),
    st.builds(Named, text),
    st.sampled_from(
        [Colour.RED, Level.HIGH, bytearray(b"ab"), memoryview(b"ab").tobytes(), {1, 1}, range(3), 1j]
    ),
)
keys = st.one_of(
    st.sampled_from(["a", "b", "c", "d", "e"]),
    text,
    st.sampled_from([None, 0, 7, b"k", "", Named("n"), ("t",)]),
)
values = st.recursive(
    plain | odd,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(plain, max_size=3).map(tuple),
        st.lists(text, max_size=3),
        st.dictionaries(st.sampled_from(["a", "b", "", 3, None]) | text, inner, max_size=3),
    ),
    max_leaves=6,
)
plain_attributes = st.dictionaries(text.filter(bool), plain, max_size=6)
attributes = st.none() | plain_attributes | st.dictionaries(keys, values, max_size=5)
times = st.none() | st.integers(0, 2**63)

contexts = st.builds(
    SpanContext,
    st.sampled_from([0, 1, 2**127]),
    st.sampled_from([0, 1, 2**63]),
    st.booleans(),
    st.sampled_from([TraceFlags(0), TraceFlags(1)]),
    st.sampled_from([TraceState(), TraceState([("vendor", "x")])]),
)
errors: st.SearchStrategy[Callable[[], BaseException]] = st.sampled_from(
    [
        lambda: ValueError("bad"),
        lambda: Broken("worse", 2),
        lambda: KeyError("k"),
        lambda: KeyboardInterrupt(),
        lambda: GeneratorExit(),
        lambda: Broken(),
    ]
)
codes = st.sampled_from(list(StatusCode))
descriptions = st.sampled_from([None, "", "why", 5, "x" * 20])
statuses = st.one_of(
    st.tuples(st.builds(Status, codes, descriptions)),
    st.tuples(st.builds(Status, codes, descriptions), descriptions),
    st.tuples(codes),
    st.tuples(codes, descriptions),
    st.sampled_from([(None,), ("ERROR",), (2,), (None, "why")]),
)

# ---- operations


@dataclass
class Op:
    """A call of a span's method; `inside` is what happens in a `with` block, before `error` is raised."""

    method: str
    args: tuple[Any, ...] = ()
    inside: tuple[Op, ...] = ()
    error: Callable[[], BaseException] | None = None


def ops(method: str, *args: st.SearchStrategy[Any]) -> st.SearchStrategy[Op]:
    return st.builds(lambda *drawn: Op(method, drawn), *args)


setting = st.one_of(
    ops("set_attribute", st.sampled_from("abc"), plain),
    ops("set_attribute", st.sampled_from("abc") | keys, plain),
    ops("set_attribute", st.sampled_from("abc") | keys, values),
    ops("set_attributes", st.dictionaries(st.sampled_from("abcdef"), plain, max_size=4)),
    ops("set_attributes", st.dictionaries(st.sampled_from("abc") | keys, values, max_size=4)),
    ops("set_attributes", st.sampled_from([5, None, [("a", 1)], "ab"])),
)
adding = st.one_of(
    ops("add_event", text, st.none() | plain_attributes, times),
    ops("add_event", text, attributes, times),
    ops("add_event", text, st.just([1]), times),
    ops("record_exception", errors, attributes, times, st.booleans()),
)
telling = st.one_of(
    statuses.map(lambda args: Op("set_status", args)),
    ops("update_name", text | st.sampled_from(["other", 5])),
    ops("add_link", contexts | st.none(), attributes),
)
change = setting | adding | telling
block = st.builds(
    lambda inside, error: Op("with", inside=tuple(inside), error=error),
    st.lists(change | ops("end", times), max_size=4),
    st.none() | errors,
)
nested = st.builds(
    lambda inside, error: Op("with", inside=tuple(inside), error=error),
    st.lists(change | block, max_size=4),
    st.none() | errors,
)
sequences = st.builds(
    lambda before, end, after: [*before, *end, *after],
    st.one_of([st.lists(some, max_size=14) for some in (change, setting, adding, telling)]),
    st.lists(st.one_of(ops("end", times), block, nested), max_size=1),
    st.lists(change | ops("end", times) | block, max_size=3),
)
few = st.sampled_from([SpanLimits.UNSET, 128, 0, 1, 2, 3, 5])
length = st.sampled_from([SpanLimits.UNSET] * 4 + [0, 1, 3])
limits = st.builds(SpanLimits, few, few, few, few, few, few, length, length)


def scribble(value: Any) -> None:
    """Change what the caller still holds: a span must not see it."""
    if isinstance(value, dict):
        for inner in value.values():
            scribble(inner)
        value["scribbled"] = True
    elif isinstance(value, list):
        for inner in value:
            scribble(inner)
        value.append("scribbled")


def apply(span: Any, op: Op) -> Any:
    """Do `op` to `span`; return what came back, or the type of what was raised."""
    args = copy.deepcopy(op.args)
    try:
        if op.method == "with":
            with span as entered:
                assert entered is span
                for step in op.inside:
                    apply(span, step)
                if op.error is not None:
                    raise op.error()
            return None
        if op.method == "record_exception":
            try:
                raise args[0]()
            except BaseException as error:
                args = (error, *args[1:])
        return getattr(span, op.method)(*args)
    except BaseException as error:
        return type(error)
    finally:
        for arg in args:
            scribble(arg)


def drive(span: Any, steps: list[Op]) -> list[Any]:
    """Do all steps, then end the span; return everything that can be seen on the way."""
    seen = []
    for op in steps:
        warned.count = 0
        came = apply(span, op)
        seen.append((op, came, warned.count, span.is_recording(), look(span)))
    if span.is_recording():
        span.end(NOW + 5)
    return seen


def look(span: ReadableSpan) -> tuple[Any, ...]:
    """Return what a reader of the span sees."""
    return (
        span.name,
        span.kind,
        span.parent,
        span.start_time,
        span.end_time,
        span.status.status_code,
        span.status.description,
        repr(dict(span.attributes or {})),
        [(e.name, e.timestamp, repr(dict(e.attributes or {})), e.dropped_attributes) for e in span.events],
        [(x.context, repr(dict(x.attributes or {})), x.dropped_attributes) for x in span.links],
        span.dropped_attributes,
        span.dropped_events,
        span.dropped_links,
    )


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except Exception as error:
        return type(error)


def pair(
    given_limits: SpanLimits, first: dict[str, Any], links: list[tuple[SpanContext, Any]], kind: SpanKind
) -> tuple[Any, Span]:
    """Start the SDK's span and ours, alike."""
    tracer._span_limits = given_limits
    parent = SpanContext(3, 4, True, TraceFlags(1), TraceState([("vendor", "x")]))
    theirs: Any = tracer.start_span(
        "name",
        context=trace.set_span_in_context(trace.NonRecordingSpan(parent)),
        kind=kind,
        attributes=dict(first),
        links=[Link(context, attrs) for context, attrs in links],
        start_time=NOW - 5,
    )
    source = SpanSource(
        provider.resource,
        theirs.instrumentation_scope,
        Limits(given_limits),
        provider._active_span_processor,
        Silent(),
    )
    span = Span(
        source, "name", theirs.get_span_context(), theirs.parent, dict(first), tuple(links), kind, NOW - 5
    )
    span.start(None)
    return theirs, span


STATE_ONLY = SpanContext(0, 0, False, TraceFlags(0), TraceState([("vendor", "x")]))

valid_links = st.lists(
    st.tuples(contexts.filter(lambda c: c.is_valid), st.none() | plain_attributes), max_size=4
)


@settings(max_examples=400, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(
    limits,
    plain_attributes,
    valid_links,
    st.sampled_from(list(SpanKind)),
    sequences,
)
@example(SpanLimits(), {"a": 1, "b": 2}, [], SpanKind.INTERNAL, [Op("set_attribute", ("a", 3))])
@example(SpanLimits(), {"a": 1, "b": 2}, [], SpanKind.INTERNAL, [Op("set_attributes", ({"a": 3, "c": 4},))])
@example(SpanLimits(), {"a": 1}, [], SpanKind.INTERNAL, [Op("set_attribute", ("", 3))])
@example(SpanLimits(), {"a": 1}, [], SpanKind.INTERNAL, [Op("set_attribute", (None, 3))])
@example(SpanLimits(), {}, [], SpanKind.INTERNAL, [Op("add_link", (STATE_ONLY, None))])
@example(
    SpanLimits(max_span_attributes=2),
    {"a": 1},
    [],
    SpanKind.INTERNAL,
    [Op("set_attributes", ({"b": 2, "c": 3},))],
)
def test_both_spans_export_the_same_bytes(
    given_limits: SpanLimits,
    first: dict[str, Any],
    links: list[tuple[SpanContext, Any]],
    kind: SpanKind,
    steps: list[Op],
) -> None:
    """Whatever is done to a span, it warns, raises, counts, shows and exports as the SDK's span does."""
    with fixed_clock():
        kept.ended.clear()
        theirs, span = pair(given_limits, first, links, kind)
        assert drive(theirs, steps) == drive(span, steps)
        expected, actual = kept.ended
        assert actual is span
        assert look(expected) == look(actual)
        assert outcome(expected.to_json) == outcome(actual.to_json)
        assert outcome(lambda: encode_spans([expected]).SerializeToString()) == outcome(
            lambda: encode_spans([actual]).SerializeToString()
        )


@settings(max_examples=100)
@given(limits, st.lists(st.tuples(text, plain_attributes), max_size=12))
def test_events_of_the_engine_obey_the_limits_too(
    given_limits: SpanLimits, events: list[tuple[str, dict[str, Any]]]
) -> None:
    """An event of the engine is cut and counted as the same event of a user would be."""
    with fixed_clock():
        kept.ended.clear()
        theirs, span = pair(given_limits, {}, [], SpanKind.INTERNAL)
        for name, told in events:
            theirs.add_event(name, told)
            span.emit(name, dict(told), None)
        theirs.end()
        span.end()
        expected, actual = kept.ended
        assert encode_spans([expected]) == encode_spans([actual])


@settings(max_examples=100)
@given(limits, plain_attributes, st.lists(plain_attributes, max_size=5))
def test_annotations_of_the_engine_obey_the_limits_too(
    given_limits: SpanLimits, first: dict[str, Any], noted: list[dict[str, Any]]
) -> None:
    """What the engine adds to a span is cut and counted as if a user had set it; the order may differ."""
    with fixed_clock():
        kept.ended.clear()
        theirs, span = pair(given_limits, first, [], SpanKind.INTERNAL)
        for told in noted:
            fresh = {key: value for key, value in told.items() if key not in span.attributes}
            theirs.set_attributes(fresh)
            span.annotate(dict(fresh))
            assert look(theirs) == look(span)


def test_the_json_of_both_is_the_same() -> None:
    """`to_json`, which the console exporter prints, is the SDK's to the letter."""
    kept.ended.clear()
    with fixed_clock():
        theirs, span = pair(SpanLimits(), {"a": 1}, [], SpanKind.CLIENT)
        for each in (theirs, span):
            each.set_attribute("list", ["x", "y"])
            each.add_event("e", {"k": 1.5})
            each.set_status(StatusCode.ERROR, "why")
            each.end()
    expected, actual = kept.ended
    assert json.loads(expected.to_json()) == json.loads(actual.to_json())
    assert expected.to_json(indent=None) == actual.to_json(indent=None)


@pytest.mark.parametrize("release", ["api", "sdk"])
def test_the_installed_release_is_one_we_know(release: str) -> None:
    """The comparison ran against a release that the package allows."""
    import importlib.metadata

    version = importlib.metadata.version(f"opentelemetry-{release}")
    assert tuple(map(int, version.split(".")[:2])) >= (1, 35)
