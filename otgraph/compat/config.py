"""
What packages written for LangGraph do with a config.

Rule: configs are never changed in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from otgraph.constants import CONF
from otgraph.engine.metadata import PROPAGATED
from otgraph.langchain.bridge import chain_config
from otgraph.run_config import RunConfig, RunnableConfig, merge_configs
from otgraph.runtime import SCOPE

__all__ = ["ensure_config", "patch_configurable"]


def ensure_config(*configs: RunnableConfig | None) -> RunnableConfig:
    """Return what configs say together with that of the node around, if there is one, with no key missing."""
    scope = SCOPE.get()
    ambient: Any = chain_config() if scope is None else scope.config
    merged = merge_configs(_read(ambient) if ambient else None, *configs)
    conf = dict(merged.configurable)
    told = {key: conf[key] for key in PROPAGATED if isinstance(conf.get(key), (str, int))}
    config = RunnableConfig(
        tags=list(merged.tags),
        metadata={**told, **merged.metadata},
        callbacks=merged.callbacks,
        recursion_limit=merged.recursion_limit,
        configurable=conf,
    )
    if merged.max_concurrency is not None:
        config["max_concurrency"] = merged.max_concurrency
    return config


def _read(config: Mapping[str, Any]) -> RunConfig:
    read = merge_configs(None, config)
    return RunConfig(
        read.tags,
        read.metadata,
        read.configurable,
        read.callbacks,
        None,
        None,
        read.recursion_limit,
        read.max_concurrency,
    )


def patch_configurable(config: Mapping[str, Any] | None, patch: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config with some configurable parameters replaced."""
    given = dict(config or {})
    return {**given, CONF: {**(given.get(CONF) or {}), **patch}}
