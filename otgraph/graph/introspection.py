"""
What can be asked of a compiled graph without running it.

Rule: answers come from the plan and the builder; nothing here changes anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from otgraph.constants import START
from otgraph.plan.model import Plan
from otgraph.plan.options import CompileOptions

__all__ = ["Introspection"]


class Introspection:
    """The part of a compiled graph that answers questions."""

    builder: Any
    plan: Plan
    options: CompileOptions
    name: str

    def get_name(self, suffix: str | None = None, *, name: str | None = None) -> str:
        """Return the graph's name, or `name`, with a suffix if one is given."""
        own = name or self.name
        return f"{own}{suffix}" if suffix and own[0].isupper() else f"{own}_{suffix}" if suffix else own

    @property
    def nodes(self) -> Any:
        """The nodes by name, `__start__` included."""
        return self.plan.nodes

    @property
    def channels(self) -> Any:
        """The channels and managed values by name."""
        return {**self.plan.channels, **self.plan.managed}

    @property
    def input_channels(self) -> Any:
        """The channel that the input of a run is written to, or those that it names."""
        keys = self.plan.entrance
        return keys if isinstance(keys, str) else list(keys)

    @property
    def output_channels(self) -> Any:
        """The channels that `invoke` returns."""
        keys = self.plan.output_keys
        return keys if isinstance(keys, str) else list(keys)

    @property
    def stream_channels(self) -> Any:
        """The channels that `stream` shows."""
        keys = self.plan.stream_keys
        return keys if isinstance(keys, str) else list(keys)

    @property
    def interrupt_before_nodes(self) -> Any:
        """The nodes before which a run stops."""
        return self.options.interrupt_before

    @property
    def interrupt_after_nodes(self) -> Any:
        """The nodes after which a run stops."""
        return self.options.interrupt_after

    # ---- schemas

    @property
    def InputType(self) -> Any:
        """The type that the user gave for the input."""
        return self.plan.input.typ

    @property
    def OutputType(self) -> Any:
        """The type that the user gave for the output."""
        return self.plan.output.typ

    @property
    def input_schema(self) -> Any:
        """A Pydantic model of the input."""
        from otgraph.graph import json_schema

        return json_schema.get_input_schema(self.plan)

    @property
    def output_schema(self) -> Any:
        """A Pydantic model of the output."""
        from otgraph.graph import json_schema

        return json_schema.get_output_schema(self.plan)

    def get_input_schema(self, config: Any = None) -> Any:
        """Return a Pydantic model of the input; needs Pydantic."""
        from otgraph.graph import json_schema

        return json_schema.get_input_schema(self.plan)

    def get_output_schema(self, config: Any = None) -> Any:
        """Return a Pydantic model of the output; needs Pydantic."""
        from otgraph.graph import json_schema

        return json_schema.get_output_schema(self.plan)

    def get_input_jsonschema(self, config: Any = None) -> dict[str, Any]:
        """Return the JSON schema of the input; needs Pydantic."""
        from otgraph.graph import json_schema

        return json_schema.get_input_jsonschema(self.plan)

    def get_output_jsonschema(self, config: Any = None) -> dict[str, Any]:
        """Return the JSON schema of the output; needs Pydantic."""
        from otgraph.graph import json_schema

        return json_schema.get_output_jsonschema(self.plan)

    def get_context_jsonschema(self) -> dict[str, Any] | None:
        """Return the JSON schema of the context, or None if the graph has no context schema."""
        from otgraph.graph import json_schema

        return json_schema.get_context_jsonschema(self.plan)

    def config_schema(self, *, include: Sequence[str] | None = None) -> Any:
        """Return a Pydantic model of the config; deprecated in favour of the context schema."""
        from otgraph.graph import json_schema

        return json_schema.config_schema(self.plan, include)

    def get_config_jsonschema(self, *, include: Sequence[str] | None = None) -> dict[str, Any]:
        """Return the JSON schema of the config; deprecated in favour of the context schema."""
        from otgraph.graph import json_schema

        return json_schema.get_config_jsonschema(self.plan, include)

    # ---- structure

    def get_graph(self, config: Any = None, *, xray: bool | int = False) -> Any:
        """
        Return the graph as nodes and edges that can be drawn.

        Args:
            xray: draw what is inside subgraphs too; a number says how many levels deep.
        """
        from otgraph.graph.drawing import build_function_graph, build_graph, build_wired_graph

        if self.plan.entrance != START:
            return build_wired_graph(self.plan)
        if self.builder is None:
            (node,) = self.plan.nodes.values()
            return build_function_graph(node.name, node.callee.origin)
        return build_graph(self.builder, self.options, xray=xray)

    async def aget_graph(self, config: Any = None, *, xray: bool | int = False) -> Any:
        """Return the graph as nodes and edges; see `get_graph`."""
        return self.get_graph(config, xray=xray)

    def get_subgraphs(
        self, *, namespace: str | None = None, recurse: bool = False
    ) -> Iterator[tuple[str, Any]]:
        """
        Yield `(name, graph)` for each graph that is a node or is used by a node's function.

        Args:
            namespace: only the graph of that name, or below it.
            recurse: also the graphs inside those, with names joined by `|`.
        """
        from otgraph.graph.subgraphs import get_subgraphs

        return get_subgraphs(self, namespace=namespace, recurse=recurse)

    async def aget_subgraphs(self, *, namespace: str | None = None, recurse: bool = False) -> Any:
        """Yield `(name, graph)`; see `get_subgraphs`."""
        for item in self.get_subgraphs(namespace=namespace, recurse=recurse):
            yield item
