"""
One span per call of a model, also where an instrumentor of somebody else is on: the real ones, unmodified.

Their releases disagree on what they need, so each set of them is installed into a folder of its own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("instrumented.py")

OTEL = "opentelemetry.instrumentation"
SETS = {
    "openai-v2": ["opentelemetry-instrumentation-openai-v2==2.4b0", "opentelemetry-util-genai==0.4b0"],
    "genai": [
        "opentelemetry-instrumentation-genai-openai==1.3b0",
        "opentelemetry-instrumentation-genai-langchain==1.3b0",
    ],
    "openinference": [
        "openinference-instrumentation-langchain==0.1.80",
        "openinference-instrumentation-openai==0.1.66",
    ],
}
"""What is installed together."""

CASES = {
    f"{OTEL}.openai_v2:OpenAIInstrumentor": "openai-v2",
    f"{OTEL}.genai.openai:OpenAIInstrumentor": "genai",
    f"{OTEL}.genai.langchain:LangChainInstrumentor": "genai",
    f"{OTEL}.genai.langchain:LangChainInstrumentor {OTEL}.genai.openai:OpenAIInstrumentor": "genai",
    "openinference.instrumentation.langchain:LangChainInstrumentor": "openinference",
    "openinference.instrumentation.openai:OpenAIInstrumentor": "openinference",
}
"""Which instrumentors are on -> the set they are of."""


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return set -> folder, filled where a set was asked for."""
    return {}


def folder_of(name: str, installed: dict[str, str], factory: pytest.TempPathFactory) -> str:
    if name not in installed:
        folder = str(factory.mktemp(name))
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, *SETS[name]]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        if ran.returncode and not os.environ.get("CI"):
            pytest.skip(f"pip cannot install {name}, which needs a package registry: {ran.stderr[-300:]}")
        assert not ran.returncode, ran.stderr
        installed[name] = folder
    return installed[name]


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("instrumentors", CASES)
def test_there_is_one_span_per_call(
    instrumentors: str, installed: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whoever makes the span of a model call, there is one, in the trace of the run, and its tokens are counted."""
    pytest.importorskip("langchain_openai", reason="needs langchain-openai, which the extra `dev` installs")
    folder = folder_of(CASES[instrumentors], installed, tmp_path_factory)
    ran = subprocess.run(
        [sys.executable, str(PROGRAM), *instrumentors.split()],
        env={**os.environ, "PYTHONPATH": folder},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert not ran.returncode, ran.stderr[-3000:]
    for title, (calls, tokens, spans) in json.loads(ran.stdout.splitlines()[-1]).items():
        assert (1, 12) == (calls, tokens), title
        ((scope, within),) = spans
        assert within, title
        heard = not title.startswith("client") or ".openai" in instrumentors
        assert (scope != "otgraph") == heard, title


def test_without_instrumentors_the_spans_are_ours() -> None:
    """The program of this module shows one span of otgraph's per call where nobody else makes one."""
    pytest.importorskip("langchain_openai", reason="needs langchain-openai, which the extra `dev` installs")
    ran = subprocess.run(
        [sys.executable, str(PROGRAM)], capture_output=True, text=True, timeout=120, check=False
    )
    assert not ran.returncode, ran.stderr[-3000:]
    found = json.loads(ran.stdout.splitlines()[-1])
    assert {title: [1, 12, [["otgraph", True]]] for title in found} == found
