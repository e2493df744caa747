"""
A program for an environment with instrumentors: `python instrumented.py MODULE:CLASS …`.

It turns these instrumentors on, calls models in nodes by LangChain and by OpenAI's client, and prints for each run how
many calls there were and which spans of models, each with its scope and whether it is in the trace of the run.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from llm.server import Answer, Server

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

for name in sys.argv[1:]:
    module, _, kind = name.partition(":")
    instrumentor = getattr(importlib.import_module(module), kind)()
    instrumentor.instrument(tracer_provider=provider, skip_dep_check=True)
    assert instrumentor.is_instrumented_by_opentelemetry, name

import openai  # noqa: E402 (after the instrumentors)
from langchain_openai import ChatOpenAI  # noqa: E402

from otgraph.graph import START, MessagesState, StateGraph  # noqa: E402
from otgraph.messages import model_call  # noqa: E402

server = Server(*[Answer(text="big red fox")] * 20).__enter__()
model = ChatOpenAI(model="gpt-4o-mini", base_url=server.url, api_key="none", max_retries=0, stream_usage=True)
client = openai.OpenAI(base_url=server.url, api_key="none", max_retries=0)
REQUEST: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "hi"}]}


def ask(state: Any) -> Any:
    return {"messages": model.invoke(state["messages"])}


async def ask_async(state: Any) -> Any:
    return {"messages": await model.ainvoke(state["messages"])}


def ask_client(state: Any) -> None:
    with model_call("gpt-4o-mini", provider="openai") as call:
        call.response(client.chat.completions.create(**REQUEST))


def ask_client_streamed(state: Any) -> None:
    asked = {**REQUEST, "stream": True, "stream_options": {"include_usage": True}}
    with model_call("gpt-4o-mini", provider="openai") as call:
        for chunk in client.chat.completions.create(**asked):
            call.response(chunk)


def ask_client_of_nobody(state: Any) -> None:
    with model_call("gpt-4o-mini") as call:
        call.response(client.chat.completions.create(**REQUEST))


def graph_of(node: Any) -> Any:
    return StateGraph(MessagesState).add_node("n", node).add_edge(START, "n").compile()


async def read(graph: Any) -> None:
    async for _ in graph.astream(HI, stream_mode="messages"):
        pass


HI: Any = {"messages": [("user", "hi")]}
RUNS: dict[str, Any] = {
    "langchain": lambda: graph_of(ask).invoke(HI),
    "langchain streamed": lambda: list(graph_of(ask).stream(HI, stream_mode="messages")),
    "langchain async": lambda: asyncio.run(graph_of(ask_async).ainvoke(HI)),
    "langchain async streamed": lambda: asyncio.run(read(graph_of(ask_async))),
    "client": lambda: graph_of(ask_client).invoke(HI),
    "client streamed": lambda: graph_of(ask_client_streamed).invoke(HI),
    "client of nobody": lambda: graph_of(ask_client_of_nobody).invoke(HI),
}


def is_of_a_model(span: Any) -> bool:
    told = span.attributes
    return told.get("gen_ai.operation.name") == "chat" or told.get("openinference.span.kind") == "LLM"


found = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    for title, run in RUNS.items():
        exporter.clear()
        before = len(server.requests)
        run()
        spans = exporter.get_finished_spans()
        (root,) = (span for span in spans if span.name.startswith("invoke_workflow") and "n" in span.name)
        used = root.attributes.get("otgraph.usage.input_tokens")
        models = [
            (span.instrumentation_scope.name, span.context.trace_id == root.context.trace_id)
            for span in spans
            if is_of_a_model(span)
        ]
        found[title] = [len(server.requests) - before, used, models]
print(json.dumps(found))
