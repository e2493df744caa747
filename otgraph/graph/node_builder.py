"""
NodeBuilder: a node of a graph that is wired by hand, said step by step.

Rule: it only collects; `build` looks at nothing but itself, and the graph checks whether the channels are there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typing_extensions import Self

from otgraph.graph.guest import hosted
from otgraph.langchain.steps import chained
from otgraph.plan.callee import inspect_callee, is_runnable
from otgraph.plan.model import Callee
from otgraph.plan.wired import WiredNode, WiredWrite
from otgraph.policies import CachePolicy, RetryPolicy, TimeoutPolicy
from otgraph.timeout import read_timeout

__all__ = ["NodeBuilder"]


class NodeBuilder:
    """
    Makes a node of a `Pregel`.

    For example `NodeBuilder().subscribe_only("a").do(str.upper).write_to("b")`. Every method returns the builder.
    """

    def __init__(self) -> None:
        self._channels: str | list[str] = []
        self._triggers: list[str] = []
        self._writes: list[WiredWrite] = []
        self._callee: Callee | None = None
        self._tags: list[str] = []
        self._metadata: dict[str, Any] = {}
        self._retry: tuple[RetryPolicy, ...] = ()
        self._cache: CachePolicy | None = None
        self._timeout: TimeoutPolicy | None = None

    def subscribe_only(self, channel: str) -> Self:
        """
        Run when `channel` changes, and be shown its bare value.

        Raises:
            ValueError: there are other channels already.
        """
        if self._channels:
            raise ValueError(
                "Cannot subscribe to single channels when other channels are already subscribed to"
            )
        self._channels = channel
        self._triggers.append(channel)
        return self

    def subscribe_to(self, *channels: str, read: bool = True) -> Self:
        """
        Run when one of `channels` changes.

        Args:
            read: be shown their values, in a dict.

        Raises:
            ValueError: it is shown the bare value of a channel.
        """
        if isinstance(self._channels, str):
            raise ValueError("Cannot subscribe to channels when subscribed to a single channel")
        if read:
            self._channels.extend(channels)
        self._triggers.extend(channels)
        return self

    def read_from(self, *channels: str) -> Self:
        """
        Be shown the values of `channels` besides.

        Raises:
            ValueError: it is shown the bare value of a channel.
        """
        if isinstance(self._channels, str):
            raise AssertionError("Cannot read additional channels when subscribed to single channels")
        self._channels.extend(channels)
        return self

    def do(self, node: Any) -> Self:
        """
        Call `node` with what is read; said more than once, each is called with what the one before returned.

        Args:
            node: whatever can be a node of a StateGraph.
        """
        callee = hosted(chained(inspect_callee(node)))
        self._callee = callee if self._callee is None else _then(self._callee, callee)
        return self

    def write_to(self, *channels: str, **kwargs: Any) -> Self:
        """
        Write the result.

        Args:
            channels: take it as it is.
            kwargs: channel -> a constant, or a function of the result.
        """
        self._writes += [WiredWrite(channel, passes=True) for channel in channels]
        for channel, value in kwargs.items():
            made = _function_of(value)
            self._writes.append(WiredWrite(channel, None if made else value, made))
        return self

    def meta(self, *tags: str, **metadata: Any) -> Self:
        """Show tags and metadata with whatever the node streams."""
        self._tags += tags
        self._metadata.update(metadata)
        return self

    def add_retry_policies(self, *policies: RetryPolicy) -> Self:
        """Repeat failed attempts; the first policy that matches decides."""
        self._retry += policies
        return self

    def add_cache_policy(self, policy: CachePolicy) -> Self:
        """Use an earlier result for the same input again."""
        self._cache = policy
        return self

    def set_timeout(self, timeout: Any) -> Self:
        """Limit an attempt: to seconds, a timedelta or a TimeoutPolicy."""
        self._timeout = read_timeout(timeout)
        return self

    def build(self) -> WiredNode:
        """Return the node."""
        return WiredNode(
            callee=self._callee or Callee("pass_on", _pass_on, None),
            triggers=tuple(self._triggers),
            channels=self._channels if isinstance(self._channels, str) else tuple(self._channels),
            writes=tuple(self._writes),
            metadata=dict(self._metadata),
            tags=tuple(self._tags),
            retry=self._retry,
            cache=self._cache,
            timeout=self._timeout,
        )


def _pass_on(value: Any) -> Any:
    return value


def _function_of(value: Any) -> Callable[[Any], Any] | None:
    """Return what makes a write of a result, where `value` is no constant."""
    if is_runnable(value):
        return value.invoke  # type: ignore[no-any-return]
    return value if callable(value) else None


def _then(first: Callee, second: Callee) -> Callee:
    """Return a callee that calls two, one with what the other returned."""
    inject = tuple(dict.fromkeys((*first.inject, *second.inject)))

    def own(callee: Callee, injected: dict[str, Any]) -> dict[str, Any]:
        return {name: injected[name] for name in callee.inject}

    def call(value: Any, /, **injected: Any) -> Any:
        assert first.sync is not None
        assert second.sync is not None
        return second.sync(first.sync(value, **own(first, injected)), **own(second, injected))

    async def acall(value: Any, /, **injected: Any) -> Any:
        for callee in (first, second):
            if callee.coro is not None:
                value = await callee.coro(value, **own(callee, injected))
            else:
                assert callee.sync is not None
                value = callee.sync(value, **own(callee, injected))
        return value

    sync = None if first.sync is None or second.sync is None else call
    coro = None if first.coro is None and second.coro is None else acall
    return Callee(first.name, sync, coro, inject, origin=first.origin)
