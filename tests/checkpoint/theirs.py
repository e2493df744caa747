"""
LangGraph alone, writing for otgraph and reading what otgraph wrote; a module of the oracle's environment.

Run as `theirs write FOLDER` or `theirs read FOLDER`. Rule: imports nothing of otgraph.
"""

from __future__ import annotations

import base64
import json
import logging
import sys
from pathlib import Path
from typing import Any

from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite import SqliteSaver

from .corpus import engine_values, plain_values, shown

CONFIG: Any = {"configurable": {"thread_id": "theirs", "checkpoint_ns": ""}}


def write(folder: Path) -> dict[str, Any]:
    """Store every value of the corpus as bytes and in a file; return bytes and descriptions."""
    values = plain_values() | engine_values("langgraph")
    serde = JsonPlusSerializer()
    checkpoint: Any = {
        "v": 4, "ts": "t", "id": "1", "channel_values": values, "channel_versions": dict.fromkeys(values, "1"),
        "versions_seen": {}, "updated_channels": None,
    }  # fmt: skip
    with SqliteSaver.from_conn_string(str(folder / "shared.db")) as saver:
        saved = saver.put(CONFIG, checkpoint, {"source": "loop", "step": 1}, {})
        saver.put_writes(saved, list(values.items()), "task", "~path")
    stored = {name: serde.dumps_typed(value) for name, value in values.items()}
    return {
        name: [kind, base64.b64encode(payload).decode(), shown(serde.loads_typed((kind, payload)))]
        for name, (kind, payload) in stored.items()
    }


def read(folder: Path) -> dict[str, Any]:
    """Return descriptions of what otgraph stored, as bytes and in a file."""
    serde = JsonPlusSerializer()
    stored = json.loads((folder / "ours.json").read_text())
    with SqliteSaver.from_conn_string(str(folder / "shared.db")) as saver:
        found = saver.get_tuple({"configurable": {"thread_id": "ours"}})
    assert found is not None
    return {
        "known": [*plain_values(), *engine_values("langgraph")],
        "bytes": {
            name: shown(serde.loads_typed((kind, base64.b64decode(payload))))
            for name, (kind, payload) in stored.items()
        },
        "values": {name: shown(value) for name, value in found.checkpoint["channel_values"].items()},
        "writes": {channel: shown(value) for _, channel, value in found.pending_writes or ()},
        "metadata": found.metadata,
    }


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps({"write": write, "read": read}[sys.argv[1]](Path(sys.argv[2]))))
