"""
Embeddings: whatever turns texts into vectors, a class of LangChain's, one of the user's, or a mere function.

Rule: known by what it can do, not by what it inherits; the asynchronous side never blocks the event loop.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from inspect import iscoroutinefunction
from typing import Any, TypeAlias, cast

__all__ = [
    "AEmbeddingsFunc",
    "Embeddings",
    "EmbeddingsFunc",
    "EmbeddingsLambda",
    "aembed_queries",
    "ensure_embeddings",
]

Numbers: TypeAlias = Sequence[float]
EmbeddingsFunc: TypeAlias = Callable[[Sequence[str]], Sequence[Numbers]]
"""Texts -> a vector for each."""
AEmbeddingsFunc: TypeAlias = Callable[[Sequence[str]], Awaitable[Sequence[Numbers]]]


class Embeddings(ABC):
    """
    Turns texts into vectors; subclass it, or bring an object with the same two methods.

    The asynchronous methods run the others in a worker thread, unless overridden.
    """

    @abstractmethod
    def embed_documents(self, texts: list[str]) -> Sequence[Numbers]:
        """Return a vector for each of the texts that are stored."""

    @abstractmethod
    def embed_query(self, text: str) -> Numbers:
        """Return the vector of a text that is searched for."""

    async def aembed_documents(self, texts: list[str]) -> Sequence[Numbers]:
        """Return a vector for each of the texts that are stored."""
        return await asyncio.to_thread(self.embed_documents, texts)

    async def aembed_query(self, text: str) -> Numbers:
        """Return the vector of a text that is searched for."""
        return await asyncio.to_thread(self.embed_query, text)


class EmbeddingsLambda(Embeddings):
    """Embeddings made of one function, which may be a coroutine function."""

    def __init__(self, func: EmbeddingsFunc | AEmbeddingsFunc) -> None:
        self.func: Callable[[Sequence[str]], Any] = func
        self.is_async = iscoroutinefunction(func) or iscoroutinefunction(getattr(func, "__call__", None))  # noqa: B004

    def embed_documents(self, texts: list[str]) -> Sequence[Numbers]:
        """Return a vector for each text."""
        if self.is_async:
            raise ValueError(
                f"the embedding function {self.func!r} is asynchronous and the store was called synchronously; "
                f"call the store's asynchronous methods (aput, asearch, …), or give it a plain function"
            )
        vectors: Sequence[Numbers] = self.func(texts)
        return vectors

    def embed_query(self, text: str) -> Numbers:
        """Return the vector of one text."""
        return self.embed_documents([text])[0]

    async def aembed_documents(self, texts: list[str]) -> Sequence[Numbers]:
        """Return a vector for each text."""
        if not self.is_async:
            return await super().aembed_documents(texts)
        vectors: Sequence[Numbers] = await self.func(texts)
        return vectors

    async def aembed_query(self, text: str) -> Numbers:
        """Return the vector of one text."""
        return (await self.aembed_documents([text]))[0]


class _Lookalike(Embeddings):
    """An object with the synchronous methods only."""

    def __init__(self, wrapped: Any) -> None:
        self.wrapped = wrapped

    def embed_documents(self, texts: list[str]) -> Sequence[Numbers]:
        vectors: Sequence[Numbers] = self.wrapped.embed_documents(texts)
        return vectors

    def embed_query(self, text: str) -> Numbers:
        vector: Numbers = self.wrapped.embed_query(text)
        return vector


def ensure_embeddings(embed: Embeddings | EmbeddingsFunc | AEmbeddingsFunc | str | Any) -> Embeddings:
    """
    Return embeddings for what a user may give for them.

    Args:
        embed: embeddings; a function from texts to vectors, asynchronous or not; or the name of a model as
            `provider:model`, which LangChain loads.
    """
    if embed is None:
        raise ValueError(
            "an index needs 'embed': embeddings, a function from texts to vectors, or a model's name"
        )
    if isinstance(embed, str):
        return _load(embed)
    if isinstance(embed, Embeddings) or _can(embed, "aembed_documents", "aembed_query"):
        return cast("Embeddings", embed)
    if _can(embed, "embed_documents", "embed_query"):
        return _Lookalike(embed)
    if callable(embed):
        return EmbeddingsLambda(embed)
    raise TypeError(
        f"cannot embed texts by {embed!r}; expected an object with embed_documents and embed_query, "
        f"a function from texts to vectors, or a model's name"
    )


def _can(thing: object, *names: str) -> bool:
    return all(callable(getattr(thing, name, None)) for name in ("embed_documents", "embed_query", *names))


def _load(name: str) -> Embeddings:
    try:
        from langchain.embeddings import init_embeddings  # type: ignore[import-not-found,unused-ignore]
    except ImportError as error:
        raise ValueError(
            f"cannot load the embedding model {name!r}: names of models are resolved by LangChain, which is "
            f"not installed; install it and the provider's package with: pip install langchain langchain-openai "
            f"(or another provider), or give embeddings or a function"
        ) from error
    embeddings: Embeddings = init_embeddings(name)
    return embeddings


async def aembed_queries(embeddings: Embeddings, queries: Sequence[str]) -> list[Numbers]:
    """Return the vectors of several queries, asked for at the same time."""
    return await asyncio.gather(*map(embeddings.aembed_query, queries))
