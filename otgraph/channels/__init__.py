"""Door: `otgraph.channels`."""

from otgraph.channels.any_value import AnyValue
from otgraph.channels.base import BaseChannel
from otgraph.channels.binop import BinaryOperatorAggregate
from otgraph.channels.delta import DeltaChannel
from otgraph.channels.ephemeral_value import EphemeralValue
from otgraph.channels.last_value import LastValue, LastValueAfterFinish
from otgraph.channels.named_barrier_value import NamedBarrierValue, NamedBarrierValueAfterFinish
from otgraph.channels.topic import Topic
from otgraph.channels.untracked_value import UntrackedValue

__all__ = [
    "AnyValue",
    "BaseChannel",
    "BinaryOperatorAggregate",
    "DeltaChannel",
    "EphemeralValue",
    "LastValue",
    "LastValueAfterFinish",
    "NamedBarrierValue",
    "NamedBarrierValueAfterFinish",
    "Topic",
    "UntrackedValue",
]
