"""The channels, in a graph and by themselves."""

import operator
from typing import Annotated, Any, TypedDict

from parity.drive import attempt
from parity.registry import covers

from .states import Text, chain, fan


def writing(drive, update, turn=None):
    """Return a node that writes `update`."""

    @drive.node(turn=turn)
    def write(state):
        return update

    return write


def keyed(channel):
    """Return a state whose key `k` is `channel`."""

    class State(TypedDict):
        k: Annotated[Any, channel]
        other: str

    return State


@covers("STA-13", "ENG-05")
def one_value_per_step(lg, drive):
    """Two writers of a plain key fail the step when it is applied, after both updates were streamed."""
    graph = fan(lg, Text, ("a", writing(drive, {"x": "a"}, 0)), ("b", writing(drive, {"x": "b"}, 1)))
    yield drive.every(graph.compile(), {"x": "0"})
    one = chain(lg, Text, ("a", writing(drive, lg.types.Command(update=[("x", "1"), ("x", "2")]))))
    yield drive.every(one.compile(), {"x": "0"})


@covers("STA-13")
def first_step_writes_from_input(lg, drive):
    """The input is one writer: a node may write the key in the next step."""
    yield drive.every(chain(lg, Text, ("a", writing(drive, {"x": "a"}))).compile(), {"x": "0"})


@covers("STA-15", "ENG-25")
def ephemeral_key(lg, drive):
    """An ephemeral key is there in the step after its write and gone in the next; guarded against two writers."""
    seen = []

    @drive.node
    def see(state):
        seen.append(dict(state))
        return {"other": "o"}

    state = keyed(lg.channels.EphemeralValue)
    yield drive.every(
        chain(lg, state, ("a", writing(drive, {"k": 1})), ("b", see), ("c", see)).compile(), {"k": 0}
    )
    yield seen
    for channel in (lg.channels.EphemeralValue(int), lg.channels.EphemeralValue(int, guard=False)):
        graph = fan(
            lg, keyed(channel), ("a", writing(drive, {"k": 1}, 0)), ("b", writing(drive, {"k": 2}, 1))
        )
        yield drive.every(graph.compile(), {"other": "o"})


@covers("ENG-25", "STA-13")
def any_value_key(lg, drive):
    """AnyValue takes several writes, the last wins; it is cleared by a step that does not write it."""
    state = keyed(lg.channels.AnyValue)
    graph = fan(lg, state, ("a", writing(drive, {"k": 1}, 1)), ("b", writing(drive, {"k": 2}, 0)))
    graph.add_node("c", writing(drive, {"other": "c"}))
    graph.add_edge("a", "c")
    yield drive.every(graph.compile(), {"k": 0, "other": "o"})


@covers("STA-17")
def untracked_key(lg, drive):
    """An untracked key is an ordinary value within a run; guarded unless told otherwise."""
    state = keyed(lg.channels.UntrackedValue)
    graph = chain(lg, state, ("a", writing(drive, {"k": 1})), ("b", writing(drive, {"other": "b"})))
    yield drive.every(graph.compile(), {"k": 0})
    for channel in (lg.channels.UntrackedValue(int), lg.channels.UntrackedValue(int, guard=False)):
        graph = fan(
            lg, keyed(channel), ("a", writing(drive, {"k": 1}, 0)), ("b", writing(drive, {"k": 2}, 1))
        )
        yield drive.every(graph.compile(), {"other": "o"})


@covers("STA-17", "GRA-30")
def untracked_key_in_a_send(lg, drive):
    """Without a checkpointer a Send's payload keeps its untracked keys."""
    state = keyed(lg.channels.UntrackedValue)
    seen = []

    @drive.node
    def see(payload):
        seen.append(payload)

    graph = chain(lg, state, ("a", writing(drive, {"other": "a"})))
    graph.add_node("w", see)
    graph.add_conditional_edges("a", lambda s: [lg.types.Send("w", {"k": 1, "other": 2})])
    yield drive.every(graph.compile(), {"k": 0})
    yield seen


@covers("ENG-25")
def topic_key(lg, drive):
    """A Topic is the list of a step's writes, lists flattened; cleared by the next step unless it accumulates."""
    for channel in (lg.channels.Topic(int), lg.channels.Topic(int, accumulate=True)):
        graph = fan(
            lg, keyed(channel), ("a", writing(drive, {"k": 1}, 1)), ("b", writing(drive, {"k": [2, 3]}, 0))
        )
        graph.add_node("c", writing(drive, {"other": "c"}))
        graph.add_node("d", writing(drive, {"k": 4}))
        graph.add_edge("a", "c").add_edge("c", "d")
        yield drive.every(graph.compile(), {"k": 0, "other": "o"})


@covers("STA-02", "STA-14")
def channel_instances_and_classes(lg, drive):
    """A key may be annotated with a channel, or with its class."""
    channels = lg.channels
    for channel in (
        channels.LastValue(int),
        channels.LastValue,
        channels.BinaryOperatorAggregate(list, operator.add),
    ):
        graph = chain(
            lg, keyed(channel), ("a", writing(drive, {"k": [1]})), ("b", writing(drive, {"k": [2]}))
        ).compile()
        yield type(graph.channels["k"]).__name__, drive.invoke(graph, {"other": "o"})


@covers("STA-14", "ENG-21")
def folds_in_task_order(lg, drive):
    """Writes of a step are folded from the left in task order, whatever order they were made in."""
    for turns in ((0, 1, 2), (2, 0, 1)):

        class State(TypedDict):
            k: Annotated[str, lambda a, b: f"({a}{b})"]

        graph = fan(
            lg,
            State,
            *[(n, writing(drive, {"k": n}, t)) for n, t in zip(("a", "b", "c"), turns, strict=True)],
        )
        yield drive.every(graph.compile(), {"k": "0"})


@covers("STA-14", "ENG-05")
def reducer_that_raises(lg, drive):
    """A reducer's exception fails the step, as itself, after the updates of the step."""

    class State(TypedDict):
        k: Annotated[int, lambda a, b: a // b]

    graph = chain(lg, State, ("a", writing(drive, {"k": 0})))
    yield drive.every(graph.compile(), {"k": 0})
    yield drive.every(graph.compile(), {})
    yield drive.every(graph.compile(), {"k": 5})


def _play(make, *steps):
    channel = make()
    for step in steps:
        name, *args = step
        yield name, args, attempt(getattr(channel, name), *args)
        yield attempt(channel.get), channel.is_available()
    saved = attempt(channel.checkpoint)
    yield saved if isinstance(saved, int | str | list | tuple | set) else "nothing to save"


@covers("STA-13", "STA-14", "STA-15", "STA-17", "STA-19", "STA-20", "PKG-19")
def channels_by_themselves(lg):
    """Every channel's update, consume, finish, get and availability, one call after another."""
    c = lg.channels

    def make(kind, *args, **kwargs):
        def build():
            channel = kind(*args, **kwargs)
            channel.key = "k"
            return channel

        return build

    up, use, end = "update", ("consume",), ("finish",)
    both, one = {"a", "b"}, {"a"}
    for build, steps in (
        (make(c.LastValue, int), [(up, []), (up, [1]), (up, []), (up, [1, 2]), (up, [None]), use, end]),
        (make(c.AnyValue, int), [(up, []), (up, [1]), (up, [2, 2]), (up, []), (up, [])]),
        (make(c.EphemeralValue, int), [(up, []), (up, [1]), (up, [1, 2]), (up, []), (up, []), use]),
        (make(c.EphemeralValue, int, guard=False), [(up, [1, 2]), (up, [])]),
        (make(c.UntrackedValue, int), [(up, []), (up, [1]), (up, []), (up, [1, 2])]),
        (make(c.UntrackedValue, int, guard=False), [(up, [1, 2])]),
        (
            make(c.BinaryOperatorAggregate, list, operator.add),
            [(up, []), (up, [[1], [2]]), (up, []), use, end],
        ),
        (make(c.BinaryOperatorAggregate, Any, operator.add), [(up, []), (up, [1]), (up, [2, 3])]),
        (make(c.Topic, int), [(up, []), (up, [1, [2, 3]]), (up, [4]), (up, []), (up, [])]),
        (make(c.Topic, int, True), [(up, []), (up, [1, [2, 3]]), (up, [4]), (up, [])]),
        (make(c.NamedBarrierValue, str, both), [(up, ["a"]), (up, ["a"]), use, (up, ["b"]), use, use]),
        (make(c.NamedBarrierValue, str, one), [(up, ["x"]), (up, ["a", "a"]), use]),
        (
            make(c.NamedBarrierValueAfterFinish, str, both),
            [(up, ["a"]), end, (up, ["b"]), use, end, end, use, (up, [])],
        ),
        (make(c.NamedBarrierValueAfterFinish, str, one), [(up, ["x"]), (up, ["a", "a"]), use, end, use]),
        (make(c.LastValueAfterFinish, int), [(up, [1]), use, end, end, use, (up, []), (up, [1, 2]), end]),
    ):
        yield type(build()).__name__
        yield from _play(build, *steps)


@covers("PKG-19", "STA-14")
def equality_and_copies_of_channels(lg):
    """Channels of the same make are equal; a copy goes its own way."""
    c = lg.channels
    yield c.LastValue(int) == c.LastValue(int), c.LastValue(int) == c.AnyValue(int)
    yield c.EphemeralValue(int) == c.EphemeralValue(int, guard=False)
    yield c.BinaryOperatorAggregate(list, operator.add) == c.BinaryOperatorAggregate(list, operator.add)
    yield c.BinaryOperatorAggregate(list, operator.add) == c.BinaryOperatorAggregate(list, operator.sub)
    yield c.NamedBarrierValue(str, {"a"}) == c.NamedBarrierValue(str, {"b"})
    yield c.Topic(int) == c.Topic(int, True)
    first = c.Topic(int, True)
    first.update([1])
    second = first.copy()
    second.update([2])
    yield list(first.get()), list(second.get())
    restored = c.LastValue(int).from_checkpoint(5)
    yield restored.get(), c.LastValue(int).from_checkpoint(restored.checkpoint()).get()


@covers("STA-13", "STA-09", colours=("sync",))
def channels_declared_twice(lg, drive):
    """A key declared with another channel is refused; redeclared as a plain key it is tolerated."""

    class Reduced(TypedDict):
        x: Annotated[str, operator.add]

    class Counted(TypedDict):
        x: Annotated[str, operator.mul]

    def build(first, second):
        builder = lg.graph.StateGraph(first)
        builder.add_node("a", lambda s: None, input_schema=second)
        return type(builder.channels["x"]).__name__

    for first, second in ((Reduced, Text), (Text, Reduced), (Reduced, Counted), (Reduced, Reduced)):
        yield drive.attempt(build, first, second)
