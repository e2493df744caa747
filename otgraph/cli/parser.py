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
    "values", "updates", "custom", "messages", "tools", "tasks", "checkpoints", "debug", "retries", "spans",
)  # fmt: skip

FORMATS: Final = ("ascii", "mermaid", "svg", "png", "json")

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
    _add_trace(commands)
    _add_graph(commands)
    _add_doctor(commands)
    _add_dashboards(commands)
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


def _add_trace(commands: Commands) -> None:
    parser = _add(
        commands, "trace", "look at the runs that were recorded", "Look at the runs that were recorded."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    _add_ls(actions)
    _add_show(actions)
    _add_tail(actions)
    _add_replay(actions)
    _add_diff(actions)
    _add_gc(actions)


def _add_source(parser: ArgumentParser, *, otlp: bool = True) -> None:
    parser.add_argument(
        "-f", "--from", dest="source", metavar="FILE",
        help="a trace store" + (", or a file of OTLP-JSON lines" if otlp else "")
        + "; by default what OTGRAPH_TRACE_STORE says, or .otgraph/traces.db",
    )  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_run_id(parser: ArgumentParser) -> None:
    parser.add_argument(
        "run",
        metavar="RUN",
        help="the id of a run or of its trace, or how it begins; or last, last~1 and so on",
    )


def _add_ls(actions: Commands) -> None:
    parser = _add(actions, "ls", "list runs", "List runs, the newest first.")
    _add_source(parser)
    parser.add_argument("-w", "--workflow", metavar="NAME", help="only runs of this graph")
    parser.add_argument("-t", "--thread", metavar="ID", help="only runs of this thread")
    parser.add_argument(
        "-o", "--outcome", metavar="OUTCOME", help="only runs that ended so, or running, or died"
    )
    parser.add_argument("--since", metavar="TIME", help="only runs of the last 90s, 15m, 2h, 7d")
    parser.add_argument(
        "-n", "--limit", metavar="N", type=int, default=20, help="at most so many (%(default)s)"
    )


def _add_show(actions: Commands) -> None:
    parser = _add(actions, "show", "show a run as a tree", "Show a run as a tree, with what failed in it.")
    _add_run_id(parser)
    _add_source(parser)
    parser.add_argument("-a", "--all", action="store_true", help="all spans, however many there are")


def _add_tail(actions: Commands) -> None:
    parser = _add(
        actions,
        "tail",
        "follow what is recorded",
        "Print starts, events and ends of spans as they are recorded, by whatever process.",
    )
    parser.add_argument(
        "run", metavar="RUN", nargs="?", help="only this run, until it ends; by default all that come"
    )
    _add_source(parser, otlp=False)
    parser.add_argument("-t", "--thread", metavar="ID", help="only runs of this thread")
    parser.add_argument("--past", action="store_true", help="begin with what was recorded before")
    parser.add_argument(
        "-m", "--mode", metavar="MODE", action="append", choices=MODES,
        help="instead of spans, what the run streams in this mode, from its beginning; content must be captured",
    )  # fmt: skip
    parser.add_argument("-s", "--subgraphs", action="store_true", help="also what happens in graphs inside")


def _add_replay(actions: Commands) -> None:
    parser = _add(
        actions,
        "replay",
        "stream a recorded run once more",
        "Print what the run streamed, in any mode, from its trace. Content must have been captured.",
    )
    _add_run_id(parser)
    _add_source(parser)
    parser.add_argument(
        "-m",
        "--mode",
        metavar="MODE",
        action="append",
        choices=MODES,
        help="as for `otgraph run`; updates by default",
    )
    parser.add_argument("-s", "--subgraphs", action="store_true", help="also what happened in graphs inside")
    parser.add_argument(
        "--speed",
        metavar="N",
        type=float,
        help="with the delays that the run had: 1 for all of them, 2 for half",
    )


def _add_diff(actions: Commands) -> None:
    parser = _add(
        actions,
        "diff",
        "compare two runs",
        "Compare the tasks of two runs: which ran, how they ended, and what they wrote if that was captured.\n"
        "Times are shown, and are no difference. The exit code is 0 if the runs are alike, 1 if they differ.",
    )
    parser.add_argument("before", metavar="RUN")
    parser.add_argument("after", metavar="OTHER")
    _add_source(parser)
    parser.add_argument(
        "--other-from", dest="other", metavar="FILE", help="where the second run is, if elsewhere"
    )
    parser.add_argument("-a", "--all", action="store_true", help="also tasks that are alike")


def _add_gc(actions: Commands) -> None:
    parser = _add(
        actions,
        "gc",
        "delete old traces",
        "Delete old traces from a trace store. Those in which a run is going on are kept.",
    )
    _add_source(parser, otlp=False)
    parser.add_argument("--older-than", metavar="TIME", help="traces older than 12h, 7d, 4w")
    parser.add_argument("--keep", metavar="N", type=int, help="all but the newest N")
    parser.add_argument(
        "--max-size", metavar="SIZE", help="the oldest, until the file is no larger than 500M, 2G"
    )


def _add_graph(commands: Commands) -> None:
    parser = _add(
        commands, "graph", "draw a graph", "Draw a graph, without running it and without a network."
    )
    _add_target(parser)
    parser.add_argument(
        "-F", "--format", choices=FORMATS, help="by default what the output's name says, else ascii"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="where to; by default standard output")
    parser.add_argument(
        "-x", "--xray", metavar="DEPTH", nargs="?", type=int, const=True, default=False,
        help="draw what is inside nodes that are graphs too, or so many levels of it",
    )  # fmt: skip


def _add_doctor(commands: Commands) -> None:
    parser = _add(
        commands,
        "doctor",
        "check where telemetry goes",
        "Check what is installed and configured, send a test trace, and ask the backend for it.\n"
        "The exit code is 1 if a check failed. Nothing is changed.",
    )
    parser.add_argument(
        "target",
        metavar="TARGET",
        nargs="?",
        help="a graph whose program sets OpenTelemetry up: checked as it does so",
    )
    parser.add_argument(
        "--endpoint", metavar="URL", help="where OTLP goes, instead of OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    parser.add_argument("--jaeger", metavar="URL", help="ask this Jaeger for the test trace")
    parser.add_argument("--tempo", metavar="URL", help="ask this Tempo for it")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=float, default=10.0, help="for each step (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _add_dashboards(commands: Commands) -> None:
    parser = _add(
        commands, "dashboards", "dashboards and alerts", "Dashboards for Grafana, rules for Prometheus."
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    export = _add(actions, "export", "write them into a folder", "Write dashboards and rules into a folder.")
    export.add_argument("folder", metavar="DIR")
    export.add_argument("--json", action="store_true", help="print the paths as JSON")


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
