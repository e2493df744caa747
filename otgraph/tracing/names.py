"""
Every span name, attribute key and event name that otgraph writes.

Rule: a telemetry name is spelt here and nowhere else. `gen_ai.*` names are those of the OpenTelemetry GenAI
conventions (some of them drafts: they change in this file only); whatever has no name there is `otgraph.*`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

SCOPE: Final = "otgraph"
"""The instrumentation scope of all spans."""

# ---- span names

RUN_SPAN: Final = "invoke_workflow"
"""A run, followed by the graph's name."""
AGENT_SPAN: Final = "invoke_agent"
"""A run of an agent, followed by its name."""
STEP_SPAN: Final = "otgraph.superstep"
"""A superstep; its number is an attribute, so that the name stays one."""
TASK_SPAN: Final = "invoke_node"
"""A task, followed by the node's name."""
TOOL_SPAN: Final = "execute_tool"
"""A call of a tool, followed by the tool's name."""
# The span of a call of a model is named by its operation, `chat` or `text_completion`, followed by the model's name.

# ---- attributes of the GenAI conventions

OPERATION: Final = "gen_ai.operation.name"
"""`invoke_workflow` or `invoke_node`."""
WORKFLOW: Final = "gen_ai.workflow.name"
"""The name of the graph; on every span."""
NESTED: Final = "gen_ai.workflow.nested"
"""True on runs inside a run; absent on others."""
CONVERSATION: Final = "gen_ai.conversation.id"
"""The thread id, on every span of a run that has one."""
AGENT: Final = "gen_ai.agent.name"
"""The name of the agent, on the spans of its runs, and of calls of models and tools in them."""
AGENT_ID: Final = "gen_ai.agent.id"
"""Its id, where it has one."""
AGENT_DESCRIPTION: Final = "gen_ai.agent.description"
"""What it is for, where somebody said so."""
AGENT_VERSION: Final = "gen_ai.agent.version"
"""The same of its version."""
NODE: Final = "gen_ai.node.name"
"""The name of the node; draft of the conventions."""

TOOL: Final = "gen_ai.tool.name"
"""The name of the tool."""
TOOL_TYPE: Final = "gen_ai.tool.type"
"""`function`: a tool that runs in this process."""
TOOL_CALL_ID: Final = "gen_ai.tool.call.id"
"""The id that the model gave the call."""
TOOL_DESCRIPTION: Final = "gen_ai.tool.description"
"""What the model is told of the tool."""
TOOL_ARGUMENTS: Final = "gen_ai.tool.call.arguments"
"""What the model calls the tool with, as JSON; only with content capture."""
TOOL_RESULT: Final = "gen_ai.tool.call.result"
"""What the tool answered, as JSON; only with content capture."""

PROVIDER: Final = "gen_ai.provider.name"
"""Whose model is called."""
REQUEST_MODEL: Final = "gen_ai.request.model"
"""The model that was asked for."""
STREAMED: Final = "gen_ai.request.stream"
"""True where the answer came in pieces; absent elsewhere."""
RESPONSE_MODEL: Final = "gen_ai.response.model"
"""The model that answered."""
RESPONSE_ID: Final = "gen_ai.response.id"
"""The id that the provider gave the answer."""
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
"""Why the model stopped."""
FIRST_CHUNK: Final = "gen_ai.response.time_to_first_chunk"
"""Seconds until the first piece of an answer that came in pieces."""
INPUT_TOKENS: Final = "gen_ai.usage.input_tokens"
"""Those read from and written to a cache included."""
OUTPUT_TOKENS: Final = "gen_ai.usage.output_tokens"
"""Those of reasoning included."""
CACHE_READ_TOKENS: Final = "gen_ai.usage.cache_read.input_tokens"
"""Tokens of the input that a cache had."""
CACHE_WRITE_TOKENS: Final = "gen_ai.usage.cache_write.input_tokens"
"""Tokens of the input that went into a cache."""
REASONING_TOKENS: Final = "gen_ai.usage.reasoning.output_tokens"
"""Tokens of the output that are no part of the answer."""
TEXT_INPUT_TOKENS: Final = "gen_ai.usage.text.input_tokens"
"""What of the input is text, where the provider tells; draft of the conventions, as all of this by modality."""
IMAGE_INPUT_TOKENS: Final = "gen_ai.usage.image.input_tokens"
"""What of the input is images, where the provider tells."""
AUDIO_INPUT_TOKENS: Final = "gen_ai.usage.audio.input_tokens"
"""What of the input is audio, where the provider tells."""
TEXT_OUTPUT_TOKENS: Final = "gen_ai.usage.text.output_tokens"
"""What of the output is text, where the provider tells."""
IMAGE_OUTPUT_TOKENS: Final = "gen_ai.usage.image.output_tokens"
"""What of the output is images, where the provider tells."""
AUDIO_OUTPUT_TOKENS: Final = "gen_ai.usage.audio.output_tokens"
"""What of the output is audio, where the provider tells."""
TEXT_CACHE_READ_TOKENS: Final = "gen_ai.usage.text.cache_read.input_tokens"
"""What of the text in the input a cache had, where the provider tells."""
IMAGE_CACHE_READ_TOKENS: Final = "gen_ai.usage.image.cache_read.input_tokens"
"""The same of images."""
AUDIO_CACHE_READ_TOKENS: Final = "gen_ai.usage.audio.cache_read.input_tokens"
"""The same of audio."""
MODALITIES: Final = {
    INPUT_TOKENS: {"text": TEXT_INPUT_TOKENS, "image": IMAGE_INPUT_TOKENS, "audio": AUDIO_INPUT_TOKENS},
    OUTPUT_TOKENS: {"text": TEXT_OUTPUT_TOKENS, "image": IMAGE_OUTPUT_TOKENS, "audio": AUDIO_OUTPUT_TOKENS},
    CACHE_READ_TOKENS: {
        "text": TEXT_CACHE_READ_TOKENS,
        "image": IMAGE_CACHE_READ_TOKENS,
        "audio": AUDIO_CACHE_READ_TOKENS,
    },
}
"""Attribute of a number of tokens -> modality -> the attribute of those of that modality."""
TEMPERATURE: Final = "gen_ai.request.temperature"
"""As the model was asked with."""
MAX_TOKENS: Final = "gen_ai.request.max_tokens"
"""The same: how long the answer may be."""
TOP_P: Final = "gen_ai.request.top_p"
"""The same."""
TOP_K: Final = "gen_ai.request.top_k"
"""The same."""
FREQUENCY_PENALTY: Final = "gen_ai.request.frequency_penalty"
"""The same."""
PRESENCE_PENALTY: Final = "gen_ai.request.presence_penalty"
"""The same."""
SEED: Final = "gen_ai.request.seed"
"""The same."""
STOP_SEQUENCES: Final = "gen_ai.request.stop_sequences"
"""The same: texts at which the model is to stop."""
CHOICES: Final = "gen_ai.request.choice.count"
"""The same: how many answers, where that is not 1."""
REASONING_LEVEL: Final = "gen_ai.request.reasoning.level"
"""The same: how much it is to think."""
PREVIOUS_RESPONSE: Final = "gen_ai.request.previous_response.id"
"""The same: the answer that it is to go on from, where the provider keeps them."""
OUTPUT_TYPE: Final = "gen_ai.output.type"
"""The same: `json` or `text`, where a format was asked for."""
SERVER_ADDRESS: Final = "server.address"
"""The host of the model, where its client tells it."""
SERVER_PORT: Final = "server.port"
"""The port there."""
SYSTEM_INSTRUCTIONS: Final = "gen_ai.system_instructions"
"""What the model was told besides the messages, as JSON; only with content capture."""
TOOL_DEFINITIONS: Final = "gen_ai.tool.definitions"
"""The tools that it may call, as JSON; only with content capture."""
INPUT_MESSAGES: Final = "gen_ai.input.messages"
"""What the model was given, as JSON; only with content capture."""
OUTPUT_MESSAGES: Final = "gen_ai.output.messages"
"""What the model said, as JSON; only with content capture."""

DETAILS: Final = "gen_ai.client.inference.operation.details"
"""The log event that tells what the span of a call of a model does; only where such events are asked for."""
EXCEPTION: Final = "gen_ai.client.operation.exception"
"""The log event of a call of a model that failed."""

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
USED_CALLS: Final = "otgraph.usage.model_calls"
"""How many calls of models were begun in a task or a run, and in all that is inside it."""
USED_INPUT: Final = "otgraph.usage.input_tokens"
"""Tokens of input of these calls."""
USED_OUTPUT: Final = "otgraph.usage.output_tokens"
"""Tokens of output of these calls."""
USED_COST: Final = "otgraph.usage.cost"
"""What they cost, or what one call cost, where prices are known."""
TRIGGERS: Final = "otgraph.task.triggers"
"""The channels that made the task due."""
HANDLES: Final = "otgraph.task.handles"
"""The id of the failed task in whose place this one, an error handler, runs."""
RESTORED_START: Final = "otgraph.task.started"
"""The event of a superstep that stands for the start of a task that need not run."""
MESSAGE: Final = "otgraph.message"
"""What stands for a token or a message, where a trace store keeps them; spans themselves do not."""
TOOL_TOLD: Final = "otgraph.tool"
"""The same for an item of the stream mode `tools`."""
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
STREAM_ENDED: Final = "otgraph.stream.ended"
"""The event of a root run's span from which on its own stream heard nothing more, since a task had failed."""
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

# ---- metrics of the GenAI conventions

CALL_DURATION: Final = "gen_ai.client.operation.duration"
"""Seconds that calls of models take."""
CALL_FIRST_CHUNK: Final = "gen_ai.client.operation.time_to_first_chunk"
"""Seconds until the first piece of an answer."""
CALL_CHUNKS: Final = "gen_ai.client.operation.time_per_output_chunk"
"""Seconds from one piece of an answer to the next."""
TOKEN_USAGE: Final = "gen_ai.client.token.usage"
"""Tokens per call."""
TOKEN_TYPE: Final = "gen_ai.token.type"
"""Of a number of tokens: `input` or `output`."""
TOKEN_MODALITY: Final = "gen_ai.token.modality"
"""Of a number of tokens, in the drafted metrics: `text`, `image`, `audio`, or `unknown` where nobody tells."""
TOOL_DURATION: Final = "gen_ai.execute_tool.duration"
"""Seconds that calls of tools take."""
AGENT_DURATION: Final = "gen_ai.invoke_agent.duration"
"""Seconds that runs of agents take."""
AGENT_CALLS: Final = "gen_ai.invoke_agent.inference_calls"
"""Calls of models per run of an agent: its own, and not those of agents inside it."""
AGENT_TOOLS: Final = "gen_ai.invoke_agent.tool_calls"
"""Calls of tools per run of an agent, in the same way."""
RUN_DURATION: Final = "gen_ai.invoke_workflow.duration"
"""Seconds that root runs take which are no agent's."""


@dataclass(frozen=True, slots=True)
class CallMetrics:
    """How the metrics of calls of models are called, and how tokens are measured."""

    duration: str
    first_chunk: str
    per_chunk: str
    usage: str | None = None
    """One histogram of tokens, which tells input from output by `TOKEN_TYPE`."""
    counters: tuple[tuple[str, str], ...] = ()
    """Attribute of a call -> the counter of such tokens."""
    spreads: tuple[tuple[str, str], ...] = ()
    """Attribute of a call -> the histogram of such tokens."""


CURRENT: Final = CallMetrics(CALL_DURATION, CALL_FIRST_CHUNK, CALL_CHUNKS, TOKEN_USAGE)
"""The names that other instrumentations write, and dashboards read."""
DRAFTED: Final = CallMetrics(
    duration="gen_ai.client.inference.duration",
    first_chunk="gen_ai.client.inference.time_to_first_chunk",
    per_chunk="gen_ai.client.inference.time_per_output_chunk",
    counters=(
        (INPUT_TOKENS, "gen_ai.client.inference.usage.input_tokens"),
        (OUTPUT_TOKENS, "gen_ai.client.inference.usage.output_tokens"),
        (CACHE_READ_TOKENS, "gen_ai.client.inference.usage.cache_read.input_tokens"),
        (CACHE_WRITE_TOKENS, "gen_ai.client.inference.usage.cache_write.input_tokens"),
        (REASONING_TOKENS, "gen_ai.client.inference.usage.reasoning.output_tokens"),
    ),
    spreads=(
        (INPUT_TOKENS, "gen_ai.client.inference.operation.input_tokens"),
        (OUTPUT_TOKENS, "gen_ai.client.inference.operation.output_tokens"),
    ),
)
"""Those that the conventions draft in their place."""
CALL_METRICS: Final = CURRENT
"""Those that are written: change it here once the draft is released."""

# ---- metrics of telemetry itself

SPANS_LOST: Final = "otgraph.telemetry.spans.lost"
"""How many spans did not reach the backend."""
LOST_REASON: Final = "otgraph.telemetry.reason"
"""Of lost spans: `queue_full`, `export_failed` or `shutdown`."""

# ---- otgraph's own metrics

COST: Final = "otgraph.model.cost"
"""What calls of models cost, where prices are known."""
NODE_DURATION: Final = "otgraph.node.duration"
"""Seconds that tasks take."""
BARRIER_WAIT: Final = "otgraph.node.barrier_wait"
"""Seconds from the end of a task until the last task of its superstep has ended; of supersteps with several."""
RETRIES: Final = "otgraph.node.retries"
"""Attempts that failed and are followed by another one."""
STEP_DURATION: Final = "otgraph.superstep.duration"
"""Seconds that supersteps take."""
STEP_WIDTH: Final = "otgraph.superstep.tasks"
"""Tasks per superstep."""
RUN_ACTIVE: Final = "otgraph.run.active"
"""Root runs that are going on."""
RUN_PAUSED: Final = "otgraph.run.paused"
"""Threads that wait for a human: one more where a root run stops for one, one less where a run goes on from there."""
PAUSES: Final = "otgraph.run.pauses"
"""Root runs that stopped for a human."""
RESUMES: Final = "otgraph.run.resumes"
"""Root runs that went on from a pause, and ended."""
OLDEST_PAUSE: Final = "otgraph.run.oldest_pause"
"""Seconds since the oldest pause that this process knows of and has not seen the end of."""
INTERRUPT_WAITS: Final = INTERRUPT_WAIT
"""Seconds from a pause until a run goes on from there: the metric is named as the attribute is."""
LIMIT_HITS: Final = "otgraph.recursion_limit.hits"
"""Runs that did not stop within their recursion limit."""
SAVE_DURATION: Final = "otgraph.checkpoint.duration"
"""Seconds that calls of savers take."""
SAVE_SIZE: Final = "otgraph.checkpoint.size"
"""Bytes that a checkpoint is stored as, without the writes of tasks; only of savers that say it."""
STREAM_LAG: Final = "otgraph.stream.lag"
"""Seconds from when something enters a subscriber's queue until it is taken."""
STREAM_DROPPED: Final = "otgraph.stream.dropped"
"""What subscribers were not given because they were behind."""
FAULTS: Final = "otgraph.telemetry.faults"
"""Faults of processors, samplers, hooks and meters that were swallowed."""

# ---- attributes that only metrics have

SAVER: Final = "otgraph.checkpoint.saver"
"""The class of the saver."""
SAVER_OPERATION: Final = "otgraph.checkpoint.operation"
"""What it was asked for: `put`, `put_writes` or `get`."""
STREAM_POLICY: Final = "otgraph.stream.policy"
"""What a subscriber does that is behind: `drop_oldest` or `error`."""
FAULT_WHERE: Final = "otgraph.fault.where"
"""Whose fault it was, such as `span processor on_end`."""
