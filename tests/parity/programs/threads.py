"""What programs about saved runs share: configs of threads, nodes that ask, short looks at what is saved."""

from typing import Any

from .states import speaker

THREAD: dict[str, Any] = {"configurable": {"thread_id": "1"}}

FULL = ("values", "updates", "custom", "tasks", "checkpoints")
"""Every mode of a stream but the one that repeats others."""


def thread(name: Any = "1", /, **configurable: Any) -> dict[str, Any]:
    """Return the config of a thread."""
    return {"configurable": {"thread_id": name, **configurable}}


def asker(lg: Any, drive: Any, name: str, *questions: Any, turn: Any = None, key: str = "log") -> Any:
    """Return a node that asks its questions one after another and writes the answers, as a list, to `key`."""

    @drive.node(turn=turn)
    def ask(state: Any) -> dict[str, Any]:
        return {key: [f"{name}: {lg.types.interrupt(question)}" for question in questions or (name,)]}

    return ask


def ordered(drive: Any, *words: str) -> list[tuple[str, Any]]:
    """Return one (name, node) pair a word; where several run at once they end in this order."""
    return [(word, speaker(drive, word, turn=turn)) for turn, word in enumerate(words)]


def failing(drive: Any, word: str, *, times: int = 1, turn: Any = None, key: str = "log") -> Any:
    """Return a node that fails `times` times, then writes its word."""
    left = [times]

    @drive.node(turn=turn)
    def node(state: Any) -> dict[str, Any]:
        if left[0]:
            left[0] -= 1
            raise ValueError(f"{word} fails")
        return {key: [word]}

    return node


def counted(drive: Any, ran: list[str], word: str, *, turn: Any = None, key: str = "log") -> Any:
    """Return a node that notes in `ran` that it ran, and writes its word."""

    @drive.node(turn=turn)
    def node(state: Any) -> dict[str, Any]:
        ran.append(word)
        return {key: [word]}

    return node


def ids_of(answer: Any) -> dict[Any, str]:
    """Return question -> interrupt id of what `invoke` returned, or of a state."""
    found = answer["__interrupt__"] if isinstance(answer, dict) else answer.interrupts
    return {interrupt.value: interrupt.id for interrupt in found}


def waits(drive: Any, graph: Any) -> bool:
    """Whether a thread has something left to do."""
    return bool(drive.state(graph, THREAD).next)


def brief(states: Any) -> list[Any]:
    """Return of each state: values, next nodes, source and step."""
    return [(s.values, s.next, s.metadata["source"], s.metadata["step"]) for s in states]


def before(states: Any, *following: str) -> Any:
    """Return the newest of the states whose next nodes are `following`."""
    return next(s for s in states if s.next == following)
