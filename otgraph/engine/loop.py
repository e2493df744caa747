"""
run_flow: the superstep loop.

Rule: a superstep is planned, run, applied. Nothing that a task writes is seen before all its siblings are done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from otgraph.command import Command
from otgraph.constants import NULL_TASK_ID, PULL, START
from otgraph.engine.begin import attach, begin_flow, load_flow
from otgraph.engine.cached import restore_flow
from otgraph.engine.calls import join_flow
from otgraph.engine.effects import (
    CANCELLED,
    Expired,
    Failure,
    Flow,
    Limit,
    Rest,
    RunCancelled,
    RunTasks,
    Stopped,
)
from otgraph.engine.execute import task_flow
from otgraph.engine.handlers import taken_up
from otgraph.engine.interrupts import stops_at
from otgraph.engine.limits import failed_as
from otgraph.engine.lineage import save_in
from otgraph.engine.run import Run
from otgraph.engine.saving import close_flow, save_flow
from otgraph.engine.task import Task
from otgraph.engine.tasks import plan_tasks
from otgraph.engine.thread import SavedThread
from otgraph.engine.writes import apply_writes, input_writes, result_writes, written_by_nobody
from otgraph.errors import (
    EmptyInputError,
    ErrorCode,
    GraphBubbleUp,
    GraphDrained,
    GraphInterrupt,
    GraphRecursionError,
    ParentCommand,
    create_error_message,
)
from otgraph.events import Outcome
from otgraph.ids import task_id
from otgraph.tracebacks import hinted, note

__all__ = ["nested_flow", "run_flow"]


def run_flow(run: Run, input: Any) -> Flow:
    """
    Run a graph to its end; return what it is asked to return, or None if no superstep wrote any of that.

    Raises:
        GraphRecursionError: the recursion limit was reached.
        GraphDrained: the run was asked to stop between two supersteps.
        Exception: whatever a node raised, the same object.
    """
    observer, saved = run.observer, run.saved
    run.given = input
    failure = None
    if saved is not None:
        # What it goes on from is part of how its span starts.
        try:
            yield from load_flow(run, saved, input)
        except Exception as error:
            failure = error
    observer.run_started(run, run.caller)
    try:
        if failure is not None:
            raise failure
        outcome = yield from _steps_flow(run, input)
        run.paused = outcome is Outcome.INTERRUPTED
        result = _result(run)
        if saved is not None:
            yield from close_flow(run, saved, outcome)
        if outcome is Outcome.INTERRUPTED and run.parent is not None:
            raise GraphInterrupt(tuple(run.interrupts))
    except BaseException as error:
        if saved is not None and failure is None and isinstance(error, Exception) and not saved.closed:
            try:
                yield from close_flow(run, saved, _outcome_of(error), left=isinstance(error, ParentCommand))
            except Exception as lost:
                if lost is not error:
                    note(error, f"and not everything of the run could be saved: {lost!r}")
        if isinstance(error, ParentCommand):
            error.arrived = True
        _end_on(run, error)
        raise
    observer.run_ended(run, outcome, None)
    return result


def _result(run: Run) -> Any:
    """Return what the run showed last: nothing, if no superstep wrote to what it shows and nobody asked anything."""
    if run.interrupts or (run.answered and not run.fleeting):
        return run.read(run.output_keys)
    return run.last


def _steps_flow(run: Run, input: Any) -> Flow:
    before, after = run.options.interrupt_before, run.options.interrupt_after
    saved = run.saved
    rest = Rest(run.step)
    if saved is not None:
        yield from begin_flow(run, saved, input)
        _plan_saved(run, saved)
    elif run.plan.entry.hidden:
        reply = yield rest
        if reply is CANCELLED:
            raise RunCancelled
        run.checkpoint = reply
        run.step += 1
        yield from _begin_flow(run, input)
    else:
        _enter(run, input)
    while True:
        rest.step = run.step
        reply = yield rest
        if reply is CANCELLED:
            raise RunCancelled
        if saved is None:
            run.checkpoint = reply
            run.step += 1
        if run.step > run.stop:
            if saved is not None:
                saved.exhausted = True
            raise _limit_reached(run)
        tasks = plan_tasks(run) if saved is None else run.planned
        if not tasks:
            return Outcome.SUCCESS
        if run.options.cache is not None:
            yield from restore_flow(run, tasks)
        if before and stops_at(run, before, tasks):
            run.observer.run_paused(run, "interrupt_before")
            return Outcome.INTERRUPTED
        if run.options.control is not None or run.parent is not None:
            _check_drain(run)
        if saved is not None and len(tasks) == 1 and tasks[0].node.hidden:
            yield from _start_flow(run, tasks[0])
            if after and stops_at(run, after, tasks):
                run.observer.run_paused(run, "interrupt_after")
                return Outcome.INTERRUPTED
            continue
        yield from _superstep_flow(run, tasks if saved is None else taken_up(run, saved, tasks))
        if run.interrupts:
            return Outcome.INTERRUPTED
        if run.paused:
            run.observer.run_paused(run, "pending")
            return Outcome.INTERRUPTED
        if after and stops_at(run, after, tasks):
            run.observer.run_paused(run, "interrupt_after")
            return Outcome.INTERRUPTED


def nested_flow(run: Run, task: Task) -> Flow:
    """Run the graph that is a task's node; return its result, `Failure` or `CANCELLED`."""
    graph = task.node.callee.graph
    child = Run(graph.plan, run.observer, graph.nested_options(run.options), run, task.child_ns())
    child.caller = task
    child.awaited = run.awaited
    child.agent = graph.agent
    child.step_timeout = graph.step_timeout
    save_in(child, graph, task)
    try:
        return (yield from run_flow(child, task.input))
    except RunCancelled as stop:
        return CANCELLED if stop.error is None else Stopped(stop.error)
    except Exception as error:
        return Failure(error)


def _begin_flow(run: Run, input: Any) -> Flow:
    """Superstep 0: the hidden node `__start__` copies the input into the state and takes the first edges."""
    if input is None:
        raise EmptyInputError("Received no input for __start__")
    if isinstance(input, Command):
        if input.resume is not None:
            raise RuntimeError(
                "Cannot use Command(resume=...) without checkpointer: nothing of an earlier run is known here; "
                "give compile(checkpointer=...) the saver of the run that was paused"
            )
        _apply_command(run, input)
    start = run.plan.nodes[START]
    name = start.name
    id = task_id(run.checkpoint, (run.ns_text, name, str(run.step), name, PULL, *start.triggers))  # noqa: A001
    # Only a branch can tell what triggered it.
    triggers = start.triggers if start.branches else ()
    yield from _start_flow(run, Task(run, start, id, input, triggers, (PULL, START)))


def _start_flow(run: Run, task: Task) -> Flow:
    """The superstep of the hidden node, which is no span of its own."""
    task.span = run.span
    chained = run.chain is not None and bool(task.node.branches)
    if chained:
        run.observer.branch_called(task, None, task.input)
    stopped: Any = RunCancelled()
    try:
        stopped = yield from task_flow(run, task, nested_flow)
    finally:
        if chained:
            run.observer.branch_returned(task, None, Failure(stopped) if stopped is not None else task.input)
    if stopped is not None:
        raise stopped
    if run.leaving is not None:
        raise run.leaving
    _apply(run, [task])
    if run.saved is not None:
        yield from _keep_step_flow(run, run.saved)


def _keep_step_flow(run: Run, saved: SavedThread) -> Flow:
    """Save the state after a superstep, and tell of it together with what is due next."""
    yield from save_flow(run, saved, "loop")
    saved.resuming = False
    _plan_saved(run, saved)


def _plan_saved(run: Run, saved: SavedThread) -> None:
    run.planned = tasks = plan_tasks(run)
    attach(run, saved, tasks)
    run.observer.checkpoint_saved(run, tasks)


def _enter(run: Run, input: Any) -> None:
    """Put the input where the node of an entrypoint finds it, which then runs in superstep 0."""
    if input is None and run.plan.entrance == START:
        raise EmptyInputError(f"Received no input for {START}")
    _apply(run, [written_by_nobody(run, input_writes(run, input))], shown=False)


def _apply_command(run: Run, command: Command[Any]) -> None:
    task = Task(run, run.plan.nodes[START], NULL_TASK_ID, command, (), ())
    task.writes = result_writes(command, run.plan.state_keys)
    task.span = run.span
    _apply(run, [task], shown=False)


def _superstep_flow(run: Run, tasks: Sequence[Task]) -> Flow:
    observer = run.observer
    shown = [task for task in tasks if not task.node.hidden]
    if len(shown) < len(tasks):
        for task in tasks:
            if task.node.hidden:
                task.span = run.span
    observer.step_started(run, run.step, shown)
    try:
        if len(tasks) == 1 and run.step_timeout is None:
            stopped = yield from task_flow(run, tasks[0], nested_flow)
        else:
            flows = [task_flow(run, task, nested_flow) for task in tasks if not task.restored]
            stopped = None
            if flows:  # otherwise all of it was done before a run was cut off
                limit = None if run.step_timeout is None else Limit(run.step_timeout)
                stopped = yield RunTasks(flows, limit, nested=run.parent is not None)
        if run.calls is not None:
            stopped = yield from join_flow(run, stopped)
        if type(stopped) is Expired:
            run.expired = True
            observer.step_ended(run, Outcome.TIMEOUT, stopped.error)
            raise stopped.error
        if stopped is not None:
            outcome = _outcome_of(stopped)
            observer.step_ended(run, outcome, stopped if outcome.is_error else None)
            raise stopped
    except GeneratorExit:
        observer.step_ended(run, Outcome.ABANDONED, None)
        raise
    if run.leaving is not None:
        observer.step_ended(run, _outcome_of(run.leaving), None)
        raise run.leaving
    try:
        # Where a task waits, the writes of the others are shown, at the root, and not kept.
        if run.plan.handled:
            tasks = [*tasks, *(task.handler for task in tasks if task.handler is not None)]
        if not (run.interrupts or run.paused):
            _apply(run, tasks)
            if run.saved is not None:
                yield from _keep_step_flow(run, run.saved)
        elif run.parent is None:
            _apply(run, [task for task in tasks if not (task.interrupts or task.paused)])
    except BaseException as error:
        outcome = _outcome_of(error)
        observer.step_ended(run, outcome, error if outcome.is_error else None)
        raise
    observer.step_ended(run, Outcome.INTERRUPTED if run.interrupts else Outcome.SUCCESS, None)


def _apply(run: Run, tasks: Sequence[Task], *, shown: bool = True) -> None:
    changed, written = apply_writes(run, tasks)
    if not (written or changed):
        return
    if shown and (run.fleeting or not run.answered):
        keys = run.output_keys
        wanted = (keys,) if isinstance(keys, str) else keys
        if any(key in written and key in changed for key in wanted):
            run.answered = True
            if run.fleeting:
                run.last = run.read(keys)
    run.observer.step_applied(run, run.step if shown else -1, changed, written)


def _limit_reached(run: Run) -> GraphRecursionError:
    error = GraphRecursionError(
        create_error_message(
            message=(
                f"Recursion limit of {run.options.config.recursion_limit} reached without hitting a stop "
                "condition. You can increase the limit by setting the `recursion_limit` config key."
            ),
            error_code=ErrorCode.GRAPH_RECURSION_LIMIT,
        )
    )
    nodes = run.plan.trigger_to_nodes
    due = sorted({name for channel in run.updated or () for name in nodes.get(channel, ())})
    return hinted(error, f"Next would have been {', '.join(map(repr, due))}") if due else error


def _check_drain(run: Run) -> None:
    above: Any = run
    while above is not None:
        # A node may have asked for a control only after this run had begun.
        control = above.options.control
        if control is not None:
            if control.drain_requested:
                raise GraphDrained(control.drain_reason)
            return
        above = above.parent


def _end_on(run: Run, error: BaseException) -> None:
    outcome = Outcome.TIMEOUT if run.expired else _outcome_of(error)
    run.observer.run_ended(run, outcome, error if outcome.is_error else None)


def _outcome_of(error: BaseException) -> Outcome:
    if isinstance(error, RunCancelled):
        return Outcome.CANCELLED
    if isinstance(error, GeneratorExit):
        return Outcome.ABANDONED
    if isinstance(error, GraphRecursionError):
        return Outcome.RECURSION_LIMIT
    if isinstance(error, GraphBubbleUp):
        if isinstance(error, GraphInterrupt):
            return Outcome.INTERRUPTED
        return Outcome.DRAINED if isinstance(error, GraphDrained) else Outcome.SUCCESS
    return failed_as(error) if isinstance(error, Exception) else Outcome.CANCELLED
