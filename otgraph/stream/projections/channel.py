"""
StreamChannel: one projection of a run's events, read by one consumer.

Rule: it keeps nothing before it is read, and the run goes on only as far as its readers ask for.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from itertools import count
from typing import Any, Generic, TypeVar

__all__ = ["StreamChannel"]

T = TypeVar("T")

_arrivals = count()
"""Orders items of several channels, for those who read them interleaved."""


class StreamChannel(Generic[T]):
    """
    See the module.

    Args:
        name: what is pushed is also an event of the run, whose method is `custom:` and this name; None for none.
        maxlen: how many items wait at most; the oldest are dropped.
    """

    def __init__(self, name: str | None = None, *, maxlen: int | None = None) -> None:
        self.name = name
        self.items: deque[tuple[int, T]] = deque(maxlen=maxlen)
        """What waits to be read, each item with the number of its arrival."""
        self.subscribed = False
        self.closed = False
        self._error: BaseException | None = None
        self._is_async: bool | None = None
        self.forward: Callable[[Any], None] | None = None
        """Makes an event of an item."""
        self.pump: Callable[[], bool] | None = None
        """Lets the run go on for one event; false where there is none left."""
        self.apump: Callable[[], Awaitable[bool]] | None = None

    # ---- the side of the transformer

    @property
    def _closed(self) -> bool:
        """The name that transformers of packages know it by."""
        return self.closed

    def push(self, item: T) -> None:
        """Hand out an item."""
        if self.subscribed and not self.closed:
            self.items.append((next(_arrivals), item))
        if self.forward is not None:
            self.forward(item)

    def close(self) -> None:
        """End the channel; what waits is still read."""
        self.closed = True

    def fail(self, err: BaseException) -> None:
        """End the channel with an exception, which its reader gets."""
        self._error = self._error or err
        self.closed = True

    # ---- the reader's side

    def bind(self, is_async: bool) -> None:
        """Be a part of a run, on the event loop or not."""
        self._is_async = is_async

    def subscribe(self, *, is_async: bool) -> None:
        """
        Take the one place of a reader.

        Raises:
            RuntimeError: it is taken.
            TypeError: the run has the other colour, or there is none.
        """
        if self._is_async is not is_async:
            if self._is_async is None:
                raise TypeError("StreamChannel belongs to no run yet: return it from a transformer's `init`")
            raise TypeError("StreamChannel is read with " + ("`async for`" if self._is_async else "`for`"))
        if self.subscribed:
            tee = "atee" if is_async else "tee"
            raise RuntimeError(f"StreamChannel already has a subscriber; use .{tee}(n) for fan-out.")
        self.subscribed = True

    def __iter__(self) -> Iterator[T]:
        """Yield the items, from now on."""
        self.subscribe(is_async=False)
        return self._read()

    def __aiter__(self) -> AsyncIterator[T]:
        """Yield the items, from now on, on the event loop."""
        self.subscribe(is_async=True)
        return self._aread()

    def _read(self) -> Iterator[T]:
        while True:
            while self.items:
                yield self.items.popleft()[1]
            if (self.closed or self.pump is None or not self.pump()) and not self.items:
                self.check()
                return

    async def _aread(self) -> AsyncIterator[T]:
        while True:
            while self.items:
                yield self.items.popleft()[1]
            if (self.closed or self.apump is None or not await self.apump()) and not self.items:
                self.check()
                return

    def check(self) -> None:
        """Raise what the channel ended with, if it failed."""
        if self._error is not None:
            raise self._error

    def tee(self, n: int = 2) -> tuple[Iterator[T], ...]:
        """Return `n` iterators over all items; the slowest one decides how much is kept."""
        source = iter(self)
        waiting: list[deque[T]] = [deque() for _ in range(n)]

        def read(own: deque[T]) -> Iterator[T]:
            while True:
                if not own:
                    try:
                        item = next(source)
                    except StopIteration:
                        return
                    for each in waiting:
                        each.append(item)
                yield own.popleft()

        return tuple(read(own) for own in waiting)

    def atee(self, n: int = 2) -> tuple[AsyncIterator[T], ...]:
        """Return `n` async iterators over all items."""
        self.subscribe(is_async=True)
        waiting: list[deque[T]] = [deque() for _ in range(n)]

        async def read(own: deque[T]) -> AsyncIterator[T]:
            while True:
                while self.items:
                    item = self.items.popleft()[1]
                    for each in waiting:
                        each.append(item)
                while own:
                    yield own.popleft()
                more = not self.closed and self.apump is not None and await self.apump()
                if not more and not self.items and not own:
                    self.check()
                    return

        return tuple(read(own) for own in waiting)
