"""
From the arguments of a stream to a view of a record.

Rule: wrong modes, versions and keys are refused before anything runs.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from otgraph.events import Fact
from otgraph.stream.envelope import check_modes, envelope
from otgraph.stream.view import Buffer, View

if TYPE_CHECKING:
    from otgraph.graph.definition import Definition

__all__ = ["views_of"]


def views_of(
    graph: Definition,
    mode: Any,
    version: Any,
    *,
    print_mode: Any = (),
    subgraphs: bool = False,
    debug: bool | None = None,
    buffer: Buffer | None = None,
) -> tuple[View, View | None]:
    """
    Return the view that a stream with these arguments is, and the one that is printed meanwhile, if any.

    Raises:
        ValueError: a mode, a version or a buffer that does not exist.
    """
    if isinstance(mode, str) and isinstance(version, str) and buffer is None:
        view = _usual_view(mode, version, subgraphs)
    else:
        view = _view(mode, version, subgraphs, buffer or Buffer())
    printed = check_modes(print_mode) if print_mode else ()
    if graph.options.debug if debug is None else debug:
        printed = ("updates", "values")
    return view, View(printed, print_line, subgraphs) if printed else None


def _view(mode: Any, version: Any, subgraphs: bool, buffer: Buffer) -> View:
    modes = check_modes(mode)
    return View(modes, envelope(mode, subgraphs=subgraphs, version=version), subgraphs, buffer)


@lru_cache(maxsize=64)
def _usual_view(mode: str, version: Any, subgraphs: bool) -> View:
    return _view(mode, version, subgraphs, Buffer())


def print_line(fact: Fact, mode: str, payload: Any) -> str:
    """Return what is printed of a payload."""
    bold, yellow, plain = "\033[1m", "\033[1;30;33m", "\033[0m"
    where = f" {yellow}[graph={fact.run.ns}]{plain}" if fact.run.ns else ""
    return f"{bold}[{mode}]{plain}{where} {payload!r}"
