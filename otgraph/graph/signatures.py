"""
What editors and type checkers are told of the methods that run a graph.

Rule: types alone; what the methods do with their arguments stands where they are. A state may be given in part, so any
dict may be the input, and an instance of the input schema.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Generic, Literal, TypeAlias

from typing_extensions import TypedDict

from otgraph.command import Command
from otgraph.run_config import RunnableConfig
from otgraph.runtime import RunControl
from otgraph.stream.parts import StreamMode
from otgraph.stream.view import Buffer
from otgraph.tracing.options import TelemetryOptions
from otgraph.typing import ContextT

__all__ = ["Begin", "Config", "InvokeArguments", "Modes", "StreamArguments"]

Begin: TypeAlias = dict[str, Any] | Command[Any] | None
"""What a run may begin with besides an instance of the input schema; None goes on with what is saved."""

Config: TypeAlias = RunnableConfig | None

Modes: TypeAlias = StreamMode | Collection[StreamMode]

_Nodes: TypeAlias = Literal["*"] | Sequence[str] | None


class InvokeArguments(TypedDict, Generic[ContextT], total=False):
    """The arguments of `invoke` whose meaning is the same whatever it returns."""

    context: ContextT | None
    print_mode: Modes | tuple[()]
    output_keys: str | Sequence[str] | None
    interrupt_before: _Nodes
    interrupt_after: _Nodes
    durability: Literal["sync", "async", "exit"] | None
    control: RunControl | None
    telemetry: TelemetryOptions | None


class StreamArguments(InvokeArguments[ContextT], Generic[ContextT], total=False):
    """The arguments of `stream` whose meaning is the same whatever it yields."""

    subgraphs: bool
    debug: bool | None
    buffer: Buffer | None
