"""
What is known of a run, as the rows of a picture: what it is, how it goes, since when, and what else there is.

Rule: as many rows as there is room for. What is going on and what failed comes before what went well; whatever is
left out is counted in a row of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from otgraph_exporters.run_tree import FAULTS, Group, Item

__all__ = ["WORDS", "Row", "details_of", "lines", "rows_of", "style_of", "time_text"]

LABEL: Final = 34
"""Characters of the first column."""
CUSTOM: Final = 48
"""Characters of a custom event that are shown."""

STYLES: Final = {
    "running": "bold cyan",
    "success": "green",
    "interrupted": "yellow",
    "drained": "yellow",
    "cancelled": "magenta",
    "abandoned": "magenta",
    "unfinished": "magenta",
    **dict.fromkeys(FAULTS, "bold red"),
}
"""Outcome -> style of rich."""

WORDS: Final = {
    "success": "ok",
    "interrupted": "paused",
    "recursion_limit": "too many steps",
    "budget_exceeded": "over budget",
}


@dataclass(frozen=True)
class Row:
    """One line of a picture."""

    branch: str
    """The lines that lead to it."""
    label: str
    outcome: str
    """An outcome, `running`, or nothing."""
    time: str = ""
    detail: str = ""

    @property
    def word(self) -> str:
        return WORDS.get(self.outcome, self.outcome)


def style_of(outcome: str) -> str:
    """Return the style of rich in which an outcome is shown."""
    return STYLES.get(outcome, "")


def rows_of(root: Item, now: int, room: int) -> list[Row]:
    """
    Return the rows of a run, at most `room` of them.

    Args:
        now: the time, in nanoseconds since the epoch.
    """
    for detail in (_Everything(), _News(), _Running(room // 2), _Running(3)):
        rows = list(_rows(root, now, detail))
        if len(rows) <= room:
            return rows
    hidden = len(rows) - room + 1
    return [*rows[: room - 1], Row("", f"… {hidden:,} more lines", "")]


class _Everything:
    """Chooses which children are shown: all that are known."""

    def shown(self, children: Sequence[Item]) -> Sequence[Item]:
        return children


class _News(_Everything):
    """What is going on, what failed, and the newest of what went well."""

    def shown(self, children: Sequence[Item]) -> Sequence[Item]:
        newest = max((i.start for i in children if i.end is not None), default=0)
        return [i for i in children if i.end is None or i.outcome != "success" or i.start == newest]


class _Running(_Everything):
    """The first few of what is going on; failures where nothing is."""

    def __init__(self, most: int) -> None:
        self._most = max(most, 1)

    def shown(self, children: Sequence[Item]) -> Sequence[Item]:
        going = [i for i in children if i.end is None]
        return (going or [i for i in children if i.outcome in FAULTS])[: self._most]


def _rows(root: Item, now: int, choice: _Everything) -> Iterator[Row]:
    yield _row(root, now, "", root.label)
    yield from _children(root, now, choice, "")


def _children(item: Item, now: int, choice: _Everything, indent: str) -> Iterator[Row]:
    children = list(item.children.values())
    shown = choice.shown(children)
    chosen = {child.id for child in shown}
    left_out = _summary(item, [child for child in children if child.id not in chosen])
    if left_out is not None:
        yield replace(left_out, branch=indent + ("├─ " if shown else "└─ "))
    for child in shown:
        last = child is shown[-1]
        yield from _child(
            child, now, choice, (indent + ("└─ " if last else "├─ "), indent + ("   " if last else "│  "))
        )


def _child(child: Item, now: int, choice: _Everything, branches: tuple[str, str]) -> Iterator[Row]:
    first, indent = branches
    if child.kind == "step" and child.tasks == 1 and len(child.children) == 1 and not child.rest:
        # A superstep with one task is told in that task's row.
        task = next(iter(child.children.values()))
        child, label = task, f"{child.step} {task.label}"
    elif child.kind == "step" and child.tasks != 1:
        label = f"{child.step} ({child.tasks:,} tasks)"
    else:
        label = child.label
    yield _row(child, now, first, label)
    inside = list(child.children.values())
    if child.kind == "task" and len(inside) == 1 and inside[0].kind == "run" and not child.rest:
        # The node is a graph: its run says nothing that the node does not.
        child = inside[0]
    yield from _children(child, now, choice, indent)


def _row(item: Item, now: int, branch: str, label: str) -> Row:
    if item.end is None:
        item.refresh()
    spent = time_text((item.end or now) - item.start)
    return Row(branch, label, item.outcome or "running", spent, details_of(item))


def details_of(item: Item) -> str:
    """Return what else there is to say of a span: attempts, error, tokens, custom events."""
    told = []
    if item.attempts > 1:
        told.append(f"attempt {item.attempts}" if item.end is None else f"{item.attempts} attempts")
    if item.error:
        told.append(item.error)
    if any(item.tokens):
        told.append(f"{item.tokens[0]:,} → {item.tokens[1]:,} tokens")
    if item.last_custom is not None:
        told.append(f"custom {item.customs:,}: {_short(item.last_custom)}")
    elif item.customs:
        told.append(f"{item.customs:,} custom event{'s' * (item.customs != 1)}")
    return " · ".join(told)


def _summary(item: Item, hidden: Sequence[Item]) -> Row | None:
    """Return a row for what is not shown of the children of `item`."""
    groups: dict[str, Group] = {}
    steps = item.steps
    for label, group in item.rest.items():
        groups.setdefault(label, Group()).merge(group)
    for child in hidden:
        if child.kind == "step":
            steps += 1
            for label, group in _inside(child):
                groups.setdefault(label, Group()).merge(group)
        else:
            groups.setdefault(child.label, Group()).merge(_alone(child))
    if not groups and not steps:
        return None
    count = sum(group.finished + group.running for group in groups.values())
    label = f"… {steps:,} more supersteps" if steps else f"… {count:,} more"
    faults = any(group.outcomes[name] for group in groups.values() for name in FAULTS)
    return Row("", label, "error" if faults else "", "", " · ".join(_told(*pair) for pair in groups.items()))


def _inside(step: Item) -> Iterator[tuple[str, Group]]:
    yield from step.rest.items()
    for task in step.children.values():
        yield task.label, _alone(task)


def _alone(item: Item) -> Group:
    group = Group()
    if item.end is None:
        group.running = 1
    else:
        group.add(item.outcome or "", item.end - item.start)
    return group


def _told(label: str, group: Group) -> str:
    outcomes = [f"{count:,} {WORDS.get(name, name)}" for name, count in group.outcomes.most_common()]
    if group.running:
        outcomes.append(f"{group.running:,} running")
    if group.finished > 1:
        spread = f", {time_text(group.low)} to {time_text(group.slowest)}"
    else:
        spread = f", {time_text(group.slowest)}" if group.finished else ""
    return f"{label}: {', '.join(outcomes)}{spread}"


def _short(payload: str) -> str:
    line = " ".join(payload.split())
    return line if len(line) <= CUSTOM else line[: CUSTOM - 1] + "…"


def time_text(nanoseconds: float) -> str:
    """Return a duration as people read it: `12 µs`, `3.4 ms`, `5.67 s`, `8:09`."""
    if nanoseconds < 1e6:
        return f"{max(nanoseconds, 0) / 1e3:.0f} µs"
    if nanoseconds < 1e9:
        return f"{nanoseconds / 1e6:.1f} ms"
    if nanoseconds < 60e9:
        return f"{nanoseconds / 1e9:.2f} s"
    minutes, seconds = divmod(int(nanoseconds / 1e9), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the rows as plain text, in columns."""
    width = max([LABEL, *(len(row.branch + row.label) for row in rows if row.time)])
    for row in rows:
        head = row.branch + row.label
        if not row.time:
            yield "  ".join(filter(None, (head, row.detail)))
        else:
            yield f"{head:<{width}}  {row.word:<11} {row.time:>9}  {row.detail}".rstrip()
