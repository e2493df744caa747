"""
The command `otgraph`: which command is meant, and how it ends.

Rule: a command's code is imported when that command is run, so that help and completion come at once.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from otgraph.cli.exits import CommandError
from otgraph.cli.parser import make_parser

__all__ = ["main"]


def _run(given: Namespace) -> int:
    from otgraph.cli.run import run

    return run(given)


def _trace(given: Namespace) -> int:
    if given.action == "diff":
        from otgraph.cli.diff import diff

        return diff(given)
    from otgraph.cli import trace

    actions = {
        "ls": trace.ls,
        "show": trace.show,
        "tail": trace.tail,
        "replay": trace.replay_run,
        "gc": trace.gc,
    }
    return actions[given.action](given)


def _graph(given: Namespace) -> int:
    from otgraph.cli.draw import draw

    return draw(given)


def _doctor(given: Namespace) -> int:
    from otgraph.cli.doctor import doctor

    return doctor(given)


def _dashboards(given: Namespace) -> int:
    from otgraph.cli.draw import export_dashboards

    return export_dashboards(given)


def _completion(given: Namespace) -> int:
    from otgraph.cli.completion import complete

    return complete(given)


COMMANDS: Final[Mapping[str, Callable[[Namespace], int]]] = {
    "run": _run,
    "trace": _trace,
    "graph": _graph,
    "doctor": _doctor,
    "dashboards": _dashboards,
    "completion": _completion,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command that the arguments name; return its exit code."""
    given = make_parser().parse_args(arguments)
    try:
        return COMMANDS[given.command](given)
    except CommandError as error:
        print(f"otgraph: {error}", file=sys.stderr)
        return error.code
    except BrokenPipeError:
        # Whoever read along has seen enough. Nothing more can be written, not even by the interpreter at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
