"""otgraph's span where it is more than the SDK's: the stream, the engine's events, faults, threads, limits."""

from __future__ import annotations

import copy
import gc
import logging
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace import SpanLimits as SdkLimits
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util import BoundedList
from opentelemetry.trace import Link, SpanContext, Status, StatusCode, TraceFlags

from otgraph.tracing import readable
from otgraph.tracing import span as span_module
from otgraph.tracing.faults import Faults, faults
from otgraph.tracing.limits import SpanLimits
from otgraph.tracing.source import TELLS_ENDING
from otgraph.tracing.span import Span, SpanSource

SAMPLED, DROPPED = TraceFlags(1), TraceFlags(0)


class Heard:
    """A stream and a processor that write down, in one list, what they were told."""

    def __init__(self) -> None:
        self.log: list[Any] = []
        self.facts: list[Any] = []

    def on_start(self, span: Span) -> None:
        self.log.append(("stream start", span.name))
        self.facts.append(span.fact)

    def on_event(self, span: Span, name: str, time_ns: int, attributes: Any, fact: Any) -> None:
        self.log.append(("stream event", name, dict(attributes or {})))
        self.facts.append(fact)

    def on_end(self, span: Span) -> None:
        self.log.append(("stream end", span.name))
        self.facts.append(span.fact)


class Watching(SpanProcessor):
    def __init__(self, log: list[Any]) -> None:
        self.log = log

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.log.append(("processor start", span.name, parent_context))

    def _on_ending(self, span: Any) -> None:
        self.log.append(("processor ending", span.is_recording()))

    def on_end(self, span: ReadableSpan) -> None:
        self.log.append(("processor end", span.name))


def make(
    *processors: Any,
    stream: Any = None,
    limits: SdkLimits | None = None,
    flags: TraceFlags = SAMPLED,
    **given: Any,
) -> Span:
    """Make a span of a provider that has these processors."""
    provider = TracerProvider(shutdown_on_exit=False)
    for processor in processors:
        provider.add_span_processor(processor)
    scope = provider.get_tracer("otgraph")._instrumentation_scope
    source = SpanSource(
        provider.resource,
        scope,
        SpanLimits(limits or SdkLimits()),
        provider._active_span_processor,
        stream or Heard(),
    )
    span = Span(source, "work", SpanContext(1, 2, False, flags), None, given.pop("attributes", {}), **given)
    span.exported = flags.sampled
    return span


@pytest.fixture(params=[False, True], ids=["lock when needed", "lock always"])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Switch threads as often as can be, with and without the lock of builds that have no GIL."""
    monkeypatch.setattr(span_module, "EAGER_LOCK", readable.EAGER_LOCK or request.param)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


def together(*calls: Any) -> None:
    """Run all calls at the same time, each in a thread of its own."""
    gate = threading.Barrier(len(calls))

    def run(call: Any) -> None:
        gate.wait()
        call()

    started = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join()


# ---- what it is


def test_it_is_a_span_for_users_and_for_exporters() -> None:
    """Both of OpenTelemetry's span interfaces accept it."""
    span = make()
    assert isinstance(span, trace.Span)
    assert isinstance(span, ReadableSpan)


def test_it_can_be_current_and_be_a_parent() -> None:
    """In a context it is the current span, and a span of any tracer becomes its child."""
    span = make()
    context = trace.set_span_in_context(span)
    assert trace.get_current_span(context) is span
    child: Any = (
        TracerProvider(shutdown_on_exit=False).get_tracer("other").start_span("child", context=context)
    )
    assert span.get_span_context() == child.parent


@pytest.mark.parametrize("kind", [SimpleSpanProcessor, BatchSpanProcessor])
def test_the_sdk_processors_export_it(kind: Any) -> None:
    """It goes through the SDK's own processors to an exporter."""
    exporter = InMemorySpanExporter()
    processor = kind(exporter)
    span = make(processor)
    span.start(None)
    span.end()
    processor.force_flush()
    processor.shutdown()
    assert (span,) == exporter.get_finished_spans()


def test_its_old_scope_name_is_still_there() -> None:
    """`instrumentation_info`, which old exporters read, says what the scope says."""
    with pytest.warns(DeprecationWarning, match="InstrumentationScope"):
        info = make().instrumentation_info
    assert info is not None
    assert "otgraph" == info.name


# ---- who hears of it


def test_the_stream_hears_before_the_processors() -> None:
    """Start, events and end reach the stream at once, and before any processor."""
    heard = Heard()
    span = make(Watching(heard.log), stream=heard)
    context = otel_context.Context({"k": 1})
    span.fact = "begun"
    span.start(context)
    span.emit("otgraph.commit", {"n": 1}, "live")
    span.add_event("mine", {"k": [1]})
    span.end()
    ending = [("processor ending", False)] if TELLS_ENDING else []
    assert [
        ("stream start", "work"),
        ("processor start", "work", context),
        ("stream event", "otgraph.commit", {"n": 1}),
        ("stream event", "mine", {"k": (1,)}),
        ("stream end", "work"),
        *ending,
        ("processor end", "work"),
    ] == heard.log
    assert ["begun", "live", None, "begun"] == heard.facts


def test_the_processors_get_no_live_object() -> None:
    """The fact is dropped before a processor may put the span into a queue."""
    facts = []

    class Queue(SpanProcessor):
        def on_end(self, span: Any) -> None:
            facts.append(span.fact)

    span = make(Queue())
    span.fact = object()
    span.start(None)
    span.end()
    assert [None] == facts


def test_an_event_does_not_keep_its_fact() -> None:
    """The live payload of an event is not held by the span."""

    class Payload: ...

    class Deaf(Heard):
        def on_event(self, *_: Any) -> None: ...

    payload = Payload()
    gone = weakref.ref(payload)
    span = make(stream=Deaf())
    span.emit("e", None, payload)
    del payload
    gc.collect()
    assert gone() is None
    assert 1 == len(span.events)


def test_an_unsampled_span_is_streamed_and_not_exported() -> None:
    """Where the sampler said no, the stream hears everything and the processors nothing."""
    heard = Heard()
    span = make(Watching(heard.log), stream=heard, flags=DROPPED)
    assert not span.exported
    span.start(None)
    assert span.is_recording()
    span.add_event("mine")
    span.end()
    assert ["stream start", "stream event", "stream end"] == [entry[0] for entry in heard.log]


def test_a_recorded_but_unsampled_span_reaches_the_processors() -> None:
    """`exported` decides what the processors see, whatever the flag."""
    heard = Heard()
    span = make(Watching(heard.log), stream=heard, flags=DROPPED)
    span.exported = True
    span.start(None)
    span.end()
    assert ("processor end", "work") in heard.log


def test_a_span_of_no_provider_is_only_streamed() -> None:
    """Without a processor it still starts, tells and ends."""
    heard = Heard()
    span = make(stream=heard)
    span._source.processor = None
    span.start(None)
    span.end()
    assert [("stream start", "work"), ("stream end", "work")] == heard.log


def test_a_processor_need_not_be_the_sdk_s() -> None:
    """A processor that only has the two public hooks is enough."""

    class Duck:
        def __init__(self) -> None:
            self.ended: list[Any] = []

        def on_start(self, span: Any, parent_context: Any = None) -> None: ...

        def on_end(self, span: Any) -> None:
            self.ended.append(span)

    duck = Duck()
    span = make()
    span._source.processor = duck
    span.start(None)
    span.end()
    assert [span] == duck.ended


def test_what_the_stream_returns_is_stored_with_the_event() -> None:
    """The stream's own attributes are exported with an event, beyond limits, and change no count."""

    class Numbering(Heard):
        def on_event(self, *_: Any) -> Any:
            return {"seq": 7}

    span = make(stream=Numbering(), limits=SdkLimits(max_event_attributes=1, max_attribute_length=2))
    span.emit("bare", None, None)
    span.emit("full", {"a": "long"}, None)
    span.add_event("mine", {"a": "long", "b": "longer"})
    assert [{"seq": 7}, {"a": "lo", "seq": 7}, {"b": "lo", "seq": 7}] == [
        dict(e.attributes or {}) for e in span.events
    ]
    assert [0, 0, 1] == [event.dropped_attributes for event in span.events]


def test_the_stream_may_annotate_at_the_end() -> None:
    """What the stream adds when it hears of the end is exported."""

    class Closing(Heard):
        def on_end(self, span: Span) -> None:
            span.annotate({"last": 9})

    seen = []

    class Reading(SpanProcessor):
        def on_end(self, span: ReadableSpan) -> None:
            seen.append(dict(span.attributes or {}))

    span = make(Reading(), stream=Closing(), attributes={"a": 1})
    span.start(None)
    span.set_attribute("b", [2])
    span.end()
    assert [{"a": 1, "b": (2,), "last": 9}] == seen


# ---- faults


class Failing(SpanProcessor):
    def __init__(self, error: type[BaseException]) -> None:
        self.error = error

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        raise self.error

    def _on_ending(self, span: Any) -> None:
        raise self.error

    def on_end(self, span: ReadableSpan) -> None:
        raise self.error


def test_a_failing_processor_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    """What a processor raises is counted and logged once; the next processor still gets the span."""

    class Unheard(Exception): ...

    log: list[Any] = []
    before = faults.counts.copy()
    for _ in range(3):
        span = make(Failing(Unheard), Watching(log))
        span.start(None)
        span.end()
    hooks = ["on_start", "on_end"] + ["_on_ending"] * TELLS_ENDING
    assert dict.fromkeys([f"span processor {hook}" for hook in hooks], 3) == dict(faults.counts - before)
    assert sorted(f"span processor {hook}" for hook in hooks) == sorted(
        record.getMessage().partition(" failed")[0] for record in caplog.records
    )
    assert 3 == sum(entry[0] == "processor end" for entry in log)


def test_faults_go_where_the_source_says() -> None:
    """A hook of the source takes the place of counting."""
    taken = []
    span = make(Failing(ValueError))
    span._source.on_fault = lambda error, where: taken.append((type(error), where))
    span.start(None)
    assert [(ValueError, "span processor on_start")] == taken


def test_each_fault_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """A type of error at a place is logged the first time and counted every time."""
    met = Faults()
    for error in (ValueError("x"), ValueError("y"), KeyError("z")):
        met.count(error, "there")
    assert {"there": 3} == dict(met.counts)
    assert [logging.ERROR] * 2 == [record.levelno for record in caplog.records]


def test_a_keyboard_interrupt_in_a_processor_is_not_swallowed() -> None:
    """Only faults are swallowed; the user's wish to stop is none."""
    with pytest.raises(KeyboardInterrupt):
        make(Failing(KeyboardInterrupt)).start(None)


@pytest.mark.parametrize("hook", ["on_start", "on_event", "on_end"])
def test_a_failing_stream_fails_the_caller(hook: str) -> None:
    """A fault of the stream is never swallowed, and keeps no processor from its start and end."""

    class Breaking(Heard): ...

    def fail(*_: Any) -> None:
        raise RuntimeError(hook)

    log: list[Any] = []
    stream = Breaking()
    setattr(stream, hook, fail)
    span = make(Watching(log), stream=stream)
    calls = [lambda: span.start(None), lambda: span.emit("e", None, None), span.end]
    raised = []
    for call in calls:
        try:
            call()
        except RuntimeError as error:
            raised.append(str(error))
    assert [hook] == raised
    assert ["processor start", "processor end"] == [
        entry[0] for entry in log if entry[0] != "processor ending"
    ]
    assert span.fact is None


# ---- the end


def test_it_ends_once(caplog: pytest.LogCaptureFixture) -> None:
    """A second end changes nothing, tells nobody and says so."""
    heard = Heard()
    span = make(stream=heard)
    span.end(5)
    span.end(6)
    assert 5 == span.end_time
    assert [("stream end", "work")] == heard.log
    assert ["Second end of span 'work' ignored."] == [record.getMessage() for record in caplog.records]


def test_nothing_is_told_of_an_ended_span(caplog: pytest.LogCaptureFixture) -> None:
    """Events that come after the end are neither streamed nor stored."""
    heard = Heard()
    span = make(stream=heard)
    span.end()
    span.emit("late", None, None)
    span.add_event("later")
    assert [("stream end", "work")] == heard.log
    assert () == span.events
    assert 2 == len(caplog.records)


# ---- the engine's events among the user's


@st.composite
def histories(draw: st.DrawFn) -> tuple[int | None, list[bool]]:
    return draw(st.none() | st.integers(0, 12)), draw(st.lists(st.booleans(), max_size=40))


@given(histories(), st.booleans())
def test_the_engine_s_events_stay(history: tuple[int | None, list[bool]], look: bool) -> None:
    """At the limit the oldest event that is not reserved goes; a reserved one only where there is no other."""
    most, reserved = history
    span = make(limits=SdkLimits(max_events=SdkLimits.UNSET if most is None else most))
    kept: list[tuple[str, bool]] = []
    for number, is_reserved in enumerate(reserved):
        span.emit(str(number), None, None, reserved=is_reserved)
        kept.append((str(number), is_reserved))
        if most is not None and len(kept) > most:
            kept.remove(next((entry for entry in kept if not entry[1]), kept[0]))
        if look:
            assert [name for name, _ in kept] == [event.name for event in span.events]
    span.end()
    assert [name for name, _ in kept] == [event.name for event in span.events]
    assert len(reserved) - len(kept) == span.dropped_events


def test_a_flood_of_events_takes_no_memory() -> None:
    """A span keeps little more than its limit however many events it gets."""
    span = make()
    for number in range(10_000):
        span.emit("custom", {"n": number}, None)
    assert len(span._raw_events) <= 128 + 128 // 8
    assert 128 == len(span.events)
    assert 10_000 - 128 == span.dropped_events


# ---- processors that rewrite


def test_a_redacting_processor_is_obeyed() -> None:
    """What a processor puts into the SDK's fields of a span is what the next one exports."""

    class Redacting(SpanProcessor):
        def on_end(self, span: Any) -> None:
            assert "secret" == span._events[0].attributes["k"]
            assert "secret" == span._links[0].attributes["k"]
            span._name = "redacted"
            span._attributes = {"kept": True}
            span._events = BoundedList.from_seq(1, [Event("gone"), Event("e", {"k": "***"})])
            span._links = BoundedList.from_seq(1, [Link(other), Link(other, {"k": "***"})])
            span._status = Status(StatusCode.ERROR)
            span._resource = span._resource.merge(type(span._resource)({"team": "a"}))

    exporter = InMemorySpanExporter()
    other = SpanContext(5, 6, True, SAMPLED)
    span = make(Redacting(), SimpleSpanProcessor(exporter), links=[(other, {"k": "secret"})])
    span.start(None)
    span.emit("e", {"k": "secret"}, None)
    span.set_status(StatusCode.ERROR, "secret")
    span.end()
    (exported,) = exporter.get_finished_spans()
    assert "secret" not in exported.to_json()
    assert "***" == (exported.events[0].attributes or {})["k"]
    assert "***" == (exported.links[0].attributes or {})["k"]
    assert (1, 1) == (exported.dropped_events, exported.dropped_links)
    assert {"kept": True} == dict(exported.attributes or {})
    assert "a" == exported.resource.attributes["team"]


def test_a_snapshot_does_not_change() -> None:
    """`_readable_span`, which processors of running spans use, keeps what there was."""
    span = make(limits=SdkLimits(max_events=1))
    span.add_event("first")
    span.add_event("second")
    shot = span._readable_span()
    span.add_event("third")
    assert (["second"], 1) == ([event.name for event in shot.events], shot.dropped_events)
    assert (["third"], 2) == ([event.name for event in span.events], span.dropped_events)


def test_it_can_be_copied() -> None:
    """A shallow copy may be rewritten without harm; a deep one is a plain snapshot."""
    span = make(attributes={"a": 1})
    shallow = copy.copy(span)
    shallow._attributes = {}
    assert {"a": 1} == dict(span.attributes)
    if hasattr(BoundedAttributes, "__deepcopy__"):  # in releases without it no span of the SDK can be copied
        assert {"a": 1} == dict(copy.deepcopy(span).attributes or {})


# ---- threads


@pytest.mark.usefixtures("threads")
def test_threads_lose_no_event() -> None:
    """Events added from many threads are all stored or counted, and all streamed."""
    for _ in range(5):
        heard = Heard()
        span = make(stream=heard, limits=SdkLimits(max_events=20))

        def add(span: Span = span) -> None:
            for _ in range(100):
                span.add_event("mine")
                span.emit("ours", None, None, reserved=True)

        together(*[add] * 4)
        span.end()
        assert 801 == len(heard.log)
        assert (20, 780) == (len(span.events), span.dropped_events)


@pytest.mark.usefixtures("threads")
def test_threads_lose_no_attribute() -> None:
    """Attributes set from many threads, by users and the engine, are all there."""
    for _ in range(5):
        span = make(attributes={"engine": 1}, limits=SdkLimits(max_span_attributes=1000))

        def user(name: str, value: Any, span: Span = span) -> None:
            for number in range(40):
                span.set_attribute(f"{name}{number}", value)
                span.set_attributes({f"{name}{number}x": value})

        def engine(span: Span = span) -> None:
            for number in range(80):
                span.annotate({f"e{number}": number})

        together(lambda u=user: u("a", 1), lambda u=user: u("b", [1]), lambda u=user: u("c", "x"), engine)
        assert 1 + 3 * 80 + 80 == len(span.attributes)
        assert 0 == span.dropped_attributes


@pytest.mark.usefixtures("threads")
def test_threads_end_it_once() -> None:
    """However many threads end a span, it is handed over once."""
    for _ in range(100):
        heard = Heard()
        span = make(stream=heard)
        together(*[span.end] * 4)
        assert [("stream end", "work")] == heard.log


@pytest.mark.usefixtures("threads")
def test_no_thread_changes_what_was_handed_over() -> None:
    """A processor sees the same attributes however long it looks, while users go on setting them."""
    for _ in range(50):
        looks: list[bool] = []

        class Slow(SpanProcessor):
            def on_end(self, span: ReadableSpan, looks: list[bool] = looks) -> None:
                first = dict(span.attributes or {})
                for _ in range(200):
                    looks.append(first == dict(span.attributes or {}))

        span = make(Slow())
        span.start(None)

        def user(span: Span = span) -> None:
            for number in range(50):
                span.set_attribute("n", number)

        together(user, user, span.end)
        assert all(looks)


class Meddling(list[str]):
    """A value that does something of its own while it is being cleaned."""

    def __init__(self, act: Callable[[], None]) -> None:
        super().__init__(["x"])
        self.act = act

    def __iter__(self) -> Iterator[str]:
        self.act()
        return super().__iter__()


def test_it_may_end_in_the_middle_of_another_call() -> None:
    """The garbage collector, or a value's own code, may end a span while it is being changed."""
    span = make()
    span.set_attribute("k", Meddling(span.end))
    assert span.end_time is not None


def test_an_end_waits_for_a_change_under_way() -> None:
    """A change that began before the end is in what the processors get."""
    exporter = InMemorySpanExporter()
    span = make(SimpleSpanProcessor(exporter))
    ending = threading.Thread(target=span.end)
    on_the_way = []

    def end_elsewhere() -> None:
        ending.start()
        ending.join(0.05)
        on_the_way.append(span.end_time)

    span.set_attribute("k", Meddling(end_elsewhere))
    ending.join()
    assert [None] == on_the_way
    assert {"k": ("x",)} == dict(exporter.get_finished_spans()[0].attributes or {})


def test_without_a_gil_the_lock_is_there_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only builds that switch threads between bytecodes at most at calls do without."""
    monkeypatch.setattr(span_module, "EAGER_LOCK", True)
    assert make()._lock is not None


# ---- limits


VARIABLES = [
    "OTEL_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT",
    "OTEL_SPAN_EVENT_COUNT_LIMIT",
    "OTEL_SPAN_LINK_COUNT_LIMIT",
]


def counted(limits: SpanLimits) -> Sequence[int | None]:
    return (
        limits.max_attributes,
        limits.max_events,
        limits.max_links,
        limits.max_event_attributes,
        limits.max_link_attributes,
        limits.attribute_length,
        limits.event_attribute_length,
    )


@pytest.mark.parametrize("variable", VARIABLES)
def test_limits_come_from_the_environment(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each variable of the SDK counts as it does there, with a provider or without."""
    monkeypatch.setenv(variable, "3")
    limits = SpanLimits.of()
    assert 3 in counted(limits)
    assert counted(SpanLimits(SdkLimits())) == counted(limits)
    assert counted(limits) == counted(SpanLimits.of(TracerProvider(shutdown_on_exit=False)))


def test_limits_of_a_provider_come_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was given to the provider in code outweighs the environment."""
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "3")
    provider = TracerProvider(span_limits=SdkLimits(max_events=4), shutdown_on_exit=False)
    assert 4 == SpanLimits.of(provider).max_events


def test_a_bad_limit_breaks_no_run(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A variable that is no number is ignored with a warning where no provider refuses it."""
    monkeypatch.setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "many")
    assert (128, 128, 128, 128, 128, None, None) == counted(SpanLimits.of())
    assert "many" in caplog.text


def test_the_engine_s_attributes_obey_the_limits() -> None:
    """A user's limits on number and length hold for what the engine sets too."""
    few = make(limits=SdkLimits(max_span_attributes=1), attributes={"a": 1, "b": 2})
    assert ({"b": 2}, 1) == (dict(few.attributes), few.dropped_attributes)
    short = make(limits=SdkLimits(max_span_attribute_length=2), attributes={"a": "long"})
    short.annotate({"b": "longer"})
    assert {"a": "lo", "b": "lo"} == dict(short.attributes)
