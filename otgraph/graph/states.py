"""
States: what can be read and written of the threads of a compiled graph, between its runs and during them.

Rule: the public methods say what they take, and hand a flow to whichever driver has their colour.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from otgraph.constants import NS_SEP
from otgraph.drivers.errand import NOWHERE, run_errand, run_errand_async
from otgraph.drivers.scope import CallScope
from otgraph.engine.effects import Flow
from otgraph.engine.lineage import nameless
from otgraph.engine.run import Run, RunOptions
from otgraph.engine.snapshots import Place, history_flow, state_flow
from otgraph.engine.task import Task
from otgraph.engine.thread import SavedThread
from otgraph.engine.updates import check_supersteps, update_flow
from otgraph.graph.saving import nests, saver_of
from otgraph.run_config import RunConfig, RunnableConfig, merge_configs
from otgraph.runtime import SCOPE
from otgraph.snapshot import StateSnapshot, StateUpdate
from otgraph.tracebacks import hinted

__all__ = ["States"]


class States:
    """The part of a compiled graph that reads and writes threads."""

    config: Mapping[str, Any] | None
    checkpointer: Any

    # ---- reading

    def get_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """
        Return the state of a thread.

        Args:
            config: names the thread, and a checkpoint if an older state is wanted. The newest state shows what finished
                tasks have written since its checkpoint; an older one is shown as it was saved.
            subgraphs: show the states of graphs that pending tasks run, too.

        Raises:
            ValueError: the graph has no checkpointer, or the config names no thread.
        """
        return run_errand(self._state_flow(config, subgraphs))  # type: ignore[no-any-return]

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the state of a thread; see `get_state`."""
        return await run_errand_async(self._state_flow(config, subgraphs))  # type: ignore[no-any-return]

    def get_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> Iterator[StateSnapshot]:
        """
        Yield the states of a thread, one for each checkpoint, the newest first.

        Args:
            config: names the thread; with a checkpoint, that one only.
            filter: metadata that must be equal.
            before: names a checkpoint; only older ones are wanted.
            limit: how many at most.
        """
        yield from run_errand(self._history_flow(config, filter=filter, before=before, limit=limit))

    async def aget_state_history(
        self,
        config: RunnableConfig,
        *,
        filter: dict[str, Any] | None = None,
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[StateSnapshot]:
        """Yield the states of a thread, the newest first; see `get_state_history`."""
        flow = self._history_flow(config, filter=filter, before=before, limit=limit)
        for state in await run_errand_async(flow):
            yield state

    # ---- writing

    def update_state(
        self, config: RunnableConfig, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> RunnableConfig:
        """
        Save a new state of a thread, as if a node had just returned `values`; return the config that names it.

        Args:
            config: names the thread, and the checkpoint to start from if that is not the newest.
            values: an update of the state, as a node returns it.
            as_node: the node that is to have returned them, whose edges and branches say what is next; by default the
                one that ran last. `END` with `None` for values lets go of all pending tasks; `"__input__"` takes the
                values as a new input; `"__copy__"` copies the checkpoint.
            task_id: the id of the task that is to have written them.

        Raises:
            InvalidUpdateError: no such node, or it is not clear which node is meant.
            ValueError: the graph has no checkpointer, or the config names no thread.
        """
        return self.bulk_update_state(config, [[StateUpdate(values, as_node, task_id)]])

    async def aupdate_state(
        self, config: RunnableConfig, values: Any, as_node: str | None = None, task_id: str | None = None
    ) -> RunnableConfig:
        """Save a new state of a thread; see `update_state`."""
        return await self.abulk_update_state(config, [[StateUpdate(values, as_node, task_id)]])

    def bulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """
        Save several new states of a thread, one for each superstep; return the config that names the last.

        Args:
            supersteps: the updates of each superstep, which are applied together; see `update_state`.
        """
        return run_errand(self._update_flow(config, supersteps))  # type: ignore[no-any-return]

    async def abulk_update_state(
        self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]
    ) -> RunnableConfig:
        """Save several new states of a thread; see `bulk_update_state`."""
        return await run_errand_async(self._update_flow(config, supersteps))  # type: ignore[no-any-return]

    # ---- flows

    def _state_flow(self, config: RunnableConfig, subgraphs: bool) -> Flow:
        threads = _Threads(self, config)
        return state_flow(threads.reader, threads.place(), threads.inside if subgraphs else None)

    def _history_flow(self, config: RunnableConfig, **selection: Any) -> Flow:
        threads = _Threads(self, config)
        return history_flow(threads.reader, threads.place(), **selection)

    def _update_flow(self, config: RunnableConfig, supersteps: Sequence[Sequence[StateUpdate]]) -> Flow:
        threads = _Threads(self, config)
        return update_flow(threads.new_run, threads.place(), check_supersteps(supersteps))


class _Threads:
    """
    Makes runs that hold a state and are never driven.

    Raises:
        ValueError: the graph has no checkpointer.
    """

    def __init__(self, graph: Any, given: RunnableConfig) -> None:
        self._graph = graph
        self._saver = _saver(graph)
        self._config: RunConfig = merge_configs(None, graph.config, given)
        self._options = RunOptions(config=self._config, nests=nests)

    def place(self) -> Place:
        """Return the graph that is meant, with its place: this one, or the one whose namespace the config names."""
        conf = dict(self._config.configurable)
        if "thread_id" not in conf:
            raise ValueError(
                "a state belongs to a thread: give config={'configurable': {'thread_id': ...}}, "
                f"not {dict(self._config.configurable)!r} as configurable"
            )
        conf["thread_id"] = str(conf["thread_id"])
        metadata = self._config.metadata
        ns = conf.get("checkpoint_ns")
        if not ns:
            return Place(self._graph, conf, metadata)
        path = NS_SEP.join(name for name in nameless(tuple(ns.split(NS_SEP))) if not name.isdigit())
        for _, graph in self._graph.get_subgraphs(namespace=path, recurse=True):
            return _placed(Place(graph, conf, metadata), ns)
        return Place(self._graph, conf, metadata)

    def inside(self, place: Place, task: Task) -> Place | None:
        """Return the graph that a task runs, with its place."""
        # Imported where it is wanted: it reads bytecode.
        from otgraph.graph.subgraphs import find_subgraphs

        for graph in find_subgraphs(task.node.callee):
            if graph.checkpointer is False:
                return None
            conf = {key: value for key, value in place.configurable.items() if key != "checkpoint_id"}
            return _placed(Place(graph, conf, place.metadata), task.checkpoint_ns)
        return None

    def reader(self, place: Place) -> Run:
        """Return a run whose state is only looked at: channels without a value are the plan's own."""
        return self.new_run(place, place.graph.plan.channels)

    def new_run(self, place: Place, channels: Mapping[str, Any] | None = None) -> Run:
        """Return a run of a graph that holds the state of an empty thread."""
        conf = place.configurable
        ns = conf.get("checkpoint_ns") or ""
        levels = tuple(ns.split(NS_SEP)) if ns else ()
        run = Run(place.graph.plan, None, self._options, None, levels, channels)
        run.place = NOWHERE
        thread = SavedThread(self._saver, conf, place.metadata, ns, "sync")
        thread.asked_for = conf.get("checkpoint_id")
        run.keep_in(thread)
        return run


def _placed(place: Place, ns: str) -> Place:
    """Return a graph inside another in its namespace: one with memory of its own has it under the names of nodes."""
    if place.graph.checkpointer is True:
        ns = NS_SEP.join(nameless(tuple(ns.split(NS_SEP))))
    return place._replace(configurable={**place.configurable, "checkpoint_ns": ns})


def _saver(graph: Any) -> Any:
    scope = SCOPE.get()
    if not graph.checkpointer or graph.checkpointer is True:
        if isinstance(scope, CallScope) and scope.run.saved is not None:
            return scope.run.saved.saver
        if not graph.checkpointer:
            raise hinted(
                ValueError("No checkpointer set"), "Nothing is saved without compile(checkpointer=...)"
            )
    return saver_of(graph)
