"""
A state class, looked at once: which channels its annotations declare, and how values become instances.

Rule: a class is inspected when it is declared, never while a run goes on. Pydantic is recognised by what its
classes have, not by importing it.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, fields, is_dataclass
from typing import Annotated, Any, ClassVar, Final, cast, get_origin, get_type_hints
from weakref import WeakKeyDictionary

from typing_extensions import NotRequired, ReadOnly, Required, is_typeddict

from otgraph.channels.base import MISSING, BaseChannel
from otgraph.channels.binop import BinaryOperatorAggregate
from otgraph.channels.delta import DeltaChannel
from otgraph.channels.last_value import LastValue
from otgraph.constants import ROOT
from otgraph.errors import INVALID_RESUME
from otgraph.managed.base import ManagedValue, is_managed_value

__all__ = ["Expected", "Schema", "coerce_context", "coerce_output", "inspect_schema", "updates_of"]

_QUALIFIERS: Final = frozenset({Required, NotRequired, ReadOnly, Final})


@dataclass(frozen=True, slots=True, eq=False)
class Schema:
    """What a graph, a node or a branch reads and writes, and of what class it is."""

    typ: Any
    """What the user gave."""
    channels: Mapping[str, BaseChannel[Any, Any, Any]]
    """One empty specimen per key, which it bears as its `key`; `{"__root__": …}` for a root state."""
    managed: Mapping[str, type[ManagedValue]]
    root: bool
    """Whether the state is one bare value and not a class with fields."""
    coerce: Callable[[dict[str, Any]], Any] | None
    """Makes an instance of the values that were read; None where a node is handed the dict itself."""
    keys: tuple[str, ...]
    """The channels in order of declaration."""


def inspect_schema(typ: Any) -> Schema:
    """
    Return the schema that `typ` declares.

    A TypedDict, dataclass, pydantic model or other class with annotations has one channel for each of them.
    Anything else is the type of a root state.

    Raises:
        ValueError: an annotation's last item can be called, but is no reducer.
        NameError: an annotation names what cannot be found.
    """
    hints = _field_hints(typ)
    if hints is None:
        root = _declared(ROOT, typ)
        if not isinstance(root, BaseChannel):
            raise ValueError(f"This {typ} not allowed in this position")
        return Schema(typ, {ROOT: root}, {}, root=True, coerce=None, keys=(ROOT,))
    channels: dict[str, BaseChannel[Any, Any, Any]] = {}
    managed: dict[str, type[ManagedValue]] = {}
    for key, hint in hints.items():
        declared = _declared(key, hint)
        if isinstance(declared, BaseChannel):
            channels[key] = declared
        else:
            managed[key] = declared
    return Schema(typ, channels, managed, root=False, coerce=_maker_of(typ), keys=tuple(channels))


def coerce_context(schema: Any, context: Any) -> Any:
    """Return a dict as an instance of a dataclass or pydantic `schema`, and everything else as it is."""
    if not isinstance(context, dict) or not (is_dataclass(schema) or _model_fields(schema) is not None):
        return context
    return cast("Callable[..., Any]", schema)(**context)


def coerce_output(schema: Schema, values: Any) -> Any:
    """Return a dict of values as an instance of the schema's class, and everything else as it is."""
    if schema.coerce is None or not isinstance(values, dict):
        return values
    return schema.coerce({key: values[key] for key in schema.keys if key in values})


# ------------------------------------------------------------------- annotations


def _declared(key: str, hint: Any) -> BaseChannel[Any, Any, Any] | type[ManagedValue]:
    """Return the channel or the class of managed values that an annotation stands for."""
    typ, items = _split(hint)
    for item in items:
        if isinstance(item, BaseChannel):
            return _keyed(_specimen(item, typ), key)
        if inspect.isclass(item) and issubclass(item, BaseChannel):
            return _keyed(item(typ), key)
    if not items:
        return LastValue(typ, key)
    last = items[-1]
    if is_managed_value(last):
        return last
    parts = (typ, *items)
    whole = cast(Any, Annotated)[parts]
    if not callable(last):
        return LastValue(whole, key)
    _check_reducer(last)
    return _keyed(BinaryOperatorAggregate(whole, last), key)


def _split(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return the bare type and the items of `Annotated`, innermost first, whatever is wrapped around what."""
    items: tuple[Any, ...] = ()
    while True:
        origin = get_origin(hint)
        if origin is Annotated:
            items = (*hint.__metadata__, *items)
            hint = hint.__origin__
        elif origin in _QUALIFIERS:
            hint = hint.__args__[0]
        elif isinstance(hint, InitVar):
            hint = hint.type
        else:
            return hint, items


def _specimen(channel: BaseChannel[Any, Any, Any], typ: Any) -> BaseChannel[Any, Any, Any]:
    """Return an empty channel like the annotated one, which may be shared by several keys."""
    if type(channel) is DeltaChannel:
        return DeltaChannel(channel.reducer, typ, snapshot_frequency=channel.snapshot_frequency)
    return channel.fresh()


def _keyed(channel: BaseChannel[Any, Any, Any], key: str) -> BaseChannel[Any, Any, Any]:
    channel.key = key
    return channel


def _check_reducer(reducer: Callable[..., Any]) -> None:
    signature = inspect.signature(reducer)
    by_position = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    if sum(parameter.kind in by_position for parameter in signature.parameters.values()) != 2:
        raise ValueError(f"Invalid reducer signature. Expected (a, b) -> c. Got {signature}")


# ------------------------------------------------------------------------ fields


def _field_hints(typ: Any) -> dict[str, Any] | None:
    """Return the evaluated annotations of the fields of `typ`; None if it is no class with fields."""
    names = _field_names(typ) if inspect.isclass(typ) and get_origin(typ) is None else None
    if names is None:
        return None
    hints = _evaluated(typ)
    return {name: hint for name, hint in hints.items() if name in names and get_origin(hint) is not ClassVar}


def _field_names(cls: type[Any]) -> tuple[str, ...] | None:
    """Return the names of the fields of a class without evaluating annotations; None if it has no fields."""
    model = _model_fields(cls)
    if model is not None:
        return (*model, *getattr(cls, "model_computed_fields", ()))
    annotations: dict[str, Any] = {}
    for base in reversed(cls.__mro__):
        annotations.update(_own_annotations(base))
    if not annotations and not is_dataclass(cls) and not is_typeddict(cls):
        return None
    if is_dataclass(cls):
        annotations = {name: annotations.get(name) for name in cls.__dataclass_fields__}
    return tuple(name for name, annotation in annotations.items() if not _is_class_variable(annotation))


def _own_annotations(cls: type[Any]) -> Mapping[str, Any]:
    if sys.version_info >= (3, 14):
        from annotationlib import Format, get_annotations

        return get_annotations(cls, format=Format.FORWARDREF)
    return inspect.get_annotations(cls)


def _is_class_variable(annotation: Any) -> bool:
    if isinstance(annotation, str):
        return annotation.partition("[")[0].rpartition(".")[2] == "ClassVar"
    return annotation is ClassVar or get_origin(annotation) is ClassVar


def _model_fields(cls: Any) -> Mapping[str, Any] | None:
    """Return the fields of a pydantic model, of either major version; None if it is none."""
    if not inspect.isclass(cls):
        return None
    if hasattr(cls, "model_validate"):
        found = getattr(cls, "model_fields", None)
    else:
        found = getattr(cls, "__fields__", None) if hasattr(cls, "parse_obj") else None
    return found if isinstance(found, Mapping) else None


def _evaluated(cls: type[Any]) -> dict[str, Any]:
    """Return the annotations of a class; names that its module lacks are sought where it was defined."""
    try:
        return get_type_hints(cls, include_extras=True)
    except NameError:
        scope = _scope_of(cls)
    try:
        return get_type_hints(cls, localns=scope, include_extras=True)
    except NameError as error:
        raise NameError(
            f"{error} in the annotations of the state class {cls.__qualname__!r}; they are evaluated, "
            "so what they name must be imported at run time",
            name=error.name,
        ) from error


def _scope_of(cls: type[Any]) -> dict[str, Any]:
    """Return the local names of the functions of its module from which `cls` is being used."""
    scope: dict[str, Any] = {}
    frame = sys._getframe()
    while frame.f_back is not None:
        frame = frame.f_back
        if frame.f_globals.get("__name__") == cls.__module__:
            scope = {**frame.f_locals, **scope}
    return scope


# --------------------------------------------------------------------- instances


def _maker_of(typ: type[Any]) -> Callable[[dict[str, Any]], Any] | None:
    """Return what makes an instance of a dict; None for classes of which a node gets the dict."""
    if _model_fields(typ) is not None:
        return lambda values: typ(**values)
    if not is_dataclass(typ):
        return None
    late = frozenset(field.name for field in fields(typ) if not field.init)
    if not late:
        return lambda values: typ(**values)

    def make(values: dict[str, Any]) -> Any:
        instance = typ(**{name: value for name, value in values.items() if name not in late})
        for name in late.intersection(values):
            object.__setattr__(instance, name, values[name])
        return instance

    return make


_names: WeakKeyDictionary[type[Any], dict[str, None] | None] = WeakKeyDictionary()
"""What `_field_names` found, as an ordered set; it holds neither classes nor what belongs to them."""


def updates_of(value: Any) -> list[tuple[str, Any]] | None:
    """
    Return the updates that an instance of an annotated class stands for; None if `value` is none.

    Every attribute that the instance has is one, in order of declaration. Only a field of a pydantic model
    that is None, was not set, and is None by default, says nothing.
    """
    cls = type(value)
    try:
        names = _names[cls]
    except KeyError:
        found = _field_names(cls)
        names = _names[cls] = None if found is None else dict.fromkeys(found)
    if names is None or isinstance(value, type):
        return None
    updates = [(name, item) for name in names if (item := getattr(value, name, MISSING)) is not MISSING]
    if not hasattr(cls, "model_fields_set"):
        attributes = getattr(value, "__dict__", names)
        if attributes.keys() != names.keys():
            updates += [
                (name, item)
                for name, item in attributes.items()
                if name not in names and not name.startswith("_")
            ]
        return updates
    declared, given = cls.model_fields, value.model_fields_set
    updates = [
        (name, item)
        for name, item in updates
        if item is not None or name in given or name not in declared or declared[name].default is not None
    ]
    return updates + list((value.model_extra or {}).items())


class Expected:
    """
    What a human's answer is expected to be.

    Args:
        kind: a class, or any annotation that pydantic knows.
    """

    def __init__(self, kind: Any) -> None:
        # Imported where it is wanted: most questions say nothing of their answers.
        from pydantic import TypeAdapter

        self._adapter: Any = TypeAdapter(kind)
        self.json_schema: dict[str, Any] = self._adapter.json_schema()

    def check(self, answer: Any) -> Any:
        """
        Return the answer as an instance of the class.

        Raises:
            ValidationError: it cannot be made one.
        """
        try:
            return self._adapter.validate_python(answer)
        except ValueError as error:
            setattr(error, INVALID_RESUME, True)
            raise
