"""
`@task`: a function whose calls are tasks of the run that they are made in.

Rule: it knows nothing of runs. Which run a call belongs to is found in one context variable, as everything is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator, Sequence
from datetime import timedelta
from functools import partial, update_wrapper
from typing import Any, Generic, Protocol, TypeVar, cast, overload

from typing_extensions import ParamSpec

from otgraph.engine.cached import cache_namespaces
from otgraph.graph.arguments import read_policies
from otgraph.graph.deprecated import refuse_unknown, renamed
from otgraph.plan.functional import task_node
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy
from otgraph.runtime import SCOPE
from otgraph.timeout import read_timeout
from otgraph.warnings import LangGraphDeprecatedSinceV05

__all__ = ["TaskFunction", "task"]

P = ParamSpec("P")
T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Result(Protocol[T_co]):
    """What a call returns at once: a future of threads, or of the event loop where it is made on one."""

    def result(self, timeout: float | None = None) -> T_co:
        """Wait for the task and return what it returned, or raise what it raised."""

    def done(self) -> bool:
        """Whether the task is over."""

    def cancel(self) -> bool:
        """Give up waiting for it; a coroutine is stopped too."""

    def __await__(self) -> Generator[Any, None, T_co]: ...


class TaskFunction(Generic[P, T]):
    """
    A function as a task; made by `task`.

    Args:
        function: of either colour; of any signature.
    """

    __wrapped__: Callable[P, T]
    __name__: str

    def __init__(
        self,
        function: Callable[P, T | Awaitable[T]],
        *,
        name: str | None = None,
        retry_policy: tuple[RetryPolicy, ...] = (),
        cache_policy: CachePolicy | None = None,
        timeout: TimeoutPolicy | None = None,
    ) -> None:
        self.node = task_node(function, name, retry=retry_policy, cache=cache_policy, timeout=timeout)
        update_wrapper(self, function)
        self.func = function
        self.__name__ = self.node.name
        self.retry_policy = retry_policy
        self.cache_policy = cache_policy
        self.timeout = timeout

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> Result[T]:
        """
        Call the function as a task of the run that we are in, and return a future of its result at once.

        Raises:
            RuntimeError: we are in no run, or in one that is over.
        """
        scope = SCOPE.get()
        if scope is None:
            name = self.__name__
            raise RuntimeError(
                f"Called get_config outside of a runnable context: the task {name!r} was called where no run is. "
                "Call it in an entrypoint, a node or another task (a thread of your own needs "
                f"contextvars.copy_context().run), or call the function itself, {name}.func(…)"
            )
        return cast("Result[T]", scope.call(self.node, (args, kwargs)))

    def clear_cache(self, cache: Any) -> None:
        """Forget the results of the task that `cache` has."""
        if self.cache_policy is not None:
            cache.clear(cache_namespaces(self.node))

    async def aclear_cache(self, cache: Any) -> None:
        """Forget the results of the task that `cache` has."""
        if self.cache_policy is not None:
            await cache.aclear(cache_namespaces(self.node))

    def __repr__(self) -> str:
        return f"<task {self.__name__}>"


class Decorator(Protocol):
    """Makes a task of a function of either colour."""

    @overload
    def __call__(self, function: Callable[P, Awaitable[T]], /) -> TaskFunction[P, T]: ...
    @overload
    def __call__(self, function: Callable[P, T], /) -> TaskFunction[P, T]: ...


@overload
def task(__func_or_none__: Callable[P, Awaitable[T]]) -> TaskFunction[P, T]: ...


@overload
def task(__func_or_none__: Callable[P, T]) -> TaskFunction[P, T]: ...


@overload
def task(
    __func_or_none__: None = None,
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy | None = None,
    timeout: float | timedelta | TimeoutPolicy | None = None,
    **deprecated: Any,
) -> Decorator: ...


def task(
    __func_or_none__: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
    cache_policy: CachePolicy | None = None,
    timeout: float | timedelta | TimeoutPolicy | None = None,
    **deprecated: Any,
) -> Any:
    """
    Make a task of a function: its calls run at once beside their caller, are retried, cached and saved.

    Use it as `@task` or as `@task(name=…)`. Inside an entrypoint, a node or another task a call returns a future:
    `.result()` waits for it in sync code, `await` does in async code. A sync function that is called from async code
    runs in a worker thread.

    Args:
        name: what the task is called in streams and spans; by default as its function.
        retry_policy: when and how often a failed attempt is repeated; the first that matches decides.
        cache_policy: when an earlier result for the same arguments is used again.
        timeout: limit of one attempt.
    """
    retry_policy = renamed(deprecated, "retry", "retry_policy", retry_policy, LangGraphDeprecatedSinceV05)
    refuse_unknown("task", deprecated)
    made = partial(
        TaskFunction,
        name=name,
        retry_policy=read_policies(retry_policy) or (),
        cache_policy=cache_policy,
        timeout=read_timeout(timeout),
    )
    return made if __func_or_none__ is None else made(__func_or_none__)
