"""
A PostgreSQL server of one's own, in a temporary folder.

Rule: it ends with the process that started it, however that ends: the server's guard waits on a pipe that the
operating system closes.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

import psycopg

__all__ = ["Missing", "Server", "running_server"]

PATIENCE: Final = 60
"""Seconds after which a server that does not answer is given up."""

GUARD: Final = """
"$@" & server=$!
read -r _
kill -QUIT "$server"
wait "$server"
"""
"""Runs the server until standard input is closed; at SIGQUIT it drops everything, as nobody wants it any more."""

OPTIONS: Final = {
    "listen_addresses": "",  # a socket in the folder only: no port to collide on, nobody else can reach it
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "max_connections": "50",
    "shared_buffers": "32MB",
}


class Missing(Exception):
    """There is no PostgreSQL on this machine."""


class Server:
    """
    A server that runs.

    Args:
        folder: of its socket.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._numbers = count(1)

    def uri(self, database: str) -> str:
        """Return by what clients find a database."""
        return f"postgresql://tests@/{database}?host={self.folder}"

    @contextmanager
    def new_database(self) -> Iterator[str]:
        """Make an empty database for the time of a block; give its URI."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.uri("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            yield self.uri(name)
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def running_server() -> Iterator[Server]:
    """
    Start a server, and end it with the block.

    Raises:
        Missing: there is none to start.
    """
    binaries = _binaries()
    folder = Path(
        tempfile.mkdtemp(prefix="otgraph-pg-")
    )  # short: a socket's path has room for 107 characters
    who = _owner(folder)
    try:
        command = ["--pgdata", folder / "data", "--username", "tests", "--auth", "trust", "--no-sync"]
        subprocess.run(
            [binaries / "initdb", *command, "--encoding", "UTF8", "--locale", "C"],
            check=True,
            capture_output=True,
            cwd=folder,
            **who,
        )
        with (folder / "log").open("wb") as log, _started(binaries, folder, log, who) as guard:
            server = Server(folder)
            _await(server, guard, folder / "log")
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _started(binaries: Path, folder: Path, log: Any, who: Any) -> Iterator[subprocess.Popen[bytes]]:
    settings = [f"--{name}={value}" for name, value in OPTIONS.items()]
    command = [binaries / "postgres", "-D", folder / "data", "-k", folder, *settings]
    guard = subprocess.Popen(
        ["/bin/sh", "-c", GUARD, "guard", *command],
        stdin=subprocess.PIPE,
        stdout=log,
        stderr=log,
        cwd=folder,
        start_new_session=True,  # an interrupt from the keyboard is for the tests; they end the server
        **who,
    )
    try:
        yield guard
    finally:
        assert guard.stdin is not None
        guard.stdin.close()
        guard.wait(PATIENCE)


def _await(server: Server, guard: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(server.uri("postgres")).close()
            return
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or "FATAL" in log.read_text() and guard.poll() is not None:
                raise RuntimeError(f"PostgreSQL does not answer: {error}\n{log.read_text()}") from error
        time.sleep(0.02)


def _binaries() -> Path:
    """Return the folder of the server's programs; Debian keeps them off the search path."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if all((folder / name).exists() for name in ("initdb", "postgres")):
            return folder
    raise Missing("no PostgreSQL server is installed; on Debian: apt-get install postgresql")


def _owner(folder: Path) -> dict[str, Any]:
    """Give the folder to somebody else if we are root, whom PostgreSQL refuses; return how to act as him."""
    if os.geteuid():
        return {}
    names = {user.pw_name: user for user in pwd.getpwall()}
    user = names.get("postgres") or names["nobody"]
    os.chown(folder, user.pw_uid, user.pw_gid)
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
