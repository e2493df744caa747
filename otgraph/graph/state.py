"""
`StateGraph`: the builder of graphs whose nodes share a state.

Rule: it only writes down what was declared (`plan/declared.py`), refusing mistakes at once. `plan()` makes
the frozen plan, and `compile()` a graph that runs it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Generic, Literal, cast

from typing_extensions import Self

from otgraph.constants import END, START
from otgraph.graph.arguments import (
    branch_name,
    function_of,
    name_and_action,
    read_destinations,
    read_ends,
    read_policies,
)
from otgraph.graph.deprecated import refuse_unknown, renamed
from otgraph.graph.guest import hosted
from otgraph.langchain.steps import chained
from otgraph.plan.callee import infer_name, inspect_callee, is_runnable
from otgraph.plan.channels import add_schema
from otgraph.plan.declared import BranchSpec, Declared, NodeSpec
from otgraph.plan.lower import DEFAULT_HANDLER, handler_name, lower
from otgraph.plan.model import Plan
from otgraph.plan.options import CompileOptions
from otgraph.plan.signature import command_targets, first_input, literal_results
from otgraph.plan.validate import (
    check_breakpoints,
    check_checkpointer,
    check_edge,
    check_graph,
    check_node_name,
    check_waiting_edge,
)
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy, TracePolicy
from otgraph.timeout import read_timeout
from otgraph.typing import ContextT, InputT, OutputT, StateT
from otgraph.warnings import LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10

if TYPE_CHECKING:
    from otgraph.graph.compiled import CompiledStateGraph
    from otgraph.tracing.options import TelemetryOptions

__all__ = ["CompiledStateGraph", "StateGraph"]

logger = logging.getLogger(__name__)

RUNS = frozenset(
    {"invoke", "ainvoke", "stream", "astream", "batch", "abatch", "get_state", "update_state", "get_graph"}
)
"""What a user may ask of a builder that has not been compiled."""


class StateGraph(Generic[StateT, ContextT, InputT, OutputT]):
    """
    A graph whose nodes read and write a shared state.

    A node is a function `state -> update`, where the update is a dict with some of the state's keys. The
    schema says how an update changes a key: `Annotated[list, operator.add]` appends, a plain key is replaced.

    Args:
        state_schema: a TypedDict, dataclass or pydantic model; or any type, for a state that is one value.
        context_schema: what `context=` of a run must be.
        input_schema: the keys that a run may be started with; the state by default.
        output_schema: the keys that `invoke` returns; the state by default.
    """

    def __init__(
        self,
        state_schema: type[StateT],
        context_schema: type[ContextT] | None = None,
        *,
        input_schema: type[InputT] | None = None,
        output_schema: type[OutputT] | None = None,
        **deprecated: Any,
    ) -> None:
        since05, since10 = LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10
        context_schema = renamed(deprecated, "config_schema", "context_schema", context_schema, since10)
        input_schema = renamed(deprecated, "input", "input_schema", input_schema, since05)
        output_schema = renamed(deprecated, "output", "output_schema", output_schema, since05)
        refuse_unknown("StateGraph", deprecated)
        self.state_schema = state_schema
        self.input_schema = input_schema or cast("type[InputT]", state_schema)
        self.output_schema = output_schema or cast("type[OutputT]", state_schema)
        self.context_schema = context_schema
        self.declared = Declared(state_schema, self.input_schema, self.output_schema, context_schema)
        add_schema(self.declared, self.state_schema)
        add_schema(self.declared, self.input_schema, "Input")
        add_schema(self.declared, self.output_schema, "Output")
        self.nodes = self.declared.nodes
        self.edges = self.declared.edges
        self.waiting_edges = self.declared.waiting_edges
        self.branches = self.declared.branches
        self.channels = self.declared.channels
        self.managed = self.declared.managed
        self.compiled = False

    @property
    def schemas(self) -> dict[Any, dict[str, Any]]:
        """Schema -> its channels and managed values, by key."""
        known = self.declared.schemas
        return {typ: {**schema.channels, **schema.managed} for typ, schema in known.items()}

    def add_node(
        self,
        node: str | Any,
        action: Any = None,
        *,
        defer: bool = False,
        metadata: dict[str, Any] | None = None,
        input_schema: type[Any] | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy | None = None,
        error_handler: Any = None,
        destinations: dict[str, str] | tuple[str, ...] | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        trace_policy: TracePolicy | None = None,
        **deprecated: Any,
    ) -> Self:
        """
        Add a node.

        Args:
            node: its name, or the callable itself, whose name it then bears.
            action: a function of either colour, a callable object, a Runnable, a compiled graph, or a dict
                of these.
            defer: run it only when the run would otherwise end.
            metadata: shown with whatever the node streams.
            input_schema: the keys it is shown; by default what its first parameter is annotated with, or
                the state.
            retry_policy: when and how often a failed attempt is repeated; the first that matches decides.
            cache_policy: when an earlier result for the same input is used again.
            error_handler: a function that runs in its place, in the same superstep, when it failed for good.
            destinations: where its `Command`s may lead, for drawing; names, or names with labels.
            timeout: limit of one attempt, in all or without a sign of life; a sync node is abandoned at its end.
            trace_policy: what telemetry may record of its payloads.
        """
        retry_policy = renamed(deprecated, "retry", "retry_policy", retry_policy, LangGraphDeprecatedSinceV05)
        input_schema = renamed(deprecated, "input", "input_schema", input_schema, LangGraphDeprecatedSinceV05)
        refuse_unknown("add_node", deprecated)
        name, action = name_and_action(node, action)
        self._warn_if_compiled("a node")
        check_node_name(name, self.nodes)
        callee = hosted(chained(inspect_callee(action, name)))
        plain = not is_runnable(action) and not isinstance(action, dict)
        if input_schema is None and plain:
            input_schema = first_input(action)
        if destinations is None and plain:
            destinations = command_targets(action)
        handler = None if error_handler is None else inspect_callee(error_handler, handler_name(name))
        spec = NodeSpec(
            name=name,
            callee=callee,
            input_schema=self.state_schema if input_schema is None else input_schema,
            defer=defer,
            metadata=metadata,
            retry_policy=read_policies(retry_policy),
            cache_policy=cache_policy,
            error_handler=handler,
            timeout=read_timeout(timeout),
            destinations=read_destinations(destinations),
            trace_policy=trace_policy,
        )
        add_schema(self.declared, spec.input_schema)
        self.nodes[name] = spec
        return self

    def add_edge(self, start_key: str | list[str], end_key: str) -> Self:
        """
        Make `end_key` due after `start_key`; a list means after all of them, over however many supersteps.

        Several edges into one node make it due in each superstep after which at least one of them was taken.
        """
        self._warn_if_compiled("an edge")
        if isinstance(start_key, str):
            check_edge(start_key, end_key)
            self.edges.add((start_key, end_key))
        else:
            starts = tuple(start_key)
            check_waiting_edge(starts, end_key, self.nodes)
            self.waiting_edges.add((starts, end_key))
        return self

    def add_conditional_edges(
        self,
        source: str,
        path: Any,
        path_map: dict[Hashable, str] | list[str] | None = None,
    ) -> Self:
        """
        Let a function say what is due after `source`.

        Args:
            path: `state -> node name, Send, or a list of them`; it sees what `source` has just written.
            path_map: from what the function returns to node names, or the names it may return.
        """
        self._warn_if_compiled("an edge")
        function = function_of(path)
        name = branch_name(path)
        if name in self.branches.get(source, ()):
            raise ValueError(f"Branch with name `{name}` already exists for node `{source}`")
        input_schema = None if function is None else first_input(function)
        ends = read_ends(path_map)
        if ends is None and function is not None:
            ends = literal_results(function)
        spec = BranchSpec(name, inspect_callee(path, name), ends, input_schema)
        if input_schema is not None:
            add_schema(self.declared, input_schema)
        self.branches.setdefault(source, {})[name] = spec
        return self

    def add_sequence(self, nodes: Sequence[Any | tuple[str, Any]]) -> Self:
        """Add nodes, each a callable or a pair `(name, callable)`, with an edge from each to the next."""
        if not nodes:
            raise ValueError("Sequence requires at least one node.")
        previous: str | None = None
        for node in nodes:
            name, action = node if isinstance(node, tuple) and len(node) == 2 else (infer_name(node), node)
            if name in self.nodes:
                raise ValueError(
                    f"Node names must be unique: node with the name '{name}' already exists. If you need to "
                    "use two different runnables/callables with the same name (for example, using `lambda`), "
                    "please provide them as tuples (name, runnable/callable)."
                )
            self.add_node(name, action)
            if previous is not None:
                self.add_edge(previous, name)
            previous = name
        return self

    def set_entry_point(self, key: str) -> Self:
        """Begin runs at `key`: the same as an edge from START."""
        return self.add_edge(START, key)

    def set_conditional_entry_point(
        self, path: Any, path_map: dict[Hashable, str] | list[str] | None = None
    ) -> Self:
        """Let a function of the input say where runs begin: the same as conditional edges from START."""
        return self.add_conditional_edges(START, path, path_map)

    def set_finish_point(self, key: str) -> Self:
        """Say that nothing follows `key`: the same as an edge to END."""
        return self.add_edge(key, END)

    def set_node_defaults(
        self,
        *,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy | None = None,
        error_handler: Any = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
    ) -> Self:
        """
        Set what applies to all nodes that say nothing of their own, whenever they were added.

        Retries and the timeout apply to error handlers too. What is not given keeps its earlier default.
        """
        defaults = self.declared.defaults
        if retry_policy is not None:
            defaults.retry_policy = read_policies(retry_policy)
        if cache_policy is not None:
            defaults.cache_policy = cache_policy
        if error_handler is not None:
            defaults.error_handler = inspect_callee(error_handler, DEFAULT_HANDLER)
        if timeout is not None:
            defaults.timeout = read_timeout(timeout)
        return self

    def validate(self, interrupt: Sequence[str] | None = None) -> Self:
        """
        Refuse a graph that could not run.

        Raises:
            ValueError: naming the edge, branch, breakpoint or missing entry that is wrong.
        """
        check_graph(self.declared, interrupt or ())
        return self

    def plan(
        self,
        *,
        name: str = "LangGraph",
        interrupt_before: Literal["*"] | Sequence[str] | None = None,
        interrupt_after: Literal["*"] | Sequence[str] | None = None,
    ) -> Plan:
        """Validate what was declared so far and return its plan."""
        before, after = check_breakpoints(interrupt_before), check_breakpoints(interrupt_after)
        self.validate([*(before if before != "*" else ()), *(after if after != "*" else ())])
        return lower(self.declared, name=name, interrupt_before=before, interrupt_after=after)

    def compile(
        self,
        checkpointer: Any = None,
        *,
        cache: Any = None,
        store: Any = None,
        interrupt_before: Literal["*"] | list[str] | None = None,
        interrupt_after: Literal["*"] | list[str] | None = None,
        debug: bool = False,
        name: str | None = None,
        transformers: Sequence[Callable[[tuple[str, ...]], Any]] | None = None,
        telemetry: TelemetryOptions | None = None,
    ) -> CompiledStateGraph[StateT, ContextT, InputT, OutputT]:
        """
        Return a graph that can be run; the builder may be changed and compiled again.

        Args:
            checkpointer: a saver; as a subgraph also True for memory of its own, False for none, None to
                inherit the parent's.
            cache: where results of nodes with a `cache_policy` are kept.
            store: memory shared by threads.
            interrupt_before: nodes before which runs pause, or "*".
            interrupt_after: nodes after which runs pause, or "*".
            debug: print what runs do.
            name: what its runs and spans are called.
            transformers: makers of further projections of its event stream.
            telemetry: what is recorded of its runs, where it differs from the application's settings.
        """
        # What runs graphs, the tracing SDK with it, takes longer to import than all that builds them.
        from otgraph.graph.compiled import CompiledStateGraph

        check_checkpointer(checkpointer)
        plan = self.plan(
            name=name or "LangGraph", interrupt_before=interrupt_before, interrupt_after=interrupt_after
        )
        options = CompileOptions(
            checkpointer=checkpointer,
            cache=cache,
            store=store,
            interrupt_before=plan.interrupt_before,
            interrupt_after=plan.interrupt_after,
            debug=debug,
            name=plan.name,
            telemetry=telemetry,
            transformers=tuple(transformers or ()),
        )
        self.compiled = True
        return CompiledStateGraph(builder=self, plan=plan, options=options)

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            if name in RUNS:
                raise AttributeError(
                    f"a StateGraph is no graph that runs, and has no {name!r}: compile() returns one that has it, "
                    f"as in graph = builder.compile(); graph.{name}(...)"
                )
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def _warn_if_compiled(self, what: str) -> None:
        if self.compiled:
            logger.warning(
                "Adding %s to a graph that has already been compiled. "
                "This will not be reflected in the compiled graph.",
                what,
            )


if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name == "CompiledStateGraph":
            # Here is where LangGraph's users find it; see `compile` for why it is not imported before.
            from otgraph.graph.compiled import CompiledStateGraph

            return CompiledStateGraph
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
