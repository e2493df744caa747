"""`otgraph run`: input, output, what is saved, and how it ends."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any, get_args

import pytest
from waiting import until

from otgraph.checkpoint.sqlite.saver import SqliteSaver
from otgraph.cli.parser import MODES
from otgraph.stream.parts import StreamMode

CATS = '{"topic": "cats"}'


def test_the_result_is_json(otgraph: Any) -> None:
    """Without a mode the result of the run is printed as JSON, and nothing else."""
    done = otgraph("run", "graphs:graph", "--input", CATS)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"topic": "cats", "lines": ["a plan", "a text about cats"]}


@pytest.mark.parametrize(
    "target", ["graphs.py:graph", "./graphs.py:graph", "graphs:make()", "graphs:asking.nodes"]
)
def test_a_graph_is_found_by_file_and_by_call(otgraph: Any, target: str) -> None:
    """A target is a module or a file, and a name in it that leads to a graph or, with (), returns one."""
    done = otgraph("run", target, "--input", CATS)
    if target.endswith("nodes"):
        assert done.returncode == 2
        assert "is no graph" in done.stderr
    else:
        assert json.loads(done.stdout)["lines"] == ["a plan", "a text about cats"]


def test_input_comes_from_a_file_or_from_standard_input(otgraph: Any, folder: Path) -> None:
    """`@file` and `-` are read; an entrypoint takes any JSON."""
    (folder / "input.json").write_text(CATS)
    from_file = otgraph("run", "graphs:graph", "-i", "@input.json")
    from_stdin = otgraph("run", "graphs:graph", "-i", "-", stdin=CATS)
    assert from_file.stdout == from_stdin.stdout
    assert "a text about cats" in from_file.stdout
    assert json.loads(otgraph("run", "graphs:double", "-i", "21").stdout) == 42


def test_modes_print_what_happens(otgraph: Any) -> None:
    """With modes each chunk is a line, in the order of the stream."""
    done = otgraph("run", "graphs:graph", "-i", CATS, "-m", "updates", "-m", "custom")
    assert done.stdout.splitlines() == [
        'custom "thinking about cats"',
        'updates {"plan": {"lines": ["a plan"]}}',
        'updates {"write": {"lines": ["a text about cats"]}}',
    ]


def test_json_lines_are_parts_and_an_end(otgraph: Any) -> None:
    """With `--json` each line is an object: the parts, and at the end how it went and what came of it."""
    done = otgraph("run", "graphs:graph", "-i", CATS, "-m", "updates", "--json", "-t", "7")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["type"] for line in lines] == ["updates", "updates", "end"]
    assert lines[0] == {"type": "updates", "ns": [], "data": {"plan": {"lines": ["a plan"]}}}
    result = {"topic": "cats", "lines": ["a plan", "a text about cats"]}
    assert lines[-1] == {"type": "end", "outcome": "success", "thread_id": "7", "result": result}


def test_a_node_of_a_loop_needs_nothing_special(otgraph: Any) -> None:
    """A graph with a node in async code runs on an event loop, with a saver for it."""
    done = otgraph("run", "graphs:on_loop", "-i", "{}", "--db", "runs.db")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"lines": ["written on a loop"]}
    assert otgraph("run", "graphs:graph", "-i", CATS, "--async").returncode == 0


def test_a_pause_is_answered_by_another_process(otgraph: Any) -> None:
    """A run that waits for a human ends with 3 and says how to go on; the answer is JSON or a plain word."""
    paused = otgraph("run", "graphs:asking", "-i", CATS, "--db", "runs.db", "-t", "7")
    assert (paused.returncode, paused.stdout) == (3, "")
    assert "waits for an answer: 'publish it?'" in paused.stderr
    assert "otgraph run graphs:asking --db runs.db --thread 7 --resume ANSWER" in paused.stderr
    done = otgraph("run", "graphs:asking", "--db", "runs.db", "-t", "7", "--resume", "yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["result"]["lines"] == ["a plan", "yes"]


def test_a_failure_shows_the_program_and_not_the_engine(otgraph: Any) -> None:
    """A run that fails ends with 1 and the traceback of the node, without the frames of the engine."""
    done = otgraph("run", "graphs:failing", "-i", CATS, "--json")
    assert done.returncode == 1
    assert "ValueError: no more ideas" in done.stderr
    assert "graphs.py" in done.stderr
    assert "engine" not in done.stderr
    end = json.loads(done.stdout)
    assert (end["outcome"], end["error"]) == ("error", {"type": "ValueError", "message": "no more ideas"})


@pytest.mark.parametrize("how", [[], ["--async"]], ids=["threads", "loop"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=["SIGTERM", "SIGINT"])
def test_a_signal_drains_the_run(start: Any, otgraph: Any, folder: Path, number: int, how: list[str]) -> None:
    """
    On SIGTERM or Ctrl-C the node in work is finished, its result is saved, the trace is written, the exit code is 4.

    Another process goes on with the next node.
    """
    arguments = ["run", "graphs:slowly", "--db", "runs.db", "-t", "7", *how]
    process = start(*arguments, "-i", CATS, "--record", "traces.db")
    until((folder / "begun").exists)
    process.send_signal(number)
    heard = process.stderr.readline()
    assert "the run stops when this superstep is done" in heard
    (folder / "go").write_text("")
    out, err = process.communicate(timeout=40)
    assert (process.returncode, out) == (4, ""), err
    assert "otgraph run graphs:slowly --db runs.db --thread 7" in err
    with SqliteSaver.from_conn_string(str(folder / "runs.db")) as saver:
        saved = saver.get_tuple({"configurable": {"thread_id": "7"}})
        assert saved is not None
        assert saved.checkpoint["channel_values"]["lines"] == ["slow is done"]
    (run,) = stored_runs(folder / "traces.db")
    assert (run.workflow, run.outcome, run.state) == ("slowly", "drained", "ended")
    done = otgraph(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["lines"] == ["slow is done", "a text about cats"]


def test_a_second_signal_cancels(start: Any, folder: Path) -> None:
    """A second SIGTERM ends the run at once with 143, and its trace says that it was cancelled."""
    process = start("run", "graphs:slowly", "-i", CATS, "--record", "traces.db")
    until((folder / "begun").exists)
    process.send_signal(signal.SIGTERM)
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=40)
    assert process.returncode == 143, err
    assert "Traceback" not in err
    (run,) = stored_runs(folder / "traces.db")
    assert run.outcome == "cancelled"


def stored_runs(path: Path) -> list[Any]:
    from otgraph_exporters.trace_store import TraceStore

    with TraceStore(path) as store:
        return store.runs()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["graphs"], "'graphs' names no graph: expected module:graph or path/to/file.py:graph"),
        (["nowhere:graph", "-i", CATS], "there is no module 'nowhere'"),
        (["nowhere.py:graph", "-i", CATS], "there is no file 'nowhere.py'"),
        (["graphs:nothing", "-i", CATS], "'graphs' has no 'nothing'; graphs there: asking, double, failing, graph"),
        (["graphs:number", "-i", CATS], "'graphs:number' is no graph but of type int; graphs there: "),
        (["graphs:make", "-i", CATS], "write graphs:make() to call it"),
        (["graphs:graph"], "say --input JSON"),
        (["graphs:graph", "-i", '{"topic" "cats"}'], "--input is not JSON: Expecting ':' delimiter, line 1 column 10"),
        (["graphs:graph", "-i", "@none.json"], "--input '@none.json': cannot be read"),
        (["graphs:graph", "-i", CATS, "-c", "[]"], "--config is no config"),
        (["graphs:graph", "-r", "yes", "-t", "7"], "--resume needs what was saved: say --db FILE"),
        (["graphs:graph", "-r", "yes", "--db", "runs.db"], "say --thread ID"),
        (["graphs:graph", "-m", "everything"], "invalid choice: 'everything'"),
    ],
)  # fmt: skip
def test_what_cannot_be_followed_is_said(otgraph: Any, arguments: list[str], message: str) -> None:
    """A command that cannot be followed ends with 2 and says what was expected, without a traceback."""
    done = otgraph("run", *arguments)
    assert done.returncode == 2, done.stderr
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_a_fault_inside_the_module_is_shown_whole(otgraph: Any, folder: Path) -> None:
    """A module that cannot be imported because of what it imports itself is not called missing."""
    (folder / "broken.py").write_text("import nowhere_at_all\n")
    done = otgraph("run", "broken:graph", "-i", CATS)
    assert "No module named 'nowhere_at_all'" in done.stderr
    assert "broken.py" in done.stderr
    assert done.returncode == 1


def test_the_tree_is_drawn_beside_the_result(otgraph: Any) -> None:
    """With `--tree` the run is shown on standard error; standard output has the result alone."""
    done = otgraph("run", "graphs:graph", "-i", CATS, "--tree")
    assert json.loads(done.stdout)["topic"] == "cats"
    assert "1 plan ok" in done.stderr
    assert "essay ok" in done.stderr


def test_content_is_recorded_on_request_only(otgraph: Any, folder: Path) -> None:
    """The trace store has content with `--capture`, and none without."""
    from otgraph_exporters.trace_store import TraceStore

    otgraph("run", "graphs:graph", "-i", '{"topic": "a secret"}', "--record", "bare.db")
    otgraph("run", "graphs:graph", "-i", '{"topic": "a secret"}', "--record", "full.db", "--capture")
    told = {}
    for name in ("bare", "full"):
        with TraceStore(folder / f"{name}.db") as store:
            told[name] = json.dumps(store.spans(store.runs()[0].run_id))
    assert ("a secret" in told["bare"], "a secret" in told["full"]) == (False, True)


def test_every_mode_can_be_asked_for() -> None:
    """The modes of the command are those of `stream`."""
    assert sorted(MODES) == sorted(get_args(StreamMode))


def test_help_comes_at_once(otgraph: Any) -> None:
    """Help loads neither OpenTelemetry nor the engine, and says what the exit codes mean."""
    done = otgraph("--help", PYTHONPROFILEIMPORTTIME="1")
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "otgraph.cli.parser" in loaded
    heavy = ("opentelemetry", "asyncio", "rich", "otgraph.engine", "otgraph.graph", "otgraph.tracing")
    assert not {name for name in loaded if name.startswith(heavy)}
    assert "exit codes:" in done.stdout


def test_a_pause_that_is_not_saved_says_so(otgraph: Any) -> None:
    """A run that waits, and is saved nowhere, tells how it could be answered."""
    done = otgraph("run", "graphs:asking", "-i", CATS)
    assert done.returncode == 3
    assert "paused, and not saved: it cannot go on. With --db FILE and --thread ID it could" in done.stderr


@pytest.mark.parametrize("path", ["no/such/folder.db", "graphs.py"])
def test_a_database_that_is_none_is_refused(otgraph: Any, path: str) -> None:
    """A file that cannot be opened, or holds something else, is named before anything runs."""
    done = otgraph("run", "graphs:graph", "-i", CATS, "--db", path, "-t", "7")
    assert (done.returncode, done.stdout) == (2, "")
    assert f"--db {path} cannot be used as an SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_alone_is_told_its_graphs(otgraph: Any) -> None:
    """Who names a file and no graph in it is told which there are."""
    done = otgraph("run", "graphs.py", "-i", CATS)
    assert done.returncode == 2
    assert "expected module:graph or path/to/file.py:graph; graphs there: asking" in done.stderr
