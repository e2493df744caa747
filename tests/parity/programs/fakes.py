"""Models and tools that programs with agents share: what a model says is written down beforehand."""

from functools import cache
from typing import Any


def lc() -> Any:
    """LangChain's messages; imported by whoever runs a program, not by whoever lists them."""
    from langchain_core import messages

    return messages


def human(text: str = "hi") -> Any:
    """Return the input of an agent."""
    return {"messages": [lc().HumanMessage(text, id="h")]}


def calling(*calls: Any, text: str = "", id: str | None = None) -> Any:
    """Return a message that calls tools; `calls` are (name, arguments, id)."""
    return lc().AIMessage(text, id=id, tool_calls=[call(*each) for each in calls])


def call(name: str, args: Any, id: str = "c1") -> dict[str, Any]:
    """Return a call of a tool."""
    return {"name": name, "args": args, "id": id, "type": "tool_call"}


def tool(drive: Any, function: Any, **options: Any) -> Any:
    """Return a tool whose function has the drive's colour."""
    from langchain_core.tools import tool as made

    return made(**options)(drive.node(function))


def adder(drive: Any, **options: Any) -> Any:
    """Return a tool that adds two numbers; side by side, the smaller first number goes first."""

    async def add(a: int, b: int) -> int:
        """Add two numbers."""
        await drive.turn(a)
        return a + b

    return tool(drive, add, **options)


@cache
def _model_class() -> Any:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage, AIMessageChunk
    from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
    from langchain_core.runnables import RunnableLambda

    class Scripted(BaseChatModel):
        answers: list[Any]
        place: list[int]
        heard: list[Any]

        @property
        def _llm_type(self) -> str:
            return "scripted"

        def _answer(self, messages: Any, options: Any) -> Any:
            tools = [getattr(each, "name", each) for each in options.get("tools", ())]
            self.heard.append(([(m.type, m.content) for m in messages], tools))
            answer = self.answers[self.place[0] % len(self.answers)]
            self.place[0] += 1
            if isinstance(answer, Exception):
                raise answer
            return AIMessage(answer) if isinstance(answer, str) else answer.model_copy()

        def _generate(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            return ChatResult(generations=[ChatGeneration(message=self._answer(messages, kwargs))])

        def _stream(self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any) -> Any:
            answer = self._answer(messages, kwargs)
            for word in answer.content.split():
                chunk = ChatGenerationChunk(message=AIMessageChunk(word + " ", id=answer.id))
                if run_manager:
                    run_manager.on_llm_new_token(word + " ", chunk=chunk)
                yield chunk
            import json

            calls = [
                {"name": c["name"], "args": json.dumps(c["args"]), "id": c["id"], "index": i}
                for i, c in enumerate(answer.tool_calls)
            ]
            last = ChatGenerationChunk(message=AIMessageChunk("", id=answer.id, tool_call_chunks=calls))
            if run_manager:
                run_manager.on_llm_new_token("", chunk=last)
            yield last

        def bind_tools(self, tools: Any, **kwargs: Any) -> Any:
            return self.bind(tools=list(tools), **kwargs)

        def with_structured_output(self, schema: Any, **kwargs: Any) -> Any:
            def shape(messages: Any) -> Any:
                name = schema.get("title") if isinstance(schema, dict) else schema.__name__
                return {"schema": name, "shown": [(m.type, m.content) for m in messages]}

            return RunnableLambda(shape)

    return Scripted


def scripted(*answers: Any, **options: Any) -> Any:
    """
    Return a model that gives `answers` one after another, for ever; what it was shown is in its `heard`.

    An answer is a text, a message, or an exception to raise.
    """
    return _model_class()(answers=list(answers), place=[0], heard=[], **options)
