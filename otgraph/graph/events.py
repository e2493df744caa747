"""
The events of a run of a compiled graph, in version 3: streams in, projections out.

Rule: the run streams what its transformers need and nothing else, and goes on only as far as somebody reads.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from otgraph.stream.projections.builtin import (
    LifecycleTransformer,
    MessagesTransformer,
    SubgraphTransformer,
    ValuesTransformer,
)
from otgraph.stream.projections.mux import StreamMux, protocol_event
from otgraph.stream.projections.run_stream import AsyncGraphRunStream, GraphRunStream
from otgraph.stream.projections.transformer import ProtocolEvent, TransformerFactory

if TYPE_CHECKING:
    from otgraph.graph.compiled import Pregel

__all__ = ["aread_events", "read_events"]

BUILTIN: Final[tuple[TransformerFactory, ...]] = (
    ValuesTransformer,
    MessagesTransformer,
    LifecycleTransformer,
    SubgraphTransformer,
)
OWNED: Final = ("stream_mode", "subgraphs")
"""Arguments of a stream that the transformers decide about."""


def read_events(
    graph: Pregel[Any, Any, Any, Any],
    input: Any,
    config: Any,
    transformers: Sequence[TransformerFactory],
    kwargs: Any,
) -> GraphRunStream:
    """
    Return a run whose events are read; it begins with the first that is.

    Raises:
        TypeError: the stream modes are given.
    """
    _refuse(kwargs)
    mux = StreamMux(_factories(graph, transformers))
    chunks: Any = graph.stream(input, config, stream_mode=_modes(mux), subgraphs=True, version="v2", **kwargs)
    over = False

    def pump() -> bool:
        nonlocal over
        if over:
            return False
        try:
            mux.push(_event(next(chunks)))
        except StopIteration:
            over = True
            mux.close()
            return False
        except Exception as error:
            over = True
            chunks.close()
            mux.fail(error)
            return False
        return True

    def close() -> None:
        nonlocal over
        over = True
        chunks.close()

    mux.connect(pump, None)
    return GraphRunStream(mux, close)


async def aread_events(
    graph: Pregel[Any, Any, Any, Any],
    input: Any,
    config: Any,
    transformers: Sequence[TransformerFactory],
    kwargs: Any,
) -> AsyncGraphRunStream:
    """Return a run whose events are read on the event loop; see `read_events`."""
    from otgraph.drivers.pump import AsyncPump

    _refuse(kwargs)
    pump = AsyncPump()
    mux = StreamMux(_factories(graph, transformers), is_async=True, spawn=pump.spawn)
    chunks: Any = graph.astream(
        input, config, stream_mode=_modes(mux), subgraphs=True, version="v2", **kwargs
    )
    pump.chunks = chunks

    async def take(part: Any) -> None:
        await mux.apush(_event(part))

    async def draw() -> bool:
        return await pump.draw(take, mux.aclose, mux.afail)

    mux.connect(None, draw)
    return AsyncGraphRunStream(mux, pump.close)


def _refuse(kwargs: Any) -> None:
    for name in OWNED:
        if name in kwargs:
            raise TypeError(
                f"stream_events(version='v3') / astream_events(version='v3') do not accept {name}: what is streamed is "
                "what the transformers need; give those that you want, or use stream"
            )


def _factories(graph: Any, transformers: Sequence[TransformerFactory]) -> list[TransformerFactory]:
    return [*BUILTIN, *graph.options.transformers, *transformers]


def _modes(mux: StreamMux) -> list[Any]:
    wanted = dict.fromkeys(mode for each in mux.transformers for mode in each.required_stream_modes)
    return ["blocks" if mode == "messages" else mode for mode in wanted]


def _event(part: Any) -> ProtocolEvent:
    more = {"interrupts": part["interrupts"]} if "interrupts" in part else {}
    method = "messages" if part["type"] == "blocks" else part["type"]
    return protocol_event(method, part["ns"], part["data"], **more)
