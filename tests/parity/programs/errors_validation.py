"""What a builder refuses, and how errors look."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, Text, chain, saying, speaker


def nothing(state):
    """A node that does nothing."""


@covers("GRA-09", "GRA-08", colours=("sync",))
def what_a_builder_refuses(lg, drive):
    """Each mistake in a graph has its own message, at once or at compile."""
    StateGraph, START, END = lg.graph.StateGraph, lg.graph.START, lg.graph.END

    def build(*steps, compiled=True, **options):
        builder = StateGraph(Text)
        for name, *args in steps:
            getattr(builder, name)(*args)
        return "accepted" if compiled and builder.compile(**options) else "built"

    a, start, to_end = ("add_node", "a", nothing), ("add_edge", START, "a"), ("add_edge", "a", END)
    for steps, options in (
        ([a, start, to_end], {}),
        ([a, start], {}),
        ([a], {}),
        ([], {}),
        ([a, to_end], {}),
        ([a, a], {}),
        ([("add_node", END, nothing)], {}),
        ([("add_node", START, nothing)], {}),
        ([("add_node", "a|b", nothing)], {}),
        ([("add_node", "a:b", nothing)], {}),
        ([("add_node", "x", nothing)], {}),
        ([("add_node", "__interrupt__", nothing)], {}),
        ([("add_node", "a", 5)], {}),
        ([("add_node", 5)], {}),
        ([("add_node", "", nothing), ("add_edge", START, "")], {}),
        ([a, start, ("add_edge", "a", START)], {}),
        ([a, start, ("add_edge", END, "a")], {}),
        ([a, start, ("add_edge", "zz", "a")], {}),
        ([a, start, ("add_edge", "a", "zz")], {}),
        ([a, ("add_edge", START, "zz")], {}),
        ([a, start, ("add_edge", ["a", "zz"], "a")], {}),
        ([a, start, ("add_edge", ["a"], "zz")], {}),
        ([a, start, ("add_edge", ["a"], END)], {}),
        ([a, start, ("add_edge", [START, "a"], END)], {}),
        ([a, start, ("add_edge", [END], "a")], {}),
        ([a, start, ("add_edge", [], "a")], {}),
        ([a, start, start], {}),
        ([a, start, ("add_conditional_edges", "a", nothing, {"x": "zz"})], {}),
        ([a, start, ("add_conditional_edges", "a", nothing, ["zz"])], {}),
        ([a, start, ("add_conditional_edges", "zz", nothing, ["a"])], {}),
        ([a, start, ("add_conditional_edges", "a", nothing, {"x": "a", "y": END})], {}),
        ([a, ("add_conditional_edges", START, nothing, ["a"])], {}),
        ([a, ("add_conditional_edges", START, nothing)], {}),
        ([a, start], {"interrupt_before": ["zz"]}),
        ([a, start], {"interrupt_after": ["a", "zz"]}),
        ([a, start], {"interrupt_before": "*"}),
        ([a, ("set_entry_point", "zz")], {}),
        ([a, ("set_entry_point", "a"), ("set_finish_point", "zz")], {}),
    ):
        yield [step[:2] if len(step) > 1 else step for step in steps], options
        yield drive.attempt(build, *steps, **options)


@covers("GRA-09", "STA-11", colours=("sync",))
def managed_values_in_schemas(lg, drive):
    """A managed value is refused in an input or output schema."""

    class Managed(TypedDict):
        log: Annotated[list, operator.add]
        last: lg.managed.IsLastStep

    class Also(TypedDict):
        last: lg.managed.IsLastStep

    def build(**schemas):
        builder = lg.graph.StateGraph(Managed, **schemas)
        builder.add_node("a", nothing).add_edge("__start__", "a")
        return "accepted" if builder.compile() else None

    yield drive.attempt(build)
    yield drive.attempt(build, input_schema=Log, output_schema=Log)
    yield drive.attempt(build, input_schema=Managed, output_schema=Log)
    yield drive.attempt(build, input_schema=Log, output_schema=Managed)
    yield drive.attempt(build, input_schema=Also, output_schema=Log)
    yield drive.attempt(build, input_schema=Log, output_schema=Also)


@covers("ENG-05", "STR-32")
def errors_of_nodes(lg, drive):
    """Whatever a node raises is what the caller gets: the same object, with a note about its task."""

    class Own(Exception):
        def __init__(self, code):
            super().__init__(f"code {code}")
            self.code = code

    raised = Own(7)
    for error in (raised, KeyError("k"), ZeroDivisionError(), RuntimeError("r", 2), OSError(2, "no")):

        @drive.node
        def bad(state, error=error):
            raise error

        graph = chain(lg, Log, ("a", speaker(drive, "a")), ("bad", bad)).compile()
        yield drive.invoke(graph, {"log": []})
        result = drive.stream(graph, {"log": []}, stream_mode="updates")
        yield result
        yield result[-1].error is error


@covers("ENG-05")
def errors_of_the_engine_raised_by_users(lg, drive):
    """The engine's own error types, raised by a node, are errors like others."""
    for kind, args in (
        (lg.errors.InvalidUpdateError, ("mine",)),
        (lg.errors.GraphRecursionError, ("mine",)),
        (lg.errors.EmptyChannelError, ()),
        (lg.errors.EmptyInputError, ("mine",)),
    ):

        @drive.node
        def bad(state, kind=kind, args=args):
            raise kind(*args)

        yield drive.every(chain(lg, Log, ("bad", bad)).compile(), {"log": []})


@covers("PKG-10")
def error_classes(lg):
    """The errors, what they are made of and how they are built."""
    errors = lg.errors
    for name in (
        "EmptyChannelError",
        "EmptyInputError",
        "GraphBubbleUp",
        "GraphDrained",
        "GraphInterrupt",
        "GraphRecursionError",
        "InvalidUpdateError",
        "NodeCancelledError",
        "NodeTimeoutError",
        "ParentCommand",
        "TaskNotFound",
    ):
        yield name, [base.__name__ for base in getattr(errors, name).__mro__]
    yield [code.value for code in errors.ErrorCode]
    yield errors.create_error_message(message="text", error_code=errors.ErrorCode.GRAPH_RECURSION_LIMIT)
    yield errors.GraphInterrupt().args, errors.GraphInterrupt([1]).args, errors.GraphDrained("why").args
    yield errors.NodeError.__name__, issubclass(errors.NodeError, BaseException)
    node_error = errors.NodeError(node="n", error=ValueError("v"))
    yield node_error.node, node_error.error


@covers("ENG-05", "STR-24", "STR-32")
def two_failures_in_a_step(lg, drive):
    """The first failure is what the caller gets."""

    def failing(name, turn):
        @drive.node(turn=turn)
        def bad(state):
            raise ValueError(name)

        return bad

    graph = lg.graph.StateGraph(Log)
    for name, turn in (("x", 1), ("y", 0)):
        graph.add_node(name, failing(name, turn)).add_edge("__start__", name)
    yield drive.stream(graph.compile(), {"log": []}, stream_mode="updates")
    yield drive.invoke(graph.compile(), {"log": []})


@covers("GRA-19", "STR-32", colours=("sync", "async"))
def wrong_signatures(lg, drive):
    """A node that takes no argument, or too many, fails when it is called."""

    def none():
        return {}

    def two(state, other):
        return {}

    def keyword(state, *, needed):
        return {}

    def star(*args, **kwargs):
        return {"log": [len(args), sorted(kwargs)]}

    for node in (none, two, keyword, star):
        graph = drive.attempt(lambda n=node: chain(lg, Log, ("a", n)).compile())
        yield node.__name__, drive.every(graph, {"log": []}) if hasattr(graph, "invoke") else graph


@covers("RUN-07", "STR-01", colours=("sync",))
def wrong_calls(lg, drive):
    """What invoke and stream refuse."""
    graph = chain(lg, Log, *saying(drive, "a")).compile()
    yield drive.invoke(graph, {"log": []}, interrupt_before=["nowhere"])
    yield drive.invoke(graph, {"log": []}, output_keys=["nowhere"])
