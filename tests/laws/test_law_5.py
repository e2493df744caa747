"""Law 5: every span ends exactly once, on every exit."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode
from waiting import until_async, until_none_is_abandoned

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.config import get_stream_writer
from otgraph.drivers.workers import workers
from otgraph.errors import RunEndedError
from otgraph.func import task
from otgraph.graph import START, StateGraph
from otgraph.runtime import RunControl
from otgraph.tracing import names
from otgraph.tracing.observer import LIVE
from otgraph.types import interrupt

from .conftest import Driver
from .programs import PROGRAMS, State, adding, chained
from .replayed import Recorder


class Ledger(SpanProcessor):
    """Counts starts and ends of spans."""

    def __init__(self) -> None:
        self.started: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        self.started[span.context.span_id] += 1

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context is not None
        self.ended[span.context.span_id] += 1


class Watch(Recorder):
    """A recorder that also keeps a ledger."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger = Ledger()
        self.provider.add_span_processor(self.ledger)

    def outcomes(self) -> list[str]:
        """Return how each span ended, in the order in which they started."""
        spans = sorted(self.spans, key=lambda span: span.attributes[names.SEQ])
        return [f"{span.name.split()[-1]} {span.attributes[names.OUTCOME]}" for span in spans]

    def check(self) -> None:
        """Every span that started has ended once, inside its parent, and nothing of the run goes on."""
        assert self.ledger.started == self.ledger.ended
        assert set(self.ledger.started.values()) <= {1}
        assert not LIVE
        by_id = {span.context.span_id: span for span in self.spans}
        for span in self.spans:
            assert names.LEAKED not in span.attributes
            if span.parent is not None:
                above = by_id[span.parent.span_id]
                assert above.start_time <= span.start_time <= span.end_time <= above.end_time
            is_error = span.attributes[names.OUTCOME] in (
                "error",
                "timeout",
                "recursion_limit",
                "budget_exceeded",
            )
            assert (span.status.status_code is StatusCode.ERROR) == is_error
            assert (names.ERROR_TYPE in span.attributes) == is_error


@pytest.fixture
def watch(caplog: pytest.LogCaptureFixture) -> Iterator[Watch]:
    """Return a recorder; when the test is over, check that all is closed and that no span was ended twice."""
    watch = Watch()
    with caplog.at_level(logging.WARNING, "otgraph"):
        yield watch
    watch.check()
    assert [] == [record.message for record in caplog.records]


def both(function: Callable[..., Any], driver: Driver) -> Callable[..., Any]:
    return driver.node(function)


def sleepy(seconds: float, *, driver: Driver, says: bool = True) -> Callable[..., Any]:
    """Return a node that says something, then sleeps."""

    def sleep(state: State) -> dict[str, Any]:
        if says:
            get_stream_writer()("asleep")
        time.sleep(seconds)
        return {"log": ["slept"]}

    async def sleep_async(state: State) -> dict[str, Any]:
        if says:
            get_stream_writer()("asleep")
        await asyncio.sleep(seconds)
        return {"log": ["slept"]}

    return sleep if driver.sync else sleep_async


# ---- the ends that a run finds by itself

ENDS = {
    "chain": "success",
    "sends": "success",
    "joined": "success",
    "nested": "success",
    "commands": "success",
    "fails": "error",
    "fails_inside": "error",
    "retries": "success",
    "handled": "success",
    "cached": "success",
    "asks": "interrupted",
    "pauses": "interrupted",
    "endless": "recursion_limit",
    "root": "success",
    "pydantic": "success",
    "dataclasses": "success",
    "objects": "success",
    "functional": "success",
    "functional_asks": "interrupted",
    "functional_cached": "success",
    "saved": "success",
    "saved_to_fail": "error",
    "saved_to_ask": "interrupted",
    "answered": "interrupted",
    "answered_inside": "success",
    "repeated": "success",
    "second_turn": "success",
    "unanswered": "interrupted",
    "forked": "success",
    "passes": "interrupted",
    "commanded": "success",
}
"""Program -> the outcome of its run."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_outcome_of_every_program(driver: Driver, name: str, watch: Watch) -> None:
    """Each way to end has its outcome; only errors have the status ERROR and a type."""
    graph, begin, config = PROGRAMS[name](driver)
    driver.stream(graph, begin, config, stream_mode=["values", "custom"], telemetry=watch.options)
    root = watch.spans[-1]
    assert (ENDS[name], None) == (root.attributes[names.OUTCOME], root.parent)


@pytest.mark.parametrize(
    ("name", "kind", "where"),
    [
        ("fails", "ValueError", "invoke_node fail"),
        ("fails_inside", "KeyError", "invoke_node i"),
        ("endless", "GraphRecursionError", "invoke_workflow endless"),
    ],
)
def test_an_exception_is_recorded_where_it_was_raised(
    driver: Driver, name: str, kind: str, where: str, watch: Watch
) -> None:
    """One span has the exception event: the task's, or the run's if no task had it; spans above bear its type."""
    graph, begin, config = PROGRAMS[name](driver)
    driver.stream(graph, begin, config, telemetry=watch.options)
    recorded = [span.name for span in watch.spans for event in span.events if event.name == "exception"]
    failed = {
        span.attributes[names.ERROR_TYPE] for span in watch.spans if names.ERROR_TYPE in span.attributes
    }
    assert ([where], {kind}) == (recorded, failed)


def test_an_input_that_is_refused_is_recorded_on_the_run(driver: Driver, watch: Watch) -> None:
    """An exception before the first superstep is recorded on the run's span."""
    graph, _, _ = PROGRAMS["pydantic"](driver)
    driver.stream(graph, {"n": "not a number"}, telemetry=watch.options)
    driver.stream(graph, None, telemetry=watch.options)
    told = [(span.name, [event.name for event in span.events]) for span in watch.spans]
    assert [("invoke_workflow pydantic", ["exception"])] * 2 == [(name, events[-1:]) for name, events in told]


def test_a_superstep_whose_writes_clash_is_an_error(driver: Driver, watch: Watch) -> None:
    """An error that no task had is recorded on the superstep, once."""
    graph = StateGraph(State)
    for name in ("a", "b"):
        graph.add_node(name, driver.node(lambda state: {"n": 1}))
        graph.add_edge(START, name)
    driver.stream(graph.compile(), {"n": 0}, telemetry=watch.options)
    recorded = [span.name for span in watch.spans for event in span.events if event.name == "exception"]
    assert ["otgraph.superstep"] == recorded
    assert "error" == watch.spans[-1].attributes[names.OUTCOME]


def test_a_drained_run(driver: Driver, watch: Watch) -> None:
    """A run that was asked to stop ends between two supersteps, and that is no error."""
    control = RunControl()

    def ask(state: State) -> None:
        control.request_drain()

    graph = chained(("a", driver.node(ask)), ("b", driver.node(adding("b")))).compile()
    driver.stream(graph, {"n": 0}, control=control, telemetry=watch.options)
    assert ["LangGraph drained", "otgraph.superstep success", "a success"] == watch.outcomes()


def test_a_sibling_of_a_failure_is_cancelled(watch: Watch) -> None:
    """When one of two tasks raises, the other is cancelled, and its span says so."""

    async def fail(state: State) -> None:
        await asyncio.sleep(0.01)
        raise ValueError

    graph = StateGraph(State).add_node("slow", sleepy(30, driver=Driver("asyncio"))).add_node("fail", fail)
    graph.add_edge(START, "slow").add_edge(START, "fail")
    chunks = Driver("asyncio").stream(graph.compile(), {"n": 0}, telemetry=watch.options)
    assert ["ValueError"] == [type(chunk).__name__ for chunk in chunks if isinstance(chunk, Exception)]
    assert {"slow cancelled", "fail error"} <= set(watch.outcomes())


def test_a_timeout(driver: Driver, watch: Watch) -> None:
    """A superstep that takes too long is a timeout, which is an error; its tasks are cancelled."""
    graph = chained(("a", driver.node(adding("a"))), ("slow", sleepy(1.0, driver=driver))).compile()
    graph.step_timeout = 0.4
    chunks = driver.stream(graph, {"n": 0}, telemetry=watch.options)
    assert isinstance(chunks[-1], (TimeoutError, asyncio.TimeoutError))
    told = watch.outcomes()
    assert "otgraph.superstep timeout" in told
    assert ("slow abandoned" if driver.sync else "slow cancelled") in told
    until_none_is_abandoned()


# ---- the ends that a consumer brings about


MODES = ["updates", ["updates", "custom"], ["updates", "spans"]]


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("taken", [0, 1, 2, 3])
def test_close(mode: Any, taken: int, watch: Watch) -> None:
    """Closing a stream after any chunk, or before the first, cancels the run and is no error."""
    driver = Driver("threads")
    graph = chained(("a", both(adding("a"), driver)), ("b", sleepy(0.02, driver=driver)), ("c", adding("c")))
    stream = graph.compile().stream({"n": 0}, stream_mode=mode, telemetry=watch.options)
    for _ in range(taken):
        next(stream)
    stream.close()
    with pytest.raises(StopIteration):
        next(stream)
    until_none_is_abandoned()
    if taken:
        assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_break(driver: Driver, mode: Any, watch: Watch) -> None:
    """Leaving the loop over a stream cancels the run, in either colour."""
    graph = chained(("a", driver.node(adding("a"))), ("b", sleepy(0.02, driver=driver))).compile()
    if driver.sync:
        for _ in graph.stream({"n": 0}, stream_mode=mode, telemetry=watch.options):
            break
    else:

        async def leave() -> None:
            async for _ in graph.astream({"n": 0}, stream_mode=mode, telemetry=watch.options):
                break
            gc.collect()
            await settled()

        driver.run(leave())
    gc.collect()
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


async def settled() -> None:
    """Wait until no task is left but the caller's."""
    await until_async(lambda: len(asyncio.all_tasks()) == 1, "every task but this one to end")


def test_garbage(driver: Driver, watch: Watch) -> None:
    """A stream that is dropped in the middle ends its spans when it is collected."""
    graph = chained(("a", driver.node(adding("a"))), ("b", driver.node(adding("b")))).compile()
    if driver.sync:
        stream = graph.stream({"n": 0}, telemetry=watch.options)
        next(stream)
        del stream
    else:
        # The loop is gone too: nobody can await anything for this stream any more.
        loop = asyncio.new_event_loop()
        astream = graph.astream({"n": 0}, telemetry=watch.options)
        loop.run_until_complete(astream.__anext__())
        loop.close()
        del astream
    gc.collect()
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_cancel(mode: Any, watch: Watch) -> None:
    """Cancelling the task that consumes a stream cancels the node, and leaves no coroutine of the run behind."""
    driver = Driver("asyncio")
    ended: list[str] = []
    begun = asyncio.Event()

    async def node(state: State) -> None:
        try:
            begun.set()
            await asyncio.sleep(30)
        finally:
            ended.append("node")

    graph = chained(("a", driver.node(adding("a"))), ("b", node)).compile()

    async def cancel() -> None:
        async def consume() -> None:
            async for _ in graph.astream({"n": 0}, stream_mode=mode, telemetry=watch.options):
                pass

        task = asyncio.create_task(consume())
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 1 == len(asyncio.all_tasks())

    driver.run(cancel())
    assert ["node"] == ended
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


def test_cancel_of_invoke_and_wait_for(watch: Watch) -> None:
    """A timeout around `ainvoke` cancels the run."""
    driver = Driver("asyncio")
    begun = asyncio.Event()

    async def node(state: State) -> None:
        begun.set()
        await asyncio.sleep(30)

    graph = chained(("a", driver.node(adding("a"))), ("b", node)).compile()

    async def main() -> None:
        run = asyncio.ensure_future(graph.ainvoke({"n": 0}, telemetry=watch.options))
        await begun.wait()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(run, 0.01)
        assert 1 == len(asyncio.all_tasks())

    driver.run(main())
    assert {"b cancelled", "LangGraph cancelled"} <= set(watch.outcomes())


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_aclose_from_another_task(mode: Any, watch: Watch) -> None:
    """A stream may be closed by a task that did not begin it; no context is detached where it was not attached."""
    driver = Driver("asyncio")
    graph = chained(("a", driver.node(adding("a"))), ("b", sleepy(30, driver=driver))).compile()

    async def main() -> None:
        stream = graph.astream({"n": 0}, stream_mode=mode, telemetry=watch.options)
        await stream.__anext__()
        await asyncio.create_task(stream.aclose())
        assert 1 == len(asyncio.all_tasks())

    driver.run(main())
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


class Stop(BaseException):
    """Neither an exception nor known to Python."""


@pytest.mark.parametrize("mode", MODES, ids=str)
@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, Stop])
def test_what_is_no_exception_leaves_the_node(
    driver: Driver, mode: Any, error: type[BaseException], watch: Watch
) -> None:
    """KeyboardInterrupt and its like, raised in a node, reach the caller and are no errors."""

    def leave(state: State) -> None:
        raise error

    graph = chained(("a", driver.node(adding("a"))), ("b", driver.node(leave))).compile()

    def consume() -> None:
        if driver.sync:
            list(graph.stream({"n": 0}, stream_mode=mode, telemetry=watch.options))
        else:
            loop = asyncio.new_event_loop()
            try:
                loop.run_until_complete(
                    _all(graph.astream({"n": 0}, stream_mode=mode, telemetry=watch.options))
                )
            finally:
                for task in asyncio.all_tasks(loop):
                    task.cancel()
                    loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
                loop.run_until_complete(loop.shutdown_asyncgens())
                loop.close()

    with pytest.raises(error):
        consume()
    gc.collect()
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


async def _all(stream: Any) -> list[Any]:
    return [chunk async for chunk in stream]


@pytest.mark.parametrize("mode", MODES, ids=str)
def test_interrupted_from_the_keyboard(driver: Driver, mode: Any, watch: Watch) -> None:
    """Ctrl-C while a node sleeps ends all spans, whether the node is in this thread or in another."""
    timer = threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT))
    over = threading.Event()

    def sleep(state: State) -> None:
        timer.start()
        over.wait(30)

    async def sleep_async(state: State) -> None:
        timer.start()
        await asyncio.sleep(30)

    graph = chained(("a", driver.node(adding("a"))), ("b", sleep if driver.sync else sleep_async)).compile()
    streaming = graph.stream if driver.sync else graph.astream
    stream = streaming({"n": 0}, stream_mode=mode, telemetry=watch.options)
    with pytest.raises(KeyboardInterrupt):
        list(stream) if driver.sync else asyncio.run(_all(stream))
    timer.join()
    over.set()
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]
    until_none_is_abandoned()


def test_a_consumer_that_raises(driver: Driver, watch: Watch) -> None:
    """An exception of the consumer's own, in its loop, cancels the run as a break does."""
    graph = chained(("a", driver.node(adding("a"))), ("b", driver.node(adding("b")))).compile()

    def consume() -> None:
        for _ in graph.stream({"n": 0}, telemetry=watch.options):
            raise LookupError

    async def consume_async() -> None:
        async for _ in graph.astream({"n": 0}, telemetry=watch.options):
            raise LookupError

    with pytest.raises(LookupError):
        consume() if driver.sync else driver.run(consume_async())
    gc.collect()
    assert "cancelled" == watch.spans[-1].attributes[names.OUTCOME]


# ---- threads that cannot be stopped


@pytest.mark.parametrize("asks", ["writer", "interrupt", "graph", "task"])
def test_an_abandoned_thread_asks_in_vain(driver: Driver, asks: str, watch: Watch) -> None:
    """A sync node left behind is a counted daemon; what it returns is dropped, and what it asks of the run raises."""
    go, over = threading.Event(), threading.Event()
    raised: list[Any] = []

    def stuck(state: State) -> dict[str, Any]:
        writer = get_stream_writer()
        writer("here")
        raised.append(threading.current_thread().daemon)
        go.wait(5)
        try:
            late[asks](state)
        except BaseException as error:
            raised.append(type(error))
        finally:
            over.set()
        return {"log": ["late"]}

    inner = chained(("i", adding("i"))).compile()
    late = {
        "writer": lambda state: get_stream_writer()(state),
        "interrupt": interrupt,
        "graph": inner.invoke,
        "task": task(lambda state: state, name="late"),
    }
    graph = chained(("stuck", stuck)).compile()
    if driver.sync:
        stream = graph.stream({"n": 0}, stream_mode="custom", telemetry=watch.options)
        next(stream)
        stream.close()
    else:

        async def leave() -> None:
            astream = graph.astream({"n": 0}, stream_mode="custom", telemetry=watch.options)
            await astream.__anext__()
            await astream.aclose()

        driver.run(leave())
    assert 1 == workers.abandoned
    go.set()
    assert over.wait(5)
    until_none_is_abandoned()
    assert raised[0] is True
    assert ["LangGraph cancelled", "otgraph.superstep cancelled", "stuck abandoned"] == watch.outcomes()
    if asks != "graph":
        assert [RunEndedError] == raised[1:]


def test_threads_that_come_back_in_time_are_not_counted(driver: Driver, watch: Watch) -> None:
    """However a close meets nodes that are just ending, in the end no thread is counted as left behind."""

    def quick(state: State) -> None:
        get_stream_writer()("here")

    graph = StateGraph(State)
    for name in "abcdef":
        graph.add_node(name, quick).add_edge(START, name)
    compiled = graph.compile()

    async def leave() -> None:
        astream = compiled.astream({"n": 0}, stream_mode="custom", telemetry=watch.options)
        await astream.__anext__()
        time.sleep(0.002)
        await astream.aclose()

    for _ in range(30):
        if driver.sync:
            stream = compiled.stream({"n": 0}, stream_mode="custom", telemetry=watch.options)
            next(stream)
            time.sleep(0.002)
            stream.close()
        else:
            driver.run(leave())
    time.sleep(0.05)
    until_none_is_abandoned()


# ---- savers that fail, and ends in the middle of a save


class Failing(InMemorySaver):
    """
    Fails in one of its methods, from some call on.

    Args:
        method: the name of the synchronous one; the other colour of it fails too.
        after: how many calls of it go well.
        pause: seconds that each call takes.
    """

    prompt = False

    def __init__(self, method: str = "", after: int = 0, pause: float = 0.0) -> None:
        super().__init__()
        self.method, self.left, self.pause = method, after, pause

    def check(self, method: str) -> None:
        time.sleep(self.pause)
        if method == self.method:
            self.left -= 1
            if self.left < 0:
                raise OSError(f"{method}: disk full")

    def get_tuple(self, *args: Any) -> Any:
        self.check("get_tuple")
        return super().get_tuple(*args)

    def put(self, *args: Any) -> Any:
        self.check("put")
        return super().put(*args)

    def put_writes(self, *args: Any) -> None:
        self.check("put_writes")
        super().put_writes(*args)

    async def aget_tuple(self, *args: Any) -> Any:
        await asyncio.sleep(self.pause)
        return self.get_tuple(*args)

    async def aput(self, *args: Any) -> Any:
        await asyncio.sleep(self.pause)
        return self.put(*args)

    async def aput_writes(self, *args: Any) -> None:
        await asyncio.sleep(self.pause)
        self.put_writes(*args)


def saved_in(saver: Any, driver: Driver) -> Any:
    """Return a graph with a graph inside and two siblings, kept by `saver`."""
    inner = chained(("i", driver.node(adding("i"))), ("j", driver.node(adding("j")))).compile(name="inner")
    graph = StateGraph(State).add_node("a", driver.node(adding("a"))).add_node("b", driver.node(adding("b")))
    graph.add_node("inner", inner).add_edge(START, "a").add_edge(START, "b").add_edge(["a", "b"], "inner")
    return graph.compile(name="saved", checkpointer=saver)


SAVED_IN = {"configurable": {"thread_id": "7"}}


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize(
    ("method", "after"),
    [("get_tuple", 0), ("get_tuple", 1)]
    + [("put", n) for n in range(5)]
    + [("put_writes", n) for n in range(5)],
)
def test_a_saver_that_fails(driver: Driver, method: str, after: int, durability: str, watch: Watch) -> None:
    """Whatever it cannot do, and whenever: the run has that error, once, and everything of it is closed."""
    graph = saved_in(Failing(method, after), driver)
    chunks = driver.stream(
        graph,
        {"n": 0, "log": []},
        SAVED_IN,
        stream_mode=["updates", "checkpoints"],
        durability=durability,
        telemetry=watch.options,
    )
    root = watch.spans[-1]
    recorded = {
        span.name: event.attributes["exception.message"]
        for span in watch.spans
        for event in span.events
        if event.name == "exception"
    }
    if not isinstance(chunks[-1], Exception):
        # It was not called as often.
        assert (durability, "success", {}) == ("exit", root.attributes[names.OUTCOME], recorded)
        return
    assert f"{method}: disk full" == str(chunks[-1])
    assert ("error", "OSError") == (root.attributes[names.OUTCOME], root.attributes[names.ERROR_TYPE])
    assert {f"{method}: disk full"} == set(recorded.values())
    # Each of two siblings may have met an error of its own.
    assert 1 == len(recorded) or {"invoke_node a", "invoke_node b"} == set(recorded)


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("taken", [1, 2, 4])
def test_a_consumer_that_leaves_in_the_middle_of_a_save(
    driver: Driver, taken: int, durability: str, watch: Watch
) -> None:
    """What is being saved is saved; all spans have ended once when `close` returns."""
    saver = Failing(pause=0.01)
    graph = saved_in(saver, driver)
    options: dict[str, Any] = {
        "stream_mode": "checkpoints",
        "durability": durability,
        "telemetry": watch.options,
    }

    async def leave() -> None:
        stream = graph.astream({"n": 0, "log": []}, SAVED_IN, **options)
        for _ in range(taken):
            await anext(stream)
        await stream.aclose()

    if driver.sync:
        stream = graph.stream({"n": 0, "log": []}, SAVED_IN, **options)
        for _ in range(taken):
            next(stream)
        stream.close()
    else:
        driver.run(leave())
    watch.check()
    assert watch.spans[-1].attributes[names.OUTCOME] in ("abandoned", "cancelled")
    assert (durability == "exit") == (not list(saver.list(SAVED_IN)))


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize("after", [0.005, 0.03, 0.06, 0.1])
def test_a_cancel_in_the_middle_of_a_save(after: float, durability: str, watch: Watch) -> None:
    """A run that is cancelled while its saver works is closed, and what comes after it may go on from there."""
    driver = Driver("asyncio")
    saver = Failing(pause=0.01)
    graph = saved_in(saver, driver)

    async def cancel() -> None:
        options: dict[str, Any] = {"durability": durability, "telemetry": watch.options}
        run = asyncio.ensure_future(graph.ainvoke({"n": 0, "log": []}, SAVED_IN, **options))
        await asyncio.sleep(after)
        assert run.cancel() or durability == "exit"
        with suppress(asyncio.CancelledError):
            await run
        watch.check()
        begun = bool(list(saver.list(SAVED_IN)))
        result = await graph.ainvoke(None if begun else {"n": 0, "log": []}, SAVED_IN, **options)
        assert ["a", "b", "i", "j"] == sorted(set(result["log"]))

    driver.run(cancel())
