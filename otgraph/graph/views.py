"""
From the arguments of a stream to a view of a record.

Rule: wrong modes, versions and keys are refused before anything runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from otgraph.infos import RunInfo
from otgraph.schema import coerce_output
from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.subscription import Buffer, View

if TYPE_CHECKING:
    from otgraph.graph.compiled import CompiledStateGraph

__all__ = ["view_of"]


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
