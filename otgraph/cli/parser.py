"""
The arguments of the command `otgraph`, and its help.

Rule: nothing is imported to show help. Completion is made from what stands here.
"""

from __future__ import annotations

from argparse import ArgumentParser, RawDescriptionHelpFormatter, _SubParsersAction
from typing import Final, TypeAlias

from otgraph.cli.exits import CODES
from otgraph.version import __version__

__all__ = ["MODES", "make_parser"]

MODES: Final = (
    "values",
    "updates",
    "custom",
    "messages",
    "tasks",
    "checkpoints",
    "debug",
    "retries",
    "spans",
)

Commands: TypeAlias = "_SubParsersAction[ArgumentParser]"


def make_parser() -> ArgumentParser:
    """Return the parser of the whole command."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in CODES.items())
    parser = ArgumentParser(
        prog="otgraph",
        description="Run agent graphs, look at their traces, draw them, check where their telemetry goes.",
        epilog=f"exit codes:\n{codes}",
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"otgraph {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    _add_run(commands)
    _add_completion(commands)
    return parser


def _add(commands: Commands, name: str, help: str, description: str) -> ArgumentParser:
    return commands.add_parser(
        name, help=help, description=description, formatter_class=RawDescriptionHelpFormatter
    )


def _add_target(parser: ArgumentParser) -> None:
    parser.add_argument(
        "target", metavar="TARGET", help="module:graph or path/to/file.py:graph; name() is called"
    )


def _add_run(commands: Commands) -> None:
    parser = _add(
        commands,
        "run",
        "run a graph",
        "Run a graph and print its result, or what happens meanwhile.\n\n"
        "On SIGTERM or Ctrl-C the superstep that is going on is finished and saved, the trace is flushed,\n"
        "and the exit code is 4; a second time cancels the run at once.",
    )
    _add_target(parser)
    parser.add_argument(
        "-i", "--input", metavar="JSON", help="the input: JSON, @file, or - for standard input"
    )
    parser.add_argument("-c", "--config", metavar="JSON", help="the config of the run: JSON, @file, or -")
    parser.add_argument("-t", "--thread", metavar="ID", help="the thread that the run belongs to")
    parser.add_argument("--db", metavar="FILE", help="keep checkpoints in this SQLite file")
    parser.add_argument(
        "-r", "--resume", metavar="VALUE", help="answer what the thread waits for: JSON or text"
    )
    parser.add_argument(
        "-m", "--mode", metavar="MODE", action="append", choices=MODES,
        help=f"print what happens in this stream mode; several are possible ({', '.join(MODES)})",
    )  # fmt: skip
    parser.add_argument("-s", "--subgraphs", action="store_true", help="also what happens in graphs inside")
    parser.add_argument("--json", action="store_true", help="print JSON lines: a part each, and the end")
    parser.add_argument("--tree", action="store_true", help="draw the run in the terminal while it goes on")
    parser.add_argument(
        "--record",
        metavar="FILE",
        nargs="?",
        const="",
        help="write the trace into a trace store (.otgraph/traces.db)",
    )
    parser.add_argument(
        "--capture", action="store_true", help="record content: state, messages, custom events"
    )
    parser.add_argument("--async", dest="use_asyncio", action="store_true", help="run it on an event loop")


def _add_completion(commands: Commands) -> None:
    parser = _add(
        commands,
        "completion",
        "print what a shell needs to complete this command",
        "Print what a shell needs to complete this command.\n\n"
        "  bash  source <(otgraph completion bash)\n"
        "  zsh   source <(otgraph completion zsh)\n"
        "  fish  otgraph completion fish | source",
    )
    parser.add_argument("shell", choices=("bash", "zsh", "fish"))
