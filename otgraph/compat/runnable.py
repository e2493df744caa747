"""
RunnableCallable: a node that has a function for each colour.

Rule: as a node, its functions are inspected and called like any other; called by hand, they find the run around them.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from otgraph.drivers.call import arguments
from otgraph.plan.callee import BothColours
from otgraph.plan.signature import injected_arguments
from otgraph.runtime import SCOPE

__all__ = ["RunnableCallable", "RunnableLike"]

RunnableLike: TypeAlias = Any
"""Whatever can be a node."""


class RunnableCallable(BothColours):
    """
    A function in one or both colours.

    Args:
        func: the sync one, or an async one if it is the only one.
        afunc: the async one.
        name: what it is called.

    The rest is LangChain's bookkeeping, which spans take the place of.
    """

    def __init__(
        self,
        func: Callable[..., Any] | None,
        afunc: Callable[..., Awaitable[Any]] | None = None,
        *,
        name: str | None = None,
        tags: Any = None,
        trace: bool = True,
        recurse: bool = True,
        **kwargs: Any,
    ) -> None:
        if afunc is None and inspect.iscoroutinefunction(func):
            func, afunc = None, func
        if func is None and afunc is None:
            raise ValueError("At least one of func and afunc must be provided.")
        super().__init__(func, afunc, name or str(getattr(func or afunc, "__name__", type(self).__name__)))
        self.chain_name = self.name if trace else None
        """What LangChain's handlers know it by; None for nothing."""
        self.tags = tags
        self.kwargs = kwargs

    def get_name(self) -> str:
        """Return what it is called."""
        return self.name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Call the sync function."""
        if self.func is None:
            raise TypeError(
                f'No synchronous function provided to "{self.name}".\n'
                "Either initialize with a synchronous function or invoke via the async API (ainvoke, astream, etc.)"
            )
        return self.func(input, **{**self._injected(self.func, config), **self.kwargs, **kwargs})

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Call the async function; the sync one where that is all there is."""
        if self.afunc is None:
            return self.invoke(input, config, **kwargs)
        return await self.afunc(input, **{**self._injected(self.afunc, config), **self.kwargs, **kwargs})

    def _injected(self, function: Callable[..., Any], config: Any) -> dict[str, Any]:
        wanted = injected_arguments(function)
        scope: Any = SCOPE.get()
        found = {} if scope is None else arguments(wanted, scope)
        if "config" in wanted and config is not None:
            found["config"] = config
        return found
