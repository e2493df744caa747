"""
The agent of the demo, run as a user runs it: a process of its own, with its script and with a server.

Rule: what is printed came while the agent ran, and the spans below it tell the same story.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from llm.server import Answer, Server

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "agent.py"

pytest.importorskip("langchain_core", reason="needs LangChain, which the extra `langchain` installs")


def command(*arguments: object, **settings: str) -> tuple[list[str], dict[str, str]]:
    """Return a command line and its environment, in which nothing names a model or an exporter but `settings`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTGRAPH_", "OPENAI_"))}
    return [sys.executable, "-u", str(EXAMPLE), *map(str, arguments)], {
        **kept,
        "PYTHONIOENCODING": "utf-8",
        **settings,
    }


def ask(*arguments: object, **settings: str) -> subprocess.CompletedProcess[str]:
    line, environment = command(*arguments, **settings)
    return subprocess.run(
        line, capture_output=True, encoding="utf-8", env=environment, timeout=60, check=False
    )


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of two files."""
    (tmp_path / "short.txt").write_text("one\n", encoding="utf-8")
    (tmp_path / "long.txt").write_text("A tale\nof two\nfiles\n", encoding="utf-8")
    return tmp_path


def spans_of(output: str) -> list[str]:
    """Return the names of the spans that were drawn, from the top."""
    tree = output.partition("Spans of the run\n")[2].partition("\n\n")[0]
    return [line.lstrip("│├└─ ").split("  ")[0].rstrip() for line in tree.splitlines()]


def test_answers_from_what_its_tools_found(texts: Path) -> None:
    """The scripted model calls tools that read the folder, and its answer is made of their results."""
    ended = ask(texts)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "count_files → 2 files" in ended.stdout
    assert "longest_files → long.txt: 3 lines ⏎ short.txt: 1 lines" in ended.stdout
    assert "There are 2 files. The longest file begins: A tale of two files\n" in ended.stdout


def test_draws_the_agent_its_model_and_its_tools(texts: Path) -> None:
    """The span tree holds the agent, three calls of the model with their tokens, and three of tools."""
    ended = ask(texts)
    names = spans_of(ended.stdout)
    assert "invoke_agent librarian" == names[0]
    chats = [name for name in names if name.startswith("chat scripted (")]
    assert 3 == len(chats)
    assert all(name.endswith(" tokens)") for name in chats)
    tools = sorted(name for name in names if name.startswith("execute_tool "))
    assert ["execute_tool count_files", "execute_tool first_lines", "execute_tool longest_files"] == tools
    pairs = [name[len("chat scripted (") : -len(" tokens)")].split(" → ") for name in chats]
    read, written = (sum(int(pair[side]) for pair in pairs) for side in (0, 1))
    assert ended.stdout.endswith(f"3 calls of the model, {read} tokens read, {written} written\n")


def test_shows_tokens_as_they_come(texts: Path) -> None:
    """The last token of the first answer arrives well after the first one, and before the agent has ended."""
    line, environment = command(texts)
    with subprocess.Popen(line, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        seen, times = b"", {}
        while part := os.read(process.stdout.fileno(), 4096):
            seen += part
            for mark in (b"Let me", b"longest ones.", b"Spans of"):
                if mark in seen:
                    times.setdefault(mark, time.perf_counter())
    first, last, done = times[b"Let me"], times[b"longest ones."], times[b"Spans of"]
    assert last - first > 0.1  # seven tokens, 20 ms from one to the next
    assert done - last > 0.1


def test_says_what_an_empty_folder_holds(tmp_path: Path) -> None:
    """Without a file there is nothing to read, which the agent says."""
    ended = ask(tmp_path)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "There is nothing to read: 0 files." in ended.stdout


def test_asks_a_server_that_the_environment_names(texts: Path) -> None:
    """With OPENAI_BASE_URL the model behind it is asked; its wrong call of a tool comes back to it as an error."""
    pytest.importorskip("langchain_openai", reason="needs langchain-openai, which the extra `dev` installs")
    script = (
        Answer(calls=(("first_lines", {"name": "none.txt", "count": 1}, "call_a"),)),
        Answer(text="I was wrong, and say so."),
    )
    with Server(*script) as server:
        ended = ask(texts, "--ask", "Well?", OPENAI_BASE_URL=server.url, OPENAI_MODEL="some-model")
        asked = server.requests
    assert 0 == ended.returncode, ended.stderr
    assert ["some-model", "some-model"] == [request["model"] for request in asked]
    assert "there is no file 'none.txt': take a name that longest_files has returned" in ended.stdout
    assert "I was wrong, and say so." in ended.stdout
    assert "chat some-model (12 → 5 tokens)" in spans_of(ended.stdout)


def test_refuses_what_is_no_folder(texts: Path) -> None:
    """A folder that is none ends with exit code 2 and a message that names it."""
    ended = ask(texts / "missing")
    assert (2, "") == (ended.returncode, ended.stdout)
    assert f"{str(texts / 'missing')!r} is not a folder: name a folder" in ended.stderr
