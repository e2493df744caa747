"""What is particular to the saver in memory: its attributes, its dicts, its threads."""

from __future__ import annotations

import pickle
import threading
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from otgraph.checkpoint.memory import InMemorySaver, MemorySaver, PersistentDict

from .savers import checkpoint, config


def test_the_old_name_is_the_same_class() -> None:
    """`MemorySaver` is `InMemorySaver`."""
    assert InMemorySaver is MemorySaver


def test_it_is_a_context_manager() -> None:
    """`with` gives the saver itself."""
    saver = InMemorySaver()
    with saver as entered:
        assert saver is entered


async def test_it_is_an_asynchronous_context_manager() -> None:
    """So does `async with`."""
    saver = InMemorySaver()
    async with saver as entered:
        assert saver is entered


def test_what_it_keeps_can_be_looked_at() -> None:
    """`storage`, `blobs` and `writes` hold typed bytes; each version of a channel is kept once."""
    saver = InMemorySaver()
    saver.put(config(), checkpoint("1", {"a": 1}), {}, {"a": 1, "gone": 1})
    saver.put(config("1"), checkpoint("2", {"a": 1}), {}, {})
    saver.put_writes(config("2"), [("a", 2)], "task", "~path")
    assert ["1", "2"] == list(saver.storage["t"][""])
    assert "1" == saver.storage["t"][""]["2"][2]
    assert {("t", "", "a", 1): ("msgpack", b"\x01"), ("t", "", "gone", 1): ("empty", b"")} == saver.blobs
    assert {("task", 0): ("task", "a", ("msgpack", b"\x02"), "~path")} == saver.writes["t", "", "2"]


def test_looking_does_not_create() -> None:
    """Reading, deleting and listing an unknown thread leaves no trace of it."""
    saver = InMemorySaver()
    saver.get_tuple(config())
    list(saver.list(config()))
    saver.delete_thread("t")
    saver.copy_thread("t", "u")
    saver.prune(["t"])
    assert ({}, {}, {}) == (saver.storage, saver.writes, saver.blobs)


def test_deleted_runs_leave_no_values() -> None:
    """The values that only deleted checkpoints had go with them."""
    saver = InMemorySaver()
    saver.put(config(), checkpoint("1", {"a": 1, "b": 1}), {"run_id": "r1"}, {"a": 1, "b": 1})
    second = checkpoint("2", {"a": 2, "b": 1}, {"a": 2, "b": 1})
    saver.put(config("1"), second, {"run_id": "r2"}, {"a": 2})
    saver.delete_for_runs(["r1"])
    assert {("a", 2), ("b", 1)} == {key[2:] for key in saver.blobs}
    saver.delete_for_runs(["r2"])
    assert {} == saver.blobs


def test_a_file_can_keep_it(tmp_path: Path) -> None:
    """With a factory of `PersistentDict`s the contents are written when the saver is left."""
    names = iter(["storage", "writes", "blobs"] * 2)

    def kept(*args: Any) -> PersistentDict:
        made = PersistentDict(*args, filename=str(tmp_path / next(names)))
        if (tmp_path / "blobs").exists():
            made.load()
        return made

    with InMemorySaver(factory=kept) as saver:
        saver.put(config(), checkpoint("1", {"a": [1]}), {"step": 1}, {"a": 1})
        saver.put_writes(config("1"), [("a", 2)], "task")
    with InMemorySaver(factory=kept) as again:
        found = again.get_tuple(config())
    assert found is not None
    assert ({"a": [1]}, {"step": 1}) == (found.checkpoint["channel_values"], found.metadata)
    assert [("task", "a", 2)] == found.pending_writes


def test_a_persistent_dict_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    """A dict that cannot be pickled leaves the file of before; a damaged or absent file is an error."""
    path = tmp_path / "dict"
    make = partial(PersistentDict, dict, filename=str(path))
    with make() as kept:
        kept["a"]["b"] = 1
    kept["bad"] = lambda: 1
    with pytest.raises((AttributeError, pickle.PicklingError)):
        kept.sync()
    assert [path] == list(tmp_path.iterdir())
    again = make()
    again.load()
    assert {"a": {"b": 1}} == again
    assert {} == again["new"]
    again.flag = "r"
    again.close()
    path.write_bytes(b"junk")
    with pytest.raises(ValueError, match="not the file of a PersistentDict"):
        again.load()
    path.unlink()
    with pytest.raises(FileNotFoundError):
        again.load()


def test_many_threads_use_one_saver() -> None:
    """Threads that save, list, read and delete at once lose nothing and fail nowhere."""
    saver = InMemorySaver()
    faults: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for turn in range(30):
                name = f"{turn:02}"
                for thread in ("shared", f"own{number}"):
                    place = config(thread=thread, ns=f"{number}")
                    saver.put(place, checkpoint(name, {"a": turn}, {"a": turn}), {"step": turn}, {"a": turn})
                    saver.put_writes(
                        {"configurable": {**place["configurable"], "checkpoint_id": name}}, [("a", 1)], "t"
                    )
                assert turn < len(list(saver.list({"configurable": {"thread_id": "shared"}})))
                saver.get_tuple(config(thread="shared", ns="0"))
                saver.delete_thread(f"own{number - 1}")
        except BaseException as fault:
            faults.append(fault)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [] == faults
    assert 8 * 30 == len(list(saver.list({"configurable": {"thread_id": "shared"}})))


def test_a_plain_factory_needs_no_closing() -> None:
    """Any dict will do as a factory."""
    saver = InMemorySaver(factory=defaultdict)
    saver.put(config(), checkpoint("1"), {}, {})
    assert saver.get_tuple(config())
