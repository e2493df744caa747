"""
One of several processes that share a cache: `python -m cache.sqlite_worker PATH NUMBER`.

Rule: silent if all went well.
"""

from __future__ import annotations

import sys

from otgraph.cache.sqlite import SqliteCache


def main(path: str, number: str) -> None:
    """Keep values of its own, and some that another namespace loses again."""
    with SqliteCache[int](path=path) as cache:
        for turn in range(30):
            cache.set({((number,), str(turn)): (turn, None), (("shared",), str(turn)): (turn, 1)})
            assert cache.get([((number,), str(turn))]) == {((number,), str(turn)): turn}
            cache.clear([("shared",)])


if __name__ == "__main__":
    main(*sys.argv[1:])
