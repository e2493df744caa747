"""
Jaeger, the OpenTelemetry Collector and Prometheus, built with Go into a cache.

    python tests/backends/build.py

It needs Go (1.26 or newer) and Go's module proxy, and nothing else: a module is built in its own folder, so that
exactly the versions and checksums count that it was released with. The Collector is put together by its builder, from
the parts in otelcol.yaml.

Rule: what is built lies in a folder named after its recipe, appears there at once and whole, and is never built twice.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

__all__ = ["Missing", "build"]

JAEGER: Final = "github.com/jaegertracing/jaeger@v1.76.0"
"""Jaeger 2.13.0: Go's modules of it are numbered as its first line was."""

PROMETHEUS: Final = "github.com/prometheus/prometheus@v0.315.0"
"""Prometheus 3.15.0."""

BUILDER: Final = "go.opentelemetry.io/collector/cmd/builder@v0.159.0"

MANIFEST: Final = Path(__file__).with_name("otelcol.yaml")

NOWHERE: Final = "remove_all_sd"
"""The tag without which Prometheus carries the clients of every cloud, to discover what it should scrape."""


class Missing(Exception):
    """What a build needs is not on this machine."""


def cache() -> Path:
    """Return the folder of everything that is built or installed once for tests."""
    return Path(os.environ.get("OTGRAPH_CACHE") or Path.home() / ".cache" / "otgraph")


def build() -> dict[str, Path]:
    """Return where each program is, by its name; build those that are not there yet."""
    recipes: list[tuple[str, str, Callable[[Path], None]]] = [
        ("otelcol", BUILDER + MANIFEST.read_text(), _collector),
        ("prometheus", PROMETHEUS + NOWHERE, _prometheus),
        ("jaeger", JAEGER, _jaeger),
    ]
    folder = cache() / "backends"
    programs: dict[str, Path] = {}
    for name, recipe, make in recipes:
        place = folder / f"{name}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
        with _lock(folder / f"{place.name}.lock"):
            if not place.exists():
                _make(name, place, make)
        programs |= {path.name: path for path in place.iterdir()}
    return programs


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Keep others who build the same waiting."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(name: str, place: Path, make: Callable[[Path], None]) -> None:
    if shutil.which("go") is None:
        raise Missing(
            f"go is not installed, so {name} cannot be built: get Go 1.26 or newer from https://go.dev/dl"
        )
    print(f"building {name}, once, into {place}", flush=True)
    begin = time.monotonic()
    with TemporaryDirectory(dir=place.parent, prefix=f"{name}-") as folder:
        made = Path(folder, "made")
        made.mkdir()
        make(made)
        made.rename(place)
    print(f"built {name} in {time.monotonic() - begin:.0f} s", flush=True)


def _jaeger(place: Path) -> None:
    _go("build", f"-o={place}", "./cmd/jaeger", folder=_source(JAEGER))


def _prometheus(place: Path) -> None:
    _go(
        "build",
        f"-tags={NOWHERE}",
        f"-o={place}/",
        "./cmd/prometheus",
        "./cmd/promtool",
        folder=_source(PROMETHEUS),
    )


def _collector(place: Path) -> None:
    """Have the builder write the Collector's source, and build that like the others."""
    builder, source = place.parent / "builder", place.parent / "source"
    _go("build", f"-o={builder}", ".", folder=_source(BUILDER))
    manifest = place.parent / MANIFEST.name
    manifest.write_text(MANIFEST.read_text().replace("dist:\n", f"dist:\n  output_path: {source}\n"))
    _run([str(builder), f"--config={manifest}", "--skip-compilation"], place.parent)
    _go("build", f"-o={place / 'otelcol'}", ".", folder=source)


def _source(module: str) -> Path:
    """Download a module, which checks it, and return its folder."""
    said: dict[str, Any] = json.loads(_run(["go", "mod", "download", "-json", module], Path.cwd()))
    return Path(said["Dir"])


def _go(command: str, *arguments: str, folder: Path) -> None:
    _run(["go", command, "-trimpath", "-ldflags=-s -w", *arguments], folder)


def _run(command: list[str], folder: Path) -> str:
    """Run a command to its end and return what it prints; what it complains about is shown only if it fails."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-buildvcs=false"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} in {folder} failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


if __name__ == "__main__":
    try:
        for name, path in build().items():
            print(f"{name}: {path}")
    except Missing as missing:
        sys.exit(str(missing))
