"""
Checkpoints of old formats, as what they would be today.

Rule: pure. What is stored stays as it is; a run goes on from the translation and saves the format of today. Tasks keep
the ids they had, so that what they have done still counts.

    before 4   packets of `Send` were in no channel: beside the channels, or among the writes of the parent's tasks
    before 3   nodes were triggered by `start:X`, `branch:A:condition:X`, and channels named like the nodes before them
    before 2   the ids of tasks were made with SHA-1
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha1
from typing import Any

from otgraph.channels.last_value import LastValueAfterFinish
from otgraph.checkpoint.records import CheckpointTuple, PendingWrite
from otgraph.constants import INTERRUPT, PULL, TASKS, branch_channel
from otgraph.ids import TaskId, task_id
from otgraph.plan.model import Plan
from otgraph.run_config import RunnableConfig

__all__ = ["OldIds", "migrate", "place_of_packets"]

SENDS = "pending_sends"
"""Where checkpoints before format 4 have the packets."""


def place_of_packets(found: CheckpointTuple) -> RunnableConfig | None:
    """Return the parent of an old checkpoint, if its packets have to be looked for among the writes of its tasks."""
    known = SENDS in found.checkpoint or TASKS in found.checkpoint["channel_values"]
    return None if known else found.parent_config


def migrate(
    plan: Plan, found: CheckpointTuple, parent: CheckpointTuple | None
) -> tuple[CheckpointTuple, OldIds]:
    """
    Return an old checkpoint as what it would be today, and what makes the ids of the tasks that follow it.

    Args:
        parent: the checkpoint before, if `place_of_packets` names it.
    """
    old: Mapping[str, Any] = found.checkpoint
    checkpoint: Any = {
        **old,
        "channel_values": dict(old["channel_values"]),
        "channel_versions": dict(old["channel_versions"]),
        "versions_seen": {name: dict(seen) for name, seen in old["versions_seen"].items()},
    }
    _add_packets(checkpoint, old.get(SENDS) or _packets_of(parent))
    pending = found.pending_writes or []
    triggers: dict[str, set[tuple[str, ...]]] = {}
    known = frozenset(task for task, _, _ in pending)
    if old["v"] < 3:
        triggers = _rename_triggers(plan, checkpoint)
        pending = [write for old_write in pending for write in _renamed(plan, old_write)]
    ids = OldIds(known, triggers, sha=old["v"] < 2)
    return found._replace(checkpoint=checkpoint, pending_writes=pending), ids


class OldIds:
    """
    Makes the ids that tasks had when their checkpoint was saved.

    Releases differed in which channels an id was made of: it is the one under which something was saved.

    Args:
        known: ids under which something was saved.
        triggers: node -> the channels that may have been meant, under the names of then.
        sha: whether ids were made with SHA-1.
    """

    __slots__ = ("_known", "_sha", "_triggers")

    def __init__(
        self, known: frozenset[str], triggers: Mapping[str, Iterable[tuple[str, ...]]], *, sha: bool
    ) -> None:
        self._known = known
        self._triggers = triggers
        self._sha = sha

    def __call__(self, checkpoint: bytes, parts: Iterable[str]) -> TaskId:
        """Return the id of a task; see `otgraph.ids.task_id`."""
        ns, name, step, again, kind, *triggers = parts
        if kind == PULL:
            for meant in self._triggers.get(name, ()):
                made = self._made(checkpoint, (ns, name, step, again, kind, *meant))
                if made in self._known:
                    return made
        return self._made(checkpoint, (ns, name, step, again, kind, *triggers))

    def _made(self, checkpoint: bytes, parts: Sequence[str]) -> TaskId:
        if not self._sha:
            return task_id(checkpoint, parts)
        digest = sha1(checkpoint + "".join(parts).encode(), usedforsecurity=False).hexdigest()
        return TaskId(f"{digest[:8]}-{digest[8:12]}-{digest[12:16]}-{digest[16:20]}-{digest[20:32]}")


# ---- packets


def _packets_of(parent: CheckpointTuple | None) -> list[Any]:
    if parent is None:
        return []
    return [value for _, channel, value in parent.pending_writes or () if channel == TASKS]


def _add_packets(checkpoint: Any, packets: Sequence[Any]) -> None:
    if packets and TASKS not in checkpoint["channel_values"]:
        versions = checkpoint["channel_versions"]
        checkpoint["channel_values"][TASKS] = list(packets)
        versions[TASKS] = max(versions.values())


# ---- triggers


def _targets(plan: Plan, channel: str) -> tuple[str, ...]:
    """Return the nodes that a channel of then made due, other than a channel that still does."""
    if channel in plan.nodes and not plan.nodes[channel].hidden:
        return tuple(name for name in plan.nodes if (branch_channel(name), None) in plan.nodes[channel].edges)
    kind, *rest = channel.split(":")
    if (kind, len(rest)) in (("start", 1), ("branch", 3)) and rest[-1] in plan.nodes:
        return (rest[-1],)
    return ()


def _rename_triggers(plan: Plan, checkpoint: Any) -> dict[str, set[tuple[str, ...]]]:
    """Turn the triggers of then into those of now; return for each node of which of them its id may be made."""
    values, versions, seen = (
        checkpoint[key] for key in ("channel_values", "channel_versions", "versions_seen")
    )
    fired = {
        name: {channel for channel in node.triggers if _is_due(checkpoint, name, channel)}
        for name, node in plan.nodes.items()
    }
    for old in sorted(versions):
        for name in _targets(plan, old):
            new = branch_channel(name)
            ran = seen.get(name, {})
            if _is_due(checkpoint, name, old):
                fired[name].add(old)
            if old in values:
                deferred = isinstance(plan.channels[new], LastValueAfterFinish)
                values.setdefault(new, (None, True) if deferred else None)
            versions[new] = max(versions[old], versions.get(new, versions[old]))
            if old in ran:
                ran[new] = max(ran[old], ran.get(new, ran[old]))
    static: dict[str, set[str]] = {name: set(node.triggers) for name, node in plan.nodes.items()}
    for node in plan.nodes.values():
        for name in plan.nodes:
            if (branch_channel(name), None) in node.edges:
                static[name].add(f"start:{name}" if node.hidden else node.name)
    return {name: {tuple(sorted(fired[name])), tuple(sorted(static[name]))} for name in plan.nodes}


def _is_due(checkpoint: Any, name: str, channel: str) -> bool:
    """Say whether a channel makes a node due at a checkpoint."""
    if channel not in checkpoint["channel_values"]:
        return False
    ran = checkpoint["versions_seen"].get(name, {})
    return channel not in ran or bool(checkpoint["channel_versions"][channel] > ran[channel])


def _renamed(plan: Plan, write: PendingWrite) -> list[PendingWrite]:
    """Return a write that a task made then as what it would be now."""
    task, channel, value = write
    if channel == INTERRUPT and not isinstance(value, (list, tuple)):
        return [(task, channel, (value,))]
    names = _targets(plan, channel)
    if names:
        return [(task, branch_channel(name), None) for name in names]
    return [write]
