"""
Which edges a graph has: a dry run in which every node writes all that it declares.

Rule: an edge is drawn if a run can take it. A node that nothing leads to has none, and a branch that says
nothing of its ends leads nowhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from otgraph.constants import END, START
from otgraph.graph.elements import Edge
from otgraph.plan.declared import Declared

__all__ = ["find_edges"]

STEPS = 251
"""Where the dry run of a loop without an exit stops: the start, and the 250 supersteps LangGraph takes."""


def find_edges(declared: Declared) -> list[Edge]:
    """Return the edges of what was declared, ordered by source and target; those to the end last."""
    return DryRun(declared).run()


class Join:
    """An edge from several nodes, taken once all of them have run."""

    __slots__ = ("arrived", "end", "seen", "starts")

    def __init__(self, starts: Iterable[str], end: str) -> None:
        self.starts = frozenset(starts)
        self.end = end
        self.arrived: set[str] = set()
        """Since it was taken last."""
        self.seen: set[str] = set()

    def arrive(self, source: str) -> None:
        self.arrived.add(source)
        self.seen.add(source)

    @property
    def is_open(self) -> bool:
        return self.arrived == self.starts


class DryRun:
    """One walk through a graph, superstep by superstep."""

    def __init__(self, declared: Declared) -> None:
        self.nodes: list[str] = list(declared.nodes)
        self.deferred = frozenset(name for name, node in declared.nodes.items() if node.defer)
        self.follows: dict[str, list[str]] = {name: [] for name in (START, *self.nodes)}
        for source, target in sorted(declared.edges):
            if target != END:
                self.follows[source].append(target)
        self.joins = [Join(starts, end) for starts, end in sorted(declared.waiting_edges)]
        self.choices = {name: dict(_choices(declared, name)) for name in (START, *self.nodes)}
        """Where each node may go by a branch or a Command -> the label. Taken once: it need not be."""

        self.writers: dict[str, dict[str, Edge]] = {name: {} for name in self.nodes}
        """Node -> who has written to it so far, and by which edge last."""
        self.pending: set[str] = set()
        self.visited: set[str] = set()
        self.edges: dict[tuple[str, str], Edge] = {}

    def run(self) -> list[Edge]:
        tasks, last = [START], [START]
        for _ in range(STEPS):
            if not tasks:
                break
            last = tasks
            for task in tasks:
                self._execute(task)
            tasks = self._take_due(last)
        self.visited.update(tasks)
        found = [self.edges[key] for key in sorted(self.edges)]
        return found + self._find_exits(found, last)

    def _execute(self, task: str) -> None:
        for target in self.follows[task]:
            self.writers[target][task] = Edge(task, target)
            self.pending.add(target)
        for join in self.joins:
            if task in join.starts:
                join.arrive(task)
        if task not in self.visited:
            self.visited.add(task)
            for target, label in self.choices[task].items():
                edge = Edge(task, target, label, conditional=True)
                if target == END:
                    self.edges[task, END] = edge
                else:
                    self.writers[target][task] = edge
                    self.pending.add(target)

    def _take_due(self, last: list[str]) -> list[str]:
        """Return the nodes that are due after `last`; deferred ones when nothing else is."""
        due = [name for name in self.nodes if name not in self.deferred and self._is_due(name)]
        if due:
            self._take(due)
            return due
        due = [name for name in self.nodes if name in self.deferred and self._is_due(name)]
        for name, writers in self._take(due):
            if not writers.intersection(last):
                # They did not write to it, but it is because they ended that it runs.
                self.edges.update({(task, name): Edge(task, name, conditional=True) for task in last})
        return due

    def _is_due(self, name: str) -> bool:
        return name in self.pending or any(join.is_open for join in self.joins if join.end == name)

    def _take(self, due: list[str]) -> list[tuple[str, set[str]]]:
        """Note the edges by which nodes became due; return who wrote to each."""
        taken = []
        for name in due:
            self.pending.discard(name)
            found = dict(self.writers[name])
            for join in self.joins:
                if join.end == name:
                    found.update({source: Edge(source, name) for source in join.seen})
                    if join.is_open:
                        join.arrived.clear()
            self.edges.update({(source, name): edge for source, edge in found.items()})
            taken.append((name, set(found)))
        return taken

    def _find_exits(self, found: list[Edge], last: list[str]) -> list[Edge]:
        """Return the edges to the end that nobody wrote: a graph must end somewhere."""
        sources = {edge.source for edge in found}
        exits = [Edge(name, END) for name in sorted(self.visited - {START}) if name not in sources]
        if not exits and len(last) == 1 and all(edge.target != END for edge in found):
            return [Edge(last[0], END, conditional=True)]
        return exits


def _choices(declared: Declared, name: str) -> Iterator[tuple[str, str | None]]:
    """Yield the nodes that `name` may choose to go to, each with the label of its edge."""
    labels: dict[str, list[str | None]] = {}
    for branch in declared.branches.get(name, {}).values():
        for result, target in (branch.ends or {}).items():
            labels.setdefault(target, []).append(str(result))
    destinations = declared.nodes[name].destinations if name in declared.nodes else None
    named = destinations if isinstance(destinations, dict) else dict.fromkeys(destinations or ())
    for target, label in named.items():
        labels.setdefault(target, []).append(label)
    for target, given in labels.items():
        label = min(given, key=lambda each: each or "")
        yield target, None if label == target else label
