"""
How a saved run takes its input: a new turn, a `Command`, an answer, or nothing but the wish to go on.

Rule: a thread that stopped goes on from where it is; a new input gives up what was due, and starts from the start
with the state that there is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from otgraph.command import Command, Send
from otgraph.constants import INTERRUPT, NULL_TASK_ID, RESUME, ROOT, START, TASKS, branch_channel
from otgraph.engine.answers import check_answer, check_unambiguous, is_map
from otgraph.engine.damage import nodes_lost, nothing_asked, nothing_saved
from otgraph.engine.effects import Flow, ListCheckpoints, LoadCheckpoint, Rest, checked
from otgraph.engine.origins import is_newest_flow, origin_of, question_ids
from otgraph.engine.restore import FIRST, restore_flow
from otgraph.engine.run import Run
from otgraph.engine.saving import SPECIAL, put_writes_flow, save_flow
from otgraph.engine.task import Task
from otgraph.engine.tasks import plan_tasks
from otgraph.engine.thread import Replayed, SavedThread
from otgraph.engine.writes import apply_writes, input_writes, result_writes, written_by_nobody
from otgraph.errors import EmptyInputError, InvalidUpdateError
from otgraph.events import Write
from otgraph.ids import checkpoint_text

__all__ = ["attach", "begin_flow", "load_flow"]


def load_flow(run: Run, thread: SavedThread, input: Any) -> Flow:
    """Give a run the state of the checkpoint that it starts from, if there is one."""
    above = thread.above
    named = thread.asked_for
    found, branches = None, False
    if (
        above is not None
        and named is None
        and above.replayed is not None
        and above.replayed.first_visit(thread.ns)
    ):
        # The graph around goes on from a point of the past: this one does so too.
        before = thread.config(above.replayed.checkpoint_id)
        older = checked((yield ListCheckpoints(thread.saver, thread.config(), before=before, limit=1)))
        found = older[0] if older else None
        branches = True
    else:
        found = checked((yield LoadCheckpoint(thread.saver, thread.config(named))))
    deltas = thread.deltas
    if deltas is not None and (branches or (thread.durability == "exit" and named is not None)):
        # Others may have gone on from there; what is written now is not to become theirs.
        deltas.branch_off()
    if found is None:
        if deltas is not None and thread.durability == "exit":
            deltas.first = checkpoint_text(checked((yield Rest(FIRST))))
        return
    yield from restore_flow(run, thread, found)
    goes_on = bool(run.versions) and _goes_on(run, thread, input)
    answered = isinstance(input, Command) and input.resume is not None
    if named is not None and above is None:
        thread.is_newest = yield from is_newest_flow(thread, named)
        if deltas is not None and not thread.is_newest:
            deltas.branch_off()
        branches = not thread.is_newest or (goes_on and not answered and not _was_made(thread))
    run.origin = origin_of(thread, found, goes_on=goes_on, branches=branches, answered=answered)


def begin_flow(run: Run, thread: SavedThread, input: Any) -> Flow:
    """
    Take the input of a run whose thread was loaded.

    Raises:
        EmptyInputError: there is no input, and nothing to go on from.
        RuntimeError: an answer was given, and nothing is due.
        UnknownInterruptError: an answer goes with no question, and the caller asked to hear of that.
    """
    resuming = bool(run.versions) and _goes_on(run, thread, input)
    answered = isinstance(input, Command) and input.resume is not None
    if answered:
        check_answer(run, thread, input.resume)
    forks = resuming and _look_back(thread, answered=answered)
    if not run.versions and (input is None or answered):
        raise EmptyInputError(
            f"Received no input for __start__: {nothing_saved(run.thread, thread.asked_for)}"
        )
    if resuming and thread.lost:
        raise nodes_lost(run.thread, thread.lost)
    if isinstance(input, Command):
        if answered and input.update is None and not input.goto and not plan_tasks(run, inputs=False):
            raise nothing_asked(run.thread)
        yield from _command_flow(run, thread, input, kept=not forks)
    _take_pending(run, thread, cut_off=input is None)
    if resuming:
        thread.resuming = True
        _pass_breakpoint(run)
        if thread.asked_for is not None and thread.above is None and not answered:
            thread.replayed = Replayed(thread.asked_for)
        if forks:
            thread.resuming = False
            thread.answers.take()
            yield from save_flow(run, thread, "fork")
    else:
        thread.resuming = False
        _give_up_due(run, input)
        yield from save_flow(run, thread, "input")


def _goes_on(run: Run, thread: SavedThread, input: Any) -> bool:
    """Say whether a run goes on from where an earlier one stopped."""
    if thread.above is not None:
        return thread.resuming
    if input is None or isinstance(input, Command):
        return True
    run_id = run.options.config.metadata.get("run_id")
    return run_id is not None and run_id == thread.metadata.get("run_id")


# ---- commands


def _command_flow(run: Run, thread: SavedThread, command: Command[Any], *, kept: bool) -> Flow:
    """
    Take what a command writes, and its answer.

    Args:
        kept: whether to save them with the checkpoint that the run is at; a fork has them in its own.
    """
    writes = list(_command_writes(run, command))
    answer = command.resume
    if is_map(answer):
        thread.answers.by_id = answer
    elif answer is not None:
        check_unambiguous(thread)
        writes.append((RESUME, answer))
        thread.answers.give(answer)
    if writes and not kept:
        thread.pending[NULL_TASK_ID] = [*thread.pending.get(NULL_TASK_ID, ()), *writes]
    elif writes:
        yield from put_writes_flow(thread, NULL_TASK_ID, writes, "")
    elif not is_map(answer):
        raise EmptyInputError("Received empty Command input")


def _command_writes(run: Run, command: Command[Any]) -> Iterator[Write]:
    if command.graph == Command.PARENT:
        raise InvalidUpdateError("There is no parent graph")
    goto = command.goto
    for target in goto if isinstance(goto, (list, tuple)) else (goto,):
        if isinstance(target, Send):
            yield TASKS, target
        elif isinstance(target, str):
            yield branch_channel(target), START
        else:
            raise TypeError(f"In Command.goto, expected Send/str, got {type(target).__name__}")
    update = command.update
    if isinstance(update, Mapping):
        yield from update.items()
    elif update is not None:
        found = result_writes(Command(update=update), run.plan.state_keys)
        yield from found or [(ROOT, update)]


def _take_pending(run: Run, thread: SavedThread, *, cut_off: bool) -> None:
    """
    Apply what a command wrote, of this run or of one that was cut off.

    Args:
        cut_off: whether to take the answer, too, that was given to a run that was cut off.
    """
    writes = thread.pending.get(NULL_TASK_ID, ())
    for channel, value in writes:
        if cut_off and channel == RESUME:
            thread.answers.give(value)
    applied = [write for write in writes if write[0] not in SPECIAL]
    if applied:
        due = run.updated
        changed, written = apply_writes(run, [written_by_nobody(run, applied)])
        # What was due is due still.
        run.updated = None if due is None or run.updated is None else due | run.updated
        run.observer.step_applied(run, -1, changed, written)


# ---- going on, or starting anew


def _look_back(thread: SavedThread, *, answered: bool) -> bool:
    """
    Let go of what is kept with a checkpoint of the past that the caller named; return whether the run goes another way.

    Args:
        answered: whether the caller gave an answer. Then the run goes the same way, and answers from then are kept.
    """
    if thread.asked_for is None or thread.above is not None:
        return False
    if thread.is_newest and (answered or _was_made(thread)):
        # Who names the checkpoint and gives no answer has all of its tasks run again.
        thread.again = not answered
        return False
    thread.again = answered
    thread.pending = {task: kept for task, kept in thread.pending.items() if answered or task == NULL_TASK_ID}
    return not answered


def _was_made(thread: SavedThread) -> bool:
    """Say whether the checkpoint is there to be gone on from: an update, or the start of another way."""
    return thread.metadata.get("source") in ("update", "fork")


def _pass_breakpoint(run: Run) -> None:
    """Pass the breakpoint that the thread stopped at, and show the state it goes on from."""
    run.seen[INTERRUPT] = {name: run.versions[name] for name in run.channels if name in run.versions}
    run.observer.run_resumed(run)
    # What is shown first is the result, if nothing else is due.
    run.answered = True
    if run.fleeting:
        run.last = run.read(run.output_keys)


def _give_up_due(run: Run, input: Any) -> None:
    """Give up the tasks that were due, and write the input."""
    due = plan_tasks(run, inputs=False)
    for task in due:
        task.writes = ()
    changed, written = apply_writes(run, [*due, written_by_nobody(run, input_writes(run, input))])
    if changed or written:  # the input of a graph that is wired by hand is state from the beginning
        run.observer.step_applied(run, -1, changed, written)


def attach(run: Run, thread: SavedThread, tasks: Sequence[Task]) -> None:
    """Give tasks what is kept of an earlier execution: their writes, or the answers to their questions."""
    for task in tasks:
        kept = thread.pending.get(task.id)
        if kept is None:
            continue
        writes = [write for write in kept if write[0] not in SPECIAL]
        if writes and not thread.again:
            task.writes = writes
            task.restored = True
        for channel, value in kept:
            if channel == RESUME:
                task.resumes = list(value)
            elif channel == INTERRUPT:
                task.goes_on = question_ids(value)
