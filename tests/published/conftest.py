"""
Where the published savers keep what they are given.

Rule: where a package or the server is missing these tests are skipped, unless OTGRAPH_TEST_PUBLISHED says that they
must run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest

from .kinds import Opener, opener_of

if TYPE_CHECKING:
    from .server import Server

PACKAGES = ("langgraph", "psycopg", "psycopg_pool", "aiosqlite")


@pytest.fixture(autouse=True, scope="session")
def packages() -> None:
    """The published savers are installed here."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        _missing(
            f"{', '.join(missing)} not installed; the published savers have an environment of their own: "
            "make published"
        )


@pytest.fixture(scope="session")
def server(packages: None) -> Iterator[Server]:
    """A PostgreSQL server, one for all tests."""
    from .server import Missing, running_server

    try:
        with running_server() as started:
            yield started
    except Missing as error:
        _missing(str(error))


@pytest.fixture
def opener(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """What opens a saver of the kind that the test names, on an empty store."""
    kind: str = request.param
    if "postgres" in kind:
        server: Server = request.getfixturevalue("server")
        with server.new_database() as uri:
            yield opener_of(kind, uri)
    else:
        yield opener_of(kind, tmp_path)


def _missing(what: str) -> NoReturn:
    if os.environ.get("OTGRAPH_TEST_PUBLISHED"):
        pytest.fail(f"OTGRAPH_TEST_PUBLISHED is set, but {what}")
    pytest.skip(what)
