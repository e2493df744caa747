"""Which stored types come back as objects, and who hears of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ormsgpack
import pytest

from otgraph.checkpoint.base import BaseCheckpointSaver
from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.serde import allowlist
from otgraph.checkpoint.serde.encrypted import EncryptedSerializer
from otgraph.checkpoint.serde.event_hooks import SerdeEvent, emit_serde_event, register_serde_event_listener
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.command import Send

from .corpus import Colour, Person, Point

HERE = Point.__module__


def stored(code: int, *parts: Any) -> tuple[str, bytes]:
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(list(parts))))


POINT = stored(2, HERE, "Point", {"x": 1})
RED = stored(0, HERE, "Colour", 1)


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(allowlist, "_warned", set())
    monkeypatch.delenv("LANGGRAPH_STRICT_MSGPACK", raising=False)


@pytest.fixture
def events() -> Iterator[list[SerdeEvent]]:
    heard: list[SerdeEvent] = []
    stop = register_serde_event_listener(heard.append)
    yield heard
    stop()


def test_by_default_an_unlisted_class_comes_back_with_a_warning(
    events: list[SerdeEvent], caplog: pytest.LogCaptureFixture
) -> None:
    """Unlisted dataclasses, models and enums come back; listeners hear each time, the log once."""
    serde = JsonPlusSerializer()
    assert [Point(1), Point(1)] == [serde.loads_typed(POINT), serde.loads_typed(POINT)]
    assert 2 * [{"kind": "msgpack_unregistered_allowed", "module": HERE, "name": "Point"}] == events
    assert 1 == len(caplog.records)
    assert f"allowed_msgpack_modules=[('{HERE}', 'Point')]" in caplog.text


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes"])
def test_the_environment_can_ask_for_strictness(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `LANGGRAPH_STRICT_MSGPACK` set, unlisted types are plain data, also in a saver's own serialiser."""
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", value)
    assert {"x": 1} == JsonPlusSerializer().loads_typed(POINT)
    assert {"x": 1} == InMemorySaver().serde.loads_typed(POINT)
    assert Point(1) == JsonPlusSerializer(allowed_msgpack_modules=True).loads_typed(POINT)
    monkeypatch.setenv("LANGGRAPH_STRICT_MSGPACK", "0")
    assert Point(1) == JsonPlusSerializer().loads_typed(POINT)


@pytest.mark.parametrize("listed", [[Point], [(HERE, "Point")], {(*HERE.split("."), "Point")}])
def test_a_list_lets_its_types_through(
    listed: Any, events: list[SerdeEvent], caplog: pytest.LogCaptureFixture
) -> None:
    """Listed types come back silently, all others are plain data, which is told."""
    serde = JsonPlusSerializer(allowed_msgpack_modules=listed)
    assert Point(1) == serde.loads_typed(POINT)
    assert [] == events
    assert 1 == serde.loads_typed(RED)
    assert [{"kind": "msgpack_blocked", "module": HERE, "name": "Colour"}] == events
    assert f"did not read the type {HERE}.Colour" in caplog.text


@pytest.mark.parametrize("wrong", [("module",), "module.Name", 3, ("a", 1), ()])
def test_a_wrong_entry_is_an_error(wrong: Any) -> None:
    """An entry that names no type is refused at once, instead of allowing nothing."""
    with pytest.raises(ValueError, match="a class or \\(module, name\\)"):
        JsonPlusSerializer(allowed_msgpack_modules=[wrong])


@pytest.mark.parametrize(
    "forged",
    [
        stored(0, "builtins", "eval", "1 / 0"),
        stored(0, "os", "system", "exit 1"),
        stored(1, "subprocess", "Popen", [["false"]]),
        stored(0, "builtins", "bytearray", 10**9),
        stored(2, "builtins", "dict", {"a": 1}),
        stored(3, HERE, "Point", "x", "fromisoformat"),
        stored(4, "functools", "partial", {}),
        stored(5, "types", "SimpleNamespace", {"a": 1}, "x"),
    ],
)
def test_what_no_writer_writes_is_never_called(forged: Any, events: list[SerdeEvent]) -> None:
    """Even without a list, a function, or a class of another kind than was stored, is not called."""
    argument = ormsgpack.unpackb(ormsgpack.unpackb(forged[1], ext_hook=lambda code, data: data))[2]
    assert argument == JsonPlusSerializer().loads_typed(forged)
    assert "blocked" in events[-1]["kind"]


def test_a_method_is_never_taken_from_the_store(events: list[SerdeEvent]) -> None:
    """The only method that is called is `datetime.fromisoformat`."""
    for method in ("now", "utcfromtimestamp", "__subclasses__"):
        assert "x" == JsonPlusSerializer().loads_typed(stored(3, "datetime", "datetime", "x", method))
        expected = {
            "kind": "msgpack_method_blocked",
            "module": "datetime",
            "name": "datetime",
            "method": method,
        }
        assert expected == events.pop()


def test_own_types_and_messages_need_no_list(events: list[SerdeEvent]) -> None:
    """The engine's types are safe under any list, by either engine's name."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    for module in ("langgraph.types", "otgraph.types", "otgraph.command"):
        assert Send("n", 1) == strict.loads_typed(stored(1, module, "Send", ["n", 1]))
    assert [] == events


def test_a_list_can_be_extended() -> None:
    """A longer list is a new serialiser; one that refuses nothing is the same."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=[Point])
    longer = strict.with_msgpack_allowlist([Colour])
    assert [1, Colour.RED] == [strict.loads_typed(RED), longer.loads_typed(RED)]
    assert Point(1) == longer.loads_typed(POINT)
    lax = JsonPlusSerializer()
    assert lax is lax.with_msgpack_allowlist([Colour])


class NoCipher:
    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "none", plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return ciphertext[::-1]


def test_a_saver_can_be_given_a_longer_list() -> None:
    """`with_allowlist` gives a saver on the same store, through an encrypted serialiser too."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    for serde in (strict, EncryptedSerializer(NoCipher(), strict)):
        saver = InMemorySaver(serde=serde)
        longer = saver.with_allowlist([(HERE, "Point"), (HERE, "Person")])
        assert isinstance(longer, InMemorySaver)
        assert saver is not longer
        assert saver.storage is longer.storage
        assert Point(1) == longer.serde.loads_typed(longer.serde.dumps_typed([Point(1)]))[0]
        assert Person(name="n") == longer.serde.loads_typed(longer.serde.dumps_typed([Person(name="n")]))[0]
        assert {"x": 1, "y": None} == saver.serde.loads_typed(saver.serde.dumps_typed([Point(1)]))[0]
    lax = InMemorySaver()
    assert lax is lax.with_allowlist([(HERE, "Point")])
    lax_and_encrypted = InMemorySaver(serde=EncryptedSerializer(NoCipher()))
    assert lax_and_encrypted is lax_and_encrypted.with_allowlist([(HERE, "Point")])

    class Mine:
        def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
            return "mine", b""

        def loads_typed(self, data: tuple[str, bytes]) -> Any:
            return None

    own: BaseCheckpointSaver[int] = BaseCheckpointSaver(serde=Mine())
    assert own is own.with_allowlist([(HERE, "Point")])


def test_a_listener_that_fails_changes_nothing(
    events: list[SerdeEvent], caplog: pytest.LogCaptureFixture
) -> None:
    """The others still hear, the value is still read, the fault is logged; unregistering twice is no error."""

    def broken(event: SerdeEvent) -> None:
        raise RuntimeError("broken listener")

    stop = register_serde_event_listener(broken)
    emit_serde_event({"kind": "k", "module": "m", "name": "n"})
    assert [{"kind": "k", "module": "m", "name": "n"}] == events
    assert "broken listener" in caplog.text
    stop()
    stop()
    caplog.clear()
    emit_serde_event({"kind": "k", "module": "m", "name": "n"})
    assert not caplog.text


def test_warnings_end_somewhere(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    """A store full of forged names fills neither log nor memory."""
    monkeypatch.setattr(allowlist, "_ROOM", 5)
    serde = JsonPlusSerializer(allowed_msgpack_modules=None)
    for number in range(20):
        serde.loads_typed(stored(0, "m", f"n{number}", 1))
    assert 5 == len(caplog.records) == len(allowlist._warned)
