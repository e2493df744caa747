"""Runs that go on from a checkpoint: what their traces say of the runs before, read back from OTLP bytes."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler, SamplingResult

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.sqlite import SqliteSaver
from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.telemetry import TelemetryOptions, get_telemetry, read_otlp, set_telemetry
from otgraph.tracing import names
from otgraph.tracing.faults import faults
from otgraph.types import Command, interrupt

from .durable import Durable, State, Trace, asker, chained, interrupted
from .kept import Kept, drive
from .test_mirror import OwnProvider

HERE = Path(__file__).parent
INPUT = {"log": []}
ANSWER = Command(resume="because")
HIDDEN = "__otgraph"


@pytest.fixture(params=["threads", "asyncio"])
def colour(request: pytest.FixtureRequest) -> Any:
    """Return each driver's name in turn."""
    return request.param


@pytest.fixture(params=["memory", "sqlite"])
def thread(request: pytest.FixtureRequest, colour: str, tmp_path: Path) -> Durable:
    """Return a thread in each kind of store, driven in each colour."""
    return Durable(colour, request.param, tmp_path)


def link_to(trace_: Trace, kind: str, span: Any, checkpoint: str) -> None:
    """The run of `trace_` has one link, and it is to `span`."""
    check_link(trace_.run, kind, span, checkpoint)


def check_link(run: Any, kind: str, span: Any, checkpoint: str) -> None:
    assert run["links"] == [
        {
            "trace_id": span["trace_id"],
            "span_id": span["span_id"],
            "attributes": {names.LINK_KIND: kind, names.CHECKPOINT_ID: checkpoint},
        }
    ]


# ---- a human answers


def test_a_resumed_run_is_a_new_trace_with_a_link(thread: Durable) -> None:
    """It is a root of a trace of its own, linked to the run that paused; all spans of both bear the thread's id."""
    paused = thread.call(interrupted, INPUT)
    checkpoint = thread.saved()[0].checkpoint["id"]
    resumed = thread.call(interrupted, ANSWER)
    assert paused.run["trace_id"] != resumed.run["trace_id"]
    assert None is resumed.run["parent_id"]
    assert [] == paused.run["links"]
    link_to(resumed, "resume", paused.run, checkpoint)
    told = resumed.run["attributes"]
    assert ("resume", checkpoint) == (told[names.ORIGIN], told[names.CHECKPOINT_ID])
    assert names.ORIGIN not in paused.run["attributes"]
    assert names.CHECKPOINT_ID not in paused.run["attributes"]
    spans = [*paused.spans, *resumed.spans]
    assert {"7"} == {span["attributes"][names.CONVERSATION] for span in spans}


def test_a_pause_is_no_error(thread: Durable) -> None:
    """The run, the superstep and the task that wait have the outcome `interrupted`, and no status."""
    paused = thread.call(interrupted, INPUT)
    outcomes = [span["attributes"][names.OUTCOME] for span in paused.spans]
    assert {"unset"} == {span["status"] for span in paused.spans}
    assert (2, 3) == (outcomes.count("success"), outcomes.count("interrupted"))
    assert [] == [event for span in paused.spans for event in span["events"] if event["name"] == "exception"]


def test_interrupt_ids_lead_from_the_question_to_the_answer(thread: Durable) -> None:
    """The id on the event of the task that asks is on the run and on the task that go on."""
    paused, resumed = thread.call(interrupted, INPUT), thread.call(interrupted, ANSWER)
    task = paused.one("invoke_node ask")
    (asked,) = [event for event in task["events"] if event["name"] == "otgraph.task.interrupted"]
    ids = asked["attributes"][names.INTERRUPT_IDS]
    assert 1 == len(ids)
    assert ids == resumed.run["attributes"][names.GOES_ON]
    again = resumed.one("invoke_node ask")
    assert ids == again["attributes"][names.GOES_ON]
    assert task["attributes"][names.TASK_ID] == again["attributes"][names.TASK_ID]
    assert names.GOES_ON not in task["attributes"]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_how_long_the_human_took(thread: Durable, durability: str) -> None:
    """The resumed run tells the seconds since the question; what the node did before it asked is not among them."""

    def slow(state: Any) -> Any:
        time.sleep(0.15)
        return asker("why?")(state)

    graph = chained(("ask", slow))
    thread.call(graph, INPUT, durability=durability)
    asked = time.time()
    time.sleep(0.03)
    resumed = thread.call(graph, ANSWER, durability=durability)
    most = time.time() - asked - 0.15
    assert 0.03 <= resumed.run["attributes"][names.INTERRUPT_WAIT] <= most + 0.03


def test_nobody_has_answered_yet(thread: Durable) -> None:
    """A run that goes on without an answer is linked too, names what it asks again, and tells no wait."""
    paused, again = thread.call(interrupted, INPUT), thread.call(interrupted, None)
    link_to(again, "resume", paused.run, thread.saved()[0].checkpoint["id"])
    told = again.run["attributes"]
    assert 1 == len(told[names.GOES_ON])
    assert names.INTERRUPT_WAIT not in told


def test_one_question_after_another_in_a_node(thread: Durable) -> None:
    """Runs that stop at the same checkpoint are linked one to the other, not all of them to the first."""
    graph = chained(("ask", asker("one", "two", "three")))
    traces = [
        thread.call(graph, given)
        for given in (INPUT, *(Command(resume=answer) for answer in ("1", "2", "3")))
    ]
    checkpoint = traces[1].run["attributes"][names.CHECKPOINT_ID]
    for before, after in zip(traces, traces[1:], strict=False):
        link_to(after, "resume", before.run, checkpoint)
    assert "success" == traces[-1].run["attributes"][names.OUTCOME]
    assert 4 == len({each.run["trace_id"] for each in traces})
    # However many there were, one is kept.
    asked = thread.saved()[1].pending_writes
    assert 1 == len([write for write in asked if HIDDEN in repr(write)])


def test_a_task_that_is_done_has_no_second_span(thread: Durable) -> None:
    """Of two siblings the one that asked has a span in either trace, the other in the first; then it is an event."""
    graph = StateGraph(State).add_node("done", lambda state: {"log": ["done"]}).add_node("ask", asker("why?"))
    graph.add_edge(START, "done").add_edge(START, "ask")
    paused, resumed = thread.call(graph, INPUT), thread.call(graph, ANSWER)
    assert ["invoke_node ask", "invoke_node done"] == sorted(
        span["name"] for span in paused.named("invoke_n")
    )
    assert ["invoke_node ask"] == [span["name"] for span in resumed.named("invoke_n")]
    events = [event for event in resumed.one(names.STEP_SPAN)["events"] if "restored" in event["name"]]
    assert ["done"] == [event["attributes"][names.NODE] for event in events]


def test_events_name_the_checkpoints_that_the_store_has(thread: Durable) -> None:
    """Every checkpoint of the thread is on one event of the runs that saved it, with what made it."""
    traces = [thread.call(interrupted, INPUT), thread.call(interrupted, ANSWER)]
    told = [
        (event["attributes"][names.CHECKPOINT_ID], event["attributes"][names.CHECKPOINT_SOURCE])
        for each in traces
        for span in each.spans
        for event in span["events"]
        if event["name"] == "otgraph.checkpoint.saved"
    ]
    # The second run also tells of the one that it starts from.
    assert {(each.checkpoint["id"], each.metadata["source"]) for each in thread.saved()} == set(told)
    assert len(told) == len(set(told)) + 1


def test_a_breakpoint_waits_for_a_human_too(thread: Durable) -> None:
    """A run that passes a breakpoint is linked to the one that stopped there, and tells the wait."""
    graph = chained(("a", lambda state: {"log": ["a"]}), ("b", lambda state: {"log": ["b"]}))
    stop = {"interrupt_before": ["b"]}
    paused = thread.call(graph, INPUT, compiled=stop)
    time.sleep(0.03)
    passed = thread.call(graph, None, compiled=stop)
    assert ("interrupted", "unset") == (paused.run["attributes"][names.OUTCOME], paused.run["status"])
    link_to(passed, "resume", paused.run, passed.run["attributes"][names.CHECKPOINT_ID])
    assert 0.03 <= passed.run["attributes"][names.INTERRUPT_WAIT] < 5
    assert names.GOES_ON not in passed.run["attributes"]


# ---- graphs in graphs

inner = chained(("before", lambda state: {"log": ["before"]}), ("ask", asker("why?")))
nested = chained(("inner", inner.compile(name="inner")), ("last", lambda state: {"log": ["last"]}))


def test_a_graph_inside_is_linked_to_what_it_was(thread: Durable) -> None:
    """A run inside goes on from its own checkpoint, linked to its own earlier span; the human is waited for once."""
    paused, resumed = thread.call(nested, INPUT), thread.call(nested, ANSWER)
    link_to(resumed, "resume", paused.run, resumed.run["attributes"][names.CHECKPOINT_ID])
    was, now = paused.one("invoke_workflow inner"), resumed.one("invoke_workflow inner")
    own = now["attributes"][names.CHECKPOINT_ID]
    check_link(now, "resume", was, own)
    assert own in {each.checkpoint["id"] for each in thread.saved(now["attributes"][names.NS])}
    assert resumed.run["attributes"][names.GOES_ON] == now["attributes"][names.GOES_ON]
    assert names.INTERRUPT_WAIT in resumed.run["attributes"]
    assert names.INTERRUPT_WAIT not in now["attributes"]
    ran = [span["name"] for span in resumed.named("invoke_n")]
    assert ["invoke_node inner", "invoke_node ask", "invoke_node last"] == ran


def test_a_run_with_a_thread_of_its_own_inside_a_node(thread: Durable) -> None:
    """It is below the node that called it, linked to its own earlier run, and tells how long its own human took."""
    own = {"configurable": {"thread_id": "own"}}
    saver = InMemorySaver()

    def call(state: Any) -> Any:
        asks = interrupted.compile(checkpointer=saver, name="asks")
        asks.invoke(INPUT, own)
        time.sleep(0.03)
        return {"log": asks.invoke(ANSWER, own)["log"]}

    trace_ = thread.call(chained(("call", call)), INPUT)
    first, second = trace_.named("invoke_workflow asks")
    node = trace_.one("invoke_node call")["span_id"]
    assert {node} == {first["parent_id"], second["parent_id"]}
    check_link(second, "resume", first, second["attributes"][names.CHECKPOINT_ID])
    assert 0.03 <= second["attributes"][names.INTERRUPT_WAIT] < 5
    assert "own" == second["attributes"][names.CONVERSATION]


# ---- functions

ask = task(lambda question: interrupt(question), name="ask")
double = task(lambda number: 2 * number, name="double")


def counsel(number: int) -> Any:
    """Call a task that is done at once, and one that asks."""
    return [double(number).result(), ask("why?").result()]


def test_an_entrypoint_goes_on(colour: str) -> None:
    """The call of a task that is done has no second span, that of the one that asked has; both runs are linked."""
    kept, config = Kept(), {"configurable": {"thread_id": "7"}}
    flow = entrypoint(checkpointer=InMemorySaver())(counsel)
    drive(flow, colour, 4, config, telemetry=kept.options)
    paused = Trace(kept.exporter.get_finished_spans())
    kept.exporter.clear()
    assert [8, "because"] == drive(flow, colour, ANSWER, config, telemetry=kept.options)
    resumed = Trace(kept.exporter.get_finished_spans())
    assert ["counsel", "double", "ask"] == [span["name"].split()[1] for span in paused.named("invoke_node")]
    assert ["counsel", "ask"] == [span["name"].split()[1] for span in resumed.named("invoke_node")]
    link_to(resumed, "resume", paused.run, resumed.run["attributes"][names.CHECKPOINT_ID])
    ids = resumed.run["attributes"][names.GOES_ON]
    assert all(ids == span["attributes"][names.GOES_ON] for span in resumed.named("invoke_node"))


# ---- failures


def test_a_run_that_is_begun_again_after_failures(thread: Durable) -> None:
    """Each is linked to the one before, though all of them start from the same checkpoint."""
    failures: list[int] = []

    def flaky(state: Any) -> Any:
        failures.append(1)
        if len(failures) < 3:
            raise ConnectionError("try again")
        return {"log": ["at last"]}

    graph = chained(("a", lambda state: {"log": ["a"]}), ("flaky", flaky))
    traces = [thread.call(graph, given) for given in (INPUT, None, None)]
    assert ["error", "error", "success"] == [each.run["attributes"][names.OUTCOME] for each in traces]
    for before, after in zip(traces, traces[1:], strict=False):
        link_to(after, "resume", before.run, after.run["attributes"][names.CHECKPOINT_ID])
        assert names.INTERRUPT_WAIT not in after.run["attributes"]


PROCESS = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tracing.durable import *
from tracing.kept import Kept
from tracing.test_durable_runs import ANSWER, INPUT, crashing
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

class Appending(SpanExporter):
    def export(self, spans):
        with open(sys.argv[4], "ab") as file:
            file.write(encode_spans(spans).SerializeToString())

kept = Kept()
kept.provider.add_span_processor(SimpleSpanProcessor(Appending()))
what = sys.argv[5]
graph = crashing if what in ("crash", "recover") else interrupted
os.environ["CRASH"] = what
given = {"pause": INPUT, "answer": ANSWER, "crash": INPUT, "recover": None}[what]
Durable(sys.argv[2], "sqlite", Path(sys.argv[3])).call(graph, given, kept=kept, durability="sync")
"""


def crash(state: Any) -> Any:
    """Take the process down, unless it has come to go on."""
    import os

    if os.environ["CRASH"] == "crash":
        os._exit(9)
    return {"log": ["survived"]}


crashing = chained(("a", lambda state: {"log": ["a"]}), ("crash", crash))


def in_a_process(colour: str, folder: Path, what: str, code: int = 0) -> list[Any]:
    """Return the spans that a process of its own has exported by the time it ended."""
    file = folder / f"{what}.otlp"
    arguments = [sys.executable, "-c", PROCESS, str(HERE.parent), colour, str(folder), str(file), what]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)
    assert (code, "") == (done.returncode, done.stderr)
    return list(read_otlp(file.read_bytes()))


def test_an_answer_in_another_process(colour: str, tmp_path: Path) -> None:
    """What a process exported of a run is linked to by what another process exports of the run that goes on."""
    paused = in_a_process(colour, tmp_path, "pause")
    resumed = in_a_process(colour, tmp_path, "answer")
    (was,) = [span for span in paused if span["name"] == "invoke_workflow g"]
    (now,) = [span for span in resumed if span["name"] == "invoke_workflow g"]
    check_link(now, "resume", was, now["attributes"][names.CHECKPOINT_ID])
    assert "success" == now["attributes"][names.OUTCOME]
    assert now["attributes"][names.INTERRUPT_WAIT] > 0.1
    assert {"7"} == {span["attributes"][names.CONVERSATION] for span in [*paused, *resumed]}


def test_a_process_that_died(colour: str, tmp_path: Path) -> None:
    """The span of its run was never exported, but the link of the run that goes on leads into its trace."""
    died = in_a_process(colour, tmp_path, "crash", 9)
    recovered = in_a_process(colour, tmp_path, "recover")
    (now,) = [span for span in recovered if span["name"] == "invoke_workflow g"]
    (step,) = [span for span in died if span["name"] == names.STEP_SPAN]
    assert ["invoke_node crash"] == [
        span["name"] for span in recovered if span["name"].startswith("invoke_n")
    ]
    (link,) = now["links"]
    assert (step["trace_id"], step["parent_id"]) == (link["trace_id"], link["span_id"])
    assert "resume" == link["attributes"][names.LINK_KIND]


# ---- the same trace, if that is wanted


@pytest.fixture
def application() -> Iterator[None]:
    """Give the application its options back."""
    before = get_telemetry()
    yield
    set_telemetry(before)


@pytest.mark.parametrize("where", ["call", "graph", "application"])
@pytest.mark.usefixtures("application")
def test_the_old_trace_goes_on(thread: Durable, where: str) -> None:
    """With `continue`, said anywhere, a resumed run is a child of the paused one, in its trace, and linked as well."""
    kept = Kept()
    options = TelemetryOptions(provider=kept.provider, trace_resume="continue")
    given: dict[str, Any] = {}
    if where == "call":
        given = {"telemetry": options}
    elif where == "graph":
        given = {"compiled": {"telemetry": options}}
    else:
        set_telemetry(options)
    graph = chained(("ask", asker("one", "two")))
    for each in (INPUT, Command(resume="1"), Command(resume="2")):
        thread.chunks(graph, each, **given)
    runs = Trace(kept.exporter.get_finished_spans()).named("invoke_workflow")
    runs.sort(key=lambda span: span["start_ns"])
    assert 1 == len({run["trace_id"] for run in runs})
    assert [None, runs[0]["span_id"], runs[1]["span_id"]] == [run["parent_id"] for run in runs]
    for before, after in zip(runs, runs[1:], strict=False):
        check_link(after, "resume", before, after["attributes"][names.CHECKPOINT_ID])


@pytest.mark.parametrize("trace_resume", ["link", "continue"])
def test_a_caller_with_a_span_of_its_own(thread: Durable, trace_resume: str) -> None:
    """Its trace is the one that the resumed run is part of, either way; the link is there all the same."""
    kept = Kept()
    paused = thread.call(interrupted, INPUT, kept=kept)
    with kept.provider.get_tracer("caller").start_as_current_span("request") as request:
        resumed = thread.call(interrupted, ANSWER, kept=kept, telemetry={"trace_resume": trace_resume})
    own = request.get_span_context()
    assert resumed.run["parent_id"] == trace.format_span_id(own.span_id)
    assert resumed.run["trace_id"] == trace.format_trace_id(own.trace_id)
    link_to(resumed, "resume", paused.run, resumed.run["attributes"][names.CHECKPOINT_ID])


def test_neither_link_nor_continue() -> None:
    """Another way to resume is refused, with what there is."""
    with pytest.raises(ValueError, match="'link' or 'continue', not 'fork'"):
        TelemetryOptions(trace_resume="fork")  # type: ignore[arg-type]


# ---- another way, another turn

three = chained(
    ("a", lambda state: {"log": ["a"]}),
    ("inner", chained(("i", lambda state: {"log": ["i"]})).compile(name="inner")),
    ("b", lambda state: {"log": ["b"]}),
)


@pytest.mark.parametrize("trace_resume", ["link", "continue"])
@pytest.mark.parametrize("given", [None, {"log": ["again"]}], ids=["replay", "input"])
def test_a_fork_is_a_new_trace_with_a_link(thread: Durable, trace_resume: str, given: Any) -> None:
    """From a point of the past a run is a trace of its own in any case, linked to the run that was there."""
    first = thread.call(three, INPUT)
    past = next(each for each in thread.saved() if each.metadata["step"] == 1).checkpoint["id"]
    fork = thread.call(three, given, checkpoint_id=past, telemetry={"trace_resume": trace_resume})
    assert first.run["trace_id"] != fork.run["trace_id"]
    assert None is fork.run["parent_id"]
    link_to(fork, "fork", first.run, past)
    assert "fork" == fork.run["attributes"][names.ORIGIN]
    assert {"7"} == {span["attributes"][names.CONVERSATION] for span in fork.spans}
    assert {names.GOES_ON, names.INTERRUPT_WAIT}.isdisjoint(fork.run["attributes"])


def test_an_answer_from_the_newest_checkpoint_by_name_is_no_fork(thread: Durable) -> None:
    """Whoever names the checkpoint that the thread is at anyway resumes."""
    paused = thread.call(interrupted, INPUT)
    newest = thread.saved()[0].checkpoint["id"]
    link_to(thread.call(interrupted, ANSWER, checkpoint_id=newest), "resume", paused.run, newest)


@pytest.mark.parametrize("graph", [interrupted, three], ids=["unanswered", "done"])
def test_another_turn_has_no_link(thread: Durable, graph: Any) -> None:
    """A new input starts from the state there is and goes on with nothing; turns have the thread's id in common."""
    first = thread.call(graph, INPUT)
    newest = thread.saved()[0].checkpoint["id"]
    second = thread.call(graph, {"log": ["another"]})
    assert first.run["trace_id"] != second.run["trace_id"]
    assert [] == second.run["links"]
    assert newest == second.run["attributes"][names.CHECKPOINT_ID]
    assert {names.ORIGIN, names.GOES_ON, names.INTERRUPT_WAIT}.isdisjoint(second.run["attributes"])
    assert first.run["attributes"][names.CONVERSATION] == second.run["attributes"][names.CONVERSATION]


# ---- what was not recorded


def test_a_first_half_that_was_not_sampled(thread: Durable) -> None:
    """It is linked to as what it is: a trace that is not sampled; and where it goes on, it goes on unsampled."""
    off = Kept(sampler=ParentBased(ALWAYS_OFF))
    assert [] == thread.call(interrupted, INPUT, kept=off).spans
    saved_by = thread.saved()[0].metadata[HIDDEN]["traceparent"]
    assert "0" == saved_by[-1] or int(saved_by[-2:], 16) & 1 == 0
    on = Kept(sampler=ParentBased(ALWAYS_ON))
    assert [] == thread.call(interrupted, None, kept=on, telemetry={"trace_resume": "continue"}).spans
    (link,) = thread.call(interrupted, ANSWER).run["links"]
    assert link["trace_id"] == saved_by.split("-")[1]


@pytest.mark.parametrize("provider", [trace.NoOpTracerProvider(), trace.ProxyTracerProvider()])
def test_a_first_half_without_a_provider(thread: Durable, provider: Any) -> None:
    """Spans that go nowhere leave nothing to link to; how long the human took is told by the checkpoint."""
    thread.chunks(interrupted, INPUT, telemetry=TelemetryOptions(provider=provider))
    (saved,) = {HIDDEN in each.metadata for each in thread.saved(None)}
    assert not saved
    assert HIDDEN not in repr([each.pending_writes for each in thread.saved(None)])
    time.sleep(0.03)
    resumed = thread.call(interrupted, ANSWER)
    assert [] == resumed.run["links"]
    assert "resume" == resumed.run["attributes"][names.ORIGIN]
    assert 0.03 <= resumed.run["attributes"][names.INTERRUPT_WAIT] < 5


def test_a_second_half_without_a_provider(thread: Durable) -> None:
    """It goes on all the same, and what it saves does not claim to be of the first half's trace."""
    thread.call(interrupted, INPUT)
    chunks = thread.chunks(
        interrupted, ANSWER, telemetry=TelemetryOptions(provider=trace.NoOpTracerProvider())
    )
    assert {"log": ["a", "because"]} == chunks[-1]
    assert HIDDEN not in thread.saved()[0].metadata
    assert HIDDEN in thread.saved()[1].metadata


def test_samplers_see_where_a_run_comes_from(colour: str, tmp_path: Path) -> None:
    """Links, origin, checkpoint and wait are there when the sampler is asked."""
    seen: list[Any] = []

    class Asking(Sampler):
        def should_sample(self, *args: Any) -> SamplingResult:
            seen.append((args[2], args[4], args[5]))
            return ALWAYS_ON.should_sample(*args)

        def get_description(self) -> str:
            return "asking"

    thread = Durable(colour, "memory", tmp_path)
    paused = thread.call(interrupted, INPUT)
    thread.call(interrupted, ANSWER, kept=Kept(sampler=Asking()))
    name, attributes, links = seen[0]
    assert "invoke_workflow g" == name
    assert {names.ORIGIN, names.CHECKPOINT_ID, names.GOES_ON, names.INTERRUPT_WAIT} <= set(attributes)
    assert [int(paused.run["span_id"], 16)] == [link.context.span_id for link in links]


def test_a_provider_that_is_not_the_sdks(thread: Durable) -> None:
    """It is given the link to what it exported of the paused run, by its API."""
    provider = OwnProvider()
    for given in (INPUT, ANSWER):
        thread.chunks(interrupted, given, telemetry=TelemetryOptions(provider=provider))
    paused, resumed = [span for span in provider.ended if span.name == "invoke_workflow g"]
    ((link, told),) = [(link.context, link.attributes) for link in resumed.links]
    assert (paused.context.trace_id, paused.context.span_id) == (link.trace_id, link.span_id)
    assert "resume" == told[names.LINK_KIND]


# ---- what is kept with a checkpoint is nobody else's business


@pytest.mark.parametrize("graph", [nested, three], ids=["asks", "done"])
def test_no_stream_shows_it(thread: Durable, graph: Any) -> None:
    """It is in the store, for graphs inside too, and in no chunk of any mode."""
    modes = ["values", "updates", "custom", "tasks", "checkpoints", "debug"]
    kept = Kept()
    chunks: list[Any] = []
    for given in (INPUT, ANSWER if graph is nested else {"log": ["again"]}):
        chunks += thread.chunks(
            graph,
            given,
            stream_mode=modes,
            subgraphs=True,
            telemetry=TelemetryOptions(provider=kept.provider),
        )
    assert len(chunks) > 20
    assert HIDDEN not in repr(chunks)
    assert "traceparent" not in repr(chunks)
    saved = thread.saved(None)
    assert {True, False} == {bool(each.config["configurable"]["checkpoint_ns"]) for each in saved}
    assert all(each.metadata[HIDDEN]["traceparent"].startswith("00-") for each in saved)


def test_content_capture_does_not_show_it(thread: Durable) -> None:
    """What is recorded of a checkpoint's metadata has it not either."""
    kept = Kept()
    for given in (INPUT, ANSWER):
        thread.call(interrupted, given, kept=kept, telemetry={"capture": True})
    spans = kept.exporter.get_finished_spans()
    payloads = [event.attributes.get(names.PAYLOAD, "") for span in spans for event in span.events]
    assert any('"metadata"' in payload for payload in payloads)
    assert not any("traceparent" in payload for payload in payloads)


def test_with_and_without_a_trace_a_thread_streams_the_same(colour: str, tmp_path: Path) -> None:
    """What is kept for traces changes no chunk of the runs that come after, and no checkpoint but its metadata."""

    def turns(options: Any) -> tuple[list[Any], list[Any]]:
        thread = Durable(colour, "memory", tmp_path)
        graph = chained(("ask", asker("one", "two")), ("inner", inner.compile(name="inner")))
        given = (INPUT, Command(resume="1"), None, Command(resume="2"), ANSWER, {"log": ["more"]})
        chunks = [
            thread.chunks(graph, each, stream_mode=["values", "updates"], telemetry=options) for each in given
        ]
        return chunks, [each.checkpoint["channel_values"] for each in thread.saved()]

    def plain(chunks: Any) -> str:
        import re

        return re.sub("[0-9a-f]{32}", "ID", repr(chunks))

    kept = Kept()
    bare = turns(TelemetryOptions(provider=trace.NoOpTracerProvider()))
    assert plain(bare) == plain(turns(kept.options))


def test_no_state_shows_it(thread: Durable) -> None:
    """`get_state` and the history have metadata without it, and no filter finds it."""

    def look(graph: Any) -> list[Any]:
        config = {"configurable": {"thread_id": "7"}}
        parent = newest.metadata[HIDDEN]["traceparent"]
        filters = [None, {HIDDEN: {"traceparent": parent}}, {f"{HIDDEN}.traceparent": parent}, {HIDDEN: None}]
        found = [list(graph.get_state_history(config, filter=each)) for each in filters]
        assert [2, 0, 0, 2] == [len(each) for each in found]
        first = list(graph.get_state_history(config, filter={"step": -1}))
        assert [-1] == [state.metadata["step"] for state in first]
        return [*found[0], graph.get_state(config, subgraphs=True)]

    thread.call(nested, INPUT)
    thread.call(nested, None)
    newest = thread.saved()[0]
    shown = thread.with_graph(nested, look)
    assert {"source", "step", "parents"} == {key for state in shown for key in state.metadata}
    assert HIDDEN not in repr(shown)
    assert "traceparent" not in repr(shown)


# ---- states written from outside


def update(thread: Durable, graph: Any, *lines: str, checkpoint_id: str | None = None) -> None:
    """Have updates made, one after another."""
    named = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
    config = {"configurable": {"thread_id": "7", **named}}
    steps = [[({"log": [line]}, "a")] for line in lines]
    thread.with_graph(graph, lambda compiled: compiled.bulk_update_state(config, steps))


def test_a_state_that_a_human_has_changed(thread: Durable) -> None:
    """A run that goes on from an update is linked to the run that paused before it; the human took that long."""
    paused = thread.call(interrupted, INPUT)
    time.sleep(0.03)
    update(thread, interrupted, "one", "two")
    resumed = thread.call(interrupted, None)
    newest = resumed.run["attributes"][names.CHECKPOINT_ID]
    link_to(resumed, "resume", paused.run, newest)
    assert 0.03 <= resumed.run["attributes"][names.INTERRUPT_WAIT] < 5
    (made,) = [each for each in thread.saved() if each.checkpoint["id"] == newest]
    assert "update" == made.metadata["source"]


@pytest.mark.parametrize("given", [None, {"log": ["again"]}], ids=["goes on", "input"])
def test_a_past_that_a_human_has_changed(thread: Durable, given: Any) -> None:
    """A run from an update of a checkpoint of the past is a fork, however many updates there were."""
    first = thread.call(three, INPUT)
    past = next(each for each in thread.saved() if each.metadata["step"] == 1).checkpoint["id"]
    update(thread, three, "one", "two", checkpoint_id=past)
    fork = thread.call(three, given, telemetry={"trace_resume": "continue"})
    assert first.run["trace_id"] != fork.run["trace_id"]
    link_to(fork, "fork", first.run, fork.run["attributes"][names.CHECKPOINT_ID])
    assert names.INTERRUPT_WAIT not in fork.run["attributes"]


# ---- what comes from elsewhere


@pytest.mark.parametrize(
    "carrier",
    [
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        ["traceparent"],
        {},
        {"traceparent": 7},
        {"traceparent": ""},
        {"traceparent": "00-short-b7ad6b7169203331-01"},
        {"traceparent": "00-00000000000000000000000000000000-b7ad6b7169203331-01"},
        {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01"},
        {"traceparent": "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
        {"tracestate": "a=1", "left_at": "yesterday", "outcome": ["interrupted"]},
    ],
    ids=str,
)
@pytest.mark.parametrize("trace_resume", ["link", "continue"])
def test_a_damaged_carrier(
    thread: Durable, carrier: Any, trace_resume: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It is ignored, counted, and logged the first time; the run goes on, in a trace of its own without a link."""
    thread.call(interrupted, INPUT)
    thread.spoil(carrier)
    where = "trace of a checkpoint"
    before = faults.counts[where]
    faults._logged.clear()
    with caplog.at_level(logging.ERROR, "otgraph"):
        for given in (None, ANSWER):
            thread.spoil(carrier)
            resumed = thread.call(interrupted, given, telemetry={"trace_resume": trace_resume})
    assert ([], None, "resume") == (
        resumed.run["links"],
        resumed.run["parent_id"],
        resumed.run["attributes"][names.ORIGIN],
    )
    assert "success" == resumed.run["attributes"][names.OUTCOME]
    assert 2 == faults.counts[where] - before
    assert 1 == len(caplog.records)
    assert 0 <= resumed.run["attributes"][names.INTERRUPT_WAIT] < 60


@pytest.mark.parametrize(
    ("state", "kept_of_it"), [("rojo=1,congo=t61", "rojo=1,congo=t61"), ("rojo=1,!odd!", None)]
)
def test_a_carrier_with_the_state_of_other_vendors(thread: Durable, state: str, kept_of_it: Any) -> None:
    """The `tracestate` of the paused trace comes along where that goes on; an odd one is left out."""
    thread.call(interrupted, INPUT)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    thread.spoil({"traceparent": parent, "tracestate": state})
    resumed = thread.call(interrupted, ANSWER, telemetry={"trace_resume": "continue"})
    assert f"{resumed.run['trace_id']}-{resumed.run['parent_id']}" == parent[3:-3]
    assert kept_of_it == thread.saved()[0].metadata[HIDDEN].get("tracestate")


@pytest.mark.parametrize("asked", [None, 7, "why?", [None], [{"value": "why?"}], {"id": "x"}], ids=repr)
def test_questions_that_are_damaged(colour: str, asked: Any) -> None:
    """What was kept as a question and is none is no id of a span; the run asks anew."""
    saver, kept = InMemorySaver(), Kept()
    config = {"configurable": {"thread_id": "7"}}
    graph = interrupted.compile(checkpointer=saver)
    drive(graph, colour, INPUT, config)
    newest = saver.get_tuple({"configurable": {"thread_id": "7", "checkpoint_ns": ""}})
    (task_id,) = {task for task, channel, _ in newest.pending_writes if channel == "__interrupt__"}
    saver.put_writes(newest.config, [("__interrupt__", asked)], task_id)
    result = drive(graph, colour, None, config, telemetry=kept.options, stream_mode="values")
    assert ["why?"] == [question.value for question in result["__interrupt__"]]
    assert names.GOES_ON not in kept.named("LangGraph").attributes


def test_a_clock_that_goes_backwards(thread: Durable) -> None:
    """A question from the future was answered at once."""
    thread.call(interrupted, INPUT)
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    thread.spoil({"traceparent": parent, "left_at": time.time() + 1000.0, "outcome": "interrupted"})
    assert 0 == thread.call(interrupted, ANSWER).run["attributes"][names.INTERRUPT_WAIT]


class Refusing(InMemorySaver):
    """Takes everything but what is kept for traces."""

    def put_writes(self, config: Any, writes: Any, task_id: str, task_path: str = "") -> None:
        if HIDDEN in repr(writes):
            raise OSError("not that")
        super().put_writes(config, writes, task_id, task_path)

    async def aput_writes(self, *args: Any) -> None:
        self.put_writes(*args)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_saver_that_does_not_take_it(
    colour: str, durability: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The run is what it would have been, the fault is counted, and the next run is linked to whoever saved last."""
    kept, saver = Kept(), Refusing()
    graph = interrupted.compile(checkpointer=saver)
    before = faults.counts["trace of a checkpoint"]
    config = {"configurable": {"thread_id": "7"}}
    with caplog.at_level(logging.CRITICAL, "otgraph"):
        for given in (INPUT, ANSWER):
            result = drive(graph, colour, given, config, telemetry=kept.options, durability=durability)
    assert {"log": ["a", "because"]} == result
    assert 1 == faults.counts["trace of a checkpoint"] - before
    first, second = [span for span in kept.spans if span.name == "invoke_workflow LangGraph"]
    assert [first.context.span_id] == [link.context.span_id for link in second.links]


LANGGRAPH = """
import json, operator, sys, warnings
from typing import Annotated, TypedDict
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.graph import START, StateGraph
from langgraph.types import Command, interrupt
import logging
logging.basicConfig(stream=sys.stdout, level=logging.WARNING, format="LOG %(message)s")
warnings.simplefilter("error")

class State(TypedDict, total=False):
    log: Annotated[list, operator.add]

graph = StateGraph(State)
graph.add_node("a", lambda state: {"log": ["a"]}).add_edge(START, "a")
graph.add_node("ask", lambda state: {"log": [interrupt("why?")]}).add_edge("a", "ask")
config = {"configurable": {"thread_id": "7"}}
with SqliteSaver.from_conn_string(sys.argv[1]) as saver:
    compiled = graph.compile(checkpointer=saver)
    if sys.argv[2] == "begin":
        result = compiled.invoke({"log": []}, config)
    else:
        before = compiled.get_state(config)
        assert before.next == ("ask",) and [q.value for q in before.interrupts] == ["why?"], before
        assert [task.name for task in before.tasks] == ["ask"], before
        again = compiled.invoke(None, config)
        assert [q.value for q in again["__interrupt__"]] == ["why?"], again
        result = compiled.invoke(Command(resume="there"), config)
    assert compiled.get_state(config).values == {"log": result["log"]}
    print(json.dumps([result["log"], len(list(compiled.get_state_history(config)))]))
"""


def in_langgraph(file: Path, what: str) -> Any:
    """Return what LangGraph made of the thread."""
    python = HERE.parents[1] / ".venv-oracle" / "bin" / "python"
    if not python.exists():
        pytest.fail("LangGraph is not here to compare with: run `make oracle` first")
    done = subprocess.run(
        [str(python), "-c", LANGGRAPH, str(file), what],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (0, "") == (done.returncode, done.stderr)
    return json.loads(done.stdout)


@pytest.mark.oracle
def test_a_thread_that_langgraph_began(colour: str, tmp_path: Path) -> None:
    """It has nothing to link to; the run says that it goes on, from what and after how long."""
    assert [["a"], 3] == in_langgraph(tmp_path / "thread.db", "begin")
    resumed = Durable(colour, "sqlite", tmp_path).call(interrupted, ANSWER)
    told = resumed.run["attributes"]
    assert ([], "resume", "success") == (resumed.run["links"], told[names.ORIGIN], told[names.OUTCOME])
    assert 1 == len(told[names.GOES_ON])
    assert 0 < told[names.INTERRUPT_WAIT] < 60


@pytest.mark.oracle
def test_a_thread_that_langgraph_goes_on_with(colour: str, tmp_path: Path) -> None:
    """What is kept for traces is nothing to it: it shows the same state, takes the answer, and says nothing."""
    thread = Durable(colour, "sqlite", tmp_path)
    thread.call(interrupted, INPUT)
    thread.call(interrupted, None)
    assert HIDDEN in repr(thread.saved()[0].pending_writes)
    assert [["a", "there"], 4] == in_langgraph(tmp_path / "thread.db", "answer")
    assert [] == thread.call(interrupted, {"log": ["back"]}).run["links"]


def test_the_published_memory_of_ours_is_all_there_is(tmp_path: Path) -> None:
    """A carrier is plain JSON: an SQLite file holds it as text that any tool can read."""
    thread = Durable("threads", "sqlite", tmp_path)
    thread.call(interrupted, INPUT)
    with SqliteSaver.from_conn_string(tmp_path / "thread.db") as saver, saver.cursor() as cursor:
        rows = cursor.execute("SELECT CAST(metadata AS TEXT) FROM checkpoints").fetchall()
    assert all(["traceparent"] == list(json.loads(row[0])[HIDDEN]) for row in rows)
