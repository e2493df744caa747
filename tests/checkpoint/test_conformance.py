"""What every saver does, said once and asked of each."""

from __future__ import annotations

from typing import Any

import pytest

from otgraph.checkpoint.base import empty_checkpoint
from otgraph.checkpoint.serde.types import DeltaSnapshot
from otgraph.command import Send
from otgraph.snapshot import Interrupt

from .savers import Face, checkpoint, config


async def test_an_unknown_thread_has_nothing(saver: Face) -> None:
    """A thread or checkpoint that was never saved is None, and is listed nowhere."""
    await saver.save("1", {"a": 1})
    assert None is await saver.get(thread="other")
    assert None is await saver.get("0")
    assert None is await saver.get(ns="sub:1")
    assert [] == await saver.list(config(thread="other"))


async def test_what_was_put_comes_back(saver: Face) -> None:
    """Checkpoint, metadata and parent come back as they were given."""
    given = checkpoint("1", {"a": [1, {"b": None}], "c": "é\n"})
    metadata = {"source": "loop", "step": 3, "parents": {"": "0"}, "extra": {"x": [1, 2]}}
    told = await saver.put(config("0"), given, metadata, given["channel_versions"])
    assert config("1") == told
    found = await saver.found()
    assert given == found.checkpoint
    assert metadata == found.metadata
    assert config("1") == found.config
    assert config("0") == found.parent_config
    assert [] == found.pending_writes


async def test_the_first_checkpoint_has_no_parent(saver: Face) -> None:
    """A checkpoint put under a config without an id has no parent."""
    await saver.save("1")
    assert None is (await saver.found()).parent_config


async def test_the_newest_is_the_greatest_id(saver: Face) -> None:
    """Without an id the greatest is meant, whatever the order of saving; with one, that one."""
    for name in ("2", "3", "1"):
        await saver.save(name, {"a": name})
    assert "3" == (await saver.found()).checkpoint["id"]
    assert {"a": "1"} == (await saver.found("1")).checkpoint["channel_values"]


async def test_a_checkpoint_can_be_put_again(saver: Face) -> None:
    """The same id in the same place is replaced."""
    await saver.save("1", {"a": 1}, metadata={"step": 1})
    await saver.save("1", {"a": 2}, parent="0", metadata={"step": 2}, versions={"a": 2})
    found = await saver.found()
    assert ({"a": 2}, {"step": 2}, config("0")) == (
        found.checkpoint["channel_values"],
        found.metadata,
        found.parent_config,
    )


async def test_a_saved_state_cannot_be_changed_from_outside(saver: Face) -> None:
    """Changing what was given, or what came back, leaves what was saved as it is."""
    value = {"deep": [1]}
    await saver.save("1", {"a": value})
    value["deep"].append(2)
    (await saver.found()).checkpoint["channel_values"]["a"]["deep"].append(3)
    assert {"a": {"deep": [1]}} == (await saver.found()).checkpoint["channel_values"]


async def test_channels_that_did_not_change_keep_their_values(saver: Face) -> None:
    """Only new versions need be saved again; a channel that lost its value loses it."""
    await saver.save("1", {"a": 1, "b": 1})
    versions = {"a": 2, "b": 1, "gone": 1}
    await saver.save("2", {"a": 2, "b": 1}, parent="1", versions=versions, new={"a": 2, "gone": 1})
    assert {"a": 2, "b": 1} == (await saver.found()).checkpoint["channel_values"]
    assert {"a": 1, "b": 1} == (await saver.found("1")).checkpoint["channel_values"]


async def test_threads_and_namespaces_are_apart(saver: Face) -> None:
    """The same id may be in several threads and namespaces."""
    for thread, ns in (("t", ""), ("t", "sub:1"), ("u", "")):
        await saver.save("1", {"at": [thread, ns]}, thread=thread, ns=ns)
        await saver.write("1", [("a", thread + ns)], thread=thread, ns=ns)
    for thread, ns in (("t", ""), ("t", "sub:1"), ("u", "")):
        found = await saver.found(thread=thread, ns=ns)
        assert {"at": [thread, ns]} == found.checkpoint["channel_values"]
        assert [("task", "a", thread + ns)] == found.pending_writes


async def test_a_thread_may_be_named_by_a_number(saver: Face) -> None:
    """`7` and `"7"` are the same thread, whose name comes back as text."""
    told = await saver.save("1", thread=7)
    assert 7 == told["configurable"]["thread_id"]
    assert config("1", "7") == (await saver.found(thread=7)).config
    assert config("1", "7") == (await saver.found(thread="7")).config
    await saver.delete_thread(7)
    assert None is await saver.get(thread="7")


async def test_a_config_without_a_thread_is_an_error(saver: Face) -> None:
    """A call that names no thread is told so."""
    for bad in ({"configurable": {}}, {"configurable": {"thread_id": None}}, {"tags": []}):
        with pytest.raises(ValueError, match="needs to know the thread"):
            await saver.get_tuple(bad)
        with pytest.raises(ValueError, match="needs to know the thread"):
            await saver.put(bad, checkpoint("1"), {}, {})
        with pytest.raises(ValueError, match="needs to know the thread"):
            await saver.list(bad)


async def test_writes_without_a_checkpoint_are_an_error(saver: Face) -> None:
    """Writes must say which checkpoint they follow."""
    await saver.save("1")
    with pytest.raises(ValueError, match="writes belong to a checkpoint"):
        await saver._call("put_writes", config(), [("a", 1)], "task")
    assert [] == (await saver.found()).pending_writes


async def test_the_namespace_is_the_root_unless_said(saver: Face) -> None:
    """A config without `checkpoint_ns` means the root."""
    given = checkpoint("1", {"a": 1})
    told = await saver.put({"configurable": {"thread_id": "t"}}, given, {}, {"a": 1})
    assert config("1") == told
    found = await saver.get_tuple({"configurable": {"thread_id": "t"}})
    assert found is not None
    assert config("1") == found.config


async def test_a_config_with_an_id_comes_back_as_it_was(saver: Face) -> None:
    """A tuple found by id has the very config it was asked for; a found newest has a plain one."""
    await saver.save("1")
    asked = {"configurable": {"thread_id": "t", "checkpoint_id": "1", "mine": 1}, "tags": ["x"]}
    found = await saver.get_tuple(asked)
    assert found is not None
    assert asked == found.config
    newest = await saver.get_tuple({"configurable": {"thread_id": "t", "mine": 1}, "tags": ["x"]})
    assert newest is not None
    assert config("1") == newest.config


async def test_the_scalars_of_a_config_become_metadata(saver: Face) -> None:
    """Numbers, texts and booleans of config are kept with the metadata, whose own keys stand."""
    place = config()
    place["configurable"] |= {"user": "u", "__x": 1, "list": [1], "langgraph_step": 9, "ok": True, "step": 9}
    place["metadata"] = {"run_id": "r", "user": "m", "none": None, "zero": "a\0b"}
    await saver.put(place, checkpoint("1"), {"step": 1}, {})
    expected = {"step": 1, "run_id": "r", "user": "m", "zero": "ab", "ok": True}
    assert expected == (await saver.found()).metadata


async def test_rich_values_come_back_as_their_types(saver: Face) -> None:
    """Packets, interrupts and sets in channels and writes are themselves again."""
    await saver.save("1", {"__pregel_tasks": [Send("n", {"x": {1}})]})
    await saver.write("1", [("__interrupt__", [Interrupt("q", "i")])])
    found = await saver.found()
    assert [Send("n", {"x": {1}})] == found.checkpoint["channel_values"]["__pregel_tasks"]
    assert [("task", "__interrupt__", [Interrupt("q", "i")])] == found.pending_writes


async def test_writes_come_in_the_order_of_tasks(saver: Face) -> None:
    """Pending writes are sorted by path and id of their task, then by place; special ones come first."""
    await saver.save("1")
    await saver.write("1", [("a", 1), ("b", 2)], "t2", "~b")
    await saver.write("1", [("a", 3)], "t9", "~a")
    await saver.write("1", [("a", 4), ("__error__", "e")], "t1", "~b")
    await saver.write("1", [("a", 5)], "t5")
    assert [
        ("t5", "a", 5),
        ("t9", "a", 3),
        ("t1", "__error__", "e"),
        ("t1", "a", 4),
        ("t2", "a", 1),
        ("t2", "b", 2),
    ] == (await saver.found()).pending_writes


async def test_a_write_that_was_made_stands(saver: Face) -> None:
    """Saving the writes of a task again adds what is new and changes nothing."""
    await saver.save("1")
    await saver.write("1", [("a", 1)])
    await saver.write("1", [("a", 9), ("b", 2)])
    assert [("task", "a", 1), ("task", "b", 2)] == (await saver.found()).pending_writes


async def test_a_special_write_is_replaced(saver: Face) -> None:
    """An error, an interrupt and an answer have one place each and are replaced, also beside other writes."""
    await saver.save("1")
    await saver.write("1", [("__error__", "e1"), ("__interrupt__", ["i1"]), ("__scheduled__", 1)])
    await saver.write("1", [("__interrupt__", ["i2"])])
    await saver.write("1", [("__resume__", ["r"]), ("__error__", "e2"), ("c", 1)])
    assert [
        ("task", "__resume__", ["r"]),
        ("task", "__interrupt__", ["i2"]),
        ("task", "__scheduled__", 1),
        ("task", "__error__", "e2"),
        ("task", "c", 1),
    ] == (await saver.found()).pending_writes


async def test_an_exception_is_kept_as_its_text(saver: Face) -> None:
    """A pending error is the repr of the exception."""
    await saver.save("1")
    await saver.write("1", [("__error__", ValueError("boom"))])
    assert [("task", "__error__", "ValueError('boom')")] == (await saver.found()).pending_writes


async def test_writes_may_come_before_their_checkpoint(saver: Face) -> None:
    """Writes are kept for a checkpoint that is saved later, and belong to no other."""
    await saver.write("2", [("a", 1)])
    await saver.write("2", [])
    await saver.save("1")
    assert [] == (await saver.found()).pending_writes
    await saver.save("2", parent="1")
    assert [("task", "a", 1)] == (await saver.found()).pending_writes


async def fill(saver: Face) -> None:
    await saver.save("1", metadata={"source": "input", "step": -1, "run_id": "r1"})
    await saver.save("3", parent="1", metadata={"source": "loop", "step": 0, "run_id": "r1", "user": "u"})
    await saver.save(
        "5", parent="3", metadata={"source": "loop", "step": 1, "run_id": "r2", "deep": {"x": [1]}}
    )
    await saver.save("4", ns="sub:1", metadata={"source": "input", "step": -1, "run_id": "r1"})
    await saver.save("2", thread="u", metadata={"source": "update", "step": 7, "run_id": "r2", "ratio": 0.5})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, ["5", "4", "3", "2", "1"]),
        ({"configurable": {"thread_id": "t"}}, ["5", "4", "3", "1"]),
        (config(), ["5", "3", "1"]),
        (config("3"), ["3"]),
        (config(ns="sub:1"), ["4"]),
        (config(thread="nobody"), []),
    ],
)
async def test_a_listing_is_newest_first(saver: Face, where: Any, expected: list[str]) -> None:
    """A config narrows the listing to a thread, a namespace or a checkpoint; None lists everything."""
    await fill(saver)
    assert expected == await saver.ids(where)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, ["5", "4", "3", "2", "1"]),
        ({"source": "loop"}, ["5", "3"]),
        ({"step": -1, "source": "input"}, ["4", "1"]),
        ({"user": "u"}, ["3"]),
        ({"ratio": 0.5}, ["2"]),
        ({"deep": {"x": [1]}}, ["5"]),
        ({"deep.x": (1,)}, ["5"]),
        ({"step": "1"}, []),
        ({"source.x": 1}, []),
        ({"user": None}, ["5", "4", "2", "1"]),
        ({"no such key": None, "step": 7}, ["2"]),
        ({"quote\"'": 1}, []),
    ],
)
async def test_a_filter_compares_metadata(saver: Face, filter: Any, expected: list[str]) -> None:
    """Metadata must be equal, key by key; an absent key is None, and a dot looks into a dict."""
    await fill(saver)
    assert expected == await saver.ids(None, filter=filter)


async def test_before_and_limit_cut_a_listing(saver: Face) -> None:
    """`before` leaves the older ones, `limit` the first that pass the filter."""
    await fill(saver)
    assert ["3", "1"] == await saver.ids(config(), before=config("5"))
    assert ["5", "3", "1"] == await saver.ids(config(), before=config())
    assert ["5", "4"] == await saver.ids(None, limit=2)
    assert [] == await saver.ids(None, limit=0)
    assert ["3"] == await saver.ids(config(), before=config("4"), limit=1)
    assert ["4"] == await saver.ids(None, filter={"source": "input"}, limit=1)
    assert ["1"] == await saver.ids(None, filter={"source": "input"}, before=config("4"), limit=5)


async def test_a_long_listing_is_whole(saver: Face) -> None:
    """A listing of many pages misses nothing and repeats nothing, with and without a filter."""
    expected = [f"{number:04}" for number in reversed(range(150))]
    for name in expected:
        await saver.save(name, metadata={"odd": int(name) % 2})
        await saver.save(name, thread="u")
    assert expected == await saver.ids(config())
    assert sorted(expected * 2, reverse=True) == await saver.ids(None)
    assert expected[::2] == await saver.ids(config(), filter={"odd": 1})
    assert expected[:130] == await saver.ids(config(), limit=130)


async def test_a_listing_shows_everything_of_a_checkpoint(saver: Face) -> None:
    """Listed checkpoints have values, metadata, parent and pending writes."""
    await fill(saver)
    await saver.write("3", [("a", 1)])
    listed = (await saver.list(config("3")))[0]
    assert await saver.found("3") == listed
    assert [("task", "a", 1)] == listed.pending_writes


async def test_a_listing_goes_on_while_others_write(saver: Face) -> None:
    """Between two items of a listing the saver can be used."""
    await fill(saver)
    if saver.colour.startswith("a"):
        seen = []
        async for found in saver.saver.alist(config()):
            seen.append(found.checkpoint["id"])
            await saver.save("9" + found.checkpoint["id"])
    else:
        seen = []
        for found in saver.saver.list(config()):
            seen.append(found.checkpoint["id"])
            await saver.save("9" + found.checkpoint["id"])
    assert ["5", "3", "1"] == seen
    assert ["95", "93", "91", "5", "3", "1"] == await saver.ids(config())


async def test_deleting_a_thread_leaves_nothing_of_it(saver: Face) -> None:
    """All namespaces and writes of a thread go, other threads stay, and a second time is no error."""
    await fill(saver)
    await saver.write("5", [("a", 1)])
    await saver.delete_thread("t")
    await saver.delete_thread("t")
    assert [("u", "", "2")] == await saver.places()
    await saver.save("5")
    assert [] == (await saver.found()).pending_writes


async def test_deleting_runs_goes_by_metadata(saver: Face) -> None:
    """Checkpoints of the given runs go in all threads and namespaces, with their writes."""
    await fill(saver)
    await saver.write("3", [("a", 1)])
    await saver.delete_for_runs([])
    await saver.delete_for_runs(["nobody"])
    assert 5 == len(await saver.places())
    await saver.delete_for_runs(["r1", "x"])
    assert [("t", "", "5"), ("u", "", "2")] == await saver.places()
    await saver.save("3")
    assert [] == (await saver.found("3")).pending_writes


async def test_runs_are_found_beside_strange_metadata(saver: Face) -> None:
    """A metadata value that is no JSON to others, or a run that is a number, hides no checkpoint from deletion."""
    await saver.save("1", metadata={"run_id": "r", "ratio": float("nan")})
    await saver.save("2", metadata={"run_id": 7})
    await saver.save("3", metadata={"ratio": float("nan")})
    await saver.delete_for_runs(["r", "7", "None", ""])
    assert ["3"] == await saver.ids(None)


async def test_a_copy_of_a_thread_is_its_own(saver: Face) -> None:
    """A copy has the same ids, values, metadata and writes, and changing it leaves the source as it was."""
    await saver.save("1", {"a": 1}, metadata={"step": 0})
    await saver.save("2", {"a": 1, "b": 2}, parent="1", new={"b": 1})
    await saver.save("3", {"c": 3}, ns="sub:1")
    await saver.write("2", [("a", [1])])
    before = await saver.list(config())
    await saver.copy_thread("t", "copy")
    await saver.copy_thread("nobody", "copy")
    assert before == await saver.list(config())
    for ns in ("", "sub:1"):
        source, copy = await saver.list(config(ns=ns)), await saver.list(config(thread="copy", ns=ns))
        assert [t[1:3] for t in source] == [t[1:3] for t in copy]
        assert [t.pending_writes for t in source] == [t.pending_writes for t in copy]
    assert config("1", "copy") == (await saver.found("2", "copy")).parent_config
    await saver.write("2", [("z", 1)], thread="copy")
    await saver.delete_thread("copy")
    assert before == await saver.list(config())


async def test_pruning_leaves_the_newest(saver: Face) -> None:
    """`keep_latest` leaves one checkpoint of each namespace, with its writes; `delete` none."""
    await fill(saver)
    await saver.write("5", [("a", 1)])
    await saver.write("3", [("a", 1)])
    await saver.prune([])
    await saver.prune(["nobody"])
    assert 5 == len(await saver.places())
    await saver.prune(["t"])
    assert [("t", "", "5"), ("t", "sub:1", "4"), ("u", "", "2")] == await saver.places()
    assert [("task", "a", 1)] == (await saver.found()).pending_writes
    await saver.prune(["t"], strategy="delete")
    assert [("u", "", "2")] == await saver.places()
    with pytest.raises(ValueError, match="'keep_latest' and 'delete', not 'some'"):
        await saver.prune(["u"], strategy="some")
    assert [("u", "", "2")] == await saver.places()


async def deltas(saver: Face) -> None:
    """Save a chain 1-2-3-4 with a fork 2-5, in which the channel d is stored whole at 1, e at 3."""
    await saver.save("1", {"d": DeltaSnapshot(["s"])})
    await saver.write("1", [("d", "1a"), ("x", 0), ("d", "1b")], "t2", "~b")
    await saver.write("1", [("d", "1c")], "t1", "~a")
    await saver.save("2", {"x": 1}, parent="1", versions={"d": 2, "x": 1})
    await saver.write("2", [("d", "2"), ("e", "2e")])
    await saver.save("3", {"e": ["plain"]}, parent="2", versions={"d": 3, "e": 1})
    await saver.write("3", [("d", "3"), ("e", "3e"), ("__error__", "!")])
    await saver.save("4", {"e": ["plain"]}, parent="3", versions={"d": 4, "e": 1}, new={"d": 4})
    await saver.write("4", [("d", "4")])
    await saver.save("5", {}, parent="2", versions={"d": 5})


async def test_the_history_of_a_channel_is_seed_and_writes(saver: Face) -> None:
    """A channel's history goes back to the nearest stored value and lists the writes since, oldest first."""
    await deltas(saver)
    ones = [("t1", "d", "1c"), ("t2", "d", "1a"), ("t2", "d", "1b")]
    seed = DeltaSnapshot(["s"])
    two, three = ("task", "d", "2"), ("task", "d", "3")
    assert {"d": {"writes": []}} == await saver.history(config("1"), ["d"])
    assert {"d": {"writes": ones, "seed": seed}} == await saver.history(config("2"), ["d"])
    assert {
        "d": {"writes": [*ones, two, three], "seed": seed},
        "e": {"writes": [("task", "e", "3e")], "seed": ["plain"]},
        "no": {"writes": []},
    } == await saver.history(config("4"), ["d", "e", "no", "d"])
    fork = {"d": {"writes": [*ones, two], "seed": seed}, "e": {"writes": [("task", "e", "2e")]}}
    assert fork == await saver.history(config("5"), ["d", "e"])
    assert fork == await saver.history(config(), ["d", "e"])


async def test_a_history_without_a_checkpoint_is_empty(saver: Face) -> None:
    """No channels, no thread or no checkpoint: nothing to rebuild from."""
    await deltas(saver)
    assert {} == await saver.history(config(), [])
    assert {"d": {"writes": []}} == await saver.history(config(thread="nobody"), ["d"])
    assert {"d": {"writes": []}} == await saver.history(config("77"), ["d"])


async def test_a_broken_chain_ends_a_history(saver: Face) -> None:
    """An ancestor that is gone, or that is its own ancestor, ends the search."""
    await saver.save("1", parent="0", versions={"d": 1})
    await saver.write("1", [("d", 1)])
    await saver.save("2", parent="1", versions={"d": 2})
    assert {"d": {"writes": [("task", "d", 1)]}} == await saver.history(config("2"), ["d"])
    await saver.save("8", parent="9", versions={"d": 2})
    await saver.save("9", parent="8", versions={"d": 2})
    assert {"d": {"writes": []}} == await saver.history(config("9"), ["d"])


async def test_pruning_keeps_what_deltas_need(saver: Face) -> None:
    """The ancestors from which the newest checkpoint rebuilds its channels are not pruned."""
    since = {"counters_since_delta_snapshot": {"d": [1, 1]}}
    await saver.save("1", {"d": DeltaSnapshot([1])})
    await saver.save("2", {"d": DeltaSnapshot([2])}, parent="1", versions={"d": 2})
    await saver.save("3", parent="2", versions={"d": 3}, metadata=since)
    await saver.save("4", parent="3", versions={"d": 4}, metadata=since)
    await saver.prune(["t"])
    assert ["4", "3", "2"] == await saver.ids(config())
    assert DeltaSnapshot([2]) == (await saver.history(config(), ["d"]))["d"]["seed"]


async def test_what_cannot_be_stored_changes_nothing(saver: Face) -> None:
    """A value without a stored form is refused with its place, and nothing of the call is kept."""
    await saver.save("1", {"a": 1})
    before = await saver.list(None)
    with pytest.raises(
        TypeError, match=r"'b'.*: object, at .*\['deep'\]\[1\]|object, at .*\['b'\]\['deep'\]\[1\]"
    ):
        await saver.save("2", {"a": 1, "b": {"deep": [1, object()]}})
    with pytest.raises(TypeError, match="serializable"):
        await saver.save("2", {"a": 2}, metadata={"x": object()}, versions={"a": 2})
    with pytest.raises(TypeError, match="channel 'b': Type is not msgpack serializable: object"):
        await saver.write("1", [("a", 1), ("b", object())])
    assert before == await saver.list(None)
    await saver.save("2", {"a": 1, "b": 2}, parent="1")
    assert {"a": 1, "b": 2} == (await saver.found()).checkpoint["channel_values"]


async def test_versions_grow_and_forks_differ(saver: Face) -> None:
    """Each version is greater than the one before; two that follow the same one are not equal."""
    version = None
    for _ in range(12):
        following = saver.saver.get_next_version(version, None)
        assert version is None or following > version
        version = following
    assert saver.saver.get_next_version(version, None) != saver.saver.get_next_version(version, None)
    assert "0" * 31 + "4." == saver.saver.get_next_version(3, None)[:33]


async def test_an_empty_checkpoint_can_be_saved(saver: Face) -> None:
    """What `empty_checkpoint` makes can be put and comes back."""
    empty = empty_checkpoint()
    await saver.put(config(), empty, {}, {})
    assert empty == (await saver.found()).checkpoint


async def test_get_is_the_checkpoint_alone(saver: Face) -> None:
    """`get` and `aget` give the checkpoint without the rest."""
    await saver.save("1", {"a": 1})
    assert checkpoint("1", {"a": 1}) == await saver._call("get", config())
    assert None is await saver._call("get", config(thread="nobody"))
