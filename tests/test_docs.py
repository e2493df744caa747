"""
The documentation tells the truth: its code runs and prints what it says.

The `python` blocks of a file run in order, in one namespace, in a process of their own (a page may set the
process-wide tracer provider); one marked `python fresh` begins a new program. A `text` block right after a `python`
block is what that block prints; times may differ, and ids as long as equal ones stay equal. What a page exports by
OTLP arrives at a collector of ours. The commands of a `sh` block are not run, but what they name is there.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shlex
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import zip_longest
from pathlib import Path
from threading import Thread

import pytest

from otgraph.events import Fact
from otgraph.telemetry import ExportedSpan, read_otlp
from otgraph.tracing import names

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

NOT_WRITTEN = {
    "otgraph.task.path",
    "otgraph.task.failed",
}
"""Names that are spelt and not used: nothing tells a path yet, and a failure is the event `exception`."""

FENCE = re.compile(r"^```(\w*)([^\n]*)\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
VARIABLE = {
    "duration": r" +\d+(?:\.\d+)? (?:µs|ms|s)\b(?: +█+)?",
    "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "hash": r"\b(?:0x)?[0-9a-f]{32}\b",
    "span": r"\b(?:0x)?[0-9a-f]{16}\b",
}
"""What is another on each run; times and durations (with their bars) are all alike, the rest is numbered."""


@dataclass(frozen=True)
class Block:
    """A piece of code in a page."""

    line: int
    """Of its first line of code."""
    code: str
    output: str | None
    """What it is said to print; None where the page says nothing."""


def programs(page: str) -> list[list[Block]]:
    """Return the `python` blocks of a page, program by program, each with the `text` block that directly follows it."""
    found: list[list[Block]] = []
    fences = list(FENCE.finditer(page))
    for fence, following in zip_longest(fences, fences[1:]):
        if fence[1] != "python":
            continue
        answered = following and following[1] == "text" and not page[fence.end() : following.start()].strip()
        if not found or fence[2].split() == ["fresh"]:
            found.append([])
        line = page.count("\n", 0, fence.start(3)) + 1
        found[-1].append(Block(line, fence[3], following[3] if following and answered else None))
    return found


def steady(text: str) -> str:
    """Return `text` with times left out and ids numbered in the order in which they appear."""
    seen: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        if kind in ("time", "duration"):
            return f"<{kind}>"
        return seen.setdefault(found[0], f"<{kind} {len(seen) + 1}>")

    pattern = "|".join(f"(?P<{kind}>{expression})" for kind, expression in VARIABLE.items())
    return re.sub(pattern, name, "\n".join(line.rstrip() for line in text.strip().splitlines()))


def run(page: Path, number: int) -> list[str]:
    """Run one program of a page in this process and return its faults."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in programs(page.read_text())[number]:
        printed = io.StringIO()
        try:
            with contextlib.redirect_stdout(printed):
                exec(compile("\n" * (block.line - 1) + block.code, str(page), "exec"), namespace)
        except Exception:
            return [f"{page.name}:{block.line}: the block raises\n{traceback.format_exc()}"]
        if block.output is not None and steady(block.output) != steady(printed.getvalue()):
            shown = f"--- the page says\n{block.output}--- it prints\n{printed.getvalue()}"
            return [f"{page.name}:{block.line}: the block prints something else\n{shown}"]
    return []


def run_apart(page: Path, folder: Path, endpoint: str = "") -> list[str]:
    """Run the programs of a page, each in a process of its own, in `folder`, and return their faults."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "OTGRAPH_"))
    }
    environment |= {"PYTHONPATH": str(REPOSITORY / "examples"), "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
    faults = []
    for number in range(len(programs(page.read_text()))):
        command = [sys.executable, "-W", "error", __file__, str(page), str(number)]
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=50
        )
        if done.returncode or done.stderr:
            faults.append(f"{page.name}: program {number} ended with {done.returncode}\n{done.stderr}")
        else:
            faults += json.loads(done.stdout.splitlines()[-1])
    return faults


class Collector(ThreadingHTTPServer):
    """Takes spans by OTLP over HTTP on a free port of this machine, and keeps them."""

    def __init__(self) -> None:
        self.spans: list[ExportedSpan] = []
        super().__init__(("127.0.0.1", 0), _Request)

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Request(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path.endswith("/v1/traces"):
            self.server.spans += read_otlp(body)
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: what a page prints is compared."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_tells_the_truth(page: Path, tmp_path: Path, collector: Collector) -> None:
    """Each block of a page runs, warns of nothing, and prints what the page says; what it exports arrives."""
    faults = run_apart(page, tmp_path, collector.endpoint)
    assert not faults, "\n".join(faults)
    code = "".join(block.code for program in programs(page.read_text()) for block in program)
    exports = "OTLPSpanExporter()" in code or "setup(" in code and "graph.invoke(" in code
    assert exports == bool(collector.spans)


def commands(page: str) -> list[list[str]]:
    """Return the words of each command in the `sh` blocks of a page."""
    lines = [line for fence in FENCE.finditer(page) if fence[1] == "sh" for line in fence[3].splitlines()]
    return [words for line in lines if (words := shlex.split(line, comments=True))]


def missing(words: list[str]) -> str | None:
    """Return what a command names that is not there, or None."""
    project = (REPOSITORY / "pyproject.toml").read_text()
    if words[0] == "make":
        targets = re.findall(r"^([\w-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE)
        return next((word for word in words[1:] if "=" not in word and word not in targets), None)
    if words[:2] == ["pip", "install"]:
        extras = re.findall(
            r"^(\w+) = \[", project.partition("[project.optional-dependencies]")[2], re.MULTILINE
        )
        wanted = [
            extra for word in words for named in re.findall(r"\[(.*)\]", word) for extra in named.split(",")
        ]
        return next((extra for extra in wanted if extra not in extras), None)
    if words[0] in ("python", "bash"):
        named = [*(words[2].replace(".", "/") for _ in words[:1] if words[1] == "-m"), *words[1:2]]
        return None if (REPOSITORY / named[0]).exists() else named[0]
    return None if words[0] in ("docker", "export", "git", "cd") else words[0]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_command_names_what_is_there(page: Path) -> None:
    """Make targets, extras, scripts and modules in the commands of a page exist."""
    assert not [(words, missing(words)) for words in commands(page.read_text()) if missing(words)]


def test_readme_says_what_is_not_here_yet() -> None:
    """README's list of modules to come is the one that the tests of public names hold."""
    from test_public_api import LATER

    readme = (REPOSITORY / "README.md").read_text()
    rows = [row for row in readme.splitlines() if row.startswith("|") and "not yet" in row]
    said = {name for row in rows for name in re.findall(r"`otgraph\.([\w.]+)`", row)}
    later = {name for name, late in LATER.items() if late is ...}
    assert not {name for name in later if not any(f"{name}.".startswith(f"{word}.") for word in said)}
    assert not {word for word in said if not any(f"{name}.".startswith(f"{word}.") for name in later)}


def test_every_telemetry_name_is_documented() -> None:
    """The page on telemetry explains every span name, attribute and event that otgraph writes."""
    named = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str)}
    drafted = {name for _, name in (*names.DRAFTED.counters, *names.DRAFTED.spreads)}
    written = named - {names.SCOPE} | drafted
    written |= {names.DRAFTED.duration, names.DRAFTED.first_chunk, names.DRAFTED.per_chunk}
    written |= {fact.name for fact in Fact.__subclasses__() if fact.name}
    page = (REPOSITORY / "docs" / "telemetry.md").read_text()
    assert not {name for name in written - NOT_WRITTEN if f"`{name}" not in page}


def page_of(tmp_path: Path, *parts: str) -> Path:
    page = tmp_path / "page.md"
    page.write_text("# A page\n\n" + "\n\n".join(parts) + "\n")
    return page


def python(code: str) -> str:
    return f"```python\n{code}\n```"


def text(output: str) -> str:
    return f"```text\n{output}\n```"


def test_a_fresh_block_begins_a_new_program(tmp_path: Path) -> None:
    """What came before a block marked `fresh` is unknown to it."""
    fresh = python("print('x' in globals())").replace("python", "python fresh", 1)
    assert not run_apart(page_of(tmp_path, python("x = 1"), fresh, text("False")), tmp_path)


def test_a_command_that_is_wrong_is_found() -> None:
    """A target, an extra, a file or a program that does not exist is named."""
    page = "```sh\nmake demo\nmake tea # soon\npip install '.[dev,tea]'\npython tea.py\npython -m tea.pot\ntea\n```"
    assert [None, "tea", "tea", "tea.py", "tea/pot", "tea"] == [missing(words) for words in commands(page)]


def test_blocks_share_a_namespace(tmp_path: Path) -> None:
    """A later block sees what an earlier one defined; other languages are not run."""
    page = page_of(tmp_path, python("x = 1"), "```bash\nexit 1\n```", python("print(x + 1)"), text("2"))
    assert not run_apart(page, tmp_path)


def test_a_wrong_output_is_found(tmp_path: Path) -> None:
    """A block that prints something else is named by its line, with both texts."""
    (fault,) = run_apart(page_of(tmp_path, python("x = 1"), python("print(x)"), text("2")), tmp_path)
    assert "page.md:8: the block prints something else" in fault
    assert "the page says\n2\n--- it prints\n1\n" in fault


def test_an_output_may_be_left_out(tmp_path: Path) -> None:
    """What a block prints counts only if a `text` block follows it directly."""
    assert not run_apart(page_of(tmp_path, python("print(1)"), "And now:", text("a drawing")), tmp_path)


def test_an_exception_points_into_the_page(tmp_path: Path) -> None:
    """The traceback of a block names the line of the page."""
    (fault,) = run_apart(page_of(tmp_path, python("x = 1\n\n1 / 0")), tmp_path)
    assert 'page.md", line 6, in <module>' in fault
    assert "ZeroDivisionError" in fault


def test_a_warning_is_a_fault(tmp_path: Path) -> None:
    """Documentation shows nothing that warns."""
    (fault,) = run_apart(page_of(tmp_path, python("import warnings\nwarnings.warn('old')")), tmp_path)
    assert "UserWarning: old" in fault


def test_ids_are_compared_by_their_pattern() -> None:
    """Ids and times may differ, but equal ids must stay equal and different ones different."""
    said = "a 1efd2b3c-0000-6000-8000-000000000001 b 2efd2b3c-0000-6000-8000-000000000001\nat 2026-01-01T00:00:00+00:00"
    same = "a 3efd2b3c-0000-6000-8000-000000000001 b 4efd2b3c-0000-6000-8000-000000000001\nat 2026-01-02T03:04:05+00:00"
    assert steady(said) == steady(same)
    assert steady(said) != steady(same.replace("4efd", "3efd"))
    assert "<uuid 1> <hash 2> <span 3> <time>" == steady(
        "1efd2b3c-0000-6000-8000-000000000001 0x4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 2026-01-01 00:00:00Z"
    )
    assert "run<duration>\n└─ task<duration>" == steady("run      1.5 ms  ████\n└─ task  900 µs    █")


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]), int(sys.argv[2]))))
