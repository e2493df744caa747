"""
The JSON schemas of a compiled graph, and the pydantic models they come from.

Rule: functions over a plan. Pydantic is imported when one of them is called, and by nothing else.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, cast, get_type_hints
from uuid import UUID

from typing_extensions import NotRequired, TypedDict, is_typeddict

from otgraph.constants import START
from otgraph.plan.model import Plan
from otgraph.schema import Schema
from otgraph.warnings import LangGraphDeprecatedSinceV10

if TYPE_CHECKING:
    from types import ModuleType

    from pydantic import BaseModel

__all__ = [
    "config_schema",
    "get_config_jsonschema",
    "get_context_jsonschema",
    "get_input_jsonschema",
    "get_input_schema",
    "get_output_jsonschema",
    "get_output_schema",
]

_CONFIG_FIELDS: Mapping[str, Any] = {
    "tags": list[str],
    "metadata": dict[str, Any],
    "callbacks": Any,
    "run_name": str,
    "max_concurrency": int | None,
    "recursion_limit": int,
    "run_id": UUID | None,
}
"""What `include` of a config schema may name."""


def get_input_jsonschema(plan: Plan) -> dict[str, Any]:
    """Return the JSON schema of what a run may be started with."""
    return _jsonschema(plan, plan.input, _title(plan.name, "Input"))


def get_output_jsonschema(plan: Plan) -> dict[str, Any]:
    """Return the JSON schema of what `invoke` returns."""
    return _jsonschema(plan, plan.output, _title(plan.name, "Output"))


def get_context_jsonschema(plan: Plan) -> dict[str, Any] | None:
    """Return the JSON schema of `context=`; None for a graph without a context schema."""
    typ = plan.context_schema
    if typ is None:
        return None
    if not (_is_model(typ) or is_typeddict(typ) or is_dataclass(typ)):
        raise ValueError(f"Invalid context schema type: {typ}. Must be a BaseModel, TypedDict or dataclass.")
    return cast("dict[str, Any]", _pydantic().TypeAdapter(_readable(typ)).json_schema())


def get_config_jsonschema(plan: Plan, include: Sequence[str] | None = None) -> dict[str, Any]:
    """Return the JSON schema of a run's config; deprecated in favour of `get_context_jsonschema`."""
    _deprecated("`get_config_jsonschema` is deprecated. Use `get_context_jsonschema` instead.")
    return _config_model(plan, include).model_json_schema()


def config_schema(plan: Plan, include: Sequence[str] | None = None) -> type[BaseModel]:
    """Return a model of a run's config; deprecated in favour of `get_context_jsonschema`."""
    _deprecated(
        "`config_schema` is deprecated. Use `get_context_jsonschema` for the relevant schema instead."
    )
    return _config_model(plan, include)


def get_input_schema(plan: Plan) -> type[BaseModel]:
    """Return a model that accepts what a run may be started with: the user's own, or one around their type."""
    typ = plan.input.typ
    if _is_model(typ):
        return cast("type[BaseModel]", typ)
    if plan.input.root:
        typ = next(iter(plan.input.channels.values())).UpdateType
    return _root_model(_title(plan.name, "Input"), _readable(typ))


def get_output_schema(plan: Plan) -> type[BaseModel]:
    """Return a model of what `invoke` returns; any key may be missing."""
    title = _title(plan.name, "Output")
    if plan.output.root:
        return _root_model(title, next(iter(plan.output.channels.values())).ValueType)
    return _model(title, {key: (channel.ValueType, None) for key, channel in plan.output.channels.items()})


def _jsonschema(plan: Plan, schema: Schema, title: str) -> dict[str, Any]:
    if _is_model(schema.typ):
        return cast("dict[str, Any]", schema.typ.model_json_schema())
    if is_typeddict(schema.typ):
        return cast("dict[str, Any]", _pydantic().TypeAdapter(_readable(schema.typ)).json_schema())
    if schema.root:
        typ = next(iter(schema.channels.values())).UpdateType
        default = {"default": None} if plan.entrance == START else {}
        return {**default, **_root_model(title, typ).model_json_schema()}
    defaults = _defaults(schema.typ)
    missing = ... if plan.entrance == START else None
    types = {
        key: (channel.UpdateType, defaults.get(key, missing)) for key, channel in schema.channels.items()
    }
    return _model(title, types).model_json_schema()


def _config_model(plan: Plan, include: Sequence[str] | None) -> type[BaseModel]:
    types: dict[str, Any] = {}
    if plan.context_schema is not None:
        types["configurable"] = (_readable(plan.context_schema), None)
    for name, typ in _CONFIG_FIELDS.items():
        if name in (include or ()):
            types[name] = (typ, None)
    return _model(_title(plan.name, "Config"), types)


# ------------------------------------------------------------------- pydantic


def _pydantic() -> ModuleType:
    try:
        import pydantic
    except ImportError as error:
        raise ImportError(
            "The schemas of a graph are made with pydantic, which is not installed. "
            "Install it with: pip install pydantic"
        ) from error
    return pydantic


def _is_model(typ: Any) -> bool:
    """Say whether `typ` is a pydantic model, without importing pydantic."""
    return isinstance(typ, type) and hasattr(typ, "model_json_schema")


def _root_model(title: str, typ: Any) -> type[BaseModel]:
    pydantic = _pydantic()
    base = type("Root", (pydantic.RootModel,), {"model_config": {"arbitrary_types_allowed": True}})
    return cast("type[BaseModel]", pydantic.create_model(title, __base__=base, root=(typ, ...)))


def _model(title: str, types: Mapping[str, tuple[Any, Any]]) -> type[BaseModel]:
    """Make a model; a key that is no name for a pydantic field becomes the alias of one."""
    pydantic = _pydantic()
    made: dict[str, Any] = {}
    for number, (key, (typ, default)) in enumerate(types.items()):
        if key.startswith("_") or key == "root" or hasattr(pydantic.BaseModel, key):
            heading = key.title().replace("_", " ").strip()
            made[f"field_{number}"] = (typ, pydantic.Field(default, alias=key, title=heading))
        else:
            made[key] = (typ, default)
    config = pydantic.ConfigDict(arbitrary_types_allowed=True, frozen=True, protected_namespaces=())
    return cast("type[BaseModel]", pydantic.create_model(title, __config__=config, **made))


def _readable(typ: Any) -> Any:
    """Return `typ`, or a copy where pydantic takes TypedDicts of typing_extensions only."""
    if sys.version_info >= (3, 12) or not is_typeddict(typ) or type(typ).__module__ != "typing":
        return typ
    hints = get_type_hints(typ, include_extras=True)
    keys = {key: hint if key in typ.__required_keys__ else NotRequired[hint] for key, hint in hints.items()}
    copy = TypedDict(typ.__name__, keys)  # type: ignore[misc]
    copy.__doc__, copy.__module__ = typ.__doc__, typ.__module__
    return copy


def _defaults(typ: Any) -> dict[str, Any]:
    if not is_dataclass(typ):
        return {}
    found: dict[str, Any] = {}
    for field in fields(typ):
        if field.default is not NO_DEFAULT:
            found[field.name] = field.default
        elif field.default_factory is not NO_DEFAULT:
            found[field.name] = field.default_factory()
    return found


def _title(name: str, suffix: str) -> str:
    return name + suffix if name[:1].isupper() else f"{name}_{suffix.lower()}"


def _deprecated(message: str) -> None:
    warnings.warn(LangGraphDeprecatedSinceV10(message), stacklevel=4)
