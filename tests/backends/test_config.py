"""What collector-config.yaml says of itself, and what others say of it; no server is needed for that."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from backends.build import JAEGER, MANIFEST, PROMETHEUS
from backends.servers import CONFIG

REPOSITORY = CONFIG.parent


def test_its_variables_are_explained() -> None:
    """Every environment variable is listed at the top with its default, and nothing else is."""
    text = CONFIG.read_text()
    used = dict(re.findall(r"\$\{env:(\w+):-([^}]*)\}", text))
    assert len(used) == text.count("${env:") - repeated(text)
    listed = dict(re.findall(r"^#   ([A-Z_]+) +.*: ([\w:.]+)(?:;.*)?$", text, re.MULTILINE))
    assert listed == used


def repeated(text: str) -> int:
    """Return how often a variable is used again, with the same default."""
    uses = re.findall(r"\$\{env:\w+:-[^}]*\}", text)
    return len(uses) - len(set(uses))


def test_the_page_has_every_policy() -> None:
    """The page about the Collector explains the policies of tail sampling, in their order, and no others."""
    config = CONFIG.read_text()
    sampling = config[config.index("    policies:") : config.index("\nconnectors:")]
    policies = re.findall(r"^      - name: ([\w-]+)", sampling, re.MULTILINE)
    page = (REPOSITORY / "docs" / "collector.md").read_text()
    table = page[page.index("## Which traces are kept") : page.index("A trace is decided about")]
    assert policies == re.findall(r"^\| `([\w-]+)` \|", table, re.MULTILINE)
    assert len(policies) == 7


def test_the_same_versions_are_tested_and_run() -> None:
    """The containers of the compose file are of the versions that the tests build."""
    compose = (REPOSITORY / "dashboards" / "compose.yaml").read_text()
    collector, jaeger, prometheus = (
        re.search(rf"image: \S+/{name}:v?([\d.]+)$", compose, re.MULTILINE)
        for name in ("opentelemetry-collector-contrib", "jaeger", "prometheus")
    )
    assert collector
    assert set(re.findall(r" v(0\.[\d.]+)$", MANIFEST.read_text(), re.MULTILINE)) == {collector[1]}
    assert jaeger
    assert (jaeger[1], JAEGER.partition("@")[2]) == ("2.13.0", "v1.76.0")  # one release, numbered twice
    assert prometheus
    assert PROMETHEUS.partition("@")[2].split(".")[1] == "{}{:02}".format(*map(int, prometheus[1].split(".")))


def test_without_go_the_build_says_what_is_missing(tmp_path: Path) -> None:
    """On a machine without Go the build fails, names it, and leaves nothing that looks built."""
    environment = {**os.environ, "PATH": str(tmp_path), "OTGRAPH_CACHE": str(tmp_path)}
    build = Path(__file__).with_name("build.py")
    done = subprocess.run(
        [sys.executable, build], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "go is not installed" in done.stderr
    assert "https://go.dev/dl" in done.stderr
    assert [path.suffix for path in (tmp_path / "backends").iterdir()] == [".lock"]
