"""
What a serialiser and a cipher are.

Rule: a serialised value is a pair: the name of its format, and bytes that only this format explains.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

__all__ = ["CipherProtocol", "SerializerProtocol"]


@runtime_checkable
class SerializerProtocol(Protocol):
    """Turns values into typed bytes and back."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the format and the bytes of `obj`."""

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value that `dumps_typed` was given."""


@runtime_checkable
class UntypedSerializerProtocol(Protocol):
    """A serialiser of one format only, such as `pickle` or `json` with bytes."""

    def dumps(self, obj: Any) -> bytes:
        """Return the bytes of `obj`."""

    def loads(self, data: bytes) -> Any:
        """Return the value that `dumps` was given."""


class CipherProtocol(Protocol):
    """Encrypts and decrypts bytes, and says by which method."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        """Return the method's name, without a `+` in it, and the ciphertext."""

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        """Return the plaintext; raise if the method or the key is not this cipher's."""


class SerializerCompat(SerializerProtocol):
    """Gives an untyped serialiser the typed methods; the format is the name of the value's class."""

    def __init__(self, serde: UntypedSerializerProtocol) -> None:
        self.serde = serde

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the name of the class of `obj`, and its bytes."""
        return type(obj).__name__, self.serde.dumps(obj)

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """Return the value that `dumps_typed` was given."""
        return self.serde.loads(data[1])


def maybe_add_typed_methods(serde: SerializerProtocol | UntypedSerializerProtocol) -> SerializerProtocol:
    """
    Return `serde`, wrapped where it has only `dumps` and `loads`.

    Raises:
        TypeError: if it has neither pair of methods.
    """
    if isinstance(serde, SerializerProtocol):
        return serde
    if isinstance(serde, UntypedSerializerProtocol):
        return SerializerCompat(serde)
    raise TypeError(
        f"a serialiser needs dumps_typed and loads_typed, or dumps and loads; {serde!r} has neither"
    )
