"""
The config of a run: merged once from what caller, graph and surrounding node say, then read by attribute.

Rule: the user's dict is never changed, and no state of the engine travels inside it.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict

from otgraph.constants import CONF

__all__ = ["DEFAULT_RECURSION_LIMIT", "RunConfig", "RunnableConfig", "has_own_lineage", "merge_configs"]

DEFAULT_RECURSION_LIMIT = int(os.environ.get("LANGGRAPH_DEFAULT_RECURSION_LIMIT", "10007"))

TASK_ID = "__pregel_task_id"
"""A configurable parameter of the engine's own, by which the config of a node is told."""

OWN_LINEAGE = ("thread_id", "checkpoint_ns", "checkpoint_id")
"""A call that gives one of these starts a lineage of its own: it inherits nothing configurable."""

_REPLACED = ("callbacks", "run_name", "run_id", "recursion_limit", "max_concurrency")
_KNOWN = frozenset({CONF, "tags", "metadata", *_REPLACED})


class RunnableConfig(TypedDict, total=False):
    """What `invoke`, `stream` and their twins take as `config`; the shape is LangChain's."""

    tags: list[str]
    metadata: dict[str, Any]
    callbacks: Any
    run_name: str | None
    run_id: Any
    recursion_limit: int
    max_concurrency: int | None
    configurable: dict[str, Any]


@dataclass(slots=True, eq=False)
class RunConfig:
    """A merged config; never changed, and not frozen only because every run makes one."""

    tags: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    configurable: Mapping[str, Any] = field(default_factory=dict)
    callbacks: Any = None
    run_name: str | None = None
    run_id: Any = None
    recursion_limit: int = DEFAULT_RECURSION_LIMIT
    max_concurrency: int | None = None


NO_CONFIG = RunConfig()


def merge_configs(ambient: RunConfig | None, *given: Mapping[str, Any] | None) -> RunConfig:
    """
    Merge configs, the later winning: tags add up, metadata and configurable merge key by key.

    Args:
        ambient: the config of the node that makes the call, if a node does.
        given: the graph's own config, then the caller's.

    Raises:
        TypeError: a config is no dict, or a limit no number.
        ValueError: the recursion limit is below 1.
    """
    configs = [config for config in given if config]
    if ambient is None and not configs:
        return NO_CONFIG
    merged = _inherit(ambient, configs)
    for config in configs:
        _merge_into(merged, config)
    limit = merged.get("recursion_limit")
    if limit is None:
        merged.pop("recursion_limit", None)
    elif not isinstance(limit, (int, float)):
        raise TypeError(f"recursion_limit must be a whole number, not {limit!r}")
    elif limit < 1:
        raise ValueError(f"recursion_limit must be at least 1, not {limit!r}")
    merged["tags"] = tuple(merged["tags"])
    return RunConfig(**merged)


def _inherit(ambient: RunConfig | None, configs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    if ambient is None:
        return {"tags": [], "metadata": {}, "configurable": {}}
    own_lineage = any(has_own_lineage(config) for config in configs)
    return {
        "tags": list(ambient.tags),
        "metadata": dict(ambient.metadata),
        "configurable": {} if own_lineage else dict(ambient.configurable),
        "callbacks": ambient.callbacks,
        "recursion_limit": ambient.recursion_limit,
        "max_concurrency": ambient.max_concurrency,
    }


def has_own_lineage(config: Mapping[str, Any] | None) -> bool:
    """Say whether a config names a thread of its own, and is not that of the node that passes it on."""
    conf = (config or {}).get(CONF) or {}
    return TASK_ID not in conf and any(key in conf for key in OWN_LINEAGE)


def _merge_into(merged: dict[str, Any], config: Mapping[str, Any]) -> None:
    if type(config) is not dict and not isinstance(config, Mapping):
        raise TypeError(
            f"config must be a dict, such as {{'configurable': {{'thread_id': ...}}}}, not {config!r}"
        )
    for key, value in config.items():
        if key not in _KNOWN:
            # LangChain's rule: a key that is no part of a config is a parameter of the user's own.
            merged["configurable"][key] = value
        elif value is None:
            continue
        elif key == "tags":
            merged["tags"].extend(tag for tag in value if tag not in merged["tags"])
        elif key in ("metadata", CONF):
            merged[key].update(value)
        else:
            merged[key] = value
