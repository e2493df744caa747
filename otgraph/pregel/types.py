"""Door: `otgraph.pregel.types`, an old path of some of `otgraph.types`."""

from otgraph.options import All
from otgraph.policies import CachePolicy, RetryPolicy, default_retry_on
from otgraph.snapshot import PregelExecutableTask, PregelTask, StateSnapshot, StateUpdate
from otgraph.stream.parts import StreamMode, StreamWriter

__all__ = [
    "All",
    "CachePolicy",
    "PregelExecutableTask",
    "PregelTask",
    "RetryPolicy",
    "StateSnapshot",
    "StateUpdate",
    "StreamMode",
    "StreamWriter",
    "default_retry_on",
]
