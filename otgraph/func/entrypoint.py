"""
`@entrypoint`: a graph made of one function, whose calls of tasks are what it consists of.

Rule: what it makes is an ordinary compiled graph; only its plan is another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from otgraph.graph.arguments import read_policies
from otgraph.graph.compiled import Pregel
from otgraph.graph.deprecated import refuse_unknown, renamed
from otgraph.plan.final import Final
from otgraph.plan.functional import lower_entrypoint
from otgraph.plan.options import CompileOptions
from otgraph.plan.validate import check_checkpointer
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy
from otgraph.timeout import read_timeout
from otgraph.tracing.options import TelemetryOptions
from otgraph.warnings import LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10

__all__ = ["entrypoint"]


class entrypoint:
    """
    Make a graph of a function: it can be invoked, streamed and saved as any other.

    The function's first parameter is the input, of any type. It may also take `config`, `writer`, `store`, `runtime`
    and `previous`, which is what the thread's last run returned, or saved by `entrypoint.final(value=…, save=…)`.

    Args:
        checkpointer: a saver; runs of one thread go on from each other.
        store: memory shared by threads.
        cache: where results of tasks with a `cache_policy` are kept.
        context_schema: what `context=` of a run must be.
        cache_policy: when an earlier result for the same input is used again.
        retry_policy: when and how often a failed run of the function is repeated; the first that matches decides.
        timeout: limit of one attempt.
        telemetry: what is recorded of its runs, where it differs from the application's settings.
    """

    final = Final

    def __init__(
        self,
        checkpointer: Any = None,
        store: Any = None,
        cache: Any = None,
        context_schema: type[Any] | None = None,
        cache_policy: CachePolicy | None = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        timeout: float | timedelta | TimeoutPolicy | None = None,
        *,
        telemetry: TelemetryOptions | None = None,
        **deprecated: Any,
    ) -> None:
        since05, since10 = LangGraphDeprecatedSinceV05, LangGraphDeprecatedSinceV10
        retry_policy = renamed(deprecated, "retry", "retry_policy", retry_policy, since05)
        self.context_schema = renamed(deprecated, "config_schema", "context_schema", context_schema, since10)
        refuse_unknown("entrypoint", deprecated)
        check_checkpointer(checkpointer)
        self.checkpointer = checkpointer
        self.store = store
        self.cache = cache
        self.cache_policy = cache_policy
        self.retry_policy = read_policies(retry_policy) or ()
        self.timeout = read_timeout(timeout)
        self.telemetry = telemetry

    def __call__(self, func: Callable[..., Any]) -> Pregel[Any, Any, Any, Any]:
        """
        Return the graph of a function.

        Raises:
            NotImplementedError: the function is a generator.
            ValueError: it takes no input.
        """
        plan = lower_entrypoint(
            func,
            context_schema=self.context_schema,
            retry=self.retry_policy,
            cache=self.cache_policy,
            timeout=self.timeout,
        )
        options = CompileOptions(
            checkpointer=self.checkpointer,
            cache=self.cache,
            store=self.store,
            name=plan.name,
            telemetry=self.telemetry,
        )
        return Pregel(plan=plan, options=options)
