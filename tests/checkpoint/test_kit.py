"""The conformance kit that LangGraph publishes for authors of savers, passed by ours."""

from __future__ import annotations

from typing import Any

import pytest

from .oracle_side import run_there

pytestmark = pytest.mark.oracle

SAVERS = ("InMemorySaver", "InMemorySaver, strict", "SqliteSaver", "AsyncSqliteSaver")


@pytest.fixture(scope="module")
def reports() -> Any:
    return run_there("kit", with_otgraph=True)


@pytest.mark.parametrize("name", SAVERS)
def test_a_saver_passes_the_whole_kit(name: str, reports: Any) -> None:
    """Every capability of the kit is found and passed, the optional ones too."""
    report = reports[name]
    failures = [failure for result in report["results"].values() for failure in result["failures"]]
    assert not failures
    assert "FULL" == report["conformance_level"]
    assert all(result["passed"] and not result["tests_skipped"] for result in report["results"].values())
    assert 80 <= sum(result["tests_passed"] for result in report["results"].values())
