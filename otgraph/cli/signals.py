"""
SIGTERM and Ctrl-C while a run goes on.

Rule: the first signal asks the run to stop where nothing is lost; the second cancels it. Then everything is as before.
"""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Final

from typing_extensions import Self

from otgraph.cli.exits import INTERRUPTED, TERMINATED
from otgraph.runtime import RunControl

__all__ = ["Cancelled", "Signals"]

HEARD: Final = {
    number: code
    for name, code in (("SIGINT", INTERRUPTED), ("SIGTERM", TERMINATED))
    if (number := getattr(signal, name, None)) is not None
}


class Cancelled(KeyboardInterrupt):
    """The second signal: the run ends now."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code = code


class Signals:
    """
    Turns signals into wishes of a run, in a `with` block.

    Args:
        control: of the run.
    """

    def __init__(self, control: RunControl) -> None:
        self._control = control
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._take) for number in HEARD}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._control.drain_requested:
            raise Cancelled(HEARD[number])
        name = signal.Signals(number).name
        self._control.request_drain(name)
        again = "Ctrl-C again" if name == "SIGINT" else f"{name} again"
        print(
            f"otgraph: {name}: the run stops when this superstep is done; {again} cancels it", file=sys.stderr
        )
