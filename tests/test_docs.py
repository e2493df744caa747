"""
The documentation tells the truth: its code runs and prints what it says.

The `python` blocks of a file run in order, in one namespace, in a process of their own (a page may set the
process-wide tracer provider). A `text` block right after a `python` block is what that block prints; ids and times
may differ as long as equal ones stay equal.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import subprocess
import sys
import traceback
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import pytest

from otgraph.events import Fact
from otgraph.tracing import names

REPOSITORY = Path(__file__).resolve().parent.parent
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

NOT_WRITTEN = {"otgraph.task.path", "otgraph.task.failed"}
"""Names that are spelt and not used: nothing tells a path yet, and a failure is the event `exception`."""

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```[ ]*$", re.MULTILINE | re.DOTALL)
VARIABLE = {
    "time": r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?",
    "uuid": r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "hash": r"\b(?:0x)?[0-9a-f]{32}\b",
    "span": r"\b(?:0x)?[0-9a-f]{16}\b",
}
"""What is another on each run; times are all alike, the rest is numbered."""


@dataclass(frozen=True)
class Block:
    """A piece of code in a page."""

    line: int
    """Of its first line of code."""
    code: str
    output: str | None
    """What it is said to print; None where the page says nothing."""


def blocks(page: str) -> list[Block]:
    """Return the `python` blocks of a page, each with the `text` block that directly follows it."""
    found = []
    fences = list(FENCE.finditer(page))
    for fence, following in zip_longest(fences, fences[1:]):
        if fence[1] != "python":
            continue
        answered = following and following[1] == "text" and not page[fence.end() : following.start()].strip()
        line = page.count("\n", 0, fence.start(2)) + 1
        found.append(Block(line, fence[2], following[2] if following and answered else None))
    return found


def steady(text: str) -> str:
    """Return `text` with times left out and ids numbered in the order in which they appear."""
    seen: dict[str, str] = {}

    def name(found: re.Match[str]) -> str:
        kind = str(found.lastgroup)
        return "<time>" if kind == "time" else seen.setdefault(found[0], f"<{kind} {len(seen) + 1}>")

    pattern = "|".join(f"(?P<{kind}>{expression})" for kind, expression in VARIABLE.items())
    return re.sub(pattern, name, "\n".join(line.rstrip() for line in text.strip().splitlines()))


def run(page: Path) -> list[str]:
    """Run a page in this process and return its faults."""
    namespace: dict[str, object] = {"__name__": "__main__"}
    for block in blocks(page.read_text()):
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


def run_apart(page: Path, folder: Path) -> list[str]:
    """Run a page in a process of its own, in `folder`, and return its faults."""
    command = [sys.executable, "-W", "error", __file__, str(page)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=100)
    if done.returncode or done.stderr:
        return [f"{page.name}: the process ended with {done.returncode}\n{done.stderr}"]
    return list(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_tells_the_truth(page: Path, tmp_path: Path) -> None:
    """Each block of a page runs, warns of nothing, and prints what the page says."""
    faults = run_apart(page, tmp_path)
    assert not faults, "\n".join(faults)


def test_every_telemetry_name_is_documented() -> None:
    """The page on telemetry explains every span name, attribute and event that otgraph writes."""
    written = {value for name, value in vars(names).items() if name.isupper() and value != names.SCOPE}
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


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
