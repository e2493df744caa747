"""
Every span name, attribute key and event name that otgraph writes.

Rule: a telemetry name is spelt here and nowhere else. `gen_ai.*` names are those of the OpenTelemetry GenAI
conventions (some of them drafts: they change in this file only); whatever has no name there is `otgraph.*`.
"""

from __future__ import annotations

from typing import Final

SCOPE: Final = "otgraph"
"""The instrumentation scope of all spans."""

# ---- span names

RUN_SPAN: Final = "invoke_workflow"
"""A run, followed by the graph's name."""
STEP_SPAN: Final = "otgraph.superstep"
"""A superstep; its number is an attribute, so that the name stays one."""
TASK_SPAN: Final = "invoke_node"
"""A task, followed by the node's name."""

# ---- attributes of the GenAI conventions

OPERATION: Final = "gen_ai.operation.name"
"""`invoke_workflow` or `invoke_node`."""
WORKFLOW: Final = "gen_ai.workflow.name"
"""The name of the graph; on every span."""
NESTED: Final = "gen_ai.workflow.nested"
"""True on runs inside a run; absent on others."""
CONVERSATION: Final = "gen_ai.conversation.id"
"""The thread id, on every span of a run that has one."""
NODE: Final = "gen_ai.node.name"
"""The name of the node; draft of the conventions."""

ERROR_TYPE: Final = "error.type"
"""The class of the exception that ended a span; only where the outcome is an error."""

# ---- otgraph's own attributes

RUN_ID: Final = "otgraph.run.id"
"""The id of the root run, on every span of it."""
NS: Final = "otgraph.checkpoint.ns"
"""The namespace of a nested run: `node:task_id` for each level, joined by `|`."""
STEP: Final = "otgraph.step"
"""The number of the superstep, from 1; 0 is the input."""
STEP_TASKS: Final = "otgraph.superstep.tasks"
"""How many tasks the superstep has."""
TASK_ID: Final = "otgraph.task.id"
"""The id that `tasks` and `debug` chunks show too."""
TASK_PATH: Final = "otgraph.task.path"
"""How the task came to be: pulled by a trigger, or pushed with its position."""
TASK_NS: Final = "otgraph.task.ns"
"""The namespace in which a task was called: `node:task_id` for each level, joined by `|`; only on such tasks."""
TRIGGERS: Final = "otgraph.task.triggers"
"""The channels that made the task due."""
HANDLES: Final = "otgraph.task.handles"
"""The id of the failed task in whose place this one, an error handler, runs."""
RESTORED_START: Final = "otgraph.task.started"
"""The event of a superstep that stands for the start of a task that need not run."""
CALL_INTERRUPTED: Final = "otgraph.call.interrupted"
"""The event of a called task that waits for a human, on account of which its caller does."""
ATTEMPTS: Final = "otgraph.task.attempts"
"""How many attempts the task took, where it took more than one."""
WAITED: Final = "otgraph.task.waited"
"""Seconds that the task's calls waited for a slot or a thread; only where that was longer than a millisecond."""
CUSTOM_COUNT: Final = "otgraph.custom.count"
"""How many items user code handed to its stream writer."""
MESSAGE_COUNT: Final = "otgraph.messages.count"
"""How many tokens and messages the task handed to the stream `messages`."""
FIRST_MESSAGE: Final = "otgraph.messages.time_to_first"
"""Seconds from the start of the task to the first of them."""
OUTCOME: Final = "otgraph.outcome"
"""How the run, superstep or task ended; see `otgraph.events.Outcome`."""
SEQ: Final = "otgraph.seq"
"""The place of a start or an event in the record of its root run, from 1."""
END_SEQ: Final = "otgraph.end_seq"
"""The place of the end of a span in that record."""
TAGS: Final = "otgraph.tags"
"""The tags of the run's config."""
METADATA: Final = "otgraph.metadata."
"""Followed by the key of a scalar entry of the run's config metadata."""
DELAY: Final = "otgraph.retry.delay"
"""Seconds until the next attempt."""
CACHE_HIT: Final = "otgraph.cache.hit"
"""True where a task did not run because a cache had its writes."""
CHECKPOINT_ID: Final = "otgraph.checkpoint.id"
"""The id of a checkpoint: on a run's span of the one it starts from, on an event of the one that was saved."""
CHECKPOINT_SOURCE: Final = "otgraph.checkpoint.source"
"""What made it: `input`, `loop`, `update` or `fork`."""
INTERRUPT_IDS: Final = "otgraph.interrupt.ids"
"""The ids of the interrupts that wait for an answer."""
ORIGIN: Final = "otgraph.run.origin"
"""`resume` or `fork`: whether the run goes on from a checkpoint or another way from there; absent on others."""
GOES_ON: Final = "otgraph.resumed.interrupt.ids"
"""The ids of the interrupts at which an earlier run stopped, and from which this run or task goes on."""
INTERRUPT_WAIT: Final = "otgraph.interrupt.wait"
"""Seconds from the interrupt, or the stop at a breakpoint, until the run that goes on from there began."""
LINK_KIND: Final = "otgraph.link.kind"
"""On a link: what the run does with what the linked one left, as `otgraph.run.origin` says."""
LEAKED: Final = "otgraph.spans.leaked"
"""How many spans the end of a run had to close for others; anything but 0 is a fault of otgraph."""

# ---- attributes that exist only with content capture on

PAYLOAD: Final = "otgraph.payload"
"""What a fact tells, as JSON; see `otgraph.tracing.payload`."""
TRUNCATED: Final = "otgraph.truncated"
"""True where a size cap cut the payload."""
STREAM_KEYS: Final = "otgraph.stream.keys"
"""The channels that make up the run's state, as JSON."""
OUTPUT_KEYS: Final = "otgraph.output.keys"
"""The channels that the run shows, as JSON."""
