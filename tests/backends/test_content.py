"""What people and models said, and what looks like a secret, does not leave the Collector."""

from __future__ import annotations

import json
import re
import urllib.request
from pathlib import Path

import pytest
from foreign_server import eventually

from backends.conftest import SAMPLING
from backends.servers import Jaeger, Programs, running_collector, running_sink
from backends.stories import SECRETS
from backends.workload import happen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_content_stays_in_the_collector(binaries: Programs, jaeger: Jaeger, tmp_path: Path) -> None:
    """With capture on, no content of state, messages, tools and custom items reaches a backend, and no key either."""
    with running_sink(binaries, tmp_path) as sink:
        settings = {
            "JAEGER_ENDPOINT": jaeger.address("otlp"),
            "TEMPO_ENDPOINT": sink.address("otlp"),
            **SAMPLING,
        }
        with running_collector(binaries, tmp_path, **settings) as collector:
            traces = happen("secrets", tmp_path, "grpc", f"http://{collector.address('grpc')}")
            spans = sum(map(len, traces.values()))

            eventually(
                lambda: jaeger.count(*traces) == spans == len(sink.spans()), "both backends to have all spans"
            )
            shown = json.dumps(jaeger.traces(*traces), ensure_ascii=False)
            for port in ("prometheus", "metrics"):
                with urllib.request.urlopen(f"http://{collector.address(port)}/metrics") as page:
                    shown += page.read().decode()
            shown += sink.text() + (collector.folder / "server.log").read_text()
    assert not [secret for secret in SECRETS if secret in shown]
    assert "redaction.masked.count" in shown
    assert "may not log in with" in shown
    assert re.search("otelcol_receiver_accepted_log_records.* 1$", shown, re.MULTILINE)


def test_without_the_collector_they_would_be_seen(binaries: Programs, tmp_path: Path) -> None:
    """The same processes, sent to a backend without that config, show all of it: there is something to redact."""
    with running_sink(binaries, tmp_path) as bare:
        traces = happen("secrets", tmp_path, "grpc", f"http://{bare.address('otlp')}")
        eventually(lambda: all(one in bare.text() for one in traces), "the traces to be written")
        assert all(secret in bare.text() for secret in SECRETS)
