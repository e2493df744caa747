"""
Threads made from a description: runs of a described graph that is saved, one after another on one thread.

A thread is `{"driver", "durability", "steps"}`. A step is a run (new input, None, answers, a Command; from the newest
checkpoint or an older one; with breakpoints or without) or an update of the state. After each step the state is
looked at; at the end the history, and what is in the saver of the root graph: those inside run side by side.

Rule: answers are chosen by what is asked, and old checkpoints by their place in the history, so that a description
means the same on every engine, whatever the ids.
"""

from __future__ import annotations

from typing import Any

from .described import BODIES, UNDETERMINED, Described
from .drive import Drive
from .engine import Engine
from .normalise import NULL_ID, Chunks, Normaliser, Raised

__all__ = ["run_thread"]

THREAD = {"configurable": {"thread_id": "1"}, "recursion_limit": 12, "max_concurrency": 32}
MODES = ["values", "updates", "custom", "tasks", "checkpoints"]
NOBODYS = "0123456789abcdef0123456789abcdef"
"""The id of a question that nobody asked."""


def run_thread(engine: Engine, graph: dict[str, Any], thread: dict[str, Any]) -> list[str]:
    """Build `graph`, make every step, and return what was observed, a line each."""
    normaliser = Normaliser(sort_interrupts=True)
    lines: list[str] = []
    with Drive(engine, thread["driver"]) as drive:
        for number, seen in enumerate(_Thread(engine, drive, graph, thread).observations()):
            lines += [f"call {number}: {line}" for line in normaliser.lines([seen])]
            if isinstance(seen, str):
                break
    return lines


class _Thread(Described):
    """One thread of one graph; what nodes have failed already is known over all its runs."""

    def __init__(self, engine: Engine, drive: Drive, graph: dict[str, Any], thread: dict[str, Any]) -> None:
        super().__init__(engine, drive, graph)
        self.thread = thread
        self.failed: set[str] = set()

    def observations(self) -> Any:
        """Yield what each step shows, and at its end the whole thread."""
        saver = self.drive.saver()
        built = self.drive.attempt(self.build, self.graph, "", self.drive, saver)
        if isinstance(built, Raised):
            yield built
            return
        for step in self.thread["steps"]:
            self.bodies = self.ups = self.asked = 0
            if step["do"] == "update":
                seen = self.update_state(built, step)
            elif self.is_told_apart(built, step, saver):
                continue
            else:
                seen = self.run(built, step)
            if self.bodies > BODIES or self.drive.turns.tied or self.is_race(seen):
                yield UNDETERMINED
                return
            yield seen
            if self.is_stuck(seen):
                return
            yield self.drive.state(built, THREAD, subgraphs=True)
        yield self.drive.history(built, THREAD)
        yield self.drive.saved(saver, {"configurable": {"thread_id": "1", "checkpoint_ns": ""}})

    def place(self, built: Any, step: dict[str, Any]) -> Any:
        """Return the config of the checkpoint that a step starts from."""
        if step["at"] is None:
            return THREAD
        history = [state for state in self.drive.history(built, THREAD) if not isinstance(state, Raised)]
        return THREAD | history[step["at"] % len(history)].config if history else THREAD

    def is_told_apart(self, built: Any, step: dict[str, Any], saver: Any) -> bool:
        """Whether otgraph refuses a step on purpose, or takes no answer for it that was for an earlier question."""
        if step["given"] == "input":
            return False
        place = self.place(built, step)
        state = self.drive.state(built, place)
        if isinstance(state, Raised) or state.metadata is None:
            return True
        goes_on = step["update"] or step["goto"]
        by_value = step["given"] == "answer" and step["how"] in ("one", "word")
        if step["given"] == "answer" and not goes_on and (step["how"] == "nothing" or not state.next):
            return True
        kept = self.drive.one_saved(saver, place).pending_writes
        if by_value:
            asked = [each for _, channel, value in kept if channel == "__interrupt__" for each in value]
            return len(asked) > 1
        return any(task == NULL_ID and channel == "__resume__" for task, channel, _ in kept)

    def is_race(self, seen: Any) -> bool:
        """Whether LangGraph leaves open what is kept: where a task failed in an async run while others asked."""
        failed = isinstance(seen, Chunks) and bool(seen) and isinstance(seen[-1], Raised)
        if failed and self.asked and self.drive.driver == "async":
            return True
        return bool(self.ups) and self.contested(seen)

    def is_stuck(self, seen: Any) -> bool:
        """Whether a step's writes do not go together: what LangGraph then shows of the thread depends on the saver."""
        last = seen[-1] if isinstance(seen, Chunks) and seen else seen
        return isinstance(last, Raised) and isinstance(last.error, self.lg.errors.InvalidUpdateError)

    # -- steps

    def run(self, built: Any, step: dict[str, Any]) -> Any:
        """Run the graph; return the chunks."""
        return self.drive.stream(
            built,
            self.given(built, step),
            self.place(built, step),
            stream_mode=MODES,
            subgraphs=True,
            woven=True,
            durability=self.thread["durability"],
            interrupt_before=step["interrupt_before"],
            interrupt_after=step["interrupt_after"],
        )

    def given(self, built: Any, step: dict[str, Any]) -> Any:
        """Return the input of a run."""
        if step["given"] == "input":
            return step["input"]
        if step["given"] == "none":
            return None
        values = self.values(step["update"])
        goto = [self.target(each) for each in step["goto"]]
        return self.lg.types.Command(resume=self.answers(built, step), update=values, goto=goto)

    def answers(self, built: Any, step: dict[str, Any]) -> Any:
        """Return the resume value: for one question, or by id for all or some that are open."""
        state = self.drive.state(built, THREAD)
        asked = (
            () if isinstance(state, Raised) else sorted(state.interrupts, key=lambda each: repr(each.value))
        )
        chosen = [each for index, each in enumerate(asked) if step["how"] == "all" or index in step["pick"]]
        return {
            "nothing": None,
            "one": "an answer",
            "all": {each.id: f"to {each.value}" for each in chosen},
            "some": {each.id: f"to {each.value}" for each in chosen},
            "unknown": {NOBODYS: "to nobody", **{each.id: "too" for each in chosen}},
            "word": {"word": "no id"},
        }[step["how"]]

    def update_state(self, built: Any, step: dict[str, Any]) -> Any:
        """Change the state; return the config."""
        place = self.place(built, step)
        made = self.drive.update(built, place, self.values(step["update"]), step["as_node"])
        ambiguous = isinstance(made, Raised) and "Ambiguous" in str(made.error)
        return "ambiguous" if ambiguous else made

    def values(self, update: dict[str, int] | None) -> Any:
        """Return the values that a Command or an update writes."""
        return self.update(update, {"name": "u"}, {})

    def kind(self, key: str) -> str:
        """LangGraph saves on exit what is not to be saved, and loses what lasts for a step: here they are as others."""
        return "last" if key in ("unt", "eph", "any") else super().kind(key)

    # -- bodies

    def rank(self, node: dict[str, Any], where: str, state: Any) -> tuple[Any, ...]:
        """Return the turn of a body, one that fails for the first time last."""
        last, *rest = super().rank(node, where, state)
        return (last or self.fails_now(node, where), *rest)

    def fails_now(self, node: dict[str, Any], where: str) -> bool:
        """Whether a body is about to fail because it has not yet."""
        return bool(node.get("fails_first")) and where not in self.failed

    def outcome(self, node: dict[str, Any], where: str, state: Any) -> Any:
        """Ask what there is to ask, fail the first time, then do what the description says."""
        answers = [self.ask(f"{where} {state} {number}") for number in range(node.get("asks", 0))]
        if self.fails_now(node, where):
            self.failed.add(where)
            raise ValueError(f"{node['name']} fails the first time")
        result = super().outcome(node, where, state)
        if answers and isinstance(result, dict) and "log" in result and isinstance(result["log"], list):
            return result | {"log": [*result["log"], *answers]}
        return result

    def ask(self, question: str) -> Any:
        """Ask, and return the answer."""
        self.asked += 1
        return self.lg.types.interrupt(question)
