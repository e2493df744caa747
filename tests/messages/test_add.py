"""`add_messages`: what holds whatever the messages are."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from otgraph.langchain.messages import LangChainMessages
from otgraph.messages.add import REMOVE_ALL_MESSAGES, add_messages, merged_as
from otgraph.messages.plain import PlainMessages

messages = pytest.importorskip("langchain_core.messages")

IDS = st.sampled_from(["1", "2", "3"])
ADDED = st.tuples(st.just("user"), st.text("ab", min_size=1, max_size=3), IDS)
REMOVED = st.tuples(st.just("remove"), st.just(""), st.one_of(IDS, st.just(REMOVE_ALL_MESSAGES)))


def plain(given: list[tuple[str, str, str]]) -> list[Any]:
    return [{"role": role, "content": content, "id": key} for role, content, key in given]


def objects(given: list[tuple[str, str, str]]) -> list[Any]:
    return [
        messages.RemoveMessage(id=key) if role == "remove" else messages.HumanMessage(content, id=key)
        for role, content, key in given
    ]


def outcome(kind: Any, left: list[Any], right: list[Any], shown: Any) -> Any:
    try:
        return [shown(message) for message in merged_as(kind, left, right)]
    except ValueError as error:
        return str(error)


@settings(max_examples=300)
@given(st.lists(ADDED, max_size=4), st.lists(st.one_of(ADDED, REMOVED), max_size=6))
def test_both_kinds_of_messages_merge_alike(left: Any, right: Any) -> None:
    """Dicts without LangChain and LangChain's objects are merged to the same conversation, or refused alike."""
    as_dicts = outcome(PlainMessages(), plain(left), plain(right), lambda m: (m["id"], m["content"]))
    as_objects = outcome(
        LangChainMessages(messages), objects(left), objects(right), lambda m: (m.id, m.content)
    )
    assert as_objects == as_dicts


@settings(max_examples=200)
@given(st.lists(ADDED, max_size=5, unique_by=lambda it: it[2]), st.lists(ADDED, max_size=5))
def test_merging_again_changes_nothing(left: Any, right: Any) -> None:
    """The result of a merge, merged with the same messages once more, stays as it is."""
    once: Any = add_messages(objects(left), objects(right))
    assert once == add_messages(once, objects(right))


def test_what_was_given_stays_as_it_is() -> None:
    """Neither list is changed; only missing ids are filled in, on the objects themselves."""
    left, right = [messages.HumanMessage("a", id="1")], [messages.AIMessage("b", id="1"), ("user", "c")]
    add_messages(left, right)
    assert [messages.HumanMessage("a", id="1")] == left
    assert [messages.AIMessage("b", id="1"), ("user", "c")] == right
