"""
A process that saves until it is killed, and says on standard output what it was told is saved.

Run as `doomed_writer FILE`. Rule: a line is printed only after the call that it reports returned.
"""

from __future__ import annotations

import os
import sys

from otgraph.checkpoint.sqlite import SqliteSaver

from .crowd import checkpoint, config

BLOCK = "x" * 20_000
"""Makes every checkpoint several pages long, so that a kill has something to tear."""


def main(path: str) -> None:
    """Save without end."""
    with SqliteSaver.from_conn_string(path) as saver:
        last = saver.get_tuple(config("t"))
        turn = int(last.checkpoint["id"]) + 1 if last else 0
        while True:
            saved = f"{turn:08}"
            saver.put(config("t"), checkpoint(saved, [turn, BLOCK]), {"step": turn}, {})
            os.write(1, f"put {saved}\n".encode())
            saver.put_writes(config("t", saved), [("a", turn), ("b", BLOCK), ("c", turn)], "task")
            os.write(1, f"writes {saved}\n".encode())
            turn += 1


if __name__ == "__main__":
    main(sys.argv[1])
