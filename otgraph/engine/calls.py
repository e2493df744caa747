"""
Calls: tasks that user code asks for while its own task runs (`@task` functions, and what they call in turn).

Rule: a call is known by its caller and by how many calls that made before, so that a restart finds it again. It is
part of its caller's superstep, which ends when all its calls have.
"""

from __future__ import annotations

from typing import Any

from otgraph.constants import NS_SEP, PUSH
from otgraph.engine.begin import attach
from otgraph.engine.cached import remember_flow, restore_flow
from otgraph.engine.effects import (
    CANCELLED,
    CallNode,
    Expired,
    Failure,
    Flow,
    JoinCalls,
    RunCancelled,
    Stopped,
)
from otgraph.engine.execute import annotate, keep_failure_flow, retry_flow
from otgraph.engine.limits import failed_as, limit_of, timeout_error
from otgraph.engine.run import Run
from otgraph.engine.saving import keep_writes_flow
from otgraph.engine.task import Task, path_key
from otgraph.engine.tasks import shown_metadata
from otgraph.errors import GraphBubbleUp, GraphInterrupt, NodeTimeoutError
from otgraph.events import Outcome
from otgraph.ids import task_id
from otgraph.plan.model import NodePlan

__all__ = ["call_flow", "join_flow", "plan_call"]


def plan_call(caller: Task, node: NodePlan, given: tuple[Any, Any]) -> Task:
    """
    Return the task that the next call of `caller` is.

    Args:
        given: the arguments of the call, by position and by keyword.
    """
    run = caller.state
    index = caller.called
    caller.called = index + 1
    name = node.name
    above = f"{caller.checkpoint_ns}{NS_SEP}{name}"
    parts = (above, str(run.step), name, PUSH, path_key(caller), str(index))
    task = Task(run, node, task_id(run.checkpoint, parts), given, (PUSH,), (PUSH, caller.path, index, True))
    task.caller = caller
    task.ns = caller.inner_ns
    config = run.options.config
    if config.metadata or config.tags:
        task.metadata = shown_metadata(run, node)
    return task


def call_flow(run: Run, task: Task) -> Flow:
    """Run a called task; return what it returned, a `Failure` or CANCELLED. It raises nothing."""
    try:
        if run.saved is not None:
            attach(run, run.saved, (task,))
        if task.restored:
            run.observer.task_called(task)
            return task.writes[-1][1]
        if run.options.cache is not None and task.node.cache is not None:
            yield from restore_flow(run, (task,))
        run.observer.task_called(task)
        if task.restored:
            return task.writes[-1][1]
        return (yield from _attempts_flow(run, task))
    except RunCancelled:
        return CANCELLED
    except Exception as error:
        return Failure(error)


def _attempts_flow(run: Run, task: Task) -> Flow:
    node, observer = task.node, run.observer
    assert node.writes is not None
    try:
        while True:
            limit = None if node.timeout is None else limit_of(task)
            reply = yield CallNode(task, node.callee, task.input, limit)
            if type(reply) is Expired and limit is not None:
                reply = Failure(timeout_error(task, limit, reply))
            if reply is not CANCELLED and not isinstance(reply, Failure):
                observer.task_returned(task, reply)
                task.writes = node.writes(reply)
                if task.cache_keys:
                    yield from remember_flow(run, task)
                if run.saved is not None:
                    yield from keep_writes_flow(run, task, task.writes)
                observer.task_committed(task, task.writes)
                observer.task_ended(task, Outcome.SUCCESS, None)
                return reply
            if type(reply) is Failure and node.retry:
                retried = yield from retry_flow(run, task, reply)
                if retried is None:
                    continue
                reply = retried
            if run.saved is not None and reply is not CANCELLED:
                yield from keep_failure_flow(run, task, reply.error)
            _settle(run, task, reply)
            return reply
    except GeneratorExit:
        observer.task_ended(task, Outcome.ABANDONED, None)
        raise
    except RunCancelled:
        observer.task_ended(task, Outcome.CANCELLED, None)
        raise
    except Exception as error:
        # What it wrote could not be saved.
        observer.task_failed(task, error, ())
        observer.task_ended(task, Outcome.ERROR, error)
        raise


def _settle(run: Run, task: Task, reply: Any) -> None:
    """End a called task that did not commit; who called it decides what follows."""
    observer = run.observer
    if reply is CANCELLED or type(reply) is Stopped:
        if type(reply) is Stopped:
            observer.task_stopped(task, reply.error)
        observer.task_ended(task, Outcome.ABANDONED if task.abandoned else Outcome.CANCELLED, None)
        return
    error: BaseException = reply.error
    if isinstance(error, GraphInterrupt):
        # Its caller waits with it, and is the one whose interrupt streams show.
        observer.task_interrupted(task, error.args[0])
        observer.task_ended(task, Outcome.INTERRUPTED, None)
    elif isinstance(error, GraphBubbleUp):
        observer.task_ended(task, Outcome.SUCCESS, None)
    elif not isinstance(error, Exception):
        observer.task_ended(task, Outcome.CANCELLED, None)
    else:
        annotate(task, error)
        outcome = failed_as(error)
        observer.task_failed(task, error, ())
        observer.task_ended(task, outcome, error)


def join_flow(run: Run, stopped: Any) -> Flow:
    """
    Wait for the calls of a superstep whose tasks are done; return what stops the superstep.

    Args:
        stopped: what has stopped it so far.
    """
    assert run.calls is not None
    # Where time is up, or the caller's thread itself is to end, nobody waits for threads that go on.
    urgent = isinstance(stopped, (Failure, NodeTimeoutError)) or not (
        stopped is None or isinstance(stopped, Exception)
    )
    reply = yield JoinCalls(
        run.calls, run.step, stop=stopped is not None, urgent=urgent, nested=run.parent is not None
    )
    return RunCancelled() if reply is CANCELLED and stopped is None else stopped
