"""What calls of models cost, where prices are known."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from driven import Driven

from otgraph.messages import model_call
from otgraph.telemetry import Price
from otgraph.tracing import names

from .conftest import Measured
from .graphs import State, line


def test_costs(drive: Driven, measured: Measured) -> None:
    """Each call with a price is counted, under the model that was asked for; one without a price costs nothing."""

    def ask(state: State) -> None:
        for model in ("big", "big", "small", "unknown"):
            with model_call(model, provider="openai") as call:
                usage = SimpleNamespace(prompt_tokens=1000, completion_tokens=100)
                message = SimpleNamespace(message=SimpleNamespace(content="yes"), finish_reason="stop")
                call.response(SimpleNamespace(model=f"{model}-1", id="x", choices=[message], usage=usage))

    options = replace(
        measured.options, prices={"big": Price(input=10, output=100), "small-1": Price(input=1, output=10)}
    )
    drive.invoke(line(a=drive.node(ask)).compile(name="g"), {"log": []}, telemetry=options)
    found: dict[Any, Any] = {
        (
            point.attributes[names.REQUEST_MODEL],
            point.attributes[names.PROVIDER],
            point.attributes[names.WORKFLOW],
        ): (point.value)
        for point in measured.points(names.COST).values()
    }
    assert found == {
        ("big", "openai", "g"): pytest.approx(0.04),
        ("small", "openai", "g"): pytest.approx(0.002),
    }
