"""
A server of another project that shows traces: installed once in an environment of its own, run for a module of tests.

Rule: what is installed is kept, in `${OTGRAPH_CACHE:-~/.cache/otgraph}`; what a server writes is not. It listens on
ports that were free, and ends with the tests. As a program it installs all of them, and nothing else.
"""

from __future__ import annotations

import fcntl
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

__all__ = ["MLFLOW", "PHOENIX", "ask", "eventually", "free_port", "installed", "serving"]

T = TypeVar("T")

PHOENIX = "arize-phoenix==20.26.1"
MLFLOW = "mlflow==3.17.2"

PATIENCE = 180
"""Seconds that a server may take to start, and a trace to be seen, on a slow and busy machine."""


def installed(requirement: str) -> Path:
    """Return the interpreter of an environment that has a pinned requirement, made now if there is none yet."""
    cache = Path(os.environ.get("OTGRAPH_CACHE") or Path.home() / ".cache" / "otgraph")
    version = "{}.{}".format(*sys.version_info)
    home = cache / "viewers" / f"{requirement.replace('==', '-')}-python{version}"
    home.parent.mkdir(parents=True, exist_ok=True)
    python, done = home / "bin" / "python", home / "installed"
    with (home.parent / f"{home.name}.lock").open("w") as lock:
        # Another run of the tests may be about to make the same.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(home, ignore_errors=True)
            venv.create(home, with_pip=True)
            subprocess.run(
                [python, "-m", "pip", "install", "--quiet", "--no-compile", requirement],
                check=True,
                stdin=subprocess.DEVNULL,
            )
            done.touch()
    return python


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


def eventually(look: Callable[[], T], what: str) -> T:
    """Return what `look` finds as soon as it finds something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found = look()
        if found:
            return found
        time.sleep(0.25)
    raise AssertionError(f"waited {PATIENCE} seconds in vain for {what}")


if __name__ == "__main__":
    for each in (PHOENIX, MLFLOW):
        installed(each)
