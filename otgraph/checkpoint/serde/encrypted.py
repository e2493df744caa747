"""
A serialiser whose bytes are encrypted.

Rule: the format's name gets `+` and the cipher's name; a value that was stored in the clear is still read.
"""

from __future__ import annotations

import os
from importlib import import_module
from typing import Any

from otgraph.checkpoint.serde.base import CipherProtocol, SerializerProtocol
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

__all__ = ["EncryptedSerializer"]

KEY_VARIABLE = "LANGGRAPH_AES_KEY"
KEY_SIZES = (16, 24, 32)
TAG_SIZE = 16


class EncryptedSerializer(SerializerProtocol):
    """
    Encrypts what another serialiser writes. Thread ids, metadata and channel names are not encrypted.

    Args:
        cipher: encrypts and decrypts.
        serde: makes the bytes; a `JsonPlusSerializer` by default.
    """

    def __init__(self, cipher: CipherProtocol, serde: SerializerProtocol | None = None) -> None:
        self.cipher = cipher
        self.serde = JsonPlusSerializer() if serde is None else serde

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """Return the format with the cipher's name, and the encrypted bytes of `obj`."""
        kind, plaintext = self.serde.dumps_typed(obj)
        name, ciphertext = self.cipher.encrypt(plaintext)
        return f"{kind}+{name}", ciphertext

    def loads_typed(self, data: tuple[str, bytes]) -> Any:
        """
        Return the value that `dumps_typed` was given.

        Raises:
            ValueError: if the key is another one, or the bytes were changed.
        """
        kind, payload = data
        plain, plus, name = kind.partition("+")
        if not plus:
            return self.serde.loads_typed(data)
        return self.serde.loads_typed((plain, self.cipher.decrypt(name, payload)))

    @classmethod
    def from_pycryptodome_aes(
        cls, serde: SerializerProtocol | None = None, **kwargs: Any
    ) -> EncryptedSerializer:
        """
        Return a serialiser that encrypts with AES.

        Args:
            serde: makes the bytes; a `JsonPlusSerializer` by default.
            kwargs: for `Crypto.Cipher.AES.new`: `key`, by default the environment's `LANGGRAPH_AES_KEY`, of
                16, 24 or 32 bytes; `mode`, by default EAX, which notices changed bytes.

        Raises:
            ImportError: if pycryptodome is not installed.
            ValueError: if there is no key, or it has another length.
        """
        return cls(_AesCipher(kwargs), serde)


class _AesCipher:
    """AES of pycryptodome; a ciphertext is nonce, tag and encrypted bytes."""

    def __init__(self, options: dict[str, Any]) -> None:
        try:
            self._aes = import_module("Crypto.Cipher.AES")
        except ImportError as error:
            raise ImportError(
                "EncryptedSerializer.from_pycryptodome_aes needs pycryptodome. "
                "Install it with: pip install pycryptodome"
            ) from error
        self._options = {"mode": self._aes.MODE_EAX, **options, "key": _key(options.get("key"))}
        trial = self._aes.new(**self._options)
        if not hasattr(trial, "encrypt_and_digest"):
            raise ValueError(
                f"AES mode {self._options['mode']!r} would not notice changed bytes; "
                "leave `mode` out, or give AES.MODE_EAX or AES.MODE_GCM"
            )
        self._nonce = len(trial.nonce)

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        cipher = self._aes.new(**self._options)
        ciphertext, tag = cipher.encrypt_and_digest(plaintext)
        return "aes", cipher.nonce + tag + ciphertext

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        if ciphername != "aes":
            raise ValueError(f"the value was encrypted with {ciphername!r}; this serialiser knows 'aes' only")
        nonce, sealed = ciphertext[: self._nonce], ciphertext[self._nonce :]
        cipher = self._aes.new(**{**self._options, "nonce": nonce})
        try:
            plaintext: bytes = cipher.decrypt_and_verify(sealed[TAG_SIZE:], sealed[:TAG_SIZE])
        except ValueError as error:
            raise ValueError(
                "cannot decrypt: the key is not the one the value was encrypted with, "
                f"or the stored bytes were changed ({error})"
            ) from error
        return plaintext


def _key(given: Any) -> bytes:
    source, key = "key", given
    if given is None:
        source, key = f"{KEY_VARIABLE} environment variable", os.environ.get(KEY_VARIABLE)
    if key is None:
        raise ValueError(f"{KEY_VARIABLE} environment variable is not set, and no key was given.")
    raw = key.encode() if isinstance(key, str) else bytes(key)
    if len(raw) not in KEY_SIZES:
        raise ValueError(f"{source} must be 16, 24, or 32 bytes long, not {len(raw)}.")
    return raw
