"""
Time limits of nodes: an attempt, its branches included, that takes too long has failed.

Rule: a limit is data; the clock is the driver's. What is under way when time is up is given up there, and its
result does not count.
"""

from __future__ import annotations

from typing import Any

from otgraph.engine.effects import Expired, Failure, Flow, Limit, RunTasks
from otgraph.engine.task import Task
from otgraph.errors import BudgetExceededError, NodeTimeoutError
from otgraph.events import Outcome

__all__ = ["limit_of", "timeout_error", "within_flow"]


def limit_of(task: Task) -> Limit:
    """Return a fresh limit for the next attempt of a task that has a timeout."""
    policy = task.timeout or task.node.timeout
    assert policy is not None
    # `read_timeout` has made seconds of them.
    run: Any = policy.run_timeout
    idle: Any = policy.idle_timeout
    return Limit(run, idle, attempt=True, beats=policy.refresh_on == "heartbeat")


def within_flow(task: Task, limit: Limit, flow: Flow) -> Flow:
    """Run a part of an attempt within its limit; return what it returns, or a `Failure` if time is up."""
    replies: list[Any] = []
    reply = yield RunTasks((_kept_flow(flow, replies),), limit, nested=True)
    if type(reply) is not Expired:
        return replies[0]
    # A branch that takes too long takes back what its node has written.
    task.writes = ()
    return Failure(timeout_error(task, limit, reply))


def _kept_flow(flow: Flow, replies: list[Any]) -> Flow:
    # A flow that returns something stops those beside it, so what this one returns goes another way.
    try:
        replies.append((yield from flow))
    except GeneratorExit:
        raise
    except BaseException as error:
        replies.append(Failure(error))


def timeout_error(task: Task, limit: Limit, expired: Expired) -> NodeTimeoutError:
    """Return the error of an attempt whose time was up."""
    error = NodeTimeoutError(
        task.name,
        expired.elapsed,
        kind="idle" if expired.idle else "run",
        idle_timeout=limit.idle,
        run_timeout=limit.run,
    )
    error.__cause__ = expired.error
    return error


def failed_as(error: BaseException) -> Outcome:
    """Return the outcome of what an exception ended."""
    if isinstance(error, NodeTimeoutError):
        return Outcome.TIMEOUT
    return Outcome.BUDGET_EXCEEDED if isinstance(error, BudgetExceededError) else Outcome.ERROR
