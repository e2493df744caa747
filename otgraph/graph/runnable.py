"""
LangChainMethods: a compiled graph as a Runnable of LangChain, where LangChain is installed.

Rule: nothing here imports LangChain before one of its methods is asked for, and a plain run asks for none of them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from otgraph.stream.projections.transformer import TransformerFactory

__all__ = ["BORROWED", "LangChainMethods"]

LANGCHAIN = "langchain_core.runnables.base"

BORROWED = frozenset(
    {
        "abatch_as_completed",
        "as_tool",
        "assign",
        "astream_log",
        "atransform",
        "batch_as_completed",
        "bind",
        "config_specs",
        "get_prompts",
        "map",
        "pick",
        "pipe",
        "transform",
        "with_alisteners",
        "with_fallbacks",
        "with_listeners",
        "with_retry",
        "with_types",
    }
)
"""What a graph has of LangChain's Runnable as it is there, beside what it has of its own."""


class LangChainMethods:
    """
    The part of a compiled graph that LangChain implements.

    To `isinstance` and to LangChain it is a Runnable: `prompt | graph | parser`, `{"a": graph} | join`,
    `graph.with_retry()` and the like make Runnables of LangChain around it.
    """

    if TYPE_CHECKING:
        abatch_as_completed: Callable[..., Any]
        as_tool: Callable[..., Any]
        assign: Callable[..., Any]
        astream_log: Callable[..., Any]
        atransform: Callable[..., Any]
        batch_as_completed: Callable[..., Any]
        bind: Callable[..., Any]
        config_specs: list[Any]
        get_prompts: Callable[..., Any]
        map: Callable[..., Any]
        pick: Callable[..., Any]
        pipe: Callable[..., Any]
        transform: Callable[..., Any]
        with_alisteners: Callable[..., Any]
        with_fallbacks: Callable[..., Any]
        with_listeners: Callable[..., Any]
        with_retry: Callable[..., Any]
        with_types: Callable[..., Any]
    else:

        def __getattr__(self, name: str) -> Any:
            # LangChain's own functions, called with a graph, ask it for their private parts too.
            private = name[:1] == "_" != name[1:2] and LANGCHAIN in sys.modules
            if name in BORROWED or private:
                # Imported where it is wanted: it imports LangChain.
                from otgraph.langchain.runnable import method

                return method(self, name)
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

        @property
        def __class__(self) -> type:
            # `isinstance(graph, Runnable)` asks this, and nothing else that could tell that LangChain is there by now.
            if LANGCHAIN in sys.modules:
                from otgraph.langchain.runnable import register

                register(type(self))
            return type(self)

    def astream_events(
        self,
        input: Any,
        config: Any = None,
        *,
        version: str = "v2",
        transformers: Sequence[TransformerFactory] | None = None,
        **kwargs: Any,
    ) -> Any:
        """
        Run the graph and hand out events of it.

        Args:
            version: `v2` or `v1` for an async iterator of LangChain's events: of the run, of each task, and of what is
                called in them; `v3`, to be awaited, for an `AsyncGraphRunStream`.
            transformers: makers of further projections, in version 3.
            kwargs: as in `astream`, and LangChain's own (`include_names`, `exclude_tags`, …).

        Raises:
            ImportError: LangChain is not installed.
            NotImplementedError: another version is asked for.
        """
        _check_version(version, transformers)
        if version == "v3":
            from otgraph.graph.events import aread_events

            return aread_events(self, input, config, transformers or (), kwargs)  # type: ignore[arg-type]
        from otgraph.langchain.runnable import events

        return events(self, input, config, version=version, **kwargs)

    def stream_events(
        self,
        input: Any,
        config: Any = None,
        *,
        version: str = "v2",
        transformers: Sequence[TransformerFactory] | None = None,
        **kwargs: Any,
    ) -> Any:
        """Run the graph and hand out events of it; in version 3 a `GraphRunStream`. See `astream_events`."""
        _check_version(version, transformers)
        if version == "v3":
            from otgraph.graph.events import read_events

            return read_events(self, input, config, transformers or (), kwargs)  # type: ignore[arg-type]
        from otgraph.langchain.runnable import method

        return method(self, "stream_events")(input, config, version=version, **kwargs)

    def __or__(self, other: Any) -> Any:
        """Return a sequence of this graph and what takes its output."""
        from otgraph.langchain.runnable import sequence

        return sequence(self, other)

    def __ror__(self, other: Any) -> Any:
        """Return a sequence of what gives the input and this graph."""
        from otgraph.langchain.runnable import sequence

        return sequence(other, self)


def _check_version(version: str, transformers: Any) -> None:
    if version not in ("v1", "v2", "v3") or (transformers and version != "v3"):
        raise NotImplementedError(
            "events have the versions 'v1', 'v2' and, with transformers, 'v3'; not "
            f"version={version!r}, transformers={transformers!r}"
        )
