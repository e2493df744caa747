"""
What the spans of a run say of it: whose run it is, in which thread, and what its config adds.

Rule: names, ids and scalars; never state.
"""

from __future__ import annotations

from typing import Any

from otgraph.constants import NS_SEP
from otgraph.infos import Agent, RunInfo
from otgraph.tracing import names
from otgraph.tracing.options import TelemetryOptions
from otgraph.tracing.redaction import redacted

__all__ = ["agent_around", "agent_attributes", "config_attributes", "run_facts"]


def run_facts(run: RunInfo) -> dict[str, Any]:
    """Return the attributes that all spans of a run bear."""
    # The place of its start in the record is filled in when it starts.
    facts: dict[str, Any] = {names.WORKFLOW: run.name, names.RUN_ID: run.id, names.SEQ: 0}
    above = run
    while above.thread is None and above.parent is not None:
        above = above.parent
    if above.thread is not None:
        facts[names.CONVERSATION] = above.thread
    if run.ns:
        facts[names.NS] = NS_SEP.join(run.ns)
    return facts


def agent_around(run: RunInfo | None) -> RunInfo | None:
    """Return the innermost run of an agent's that a run is, or is inside of."""
    while run is not None and run.agent is None:
        run = run.parent
    return run


def agent_attributes(agent: Agent) -> dict[str, Any]:
    """Return the attributes that the span of an agent's run begins with."""
    told = {
        names.AGENT: agent.name,
        names.AGENT_ID: agent.id,
        names.AGENT_DESCRIPTION: agent.description,
        names.AGENT_VERSION: agent.version,
    }
    return {key: str(value) for key, value in told.items() if value is not None}


def config_attributes(run: RunInfo, options: TelemetryOptions) -> dict[str, Any]:
    """Return what a root run's span shows of its config: tags, and metadata of scalar type; redacted."""
    if run.parent is not None:
        return {}
    shown: dict[str, Any] = {
        f"{names.METADATA}{key}": value if options.redact is None else _redacted(options, "metadata", value)
        for key, value in run.metadata.items()
        if isinstance(value, (str, bool, int, float))
    }
    if run.tags:
        shown[names.TAGS] = tuple(
            tag if options.redact is None else _redacted(options, "tags", tag) for tag in run.tags
        )
    return shown


def _redacted(options: TelemetryOptions, name: str, value: Any) -> Any:
    told = redacted(options, name, value)
    return told if isinstance(told, (str, bool, int, float)) else str(told)
