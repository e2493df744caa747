"""
A server of another project, run for a test or for many: its ports, its process, its answers.

Rule: it listens on ports that were free, writes into a folder of the tests, and ends with them.
"""

from __future__ import annotations

import functools
import json
import os
import random
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from waiting import until

__all__ = ["ask", "eventually", "free_port", "serving"]

eventually = functools.partial(until, seconds=180)
"""Wait for a server: on a slow and busy machine it may take minutes to start, and to show what it was sent."""


def free_port() -> int:
    """Return a port that nothing listens on, and that the system gives to no client that asks for any."""
    for port in random.sample(range(20_000, 32_000), 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("a hundred ports between 20000 and 32000 are taken")


@contextmanager
def serving(
    command: Sequence[str | Path], settings: Mapping[str, str], folder: Path, ready: str
) -> Iterator[None]:
    """
    Run a server until the block ends.

    Args:
        settings: environment variables; of those around only what has nothing to do with telemetry is passed on.
        folder: where it runs, and where its log is.
        ready: a URL that answers once it serves.
    """
    unwanted = ("OTEL_", "OTGRAPH_", "PHOENIX_", "MLFLOW_", "PYTHON")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(unwanted)}
    log = folder / "server.log"
    with log.open("wb") as out:
        server = subprocess.Popen(
            [str(part) for part in command],
            cwd=folder,
            env={**environment, **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        eventually(lambda: _answers(ready, server, log), "the server to start")
        yield
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _answers(url: str, server: subprocess.Popen[bytes], log: Path) -> bool:
    code = server.poll()
    if code is not None:
        raise AssertionError(f"the server ended with exit code {code}:\n{log.read_text()[-4000:]}")
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            answer.read()
    except urllib.error.HTTPError as error:
        error.close()
        return False
    except OSError:
        return False
    return True


def ask(url: str, data: Any = None) -> Any:
    """Return what a server answers with, read as JSON; with data it is a POST."""
    body = None if data is None else json.dumps(data).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)
