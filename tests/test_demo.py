"""
The demo, run as a user runs it: a process of its own on real folders.

Rule: whatever is in the folder, the demo says what it found; only a folder that is none is an error.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parent.parent / "examples"


def survey(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(EXAMPLES / "survey.py"), *map(str, arguments)]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "OTGRAPH_"))}
    environment["PYTHONIOENCODING"] = "utf-8"
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, timeout=60, check=False
    )


def sections(output: str) -> dict[str, list[str]]:
    """Return the lines of the output by the first word of the heading above them."""
    found: dict[str, list[str]] = {}
    for block in output.strip().split("\n\n"):
        lines = block.splitlines()
        found["Stream" if re.match(r" +\d+\.\d+ s ", lines[0]) else lines[0].split()[0].strip(":")] = lines
    return found


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """A folder of two text files, one of them in a folder of its own."""
    (tmp_path / "inner").mkdir()
    (tmp_path / "one.txt").write_text("apple banana\napple\n", encoding="utf-8")
    (tmp_path / "inner" / "two.md").write_text("# Cherry\n", encoding="utf-8")
    return tmp_path


def test_counts_what_it_reads(texts: Path) -> None:
    """Files, lines and words of the whole folder are added up, kind by kind."""
    ended = survey(texts)
    found = sections(ended.stdout)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert [[".txt", "1", "2", "0.0"], [".md", "1", "1", "0.0"]] == [
        row.split() for row in found["Files"][1:]
    ]
    assert [["2", "lines", "one.txt"], ["1", "lines", "inner/two.md"]] == [
        row.split() for row in found["Longest"][1:]
    ]
    assert "apple 2" in found["Frequent"][1]
    assert ["Problems: none"] == found["Problems"]


def test_prints_the_stream_in_order(texts: Path) -> None:
    """The files are found first, each is reported once, the ranking is last, and time only goes forward."""
    stream = sections(survey(texts).stdout)["Stream"]
    assert ["find", "file", "file", "rank"] == [line.split()[2] for line in stream]
    assert {"one.txt", "inner/two.md"} == {line.split()[4] for line in stream[1:3]}
    times = [float(line.split()[0]) for line in stream]
    assert sorted(times) == times


def test_names_what_it_cannot_read(texts: Path) -> None:
    """A file that is no text, a link to nothing, a pipe and a loop are each named with the reason."""
    (texts / "picture.bin").write_bytes(b"ok\xff")
    (texts / "dangling").symlink_to(texts / "nowhere")
    (texts / "inner" / "loop").symlink_to(texts)
    (texts / "itself").symlink_to(texts / "itself")
    os.mkfifo(texts / "pipe")
    ended = survey(texts)
    found = sections(ended.stdout)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert {
        "  picture.bin: not UTF-8 text (byte 0xff at 2)",
        "  dangling: a link to nothing",
        "  inner/loop: a link to a folder, not followed",
        "  itself: cannot be read (Too many levels of symbolic links)",
        "  pipe: not a regular file",
    } == set(found["Problems"][1:])
    assert "Problems: 5" == found["Problems"][0]
    assert 2 == len(found["Files"]) - 1


def test_survives_a_name_that_is_no_text(texts: Path) -> None:
    """A file whose name the terminal cannot show is read and listed like any other."""
    with open(os.path.join(os.fsencode(texts), b"odd\xff.txt"), "w", encoding="utf-8") as file:
        file.write("word\n" * 9)
    ended = survey(texts)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "9 lines  odd?.txt" in ended.stdout


def test_draws_one_tree_of_all_spans(texts: Path) -> None:
    """The spans are one tree: the run, its supersteps, their tasks, the run of a graph in each file task."""
    tree = sections(survey(texts).stdout)["Spans"][1:]
    depths = [re.match(r"[│├└─ ]*", line).end() // 3 for line in tree]  # type: ignore[union-attr]
    labels = [re.sub(r"^[│├└─ ]*", "", line).split("  ")[0] for line in tree]
    assert [0] == [depth for depth in depths if depth == 0]
    assert (0, "invoke_workflow survey") == (depths[0], labels[0])
    supersteps = [label for depth, label in zip(depths, labels, strict=True) if depth == 1]
    assert ["otgraph.superstep 1", "otgraph.superstep 2", "otgraph.superstep 3"] == supersteps
    tasks = [label for depth, label in zip(depths, labels, strict=True) if depth == 2]
    assert ["invoke_node find", "invoke_node file", "invoke_node file", "invoke_node rank"] == tasks
    assert 2 == labels.count("invoke_workflow file")
    assert 2 == labels.count("invoke_node read")
    assert 2 == labels.count("invoke_node measure")


def test_folds_a_long_fan_out(tmp_path: Path) -> None:
    """Of forty tasks five are drawn and the rest are one line; stream and problems are kept short too."""
    for number in range(40):
        (tmp_path / f"{number:02}.txt").write_bytes(b"\xff")
    found = sections(survey(tmp_path).stdout)
    assert 5 == sum("invoke_node file" in line and "more" not in line for line in found["Spans"])
    assert any("… and 35 more invoke_node file: " in line for line in found["Spans"])
    assert "Problems: 40" == found["Problems"][0]
    assert "  … and 25 more" == found["Problems"][-1]
    assert len(found["Stream"]) < 30
    assert any("40/40" in line for line in found["Stream"])


def test_surveys_an_empty_folder(tmp_path: Path) -> None:
    """A folder without files is surveyed like any other: no file, no problem."""
    ended = survey(tmp_path)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert "0 files" in ended.stdout
    assert "Problems: none" in ended.stdout


def test_surveys_otgraph_itself_unless_told_otherwise() -> None:
    """Without an argument the demo reads otgraph's own source."""
    ended = survey()
    found = sections(ended.stdout)
    assert (0, "") == (ended.returncode, ended.stderr)
    assert ".py" == found["Files"][1].split()[0]


def test_refuses_what_is_no_folder(texts: Path) -> None:
    """A missing folder, or a file, ends with exit code 2 and a message that says what to do."""
    for wrong, reason in ((texts / "missing", "does not exist"), (texts / "one.txt", "is not a folder")):
        ended = survey(wrong)
        assert (2, "") == (ended.returncode, ended.stdout)
        assert f"{str(wrong)!r} {reason}: name a folder of text files" in ended.stderr


def test_a_file_may_vanish(tmp_path: Path) -> None:
    """A file that was listed and is gone when it is read is said to be gone."""
    load = "from folder import load, Path; load(Path('vanished'))"
    ended = subprocess.run(
        [sys.executable, "-c", load], capture_output=True, text=True, cwd=EXAMPLES, check=False
    )
    assert "Unreadable: gone since it was listed" in ended.stderr
