"""
A checkpoint becomes the state of a run, and the state of a run a checkpoint.

Rule: what a channel keeps is the channel's business; names, versions and order are LangGraph's. A channel that the
graph no longer has is left in the checkpoint it is in, and one that is new starts empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from otgraph.channels.base import BaseChannel
from otgraph.checkpoint.records import Checkpoint, CheckpointTuple, DeltaChannelHistory
from otgraph.command import Send
from otgraph.constants import BRANCH, TASKS
from otgraph.engine.damage import FORMAT, check_sound, misfit
from otgraph.engine.deltas import missing, rebuilt, whole
from otgraph.engine.effects import Flow, LoadCheckpoint, ReadHistory, checked
from otgraph.engine.migrate import migrate, place_of_packets
from otgraph.engine.run import Run
from otgraph.engine.thread import SavedThread
from otgraph.ids import checkpoint_bytes
from otgraph.missing import MISSING

__all__ = [
    "FIRST",
    "changed_versions",
    "checkpoint_of",
    "empty_checkpoint",
    "go_on",
    "look_flow",
    "restore_flow",
    "tracked_packet",
]

FIRST = -2
"""The superstep of a checkpoint of nothing, before the input."""


def look_flow(run: Run, thread: SavedThread, found: CheckpointTuple) -> Flow:
    """Have a run show the state of a checkpoint that was read; to go on from there it takes `go_on`."""
    version = found.checkpoint.get("v")
    if isinstance(version, int) and version < FORMAT:
        check_sound(found)
        place = place_of_packets(found)
        parent = None if place is None else checked((yield LoadCheckpoint(thread.saver, place)))
        found, run.ids = migrate(run.plan, found, parent)
    thread.take(found)
    names = missing(run.plan, found)
    history: Mapping[str, DeltaChannelHistory] = {}
    if names:
        config = thread.config(found.checkpoint["id"])
        history = checked((yield ReadHistory(thread.saver, config, names)))
    _show(run, found.checkpoint, found.metadata["step"], history)


def _show(run: Run, checkpoint: Checkpoint, step: int, history: Mapping[str, DeltaChannelHistory]) -> None:
    specimens = run.plan.channels
    channels: dict[str, BaseChannel[Any, Any, Any]] = dict(run.channels)
    lost = []
    for name, value in checkpoint["channel_values"].items():
        channel = specimens.get(name)
        if channel is None:
            if name.startswith(BRANCH):
                lost.append(name[len(BRANCH) :])
            continue
        try:
            channels[name] = channel.from_checkpoint(whole(value))
        except Exception as error:
            assert run.saved is not None
            place = run.saved.config(checkpoint["id"])
            raise misfit(place, name, type(channel), value, error) from error
    if lost and run.saved is not None:
        run.saved.lost = lost
    for name, delta in run.plan.deltas.items():
        if channels[name] is delta:
            channels[name] = delta.fresh()
    for name, past in history.items():
        channels[name] = rebuilt(specimens[name], past)
    run.channels = channels
    run.versions = checkpoint["channel_versions"]
    run.seen = checkpoint["versions_seen"]
    run.updated = None
    run.checkpoint = checkpoint_bytes(checkpoint["id"])
    run.step = step + 1


def restore_flow(run: Run, thread: SavedThread, found: CheckpointTuple) -> Flow:
    """Have a run be at a checkpoint that was read, to go on from it."""
    yield from look_flow(run, thread, found)
    go_on(run)
    updated = found.checkpoint.get("updated_channels")
    run.updated = None if updated is None else set(updated)
    run.stop = run.step + 1 + run.options.config.recursion_limit


def go_on(run: Run) -> None:
    """Let a run that shows the state of a checkpoint go on from it: what it changes is its own from here."""
    specimens = run.plan.channels
    run.channels = channels = {
        name: channel.fresh() if channel is specimens[name] else channel
        for name, channel in run.channels.items()
    }
    run.versions = dict(run.versions)
    run.version = max(run.versions.values(), default=None)
    run.seen = {name: dict(seen) for name, seen in run.seen.items()}
    run.lively = {name for name in run.plan.volatile if channels[name].is_available()}


def empty_checkpoint(id: str) -> Checkpoint:
    """Return a checkpoint of nothing, which has no time yet."""
    return {
        "v": FORMAT,
        "ts": "",
        "id": id,
        "channel_values": {},
        "channel_versions": {},
        "versions_seen": {},
    }  # type: ignore[typeddict-item]


def checkpoint_of(run: Run) -> Checkpoint:
    """Return the state of a run, but for its delta channels, as a checkpoint that has no id and no time yet."""
    versions, deltas = run.versions, run.plan.deltas
    values = {}
    for name, channel in run.channels.items():
        if name in versions and name not in deltas:
            value = channel.checkpoint()
            if value is not MISSING:
                values[name] = value
    if run.plan.untracked and TASKS in values:
        packets: Any = values[TASKS]
        values[TASKS] = [tracked_packet(packet, run.plan.untracked) for packet in packets]
    seen = {name: dict(seen) for name, seen in run.seen.items()}
    return {
        "v": FORMAT,
        "ts": "",
        "id": "",
        "channel_values": values,
        "channel_versions": dict(versions),
        "versions_seen": seen,
        "updated_channels": None if run.updated is None else sorted(run.updated),
    }


def tracked_packet(packet: Any, untracked: Set[str]) -> Any:
    """Return a `Send` as it is saved: without the values of keys that are not."""
    if not isinstance(packet, Send) or not isinstance(packet.arg, dict) or untracked.isdisjoint(packet.arg):
        return packet
    kept = {key: value for key, value in packet.arg.items() if key not in untracked}
    return Send(packet.node, kept, timeout=packet.timeout)


def changed_versions(before: Mapping[str, Any], now: Mapping[str, Any]) -> dict[str, Any]:
    """Return the channels, with their versions, that changed since `before`."""
    return {name: version for name, version in now.items() if before.get(name) != version}
