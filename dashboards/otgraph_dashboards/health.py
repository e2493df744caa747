"""
The dashboard "streams and telemetry health": do readers keep up, does what is said arrive, does the saver hold up?

Rule: what is counted here is lost or late without anybody's run failing, so that nobody else would notice.
"""

from __future__ import annotations

from typing import Final

from otgraph.tracing import names
from otgraph_dashboards.common import AND_FAILED, JAEGER, SOURCES, WORKFLOWS, of_series, traces, where
from otgraph_dashboards.grafana import Dashboard, Panel, Query, Row, graph, stat
from otgraph_dashboards.metrics import CHECKPOINT, CHECKPOINT_SIZE, DROPPED, FAULTS, LAG, LOST, label
from otgraph_dashboards.promql import RANGE, RATE, by, counted, per_minute, quantile, total

__all__ = ["HEALTH"]

STREAMS: Final = where({names.WORKFLOW: "=~$workflow"})
ALL: Final = where()
BAD: Final = where(AND_FAILED)
WRITES: Final = where({names.SAVER_OPERATION: "=~put.*"})


def _legend(*attributes: str) -> str:
    return ", ".join(f"{{{{{label(attribute)}}}}}" for attribute in attributes)


def _numbers() -> tuple[Panel, ...]:
    return (
        stat(
            "p95 of the stream lag",
            "How long chunks wait for a reader.",
            quantile(0.95, LAG, STREAMS, RANGE),
            "s",
        ),
        stat(
            "Dropped chunks",
            "Chunks that a reader was too slow for. Make the reader faster, its Buffer larger, or let the run wait.",
            total(counted(DROPPED.count, STREAMS, RANGE)),
            limit=1,
        ),
        stat(
            "Lost spans",
            "Spans that did not reach the backend: it is out of reach, or a queue is too small.",
            total(counted(LOST.count, ALL, RANGE)),
            limit=1,
        ),
        stat(
            "Faults of telemetry",
            "What processors, exporters and hooks raised. It was swallowed, and logged the first time.",
            total(counted(FAULTS.count, ALL, RANGE)),
            limit=1,
        ),
        stat(
            "p95 of checkpoint writes",
            "How long the saver takes to write. With durability `sync` runs wait for it.",
            quantile(0.95, CHECKPOINT, WRITES, RANGE),
            "s",
            limit=0.5,
        ),
        stat(
            "Checkpoint errors",
            "Calls of the saver that failed. What was not saved cannot be resumed.",
            total(counted(CHECKPOINT.count, BAD, RANGE)),
            limit=1,
        ),
    )


def _streams() -> tuple[Panel, ...]:
    legend = _legend(names.WORKFLOW)
    link = traces("Traces of this workflow", of_series(names.WORKFLOW))
    dropped = by(counted(DROPPED.count, STREAMS, RATE), names.WORKFLOW, names.STREAM_POLICY)
    return (
        graph(
            "Lag",
            "From a chunk's entry into a reader's queue until it is taken. Long lags are slow readers, not slow runs.",
            *(
                Query(
                    quantile(rank, LAG, STREAMS, RATE, names.WORKFLOW),
                    f"{legend}, p{rank * 100:g}",
                    exemplars=True,
                )
                for rank in (0.5, 0.95, 0.99)
            ),
            unit="s",
            links=(link,),
        ),
        graph(
            "Dropped chunks per minute",
            "By what the queue does when it is full.",
            Query(per_minute(dropped), _legend(names.WORKFLOW, names.STREAM_POLICY)),
            unit="cpm",
            links=(link,),
        ),
    )


def _telemetry() -> tuple[Panel, ...]:
    return (
        graph(
            "Lost spans per minute",
            "And why: the exporter failed, the queue was full, the process ended.",
            Query(
                per_minute(by(counted(LOST.count, ALL, RATE), names.LOST_REASON)), _legend(names.LOST_REASON)
            ),
            unit="cpm",
        ),
        graph(
            "Faults per minute",
            "And where: search the log for it, the first fault of each kind is there.",
            Query(
                per_minute(by(counted(FAULTS.count, ALL, RATE), names.FAULT_WHERE)),
                _legend(names.FAULT_WHERE),
            ),
            unit="cpm",
        ),
    )


def _checkpoints() -> tuple[Panel, ...]:
    keys = (names.SAVER, names.SAVER_OPERATION)
    calls, errors = (counted(CHECKPOINT.count, labels, RATE) for labels in (ALL, BAD))
    return (
        graph(
            "Calls of savers per minute",
            "How often savers are asked, and for what.",
            Query(per_minute(by(calls, *keys)), _legend(*keys)),
            unit="cpm",
        ),
        graph(
            "Errors of savers per minute",
            "Calls that failed, and with what.",
            Query(per_minute(by(errors, *keys, names.ERROR_TYPE)), _legend(*keys, names.ERROR_TYPE)),
            unit="cpm",
        ),
        graph(
            "p95 of savers",
            "How long calls take. Where writes are slow, look at the disk or the database first.",
            Query(quantile(0.95, CHECKPOINT, ALL, RATE, *keys), _legend(*keys), exemplars=True),
            unit="s",
        ),
        graph(
            "Size of checkpoints",
            "A size that grows from step to step is a state that only grows: a DeltaChannel saves the changes only.",
            *(
                Query(
                    quantile(rank, CHECKPOINT_SIZE, ALL, RATE, names.SAVER),
                    f"{_legend(names.SAVER)}, p{rank * 100:g}",
                )
                for rank in (0.5, 0.95)
            ),
            unit="bytes",
        ),
    )


HEALTH: Final = Dashboard(
    "otgraph-health",
    "otgraph / Streams and telemetry",
    "Do readers keep up, does what is said arrive, does the saver hold up?",
    (*SOURCES, WORKFLOWS),
    (
        Row("In the chosen time", _numbers()),
        Row("Streams", _streams()),
        Row("Telemetry", _telemetry()),
        Row("Checkpoints", _checkpoints()),
    ),
    JAEGER,
)
