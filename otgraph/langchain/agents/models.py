"""
Chat models as agents use them: found by name, with tools bound, or chosen by a function at each call.

Rule: a model that the user has bound tools to is left as it is, and must know the agent's tools.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import Runnable, RunnableBinding, RunnableSequence
from langchain_core.tools import BaseTool

from otgraph.drivers.bridge import run_coroutine

__all__ = ["ModelSource", "bare_model", "bound_model", "model_named", "should_bind_tools"]


def model_named(name: str) -> BaseChatModel:
    """
    Return the model that a string such as `openai:gpt-4o` stands for.

    Raises:
        ImportError: the package that knows such names is not installed.
    """
    try:
        from langchain.chat_models import init_chat_model
    except ImportError:
        raise ImportError(
            "Please install langchain (`pip install langchain`) to use '<provider>:<model>' string syntax for "
            f"`model` parameter, or give a chat model instead of {name!r}."
        ) from None
    return init_chat_model(name)


def bound_model(model: Any, tools: Sequence[Any]) -> Any:
    """
    Return a model that knows the tools.

    Args:
        tools: tools, and dicts for those that the provider runs.

    Raises:
        ValueError: the user has bound other tools to it.
    """
    if not tools or not should_bind_tools(model, tools):
        return model
    if not hasattr(model, "bind_tools"):
        raise ValueError(
            "Expected model to be a ChatModel or RunnableBinding (e.g. model.bind_tools(...)) with bind_tools() "
            f"method, got {type(model)}: bind the tools yourself before you compose the model"
        )
    return model.bind_tools(tools)


def should_bind_tools(model: Any, tools: Sequence[Any], num_builtin: int = 0) -> bool:
    """
    Say whether an agent's tools have still to be bound to its model.

    Raises:
        ValueError: other tools are bound to it.
    """
    binding = _binding(model)
    if binding is None or "tools" not in binding.kwargs:
        return True
    _check_bound(binding.kwargs["tools"], [tool for tool in tools if isinstance(tool, BaseTool)], num_builtin)
    return False


def _last(model: Any) -> Any:
    """Return the model of a sequence that has one, else the model itself."""
    if isinstance(model, RunnableSequence):
        return next(
            (step for step in model.steps if isinstance(step, (RunnableBinding, BaseChatModel))), model
        )
    return model


def _binding(model: Any) -> RunnableBinding[Any, Any] | None:
    found = _last(model)
    return found if isinstance(found, RunnableBinding) else None


def _check_bound(bound: Sequence[Any], tools: Sequence[BaseTool], provided: int) -> None:
    if len(bound) != len(tools) + provided:
        raise ValueError(
            "Number of tools in the model.bind_tools() and tools passed to create_react_agent must match Got "
            f"{len(tools)} tools, expected {len(bound)}"
        )
    missing = {tool.name for tool in tools} - {_name_of(tool) for tool in bound}
    if missing:
        raise ValueError(f"Missing tools '{missing}' in the model.bind_tools()")


def _name_of(tool: Any) -> Any:
    if isinstance(tool, BaseTool):
        return tool.name
    if isinstance(tool, dict):
        # OpenAI's shape, then Anthropic's.
        return tool.get("function", {}).get("name") or tool.get("name")
    return getattr(tool, "__name__", None)


def bare_model(model: Any) -> Any:
    """
    Return the chat model itself, without what is bound to it.

    Raises:
        TypeError: there is none.
    """
    found = _last(model)
    while isinstance(found, RunnableBinding):
        found = found.bound
    if not hasattr(found, "with_structured_output"):
        raise TypeError(
            f"Expected `model` to be a ChatModel or RunnableBinding (e.g. model.bind_tools(...)), got {type(model)}"
        )
    return found


class ModelSource:
    """
    Where an agent's model comes from.

    Args:
        model: a model, the name of one, or a function `(state, runtime) -> model` with its tools bound.
        tools: what is bound to it, where it is no function.
    """

    def __init__(self, model: Any, tools: Sequence[Any]) -> None:
        self._choose: Callable[..., Any] | None = None
        self._fixed: Any = None
        if isinstance(model, str):
            model = model_named(model)
        if callable(model) and not isinstance(model, Runnable):
            self._choose = model
        else:
            self._fixed = bound_model(model, tools)

    @property
    def fixed(self) -> bool:
        """Whether it is always the same model."""
        return self._choose is None

    def get(self, state: Any, runtime: Any) -> Any:
        """Return the model for a call; a function that is async runs to its end here."""
        if self._choose is None:
            return self._fixed
        chosen = self._choose(state, runtime)
        return run_coroutine(lambda: chosen) if inspect.isawaitable(chosen) else chosen

    async def aget(self, state: Any, runtime: Any) -> Any:
        """Return the model for a call."""
        if self._choose is None:
            return self._fixed
        chosen = self._choose(state, runtime)
        return await chosen if inspect.isawaitable(chosen) else chosen
