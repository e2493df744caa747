"""Encryption around a serialiser; AES itself is proved beside LangGraph's, where pycryptodome is installed."""

from __future__ import annotations

import sys

import pytest

from otgraph.checkpoint.memory import InMemorySaver
from otgraph.checkpoint.serde.encrypted import EncryptedSerializer
from otgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from .savers import checkpoint, config


class Xor:
    """A cipher that would fool nobody."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "xor", bytes(byte ^ 0x55 for byte in plaintext)

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        assert "xor" == ciphername
        return bytes(byte ^ 0x55 for byte in ciphertext)


def test_values_are_encrypted_and_come_back() -> None:
    """The format names the cipher, the bytes are not the plain ones, the value comes back."""
    serde = EncryptedSerializer(Xor())
    for value in (None, b"secret", {"a": ["secret"]}):
        kind, payload = serde.dumps_typed(value)
        assert JsonPlusSerializer().dumps_typed(value)[0] + "+xor" == kind
        assert b"secret" not in payload
        assert value == serde.loads_typed((kind, payload))


def test_what_was_stored_in_the_clear_is_still_read() -> None:
    """A store that was not encrypted before can be read after."""
    assert {"a": 1} == EncryptedSerializer(Xor()).loads_typed(JsonPlusSerializer().dumps_typed({"a": 1}))


def test_a_saver_with_a_cipher_keeps_no_plain_text() -> None:
    """Values, writes and metadata in memory are encrypted."""
    saver = InMemorySaver(serde=EncryptedSerializer(Xor()))
    saved = checkpoint("1", {"a": "secret"})
    saver.put(config(), saved, {"source": "secret"}, saved["channel_versions"])  # type: ignore[typeddict-item]
    saver.put_writes(config("1"), [("a", "secret")], "task")
    assert b"secret" not in repr((saver.blobs, saver.writes, saver.storage)).encode()
    found = saver.get_tuple(config())
    assert found is not None
    assert ({"a": "secret"}, [("task", "a", "secret")]) == (
        found.checkpoint["channel_values"],
        found.pending_writes,
    )


def test_without_pycryptodome_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """AES asks for its library when it is wanted, not before."""
    monkeypatch.setitem(sys.modules, "Crypto", None)
    monkeypatch.setitem(sys.modules, "Crypto.Cipher.AES", None)
    with pytest.raises(ImportError, match="pip install pycryptodome"):
        EncryptedSerializer.from_pycryptodome_aes(key=b"0" * 16)
