"""
Envelopes: how a payload is wrapped before it is handed out.

Rule: the test for a list of modes is literally whether it is a list; a tuple or a set of modes gives bare payloads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeAlias

from otgraph.constants import INTERRUPT, START
from otgraph.events import CheckpointSaved, Fact
from otgraph.stream.modes import MODES
from otgraph.stream.part import Part

__all__ = ["Envelope", "bare", "check_modes", "envelope"]

Envelope: TypeAlias = Callable[[Fact, str, Any], Any]
"""(fact, mode, payload) -> chunk"""


def check_modes(given: Any) -> tuple[str, ...]:
    """
    Return the modes that `stream_mode` names.

    Raises:
        ValueError: one of them does not exist.
    """
    modes = (given,) if isinstance(given, str) else tuple(given)
    for mode in modes:
        if mode not in MODES:
            # `blocks` is for the engine's own use, beneath `stream_events`.
            known = ", ".join(sorted(MODES.keys() - {"blocks"}))
            raise ValueError(f"unknown stream mode {mode!r}; there are {known}")
    return modes


def envelope(given: Any, *, subgraphs: bool, version: Literal["v1", "v2"]) -> Envelope:
    """
    Return the function that wraps payloads.

    Args:
        given: what the user gave as `stream_mode`; its type decides.
    """
    if version == "v2":
        return _part
    if version != "v1":
        raise ValueError(f"unknown version {version!r} of the stream format; expected 'v1' or 'v2'")
    if isinstance(given, list):
        if subgraphs:
            return lambda fact, mode, payload: (fact.ns, mode, payload)
        return lambda fact, mode, payload: (mode, payload)
    if subgraphs:
        return lambda fact, mode, payload: (fact.ns, payload)
    return bare


def bare(fact: Fact, mode: str, payload: Any) -> Any:
    """Wrap nothing: the chunk is the payload."""
    return payload


def _part(fact: Fact, mode: str, payload: Any) -> Part:
    run = fact.run
    content: dict[str, Any] = {"type": mode, "ns": fact.ns, "data": payload}
    if mode == "values":
        interrupts: Iterable[Any] = ()
        if isinstance(payload, dict) and INTERRUPT in payload:
            payload = dict(payload)
            interrupts = payload.pop(INTERRUPT)
        # Only the graph that was asked shows its state as an instance of its class.
        content["data"] = payload if run.shape is None or run.parent is not None else run.shape(payload)
        content["interrupts"] = tuple(interrupts)
    elif (
        type(fact) is CheckpointSaved
        and mode != "spans"
        and run.shape_state is not None
        and run.parent is None
    ):
        content["data"] = _with_instance(payload, run.shape_state)
    task = fact.task
    return Part(content, seq=fact.seq, attempt=fact.attempt, task_id=None if task is None else task.id)


def _with_instance(payload: dict[str, Any], shape: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a checkpoint, or the debug event of one, with its state as an instance, once the input is applied."""
    if "payload" in payload:
        return {**payload, "payload": _with_instance(payload["payload"], shape)}
    return payload if START in payload["next"] else {**payload, "values": shape(payload["values"])}
