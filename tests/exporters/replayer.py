"""
A process that tells streams again from a trace store: a request per line, as JSON, and the answer likewise.

Rule: it has nothing of the process that ran the graph but the file.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from laws.replayed import line
from otgraph_exporters.trace_store import TraceStore

from otgraph.telemetry import afollow, follow, replay


def answer(request: dict[str, Any]) -> dict[str, list[str]]:
    """Return the chunks of a run's stream, as it is replayed and as it is followed in either colour."""
    wishes = {
        "stream_mode": request["mode"],
        "subgraphs": request["subgraphs"],
        "version": request["version"],
    }
    with TraceStore(request["path"]) as store:
        run = store.run(request["run"])

        async def followed() -> list[str]:
            return [line(chunk) async for chunk in afollow(store, run.trace_id, **wishes)]

        return {
            "replayed": [line(chunk) for chunk in replay(store.spans(run.trace_id), **wishes)],
            "followed": [line(chunk) for chunk in follow(store, run.trace_id, **wishes)],
            "followed, async": asyncio.run(followed()),
        }


if __name__ == "__main__":
    for text in sys.stdin:
        print(json.dumps(answer(json.loads(text))), flush=True)
