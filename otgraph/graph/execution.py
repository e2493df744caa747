"""
One call of a compiled graph, from its arguments to a driver that is ready to go.

Rule: a call made inside a node finds its parent run, record and namespace in one context variable; without it, the
call is a new root.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from otgraph.drivers.base import Driver
from otgraph.drivers.scope import CallScope
from otgraph.engine.loop import run_flow
from otgraph.engine.run import Run, RunOptions
from otgraph.graph.saving import nests, save_run
from otgraph.langchain.bridge import ambient_config, expect_models, hear_models, observer_for
from otgraph.plan.model import Keys, Plan
from otgraph.plan.validate import check_breakpoints
from otgraph.run_config import RunConfig, has_own_lineage, merge_configs
from otgraph.runtime import SCOPE, RunControl
from otgraph.schema import coerce_context
from otgraph.stream.subscription import Subscription
from otgraph.stream.view import View
from otgraph.tracing.observer import TracingObserver, new_observer
from otgraph.tracing.options import TelemetryOptions, get_telemetry

if TYPE_CHECKING:
    from otgraph.graph.definition import Definition

__all__ = ["Arguments", "Execution"]

D = TypeVar("D", bound=Driver)


@dataclass(slots=True, eq=False, repr=False)
class Arguments:
    """The arguments that `invoke`, `stream` and their twins have in common."""

    input: Any
    config: Mapping[str, Any] | None = None
    context: Any = None
    output_keys: str | Sequence[str] | None = None
    interrupt_before: Any = None
    interrupt_after: Any = None
    control: RunControl | None = None
    telemetry: TelemetryOptions | None = None
    durability: Any = None
    deprecated: Mapping[str, Any] = field(default_factory=dict)


class Execution:
    """
    A run that has not begun, with all that drives and watches it.

    Args:
        default_keys: what the run shows where the caller did not say.
    """

    __slots__ = ("_above", "_chains", "_flow", "_limit", "_live", "observer", "run")

    def __init__(self, graph: Definition, given: Arguments, default_keys: Keys) -> None:
        above = _current_scope()
        outer = None if above is None else above.run.options
        config = merge_configs(
            _ambient(above), ambient_config() if above is None else None, graph.config, given.config
        )
        plan = graph.plan
        options = RunOptions(
            config=config,
            context=_context(plan, given.context, outer),
            store=graph.store if graph.store is not None or outer is None else outer.store,
            cache=graph.cache,
            control=given.control if given.control is not None or outer is None else outer.control,
            output_keys=output_keys(plan, given.output_keys, default_keys),
            interrupt_before=_breakpoints(given.interrupt_before, graph.options.interrupt_before),
            interrupt_after=_breakpoints(given.interrupt_after, graph.options.interrupt_after),
            nests=nests,
        )
        self._above = above
        around = None if has_own_lineage(given.config) else above
        if around is None:
            telemetry = given.telemetry or graph.options.telemetry
            if telemetry is None:
                telemetry = get_telemetry() if above is None else above.run.observer.options
            elif not isinstance(telemetry, TelemetryOptions):
                raise TypeError(f"telemetry must be TelemetryOptions, not {telemetry!r}")
            self.observer: TracingObserver = new_observer(telemetry)
            hear_models()
        else:
            self.observer = around.run.observer
        if config.callbacks is not None:
            self.observer = observer_for(self.observer)
        if around is None:
            self.run = Run(plan, self.observer, options)
        else:
            self.run = Run(plan, self.observer, options, around.run, around.task.child_ns())
            self.run.caller = around.task
        describe(self.run, config)
        self.run.agent = graph.agent
        save_run(self.run, graph, around, given.durability)
        self.run.step_timeout = graph.step_timeout
        self._limit = config.max_concurrency
        self._live = False
        # Of callbacks: told the root run's end only after its chunks.
        self._chains: Any = self.observer if config.callbacks is not None and around is None else None
        self._flow = run_flow(self.run, given.input)

    def driver(self, kind: type[D]) -> D:
        """Return a driver of that kind, which starts from the caller's context variables as they are now."""
        if self._chains is not None:
            self._chains.cancellation = kind.cancellation
        self.run.awaited = kind.awaits
        return kind(
            self._flow,
            self.observer.record,
            copy_context(),
            limit=self._limit,
            live=self._live,
            above=self._above,
        )

    def subscribe(self, *views: View | None) -> list[Subscription]:
        """Return a subscription for each view; it hears everything, the run's start included."""
        record = self.observer.record
        if self._chains is not None:
            self._chains.hold()
        subscriptions = []
        for view in views:
            if view is not None:
                subscription = Subscription(view, self.run, record.relieve, record.meters)
                subscriptions.append(subscription)
                record.subscribe(subscription)
                self._live = self._live or view.live or self.run.plan.eager
                if subscription.watches_spans:
                    self.observer.watch_foreign()
                if not {"messages", "blocks"}.isdisjoint(view.modes):
                    expect_models()
        return subscriptions

    def leave(self) -> None:
        """Note that the consumer leaves the stream."""
        if self._chains is not None:
            self._chains.left = True

    def unsubscribe(self, subscriptions: Sequence[Subscription]) -> None:
        """Give subscriptions back."""
        for subscription in subscriptions:
            self.observer.record.unsubscribe(subscription)
            subscription.leave()
        if self._chains is not None:
            self._chains.release()


def describe(run: Run, config: RunConfig) -> None:
    """Note on a run what its spans show of its config."""
    thread = config.configurable.get("thread_id")
    run.thread = None if thread is None else str(thread)
    run.metadata = config.metadata
    run.tags = config.tags


def _current_scope() -> CallScope | None:
    """
    Return the call of user code that we are in, if it is part of a run that is going on.

    Raises:
        RunEndedError: the run has given it up.
    """
    scope = SCOPE.get()
    if not isinstance(scope, CallScope):
        return None
    if scope.ended:
        scope.refuse("a graph")
    # What a node has started on its own account may outlive the run, and then is on its own.
    return None if scope.run.place.record.closed else scope


def _ambient(above: CallScope | None) -> RunConfig | None:
    """Return what a call made inside a node inherits; its metadata keep the thread id even if the call has another."""
    if above is None:
        return None
    run = above.run
    config = run.options.config
    if run.thread is None or "thread_id" in config.metadata:
        return config
    return replace(config, metadata={**config.metadata, "thread_id": config.configurable["thread_id"]})


def _breakpoints(given: Any, compiled: Any) -> Any:
    return check_breakpoints(given) if given else compiled


def _context(plan: Plan, given: Any, outer: RunOptions | None) -> Any:
    if given is None:
        return None if outer is None else outer.context
    return coerce_context(plan.context_schema, given)


def output_keys(plan: Plan, given: str | Sequence[str] | None, default: Keys) -> Keys:
    """
    Return what a run shows.

    Raises:
        ValueError: a key is no channel of the graph.
    """
    if given is None:
        return default
    keys: Keys = given if isinstance(given, str) else tuple(given)
    for key in (keys,) if isinstance(keys, str) else keys:
        if key not in plan.channels:
            raise ValueError(f"Key {key} not in channels")
    return keys
