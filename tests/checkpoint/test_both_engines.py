"""Both engines on the same bytes and the same files."""

from __future__ import annotations

import ast
import base64
import json
from pathlib import Path
from typing import Any

import pytest
from parsed import parsed

from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from otgraph.checkpoint.sqlite import SqliteSaver

from .corpus import engine_values, plain_values, shown
from .oracle_side import run_there

pytestmark = pytest.mark.oracle

HERE = Path(__file__).parent
serde = JsonPlusSerializer()
CHECKS = [
    node.name
    for node in parsed(HERE / "both.py").body
    if isinstance(node, ast.FunctionDef) and node.name.startswith("check_")
]


@pytest.fixture(scope="module")
def results() -> Any:
    return run_there("both", with_otgraph=True)


@pytest.mark.parametrize("check", CHECKS)
def test_in_one_process(check: str, results: Any) -> None:
    """With both engines in one process, each check of `both.py` holds."""
    assert "" == results[check], results[check]


def test_what_langgraph_wrote_is_read_here(tmp_path: Path) -> None:
    """Bytes and a file that LangGraph wrote elsewhere are read here as values of the same description."""
    here = plain_values() | engine_values("otgraph")
    written = run_there("theirs", "write", tmp_path)
    common = here.keys() & written.keys()  # either environment may lack a package that the other has
    for name in common:
        kind, payload, description = written[name]
        assert description == shown(serde.loads_typed((kind, base64.b64decode(payload)))), name
    with SqliteSaver.from_conn_string(tmp_path / "shared.db") as saver:
        found = saver.get_tuple({"configurable": {"thread_id": "theirs"}})
    assert found is not None
    assert {"source": "loop", "step": 1} == found.metadata
    values = found.checkpoint["channel_values"]
    for name in common:
        assert shown(serde.loads_typed(serde.dumps_typed([here[name]]))[0]) == shown(values[name])
    assert {"task"} == {task for task, _, _ in found.pending_writes or ()}


def test_what_otgraph_wrote_is_read_there(tmp_path: Path) -> None:
    """Bytes and a file that otgraph wrote are read by LangGraph elsewhere, where otgraph is not installed."""
    values = plain_values() | engine_values("otgraph")
    stored = {name: serde.dumps_typed(value) for name, value in values.items()}
    texts = {name: (kind, base64.b64encode(payload).decode()) for name, (kind, payload) in stored.items()}
    (tmp_path / "ours.json").write_text(json.dumps(texts))
    checkpoint: Any = {
        "v": 4, "ts": "t", "id": "1", "channel_values": values, "channel_versions": dict.fromkeys(values, "1"),
        "versions_seen": {}, "updated_channels": None,
    }  # fmt: skip
    with SqliteSaver.from_conn_string(tmp_path / "shared.db") as saver:
        saved = saver.put({"configurable": {"thread_id": "ours"}}, checkpoint, {"source": "loop", "é": 1}, {})
        saver.put_writes(saved, list(values.items()), "task", "~path")
    there = run_there("theirs", "read", tmp_path)
    for name in stored.keys() & set(there["known"]):
        alone = shown(serde.loads_typed(stored[name]))
        assert (alone, alone) == (there["bytes"][name], there["writes"][name])
        inside = shown(serde.loads_typed(serde.dumps_typed([values[name]]))[0])
        assert inside == there["values"][name]
    assert {"source": "loop", "é": 1} == there["metadata"]
