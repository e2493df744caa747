"""
Identities: what a run, a checkpoint, a task and an interrupt are called.

Rule: a task's id follows from the checkpoint its superstep started from, so that a restart finds it again.
The hash and the order of its parts are LangGraph's; threads begun there go on here.
"""

from __future__ import annotations

import random
from binascii import unhexlify
from collections.abc import Iterable
from struct import Struct
from time import time_ns
from typing import NewType

from xxhash import xxh3_128_hexdigest

__all__ = ["CheckpointId", "RunId", "TaskId", "hash_id", "new_run_id", "task_id", "uuid6", "uuid6_bytes"]

RunId = NewType("RunId", str)
CheckpointId = NewType("CheckpointId", str)
TaskId = NewType("TaskId", str)

_GREGORIAN = 0x01B21DD213814000
"""100 ns ticks between the start of the Gregorian calendar and 1970."""

_bits = random.Random().getrandbits
_last_tick = 0
_groups = Struct("8s4s4s4s12s").unpack
"""Takes the 32 digits of a UUID apart as they are written."""


def uuid6_bytes(clock_seq: int | None = None) -> bytes:
    """
    Return the 16 bytes of a new time-ordered UUID (RFC 9562, version 6); within a process they sort by creation.

    Args:
        clock_seq: 14 bits that break ties; LangGraph puts the number of the superstep there.
    """
    global _last_tick  # noqa: PLW0603 (one clock per process)
    tick = time_ns() // 100 + _GREGORIAN
    if tick <= _last_tick:
        tick = _last_tick + 1
    _last_tick = tick
    seq = (_bits(14) if clock_seq is None else clock_seq & 0x3FFF) | 0x8000
    high = (tick >> 12) << 16 | 0x6000 | tick & 0xFFF
    return (high << 64 | seq << 48 | _bits(48)).to_bytes(16, "big")


def uuid6(clock_seq: int | None = None) -> str:
    """Return the text of a new time-ordered UUID; see `uuid6_bytes`."""
    return checkpoint_text(uuid6_bytes(clock_seq))


def new_run_id() -> RunId:
    """Return a random UUID (version 4) for a run."""
    bits = f"{_bits(128):032x}"
    variant = "89ab"[int(bits[16], 16) & 3]
    return RunId(f"{bits[:8]}-{bits[8:12]}-4{bits[13:16]}-{variant}{bits[17:20]}-{bits[20:]}")


def reseed() -> None:
    """Draw new random state; a forked process calls it so as not to repeat its parent's ids."""
    global _bits  # noqa: PLW0603
    _bits = random.Random().getrandbits


def task_id(checkpoint: bytes, parts: Iterable[str]) -> TaskId:
    """
    Return the id of a task: a hash of the checkpoint it starts from and of what it is.

    Args:
        checkpoint: the 16 bytes of the checkpoint's id, see `checkpoint_bytes`.
        parts: namespace, superstep, node, kind and triggers or position, as text.
    """
    digest = xxh3_128_hexdigest(checkpoint + "".join(parts).encode()).encode()
    # Without a call of TaskId, which takes as long as the hash.
    return b"-".join(_groups(digest)).decode()  # type: ignore[return-value]


def checkpoint_bytes(checkpoint: str) -> bytes:
    """Return the 16 bytes that a checkpoint's id stands for."""
    return unhexlify(checkpoint.replace("-", ""))


def checkpoint_text(checkpoint: bytes) -> str:
    """Return the id that 16 bytes stand for."""
    digits = checkpoint.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def hash_id(text: str | bytes) -> str:
    """Return 32 hexadecimal characters that stand for `text`; interrupts and cached results are named so."""
    return xxh3_128_hexdigest(text.encode() if isinstance(text, str) else text)
