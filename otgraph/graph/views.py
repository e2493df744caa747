"""
From the arguments of a stream to a view of a record.

Rule: wrong modes, versions and keys are refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from otgraph.constants import CONF
from otgraph.infos import RunInfo
from otgraph.runtime import SCOPE
from otgraph.schema import coerce_output
from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.subscription import Buffer, View

if TYPE_CHECKING:
    from otgraph.graph.compiled import CompiledStateGraph

__all__ = ["default_mode", "view_of"]


def default_mode(own: str, config: Mapping[str, Any] | None) -> str:
    """Return what a stream yields where the caller did not say: `values` for a graph that got its node's config."""
    if config and SCOPE.get() is not None and "__pregel_task_id" in (config.get(CONF) or {}):
        return "values"
    return own


def view_of(
    graph: CompiledStateGraph[Any, Any, Any, Any],
    mode: Any,
    version: Any,
    *,
    print_mode: Any = (),
    subgraphs: bool = False,
    debug: bool | None = None,
    buffer: Buffer | None = None,
) -> View:
    """
    Return the view that a stream with these arguments is.

    Raises:
        ValueError: a mode, a version or a buffer that does not exist.
    """
    modes = check_modes(mode)
    printed = check_modes(print_mode)
    if graph.options.debug if debug is None else debug:
        printed = ("updates", "values")

    def coerce(run: RunInfo, values: Any) -> Any:
        schema = graph.plan.output
        return coerce_output(schema, values) if run.parent is None else values

    return View(
        modes=modes,
        envelope=envelope(mode, subgraphs=subgraphs, version=version, coerce=coerce),
        subgraphs=subgraphs,
        buffer=buffer or Buffer(),
        printed=printed,
    )
