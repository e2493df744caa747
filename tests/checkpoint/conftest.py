"""Fixtures of this folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from .savers import COLOURS, Face, opened


@pytest.fixture(params=COLOURS)
async def saver(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Face]:
    """An empty saver, of each colour in turn."""
    async with opened(request.param, tmp_path) as face:
        yield face
