"""What `entrypoint` makes, what it refuses, and what functions may ask for."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from otgraph.func import entrypoint, task
from otgraph.graph import START, StateGraph
from otgraph.graph.state import CompiledStateGraph
from otgraph.run_config import RunnableConfig
from otgraph.store.base import BaseStore
from otgraph.store.memory import InMemoryStore
from otgraph.types import RetryPolicy, StreamWriter

from .conftest import Colour, Trace


@entrypoint()
def double(x: int) -> int:
    """Double a number."""
    return 2 * x


def test_it_is_a_graph() -> None:
    """An entrypoint has the whole surface of a compiled graph, and bears its function's name."""
    assert double.name == double.get_name() == "double"
    assert double.invoke(2) == 4
    assert asyncio.run(double.ainvoke(2)) == 4
    assert double.batch([1, 2, 3]) == [2, 4, 6]
    assert asyncio.run(double.abatch([1, 2])) == [2, 4]
    assert list(double.stream(2)) == [{"double": 4}]
    assert double.with_config(tags=["t"]).invoke(2) == 4
    assert double.copy({"name": "other"}).invoke(2) == 4
    assert list(double.nodes) == ["double"]
    assert (double.input_channels, double.output_channels, double.stream_channels) == (
        "__start__",
        "__end__",
        "__end__",
    )
    assert list(double.get_subgraphs()) == []
    assert double.get_input_jsonschema()["type"] == double.get_output_jsonschema()["type"] == "integer"
    assert not isinstance(double, CompiledStateGraph)
    missing = [
        name for name in dir(CompiledStateGraph) if not name.startswith("_") and not hasattr(double, name)
    ]
    assert missing == []


def test_it_is_drawn() -> None:
    """The drawing has the function between start and end."""
    graph = double.get_graph()
    assert list(graph.nodes) == ["double", "__start__", "__end__"]
    assert [(edge.source, edge.target) for edge in graph.edges] == [
        ("__start__", "double"),
        ("double", "__end__"),
    ]


def test_it_finds_graphs_inside() -> None:
    """A graph that the function uses is found as its subgraph."""
    inner = double

    @entrypoint()
    def outer(x: int) -> Any:
        return inner.invoke(x)

    assert list(outer.get_subgraphs()) == [("outer", double)]


def test_it_can_be_a_node(colour: Colour) -> None:
    """As a node it gets the state, and what it returns is the update."""

    @entrypoint()
    def step(state: Any) -> Any:
        return {"x": state["x"] + 1}

    class State(dict[str, Any]):
        x: int

    graph = StateGraph(State).add_node(step).add_edge(START, "step").compile()
    assert colour.invoke(graph, {"x": 1}) == {"x": 2}


def test_names_of_what_has_none() -> None:
    """A lambda, a partial and an object with `__call__` do as well as functions."""

    class Callable_:
        def __call__(self, x: int) -> int:
            return x + 1

    assert entrypoint()(lambda x: x + 1).invoke(1) == 2
    assert entrypoint()(partial(lambda a, b: a + b, 1)).invoke(1) == 2
    made = entrypoint()(Callable_())
    assert (made.name, made.invoke(1)) == ("Callable_", 2)
    assert task(Callable_()).__name__ == "Callable_"


def yields(x: int) -> Any:
    yield x


async def yields_async(x: int) -> Any:
    yield x


@pytest.mark.parametrize("function", [yields, yields_async])
def test_generators_are_refused(function: Callable[..., Any]) -> None:
    """A generator function cannot be an entrypoint."""
    with pytest.raises(NotImplementedError, match="Generators are not supported in the Functional API"):
        entrypoint()(function)


def test_a_function_without_input_is_refused() -> None:
    """An entrypoint needs a parameter for its input."""
    with pytest.raises(ValueError, match="must have at least one parameter.*def lonely"):

        @entrypoint()
        def lonely() -> None: ...


def test_an_argument_of_the_engine_in_the_place_of_the_input() -> None:
    """A first parameter that is annotated as one of the engine's is a mistake."""
    from otgraph.runtime import Runtime

    with pytest.raises(TypeError, match="first parameter of 'main' is 'runtime'"):

        @entrypoint()
        def main(runtime: Runtime) -> None: ...


@pytest.mark.parametrize("thing", [5, "name"])
def test_only_functions_are_decorated(thing: Any) -> None:
    """What cannot be called is refused with the value."""
    with pytest.raises(TypeError, match=f"@task decorates a function, not {thing!r}"):
        task(thing)
    with pytest.raises(TypeError, match=f"@entrypoint decorates a function, not {thing!r}"):
        entrypoint()(thing)


def test_unknown_arguments_are_refused() -> None:
    """A keyword that nobody knows is an error, and old names warn."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        entrypoint(nonsense=1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'nonsense'"):
        task(nonsense=1)  # type: ignore[call-overload]
    with pytest.warns(DeprecationWarning, match="`retry` is deprecated"):
        assert task(retry=RetryPolicy())(double.invoke).retry_policy == (RetryPolicy(),)
    with pytest.warns(DeprecationWarning, match="`config_schema` is deprecated"):
        entrypoint(config_schema=dict)


def test_a_wrong_checkpointer_is_refused() -> None:
    """A checkpointer is a saver."""
    with pytest.raises(TypeError, match="Invalid checkpointer provided"):
        entrypoint(checkpointer="memory")


def test_a_task_keeps_its_function() -> None:
    """A task has its function's name, docstring and signature, and the function itself."""

    @task(name="shown")
    def add(x: int, *, y: int = 1) -> int:
        """Add."""
        return x + y

    assert (add.__name__, add.__doc__, add.__wrapped__(1), add.func(1, y=2)) == ("shown", "Add.", 2, 3)
    assert str(inspect.signature(add)) == "(x: 'int', *, y: 'int' = 1) -> 'int'"
    assert repr(add) == "<task shown>"


def test_what_functions_ask_for(colour: Colour) -> None:
    """Entrypoints and tasks are given writer, store, config, runtime and previous by name."""
    store = InMemoryStore()

    def look(
        x: int,
        config: RunnableConfig,
        writer: StreamWriter,
        store: BaseStore,
        runtime: Any,
        previous: Any = 7,
    ) -> Any:
        writer(("task", x))
        return config["configurable"]["k"], store is runtime.store, runtime.previous is previous

    looking = task(colour.function(look))

    async def main(
        x: int,
        *,
        config: RunnableConfig,
        writer: StreamWriter,
        store: BaseStore,
        runtime: Any,
        previous: Any,
    ) -> Any:
        writer(("body", x))
        inside = await colour.result(looking(x))
        return inside, config["configurable"]["k"], store is runtime.store, previous

    graph = entrypoint(store=store)(colour.function(main))
    chunks = colour.stream(graph, 1, {"configurable": {"k": "v"}}, stream_mode=["custom", "values"])
    assert chunks == [
        ("custom", ("body", 1)),
        ("custom", ("task", 1)),
        ("values", (("v", True, True), "v", True, None)),
    ]


def test_what_a_caller_gives_wins(colour: Colour) -> None:
    """By keyword and by position, the caller's argument is taken instead of the engine's."""

    def look(x: int, writer: StreamWriter, store: BaseStore | None = None, previous: Any = None) -> Any:
        return writer, store, previous

    looking = task(colour.function(look))

    async def main(x: int) -> Any:
        return [
            await colour.result(looking(x, "mine")),
            await colour.result(looking(x, "mine", "my store", previous="before")),
            await colour.result(looking(x, writer="mine", store=1, previous=2)),
        ]

    found = colour.invoke(entrypoint()(colour.function(main)), 1)
    assert found == [("mine", None, None), ("mine", "my store", "before"), ("mine", 1, 2)]


def test_a_returned_graph_is_a_value() -> None:
    """Other than a node's, a Runnable that a function returns is its result."""

    @task
    def give(x: int) -> Any:
        return double

    @entrypoint()
    def main(x: int) -> Any:
        return give(x).result()

    assert main.invoke(1) is double


def test_a_body_is_retried(colour: Colour, trace: Trace) -> None:
    """An entrypoint's retry policy runs the whole body again, in one span."""
    bodies: list[int] = []

    def main(x: int) -> int:
        bodies.append(x)
        if len(bodies) < 3:
            raise ConnectionError("again")
        return x

    policy = RetryPolicy(initial_interval=0.001, jitter=False)
    graph = entrypoint(retry_policy=policy, telemetry=trace.options)(colour.function(main))
    assert colour.invoke(graph, 1) == 1
    assert len(bodies) == 3
    assert trace.outcomes() == {"main": "success"}


def test_final_is_what_it_says() -> None:
    """`entrypoint.final` has two fields and a readable form."""
    final = entrypoint.final(value=1, save=2)
    assert (final.value, final.save, repr(final)) == (1, 2, "entrypoint.final(value=1, save=2)")

    @entrypoint()
    def main(x: int) -> entrypoint.final[str, int]:
        return entrypoint.final(value=str(x), save=x)

    assert main.invoke(5) == "5"
    assert main.get_output_jsonschema()["type"] == "string"
