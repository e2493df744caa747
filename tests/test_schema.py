"""State classes: the channels they declare, and the way from values to instances and back."""

from __future__ import annotations

import gc
import operator
import subprocess
import sys
import warnings
import weakref
from collections.abc import Callable
from dataclasses import FrozenInstanceError, InitVar, dataclass, field, make_dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, NamedTuple, Optional, TypedDict, TypeVar

import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass as pydantic_dataclass
from stable_id import stable_id
from typing_extensions import NotRequired, ReadOnly, Required

from otgraph.channels.base import MISSING, BaseChannel
from otgraph.channels.binop import BinaryOperatorAggregate
from otgraph.channels.delta import DeltaChannel
from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValue
from otgraph.channels.topic import Topic
from otgraph.channels.untracked_value import UntrackedValue
from otgraph.managed.is_last_step import IsLastStep, IsLastStepManager, RemainingSteps, RemainingStepsManager
from otgraph.schema import Schema, coerce_context, coerce_output, inspect_schema, updates_of

if TYPE_CHECKING:
    from decimal import Decimal as OnlyForTypeCheckers

T = TypeVar("T")


def keep_left(left: Any, right: Any) -> Any:
    return left


def keep_right(left: Any, right: Any) -> Any:
    return right


def kinds(schema: Schema) -> dict[str, type[BaseChannel[Any, Any, Any]]]:
    return {key: type(channel) for key, channel in schema.channels.items()}


def channel_of(hint: Any) -> BaseChannel[Any, Any, Any]:
    """Return the channel of a key with this annotation."""
    return inspect_schema(TypedDict("State", {"k": hint})).channels["k"]  # type: ignore[operator]


# ------------------------------------------------------------------- annotations


class Base(TypedDict, total=False):
    """Every way to say how much a key is needed."""

    plain: int
    required: Required[Annotated[list[int], operator.add]]
    maybe: NotRequired[Annotated[list[int], operator.add]]
    fixed: ReadOnly[Annotated[list[int], operator.add]]
    inside: Annotated[Required[list[int]], operator.add]


class Derived(Base):
    """Inherits keys and adds others."""

    last: IsLastStep
    more: str
    left: NotRequired[RemainingSteps]


def test_a_typed_dict_declares_a_channel_for_each_key() -> None:
    """Inherited keys come first; how much a key is needed does not matter; managed values are no channels."""
    schema = inspect_schema(Derived)
    assert ("plain", "required", "maybe", "fixed", "inside", "more") == schema.keys == tuple(schema.channels)
    assert {
        "plain": LastValue,
        **dict.fromkeys(("required", "maybe", "fixed", "inside"), BinaryOperatorAggregate),
        "more": LastValue,
    } == kinds(schema)
    assert {"last": IsLastStepManager, "left": RemainingStepsManager} == schema.managed
    assert (Derived, False, None) == (schema.typ, schema.root, schema.coerce)


def test_every_specimen_bears_its_key_and_holds_nothing_yet() -> None:
    """A channel knows its name for error messages; only a reducer has a value from the start."""
    channels = inspect_schema(Derived).channels
    assert list(channels) == [channel.key for channel in channels.values()]
    assert {"required", "maybe", "fixed", "inside"} == {
        key for key, channel in channels.items() if channel.is_available()
    }


@given(st.lists(st.text(alphabet="abcdefgh", min_size=1), unique=True))
def test_keys_are_in_order_of_declaration(names: list[str]) -> None:
    """Whatever the keys are called, their order is that of the class."""
    schema = inspect_schema(TypedDict("State", dict.fromkeys(names, int)))  # type: ignore[operator]
    assert tuple(names) == schema.keys


wraps: st.SearchStrategy[list[Any]] = st.lists(
    st.sampled_from(
        [keep_left, keep_right, operator.add, "a remark", 5, None, Required, NotRequired, ReadOnly]
    )
)


@given(wraps)
def test_the_outermost_annotation_decides(layers: list[Any]) -> None:
    """However annotations and qualifiers are nested, the last item is the reducer if it can be called."""
    hint: Any = list
    for layer in layers:
        hint = layer[hint] if layer in (Required, NotRequired, ReadOnly) else Annotated[hint, layer]
    items = [layer for layer in layers if layer not in (Required, NotRequired, ReadOnly)]
    channel = inspect_schema(_holder(hint)).channels["k"]
    if items and callable(items[-1]):
        assert isinstance(channel, BinaryOperatorAggregate)
        assert (items[-1], []) == (channel.operator, channel.get())
    else:
        assert isinstance(channel, LastValue)


def _holder(hint: Any) -> type[Any]:
    """Return a class with one annotation that no TypedDict has looked at."""
    return type("Holder", (), {"__annotations__": {"k": hint}, "__module__": __name__})


def test_a_channel_in_an_annotation_is_the_channel() -> None:
    """An instance gives its settings, a class is made with the type; a remark or a reducer beside it is nothing."""
    topic = channel_of(Annotated[int, "a remark", Topic(str, accumulate=True), operator.add])
    assert isinstance(topic, Topic)
    assert (str, True, "k") == (topic.typ, topic.accumulate, topic.key)
    for hint in (
        Annotated[int, EphemeralValue],
        Annotated[int, operator.add, EphemeralValue, "a remark"],
        NotRequired[Annotated[int, EphemeralValue]],
        Annotated[Required[int], EphemeralValue],
    ):
        channel = inspect_schema(_holder(hint)).channels["k"]
        assert isinstance(channel, EphemeralValue)
        assert (int, "k", True) == (channel.typ, channel.key, channel.guard)


def test_one_channel_may_annotate_several_keys() -> None:
    """Each key has a specimen of its own, and the annotation itself stays as it was."""
    shared = UntrackedValue(int, guard=False)
    schema = inspect_schema(TypedDict("State", {"a": Annotated[int, shared], "b": Annotated[int, shared]}))  # type: ignore[operator]
    assert ["a", "b", ""] == [schema.channels["a"].key, schema.channels["b"].key, shared.key]
    assert schema.channels["a"] is not schema.channels["b"]


def test_a_delta_channel_takes_the_type_of_its_key() -> None:
    """The annotated type makes the initial value, whatever the channel was made with; the rest is kept."""
    channel = channel_of(Annotated[dict[str, int], DeltaChannel(keep_right, list, snapshot_frequency=7)])
    assert isinstance(channel, DeltaChannel)
    assert (dict[str, int], keep_right, 7) == (channel.typ, channel.reducer, channel.snapshot_frequency)
    assert {} == channel.fresh().get()


def test_a_managed_value_must_come_last() -> None:
    """With a reducer after it, the key is an ordinary one."""
    assert {"k": IsLastStepManager} == inspect_schema(
        _holder(Annotated[bool, "x", IsLastStepManager])
    ).managed
    assert isinstance(channel_of(Annotated[bool, IsLastStepManager, operator.add]), BinaryOperatorAggregate)
    assert isinstance(channel_of(Annotated[bool, IsLastStepManager, "a remark"]), LastValue)


def one(a: Any) -> Any: ...
def three(a: Any, b: Any, c: Any) -> Any: ...
def two_and_a_default(a: Any, b: Any, c: int = 1) -> Any: ...
def any_number(*a: Any) -> Any: ...
def by_keyword(*, a: Any, b: Any) -> Any: ...


@pytest.mark.parametrize(
    ("reducer", "signature"),
    [
        (one, "(a: 'Any') -> 'Any'"),
        (three, "(a: 'Any', b: 'Any', c: 'Any') -> 'Any'"),
        (two_and_a_default, "(a: 'Any', b: 'Any', c: 'int' = 1) -> 'Any'"),
        (any_number, "(*a: 'Any') -> 'Any'"),
        (by_keyword, "(*, a: 'Any', b: 'Any') -> 'Any'"),
        (lambda a: a, "(a)"),
        (len, "(obj, /)"),
    ],
)
def test_a_reducer_takes_two_arguments(reducer: Callable[..., Any], signature: str) -> None:
    """Anything else that can be called is refused, and the error shows its signature."""
    with pytest.raises(ValueError) as raised:
        channel_of(Annotated[list, reducer])
    assert f"Invalid reducer signature. Expected (a, b) -> c. Got {signature}" == str(raised.value)


def test_a_built_in_without_a_signature_is_refused() -> None:
    """What does not say how it is called cannot be checked."""
    with pytest.raises(ValueError, match="^no signature found for builtin <built-in function max>$"):
        channel_of(Annotated[int, max])


class Reducing:
    """An object that can be called."""

    def __call__(self, left: Any, right: Any) -> Any:
        return left

    def method(self, left: Any, right: Any) -> Any:
        return left


@pytest.mark.parametrize(
    "reducer",
    [
        operator.or_,
        lambda a, b: a,
        Reducing(),
        Reducing().method,
        lambda a, b, /: a,
        lambda a, b, *, c=1, **d: a,
    ],
)
def test_a_reducer_may_be_anything_that_takes_two(reducer: Callable[..., Any]) -> None:
    """Functions, methods, objects; keyword arguments beside the two do not matter."""
    channel = channel_of(Annotated[set, reducer])
    assert isinstance(channel, BinaryOperatorAggregate)
    assert reducer is channel.operator


# ------------------------------------------------------------------- root states


@pytest.mark.parametrize(
    "typ",
    [
        list,
        dict,
        int,
        str,
        object,
        Any,
        list[int],
        dict[str, int],
        Optional[int],  # noqa: UP045 (what users of old code write)
        int | str,
        None,
        5,
        type("Plain", (), {}),
    ],
    ids=str,
)
def test_what_has_no_fields_is_a_root_state(typ: Any) -> None:
    """Its one channel is called `__root__` and holds the bare value."""
    schema = inspect_schema(typ)
    assert {"__root__": LastValue} == kinds(schema)
    assert (("__root__",), True, None, {}) == (schema.keys, schema.root, schema.coerce, schema.managed)
    assert (typ, "__root__") == (schema.channels["__root__"].typ, schema.channels["__root__"].key)


def test_a_root_state_may_be_annotated() -> None:
    """A reducer, a channel or a remark means the same as on a key, and a class below it is not looked into."""
    reduced = inspect_schema(Annotated[list, operator.add])
    assert ({"__root__": BinaryOperatorAggregate}, []) == (kinds(reduced), reduced.channels["__root__"].get())
    assert "__root__" == reduced.channels["__root__"].key
    assert {"__root__": EphemeralValue} == kinds(inspect_schema(Annotated[int, EphemeralValue]))
    assert {"__root__": LastValue} == kinds(inspect_schema(Annotated[Base, "a remark"]))


def test_a_root_state_is_not_a_managed_value() -> None:
    """A state that is computed cannot be written."""
    with pytest.raises(
        ValueError, match="^This typing.Annotated.*IsLastStepManager.* not allowed in this position$"
    ):
        inspect_schema(IsLastStep)


# ------------------------------------------------------------- classes with fields


@dataclass
class Data:
    """A dataclass with fields of every kind."""

    x: int
    log: Annotated[list[str], operator.add] = field(default_factory=list)
    word: str = "w"
    count: ClassVar[int] = 0
    seed: InitVar[int] = 3
    made: int = field(init=False, default=7)


class Model(BaseModel):
    """A pydantic model with fields of every kind."""

    x: int
    log: Annotated[list[str], operator.add] = Field(default_factory=list)
    word: str = "w"
    none: int | None = None
    count: ClassVar[int] = 0
    _hidden: int = 1


class Plain:
    """An ordinary class with annotations."""

    x: int
    log: Annotated[list[str], operator.add]
    count: ClassVar[int] = 0


class Pair(NamedTuple):
    """A named tuple."""

    x: int
    log: Annotated[list, operator.add] = []  # noqa: RUF012


@pydantic_dataclass
class Checked:
    """A pydantic dataclass."""

    x: int
    log: Annotated[list, operator.add] = field(default_factory=list)


@pytest.mark.parametrize(
    ("typ", "keys"),
    [
        (Data, ("x", "log", "word", "seed", "made")),
        (Model, ("x", "log", "word", "none")),
        (Plain, ("x", "log")),
        (Pair, ("x", "log")),
        (Checked, ("x", "log")),
        (make_dataclass("Made", [("x", int), ("log", Annotated[list, operator.add])]), ("x", "log")),
    ],
)
def test_a_class_declares_a_channel_for_each_field(typ: Any, keys: tuple[str, ...]) -> None:
    """Fields are channels; class variables and what pydantic keeps private are not."""
    schema = inspect_schema(typ)
    assert (keys, False) == (schema.keys, schema.root)
    assert BinaryOperatorAggregate is kinds(schema)["log"]
    assert {LastValue} == {kind for key, kind in kinds(schema).items() if key != "log"}


@pytest.mark.parametrize(
    "typ",
    [TypedDict("Empty", {}), make_dataclass("EmptyData", []), type("EmptyModel", (BaseModel,), {})],  # type: ignore[operator]
)
def test_a_class_for_fields_may_have_none(typ: Any) -> None:
    """A TypedDict, dataclass or model without a field is a state without a key, not a root state."""
    assert ((), False) == (inspect_schema(typ).keys, inspect_schema(typ).root)


class Box(BaseModel, Generic[T]):
    """A model with a parameter."""

    item: T
    items: Annotated[list[T], operator.add]


def test_a_generic_model_is_a_class_like_others() -> None:
    """A parametrised pydantic model is a class with fields."""
    schema = inspect_schema(Box[int])
    assert {"item": LastValue, "items": BinaryOperatorAggregate} == kinds(schema)
    assert schema.coerce is not None
    with pytest.raises(ValidationError):
        schema.coerce({"item": "no number", "items": []})


def test_a_field_of_a_pydantic_model_may_be_described() -> None:
    """`Field` counts as an annotation like any other: what stands last decides."""

    class Described(BaseModel):
        before: Annotated[list[int], Field(min_length=0), operator.add]
        after: Annotated[list[int], operator.add, Field(min_length=0)]

    assert {"before": BinaryOperatorAggregate, "after": LastValue} == kinds(inspect_schema(Described))


# -------------------------------------------------------------- string annotations


def test_annotations_may_name_what_is_local_to_a_function() -> None:
    """Names are found where the class is used, if the function that made it is still running."""

    def reduce_locally(left: Any, right: Any) -> Any:
        return left

    class Local:
        pass

    class Keys(TypedDict):
        a: Annotated[list, reduce_locally]
        b: Local
        c: Keys | None

    @dataclass
    class Fields:
        a: Annotated[list, reduce_locally]
        b: Local

    for typ in (Keys, Fields):
        channel = inspect_schema(typ).channels["a"]
        assert isinstance(channel, BinaryOperatorAggregate)
        assert reduce_locally is channel.operator


def test_a_name_that_does_not_exist_at_run_time_is_an_error() -> None:
    """The error says which name, of which class, and what to do about it."""

    class Keys(TypedDict):
        a: OnlyForTypeCheckers

    with pytest.raises(NameError) as raised:
        inspect_schema(Keys)
    assert (
        "name 'OnlyForTypeCheckers' is not defined in the annotations of the state class "
        f"{Keys.__qualname__!r}; they are evaluated, so what they name must be imported at run time"
    ) == str(raised.value)
    assert "OnlyForTypeCheckers" == raised.value.name


def test_the_same_string_twice_gives_equal_channels() -> None:
    """A lambda in a string annotation is a new function each time; its channels are equal nevertheless."""

    class Keys(TypedDict):
        a: Annotated[list, lambda left, right: left + right]

    assert inspect_schema(Keys).channels == inspect_schema(Keys).channels


# ------------------------------------------------------------ from values to instances


def test_nodes_get_instances_of_dataclasses_and_models() -> None:
    """Values become an instance, defaults fill the gaps, and only pydantic validates."""
    data, model, checked = (inspect_schema(typ).coerce for typ in (Data, Model, Checked))
    assert data is not None
    assert model is not None
    assert checked is not None
    assert Data(1, ["a"]) == data({"x": 1, "log": ["a"]})
    assert "unchecked" == data({"x": "unchecked"}).x
    assert Model(x=1, word="v") == model({"x": "1", "word": "v"})
    assert Checked(1) == checked({"x": "1"})
    with pytest.raises(ValidationError):
        model({"x": "no number"})
    with pytest.raises(TypeError):
        data({})


def test_a_field_that_is_not_for_the_constructor_is_set_afterwards() -> None:
    """A state that was made from an instance can be made into one again, frozen or not."""

    @dataclass(frozen=True)
    class Frozen:
        x: int
        made: int = field(init=False, default=7)

    for typ in (Data, Frozen):
        coerce = inspect_schema(typ).coerce
        assert coerce is not None
        assert (1, 9) == (coerce({"x": 1, "made": 9}).x, coerce({"x": 1, "made": 9}).made)
        assert 7 == coerce({"x": 1}).made
    with pytest.raises(FrozenInstanceError):
        Frozen(1).x = 2  # type: ignore[misc]


@pytest.mark.parametrize("typ", [Base, Plain, Pair, list])
def test_nodes_get_the_dict_of_other_classes(typ: Any) -> None:
    """A TypedDict is a dict, and nobody knows how to make an ordinary class."""
    assert None is inspect_schema(typ).coerce


def test_a_context_dict_becomes_an_instance() -> None:
    """The class's own error is raised for what it cannot take; a TypedDict is a dict already."""
    assert Data(1) == coerce_context(Data, {"x": 1})
    assert Model(x=1) == coerce_context(Model, {"x": "1"})
    assert Checked(1) == coerce_context(Checked, {"x": "1"})
    given = {"plain": 1}
    for schema in (Base, Plain, dict, Data | None, None):
        assert given is coerce_context(schema, given)
    with pytest.raises(TypeError, match="unexpected keyword argument 'zz'"):
        coerce_context(Data, {"x": 1, "zz": 2})
    with pytest.raises(ValidationError):
        coerce_context(Model, {})


@pytest.mark.parametrize("context", [None, 5, "text", [("x", 1)], Data(1), Model(x=1)], ids=repr)
def test_another_context_passes_as_it_is(context: Any) -> None:
    """None stays None even where fields are required; an instance, of whatever class, stays itself."""
    for schema in (Data, Model, Base, None):
        assert context is coerce_context(schema, context)


def test_output_becomes_an_instance_of_the_schema() -> None:
    """Keys that the class does not declare are left out; without a class to make, values pass as they are."""
    values = {"x": 1, "private": 2}
    assert Data(1) == coerce_output(inspect_schema(Data), values)
    assert Model(x=1) == coerce_output(inspect_schema(Model), values)
    for typ in (Base, Plain, list):
        assert values is coerce_output(inspect_schema(typ), values)
    for other in (None, 5, [1], Data(1)):
        assert other is coerce_output(inspect_schema(Data), other)


# ------------------------------------------------------------ from instances to updates


def test_every_field_of_an_instance_is_an_update() -> None:
    """Fields that keep their defaults too, and those that are None."""
    assert [("x", None), ("log", []), ("word", "w"), ("seed", 3), ("made", 7)] == updates_of(Data(None))  # type: ignore[arg-type]
    assert [("x", 1), ("log", ["a"])] == updates_of(Pair(1, ["a"]))
    assert [("x", 1), ("log", [])] == updates_of(Checked(1))


def test_an_unset_none_of_a_model_says_nothing() -> None:
    """A field that was not set is an update only if its default is something; None that was set is one."""
    assert {"x": 1, "log": [], "word": "w"} == dict(updates_of(Model(x=1)) or ())
    assert {"x": 1, "log": [], "word": "w", "none": None} == dict(updates_of(Model(x=1, none=None)) or ())
    assigned = Model(x=1)
    assigned.none = None
    assert ("none", None) in (updates_of(assigned) or ())
    assert [("log", []), ("word", "w")] == updates_of(Model.model_construct())


def test_what_a_model_computes_or_carries_beside_its_fields_is_an_update() -> None:
    """Computed fields and extra attributes may be keys of the state."""

    class Open(BaseModel):
        model_config = ConfigDict(extra="allow")
        x: int | None = None
        y: int | None = None

        @pydantic.computed_field  # type: ignore[prop-decorator]
        @property
        def double(self) -> int:
            return 2 * (self.x or 0)

    assert [("x", 1), ("double", 2), ("more", 5)] == updates_of(Open(x=1, more=5))  # type: ignore[call-arg]


def test_models_of_the_first_pydantic_are_models() -> None:
    """They are told by what they have; every one of their fields is an update."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from pydantic import v1

        class Old(v1.BaseModel):
            x: int
            none: Annotated[list, operator.add] = None  # type: ignore[assignment]

    schema = inspect_schema(Old)
    assert {"x": LastValue, "none": BinaryOperatorAggregate} == kinds(schema)
    assert schema.coerce is not None
    assert Old(x=1) == schema.coerce({"x": "1"}) == coerce_context(Old, {"x": "1"})
    assert [("x", 1), ("none", None)] == updates_of(Old(x=1))


def test_attributes_of_other_instances_are_updates() -> None:
    """An attribute that was never set is none; one that was set without being declared is; private ones are not."""
    instance = Plain()
    assert [] == updates_of(instance)
    instance.log = ["a"]
    instance.undeclared = 1  # type: ignore[attr-defined]
    instance._private = 2  # type: ignore[attr-defined]
    assert [("log", ["a"]), ("undeclared", 1)] == updates_of(instance)


def test_a_class_variable_that_is_a_string_annotation_is_no_update() -> None:
    """However `ClassVar` is spelt in the source."""
    import typing as t

    class Counted:
        a: t.ClassVar[int] = 1
        b: ClassVar = 2
        c: int = 3

    assert t.ClassVar is ClassVar
    assert [("c", 3)] == updates_of(Counted())


@pytest.mark.parametrize(
    "value",
    [None, 5, "text", [("x", 1)], {"x": 1}, object(), Model, Data, len, lambda: None, type("Bare", (), {})()],
    ids=stable_id,
)
def test_other_values_are_no_updates(value: Any) -> None:
    """What is no instance of a class with annotations, classes and functions included, has no updates."""
    assert None is updates_of(value)


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers() | st.none()))
def test_an_instance_survives_the_way_there_and_back(values: dict[str, Any]) -> None:
    """The updates of an instance make an equal instance."""
    typ = make_dataclass("Made", [(name, Any) for name in values])
    coerce = inspect_schema(typ).coerce
    assert coerce is not None
    assert list(values.items()) == updates_of(typ(**values))
    assert typ(**values) == coerce(dict(updates_of(typ(**values)) or ()))


# ---------------------------------------------------------------------- side effects


def test_a_class_is_not_kept_alive() -> None:
    """A class that nobody uses any more is forgotten."""

    def use() -> weakref.ref[type[Any]]:
        typ = make_dataclass("Passing", [("x", Annotated[list, operator.add])])
        inspect_schema(typ)
        updates_of(typ([1]))
        return weakref.ref(typ)

    forgotten = use()
    gc.collect()
    assert None is forgotten()


def test_specimens_are_of_each_inspection() -> None:
    """Two graphs over one class share no channel."""
    first, second = inspect_schema(Data), inspect_schema(Data)
    first.channels["x"].update([1])
    assert MISSING is second.channels["x"].peek()


def test_pydantic_is_not_imported() -> None:
    """A state that does not use pydantic does not pay for it."""
    program = (
        "import sys, dataclasses, otgraph.schema as s\n"
        "D = dataclasses.make_dataclass('D', [('x', int)])\n"
        "s.inspect_schema(D), s.updates_of(D(1)), s.coerce_context(D, {'x': 1})\n"
        "sys.exit('pydantic' in sys.modules)\n"
    )
    assert 0 == subprocess.run([sys.executable, "-c", program], check=False, timeout=60).returncode
