"""Checkpoints, metadata, and what a saver inherits."""

from __future__ import annotations

from typing import Any

import pytest

from otgraph.channels.last_value import LastValue
from otgraph.checkpoint.base import (
    BaseCheckpointSaver,
    CheckpointTuple,
    copy_checkpoint,
    create_checkpoint,
    empty_checkpoint,
    get_checkpoint_id,
    get_checkpoint_metadata,
    get_serializable_checkpoint_metadata,
)
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from .savers import checkpoint, config


def test_an_empty_checkpoint_has_nothing() -> None:
    """It has a time-ordered id and a time, and no channels."""
    first, second = empty_checkpoint(), empty_checkpoint()
    assert first["id"] < second["id"]
    assert first["ts"] <= second["ts"]
    assert ({}, {}, {}, None) == (
        first["channel_values"],
        first["channel_versions"],
        first["versions_seen"],
        first["updated_channels"],
    )


def test_a_copy_is_apart() -> None:
    """Changing the dicts of a copy leaves the original; its values are shared."""
    original = checkpoint("1", {"a": [1]})
    copy = copy_checkpoint(original)
    copy["channel_values"]["b"] = copy["channel_versions"]["b"] = 1
    copy["versions_seen"]["n"]["a"] = 9
    assert checkpoint("1", {"a": [1]}) == original
    assert original["channel_values"]["a"] is copy["channel_values"]["a"]
    assert (4, "1") == (copy["v"], copy["id"])


def test_a_new_checkpoint_holds_what_channels_store() -> None:
    """It has the values of those channels that have a version and something to store."""
    full = LastValue(int, "a").from_checkpoint(5)
    empty = LastValue(int, "b").from_checkpoint(LastValue(int).checkpoint())
    old = checkpoint("1", {"z": 1}, {"a": 1, "b": 1, "z": 1})
    made = create_checkpoint(old, {"a": full, "b": empty, "unversioned": full}, 3)
    assert {"a": 5} == made["channel_values"]
    assert "8003" == made["id"][19:23]
    assert old["channel_versions"] == made["channel_versions"]
    same = create_checkpoint(old, None, -1, id="mine")
    assert ({"z": 1}, "mine") == (same["channel_values"], same["id"])


def test_metadata_comes_from_three_places() -> None:
    """The given metadata wins over the config's, that over configurable; engine keys and non-scalars stay out."""
    place: Any = {
        "configurable": {"thread_id": "t", "a": 1, "b": 2, "c": 3, "none": None, "__private": 1, "list": []},
        "metadata": {"b": 20, "c": 30, "langgraph_node": "n", "nul": "x\0y"},
    }
    merged = get_checkpoint_metadata(place, {"source": "loop", "c": 300, "writes": {}})
    assert {"source": "loop", "c": 300, "writes": {}, "b": 20, "nul": "xy", "a": 1} == merged
    assert "writes" not in get_serializable_checkpoint_metadata(place, {"source": "loop", "writes": {}})


def test_the_id_in_a_config() -> None:
    """`checkpoint_id` is the only key that names a checkpoint."""
    assert "1" == get_checkpoint_id(config("1"))
    assert None is get_checkpoint_id({"configurable": {"thread_ts": "1"}})


def test_the_base_says_what_a_saver_lacks() -> None:
    """Every method that a saver does not give raises `NotImplementedError` with its name."""
    saver: BaseCheckpointSaver[int] = BaseCheckpointSaver()
    for name, arguments in {
        "get_tuple": (config(),),
        "get": (config(),),
        "list": (None,),
        "put": (config(), checkpoint("1"), {}, {}),
        "put_writes": (config("1"), [], "t"),
        "delete_thread": ("t",),
        "delete_for_runs": ([],),
        "copy_thread": ("t", "u"),
        "prune": (["t"],),
    }.items():
        lacking = "get_tuple" if name == "get" else name
        with pytest.raises(NotImplementedError, match=rf"BaseCheckpointSaver has no {lacking}\(\)"):
            getattr(saver, name)(*arguments)
    assert [] == saver.config_specs


async def test_the_base_says_what_a_saver_lacks_in_async() -> None:
    """So do the asynchronous methods; they never fall back to synchronous ones."""

    class Sync(BaseCheckpointSaver[int]):
        def get_tuple(self, config: Any) -> CheckpointTuple | None:
            return None

    saver = Sync()
    for name, arguments in {
        "aget_tuple": (config(),),
        "aget": (config(),),
        "aput": (config(), checkpoint("1"), {}, {}),
        "aput_writes": (config("1"), [], "t"),
        "adelete_thread": ("t",),
        "adelete_for_runs": ([],),
        "acopy_thread": ("t", "u"),
        "aprune": (["t"],),
    }.items():
        with pytest.raises(NotImplementedError, match="Sync has no a"):
            await getattr(saver, name)(*arguments)
    with pytest.raises(NotImplementedError, match="Sync has no alist"):
        _ = [found async for found in saver.alist(None)]


def test_versions_are_whole_numbers_by_default() -> None:
    """The first version is 1, each next one greater by 1; what follows a text only a subclass knows."""
    saver: BaseCheckpointSaver[Any] = BaseCheckpointSaver()
    assert [1, 4, 2.5] == [saver.get_next_version(current, None) for current in (None, 3, 1.5)]
    with pytest.raises(NotImplementedError, match="what follows the version 'v1'"):
        saver.get_next_version("v1", None)


def test_the_serialiser_of_a_class_is_the_default_of_its_savers() -> None:
    """A serialiser given to the constructor counts first, then the class's own."""
    own = JsonPlusSerializer(pickle_fallback=True)

    class Mine(BaseCheckpointSaver[int]):
        serde = own

    assert own is Mine().serde
    other = JsonPlusSerializer()
    assert other is Mine(serde=other).serde


class Chain(BaseCheckpointSaver[int]):
    """A saver of one's own that gives `get_tuple` and `aget_tuple` only."""

    def __init__(self, tuples: dict[str | None, CheckpointTuple]) -> None:
        super().__init__()
        self.tuples = tuples

    def get_tuple(self, config: Any) -> CheckpointTuple | None:
        return self.tuples.get(get_checkpoint_id(config))

    async def aget_tuple(self, config: Any) -> CheckpointTuple | None:
        return self.get_tuple(config)


def linked(id: str, parent: str | None, values: dict[str, Any], *writes: Any) -> CheckpointTuple:
    return CheckpointTuple(
        config(id), checkpoint(id, values), {}, config(parent) if parent else None, list(writes)
    )


async def test_the_base_can_rebuild_channels_by_itself() -> None:
    """A saver with nothing but `get_tuple` has delta histories, in both colours, without endless loops."""
    first = linked("1", None, {"d": "seed"}, ("t", "d", 1), ("t", "e", 1))
    second = linked("2", "1", {}, ("t", "d", 2))
    newest = linked("3", "2", {}, ("t", "d", 3))
    saver = Chain({"1": first, "2": second, "3": newest, None: newest, "9": linked("9", "9", {})})
    expected = {
        "d": {"writes": [("t", "d", 1), ("t", "d", 2)], "seed": "seed"},
        "e": {"writes": [("t", "e", 1)]},
    }
    assert expected == saver.get_delta_channel_history(config=config(), channels=["d", "e"])
    assert expected == await saver.aget_delta_channel_history(config=config("3"), channels=["d", "e"])
    for broken in (config("9"), config("0"), config("1")):
        assert {"d": {"writes": []}} == saver.get_delta_channel_history(config=broken, channels=["d"])
        found = await saver.aget_delta_channel_history(config=broken, channels=["d"])
        assert {"d": {"writes": []}} == found
    saver.tuples["4"] = linked("4", "0", {})
    assert {"d": {"writes": []}} == saver.get_delta_channel_history(config=config("4"), channels=["d"])
    assert {} == saver.get_delta_channel_history(config=config(), channels=[])
