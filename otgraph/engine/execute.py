"""
task_flow: what happens to one task, from its first call to its commit.

Rule: the flow never raises. It returns None, or the exception that stops the superstep; either way the task's
span has ended.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from otgraph.constants import ERROR, ERROR_SOURCE_NODE, INTERRUPT, START
from otgraph.engine.branches import branches_flow
from otgraph.engine.cached import remember_flow
from otgraph.engine.effects import CANCELLED, CallNode, Failure, Flow, RunCancelled, Sleep, Stopped
from otgraph.engine.handlers import handler_task
from otgraph.engine.identify import identify
from otgraph.engine.limits import failed_as, limit_of, within_flow
from otgraph.engine.retry import matching_policy, retry_delay
from otgraph.engine.run import Run
from otgraph.engine.saving import keep_writes_flow
from otgraph.engine.task import Task
from otgraph.engine.writes import result_writes
from otgraph.errors import (
    GraphBubbleUp,
    GraphDrained,
    GraphInterrupt,
    NodeCancelledError,
    ParentCommand,
)
from otgraph.events import Outcome, Write
from otgraph.tracebacks import note

__all__ = ["annotate", "keep_failure_flow", "retry_flow", "task_flow"]


def task_flow(run: Run, task: Task, nested: Any) -> Flow:
    """
    Run one task.

    Args:
        nested: makes the flow of a graph that is a node: `(run, task) -> Flow`.
    """
    if task.restored:
        return None
    node = task.node
    callee = node.callee
    try:
        while True:
            limit = None
            if node.timeout is not None or task.timeout is not None:
                limit = limit_of(task)
                reply = yield from within_flow(task, limit, _call_flow(run, task, nested))
            elif node.hidden:
                reply = task.input  # it passes the input on
            elif callee.graph is None:
                reply = yield CallNode(task, callee, task.input)
            else:
                reply = yield from nested(run, task)
            if type(reply) is Failure and isinstance(reply.error, ParentCommand) and reply.error.arrived:
                reply = _arrived(task, reply.error)
            if not isinstance(reply, Failure) and reply is not CANCELLED:
                result = reply
                reply = _take(run, task, result)
                if reply is None and node.branches:
                    branches = branches_flow(run, task, result)
                    reply = yield from branches if limit is None else within_flow(task, limit, branches)
                if reply is None:
                    if not node.hidden and task.left is None:
                        run.observer.task_returned(task, result)
                    if task.cache_keys:
                        yield from remember_flow(run, task)
                    if run.saved is not None:
                        yield from keep_writes_flow(run, task, task.writes)
                    if not node.hidden:
                        run.observer.task_committed(task, task.writes)
                        run.observer.task_ended(task, Outcome.SUCCESS, None)
                    return None
            if type(reply) is Failure and node.retry:
                retried = yield from retry_flow(run, task, reply)
                if retried is None:
                    continue
                reply = retried
            stopped = yield from _settle_flow(run, task, reply)
            if node.error_handler is not None and type(reply) is Failure and stopped is reply.error:
                return (yield from _handle_flow(run, task, reply.error, nested))
            if stopped is not None and not isinstance(stopped, RunCancelled):
                run.stopping = True
            return stopped
    except GeneratorExit:
        if not node.hidden:
            run.observer.task_ended(task, Outcome.ABANDONED, None)
        raise
    except Exception as error:
        # What it wrote could not be saved.
        if not node.hidden:
            run.observer.task_failed(task, error, ())
            run.observer.task_ended(task, Outcome.ERROR, error)
        return error
    except RunCancelled as cancelled:
        if not node.hidden:
            run.observer.task_ended(task, Outcome.CANCELLED, None)
        return cancelled


def _call_flow(run: Run, task: Task, nested: Any) -> Flow:
    """Do what a task's node is, as a flow of its own; return what it returned, `Failure` or `CANCELLED`."""
    callee = task.node.callee
    if callee.graph is not None:
        return (yield from nested(run, task))
    return (yield CallNode(task, callee, task.input))


def _arrived(task: Task, error: ParentCommand) -> Any:
    """Take a Command that has left the graph it came from as what the task's node returned."""
    task.left = error
    return replace(error.args[0], graph=None)


def _handle_flow(run: Run, failed: Task, error: BaseException, nested: Any) -> Flow:
    """Run the error handler of a node in its place; return what stops the superstep, if the handler fails too."""
    if not isinstance(error, Exception):
        return error
    task = handler_task(run, failed, error)
    task.sources = (failed.span,)
    failed.handler = task
    run.observer.task_substituted(task, failed)
    return (yield from task_flow(run, task, nested))


def _take(run: Run, task: Task, result: Any) -> Failure | None:
    """Make the node's result the task's writes; return what is wrong with it, if anything."""
    node = task.node
    plan = run.plan
    try:
        if node.writes is not None:
            task.writes = node.writes(result)
            return None
        writes = result_writes(result, plan.input_keys if node.name == START else plan.state_keys)
    except Exception as error:
        return Failure(error)
    if task.pushed:
        writes = [*task.pushed, *writes]
    if plan.message_keys:
        identify(writes, plan.message_keys)
    writes.extend(node.edges)
    task.writes = writes
    return None


def retry_flow(run: Run, task: Task, failure: Failure) -> Flow:
    """Wait and make ready for another attempt; return the final reply if there is to be none."""
    if _cancelled_itself(task, failure.error):
        return failure
    try:
        policy = matching_policy(task.node.retry, failure.error)
    except Exception as error:
        return Failure(error)
    delay = None if policy is None else retry_delay(policy, task.attempt)
    if policy is None or delay is None:
        return failure
    annotate(task, failure.error)
    task.writes = task.pushed = ()
    run.observer.task_retried(task, failure.error, delay)
    task.attempt += 1
    task.asked = task.called = 0
    task.abandoned = False
    if task.said:
        task.said = []
    return (yield Sleep(delay, policy.jitter))


def _settle_flow(run: Run, task: Task, reply: Any) -> Flow:
    """End a task that did not commit; return what stops the superstep."""
    observer = run.observer
    if run.saved is not None and reply is not CANCELLED:
        yield from keep_failure_flow(run, task, reply.error)
    if task.node.hidden:
        if reply is CANCELLED or type(reply) is Stopped:
            return RunCancelled()
        annotate(task, reply.error)
        return reply.error
    if reply is CANCELLED or type(reply) is Stopped:
        task.writes = ()
        reason = reply.error if type(reply) is Stopped else None
        if reason is not None and run.stopping and run.parent is not None:
            observer.task_stopped(task, reason)
        observer.task_ended(task, Outcome.ABANDONED if task.abandoned else Outcome.CANCELLED, None)
        return RunCancelled(reason)
    error: BaseException = reply.error
    if isinstance(error, (ParentCommand, GraphDrained)):
        # It stops nobody else: siblings finish, and then the graph is left.
        task.writes = ()
        run.leaving = run.leaving or error
        task.left = error
        drained = isinstance(error, GraphDrained)
        observer.task_ended(task, Outcome.DRAINED if drained else Outcome.SUCCESS, None)
        return None
    if isinstance(error, GraphInterrupt):
        # It stops nobody else: siblings finish, and the run pauses when they have.
        task.writes = ()
        task.interrupts = error.args[0]
        if task.interrupts:
            run.interrupts.extend(task.interrupts)
            observer.task_interrupted(task, task.interrupts)
        else:
            task.paused = run.paused = True
        observer.task_ended(task, Outcome.INTERRUPTED, None)
        return None
    if not isinstance(error, Exception):
        # KeyboardInterrupt, SystemExit and their like are the caller's, not the node's.
        observer.task_ended(task, Outcome.CANCELLED, None)
        return error
    annotate(task, error)
    outcome = failed_as(error)
    # A branch may have failed after its node had written.
    observer.task_failed(task, error, task.writes)
    observer.task_ended(task, outcome, error)
    return error


def keep_failure_flow(run: Run, task: Task, error: BaseException | None) -> Flow:
    """Keep why a task did not finish, where a later run is to know."""
    if isinstance(error, GraphInterrupt):
        if error.args[0]:
            yield from keep_writes_flow(run, task, [(INTERRUPT, tuple(error.args[0]))])
    elif error is not None and not isinstance(error, GraphBubbleUp):
        kept: list[Write] = [(ERROR, error)]
        if task.node.error_handler is not None and isinstance(error, Exception):
            kept.append((ERROR_SOURCE_NODE, task.name))
        try:
            yield from keep_writes_flow(run, task, kept)
        except Exception as lost:
            note(error, f"and that could not be saved: {lost!r}")


def annotate(task: Task, error: BaseException) -> None:
    """Say in an exception's notes which task it ended."""
    if not _cancelled_itself(task, error):
        note(error, f"During task with name '{task.name}' and id '{task.id}'")


def _cancelled_itself(task: Task, error: BaseException) -> bool:
    """Say whether a task's own node raised CancelledError, which is no failure that is retried."""
    return isinstance(error, NodeCancelledError) and error.node == task.name
