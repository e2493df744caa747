"""
The runs that are going on, as trees of what a reader wants to know of their spans.

Rule: it is bounded, and one thread at a time may use it. What is over is kept only as far as it is news; the rest of
it, and whatever begins beyond a limit, is counted in a tally of its parent. Content is known only where a span bears
it, and so only with content capture on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from opentelemetry.sdk.trace import ReadableSpan

from otgraph.tracing import names

__all__ = ["CUSTOM_EVENT", "FAULTS", "RETRIED_EVENT", "Forest", "Group", "Item"]

CUSTOM_EVENT: Final = "otgraph.custom"
RETRIED_EVENT: Final = "otgraph.task.retried"

KEPT: Final = 3
"""Of the finished children of a span so many are kept, the newest and those that failed."""
MOST_ITEMS: Final = 5_000
"""So many spans are known at a time."""
MOST_ROOTS: Final = 500
MOST_GROUPS: Final = 12
"""So many names are told apart in a tally."""

FAULTS: Final = frozenset(("error", "timeout", "recursion_limit", "budget_exceeded"))
NOTEWORTHY: Final = FAULTS | {"interrupted", "abandoned"}

MODEL_OPERATIONS: Final = frozenset(("chat", "text_completion", "generate_content"))


class Group:
    """Spans of one name that are not shown one by one."""

    __slots__ = ("low", "outcomes", "running", "slowest")

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.running = 0
        self.low = 0
        """Nanoseconds of the shortest."""
        self.slowest = 0

    @property
    def finished(self) -> int:
        return self.outcomes.total()

    def add(self, outcome: str, duration: int) -> None:
        """Count one that is over."""
        self.low = duration if not self.outcomes else min(self.low, duration)
        self.slowest = max(self.slowest, duration)
        self.outcomes[outcome] += 1

    def merge(self, other: Group) -> None:
        """Count all of another group."""
        if other.outcomes:
            self.low = other.low if not self.outcomes else min(self.low, other.low)
            self.slowest = max(self.slowest, other.slowest)
            self.outcomes.update(other.outcomes)
        self.running += other.running


class Item:
    """A span that is shown."""

    __slots__ = (
        "attempts", "children", "customs", "end", "error", "finished", "id", "kind", "label", "last_custom",
        "outcome", "parent", "rest", "span", "start", "step", "steps", "tasks", "tokens",
    )  # fmt: skip

    def __init__(self, span: ReadableSpan, span_id: int, parent: Item | None) -> None:
        attributes = span.attributes or {}
        self.id = span_id
        self.parent = parent
        self.span: ReadableSpan | None = span
        """The span itself while it lasts."""
        self.kind, self.label = _describe(span.name, attributes)
        self.start: int = span.start_time or 0
        self.end: int | None = None
        self.outcome: str | None = None
        self.error: str | None = None
        self.attempts = 1
        self.customs = 0
        """How many items its code handed to the stream writer."""
        self.last_custom: str | None = None
        """The newest of them as JSON, if it was captured."""
        self.tokens = [0, 0]
        self.step: int | None = attributes.get(names.STEP)  # type: ignore[assignment]
        self.tasks: int = attributes.get(names.STEP_TASKS, 0)  # type: ignore[assignment]
        self.children: dict[int, Item] = {}
        self.finished: list[Item] = []
        """Those of the children that are over, oldest first."""
        self.rest: dict[str, Group] = {}
        """What is not shown any more, or never was: name -> how much of it."""
        self.steps = 0
        """How many supersteps are counted in `rest`."""

    def refresh(self) -> None:
        """Read what a span that is going on has recorded by now."""
        if self.span is not None and self.kind in ("task", "tool"):
            self._read_events(self.span)

    def finish(self, span: ReadableSpan) -> None:
        """Take what the end of the span says, and let go of it."""
        attributes = span.attributes or {}
        self.end = span.end_time or self.start
        self.error = attributes.get(names.ERROR_TYPE)  # type: ignore[assignment]
        self.outcome = _outcome(span)
        if self.kind == "task":
            self._read_events(span)
        self.attempts = attributes.get(names.ATTEMPTS, self.attempts)  # type: ignore[assignment]
        self.customs = attributes.get(names.CUSTOM_COUNT, self.customs)  # type: ignore[assignment]
        self.span = None
        if self.kind == "model":
            self._spend(attributes)

    def _spend(self, attributes: Any) -> None:
        used = [attributes.get(key, 0) for key in (names.INPUT_TOKENS, names.OUTPUT_TOKENS)]
        item: Item | None = self
        while item is not None:
            item.tokens[0] += used[0]
            item.tokens[1] += used[1]
            item = item.parent

    def _read_events(self, span: ReadableSpan) -> None:
        attempts, customs, last = 1, span.dropped_events, None
        for event in span.events:
            if event.name == CUSTOM_EVENT:
                customs += 1
                last = (event.attributes or {}).get(names.PAYLOAD)
            elif event.name == RETRIED_EVENT:
                attempts += 1
        self.attempts, self.customs = max(attempts, self.attempts), customs
        self.last_custom = None if last is None else str(last)

    def group(self, label: str) -> Group:
        """Return the tally for a name; what comes after many names is counted as others."""
        if label not in self.rest and len(self.rest) >= MOST_GROUPS:
            label = "others"
        return self.rest.setdefault(label, Group())

    def keep_news(self, kept: int) -> None:
        """Fold finished children into the tally, the oldest first and what went well before the rest."""
        while len(self.finished) > kept:
            oldest = next((i for i in self.finished if i.outcome not in NOTEWORTHY), self.finished[0])
            self.finished.remove(oldest)
            self.children.pop(oldest.id, None)
            self._fold(oldest)

    def _fold(self, item: Item) -> None:
        if item.kind != "step":
            self.group(item.label).add(item.outcome or "", (item.end or item.start) - item.start)
            return
        self.steps += 1
        for child in item.children.values():
            self.group(child.label).add(child.outcome or "", (child.end or child.start) - child.start)
        for label, group in item.rest.items():
            self.group(label).merge(group)

    def below(self) -> Iterator[Item]:
        """Yield all that is below it."""
        for child in self.children.values():
            yield child
            yield from child.below()


class Forest:
    """
    All runs that are going on.

    Args:
        kept: how many finished children of a span are kept one by one.
    """

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._items: dict[int, Item] = {}
        self.roots: dict[int, Item] = {}
        """Root runs, the oldest first."""
        self.uncounted = 0
        """Root runs that are going on and are too many to be shown."""

    def start(self, span: ReadableSpan) -> Item | None:
        """Take the start of a span; return what is known of it, or None where it is not shown."""
        above = self._items.get(span.parent.span_id) if span.parent is not None else None
        if above is None and not _is_run(span):
            return None
        if above is None and len(self.roots) >= MOST_ROOTS:
            self.uncounted += 1
            return None
        if above is not None and len(self._items) >= MOST_ITEMS:
            above.group(_describe(span.name, span.attributes or {})[1]).running += 1
            return None
        span_id = _id(span)
        item = self._items[span_id] = Item(span, span_id, above)
        if above is None:
            self.roots[span_id] = item
        else:
            above.children[span_id] = item
        return item

    def end(self, span: ReadableSpan) -> Item | None:
        """Take the end of a span; return what is known of it. A root run is not known any more afterwards."""
        item = self._items.pop(_id(span), None)
        if item is None:
            self._end_unknown(span)
            return None
        item.finish(span)
        for child in list(item.below()):
            if child.end is None:
                # Somebody's span that outlives its parent: there is no place for it any more.
                child.end, child.outcome, child.span = item.end, "unfinished", None
                self._items.pop(child.id, None)
        if item.parent is None:
            del self.roots[item.id]
        else:
            item.parent.finished.append(item)
            item.parent.keep_news(self._kept)
        return item

    def _end_unknown(self, span: ReadableSpan) -> None:
        above = self._items.get(span.parent.span_id) if span.parent is not None else None
        if above is not None:
            group = above.group(_describe(span.name, span.attributes or {})[1])
            group.running = max(group.running - 1, 0)
            group.add(_outcome(span), (span.end_time or 0) - (span.start_time or 0))
        elif self.uncounted and _is_run(span):
            self.uncounted -= 1


def _id(span: ReadableSpan) -> int:
    context = span.get_span_context()
    return 0 if context is None else context.span_id


def _is_run(span: ReadableSpan) -> bool:
    attributes = span.attributes or {}
    return names.RUN_ID in attributes and _describe(span.name, attributes)[0] == "run"


def _describe(name: str, attributes: Any) -> tuple[str, str]:
    """Return what kind of span it is, and what to call it."""
    operation = attributes.get(names.OPERATION)
    if operation == names.RUN_SPAN:
        return "run", str(attributes.get(names.WORKFLOW, name))
    if operation == names.AGENT_SPAN and names.RUN_ID in attributes:
        return "run", str(attributes.get(names.AGENT, name))
    if operation == names.TASK_SPAN:
        return "task", str(attributes.get(names.NODE, name))
    if name == names.STEP_SPAN:
        return "step", f"superstep {attributes.get(names.STEP, '')}".rstrip()
    if operation == names.TOOL_SPAN:
        return "tool", f"tool {attributes.get(names.TOOL, name)}"
    if operation in MODEL_OPERATIONS:
        return "model", name
    return "other", name


def _outcome(span: ReadableSpan) -> str:
    told = (span.attributes or {}).get(names.OUTCOME)
    if told is not None:
        return str(told)
    return "success" if span.status.is_ok or span.status.is_unset else "error"
