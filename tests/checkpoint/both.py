"""
Both engines in one process, compared with each other; a module of the oracle's environment.

Rule: a check is a function `check_…` whose docstring states the fact. Prints `{check: traceback or ""}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import operator
import os
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import aiosqlite
import ormsgpack
from langgraph.checkpoint import base as their_base
from langgraph.checkpoint.memory import InMemorySaver as TheirMemory
from langgraph.checkpoint.serde import event_hooks as their_hooks
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer as TheirEncrypted
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer as Theirs
from langgraph.checkpoint.sqlite import SqliteSaver as TheirSqlite
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver as TheirAsync
from langgraph.graph import START, StateGraph
from langgraph.types import Send as TheirSend
from langgraph.types import interrupt
from typing_extensions import TypedDict

import otgraph.types as our_types
from otgraph.checkpoint import base as our_base
from otgraph.checkpoint.foreign import with_own_types
from otgraph.checkpoint.memory import InMemorySaver as OurMemory
from otgraph.checkpoint.serde import event_hooks as our_hooks
from otgraph.checkpoint.serde.encrypted import EncryptedSerializer as OurEncrypted
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer as Ours
from otgraph.checkpoint.sqlite import SqliteSaver as OurSqlite
from otgraph.checkpoint.sqlite.aio import AsyncSqliteSaver as OurAsync

from . import corpus
from .corpus import engine_values, plain_values, shown

KEY = b"0123456789abcdef"


def extension(code: int, *parts: Any) -> tuple[str, bytes]:
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(list(parts))))


def same(expected: Any, actual: Any, what: Any = "") -> None:
    assert expected == actual, f"{what}\nexpected {expected!r}\n   found {actual!r}"


def refused(kind: type[Exception], text: str, call: Callable[[], Any]) -> None:
    try:
        call()
    except kind as error:
        same(True, text in str(error), error)
    else:
        raise AssertionError(f"expected {kind.__name__} with {text!r}")


def check_bytes_of_plain_values() -> None:
    """Every plain value has the same bytes in both engines."""
    for name, value in plain_values().items():
        same(Theirs().dumps_typed(value), Ours().dumps_typed(value), name)


def check_reading_of_plain_values() -> None:
    """Both engines make the same of the same bytes."""
    for name, value in plain_values().items():
        stored = Theirs().dumps_typed(value)
        same(shown(Theirs().loads_typed(stored)), shown(Ours().loads_typed(stored)), name)


def check_bytes_of_engine_values() -> None:
    """Packets, interrupts, commands and snapshots have the same bytes, under LangGraph's names."""
    theirs, ours = engine_values("langgraph"), engine_values("otgraph")
    for name in theirs:
        same(Theirs().dumps_typed(theirs[name]), Ours().dumps_typed(ours[name]), name)
        if name != "delta":
            same(Theirs().dumps_typed(theirs[name]), Ours().dumps_typed(theirs[name]), f"{name}, of theirs")


def check_each_engine_reads_its_own_types() -> None:
    """What one engine stored, the other reads as its own types."""
    theirs, ours = engine_values("langgraph"), engine_values("otgraph")
    for name in theirs:
        read = Ours().loads_typed(Theirs().dumps_typed(theirs[name]))
        again = Ours().loads_typed(Ours().dumps_typed(ours[name]))
        same(shown(again), shown(read), name)
        assert not any("langgraph" in module for module in modules(read)), name
        back = Theirs().loads_typed(Ours().dumps_typed(ours[name]))
        same(shown(Theirs().loads_typed(Theirs().dumps_typed(theirs[name]))), shown(back), name)
        assert not any(module.startswith("otgraph.") for module in modules(back)), name


def modules(value: Any) -> set[str]:
    found = {type(value).__module__}
    if isinstance(value, dict):
        inner: Any = list(value.values())
    elif isinstance(value, (list, tuple)):
        inner = value
    else:
        fields = getattr(value, "__slots__", None) or getattr(value, "__dict__", ())
        inner = [getattr(value, field) for field in fields]
    return found.union(*map(modules, inner)) if inner else found


def check_refusals() -> None:
    """What one engine cannot store, the other cannot either."""
    for value in (object(), lambda: 1, int, 2**64, 1j, range(3), {frozenset([1]): 1}, type, iter([])):
        for serde in (Theirs(), Ours()):
            refused(TypeError, "", lambda serde=serde, value=value: serde.dumps_typed(value))


def check_strict_lists() -> None:
    """Under a strict list both engines let the same types through and tell of the same refusals."""
    events: dict[str, list[Any]] = {"theirs": [], "ours": []}
    their_hooks.register_serde_event_listener(events["theirs"].append)
    our_hooks.register_serde_event_listener(events["ours"].append)
    module = corpus.__name__
    asked = [
        extension(2, module, "Point", {"x": 1}),
        extension(0, module, "Colour", 1),
        extension(5, module, "Person", {"name": "n"}, "model_validate_json"),
        extension(0, "builtins", "eval", "1+1"),
        extension(1, "os", "getcwd", []),
        extension(0, "no_such_module", "X", 3),
        extension(3, "datetime", "datetime", "2026-01-01", "fromisoformat"),
        extension(3, "datetime", "date", "2026-01-01", "fromisoformat"),
        extension(3, "datetime", "datetime", "no date", "fromisoformat"),
        extension(0, "builtins", "set", [1]),
        extension(1, "langgraph.types", "Send", ["a", 1]),
        extension(2, "langgraph.types", "Command", {"resume": 1, "unknown": 1}),
    ]
    lists: list[Any] = [None, [(module, "Point")], [corpus.Point, corpus.Colour], [(module, "Person")]]
    for listed in lists:
        theirs, ours = (kind(allowed_msgpack_modules=listed) for kind in (Theirs, Ours))
        for stored in asked:
            same(shown(theirs.loads_typed(stored)), shown(ours.loads_typed(stored)), (listed, stored))
        more = [(module, "Colour")]
        for stored in asked[:3]:
            longer = (serde.with_msgpack_allowlist(more).loads_typed(stored) for serde in (theirs, ours))
            same(*map(shown, longer))
    same(events["theirs"], events["ours"])
    assert events["ours"]


def check_old_json() -> None:
    """Values that old releases stored as JSON are read alike."""
    uuid = {"lc": 2, "type": "constructor", "id": ["uuid", "UUID"], "args": ["0" * 31 + "5"]}
    point = {"lc": 2, "type": "constructor", "id": [*corpus.__name__.split("."), "Point"], "kwargs": {"x": 9}}
    path = ["langchain", "schema", "messages", "HumanMessage"]
    message = {"lc": 1, "type": "constructor", "id": path, "kwargs": {"content": "x", "type": "human"}}
    named = tuple(point["id"])
    for listed in (None, [named]):
        theirs, ours = (kind(allowed_json_modules=listed) for kind in (Theirs, Ours))
        for value in ({"a": [uuid]}, point, {"m": message}, {"lc": 3}, [1, None]):
            stored = ("json", json.dumps(value).encode())
            same(shown(theirs.loads_typed(stored)), shown(ours.loads_typed(stored)), (listed, value))


def check_encrypted_values() -> None:
    """What one engine encrypted with a key, the other decrypts with it."""
    theirs, ours = (kind.from_pycryptodome_aes(key=KEY) for kind in (TheirEncrypted, OurEncrypted))
    for value in (None, b"x", {"a": [1]}):
        assert (
            value
            == ours.loads_typed(theirs.dumps_typed(value))
            == theirs.loads_typed(ours.dumps_typed(value))
        )
        assert ours.dumps_typed(value)[0] == theirs.dumps_typed(value)[0]
        assert value == ours.loads_typed(Theirs().dumps_typed(value))
    os.environ["LANGGRAPH_AES_KEY"] = KEY.decode()
    assert 1 == OurEncrypted.from_pycryptodome_aes().loads_typed(theirs.dumps_typed(1))
    make = OurEncrypted.from_pycryptodome_aes
    stored = theirs.dumps_typed(1)
    refused(ValueError, "cannot decrypt", lambda: make(key=b"x" * 16).loads_typed(stored))
    refused(ValueError, "cannot decrypt", lambda: ours.loads_typed((stored[0], stored[1][:-1])))
    refused(ValueError, "'other'", lambda: ours.loads_typed(("msgpack+other", stored[1])))
    refused(ValueError, "must be 16, 24, or 32 bytes long, not 5", lambda: make(key=b"short"))
    refused(ValueError, "would not notice", lambda: make(key=KEY, mode=1))
    from Crypto.Cipher import AES

    for mode in (AES.MODE_GCM, AES.MODE_OCB):
        other = OurEncrypted.from_pycryptodome_aes(key=KEY, mode=mode)
        same({"a": 1}, other.loads_typed(other.dumps_typed({"a": 1})))


def check_helpers() -> None:
    """The helpers for checkpoints and metadata give the same."""
    for base in (their_base, our_base):
        assert {"checkpoint_id", "thread_id", "langgraph_step"} <= base.EXCLUDED_METADATA_KEYS
    same(their_base.EXCLUDED_METADATA_KEYS, our_base.EXCLUDED_METADATA_KEYS)
    same(their_base.WRITES_IDX_MAP, our_base.WRITES_IDX_MAP)
    same(their_base.LATEST_VERSION, our_base.LATEST_VERSION)
    config: Any = {
        "configurable": {
            "thread_id": "1",
            "a": 1,
            "b": None,
            "c": [1],
            "langgraph_x": 2.5,
            "__d": 1,
            "step": 9,
        },
        "metadata": {"a": 2, "e": {}, "f": True, "g": "x\0y", "langgraph_node": "n", "run_id": "r"},
    }
    metadata: Any = {"source": "loop", "step": 1, "writes": {"a": 1}, "h": "\0"}
    for given in (config, {"configurable": {}}, {"configurable": {"q": 1}, "metadata": {}}):
        for name in ("get_checkpoint_metadata", "get_serializable_checkpoint_metadata"):
            theirs, ours = (getattr(base, name)(given, metadata) for base in (their_base, our_base))
            same(list(theirs.items()), list(ours.items()))
    empties = [base.empty_checkpoint() for base in (their_base, our_base)]
    same(*({**empty, "id": empty["id"][19:21], "ts": ""} for empty in empties))
    old: Any = {
        **empties[0], "channel_values": {"a": 1, "c": 1}, "channel_versions": {"a": 1, "c": 2},
        "versions_seen": {"n": {"a": 1}}, "pending_sends": [1], "updated_channels": ["a"],
    }  # fmt: skip
    same(*(base.copy_checkpoint(old) for base in (their_base, our_base)))
    for channels in (
        None,
        {"a": Channel(their_base, 5), "b": Channel(their_base, 6), "c": Channel(their_base)},
    ):
        mine = channels and {name: Channel(our_base, channel.value) for name, channel in channels.items()}
        theirs = their_base.create_checkpoint(old, channels, 3, id="x")
        ours = our_base.create_checkpoint(old, mine, 3, id="x")
        same({**theirs, "ts": ""}, {**ours, "ts": ""})
    same("8003", our_base.create_checkpoint(old, None, 3)["id"][19:23])


class Channel:
    """A channel that stores a value, or nothing if that is None."""

    def __init__(self, base: Any, value: Any = None) -> None:
        self.base, self.value = base, value

    def checkpoint(self) -> Any:
        if self.value is None:
            from otgraph.errors import EmptyChannelError

            raise (EmptyChannelError if self.base is our_base else their_base.EmptyChannelError)
        return self.value


class State(TypedDict):
    seen: Annotated[list[Any], operator.add]


def graph(saver: Any) -> Any:
    """Return a graph of LangGraph that sends, interrupts and finishes a sibling."""

    def ask(state: State) -> Any:
        return {"seen": [interrupt({"question": 1})]}

    builder = StateGraph(State)
    builder.add_node("first", lambda state: {"seen": ["first"]})
    builder.add_node("ask", ask)
    builder.add_node("work", lambda state: {"seen": [state["item"]]})
    builder.add_edge(START, "first")
    builder.add_edge("first", "ask")
    builder.add_conditional_edges("first", lambda state: [TheirSend("work", {"item": "w"})])
    return builder.compile(checkpointer=saver)


def place(id: str | None = None) -> Any:
    return {"configurable": {"thread_id": "t", "checkpoint_ns": "", **({"checkpoint_id": id} if id else {})}}


def check_a_thread_in_memory() -> None:
    """Both savers in memory keep a thread of a real graph in the same attributes in the same shape."""
    theirs, ours = TheirMemory(), OurMemory()
    graph(theirs).invoke({"seen": []}, place())
    for found in reversed(list(theirs.list(place()))):
        old = theirs.get_tuple(found.parent_config).checkpoint if found.parent_config else None
        known = old["channel_versions"] if old else {}
        new = {k: v for k, v in found.checkpoint["channel_versions"].items() if known.get(k) != v}
        ours.put(found.parent_config or place(), found.checkpoint, found.metadata, new)
    for (_, _, checkpoint), writes in theirs.writes.items():
        for (task, idx), (_, channel, value, path) in writes.items():
            if idx < 1:
                ours.put_writes(place(checkpoint), [(channel, Theirs().loads_typed(value))], task, path)
    same(shape(theirs), shape(ours))
    same(
        [shown(t.checkpoint) for t in theirs.list(place())], [shown(t.checkpoint) for t in ours.list(place())]
    )


def shape(saver: Any) -> Any:
    storage = {
        t: {ns: {key: s[1:] for key, s in kept.items()} for ns, kept in v.items()}
        for t, v in saver.storage.items()
    }
    writes = {key: {k: w for k, w in kept.items() if k[1] < 1} for key, kept in saver.writes.items()}
    return storage, writes, dict(saver.blobs)


def check_one_file_for_both() -> None:
    """A thread begun in LangGraph's SQLite saver is read, continued and pruned by ours, and the other way round."""
    path = Path(tempfile.mkdtemp()) / "both.db"
    with TheirSqlite.from_conn_string(str(path)) as theirs, OurSqlite.from_conn_string(path) as ours:
        graph(theirs).invoke({"seen": []}, place())
        compare(theirs, ours)
        head = ours.get_tuple(place())
        assert head is not None
        asked = [write for write in head.pending_writes or () if write[1] == "__interrupt__"]
        assert isinstance(asked[0][2][0], our_types.Interrupt), asked
        assert any(isinstance(s, our_types.Send) for s in head.checkpoint["channel_values"]["__pregel_tasks"])
        ours.put_writes(head.config, [("__resume__", ["answer"])], asked[0][0], "~__pregel_pull, ask")
        compare(theirs, ours)
        told = graph(theirs).invoke(None, place())
        same({"seen": ["first", "answer", "w"]}, told)
        compare(theirs, ours)
        ours.copy_thread("t", "copy")
        same(told, graph(theirs).get_state({"configurable": {"thread_id": "copy"}}).values)
        ours.prune(["t"])
        same(told, graph(theirs).get_state(place()).values)
        theirs.delete_thread("t")
        same(None, ours.get_tuple(place()))


def compare(theirs: Any, ours: Any) -> None:
    for wanted, limit in (({}, None), ({"source": "loop"}, None), ({"step": 1}, 1)):
        left = [shown_tuple(t) for t in theirs.list(place(), filter=wanted, limit=limit)]
        same(left, [shown_tuple(t) for t in ours.list(place(), filter=wanted, limit=limit)])
        assert left
    same(shown_tuple(theirs.get_tuple(place())), shown_tuple(ours.get_tuple(place())))


def shown_tuple(found: Any) -> list[str]:
    return [shown(part) for part in tuple(found)]


def check_one_file_for_both_async() -> None:
    """The asynchronous savers share a file too, and ours takes an aiosqlite connection."""

    async def run() -> None:
        path = str(Path(tempfile.mkdtemp()) / "both.db")
        async with TheirAsync.from_conn_string(path) as theirs:
            await graph(theirs).ainvoke({"seen": []}, place())
            adopted = await with_own_types(theirs).aget_tuple(place())
            sent = adopted.checkpoint["channel_values"]["__pregel_tasks"]
            assert isinstance(sent[0], our_types.Send), sent
            connections = [aiosqlite.connect(path), await aiosqlite.connect(path)]
            for connection in connections:
                ours = OurAsync(connection)
                await ours.setup()
                same(
                    shown_tuple(await theirs.aget_tuple(place())), shown_tuple(await ours.aget_tuple(place()))
                )
                listed = [shown_tuple(t) async for t in ours.alist(place())]
                same([shown_tuple(t) async for t in theirs.alist(place())], listed)
                await ours.aput_writes(place("z"), [("a", 1)], "task")
                await ours.aput(place(), {**our_base.empty_checkpoint(), "id": "0"}, {}, {})
                await connection.close()
            for wrong in (None, path, sqlite3):
                refused(TypeError, "aiosqlite.Connection", lambda wrong=wrong: OurAsync(wrong))

    asyncio.run(run())


def check_rows() -> None:
    """The same call leaves the same rows, byte for byte."""
    rows = []
    for kind, types in ((TheirSqlite, "langgraph"), (OurSqlite, "otgraph")):
        connection = sqlite3.connect(":memory:", check_same_thread=False)
        saver = kind(connection)
        given: Any = {
            **their_base.empty_checkpoint(),
            "id": "1",
            "ts": "t",
            "channel_values": engine_values(types),
        }
        config = place()
        config["metadata"] = {"user": "é", "run_id": "r"}
        saver.put(config, given, {"step": 1, "parents": {"": "0"}, "list": (1, 2)}, {})
        saver.put_writes(
            place("1"), [("a", {1}), ("__error__", ValueError("x")), ("b", None)], "task", "~path"
        )
        tables = ("checkpoints", "writes")
        rows.append([list(map(str, connection.execute(f"SELECT * FROM {table}"))) for table in tables])
        columns = [list(connection.execute(f"PRAGMA table_info({table})")) for table in tables]
        rows[-1].append(list(map(str, columns)))
    same(*rows)


def check_foreign_savers() -> None:
    """A saver of LangGraph, adopted, stores and gives back otgraph's types, on the store it had."""
    ours = engine_values("otgraph")
    for saver in (TheirMemory(), TheirSqlite(sqlite3.connect(":memory:", check_same_thread=False))):
        adopted = with_own_types(saver)
        assert adopted is not saver
        assert with_own_types(adopted) is adopted
        assert isinstance(saver.serde, Theirs)
        checkpoint: Any = {
            **their_base.empty_checkpoint(), "id": "1", "channel_values": ours,
            "channel_versions": dict.fromkeys(ours, "1"),
        }  # fmt: skip
        adopted.put(place(), checkpoint, {}, dict.fromkeys(ours, "1"))
        adopted.put_writes(place("1"), [("__interrupt__", ours["interrupt"])], "task")
        found = adopted.get_tuple(place())
        for name, value in found.checkpoint["channel_values"].items():
            same(shown(Ours().loads_typed(Ours().dumps_typed(ours[name]))), shown(value))
            assert not any("langgraph" in module for module in modules(value)), name
        same(ours["interrupt"], found.pending_writes[0][2])
        same(TheirSend, type(saver.get_tuple(place()).checkpoint["channel_values"]["send"]))


def check_adopted_serialisers() -> None:
    """An adopted saver keeps the key, the lists and the fallback of its serialiser; the user's own is left."""
    encrypted = TheirMemory(serde=TheirEncrypted.from_pycryptodome_aes(key=KEY))
    adopted = with_own_types(encrypted)
    same(("msgpack+aes", our_types.Send("a", 1)), (
        adopted.serde.dumps_typed([1])[0], adopted.serde.loads_typed(encrypted.serde.dumps_typed(TheirSend("a", 1)))
    ))  # fmt: skip
    module = corpus.__name__
    strict = with_own_types(TheirMemory(serde=Theirs(allowed_msgpack_modules=[(module, "Point")])))
    same(corpus.Point(1), strict.serde.loads_typed(extension(2, module, "Point", {"x": 1})))
    same(1, strict.serde.loads_typed(extension(0, module, "Colour", 1)))
    pickling = with_own_types(TheirMemory(serde=Theirs(pickle_fallback=True)))
    same(1j, pickling.serde.loads_typed(pickling.serde.dumps_typed(1j)))

    class Mine(Theirs):
        pass

    for serde in (Mine(), Theirs(__unpack_ext_hook__=lambda code, data: None)):
        saver = TheirMemory(serde=serde)
        assert with_own_types(saver) is saver
    same(None, with_own_types(None))


def main() -> None:
    """Run all checks, or those named."""
    logging.disable(logging.CRITICAL)
    found = {}
    for name, check in list(globals().items()):
        if name.startswith("check_") and (len(sys.argv) < 2 or name in sys.argv[1:]):
            try:
                check()
                found[name] = ""
            except Exception:
                found[name] = traceback.format_exc()[-4000:]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
