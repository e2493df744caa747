"""The values stream: when a chunk comes, and what is in it."""

from typing import TypedDict

from parity.registry import covers

from .states import Log, Text, chain, fan, saying, speaker


@covers("STR-06", "STR-07")
def a_chunk_per_step_that_wrote(lg, drive):
    """The input's values come first, then one chunk a step in which an output key was written."""
    graph = chain(
        lg,
        Text,
        ("a", drive.node(lambda s: {"x": "a"})),
        ("none", drive.node(lambda s: None)),
        ("same", drive.node(lambda s: {"x": "a"})),
        ("empty", drive.node(lambda s: {})),
        ("unknown", drive.node(lambda s: {"zz": 1})),
        ("y", drive.node(lambda s: {"y": None})),
    ).compile()
    yield drive.stream(graph, {"x": "in"}, stream_mode="values")
    yield drive.stream(graph, {}, stream_mode="values")
    yield drive.stream(graph, {"zz": 1}, stream_mode="values")


@covers("STR-06")
def chunks_are_dicts_of_their_own_with_live_values(lg, drive):
    """Each chunk is a dict of its own; the values in it are the live objects of the state."""
    graph = chain(lg, Log, *saying(drive, "a", "b")).compile()
    chunks = drive.stream(graph, {"log": []}, stream_mode="values")
    yield len({id(chunk) for chunk in chunks}) == len(chunks)
    thing = object()
    held = chain(lg, Text, ("a", drive.node(lambda s: {"y": "a"}))).compile()
    chunks = drive.stream(held, {"x": thing}, stream_mode="values")
    yield [chunk["x"] is thing for chunk in chunks]


@covers("STR-07", "STA-07")
def keys_in_channel_order(lg, drive):
    """A chunk lists its keys in the order of the schema, private ones included."""

    class Private(TypedDict):
        p: str

    builder = chain(lg, Text, ("b", drive.node(lambda s: {"y": "1", "p": "2"})))
    builder.add_node("c", drive.node(lambda s: {"x": "3"}), input_schema=Private)
    builder.add_edge("b", "c")
    yield drive.stream(builder.compile(), {"y": "0"}, stream_mode="values")


@covers("STR-11", "STR-32")
def no_values_after_a_failure(lg, drive):
    """A step that fails gives no values chunk, though siblings were done."""

    @drive.node(turn=1)
    def bad(state):
        raise ValueError("boom")

    graph = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("bad", bad)).compile()
    yield drive.stream(graph, {"log": []}, stream_mode="values")
    yield drive.every(graph, {"log": []})


@covers("STR-07", "STR-30")
def one_chunk_for_parallel_nodes(lg, drive):
    """Several nodes of a step make one values chunk, after all of them."""
    graph = fan(lg, Log, *[(w, speaker(drive, w, turn=-i)) for i, w in enumerate("abc")]).compile()
    yield drive.stream(graph, {"log": []}, stream_mode="values")
    yield drive.stream(graph, {"log": []}, stream_mode=["values", "updates"])
