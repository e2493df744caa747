"""Endpoints that take what applications export."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from telemetry.receiver import Kept, grpc_endpoint, http_endpoint


@pytest.fixture
def kept() -> Kept:
    """What arrived at `endpoint`."""
    return Kept()


@pytest.fixture(params=["http/protobuf", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    """Either way in which OTLP travels."""
    return str(request.param)


@pytest.fixture
def endpoint(kept: Kept, protocol: str) -> Iterator[str]:
    """The address at which `kept` listens by `protocol`."""
    with (grpc_endpoint if protocol == "grpc" else http_endpoint)(kept) as address:
        yield address


@pytest.fixture
def http(kept: Kept) -> Iterator[str]:
    """The same by HTTP alone."""
    with http_endpoint(kept) as address:
        yield address
