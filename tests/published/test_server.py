"""The PostgreSQL server of the tests is real, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .server import Server

HERE = Path(__file__).parent
STARTER = """
import sys
from published.server import running_server
with running_server() as server:
    print((server.folder / "data" / "postmaster.pid").read_text().split()[0], server.folder, flush=True)
    sys.stdin.read()
"""


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_databases_are_empty_and_apart(server: Server) -> None:
    """Each test has a database of its own, on a server that says it is PostgreSQL."""
    import psycopg

    with server.new_database() as first, server.new_database() as second:
        with psycopg.connect(first) as connection:
            version = connection.execute("SELECT version()").fetchone()
            connection.execute("CREATE TABLE mine ()")
        assert version is not None
        assert version[0].startswith("PostgreSQL")
        with psycopg.connect(second) as connection:
            tables = connection.execute(
                "SELECT 1 FROM information_schema.tables WHERE table_schema = 'public'"
            )
            assert [] == tables.fetchall()


def test_a_server_ends_with_whoever_started_it(server: Server) -> None:
    """When the tests are killed outright, their server is gone a moment later."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER],
        cwd=HERE.parent,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    process, folder = starter.stdout.readline().split()
    assert alive(int(process))
    starter.kill()
    starter.communicate()
    deadline = time.monotonic() + 20
    while alive(int(process)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(int(process))
    subprocess.run(["rm", "-r", folder], check=True)
