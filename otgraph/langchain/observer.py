"""
CallbackObserver: what the engine tells becomes LangChain's callbacks too, where a run was given any.

Rule: a run and each of its tasks is one run of a chain to LangChain, with LangGraph's names, tags and metadata. The
spans and the streams are those of the observer around it, which is told first of beginnings and last of ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from inspect import Parameter, iscoroutinefunction, signature
from typing import Any

from langchain_core.callbacks import CallbackManager
from langchain_core.callbacks.manager import handle_event

from otgraph.constants import NS_SEP, TAG_HIDDEN
from otgraph.engine.effects import CANCELLED, Failure, RunCancelled
from otgraph.engine.metadata import INTEGRATION, run_metadata, task_metadata
from otgraph.errors import GraphDrained, GraphInterrupt
from otgraph.events import Outcome, TaskStarted, Write
from otgraph.ids import checkpoint_text
from otgraph.infos import RunInfo, TaskInfo
from otgraph.langchain.lifecycle import GraphCallbackHandler, GraphInterruptEvent, GraphResumeEvent
from otgraph.langchain.managers import without_own
from otgraph.langchain.steps import is_chain, step_count
from otgraph.tracing.observer import TracingObserver

__all__ = ["CallbackObserver"]

FUNCTIONAL = "LangGraph"
"""What LangChain is told is the name of a run of an entrypoint; the entrypoint itself is the task in it."""


NAMELESS = "RunnableCallable"
"""What it is told is the name of a branch that has none, in a sync run."""


class CallbackObserver(TracingObserver):
    """
    See the module.

    Args:
        around: the observer of the root run, whose record and spans these are.
    """

    def __init__(self, around: TracingObserver) -> None:
        for name in TracingObserver.__slots__:
            setattr(self, name, getattr(around, name))
        self.record.call_back()
        self._status: Any = "pending"
        self._held: list[Callable[[], Any]] | None = None
        self.cancellation: type[BaseException] = GeneratorExit
        """What user code that is cancelled sees, where it sees anything."""
        self.left = False
        """Whether the consumer of the root run has left its stream."""

    # ---- streams

    def hold(self) -> None:
        """Tell of the root run's end only when its consumer has all chunks: a chunk is of a chain that goes on."""
        self._held = []

    def release(self) -> None:
        """Tell of it, if it has ended; nobody reads its chunks any more."""
        held, self._held = self._held, None
        for tell in held or ():
            tell()

    # ---- runs

    def run_started(self, run: Any, caller: Any) -> None:
        """Begin a chain, below the task that called it."""
        super().run_started(run, caller)
        config = run.options.config
        given = without_own(config.callbacks)
        if caller is None:
            metadata = run_metadata(run, INTEGRATION)
        else:
            metadata = {**task_metadata(caller, INTEGRATION), "checkpoint_ns": NS_SEP.join(run.ns)}
            if caller.callbacks is not None and config.callbacks is caller.state.options.config.callbacks:
                given = caller.callbacks
            elif _beside(caller, given):
                given = caller.callbacks.merge(given)
        manager = CallbackManager.configure(
            given, inheritable_tags=list(config.tags), inheritable_metadata=metadata
        )
        # A graph that is a node has the config of the run around it, whose name and id are not its own.
        around = None if run.parent is None else run.parent.options.config
        run_id = config.run_id if around is None or config.run_id != around.run_id else None
        name = config.run_name if around is None or config.run_name != around.run_name else None
        name = name or (run.name if run.plan.entry.hidden else FUNCTIONAL)
        try:
            run.chain = manager.on_chain_start(None, run.given, name=name, run_id=run_id)
        except BaseException as error:
            self.run_ended(run, Outcome.ERROR, error)
            raise

    def run_ended(self, run: Any, outcome: Outcome, error: BaseException | None) -> None:
        """End the chain: an interrupt is an error to the task around a run, and to nobody else."""
        chain, run.chain = run.chain, None
        try:
            if chain is None:
                return
            if outcome is Outcome.INTERRUPTED and run.parent is not None:
                tell = partial(chain.on_chain_error, GraphInterrupt(tuple(run.interrupts)))
            elif (failure := error or self._cut_short(run, outcome)) is not None:
                tell = partial(chain.on_chain_error, failure)
            else:
                tell = partial(chain.on_chain_end, run.read(run.output_keys))
            told = [tell]
            if outcome is Outcome.INTERRUPTED and run.parent is None:
                told.insert(0, partial(self._tell, chain, "on_interrupt", self._interrupt_event(run, chain)))
            if self._held is not None and run.parent is None:
                self._held += told
                return
            for each in told:
                each()
        finally:
            super().run_ended(run, outcome, error)

    def run_paused(self, run: RunInfo, where: str) -> None:
        """Note where the root run stops."""
        super().run_paused(run, where)
        if run.parent is None:
            self._status = where

    def run_resumed(self, run: Any) -> None:
        """Tell the handlers that hear of it that a run goes on, each graph for itself."""
        super().run_resumed(run)
        if run.chain is not None:
            event = GraphResumeEvent(
                run.chain.run_id, "pending", checkpoint_text(run.checkpoint), tuple(run.ns)
            )
            self._tell(run.chain, "on_resume", event)

    def _interrupt_event(self, run: Any, chain: Any) -> GraphInterruptEvent:
        checkpoint, status = checkpoint_text(run.checkpoint), self._status
        return GraphInterruptEvent(chain.run_id, status, checkpoint, tuple(run.ns), tuple(run.interrupts))

    @staticmethod
    def _tell(chain: Any, name: str, event: Any) -> None:
        handlers = [handler for handler in chain.handlers if isinstance(handler, GraphCallbackHandler)]
        handle_event(handlers, name, None, event)

    # ---- supersteps and tasks

    def step_started(self, run: RunInfo, step: int, tasks: Sequence[TaskInfo]) -> None:
        """Begin a chain for each task; a handler that insists on failing ends the superstep."""
        try:
            super().step_started(run, step, tasks)
        except BaseException as error:
            for task in tasks:
                if task.chain is not None:
                    self.task_ended(task, Outcome.CANCELLED, None)
            super().step_ended(run, Outcome.ERROR, error)
            raise

    def _start_task(self, task: Any, fact: TaskStarted | None, more: Any = None) -> None:
        super()._start_task(task, fact, more)
        try:
            self._begin(task)
        except BaseException as error:
            super().task_failed(task, error, ())
            super().task_ended(task, Outcome.ERROR, error)
            raise

    def _begin(self, task: Any) -> None:
        above = task.state.chain if task.caller is None else task.caller.chain
        if above is not None:
            tag = f"graph:step:{task.step}" if task.caller is None else "seq:step:1"
            manager = self._inside(task, above.get_child(tag))
            task.chain = manager.on_chain_start(None, _input_of(task), name=task.name)
            task.callbacks = task.chain.get_child("seq:step:1")

    @staticmethod
    def _inside(task: Any, callbacks: Any) -> Any:
        tags = [*task.state.options.config.tags, *((TAG_HIDDEN,) if task.node.hidden else ())]
        metadata = task_metadata(task, INTEGRATION)
        return CallbackManager.configure(callbacks, inheritable_tags=tags, inheritable_metadata=metadata)

    def branch_called(self, task: Any, branch: Any, view: Any) -> None:
        """
        Begin a chain for a branch: in LangGraph's count it follows the steps of its node, the update and each edge.

        The hidden node is a chain itself, with its branches below. A branch that is a Runnable begins its own, or none.
        """
        if branch is None:
            self._begin(task)
            return
        position = next(index for index, it in enumerate(task.node.branches) if it is branch)
        before = 0 if task.node.hidden else step_count(task.node.callee.origin)
        below = task.chain.get_child(f"seq:step:{before + len(task.node.edges) + position + 2}")
        if is_chain(branch.callee.origin) or getattr(branch.callee.origin, "chain_name", "") is None:
            task.callbacks = below
            return
        name = _name_of(branch.callee.origin)
        if name is None and not task.state.awaited:
            name = NAMELESS
        task.branch = self._inside(task, below).on_chain_start(None, view, name=name)
        task.callbacks = task.branch.get_child()

    def branch_returned(self, task: Any, branch: Any, reply: Any) -> None:
        """End it; what the node's task calls from then on is its own again."""
        failed = reply.error if isinstance(reply, Failure) else None
        if reply is CANCELLED or isinstance(failed, RunCancelled):
            failed = self.cancellation("the branch was cancelled")
        if branch is None:
            if failed is None:
                self._succeed(task, reply)
            else:
                self._fail(task, failed)
            return
        chain, task.branch = task.branch, None
        task.callbacks = task.chain.get_child("seq:step:1")
        if chain is None:
            return
        if failed is None:
            chain.on_chain_end(reply)
        else:
            chain.on_chain_error(failed)

    def task_returned(self, task: Any, result: Any) -> None:
        """Keep what LangChain is shown as the task's output, should it commit."""
        super().task_returned(task, result)
        if task.chain is not None:
            task.returned = result

    def task_failed(self, task: TaskInfo, error: BaseException, writes: Sequence[Write]) -> None:
        """Tell that the task's chain failed."""
        self._fail(task, error)
        super().task_failed(task, error, writes)

    def task_interrupted(self, task: TaskInfo, interrupts: Sequence[Any]) -> None:
        """Tell the same: to LangChain an interrupt is an exception."""
        self._fail(task, GraphInterrupt(tuple(interrupts)))
        super().task_interrupted(task, interrupts)

    def task_stopped(self, task: TaskInfo, error: BaseException) -> None:
        """Tell the same of a task that a sibling's failure cancelled."""
        self._fail(task, error)
        super().task_stopped(task, error)

    def task_retried(self, task: TaskInfo, error: BaseException, delay: float) -> None:
        """Tell the same of an attempt, and begin the next one."""
        self._fail(task, error)
        super().task_retried(task, error, delay)
        self._begin(task)

    def task_ended(self, task: Any, outcome: Outcome, error: BaseException | None) -> None:
        """End the chain of a task."""
        if task.chain is not None and outcome is Outcome.SUCCESS and task.left is None:
            self._succeed(task, task.returned)
        drained = _drained(task.state) if outcome is Outcome.DRAINED else task.left
        self._fail(task, error or drained or self.cancellation(f"the task was {outcome.value}"))
        super().task_ended(task, outcome, error)

    def _cut_short(self, run: Any, outcome: Outcome) -> BaseException | None:
        """Return what LangChain is told ended a run that did not come to its end, without being an error to us."""
        if outcome is Outcome.DRAINED:
            return _drained(run)
        if outcome in (Outcome.CANCELLED, Outcome.ABANDONED):
            kind = GeneratorExit if self.left and run.parent is None else self.cancellation
            return kind(f"the run was {outcome.value}")
        left: BaseException | None = run.leaving
        return left

    @staticmethod
    def _succeed(task: Any, result: Any) -> None:
        chain, task.chain = task.chain, None
        task.callbacks = task.returned = None
        if task.state.awaited:
            _stream(chain, result)
        chain.on_chain_end(result)

    @staticmethod
    def _fail(task: TaskInfo, error: BaseException) -> None:
        chain, task.chain = task.chain, None
        task.callbacks = task.returned = None
        if chain is not None:
            chain.on_chain_error(error)


def _beside(task: Any, given: Any) -> bool:
    """Say whether callbacks are those of a node's config, and the node is in a chain of its own by now."""
    if task.chain is None or not isinstance(given, CallbackManager):
        return False
    return bool(given.parent_run_id == task.chain.run_id != task.callbacks.parent_run_id)


def _name_of(function: Any) -> str | None:
    """Return the name of a branch, if it has one: a lambda has none, unless it was made a coroutine function."""
    name = getattr(function, "chain_name", None) or getattr(function, "__name__", None)
    return None if name == "<lambda>" and not iscoroutinefunction(function) else name


def _drained(run: Any) -> GraphDrained:
    """Return what a run ended with that was asked to stop, by its control or that of a run around it."""
    while run is not None and run.options.control is None:
        run = run.parent
    return GraphDrained("drained" if run is None else run.options.control.drain_reason)


def _stream(chain: Any, result: Any) -> None:
    """Tell those who stream what chains put out: to them a node puts out its result, in one piece."""
    for handler in chain.handlers:
        tap = getattr(handler, "tap_output_iter", None)
        if tap is not None:
            deque(tap(chain.run_id, iter((result,))), maxlen=0)


def _input_of(task: Any) -> Any:
    """Return what LangChain is shown as the input of a task: of a called one the arguments, by name."""
    function = None if task.caller is None else task.node.callee.origin
    if function is None:
        return task.input
    positional, named = task.input
    try:
        bound = signature(function).bind(*positional, **named)
    except (TypeError, ValueError):
        # What fits no parameter is for the call itself to complain about.
        return task.input
    bound.apply_defaults()
    shown: dict[str, Any] = {}
    for name, value in bound.arguments.items():
        if bound.signature.parameters[name].kind is Parameter.VAR_KEYWORD:
            shown.update(value)
        else:
            shown[name] = value
    return shown
