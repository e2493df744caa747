"""
A checkpoint becomes the state of a run, and the state of a run a checkpoint.

Rule: what a channel keeps is the channel's business; names, versions and order are LangGraph's. A channel that the
graph no longer has is left in the checkpoint it is in, and one that is new starts empty.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any

from otgraph.channels.base import BaseChannel
from otgraph.checkpoint.records import Checkpoint
from otgraph.command import Send
from otgraph.constants import BRANCH, TASKS
from otgraph.engine.damage import FORMAT, misfit
from otgraph.engine.run import Run
from otgraph.ids import checkpoint_bytes
from otgraph.missing import MISSING

__all__ = ["changed_versions", "checkpoint_of", "go_on", "look_at", "restore", "tracked_packet"]


def look_at(run: Run, checkpoint: Checkpoint, step: int) -> None:
    """
    Have a run show the state of a checkpoint; to go on from there it takes `go_on`.

    Args:
        step: the superstep that the checkpoint is of.
    """
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
            channels[name] = channel.from_checkpoint(value)
        except Exception as error:
            assert run.saved is not None
            place = run.saved.config(checkpoint["id"])
            raise misfit(place, name, type(channel), value, error) from error
    if lost and run.saved is not None:
        run.saved.lost = lost
    run.channels = channels
    run.versions = checkpoint["channel_versions"]
    run.seen = checkpoint["versions_seen"]
    run.updated = None
    run.checkpoint = checkpoint_bytes(checkpoint["id"])
    run.step = step + 1


def restore(run: Run, checkpoint: Checkpoint, step: int) -> None:
    """Give a run the state of a checkpoint, to go on from; see `look_at`."""
    look_at(run, checkpoint, step)
    go_on(run)
    updated = checkpoint.get("updated_channels")
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


def checkpoint_of(run: Run) -> Checkpoint:
    """Return the state of a run as a checkpoint that has no id and no time yet."""
    versions = run.versions
    values = {}
    for name, channel in run.channels.items():
        if name in versions:
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
