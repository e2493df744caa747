"""
Processes that are forked after telemetry was set up: each exports what is its own.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.version import __version__ as sdk_version

from telemetry.programs import PRELUDE, SPANS, environment, succeed
from telemetry.receiver import Kept

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

OWN_IDS = tuple(map(int, sdk_version.split(".")[:2])) >= (1, 44)
"""Whether the installed SDK gives a forked process an instance id of its own."""


def spans_by_instance(kept: Kept) -> Counter[str]:
    """Return the number of spans of each process; fail if one arrived twice."""
    arrived = Counter(span.span_id for span, _ in kept.spans)
    assert not [span for span, times in arrived.items() if times > 1]
    return Counter(resource["service.instance.id"] for _, resource in kept.spans)


def runs_by_instance(kept: Kept) -> dict[str, int]:
    """Return how many runs each process says in the end that it has measured."""
    points = kept.points("gen_ai.invoke_workflow.duration")
    return {resource["service.instance.id"]: point.count for point, _, resource in points}


@pytest.mark.parametrize("flushed", [True, False], ids=["connected", "queued"])
def test_a_child_exports_its_own(kept: Kept, endpoint: str, protocol: str, flushed: bool) -> None:
    """Parent and child export their own spans once each, and measure their own runs only, before and after a fork."""
    succeed(
        f"""
setup()
graph.invoke({{}})
if {flushed}:
    assert flush()
child = os.fork()
if not child:
    graph.invoke({{}})
    graph.invoke({{}})
    os._exit(0 if flush() else 1)
assert os.waitpid(child, 0)[1] == 0
graph.invoke({{}})
""",
        warnings="ignore",
        OTEL_EXPORTER_OTLP_ENDPOINT=endpoint,
        OTEL_EXPORTER_OTLP_PROTOCOL=protocol,
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )
    assert kept.names == sorted(SPANS * 4)
    if OWN_IDS:
        assert sorted(spans_by_instance(kept).values()) == [6, 6]
        assert all(len(processes) == 1 for processes in kept.connections.values())
        assert sorted(runs_by_instance(kept).values()) == [2, 2]


def test_a_process_of_multiprocessing_flushes_at_its_end(kept: Kept, http: str) -> None:
    """Workers of a pool that ends say all they have, though they end without `atexit`."""
    succeed(
        """
import multiprocessing

def work(number):
    graph.invoke({})
    return os.getpid()

setup()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pids = set(pool.map(work, range(6), chunksize=1))
    pool.close()
    pool.join()
""",
        warnings="ignore",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
        OTEL_BSP_SCHEDULE_DELAY="60000",
    )
    assert kept.names == sorted(SPANS * 6)
    if OWN_IDS:
        assert sum(spans_by_instance(kept).values()) == 18
        assert sum(runs_by_instance(kept).values()) == 6


def test_a_child_of_a_child_exports_too(kept: Kept, http: str) -> None:
    """Forks of forks export their own."""
    succeed(
        """
setup(metrics=False)
graph.invoke({})
flush()
for generation in range(3):
    child = os.fork()
    if child:
        assert os.waitpid(child, 0)[1] == 0
        break
    graph.invoke({})
    flush()
os._exit(0)
""",
        warnings="ignore",
        OTEL_EXPORTER_OTLP_ENDPOINT=http,
    )
    assert len(spans_by_instance(kept)) == (4 if OWN_IDS else 1)
    assert kept.names == sorted(SPANS * 4)


def wait_until(said: Any, process: subprocess.Popen[str], pattern: str) -> str:
    """Read what a process says until it says `pattern`; return the group that was found."""
    for line in said:
        found = re.search(pattern, line)
        if found:
            return found[1]
    raise AssertionError(f"{process.args} ended with {process.wait(10)}")


@pytest.mark.parametrize("preload", [True, False], ids=["preload", "each"])
def test_workers_of_gunicorn_export_their_own(kept: Kept, http: str, tmp_path: Path, preload: bool) -> None:
    """Under a real gunicorn each run of each worker arrives once, before the fork or after it as the set-up may be."""
    pytest.importorskip("gunicorn")
    (tmp_path / "served.py").write_text(
        PRELUDE
        + """
setup("served")

def app(environ, start_response):
    graph.invoke({})
    time.sleep(0.05)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""
    )
    command = [sys.executable, "-m", "gunicorn", "served:app", "-b", "127.0.0.1:0", "-w", "2"]
    command += ["--preload"] if preload else []
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment(OTEL_EXPORTER_OTLP_ENDPOINT=http, OTEL_BSP_SCHEDULE_DELAY=60000),
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        address = wait_until(server.stderr, server, r"Listening at: (http\S+)")
        for _ in range(2):
            wait_until(server.stderr, server, r"Booting worker with pid: (\d+)")
        workers = set()
        for _ in range(8):
            with urllib.request.urlopen(address, timeout=30) as answer:
                workers.add(answer.read())
        server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert kept.names == sorted(SPANS * 8)
    if OWN_IDS:
        assert len(spans_by_instance(kept)) == len(workers)
        assert sum(runs_by_instance(kept).values()) == 8


@pytest.mark.slow
def test_workers_of_celery_export_their_own(kept: Kept, http: str, tmp_path: Path) -> None:
    """A real Celery with its prefork pool, set up in the parent and flushed as documented, exports each run once."""
    pytest.importorskip("celery")
    (tmp_path / "jobs.py").write_text(
        PRELUDE
        + """
from celery import Celery
from celery.signals import worker_process_shutdown

for folder in ("in", "done"):
    os.makedirs(folder, exist_ok=True)
app = Celery("jobs", broker="filesystem://")
app.conf.broker_transport_options = {
    "data_folder_in": "in", "data_folder_out": "in", "store_processed": True, "processed_folder": "done",
    "control_folder": "control",
}
app.conf.task_acks_late = True
setup("jobs")
worker_process_shutdown.connect(lambda **_: flush(), weak=False)

@app.task(name="job")
def job():
    graph.invoke({})
    with open("worked", "a") as file:
        file.write("x")
"""
    )
    variables = environment(OTEL_EXPORTER_OTLP_ENDPOINT=http, OTEL_BSP_SCHEDULE_DELAY=60000)
    send = "import jobs; [jobs.job.delay() for _ in range(6)]"
    subprocess.run([sys.executable, "-c", send], cwd=tmp_path, env=variables, check=True, timeout=60)
    command = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "jobs",
        "worker",
        "-P",
        "prefork",
        "-c",
        "2",
        "-l",
        "info",
    ]
    with (
        (tmp_path / "log").open("w") as log,
        subprocess.Popen(command, cwd=tmp_path, env=variables, stdout=log, stderr=log) as server,
    ):
        end = time.monotonic() + 60
        worked = tmp_path / "worked"
        while not worked.exists() or len(worked.read_text()) < 6:
            alive = server.poll() is None and time.monotonic() < end
            assert alive, (tmp_path / "log").read_text()
            time.sleep(0.1)
        server.send_signal(signal.SIGTERM)
        server.wait(30)
    assert kept.names == sorted(SPANS * 6), (tmp_path / "log").read_text()
    if OWN_IDS:
        assert sum(spans_by_instance(kept).values()) == 18
        assert sum(runs_by_instance(kept).values()) == 6
