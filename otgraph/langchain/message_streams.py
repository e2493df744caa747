"""
MessageStreams: the answers of models as LangChain's own streams, fed with the events of their content.

Rule: one stream for each call of a model, told by the id of its run; a message that came whole is one that is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from otgraph.langchain.extra import extra
from otgraph.messages.call import MessageChunk

__all__ = ["Begun", "MessageStreams", "events_of"]


class Begun:
    """
    The stream of an answer that begins.

    Args:
        stream: LangChain's.
        events: what it is given first.
    """

    def __init__(self, stream: Any, events: Sequence[Mapping[str, Any]]) -> None:
        self.stream = stream
        self._events = events

    def connect(self, pump: Callable[[], bool] | None, apump: Callable[[], Any] | None) -> None:
        """Let its readers have the run go on."""
        if pump is not None:
            self.stream.set_request_more(pump)
        elif apump is not None:
            self.stream.set_arequest_more(apump)

    def go(self) -> None:
        """Give it what there is so far."""
        for event in self._events:
            self.stream.dispatch(event)


class MessageStreams:
    """See the module."""

    def __init__(self, *, is_async: bool) -> None:
        self._is_async = is_async
        self._open: dict[Any, Any] = {}
        self._plain: dict[str | None, Any] = {}

    def take(self, ns: Sequence[str], payload: Any, metadata: Mapping[str, Any]) -> Begun | None:
        """Take an event of a message, or a whole one; return the stream of one that begins."""
        if isinstance(payload, MessageChunk):
            return self._token(ns, payload, metadata)
        if not isinstance(payload, dict):
            return Begun(self._made(ns, metadata, payload.id), events_of(payload))
        call, kind = metadata.get("run_id"), payload.get("event")
        if kind == "message-start":
            stream = self._open[call] = self._made(ns, metadata, payload.get("id"))
            return Begun(stream, [payload])
        known = self._open.get(call)
        if known is not None:
            known.dispatch(payload)
            if kind == "message-finish":
                del self._open[call]
        return None

    def _token(self, ns: Sequence[str], token: MessageChunk, metadata: Mapping[str, Any]) -> Begun | None:
        """Take a token of a client that knows nothing of LangChain; its message ends with the run."""
        delta = {"type": "text-delta", "text": token.content}
        event = {"event": "content-block-delta", "index": 0, "delta": delta}
        known = self._plain.get(token.id)
        if known is not None:
            known.dispatch(event)
            return None
        stream = self._plain[token.id] = self._made(ns, metadata, token.id)
        start = {"event": "content-block-start", "index": 0, "content": {"type": "text", "text": ""}}
        return Begun(stream, [{"event": "message-start", "role": "ai", "id": token.id}, start, event])

    def _made(self, ns: Sequence[str], metadata: Mapping[str, Any], id: str | None) -> Any:
        with extra("streams of messages"):
            from langchain_core.language_models.chat_model_stream import AsyncChatModelStream, ChatModelStream
        kind: Any = AsyncChatModelStream if self._is_async else ChatModelStream
        return kind(namespace=list(ns), node=metadata.get("langgraph_node"), message_id=id)

    def end(self, error: BaseException | None) -> None:
        """End the answers that are in progress."""
        for stream in self._open.values():
            if not stream.done:
                stream.fail(error or RuntimeError("the run ended before this answer did"))
        for stream in self._plain.values():
            stream.dispatch({"event": "message-finish"})
        self._open.clear()
        self._plain.clear()


def events_of(message: Any) -> list[dict[str, Any]]:
    """Return the events of a message as if it had streamed."""
    events: list[dict[str, Any]] = [{"event": "message-start", "role": "ai", "id": message.id}]
    for index, block in enumerate(message.content_blocks):
        empty = {**block, "text": ""} if block["type"] == "text" else block
        events.append({"event": "content-block-start", "index": index, "content": empty})
        if block["type"] == "text":
            delta = {"type": "text-delta", "text": block["text"]}
            events.append({"event": "content-block-delta", "index": index, "delta": delta})
        events.append({"event": "content-block-finish", "index": index, "content": block})
    finish: dict[str, Any] = {"event": "message-finish"}
    usage = getattr(message, "usage_metadata", None)
    if usage:
        finish["usage"] = usage
    events.append(finish)
    return events
