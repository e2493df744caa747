"""
An OpenAI-compatible HTTP server on a free port of this machine, which answers what a test scripted.

Rule: it speaks as the real one does (server-sent events with a pause between them, tool calls in pieces, usage where it
is asked for), and fails only where an answer says so.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

MODEL = "gpt-4o-mini-2024-07-18"
"""What answers, whatever alias of it was asked for."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the server says to one request."""

    text: str = ""
    calls: tuple[tuple[str, dict[str, Any], str], ...] = ()
    """Of tools: name, arguments, id."""
    usage: tuple[int, int] = (12, 5)
    """Tokens of input and of output."""
    given: dict[str, Any] = field(default_factory=lambda: {"cached_tokens": 4})
    """What is told of the tokens of input."""
    made: dict[str, Any] = field(default_factory=lambda: {"reasoning_tokens": 2})
    """The same of output."""
    choices: int = 1
    """How many answers of this kind it gives."""
    delay: float = 0.003
    """Seconds before each piece of a stream."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    breaks_after: int | None = None
    """After how many pieces the connection is cut."""
    garbles_after: int | None = None
    """After how many pieces one is no JSON."""

    @property
    def finish(self) -> str:
        """Why the model stopped."""
        return "tool_calls" if self.calls else "stop"

    def counts(self) -> dict[str, Any]:
        """Return the usage as the API shows it."""
        given, made = self.usage
        return {
            "prompt_tokens": given,
            "completion_tokens": made,
            "total_tokens": given + made,
            "prompt_tokens_details": self.given,
            "completion_tokens_details": self.made,
        }

    def deltas(self) -> Iterator[dict[str, Any]]:
        """Yield the pieces of the message: word by word, the arguments of tools five characters at a time."""
        yield {"role": "assistant", "content": "" if self.text else None}
        for index, word in enumerate(self.text.split(" ") if self.text else ()):
            yield {"content": word if not index else f" {word}"}
        for index, (name, arguments, key) in enumerate(self.calls):
            function = {"name": name, "arguments": ""}
            yield {"tool_calls": [{"index": index, "id": key, "type": "function", "function": function}]}
            written = json.dumps(arguments)
            for at in range(0, len(written), 5):
                yield {"tool_calls": [{"index": index, "function": {"arguments": written[at : at + 5]}}]}

    def message(self) -> dict[str, Any]:
        """Return the whole message."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text or None}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": key,
                    "type": "function",
                    "function": {"name": name, "arguments": json.dumps(arguments)},
                }
                for name, arguments, key in self.calls
            ]
        return message


def limited(after: str = "0") -> Answer:
    """Return the answer to somebody who asks too often."""
    return Answer(status=429, headers={"Retry-After": after})


class Server:
    """
    Answers one request after another from its script, in the order in which they come.

    Use it as a context manager; `url` is what clients call `base_url`.
    """

    def __init__(self, *script: Answer) -> None:
        self.script = list(script)
        self.requests: list[dict[str, Any]] = []
        """What was asked, in order."""
        self._lock = Lock()
        server = self

        class Handler(_Handler):
            owner = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def take(self, request: dict[str, Any]) -> tuple[int, Answer]:
        """Note a request; return its number, from 1, and its answer."""
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
            if not self.script:
                return number, Answer(status=500)
            return number, self.script.pop(0)

    def __enter__(self) -> Server:
        Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return self

    def __exit__(self, *error: object) -> None:
        self._http.shutdown()
        self._http.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    owner: Server

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_POST(self) -> None:
        """Answer, whole or in pieces, and close: no test leaves connections to another one's event loop."""
        self.close_connection = True
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        number, answer = self.owner.take(request)
        if self.path != "/v1/chat/completions":
            self._say(404, {}, {"error": {"message": f"no such path: {self.path}"}})
        elif answer.status != 200:
            error = {"message": "not now", "type": "requests", "code": "rate_limit_exceeded"}
            self._say(answer.status, answer.headers, {"error": error})
        elif request.get("stream"):
            self._stream(request, number, answer)
        else:
            choice = {"message": answer.message(), "finish_reason": answer.finish}
            choices = [{"index": index, **choice} for index in range(answer.choices)]
            head = self._head("chat.completion", number)
            self._say(200, answer.headers, {**head, "choices": choices, "usage": answer.counts()})

    @staticmethod
    def _head(kind: str, number: int) -> dict[str, Any]:
        return {"id": f"chatcmpl-{number}", "object": kind, "created": 1_700_000_000, "model": MODEL}

    def _say(self, status: int, headers: dict[str, str], body: Any) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        for key, value in {**headers, "Content-Type": "application/json"}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _stream(self, request: dict[str, Any], number: int, answer: Answer) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        for at, piece in enumerate(self._pieces(request, number, answer)):
            time.sleep(answer.delay)
            if at == answer.breaks_after:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            data = '{"id": "chatcmpl-' if at == answer.garbles_after else json.dumps(piece)
            try:
                self._event(data)
            except OSError:
                return  # The client has left.
        self._event("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _pieces(self, request: dict[str, Any], number: int, answer: Answer) -> Iterator[dict[str, Any]]:
        counted = (request.get("stream_options") or {}).get("include_usage")
        head = self._head("chat.completion.chunk", number)
        if counted:
            head["usage"] = None
        for delta in answer.deltas():
            for index in range(answer.choices):
                yield {**head, "choices": [{"index": index, "delta": delta, "finish_reason": None}]}
        for index in range(answer.choices):
            yield {**head, "choices": [{"index": index, "delta": {}, "finish_reason": answer.finish}]}
        if counted:
            yield {**head, "choices": [], "usage": answer.counts()}

    def _event(self, data: str) -> None:
        event = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(event):x}\r\n".encode() + event + b"\r\n")
        self.wfile.flush()
