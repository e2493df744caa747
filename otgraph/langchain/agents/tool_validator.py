"""
ValidationNode: checks the arguments of tool calls against schemas, without running anything.

Rule: a call that is right is answered with its arguments, one that is wrong with what is wrong.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import BaseTool, create_schema_from_function
from pydantic import BaseModel, ValidationError

from otgraph.langchain.agents.nodes import field_of

__all__ = ["ValidationNode"]

FormatError: TypeAlias = "Callable[[BaseException, ToolCall, type[BaseModel]], str]"


def repeat_error(error: BaseException, call: ToolCall, schema: type[BaseModel]) -> str:
    """Tell the model what was wrong, as Pydantic says it."""
    return f"{error!r}\n\nRespond after fixing all validation errors."


class ValidationNode:
    """
    A node that checks the tool calls of the last message.

    Args:
        schemas: Pydantic models, tools, or functions whose arguments are the schema.
        format_error: makes the answer to a wrong call.
        name: what the node is called.
        tags: of its runs.

    Raises:
        ValueError: something that has no schema.
    """

    def __init__(
        self,
        schemas: Sequence[BaseTool | type[BaseModel] | Callable[..., Any]],
        *,
        format_error: FormatError | None = None,
        name: str = "validation",
        tags: list[str] | None = None,
    ) -> None:
        self.name = name
        self.tags = tags
        self._format = format_error or repeat_error
        self.schemas_by_name: dict[str, type[BaseModel]] = dict(map(_named_schema, schemas))

    def get_name(self) -> str:
        """Return what the node is called."""
        return self.name

    def invoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Check the calls of the last message."""
        plain = isinstance(input, list)
        messages = input if plain else field_of(input, "messages")
        last = messages[-1] if messages else None
        if not isinstance(last, AIMessage):
            raise ValueError(f"Last message is not an AIMessage: {last!r}")
        answers = [self._check(call) for call in last.tool_calls]
        return answers if plain else {"messages": answers}

    async def ainvoke(self, input: Any, config: Any = None, **kwargs: Any) -> Any:
        """Check the calls of the last message."""
        return self.invoke(input, config)

    def _check(self, call: ToolCall) -> ToolMessage:
        schema = self.schemas_by_name[call["name"]]
        try:
            right = schema.model_validate(call["args"])
        except ValidationError as error:
            text, more = self._format(error, call, schema), {"is_error": True}
        else:
            text, more = json.dumps(right.model_dump(mode="json"), separators=(",", ":")), {}
        return ToolMessage(text, name=call["name"], tool_call_id=call["id"] or "", additional_kwargs=more)


def _named_schema(schema: Any) -> tuple[str, type[BaseModel]]:
    if isinstance(schema, BaseTool):
        if not (isinstance(schema.args_schema, type) and issubclass(schema.args_schema, BaseModel)):
            raise ValueError(
                f"ValidationNode needs a Pydantic args_schema, and the tool {schema.name!r} has none"
            )
        return schema.name, schema.args_schema
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return schema.__name__, schema
    if callable(schema) and not isinstance(schema, type):
        return schema.__name__, create_schema_from_function(schema.__name__, schema)
    raise ValueError(
        f"Unsupported input to ValidationNode. Expected BaseModel, tool or function. Got: {type(schema)}."
    )
