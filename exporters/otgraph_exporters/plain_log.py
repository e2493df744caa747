"""
What goes on in runs, as plain lines: for logs, CI and terminals that cannot draw.

Rule: each run says when it begins, what has ended in it, what takes long, and how it ended. Of what happens often
there is one line for many, so that a long run says less and less.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, TextIO

from otgraph.tracing import names
from otgraph_exporters.rows import WORDS, details_of, time_text
from otgraph_exporters.run_tree import NOTEWORTHY, Forest, Group, Item

__all__ = ["PlainLog"]

FREELY: Final = 5
"""So many lines of one name a run writes as they come; further ones are counted for a while, and share a line."""
SELDOM: Final = 2_000_000_000
SELDOMER: Final = 30_000_000_000
"""The same after a hundred lines."""
MOST_FAULTS: Final = 50
"""So many faults of a run have a line each."""
ALIKE: Final = 3
"""More tasks of one name at a time share a line."""
MOST_NAMES: Final = 50
PATIENCE: Final = 10_000_000_000
"""After so many nanoseconds of silence a run says what it does; then after twice as long, and so on."""


class PlainLog:
    """
    Writes lines about runs.

    Args:
        stream: where to.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._runs: dict[int, _RunLog] = {}
        self._begun = 0

    def forget(self, why: str) -> None:
        """Forget all runs, and say why."""
        self._runs.clear()
        self._stream.write(f"{why}\n")
        self._stream.flush()

    def started(self, item: Item) -> None:
        """Report the start of a root run."""
        if item.parent is None and item.span is not None:
            self._begun += 1
            log = self._runs[item.id] = _RunLog(self._begun, item)
            run_id = (item.span.attributes or {}).get(names.RUN_ID)
            self._write(log, f"{item.label} started, run {run_id}")

    def ended(self, item: Item) -> None:
        """Take note of the end of a task, or report that of a root run."""
        root, step, path = _place(item)
        log = self._runs.get(root.id)
        if log is None:
            return
        if item is root:
            self._flush(log)
            self._write(log, f"{item.label} {_how(item)}")
            del self._runs[root.id]
        elif item.kind == "task":
            if item.outcome in NOTEWORTHY and log.faults < MOST_FAULTS:
                log.faults += 1
                self._flush(log)
                self._write(log, f"  {step}{path} {_how(item)}")
            else:
                log.add(path, item)

    def tick(self, forest: Forest, now: int) -> None:
        """Report what has ended since the last time, and what takes long."""
        for root in forest.roots.values():
            log = self._runs.get(root.id)
            if log is None:
                continue
            if due := log.due(now):
                self._flush(log, due)
                log.last, log.patience = now, PATIENCE
            elif now - log.last > log.patience:
                log.last, log.patience = now, 2 * log.patience
                self._write(log, _still(root, now))

    def _flush(self, log: _RunLog, due: Iterable[str] | None = None) -> None:
        for path in list(log.pending) if due is None else due:
            group, examples = log.pending.pop(path)
            log.written[path] += 1
            if group.finished <= ALIKE:
                for item in examples:
                    self._write(log, f"  {_place(item)[1]}{path} {_how(item)}")
            else:
                outcomes = ", ".join(
                    f"{count:,} {WORDS.get(name, name)}" for name, count in group.outcomes.items()
                )
                spread = f"{time_text(group.low)} to {time_text(group.slowest)}"
                self._write(log, f"  {path} {outcomes}, {spread}")

    def _write(self, log: _RunLog, text: str) -> None:
        log.lines += 1
        self._stream.write(f"[{log.number}] {text}\n")
        self._stream.flush()


class _RunLog:
    """What has been said of a run."""

    def __init__(self, number: int, root: Item) -> None:
        self.number = number
        self.lines = 0
        self.faults = 0
        self.last = root.start
        self.patience = PATIENCE
        self.pending: dict[str, tuple[Group, list[Item]]] = {}
        """Tasks that have ended and were not reported yet, by what they are called."""
        self.written: Counter[str] = Counter()
        """How many lines each name has."""

    def due(self, now: int) -> list[str]:
        """Return the names of which there is something to report now."""
        rare = now - self.last > (SELDOM if self.lines < 100 else SELDOMER)
        return [path for path in self.pending if rare or self.written[path] < FREELY]

    def add(self, path: str, item: Item) -> None:
        if path not in self.pending and len(self.pending) >= MOST_NAMES:
            path = "others"
        group, examples = self.pending.setdefault(path, (Group(), []))
        group.add(item.outcome or "", (item.end or item.start) - item.start)
        if len(examples) <= ALIKE:
            examples.append(item)


def _place(item: Item) -> tuple[Item, str, str]:
    """Return the root run of a task, the number of its superstep, and its name below the run."""
    parts: list[str] = []
    step = "" if item.step is None or item.kind != "task" else f"{item.step} "
    while item.parent is not None:
        if item.kind == "task":
            parts.append(item.label)
        item = item.parent
    return item, step, " > ".join(reversed(parts))


def _how(item: Item) -> str:
    outcome = item.outcome or ""
    spent = time_text((item.end or item.start) - item.start)
    return ", ".join(filter(None, (WORDS.get(outcome, outcome), spent, details_of(item))))


def _still(root: Item, now: int) -> str:
    going = [item for item in root.below() if item.kind == "task" and item.end is None]
    named = [f"{item.label} ({time_text(now - item.start)})" for item in going[:5]]
    more = f" and {len(going) - 5:,} more" if len(going) > 5 else ""
    return f"  still running after {time_text(now - root.start)}: {', '.join(named) or 'nothing'}{more}"
