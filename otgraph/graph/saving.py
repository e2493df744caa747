"""
Where the runs of a compiled graph are saved.

Rule: decided once, when a run begins. A graph inside another goes with the saver and the thread of the graph around it,
unless the call names a thread of its own.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from otgraph.checkpoint.foreign import with_own_types
from otgraph.constants import CONFIG_KEY_CHECKPOINTER
from otgraph.drivers.scope import CallScope
from otgraph.engine.lineage import save_in
from otgraph.engine.run import Run
from otgraph.engine.thread import Durability, SavedThread
from otgraph.graph.deprecated import renamed
from otgraph.plan.model import NodePlan
from otgraph.run_config import OWN_LINEAGE
from otgraph.warnings import LangGraphDeprecatedSinceV10

if TYPE_CHECKING:
    from otgraph.graph.definition import Definition

__all__ = ["check_durability", "nests", "save_run", "saver_of"]

DURABILITIES = ("sync", "async", "exit")


def saver_of(graph: Definition) -> Any:
    """
    Return the saver of a graph that is no part of another, or None.

    Raises:
        RuntimeError: the graph wants the saver of a graph around it.
    """
    saver = graph.checkpointer
    if saver is True:
        raise RuntimeError("checkpointer=True cannot be used for root graphs.")
    return with_own_types(saver) if saver else None


def save_run(
    run: Run,
    graph: Definition,
    above: CallScope | None,
    durability: Durability | None,
) -> None:
    """
    Have a run saved, if its graph or the graph around it has a saver.

    Raises:
        ValueError: the config names no thread.
    """
    config = run.options.config
    if above is not None:
        save_in(run, graph, above.task)
        if run.saved is not None:
            run.saved.flushes = True
            if durability is not None:
                run.saved.durability = durability
        return
    configurable = config.configurable
    handed = CONFIG_KEY_CHECKPOINTER in configurable
    saver = with_own_types(configurable[CONFIG_KEY_CHECKPOINTER]) if handed else saver_of(graph)
    if saver is None:
        if durability is not None:
            warnings.warn("`durability` has no effect when no checkpointer is present.", stacklevel=5)
        return
    if not any(key in configurable for key in OWN_LINEAGE):
        raise ValueError(
            "Checkpointer requires one or more of the following 'configurable' keys: "
            f"{', '.join(OWN_LINEAGE)}: give config={{'configurable': {{'thread_id': ...}}}}, not {configurable!r}"
        )
    ns = configurable.get("checkpoint_ns", "") if handed else ""
    run.keep_in(SavedThread(saver, configurable, config.metadata, ns, durability or "async"))


_nesting: WeakKeyDictionary[NodePlan, bool] = WeakKeyDictionary()


def nests(node: NodePlan) -> bool:
    """Say whether a node runs a graph that is saved."""
    known = _nesting.get(node)
    if known is None:
        # Imported where it is wanted: it reads bytecode, and only those who look at checkpoints ask.
        from otgraph.graph.subgraphs import find_subgraphs

        found = find_subgraphs(node.callee)
        known = _nesting[node] = bool(found) and found[0].checkpointer is not False
    return known


def check_durability(durability: Any, deprecated: dict[str, Any]) -> Durability | None:
    """
    Return when checkpoints are saved.

    Args:
        deprecated: further arguments of the call; the old form of this one is taken out.

    Raises:
        ValueError: both are given, or a durability that does not exist.
    """
    if "checkpoint_during" in deprecated:
        if durability is not None:
            raise ValueError(
                "Cannot use both `checkpoint_during` and `durability` parameters. "
                "`checkpoint_during` is the old name: give `durability` alone."
            )
        during = renamed(deprecated, "checkpoint_during", "durability", None, LangGraphDeprecatedSinceV10)
        if during is not None:
            return "async" if during else "exit"
    if durability is not None and durability not in DURABILITIES:
        raise ValueError(f"durability must be one of {', '.join(DURABILITIES)}, not {durability!r}")
    return durability  # type: ignore[no-any-return]
