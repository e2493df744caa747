"""
What can be imported from where: the names of LangGraph 1.2.22 at LangGraph's paths.

The lists were read off LangGraph with `dir()` and are kept here literally. A name that otgraph does not have
yet stands in LATER; when it comes, a test asks for it to be taken off that list.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import typing
from types import FunctionType, ModuleType

import pytest

import otgraph

MODULES = {
    "graph": "START END StateGraph MessagesState MessageGraph add_messages",
    "graph.state": "StateGraph CompiledStateGraph",
    "graph.message": "add_messages MessagesState MessageGraph REMOVE_ALL_MESSAGES push_message",
    "graph.ui": "AnyUIMessage RemoveUIMessage UIMessage delete_ui_message push_ui_message ui_message_reducer",
    "func": "entrypoint task",
    "types": """
        All CachePolicy CheckpointPayload CheckpointStreamPart CheckpointTask Checkpointer Command
        CustomStreamPart DebugPayload DebugStreamPart Durability GraphOutput Interrupt
        MessagesStreamPart Overwrite PregelExecutableTask PregelTask RetryPolicy Send StateSnapshot
        StateUpdate StreamMode StreamPart StreamWriter TaskPayload TaskResultPayload TasksStreamPart
        TimeoutPolicy TracePolicy UpdatesStreamPart ValuesStreamPart default_cache_key default_retry_on
        ensure_valid_checkpointer interrupt omit_payload""",
    "config": "get_config get_store get_stream_writer",
    "runtime": "BaseUser ExecutionInfo RunControl Runtime ServerInfo get_runtime",
    "constants": "CONF CONFIG_KEY_CHECKPOINTER END START TAG_HIDDEN TAG_NOSTREAM TASKS",
    "errors": """
        EmptyChannelError EmptyInputError ErrorCode GraphBubbleUp GraphDrained GraphInterrupt
        GraphRecursionError InvalidUpdateError NodeCancelledError NodeError NodeInterrupt
        NodeTimeoutError ParentCommand TaskNotFound UnknownInterruptError is_invalid_resume""",
    "prebuilt": """
        InjectedState InjectedStore ToolCallTransformer ToolNode ToolRuntime ValidationNode
        create_react_agent tools_condition""",
    "checkpoint.memory": "InMemorySaver MemorySaver PersistentDict",
    "checkpoint.base": """
        BaseCheckpointSaver ChannelVersions Checkpoint CheckpointMetadata CheckpointTuple
        DeltaChannelHistory EXCLUDED_METADATA_KEYS LATEST_VERSION PendingWrite WRITES_IDX_MAP
        copy_checkpoint create_checkpoint empty_checkpoint get_checkpoint_id get_checkpoint_metadata
        get_serializable_checkpoint_metadata""",
    "checkpoint.serde.base": "CipherProtocol SerializerProtocol",
    "checkpoint.serde.jsonplus": "JsonPlusSerializer",
    "checkpoint.serde.encrypted": "EncryptedSerializer",
    "checkpoint.sqlite": "SqliteSaver",
    "checkpoint.sqlite.aio": "AsyncSqliteSaver",
    "store.base": """
        BaseStore Embeddings GetOp IndexConfig InvalidNamespaceError Item ListNamespacesOp
        MatchCondition NamespaceMatchType NamespacePath Op PutOp SearchItem SearchOp TTLConfig
        ensure_embeddings get_text_at_path tokenize_path""",
    "store.base.batch": "AsyncBatchedBaseStore",
    "store.memory": "InMemoryStore",
    "cache.base": "BaseCache",
    "cache.memory": "InMemoryCache",
    "channels": """
        AnyValue BaseChannel BinaryOperatorAggregate DeltaChannel EphemeralValue LastValue
        LastValueAfterFinish NamedBarrierValue NamedBarrierValueAfterFinish Topic UntrackedValue""",
    "channels.any_value": "AnyValue",
    "channels.base": "BaseChannel",
    "channels.binop": "BinaryOperatorAggregate",
    "channels.delta": "DeltaChannel",
    "channels.ephemeral_value": "EphemeralValue",
    "channels.last_value": "LastValue LastValueAfterFinish",
    "channels.named_barrier_value": "NamedBarrierValue NamedBarrierValueAfterFinish",
    "channels.topic": "Topic",
    "channels.untracked_value": "UntrackedValue",
    "managed": "IsLastStep RemainingSteps",
    "managed.base": "ManagedValue is_managed_value",
    "managed.is_last_step": "IsLastStep IsLastStepManager RemainingSteps RemainingStepsManager",
    "pregel": "NodeBuilder Pregel",
    "pregel.protocol": "PregelProtocol StreamProtocol",
    "pregel.types": """
        All CachePolicy PregelExecutableTask PregelTask RetryPolicy StateSnapshot StateUpdate StreamMode
        StreamWriter default_retry_on""",
    "pregel.remote": "RemoteException RemoteGraph",
    "callbacks": """
        GraphCallbackHandler GraphInterruptEvent GraphLifecycleEvent GraphLifecycleStatus
        GraphResumeEvent get_async_graph_callback_manager_for_config
        get_sync_graph_callback_manager_for_config""",
    "stream": """
        AsyncGraphRunStream AsyncSubgraphRunStream CheckpointsTransformer CustomTransformer
        DebugTransformer GraphRunStream LifecyclePayload LifecycleTransformer ProtocolEvent
        StreamChannel StreamTransformer SubgraphRunStream SubgraphStatus SubgraphTransformer
        TasksTransformer UpdatesTransformer""",
    "typing": "ContextT InputT OutputT StateT StateT_co StateT_contra",
    "version": "__version__",
    "warnings": """
        LangGraphDeprecatedSinceV05 LangGraphDeprecatedSinceV10 LangGraphDeprecatedSinceV11
        LangGraphDeprecationWarning""",
}
"""Module below `langgraph` -> its public names."""

LATER = {
    "pregel.remote": ...,
}
"""What otgraph does not have yet: names, or `...` for a whole module."""

EXTRA = {
    "types": "Buffer Part RetriesStreamPart RetryPayload SpansStreamPart ToolsStreamPart",
    "runtime": "SCOPE Scope get_config get_store get_stream_writer interrupt",
    "errors": "BudgetExceededError RunEndedError StreamOverflowError",
    "cache.base": "FullKey Namespace",
    "channels.base": "MISSING Missing",
    "store.base": "AEmbeddingsFunc EmbeddingsFunc NOT_PROVIDED NotProvided Result validate_op_namespace",
    "managed": "IsLastStepManager ManagedValue RemainingStepsManager is_managed_value",
}
"""What otgraph's module of that name offers besides."""

OWN = {
    "messages": "MessageChunk MessagesState ModelCall REMOVE_ALL_MESSAGES add_messages model_call push_message",
    "telemetry": """
        AsyncFollower AsyncWatcher Budget Captured ExportedSpan Follower LiveRun Price RunIds Telemetry
        TelemetryOptions Truncated Usage Watcher add_run_ids afollow areplay awatch conversation_id flush
        follow get_telemetry live_runs read_otlp read_otlp_json read_spans redact_matches replay run_ids
        set_telemetry setup shutdown watch""",
}
"""Module that LangGraph does not have -> its names."""

DUE = sorted([*(name for name in MODULES if LATER.get(name) is not ...), *OWN])


def words(text: object) -> set[str]:
    return set(text.split()) if isinstance(text, str) else set()


def load(name: str) -> ModuleType:
    return importlib.import_module(f"otgraph.{name}")


def own_modules() -> list[str]:
    return sorted(
        module.name.removeprefix("otgraph.")
        for module in pkgutil.walk_packages(otgraph.__path__, "otgraph.")
        if not module.name.startswith(("otgraph.langchain", "otgraph.__main__"))
    )


@pytest.mark.parametrize("name", DUE)
def test_a_module_offers_the_names_of_langgraph(name: str) -> None:
    """`from otgraph.x import y` works where `from langgraph.x import y` does, and `__all__` says so."""
    module = load(name)
    expected = words(MODULES.get(name) or OWN[name]) - words(LATER.get(name)) | words(EXTRA.get(name))
    assert sorted(expected) == sorted(module.__all__)
    assert not [missing for missing in expected if not hasattr(module, missing)]


def test_what_has_come_is_not_called_late() -> None:
    """A name, or a module, that exists is taken off the list LATER."""
    come = [
        f"{name}.{word}"
        for name, late in LATER.items()
        for word in words(MODULES[name] if late is ... else late)
        if name in own_modules() and hasattr(load(name), word)
    ]
    assert not come, f"these have come; take them off LATER: {come}"


@pytest.mark.parametrize("name", own_modules())
def test_all_tells_the_truth(name: str) -> None:
    """Every name of `__all__` is there, none is said twice, and none is private."""
    module = load(name)
    names = list(getattr(module, "__all__", []))
    assert not [missing for missing in names if not hasattr(module, missing)]
    assert sorted(set(names)) == sorted(names)
    assert not [private for private in names if private.startswith("_") and private != "__version__"]


def undocumented(module: ModuleType) -> list[str]:
    public = {name: getattr(module, name) for name in module.__all__}
    missing = [name for name, thing in public.items() if not explains_itself(thing)]
    for name, thing in public.items():
        if isinstance(thing, type) and not getattr(thing, "_is_protocol", False):
            missing += [f"{name}.{key}" for key in members(thing) if not inspect.getdoc(getattr(thing, key))]
    return missing


def explains_itself(thing: typing.Any) -> bool:
    if not isinstance(thing, type) or typing.get_origin(thing):
        return not inspect.isfunction(thing) or bool(thing.__doc__)
    generated = f"{thing.__name__}("  # what dataclasses and named tuples write where there is no docstring
    return bool(vars(thing).get("__doc__")) and not str(thing.__doc__).startswith(generated)


def members(thing: type) -> list[str]:
    kinds = (FunctionType, property, classmethod, staticmethod)
    return [key for key, member in vars(thing).items() if key[0] != "_" and isinstance(member, kinds)]


@pytest.mark.parametrize("name", DUE)
def test_what_is_public_is_explained(name: str) -> None:
    """Every public class, method and function has a docstring of its own."""
    assert not undocumented(load(name))


def test_old_names_of_constants_still_resolve() -> None:
    """Names that moved away from `otgraph.constants` resolve with a warning; unknown ones do not."""
    from otgraph import constants
    from otgraph.types import Interrupt, Send
    from otgraph.warnings import LangGraphDeprecationWarning

    for name, value in {"Send": Send, "Interrupt": Interrupt, "CONFIG_KEY_THREAD_ID": "thread_id"}.items():
        with pytest.warns(LangGraphDeprecationWarning, match=f"{name} is an old name"):
            assert value is getattr(constants, name)
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        constants.nope


SIGNATURES = {
    "graph.StateGraph": "state_schema context_schema * input_schema output_schema",
    "graph.StateGraph.add_node": """
        node action * defer metadata input_schema retry_policy cache_policy error_handler destinations
        timeout trace_policy""",
    "graph.StateGraph.add_edge": "start_key end_key",
    "graph.StateGraph.add_conditional_edges": "source path path_map",
    "graph.StateGraph.add_sequence": "nodes",
    "graph.StateGraph.set_entry_point": "key",
    "graph.StateGraph.set_finish_point": "key",
    "graph.StateGraph.set_conditional_entry_point": "path path_map",
    "graph.StateGraph.set_node_defaults": "* retry_policy cache_policy error_handler timeout",
    "graph.StateGraph.validate": "interrupt",
    "graph.StateGraph.compile": """
        checkpointer * cache store interrupt_before interrupt_after debug name transformers""",
    "graph.state.CompiledStateGraph.stream": """
        input config * context stream_mode print_mode output_keys interrupt_before interrupt_after
        durability control subgraphs debug version""",
    "graph.state.CompiledStateGraph.astream": """
        input config * context stream_mode print_mode output_keys interrupt_before interrupt_after
        durability control subgraphs debug version""",
    "graph.state.CompiledStateGraph.invoke": """
        input config * context stream_mode print_mode output_keys interrupt_before interrupt_after
        durability control version""",
    "graph.state.CompiledStateGraph.ainvoke": """
        input config * context stream_mode print_mode output_keys interrupt_before interrupt_after
        durability control version""",
    "func.task": "__func_or_none__ * name retry_policy cache_policy timeout",
    "func.entrypoint": """
        checkpointer store cache context_schema cache_policy retry_policy timeout""",
    "graph.state.CompiledStateGraph.astream_events": "input config * version transformers",
    "types.Command": "* graph update resume goto",
    "types.Interrupt": "value id * response_schema",
    "types.Interrupt.from_ns": "value ns * response_schema",
    "types.Overwrite": "value",
    "types.Send": "node arg * timeout",
    "types.RetryPolicy": "initial_interval backoff_factor max_interval max_attempts jitter retry_on",
    "types.CachePolicy": "* key_func ttl",
    "types.TimeoutPolicy": "* run_timeout idle_timeout refresh_on",
    "types.TracePolicy": "* process_inputs process_outputs",
    "types.GraphOutput": "value interrupts",
    "runtime.Runtime": "* context store stream_writer heartbeat previous execution_info server_info control",
    "runtime.ExecutionInfo": """
        checkpoint_id checkpoint_ns task_id thread_id run_id node_attempt node_first_attempt_time""",
    "runtime.ServerInfo": "assistant_id graph_id user",
    "runtime.RunControl.request_drain": "reason",
}
"""Public callable -> LangGraph's parameters in their order; `*` begins those that are given by name."""


def find(path: str) -> typing.Any:
    parts = path.split(".")
    cut = next((index for index, part in enumerate(parts) if part[0].isupper()), len(parts) - 1)
    thing: typing.Any = load(".".join(parts[:cut]))
    for part in parts[cut:]:
        thing = getattr(thing, part)
    return thing


@pytest.mark.parametrize("path", SIGNATURES)
def test_parameters_are_those_of_langgraph(path: str) -> None:
    """A call written for LangGraph fits: same names, same order, same may-be-positional; more may follow."""
    before, _, after = SIGNATURES[path].partition("*")
    parameters = [p for p in inspect.signature(find(path)).parameters.values() if p.name != "self"]
    positional = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    by_name = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    assert before.split() == positional[: len(before.split())]
    assert not set(after.split()) - {*by_name, *positional}
