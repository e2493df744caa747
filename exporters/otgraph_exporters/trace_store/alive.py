"""
Which process wrote something, and whether it is still there.

Rule: where it can be known it is known: a process is told from a later one with the same number by when it began.
Elsewhere, as on another machine or in another container, its last sign of life decides.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Final, NamedTuple

__all__ = ["BEAT", "Identity", "is_alive", "myself"]

BEAT: Final = 5.0
"""Seconds between two signs of life of a process in which a run is going on."""

SILENCE: Final = 60.0
"""Seconds without one after which a process is taken for dead, where nothing better is known."""


class Identity(NamedTuple):
    """A process, told from all others."""

    host: str
    space: str
    """In which the number counts: one boot of one machine, one container."""
    pid: int
    birth: str
    """When it began, as the system counts; empty where that is not told."""


def myself() -> Identity:
    """Return the identity of this process."""
    pid = os.getpid()
    return Identity(socket.gethostname(), _space(), pid, _birth(pid))


def is_alive(process: Identity, beat_ns: int, now_ns: int) -> bool:
    """Say whether `process`, whose last sign of life was at `beat_ns`, is still there."""
    if process.space and process.space == _space():
        return _birth(process.pid) == process.birth
    if process.host == socket.gethostname() and not process.space and os.name == "posix":
        return _answers(process.pid)
    return now_ns - beat_ns < SILENCE * 1e9


def _space() -> str:
    """Return a name for the boot and the container that this process is in; empty where the system has no such."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _birth(pid: int) -> str:
    try:
        # The name of the program, in brackets, may have blanks and brackets itself.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # A zombie has died, though nobody has taken note of it yet.
    return "" if fields[0] in "ZX" else fields[19]


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
