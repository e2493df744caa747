"""Door: `otgraph.types`."""

from otgraph.command import Command, Overwrite, Send
from otgraph.options import All
from otgraph.plan.validate import Checkpointer, ensure_valid_checkpointer
from otgraph.policies import (
    CachePolicy,
    Durability,
    RetryPolicy,
    TimeoutPolicy,
    TracePolicy,
    default_cache_key,
    default_retry_on,
    omit_payload,
)
from otgraph.runtime import interrupt
from otgraph.snapshot import GraphOutput, Interrupt, PregelTask, StateSnapshot, StateUpdate
from otgraph.stream.part import Part
from otgraph.stream.parts import (
    CheckpointPayload,
    CheckpointStreamPart,
    CheckpointTask,
    CustomStreamPart,
    DebugPayload,
    DebugStreamPart,
    MessagesStreamPart,
    RetriesStreamPart,
    RetryPayload,
    SpansStreamPart,
    StreamMode,
    StreamPart,
    StreamWriter,
    TaskPayload,
    TaskResultPayload,
    TasksStreamPart,
    ToolsStreamPart,
    UpdatesStreamPart,
    ValuesStreamPart,
)
from otgraph.stream.view import Buffer

__all__ = [
    "All",
    "Buffer",
    "CachePolicy",
    "CheckpointPayload",
    "CheckpointStreamPart",
    "CheckpointTask",
    "Checkpointer",
    "Command",
    "CustomStreamPart",
    "DebugPayload",
    "DebugStreamPart",
    "Durability",
    "GraphOutput",
    "Interrupt",
    "MessagesStreamPart",
    "Overwrite",
    "Part",
    "PregelTask",
    "RetryPolicy",
    "Send",
    "RetriesStreamPart",
    "RetryPayload",
    "SpansStreamPart",
    "StateSnapshot",
    "StateUpdate",
    "StreamMode",
    "StreamPart",
    "StreamWriter",
    "TaskPayload",
    "TaskResultPayload",
    "TasksStreamPart",
    "TimeoutPolicy",
    "ToolsStreamPart",
    "TracePolicy",
    "UpdatesStreamPart",
    "ValuesStreamPart",
    "default_cache_key",
    "default_retry_on",
    "ensure_valid_checkpointer",
    "interrupt",
    "omit_payload",
]
