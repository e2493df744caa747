"""
Checkpoints, their metadata and tuples: the data that savers keep and give back.

Rule: the shapes and names are LangGraph's, so that either engine reads what the other saved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast

from typing_extensions import NotRequired, TypedDict

from otgraph.checkpoint.serde.base import SerializerProtocol
from otgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME, SCHEDULED, ChannelProtocol
from otgraph.constants import CONF
from otgraph.errors import EmptyChannelError
from otgraph.ids import uuid6
from otgraph.missing import MISSING
from otgraph.run_config import RunnableConfig

__all__ = [
    "EXCLUDED_METADATA_KEYS",
    "LATEST_VERSION",
    "WRITES_IDX_MAP",
    "ChannelVersions",
    "Checkpoint",
    "CheckpointMetadata",
    "CheckpointTuple",
    "DeltaChannelHistory",
    "PendingWrite",
    "copy_checkpoint",
    "create_checkpoint",
    "dumped",
    "dumped_writes",
    "empty_checkpoint",
    "get_checkpoint_id",
    "get_checkpoint_metadata",
    "get_serializable_checkpoint_metadata",
    "named_checkpoint",
    "place_of",
    "saved_config",
    "size_of",
    "writes_sort_key",
]

ChannelVersions: TypeAlias = dict[str, str | int | float]
"""Channel -> version; versions of one channel grow and can be compared."""

PendingWrite: TypeAlias = tuple[str, str, Any]
"""`(task id, channel, value)`."""

LATEST_VERSION: Final = 2
"""The format that `empty_checkpoint` and `create_checkpoint` write; an engine writes its own, newer one."""

WRITES_IDX_MAP: Final[dict[str, int]] = {ERROR: -1, SCHEDULED: -2, INTERRUPT: -3, RESUME: -4}
"""Channels of which a task has one write at most -> their fixed place among its writes."""

EXCLUDED_METADATA_KEYS: Final = {
    "thread_id",
    "checkpoint_id",
    "checkpoint_ns",
    "checkpoint_map",
    "langgraph_step",
    "langgraph_node",
    "langgraph_triggers",
    "langgraph_path",
    "langgraph_checkpoint_ns",
}
"""Keys of a config that are no metadata of the checkpoint."""


class Checkpoint(TypedDict):
    """The state of a graph between two supersteps."""

    v: int
    """The format's version."""
    id: str
    """A time-ordered UUID (version 6): the greatest id of a namespace is its newest checkpoint."""
    ts: str
    """When it was made; ISO 8601, UTC."""
    channel_values: dict[str, Any]
    channel_versions: ChannelVersions
    versions_seen: dict[str, ChannelVersions]
    """Node -> the versions that it last ran with; they say which nodes are due."""
    updated_channels: list[str] | None


class CheckpointMetadata(TypedDict, total=False):
    """What is known of a checkpoint besides the state."""

    source: Literal["input", "loop", "update", "fork"]
    step: int
    """-1 for the input, 0 for the first of the loop."""
    parents: dict[str, str]
    """Namespace of each graph around this one -> the checkpoint that graph had then."""
    run_id: str
    counters_since_delta_snapshot: dict[str, tuple[int, int]]
    """Channel -> updates and supersteps since its whole value was stored."""


class CheckpointTuple(NamedTuple):
    """A checkpoint with all that belongs to it."""

    config: RunnableConfig
    checkpoint: Checkpoint
    metadata: CheckpointMetadata
    parent_config: RunnableConfig | None = None
    pending_writes: list[PendingWrite] | None = None
    """What tasks of the superstep after this checkpoint have already written."""


class DeltaChannelHistory(TypedDict):
    """From what the value of a channel that is not stored whole can be rebuilt."""

    writes: list[PendingWrite]
    """All writes since `seed`, from the oldest."""
    seed: NotRequired[Any]
    """The nearest stored value; absent if the writes go back to the beginning."""


def empty_checkpoint() -> Checkpoint:
    """Return a checkpoint of nothing."""
    return _checkpoint(uuid6(clock_seq=-2), _now(), {}, {}, {})


def copy_checkpoint(checkpoint: Checkpoint) -> Checkpoint:
    """Return a copy whose dicts can be changed; the values in them are shared."""
    seen = {node: versions.copy() for node, versions in checkpoint["versions_seen"].items()}
    copy = _checkpoint(
        checkpoint["id"],
        checkpoint["ts"],
        checkpoint["channel_values"].copy(),
        checkpoint["channel_versions"].copy(),
        seen,
    )
    copy["v"] = checkpoint["v"]
    copy["updated_channels"] = checkpoint.get("updated_channels")
    return _with_sends(copy, checkpoint)


def create_checkpoint(
    checkpoint: Checkpoint,
    channels: Mapping[str, ChannelProtocol[Any, Any, Any]] | None,
    step: int,
    *,
    id: str | None = None,
) -> Checkpoint:
    """
    Return the checkpoint that follows `checkpoint`.

    Args:
        channels: whose values it keeps, as far as they have a version; None for the values it had.
        step: the superstep; it becomes part of the id.
        id: the id, if it is to be another than a new one.
    """
    values = checkpoint["channel_values"] if channels is None else {}
    for name, channel in (channels or {}).items():
        if name in checkpoint["channel_versions"]:
            value = _stored(channel)
            if value is not MISSING:
                values[name] = value
    new = _checkpoint(
        id or uuid6(clock_seq=step),
        _now(),
        values,
        checkpoint["channel_versions"],
        checkpoint["versions_seen"],
    )
    return _with_sends(new, checkpoint)


def _with_sends(new: Checkpoint, old: Checkpoint) -> Checkpoint:
    """Give `new` the packets that checkpoints of old releases hold outside their channels."""
    sends: Any = old.get("pending_sends") or ()
    new["pending_sends"] = list(sends)  # type: ignore[typeddict-unknown-key]
    return new


def _stored(channel: ChannelProtocol[Any, Any, Any]) -> Any:
    try:
        return channel.checkpoint()
    except EmptyChannelError:
        return MISSING


def _checkpoint(
    id: str, ts: str, values: dict[str, Any], versions: ChannelVersions, seen: dict[str, ChannelVersions]
) -> Checkpoint:
    return {
        "v": LATEST_VERSION,
        "ts": ts,
        "id": id,
        "channel_values": values,
        "channel_versions": versions,
        "versions_seen": seen,
        "pending_sends": [],  # type: ignore[typeddict-unknown-key]
        "updated_channels": None,
    }


def _now() -> str:
    return datetime.now(timezone.utc).isoformat()


def get_checkpoint_id(config: RunnableConfig) -> str | None:
    """Return the checkpoint that `config` names, or None if it means the newest."""
    found: str | None = config[CONF].get("checkpoint_id")
    return found


class _SavedConfig(dict[str, Any]):
    """A config that names a checkpoint just saved."""

    __slots__ = ("size",)

    size: int


def saved_config(config: RunnableConfig, size: int) -> RunnableConfig:
    """Return what `put` returns: the config of the checkpoint, which also knows as how many bytes that was stored."""
    saved = _SavedConfig(config)
    saved.size = size
    return cast("RunnableConfig", saved)


def size_of(saved: Any) -> int | None:
    """Return as how many bytes a checkpoint was stored, by what `put` returned; None if the saver does not say it."""
    return saved.size if isinstance(saved, _SavedConfig) else None


def place_of(config: RunnableConfig) -> tuple[str, str]:
    """
    Return the thread and the namespace that `config` names.

    Raises:
        ValueError: if it names no thread.
    """
    place = config.get(CONF) or {}
    thread = place.get("thread_id")
    if thread is None:
        raise ValueError(
            "a checkpointer needs to know the thread: "
            f'give config={{"configurable": {{"thread_id": ...}}}}; got {place!r} as configurable'
        )
    return str(thread), place.get("checkpoint_ns") or ""


def named_checkpoint(config: RunnableConfig) -> str:
    """
    Return the checkpoint that `config` must name.

    Raises:
        ValueError: if it names none.
    """
    named = get_checkpoint_id(config)
    if not named:
        raise ValueError(
            "writes belong to a checkpoint: give the config that `put` returned, "
            f"with a checkpoint_id; got {config[CONF]!r} as configurable"
        )
    return named


def get_checkpoint_metadata(config: RunnableConfig, metadata: CheckpointMetadata) -> CheckpointMetadata:
    """
    Return `metadata` together with what `config` says of the run.

    Taken are the strings, numbers and booleans of `config["metadata"]` and of `config["configurable"]` that no
    engine put there; what `metadata` already says stands.
    """
    merged: dict[str, Any] = {key: _clean(value) for key, value in metadata.items()}
    for said in (config.get("metadata"), config.get(CONF)):
        for key, value in (said or {}).items():
            if key in merged or key in EXCLUDED_METADATA_KEYS or key.startswith("__"):
                continue
            if isinstance(value, (str, int, float)):
                merged[key] = _clean(value)
    return merged  # type: ignore[return-value]


def _clean(value: Any) -> Any:
    # A zero character ends a string in some databases and is refused by others.
    return value.replace("\u0000", "") if isinstance(value, str) else value


def get_serializable_checkpoint_metadata(
    config: RunnableConfig, metadata: CheckpointMetadata
) -> CheckpointMetadata:
    """Return what `get_checkpoint_metadata` does, without the writes that old releases kept there."""
    merged = get_checkpoint_metadata(config, metadata)
    merged.pop("writes", None)  # type: ignore[typeddict-item]
    return merged


def writes_sort_key(task_path: str, task_id: str = "", idx: int = 0) -> tuple[str, str, int]:
    """Return by what the writes of a superstep are ordered: path and id of the task, place in the task."""
    return task_path, task_id, idx


def dumped_writes(
    serde: SerializerProtocol, writes: Sequence[tuple[str, Any]]
) -> list[tuple[int, str, tuple[str, bytes]]]:
    """Return `(place, channel, typed bytes)` for each write of a task; special channels have places below 0."""
    return [
        (WRITES_IDX_MAP.get(channel, idx), channel, dumped(serde, channel, value))
        for idx, (channel, value) in enumerate(writes)
    ]


def dumped(serde: SerializerProtocol, channel: str, value: Any) -> tuple[str, bytes]:
    """Return the typed bytes of a channel's value; an error names the channel."""
    try:
        return serde.dumps_typed(value)
    except TypeError as error:
        raise TypeError(f"channel {channel!r}: {error}") from error
