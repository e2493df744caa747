"""Retries: which failures are tried again, what an attempt leaves, whose policy counts."""

import asyncio

from parity.registry import covers

from .states import Log, chain, fan, speaker
from .threads import THREAD

GIVEN = {"log": []}


def quick(lg, **more):
    """Return a policy that does not wait."""
    return lg.types.RetryPolicy(initial_interval=0.001, jitter=False)._replace(**more)


class Attempts:
    """A node that raises given errors, one in each attempt, and notes what it knows of its attempts."""

    def __init__(self, lg, drive, *errors):
        Runtime = lg.runtime.Runtime
        left = list(errors)
        self.numbers = []
        self.begun = set()

        @drive.node
        def node(state, runtime: Runtime):
            info = runtime.execution_info
            self.numbers.append(info.node_attempt)
            self.begun.add(info.node_first_attempt_time)
            runtime.stream_writer(("attempt", info.node_attempt))
            if left:
                raise left.pop(0)
            return {"log": [info.node_attempt]}

        self.node = node


def retried(lg, node, policy, **more):
    """Return a builder of one node with a retry policy."""
    builder = lg.graph.StateGraph(Log).add_node("a", node, retry_policy=policy, **more)
    return builder.add_edge(lg.graph.START, "a")


@covers("REL-01", "REL-05", "STR-52")
def attempts(lg, drive):
    """max_attempts counts the first; attempts are numbered; what a failed one wrote to its writer stays."""
    for failures in range(4):
        for most in (0, 1, 2, 3):
            given = Attempts(lg, drive, *[ConnectionError(f"failure {n}") for n in range(failures)])
            graph = retried(lg, given.node, quick(lg, max_attempts=most)).compile()
            yield drive.every(graph, GIVEN)
            yield given.numbers, len(given.begun)


@covers("REL-01")
def policies(lg):
    """The fields of a policy and what they are if nobody says."""
    yield lg.types.RetryPolicy(), lg.types.RetryPolicy._fields
    yield lg.types.RetryPolicy(1, 3, 5, 2, False, KeyError)._replace(jitter=True)


@covers("REL-02")
def default_retry_on(lg):
    """Lost connections and unknown errors are retried, programming errors are not."""

    class Own(Exception):
        pass

    def answered(name, module, status):
        kind = type(name, (Exception,), {"__module__": module})
        error = kind("status")
        error.response = type("Response", (), {"status_code": status})()
        return error

    errors = [
        ConnectionError, ConnectionResetError, BrokenPipeError, ValueError, UnicodeError, TypeError,
        ArithmeticError, ZeroDivisionError, ImportError, ModuleNotFoundError, LookupError, KeyError, IndexError,
        NameError, UnboundLocalError, SyntaxError, RuntimeError, NotImplementedError, RecursionError,
        ReferenceError, StopIteration, StopAsyncIteration, OSError, FileNotFoundError, TimeoutError,
        asyncio.TimeoutError, EOFError, MemoryError, AttributeError, AssertionError, BufferError, Exception, Own,
    ]  # fmt: skip
    yield [(error.__name__, lg.types.default_retry_on(error())) for error in errors]
    yield lg.types.default_retry_on(lg.errors.NodeTimeoutError("a", 1.0, kind="run", run_timeout=1.0))
    yield lg.types.default_retry_on(lg.errors.GraphRecursionError())


@covers("REL-02")
def retry_on(lg, drive):
    """A class, a sequence of classes, or a function says what is retried."""
    for error in (KeyError("k"), ValueError("v")):
        for wanted in (
            KeyError,
            Exception,
            (KeyError, TypeError),
            [KeyError],
            [],
            lambda error: isinstance(error, KeyError),
            lambda error: "k" in str(error),
        ):
            given = Attempts(lg, drive, error)
            graph = retried(lg, given.node, quick(lg, retry_on=wanted)).compile()
            yield drive.invoke(graph, GIVEN), given.numbers


@covers("REL-02")
def retry_on_that_is_none(lg, drive):
    """Anything else is a TypeError; what a function raises ends the run."""

    def fails(error):
        raise ZeroDivisionError("retry_on")

    for wanted in (5, "KeyError", fails):
        given = Attempts(lg, drive, KeyError("k"))
        yield drive.invoke(retried(lg, given.node, quick(lg, retry_on=wanted)).compile(), GIVEN)
        yield given.numbers


@covers("REL-03")
def several_policies(lg, drive):
    """The first that matches decides; the attempts are counted together."""
    by_key = quick(lg, retry_on=KeyError, max_attempts=2)
    for errors, more in (
        ([KeyError("1")], 4),
        ([KeyError("1"), KeyError("2")], 4),
        ([KeyError("1"), ValueError("2")], 4),
        ([ValueError("1"), KeyError("2")], 4),
        ([ValueError("1"), ValueError("2"), ValueError("3")], 4),
        ([ValueError("1"), ValueError("2")], 2),
        ([TypeError("1")], 4),
    ):
        given = Attempts(lg, drive, *errors)
        by_value = quick(lg, retry_on=ValueError, max_attempts=more)
        for given_policies in ([by_key, by_value], (by_key, by_value)):
            yield drive.invoke(retried(lg, given.node, given_policies).compile(), GIVEN)
            yield given.numbers
    yield drive.invoke(retried(lg, Attempts(lg, drive, ConnectionError()).node, ()).compile(), GIVEN)


@covers("REL-04", "GRA-07")
def whose_policy(lg, drive):
    """A node's own policy beats the default, an empty one too."""
    for own in (None, quick(lg, max_attempts=1), quick(lg, max_attempts=5), (), []):
        given = Attempts(lg, drive, *[ConnectionError(str(n)) for n in range(3)])
        builder = retried(lg, given.node, own).set_node_defaults(retry_policy=quick(lg, max_attempts=2))
        yield drive.invoke(builder.compile(), GIVEN), given.numbers


@covers("REL-06")
def notes(lg, drive):
    """Each attempt leaves a note on the exception that it raised."""
    same = ConnectionError("the same")
    for errors in ([same] * 2, [same] * 3, [ConnectionError("first"), same, same]):
        del getattr(same, "__notes__", [])[:]
        yield drive.invoke(retried(lg, Attempts(lg, drive, *errors).node, quick(lg)).compile(), GIVEN)


@covers("REL-05")
def what_is_never_retried(lg, drive):
    """Interrupts and Commands for the parent are no failures; nor is a CancelledError that a node raises."""
    every = quick(lg, retry_on=lambda error: True)

    @drive.node
    def ask(state):
        lg.types.interrupt("?")

    @drive.node
    def leave(state):
        return lg.types.Command(graph=lg.types.Command.PARENT, goto="z")

    yield drive.every(retried(lg, ask, every).compile(), GIVEN)
    inner = retried(lg, leave, every).compile()
    yield drive.every(retried(lg, inner, every).add_node("z", speaker(drive, "z")).compile(), GIVEN)
    given = Attempts(lg, drive, asyncio.CancelledError())
    yield drive.every(retried(lg, given.node, every).compile(), GIVEN), given.numbers


@covers("REL-05", "REL-01")
def branches_and_results(lg, drive):
    """A branch that raises fails its node's attempt, and so does a result that is none."""
    asked = []

    def route(state):
        asked.append(1)
        if len(asked) < 3:
            raise ConnectionError("route")
        return "__end__"

    builder = retried(lg, speaker(drive, "a"), quick(lg)).add_conditional_edges("a", route)
    yield drive.every(builder.compile(), GIVEN), len(asked)
    results = iter([5, {"log": ["good"]}])
    builder = retried(lg, drive.node(lambda s: next(results)), quick(lg, retry_on=Exception))
    yield drive.every(builder.compile(), GIVEN)


@covers("REL-05", "REL-20")
def beside_others(lg, drive):
    """A task that is tried again holds nobody up; what its siblings wrote is there once."""
    given = Attempts(lg, drive, ConnectionError("1"), ConnectionError("2"))
    builder = fan(lg, Log, ("b", speaker(drive, "b", turn=0)))
    builder.add_node("a", given.node, retry_policy=quick(lg, initial_interval=0.05)).add_edge(
        "__start__", "a"
    )
    yield drive.stream(builder.compile(), GIVEN, stream_mode=["updates", "values"])


@covers("REL-05", "SUB-04")
def graphs_inside(lg, drive):
    """A graph inside is run anew in each attempt, in a namespace of its own."""
    for called in (False, True):
        given = Attempts(lg, drive, ConnectionError("1"), ConnectionError("2"))
        inner = chain(lg, Log, ("i", speaker(drive, "i")), ("x", given.node)).compile()

        @drive.node
        async def call(state, inner=inner):
            return await drive.call(inner, state)

        yield drive.every(retried(lg, call if called else inner, quick(lg)).compile(), GIVEN)
        yield given.numbers


@covers("REL-05", "REL-07", "REL-22", "SUB-06")
def saved(lg, drive):
    """Of a run that is saved only the last attempt counts; a graph inside begins anew."""
    given = Attempts(lg, drive, ConnectionError("1"), ConnectionError("2"))
    saver = drive.saver()
    graph = retried(lg, given.node, quick(lg)).compile(checkpointer=saver)
    yield drive.every(graph, GIVEN, THREAD)
    yield drive.history(graph, THREAD)
    for called in (False, True):
        given = Attempts(lg, drive, ConnectionError("1"))
        inner = chain(lg, Log, ("i", speaker(drive, "i")), ("x", given.node)).compile()

        @drive.node
        async def call(state, inner=inner):
            return await drive.call(inner, state)

        graph = retried(lg, call if called else inner, quick(lg)).compile(checkpointer=drive.saver())
        yield drive.every(graph, GIVEN, THREAD)
        yield drive.state(graph, THREAD).values


@covers("REL-07", "SUB-06")
def graphs_inside_that_save_themselves(lg, drive):
    """A graph inside that has its place for itself."""
    given = Attempts(lg, drive, ConnectionError("1"))
    inner = chain(lg, Log, ("i", speaker(drive, "i")), ("x", given.node)).compile(checkpointer=True)
    graph = retried(lg, inner, quick(lg)).compile(checkpointer=drive.saver())
    yield drive.stream(graph, GIVEN, THREAD, stream_mode="updates", subgraphs=True)
    yield given.numbers


@covers("REL-05")
def answers_in_attempts(lg, drive):
    """An attempt after an answer asks anew, and gets the answer again."""
    left = [1]

    @drive.node
    def ask(state):
        answer = lg.types.interrupt("?")
        if left[0]:
            left[0] -= 1
            raise ConnectionError("after the answer")
        return {"log": [answer]}

    graph = retried(lg, ask, quick(lg)).compile(checkpointer=drive.saver())
    yield drive.every(graph, GIVEN, THREAD)
    yield drive.every(graph, lg.types.Command(resume="yes"), THREAD)
