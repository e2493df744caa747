"""
The nodes of an agent that call its model: for an answer, and for an answer of a given shape.

Rule: the history that a model is shown is complete; every call of a tool in it has its answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, SystemMessage, ToolMessage
from langchain_core.runnables import Runnable, RunnableLambda

from otgraph.drivers.bridge import run_coroutine
from otgraph.drivers.call import arguments
from otgraph.errors import ErrorCode, create_error_message
from otgraph.langchain.agents.models import ModelSource, bare_model
from otgraph.langchain.steps import told
from otgraph.plan.callee import inspect_callee
from otgraph.plan.model import Callee
from otgraph.runtime import SCOPE, get_runtime

__all__ = ["AgentNode", "PromptNode", "StructuredNode", "field_of"]

OUT_OF_STEPS = "Sorry, need more steps to process this request."


def field_of(state: Any, key: str, default: Any = None) -> Any:
    """Return a key of a state, whatever its class."""
    return state.get(key, default) if isinstance(state, Mapping) else getattr(state, key, default)


class PromptNode:
    """
    What a model is shown of a state.

    Args:
        prompt: a system message or its text, put before the messages; a function or a Runnable that makes the messages
            of the state; None for the messages as they are.
    """

    def __init__(self, prompt: Any) -> None:
        self._system: list[Any] = []
        self._runnable: Runnable[Any, Any] | None = None
        self._callee: Callee | None = None
        if isinstance(prompt, str):
            self._system = [SystemMessage(content=prompt)]
        elif isinstance(prompt, SystemMessage):
            self._system = [prompt]
        elif isinstance(prompt, Runnable):
            self._runnable = prompt
        elif callable(prompt):
            self._callee = inspect_callee(prompt)
        elif prompt is not None:
            raise ValueError(
                f"Got unexpected type for `prompt`: {type(prompt)}; it is a string, a SystemMessage, a function of the "
                "state, or a Runnable"
            )

    def show(self, state: Any, config: Any) -> Any:
        """Return what the model is shown."""
        if self._runnable is not None:
            return self._runnable.invoke(state, config)
        if self._callee is not None:
            callee = self._callee
            if callee.sync is None:
                return run_coroutine(lambda: self.ashow(state, config))
            return callee.sync(state, **_injected(callee))
        return [*self._system, *messages_of(state)]

    async def ashow(self, state: Any, config: Any) -> Any:
        """Return what the model is shown."""
        if self._runnable is not None:
            return await self._runnable.ainvoke(state, config)
        if self._callee is not None and self._callee.coro is not None:
            return await self._callee.coro(state, **_injected(self._callee))
        return self.show(state, config)

    def chain(self, config: Any) -> Runnable[Any, Any]:
        """Return what is to be a chain of its own in front of the model."""
        if self._runnable is not None:
            return self._runnable

        def show(state: Any) -> Any:
            return self.show(state, config)

        async def ashow(state: Any) -> Any:
            return await self.ashow(state, config)

        return RunnableLambda(show, ashow, name="Prompt")


def _injected(callee: Callee) -> dict[str, Any]:
    scope: Any = SCOPE.get()
    return arguments(callee.inject, scope) if callee.inject else {}


def messages_of(state: Any) -> list[Any]:
    """Return the messages of a state."""
    return list(field_of(state, "messages") or ())


class AgentNode:
    """The node that asks the model what to do."""

    chain_name = "call_model"
    """What LangChain's handlers know it by."""

    def __init__(self, source: ModelSource, prompt: PromptNode, name: str | None, hooked: bool) -> None:
        self._source = source
        self._prompt = prompt
        self._name = name
        self._hooked = hooked
        """Whether a node before it says what the model is shown."""

    def invoke(self, state: Any, config: Any = None) -> dict[str, Any]:
        """Ask the model."""
        shown = self._shown(state)
        model = self._source.get(state, _runtime(self._source))
        if told():
            return self._update(state, (self._prompt.chain(config) | model).invoke(shown, config))
        answer = model.invoke(self._prompt.show(shown, config), config)
        return self._update(state, answer)

    async def ainvoke(self, state: Any, config: Any = None) -> dict[str, Any]:
        """Ask the model on the event loop."""
        shown = self._shown(state)
        model = await self._source.aget(state, _runtime(self._source))
        if told():
            return self._update(state, await (self._prompt.chain(config) | model).ainvoke(shown, config))
        answer = await model.ainvoke(await self._prompt.ashow(shown, config), config)
        return self._update(state, answer)

    def _shown(self, state: Any) -> Any:
        messages = field_of(state, "llm_input_messages") if self._hooked else None
        if messages is None:
            messages = field_of(state, "messages")
        if messages is None:
            raise ValueError(
                f"Expected input to call_model to have 'messages' or 'llm_input_messages' key, but got {state!r}"
            )
        check_history(messages)
        if isinstance(state, Mapping):
            return {**state, "messages": messages}
        return state.model_copy(update={"messages": messages}) if hasattr(state, "model_copy") else state

    def _update(self, state: Any, answer: AIMessage) -> dict[str, Any]:
        answer.name = self._name
        left = field_of(state, "remaining_steps")
        if answer.tool_calls and left is not None and left < 2:
            return {"messages": [AIMessage(id=answer.id, content=OUT_OF_STEPS)]}
        return {"messages": [answer]}


class StructuredNode:
    """The node that asks the model for an answer of a given shape."""

    chain_name = "generate_structured_response"

    def __init__(self, source: ModelSource, schema: Any) -> None:
        self._source = source
        self._prompt, self._schema = schema if isinstance(schema, tuple) else (None, schema)

    def invoke(self, state: Any, config: Any = None) -> dict[str, Any]:
        """Ask the model."""
        model = bare_model(self._source.get(state, _runtime(self._source)))
        answer = model.with_structured_output(self._schema).invoke(self._messages(state), config)
        return {"structured_response": answer}

    async def ainvoke(self, state: Any, config: Any = None) -> dict[str, Any]:
        """Ask the model on the event loop."""
        model = bare_model(await self._source.aget(state, _runtime(self._source)))
        answer = await model.with_structured_output(self._schema).ainvoke(self._messages(state), config)
        return {"structured_response": answer}

    def _messages(self, state: Any) -> list[Any]:
        before = [] if self._prompt is None else [SystemMessage(content=self._prompt)]
        return [*before, *messages_of(state)]


def _runtime(source: ModelSource) -> Any:
    return None if source.fixed else get_runtime()


def check_history(messages: Sequence[Any]) -> None:
    """
    Check that each call of a tool was answered.

    Raises:
        ValueError: one was not.
    """
    called = [call for message in messages if isinstance(message, AIMessage) for call in message.tool_calls]
    answered = {message.tool_call_id for message in messages if isinstance(message, ToolMessage)}
    left = [call for call in called if call["id"] not in answered]
    if left:
        raise ValueError(
            create_error_message(
                message=(
                    "Found AIMessages with tool_calls that do not have a corresponding ToolMessage. Here are the first "
                    f"few of those tool calls: {left[:3]}.\n\nEvery tool call (LLM requesting to call a tool) in the "
                    "message history MUST have a corresponding ToolMessage (result of a tool invocation to return to "
                    "the LLM) - this is required by most LLM providers."
                ),
                error_code=ErrorCode.INVALID_CHAT_HISTORY,
            )
        )
