"""The public names, module by module, and what kind of thing each is."""

import inspect

from parity.drive import heard
from parity.registry import covers

OWN_PARAMETERS = {"buffer", "replay_custom", "telemetry"}
"""Keyword-only parameters that otgraph has and LangGraph has not."""

OWN_MODES = {"retries", "spans"}
"""The stream modes that otgraph has and LangGraph has not."""

MODULES = {
    "graph": "START END StateGraph MessagesState MessageGraph add_messages",
    "graph.state": "StateGraph CompiledStateGraph",
    "graph.message": "add_messages MessagesState MessageGraph REMOVE_ALL_MESSAGES push_message",
    "types": """All Checkpointer StreamMode StreamWriter RetryPolicy CachePolicy Interrupt StateUpdate PregelTask
        PregelExecutableTask StateSnapshot Send Command Durability interrupt Overwrite ensure_valid_checkpointer
        default_retry_on TimeoutPolicy TracePolicy omit_payload GraphOutput StreamPart ValuesStreamPart
        UpdatesStreamPart MessagesStreamPart CustomStreamPart CheckpointStreamPart TasksStreamPart DebugStreamPart
        TaskPayload TaskResultPayload CheckpointTask CheckpointPayload DebugPayload""",
    "config": "get_config get_store get_stream_writer",
    "runtime": "Runtime get_runtime ExecutionInfo ServerInfo BaseUser RunControl",
    "constants": "START END TAG_NOSTREAM TAG_HIDDEN CONF TASKS CONFIG_KEY_CHECKPOINTER",
    "errors": """EmptyChannelError ErrorCode GraphRecursionError InvalidUpdateError GraphBubbleUp GraphInterrupt
        NodeInterrupt ParentCommand EmptyInputError TaskNotFound GraphDrained NodeCancelledError NodeTimeoutError
        NodeError UnknownInterruptError is_invalid_resume""",
    "store.base": """BaseStore Item SearchItem Op GetOp PutOp SearchOp ListNamespacesOp MatchCondition NamespacePath
        NamespaceMatchType IndexConfig TTLConfig Embeddings ensure_embeddings tokenize_path get_text_at_path
        InvalidNamespaceError""",
    "store.memory": "InMemoryStore",
    "cache.base": "BaseCache",
    "cache.memory": "InMemoryCache",
    "checkpoint.base": """BaseCheckpointSaver Checkpoint CheckpointMetadata CheckpointTuple ChannelVersions
        PendingWrite DeltaChannelHistory empty_checkpoint copy_checkpoint create_checkpoint get_checkpoint_id
        get_checkpoint_metadata get_serializable_checkpoint_metadata WRITES_IDX_MAP EXCLUDED_METADATA_KEYS
        LATEST_VERSION""",
    "checkpoint.memory": "InMemorySaver MemorySaver PersistentDict",
    "channels": """BaseChannel LastValue LastValueAfterFinish AnyValue UntrackedValue EphemeralValue
        BinaryOperatorAggregate NamedBarrierValue NamedBarrierValueAfterFinish Topic DeltaChannel""",
    "managed": "IsLastStep RemainingSteps",
    "managed.is_last_step": "IsLastStep RemainingSteps",
}


def kind(value):
    """Say what kind of thing a name stands for."""
    if isinstance(value, str):
        return value
    if inspect.isclass(value):
        return "exception" if issubclass(value, BaseException) else "class"
    return "function" if inspect.isroutine(value) else "other"


def look(lg, path):
    """Yield every name of a module with its kind."""
    try:
        module = lg.module(path)
    except ImportError:
        yield path, "no such module"
        return
    for name in MODULES[path].split():
        with heard() as warned:
            value = getattr(module, name, None)
        yield name, "missing" if value is None else kind(value), [category for category, *_ in warned]


@covers("PKG-01", "PKG-02")
def graph(lg):
    """otgraph.graph and otgraph.graph.state."""
    yield from look(lg, "graph")
    yield from look(lg, "graph.state")
    yield lg.graph.StateGraph is lg.graph.state.StateGraph
    builder = lg.graph.StateGraph(int)
    builder.add_node("a", lambda s: s).add_edge("__start__", "a")
    yield isinstance(builder.compile(), lg.graph.state.CompiledStateGraph)


@covers("PKG-03")
def graph_message(lg):
    """otgraph.graph.message."""
    yield from look(lg, "graph.message")


@covers("PKG-06")
def types(lg):
    """otgraph.types."""
    yield from look(lg, "types")
    yield [mode for mode in lg.types.StreamMode.__args__ if mode not in OWN_MODES]
    yield lg.types.Durability.__args__, lg.types.All.__args__


@covers("PKG-07", "PKG-08", "PKG-09", "PKG-10")
def config_runtime_constants_errors(lg):
    """otgraph.config, .runtime, .constants and .errors."""
    for path in ("config", "runtime", "constants", "errors"):
        yield from look(lg, path)


@covers("PKG-09")
def old_names_of_constants(lg):
    """Names that moved away from constants still resolve there, with a warning."""
    for name in ("Send", "Interrupt"):
        with heard() as warned:
            value = getattr(lg.module("constants"), name)
        yield name, value is getattr(lg.types, name), len(warned)


@covers("PKG-16", "PKG-18", "PKG-19", "PKG-20")
def store_cache_channels_managed(lg):
    """otgraph.store, .cache, .channels and .managed."""
    for path in ("store.base", "store.memory", "cache.base", "cache.memory", "channels", "managed"):
        yield from look(lg, path)
    yield from look(lg, "managed.is_last_step")


@covers("PKG-12", "PKG-13", "CKP-10")
def checkpoint(lg):
    """otgraph.checkpoint.base and .memory; the places of special writes."""
    yield from look(lg, "checkpoint.base")
    yield from look(lg, "checkpoint.memory")
    base = lg.checkpoint.base
    yield base.WRITES_IDX_MAP, sorted(base.EXCLUDED_METADATA_KEYS), base.LATEST_VERSION
    yield lg.checkpoint.memory.MemorySaver is lg.checkpoint.memory.InMemorySaver


def parameters(function):
    """Return what a caller can rely on: positional parameters in order, keyword-only ones by name."""
    found = [p for p in inspect.signature(function).parameters.values() if p.name != "self"]
    ordered = [(p.name, p.default is not p.empty) for p in found if p.kind is p.POSITIONAL_OR_KEYWORD]
    by_name = [(p.name, p.default is not p.empty) for p in found if p.kind is p.KEYWORD_ONLY]
    rest = [p.kind.description for p in found if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    return ordered, sorted(each for each in by_name if each[0] not in OWN_PARAMETERS), rest


@covers("GRA-01", "GRA-02", "GRA-08", "RUN-09")
def signatures(lg):
    """The parameters of what users call; otgraph may have more keyword-only ones."""
    graph, compiled = lg.graph.StateGraph, lg.graph.state.CompiledStateGraph
    for owner, names in (
        (
            graph,
            "__init__ add_node add_edge add_conditional_edges add_sequence set_entry_point set_finish_point",
        ),
        (graph, "set_conditional_entry_point set_node_defaults compile validate"),
        (
            compiled,
            "invoke ainvoke stream astream get_subgraphs with_config copy get_name clear_cache aclear_cache",
        ),
    ):
        for name in names.split():
            found = getattr(owner, name, None)
            yield name, found and parameters(found)
    for name in (
        "Send",
        "Command",
        "Overwrite",
        "RetryPolicy",
        "CachePolicy",
        "TimeoutPolicy",
        "TracePolicy",
    ):
        yield name, parameters(getattr(lg.types, name))
    yield "Runtime", parameters(lg.runtime.Runtime)
    yield "ExecutionInfo", [name for name, _ in parameters(lg.runtime.ExecutionInfo)[0]]
