"""The file of a trace store."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from otgraph_exporters.trace_store import TraceStoreError, default_path
from otgraph_exporters.trace_store.file import open_for_reading, open_for_writing


def test_the_environment_says_where_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """`OTGRAPH_TRACE_STORE` is the path; without it, it is in the folder `.otgraph` here."""
    monkeypatch.delenv("OTGRAPH_TRACE_STORE", raising=False)
    assert default_path() == Path(".otgraph/traces.db")
    monkeypatch.setenv("OTGRAPH_TRACE_STORE", "/var/lib/traces.db")
    assert default_path() == Path("/var/lib/traces.db")


def test_its_folder_is_kept_out_of_repositories(tmp_path: Path) -> None:
    """The folder `.otgraph` is made with a `.gitignore`."""
    open_for_writing(tmp_path / ".otgraph" / "traces.db").close()
    assert (tmp_path / ".otgraph" / ".gitignore").read_text() == "*\n"


def test_several_may_make_it_at_once(path: Path) -> None:
    """Connections that are opened at the same time find the same tables."""
    failed: list[BaseException] = []

    def make() -> None:
        try:
            with closing(open_for_writing(path)) as connection:
                assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@pytest.mark.parametrize("opened", [open_for_reading, open_for_writing])
def test_other_files_are_left_alone(path: Path, opened: object) -> None:
    """A file that is no database, another one's database and one of a later release are told apart, and not touched."""
    path.write_text("some text of somebody's" * 100)
    with pytest.raises(TraceStoreError, match="is no trace store"):
        opened(path)  # type: ignore[operator]
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE mine (x)")
    with pytest.raises(TraceStoreError, match="is a database, but no trace store"):
        opened(path)  # type: ignore[operator]
    path.unlink()
    with closing(open_for_writing(path)) as store:
        store.execute("PRAGMA user_version = 99")
    with pytest.raises(TraceStoreError, match="tables of version 99, and this release knows version 1"):
        opened(path)  # type: ignore[operator]


def test_a_path_that_cannot_be_is_an_error(tmp_path: Path) -> None:
    """A folder that cannot be made is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(TraceStoreError, match="folder of the trace store .* cannot be made"):
        open_for_writing(tmp_path / "file" / "deeper" / "traces.db")
