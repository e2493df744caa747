"""The serialiser: what is stored comes back, what cannot be stored is named, what is damaged raises."""

from __future__ import annotations

import datetime as dt
import decimal
import ipaddress
import logging
import pathlib
import pickle
import re
import uuid
from collections import deque
from dataclasses import InitVar, dataclass, field
from typing import Any

import ormsgpack
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from otgraph.checkpoint.serde import kinds
from otgraph.checkpoint.serde.base import SerializerCompat, SerializerProtocol, maybe_add_typed_methods
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.serde.types import DeltaSnapshot
from otgraph.command import Command, Overwrite, Send
from otgraph.policies import TimeoutPolicy
from otgraph.snapshot import Interrupt

from .corpus import Colour, Frozen, Pair, Person, Point, Word, engine_values, plain_values, shown

serde = JsonPlusSerializer()


def back(value: Any, by: JsonPlusSerializer = serde) -> Any:
    return by.loads_typed(by.dumps_typed(value))


def extension(code: int, *parts: Any) -> tuple[str, bytes]:
    return "msgpack", ormsgpack.packb(ormsgpack.Ext(code, ormsgpack.packb(list(parts))))


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | texts
    | st.binary(max_size=8)
)
offsets = st.integers(-1439, 1439).map(lambda minutes: dt.timezone(dt.timedelta(minutes=minutes)))
hashables = (
    scalars
    | st.dates()
    | st.datetimes().map(lambda moment: moment.replace(fold=0))  # the format has no place for the fold
    | st.datetimes(timezones=offsets).map(lambda moment: moment.replace(fold=0))
    | st.times()
    | st.times(timezones=offsets)
    | st.timedeltas()
    | offsets
    | st.uuids()
    | st.decimals(allow_nan=False)
    | st.ip_addresses()
    | st.ip_addresses(v=4).map(lambda address: ipaddress.ip_interface(f"{address}/9"))
    | st.sampled_from([*Colour, *Word])
    | st.builds(Frozen, x=st.integers(-9, 9))
    | st.lists(texts.filter(lambda text: "\0" not in text)).map(lambda parts: pathlib.Path(*parts))
    | texts.map(re.escape).map(re.compile)
)
values = st.recursive(
    hashables | st.frozensets(hashables, max_size=3) | st.sets(hashables, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(texts | st.integers(-9, 9) | st.binary(max_size=3), inner, max_size=3)
        | inner.map(lambda value: deque([value]))
        | st.builds(Point, inner, inner)
        | st.builds(Pair, st.integers(0, 9), inner)
        | st.builds(Send, texts, inner)
        | st.builds(Send, texts, inner, timeout=st.floats(1, 9).map(lambda s: TimeoutPolicy(run_timeout=s)))
        | st.builds(Interrupt, inner, texts)
        | st.builds(Overwrite, inner)
        | st.builds(Command, update=inner, resume=inner, goto=st.lists(texts, max_size=2))
        | inner.map(DeltaSnapshot)
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    """Any nesting of scalars, containers, dataclasses and engine types is equal after a round trip."""
    again = back(value)
    assert value == again
    assert shown(value) == shown(again)


@given(values)
def test_storing_twice_gives_the_same_bytes(value: Any) -> None:
    """What came back is stored as the same bytes again, but for the order of sets."""
    if "set(" not in shown(value):
        assert serde.dumps_typed(value) == serde.dumps_typed(back(value))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """Bytes that nobody wrote give a value or a `ValueError`, and nothing else."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    for kind in ("msgpack", "json"):
        try:
            strict.loads_typed((kind, data))
        except ValueError:
            pass


@given(values, st.data())
def test_damaged_bytes_are_read_or_refused(value: Any, data: st.DataObject) -> None:
    """A stored value with a changed byte, or cut short, gives a value or a `ValueError`."""
    strict = JsonPlusSerializer(allowed_msgpack_modules=None)
    kind, payload = serde.dumps_typed([value])
    at = data.draw(st.integers(0, len(payload) - 1))
    for damaged in (payload[:at], payload[:at] + bytes([data.draw(st.integers(0, 255))]) + payload[at + 1 :]):
        try:
            strict.loads_typed((kind, damaged))
        except ValueError:
            pass


def test_tuples_become_lists() -> None:
    """A tuple comes back as a list, except as the key of a dict; a named tuple is itself."""
    assert [1, [2]] == back((1, (2,)))
    assert {(1, 2): 3} == back({(1, 2): 3})
    assert Pair(1, [2]) == back(Pair(1, (2,)))


def test_formats_of_plain_values() -> None:
    """None and bytes need no msgpack."""
    assert ("null", b"") == serde.dumps_typed(None)
    assert ("bytes", b"x") == serde.dumps_typed(b"x")
    mutable = bytearray(b"x")
    stored = serde.dumps_typed(mutable)
    mutable[:] = b"y"
    assert ("bytearray", b"x") == stored
    assert bytearray(b"x") == back(bytearray(b"x"))
    assert "msgpack" == serde.dumps_typed({"a": 1})[0]


def test_everything_of_the_corpus_is_stable() -> None:
    """What came back once comes back the same ever after."""
    for name, value in (plain_values() | engine_values("otgraph")).items():
        once = back(value)
        assert shown(once) == shown(back(once)), name


def test_names_of_langgraph_are_written() -> None:
    """Engine types are stored under `langgraph.types`; nothing stored names otgraph."""
    for name, value in engine_values("otgraph").items():
        payload = serde.dumps_typed([value])[1]
        assert b"otgraph" not in payload, name
    assert b"langgraph.types" in serde.dumps_typed(Send("a", 1))[1]


def test_own_names_are_read_too() -> None:
    """A type named as otgraph's is read as what it is."""
    for module in ("otgraph.types", "otgraph.command", "langgraph.types"):
        assert Send("a", 1) == serde.loads_typed(extension(1, module, "Send", ["a", 1]))


def test_classes_of_the_other_engine_mean_ours() -> None:
    """A class at LangGraph's path is looked for at otgraph's, whatever it is."""
    from otgraph.runtime import ExecutionInfo

    info = ExecutionInfo(checkpoint_id="c", checkpoint_ns="", task_id="t")
    stored = serde.dumps_typed(info)
    assert b"langgraph.runtime" in stored[1]
    assert info == serde.loads_typed(stored)


class Outer:
    @dataclass
    class Inner:
        x: int = 1


def test_a_nested_class_is_found_again() -> None:
    """A class inside a class comes back as itself."""
    assert Outer.Inner(2) == back(Outer.Inner(2))


@dataclass(frozen=True)
class Derived:
    x: int
    double: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "double", self.x * 2)


@dataclass
class Seeded:
    x: int
    seed: InitVar[int]

    def __post_init__(self, seed: int) -> None:
        self.x += seed


def test_fields_that_no_constructor_takes_come_back() -> None:
    """Fields with `init=False` are restored, and an argument that is no field is not asked for again."""
    value = Derived(2)
    object.__setattr__(value, "double", 9)
    assert value == back(value)
    assert 3 == back(Seeded(1, seed=2)).x


class Aliased(pydantic.BaseModel):
    name: str = pydantic.Field(alias="Name")
    size: int = pydantic.Field(1, validation_alias="Size")


class Words(pydantic.RootModel[list[str]]):
    pass


class Narrow(pydantic.BaseModel):
    x: int = pydantic.Field(gt=0)


def test_models_come_back() -> None:
    """Models with aliases, root models and models whose rules became narrower come back as themselves."""
    assert Aliased(Name="n", Size=3) == back(Aliased(Name="n", Size=3))
    assert Words(["a"]) == back(Words(["a"]))
    assert Narrow.model_construct(x=-1) == back(Narrow.model_construct(x=-1))
    person = Person(name="n", inner=Point(1))
    assert person == back(person)


def test_a_type_that_is_gone_is_plain_data(caplog: pytest.LogCaptureFixture) -> None:
    """A class, a module or a field that no longer exists gives what the object was made of, and a warning."""

    @dataclass
    class Local:
        x: int

    assert {"x": 1} == back(Local(1))
    assert "could not make a checkpoint.test_serde.Local" in caplog.text
    assert 3 == serde.loads_typed(extension(0, "no_such_module_1", "X", 3))
    assert {"x": 1, "gone": 2} == serde.loads_typed(
        extension(2, Point.__module__, "Point", {"x": 1, "gone": 2})
    )
    assert 99 == serde.loads_typed(extension(0, Colour.__module__, "Colour", 99))
    assert "Point" in caplog.text


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), r"^Type is not msgpack serializable: object\. A checkpoint holds"),
        ({"a": [1, {"b": object}]}, r"serializable: type, at \['a'\]\[1\]\['b'\]\."),
        ({"a": Point(1, (2, len))}, r"builtin_function_or_method, at \['a'\]\.y\[1\]"),
        ([Send("n", {"x": iter(())})], r"tuple_iterator, at \[0\]\[1\]\['x'\]"),
        (Interrupt([1j], "i"), r"complex, at \.value\[0\]"),
        (Pair(1, {2: range(3)}), r"range, at \.b\[2\]"),
        ({"a": 2**64}, r"Integer exceeds 64-bit range, at \['a'\]"),
        ({frozenset("a"): 1}, r"Dict key must"),
        (DeltaSnapshot([object()]), r"object, at \.value\[0\]"),
        ({"a": {1: {2: {object()}}}}, r"object, at \['a'\]\[1\]\[2\]"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(value: Any, message: str) -> None:
    """The error says which part of the value cannot be stored, where it is, and what to do."""
    with pytest.raises(TypeError, match=message) as caught:
        serde.dumps_typed(value)
    assert "pickle_fallback=True" in str(caught.value)


def test_a_value_in_itself_is_refused() -> None:
    """A list that contains itself, and nesting beyond the format's depth, are refused."""
    endless: list[Any] = []
    endless.append(endless)
    deep: list[Any] = []
    for _ in range(1000):
        deep = [deep]
    for value in (endless, deep):
        with pytest.raises(TypeError, match="Recursion limit"):
            serde.dumps_typed(value)


class Broken:
    def model_dump(self) -> Any:
        raise RuntimeError("cannot dump")


def test_the_fault_of_a_users_class_is_shown() -> None:
    """When a value's own method fails, the error carries what it raised."""
    with pytest.raises(TypeError, match=r"Broken: cannot dump, at \[0\]") as caught:
        serde.dumps_typed([Broken()])
    assert isinstance(caught.value.__cause__, RuntimeError)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (("msgpack", b""), "damaged.*end of file"),
        (("msgpack", b"\x92\x01"), "damaged.*end of file"),
        (("msgpack", b"\xc1"), "damaged"),
        (("msgpack", ormsgpack.packb(ormsgpack.Ext(77, b"\x01"))), "damaged.*newer release"),
        (extension(9, "a", "b", 1), "no extension has the code 9"),
        (extension(0, "a"), "damaged.*not enough values"),
        (extension(0, 1, 2, 3), "no extension has the code 0"),
        (("msgpack", ormsgpack.packb([ormsgpack.Ext(0, b"\xc1")])), "damaged"),
        (("json", b'{"a'), "Unterminated string"),
    ],
)
def test_damaged_bytes_raise(data: Any, message: str) -> None:
    """Bytes that no release wrote are an error that says so, never a silent None."""
    with pytest.raises(ValueError, match=message):
        serde.loads_typed(data)


@pytest.mark.parametrize(
    ("format", "message"),
    [
        ("zzz", "expected msgpack, null"),
        ("pickle", "pickle_fallback=True"),
        ("msgpack+aes", "EncryptedSerializer"),
    ],
)
def test_an_unknown_format_is_an_error(format: str, message: str) -> None:
    """A format that this serialiser does not read is named, with what would read it."""
    with pytest.raises(
        NotImplementedError, match=f"^Unknown serialization type: {re.escape(format)};.*{message}"
    ):
        serde.loads_typed((format, b"x"))


def test_a_pickle_holds_what_msgpack_cannot() -> None:
    """With the fallback, what msgpack cannot hold is pickled, and only that."""
    pickling = JsonPlusSerializer(pickle_fallback=True)
    assert {"a": 1j} == back({"a": 1j}, pickling)
    assert "msgpack" == pickling.dumps_typed({"a": 1})[0]
    with pytest.raises((pickle.PicklingError, AttributeError)):
        pickling.dumps_typed(lambda: 1)


def test_an_exception_is_stored_as_its_repr() -> None:
    """Exceptions, wherever they stand, become text."""
    assert ["ValueError('x')", {"e": "KeyError(1)"}] == back([ValueError("x"), {"e": KeyError(1)}])


def test_old_json_is_read(caplog: pytest.LogCaptureFixture) -> None:
    """Values of old releases are read; their objects are made if safe or listed, and left as data otherwise."""
    envelope = b'{"lc": 2, "type": "constructor", "id": ["%s"], "args": ["%s"], "method": %s}'
    safe = envelope % (b'uuid", "UUID', b"0" * 31 + b"7", b"null")
    assert uuid.UUID(int=7) == serde.loads_typed(("json", safe))
    moment = envelope % (b'datetime", "datetime', b"2026-01-02", b'"fromisoformat"')
    assert dt.datetime(2026, 1, 2) == serde.loads_typed(("json", moment))
    unlisted = envelope % (b'fractions", "Fraction', b"1/3", b"null")
    assert 2 == serde.loads_typed(("json", unlisted))["lc"]
    assert "allowed_json_modules=[('fractions', 'Fraction')]" in caplog.text
    for allowed in (True, [("fractions", "Fraction")]):
        made = JsonPlusSerializer(allowed_json_modules=allowed).loads_typed(("json", unlisted))
        assert "Fraction(1, 3)" == repr(made)
    wrong = envelope % (b'uuid", "UUID', b"no uuid", b"null")
    assert ["no uuid"] == serde.loads_typed(("json", wrong))["args"]
    langchain = b'{"lc": 1, "type": "constructor", "id": ["langchain", "x"], "kwargs": {}}'
    assert 1 == serde.loads_typed(("json", b'{"a": %s}' % langchain))["a"]["lc"]


def test_old_messages_are_read() -> None:
    """A message that an older release stored as JSON is one again, where LangChain is installed."""
    messages = pytest.importorskip("langchain_core.messages", reason="LangChain is an extra")
    stored = (
        b'{"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", "HumanMessage"], '
        b'"kwargs": {"content": "hi", "type": "human"}}'
    )
    assert serde.loads_typed(("json", stored)) == messages.HumanMessage("hi")


def test_an_own_hook_reads_extensions() -> None:
    """`__unpack_ext_hook__` takes the place of the reader of extensions, also after an allow-list."""
    codes = []

    def hook(code: int, data: bytes) -> Any:
        codes.append(code)
        return "mine"

    own = JsonPlusSerializer(__unpack_ext_hook__=hook, allowed_msgpack_modules=None)
    assert ["mine"] == back([{1}], own)
    assert ["mine"] == back([{1}], own.with_msgpack_allowlist([("a", "B")]))
    assert [0, 0] == codes


def test_classes_without_end_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is known of classes is forgotten when it grows too large."""
    monkeypatch.setattr(kinds, "_ROOM", 8)
    for number in range(30):
        serde.dumps_typed(type(f"Made{number}", (Point,), {})(1))
    assert len(kinds._known) <= 8


def test_an_untyped_serialiser_is_adapted() -> None:
    """A serialiser with `dumps` and `loads` only gets the typed methods; one with neither is refused."""

    class Pickler:
        dumps = staticmethod(pickle.dumps)
        loads = staticmethod(pickle.loads)

    adapted = maybe_add_typed_methods(Pickler())
    assert isinstance(adapted, SerializerCompat)
    assert ("int", pickle.dumps(1)) == adapted.dumps_typed(1)
    assert 1 == adapted.loads_typed(adapted.dumps_typed(1))
    assert serde is maybe_add_typed_methods(serde)
    assert isinstance(serde, SerializerProtocol)
    with pytest.raises(TypeError, match="has neither"):
        maybe_add_typed_methods(3)  # type: ignore[arg-type]


def test_a_path_of_another_system_is_a_pure_path() -> None:
    """A path that was stored on Windows is read elsewhere as a path without a file system."""
    for module in ("pathlib", "pathlib._local"):
        read = serde.loads_typed(extension(1, module, "WindowsPath", ["c:\\", "a"]))
        assert pathlib.PureWindowsPath("c:/a") == read
        assert pathlib.PurePosixPath("/a") == serde.loads_typed(extension(1, module, "PosixPath", ["/", "a"]))


def test_numbers_of_decimal_keep_their_digits() -> None:
    """Decimals keep trailing zeros, and not-a-number stays so."""
    assert "1.10" == str(back(decimal.Decimal("1.10")))
    assert back(decimal.Decimal("NaN")).is_nan()


def test_arrays_without_numpy_are_plain_data(caplog: pytest.LogCaptureFixture) -> None:
    """A stored array is read without numpy as its parts, with a warning; with numpy as an array."""
    stored = extension(6, "<i8", [1], "C", b"\1" + b"\0" * 7)
    with caplog.at_level(logging.WARNING):
        read = serde.loads_typed(stored)
    if isinstance(read, list):
        assert ["<i8", [1], "C", b"\1" + b"\0" * 7] == read
    else:
        assert [1] == read.tolist()
