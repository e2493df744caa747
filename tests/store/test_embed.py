"""Embeddings: everything that a user may give for them, and how it is called."""

from __future__ import annotations

import asyncio
import threading
from functools import partial
from typing import Any

import pytest

from otgraph.store.base import Embeddings, ensure_embeddings

from .kinds import letters


async def aletters(texts: list[str]) -> list[list[float]]:
    return letters(texts)


class Callable_:
    def __call__(self, texts: list[str]) -> list[list[float]]:
        return letters(texts)


class AsyncCallable:
    async def __call__(self, texts: list[str]) -> list[list[float]]:
        return letters(texts)


class Duck:
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return letters(texts)

    def embed_query(self, text: str) -> list[float]:
        return letters([text])[0]


class Subclass(Duck, Embeddings):
    pass


class Whole(Duck):
    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        return letters(texts)

    async def aembed_query(self, text: str) -> list[float]:
        return letters([text])[0]


BOTH = [letters, partial(letters), Callable_(), Duck(), Subclass(), Whole()]
ASYNC_ONLY = [aletters, partial(aletters), AsyncCallable()]
EXPECTED = letters(["ab", "c"])


def name(given: object) -> str:
    return getattr(given, "__name__", type(given).__name__)


@pytest.mark.parametrize("given", BOTH, ids=name)
def test_embeds_for_functions(given: Any) -> None:
    """Functions, callables and look-alikes embed documents and queries."""
    embeddings = ensure_embeddings(given)
    assert EXPECTED == embeddings.embed_documents(["ab", "c"])
    assert EXPECTED[0] == embeddings.embed_query("ab")


@pytest.mark.parametrize("given", [*BOTH, *ASYNC_ONLY], ids=name)
def test_embeds_for_coroutines(given: Any) -> None:
    """The same, and coroutine functions, embed for a coroutine."""
    embeddings = ensure_embeddings(given)
    assert EXPECTED == asyncio.run(embeddings.aembed_documents(["ab", "c"]))
    assert EXPECTED[0] == asyncio.run(embeddings.aembed_query("ab"))


@pytest.mark.parametrize("given", ASYNC_ONLY, ids=name)
def test_a_coroutine_function_cannot_be_called_synchronously(given: Any) -> None:
    """A synchronous call of an asynchronous function says what to do instead."""
    with pytest.raises(ValueError, match="asynchronous methods"):
        ensure_embeddings(given).embed_query("ab")


def test_embeddings_are_taken_as_they_are() -> None:
    """What can embed in both colours is not wrapped."""
    for given in (Subclass(), Whole()):
        assert given is ensure_embeddings(given)


def test_a_blocking_model_does_not_block_the_loop() -> None:
    """A plain function is called in another thread when a coroutine embeds."""
    threads = []

    def embed(texts: Any) -> Any:
        threads.append(threading.current_thread())
        return letters(texts)

    asyncio.run(ensure_embeddings(embed).aembed_documents(["a"]))
    assert threads != [threading.main_thread()]


def test_what_cannot_embed_is_refused() -> None:
    """Nothing at all, and things that are no embeddings, are refused with what was expected."""
    with pytest.raises(ValueError, match="needs 'embed'"):
        ensure_embeddings(None)
    with pytest.raises(TypeError, match="by 5; expected an object with embed_documents"):
        ensure_embeddings(5)


def test_names_of_models_are_langchains(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a model is handed to LangChain; without it the error says how to get it."""
    import sys
    from types import ModuleType

    module = ModuleType("langchain.embeddings")
    vars(module)["init_embeddings"] = {"provider:model": Whole}.__getitem__
    monkeypatch.setitem(sys.modules, "langchain", ModuleType("langchain"))
    monkeypatch.setitem(sys.modules, "langchain.embeddings", module)
    assert Whole is ensure_embeddings("provider:model")
    monkeypatch.setitem(sys.modules, "langchain.embeddings", None)
    with pytest.raises(ValueError, match="'provider:model'.*pip install langchain"):
        ensure_embeddings("provider:model")
