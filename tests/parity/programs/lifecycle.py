"""What handlers hear of a run that pauses, and of one that goes on."""

import inspect
from uuid import UUID

from parity.registry import covers

from .states import Log, chain, saying

NAMES = """GraphCallbackHandler GraphInterruptEvent GraphLifecycleEvent GraphLifecycleStatus GraphResumeEvent
    get_async_graph_callback_manager_for_config get_sync_graph_callback_manager_for_config"""


def hearing(lg, *, asynchronous=False, fails=False):
    """Return a handler that keeps what it hears of pauses, among the starts and ends of the root run."""
    log = []

    def note(event):
        log.append((event, str(event.run_id)))
        if fails:
            raise ValueError("handler")

    class Hearing(lg.callbacks.GraphCallbackHandler):
        raise_error = fails

        def on_chain_start(self, serialized, inputs, *, run_id, parent_run_id=None, **kwargs):
            if parent_run_id is None:
                log.append(("start", str(run_id)))

        def on_chain_end(self, outputs, *, run_id, parent_run_id=None, **kwargs):
            if parent_run_id is None:
                log.append(("end", str(run_id)))

    if asynchronous:

        class Handler(Hearing):
            async def on_interrupt(self, event):
                note(event)

            async def on_resume(self, event):
                note(event)
    else:

        class Handler(Hearing):
            def on_interrupt(self, event):
                note(event)

            def on_resume(self, event):
                note(event)

    handler = Handler()
    handler.log = log
    return handler


def config_with(*handlers, thread="1"):
    return {"configurable": {"thread_id": thread}, "callbacks": list(handlers)}


def asking(lg, drive):
    @drive.node
    def ask(state):
        return {"log": [lg.types.interrupt("q")]}

    return ask


@covers("PKG-23")
def what_there_is(lg):
    """The names, and the fields of the events."""
    for name in NAMES.split():
        yield name, inspect.isclass(getattr(lg.callbacks, name))
    yield lg.callbacks.GraphLifecycleStatus
    yield list(inspect.signature(lg.callbacks.GraphInterruptEvent).parameters)
    yield list(inspect.signature(lg.callbacks.GraphResumeEvent).parameters)
    event = lg.callbacks.GraphResumeEvent(None, "pending", "1", ())
    yield event, event == lg.callbacks.GraphResumeEvent(None, "pending", "1", ())
    handler = hearing(lg)
    others = object()
    for get in (
        lg.callbacks.get_sync_graph_callback_manager_for_config,
        lg.callbacks.get_async_graph_callback_manager_for_config,
    ):
        manager = get({"callbacks": [handler, others]}, run_id=UUID(int=1))
        yield [each is handler for each in manager.handlers], manager.run_id
        yield get({}).handlers
    lg.callbacks.get_sync_graph_callback_manager_for_config({"callbacks": [handler]}).on_resume(event)
    yield handler.log


@covers("CBK-04")
def questions(lg, drive):
    """A run that asks pauses, one that answers goes on; a handler of either colour hears of it."""
    for asynchronous in (False, True):
        for durability in ("sync", "async", "exit"):
            graph = chain(lg, Log, *saying(drive, "a"), ("ask", asking(lg, drive)))
            graph = graph.compile(checkpointer=drive.saver())
            for given in ({"log": []}, lg.types.Command(resume="x")):
                handler = hearing(lg, asynchronous=asynchronous)
                yield drive.invoke(graph, given, config_with(handler), durability=durability)
                yield handler.log


@covers("CBK-04")
def breakpoints(lg, drive):
    """At a breakpoint a run pauses without questions."""
    for where in ("interrupt_before", "interrupt_after"):
        name = "b" if where == "interrupt_before" else "a"
        graph = chain(lg, Log, *saying(drive, "a", "b")).compile(
            checkpointer=drive.saver(), **{where: [name]}
        )
        for given in ({"log": []}, None):
            handler = hearing(lg)
            yield drive.stream(graph, given, config_with(handler))
            yield handler.log


@covers("CBK-04")
def nested_graphs(lg, drive):
    """Of a pause the root run tells, of going on each graph."""
    inner = chain(lg, Log, *saying(drive, "x"), ("ask", asking(lg, drive))).compile()

    @drive.node
    async def calls(state):
        return await drive.call(inner, {"log": []})

    for node in (inner, calls, chain(lg, Log, ("deep", inner)).compile()):
        graph = chain(lg, Log, ("n", node), *saying(drive, "a")).compile(checkpointer=drive.saver())
        for given in ({"log": []}, lg.types.Command(resume="x")):
            handler = hearing(lg)
            yield drive.invoke(graph, given, config_with(handler))
            yield handler.log


@covers("CBK-04")
def what_else_goes_on(lg, drive):
    """A run after an error, and one of a thread that is done, go on; one with a new input does not."""
    tries = []

    @drive.node
    def flaky(state):
        tries.append(1)
        if len(tries) == 1:
            raise ValueError("flaky")
        return {"log": ["f"]}

    graph = chain(lg, Log, *saying(drive, "a"), ("flaky", flaky)).compile(checkpointer=drive.saver())
    for given in ({"log": []}, None, None, {"log": ["new"]}):
        handler = hearing(lg)
        yield drive.invoke(graph, given, config_with(handler))
        yield handler.log


@covers("CBK-04")
def forks(lg, drive):
    """A run that goes another way goes on too."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=drive.saver())
    drive.invoke(graph, {"log": []}, config_with())
    states = drive.history(graph, config_with())
    yield [state.config for state in states]
    handler = hearing(lg)
    yield drive.invoke(graph, None, {**states[1].config, "callbacks": [handler]})
    yield handler.log


@covers("CBK-04")
def without_a_saver(lg, drive):
    """A question that nobody can answer is a pause all the same; an entrypoint pauses like a graph."""
    handler = hearing(lg)
    graph = chain(lg, Log, ("ask", asking(lg, drive))).compile()
    yield drive.invoke(graph, {"log": []}, {"callbacks": [handler]})
    yield handler.log

    @lg.func.entrypoint(checkpointer=drive.saver())
    @drive.node
    def main(number):
        return lg.types.interrupt("q")

    for given in (1, lg.types.Command(resume="x")):
        handler = hearing(lg)
        yield drive.invoke(main, given, config_with(handler))
        yield handler.log


@covers("CBK-04")
def a_handler_that_insists_on_failing(lg, drive):
    """With `raise_error` the exception of a handler is the run's."""
    graph = chain(lg, Log, ("ask", asking(lg, drive))).compile(checkpointer=drive.saver())
    yield drive.invoke(graph, {"log": []}, config_with(hearing(lg, fails=True)))


@covers("CBK-01")
def runs_that_do_not_come_to_their_end(lg, drive):
    """A consumer that leaves, and a run that is asked to stop, end the run's chain as an error does."""
    from langchain_core.callbacks import BaseCallbackHandler

    def watched():
        class Ends(BaseCallbackHandler):
            def on_chain_end(self, outputs, **kwargs):
                log.append(("end", kwargs.get("parent_run_id") is None))

            def on_chain_error(self, error, **kwargs):
                log.append((type(error).__name__, kwargs.get("parent_run_id") is None))

        log = []
        return Ends(), log

    controls = []

    @drive.node
    def stops(state):
        controls[-1].request_drain("enough")

    handler, log = watched()
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile()
    yield drive.stream(graph, {"log": []}, {"callbacks": [handler]}, stop=1)
    yield log
    graph = chain(lg, Log, ("stops", stops), *saying(drive, "a")).compile()
    for stopped in (graph, chain(lg, Log, ("inner", graph)).compile()):
        handler, log = watched()
        controls.append(lg.runtime.RunControl())
        yield drive.invoke(stopped, {"log": []}, {"callbacks": [handler]}, control=controls[-1])
        yield log
