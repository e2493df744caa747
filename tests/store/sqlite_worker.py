"""
One of several processes that write to one file: `python -m store.sqlite_worker PATH NUMBER`.

Rule: silent if all went well.
"""

from __future__ import annotations

import sys

from otgraph.store.base import PutOp
from otgraph.store.sqlite import SqliteStore


def main(path: str, number: str) -> None:
    """Put items of its own, and one that all put, and read what is there."""
    with SqliteStore.from_conn_string(path, ttl={"default_ttl": 5}) as store:
        for turn in range(40):
            mine, shared = (
                PutOp(("p", number), str(turn), {"turn": turn}),
                PutOp(("shared",), "k", {"turn": turn}),
            )
            store.batch([mine, shared])
            found = store.get(("p", number), str(turn))
            assert found is not None
            assert found.value == {"turn": turn}
            store.search(("shared",))


if __name__ == "__main__":
    main(*sys.argv[1:])
