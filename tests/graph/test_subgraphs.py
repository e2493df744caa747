"""The search for graphs inside nodes: what it finds by reading the code of a node, and what it must not run."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Annotated, Any, TypedDict

import pytest

from otgraph.constants import START
from otgraph.graph.state import StateGraph
from otgraph.graph.subgraphs import find_subgraphs, get_subgraphs
from otgraph.plan.callee import inspect_callee


class State(TypedDict):
    log: Annotated[list[str], operator.add]


def work(state: State) -> dict[str, Any]:
    return {}


def graph(name: str, **inside: Any) -> Any:
    """Return a compiled graph of that name, with a node for each of `inside`."""
    builder = StateGraph(State).add_node("first", work).add_edge(START, "first")
    for node, action in inside.items():
        builder.add_node(node, action).add_edge("first", node)
    return builder.compile(name=name)


ONE, TWO = graph("ONE"), graph("TWO")
RUN_ONE = ONE.invoke
SPACE = SimpleNamespace(one=ONE, deep=SimpleNamespace(two=TWO), run=TWO.ainvoke)
MODULE = ModuleType("somewhere")
MODULE.one = ONE  # type: ignore[attr-defined]


def by_global(state: State) -> Any:
    return ONE.invoke(state)


async def by_global_async(state: State) -> Any:
    return await ONE.ainvoke(state)


def by_generator(state: State) -> Any:
    yield ONE.invoke(state)


def by_two_globals(state: State) -> Any:
    return TWO.invoke(ONE.invoke(state))


def by_attribute(state: State) -> Any:
    return SPACE.one.invoke(state)


def by_attributes(state: State) -> Any:
    return SPACE.deep.two.invoke(state)


def by_module(state: State) -> Any:
    return MODULE.one.invoke(state)


def by_method_of_a_graph(state: State) -> Any:
    return RUN_ONE(state)


def by_method_in_an_attribute(state: State) -> Any:
    return SPACE.run(state)


def by_inner_function(state: State) -> Any:
    def inner() -> Any:
        return ONE.invoke(state)

    return inner()


def by_comprehension(state: State) -> Any:
    return [ONE.invoke(each) for each in [state]]


def by_default(state: State, inner: Any = ONE) -> Any:
    return inner.invoke(state)


def by_keyword_default(state: State, *, inner: Any = ONE) -> Any:
    return inner.invoke(state)


def by_closure(inner: Any) -> Callable[[State], Any]:
    def call(state: State) -> Any:
        return inner.invoke(state)

    return call


def by_closure_and_global(inner: Any) -> Callable[[State], Any]:
    def call(state: State) -> Any:
        return TWO.invoke(inner.invoke(state))

    return call


def by_argument(inner: Any, state: State) -> Any:
    return inner.invoke(state)


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any) -> Any:
        return function(*args)

    return wrapper


class Holder:
    shared = TWO

    def __init__(self) -> None:
        self.inner = ONE

    def method(self, state: State) -> Any:
        return self.inner.invoke(state)

    def __call__(self, state: State) -> Any:
        return self.inner.invoke(state)

    @classmethod
    def of_class(cls, state: State) -> Any:
        return cls.shared.invoke(state)

    @staticmethod
    def static(state: State) -> Any:
        return ONE.invoke(state)


class Slotted:
    __slots__ = ("inner",)

    def __init__(self) -> None:
        self.inner = ONE

    def method(self, state: State) -> Any:
        return self.inner.invoke(state)


FOUND = {
    "the graph itself": (ONE, [ONE]),
    "a method of it": (ONE.invoke, [ONE]),
    "global": (by_global, [ONE]),
    "global in a coroutine": (by_global_async, [ONE]),
    "global in a generator": (by_generator, [ONE]),
    "globals in the order of the code": (by_two_globals, [TWO, ONE]),
    "attribute": (by_attribute, [ONE]),
    "attribute of an attribute": (by_attributes, [TWO]),
    "attribute of a module": (by_module, [ONE]),
    "global method": (by_method_of_a_graph, [ONE]),
    "method in an attribute": (by_method_in_an_attribute, [TWO]),
    "function in a function": (by_inner_function, [ONE]),
    "comprehension": (by_comprehension, [ONE]),
    "default": (by_default, [ONE]),
    "keyword default": (by_keyword_default, [ONE]),
    "closure": (by_closure(ONE), [ONE]),
    "attribute in a closure": (by_closure(SimpleNamespace(invoke=ONE.invoke)), [ONE]),
    "closure before global": (by_closure_and_global(ONE), [ONE, TWO]),
    "decorated": (decorated(by_global), [ONE]),
    "partial": (functools.partial(by_argument, ONE), [ONE]),
    "partial of a function": (functools.partial(by_global), [ONE]),
    "partial of a partial": (functools.partial(functools.partial(by_argument, TWO)), [TWO]),
    "method": (Holder().method, [ONE]),
    "method of an object with slots": (Slotted().method, [ONE]),
    "class method": (Holder.of_class, [TWO]),
    "static method": (Holder.static, [ONE]),
    "callable object": (Holder(), [ONE]),
    "dict": ({"a": by_global, "b": TWO}, [ONE, TWO]),
    "lambda": (lambda state: ONE.invoke(state), [ONE]),
    "runnable of a function": (SimpleNamespace(func=by_global, invoke=None), [ONE]),
    "runnable of both colours": (SimpleNamespace(func=work, afunc=by_global_async, invoke=None), [ONE]),
    "sequence": (SimpleNamespace(first=work, middle=[by_global], last=TWO, invoke=None), [ONE, TWO]),
    "nothing": (work, []),
    "a helper that calls one": (lambda state: by_global(state), []),
    "a class": (Holder, []),
    "none": (None, []),
}


@pytest.mark.parametrize("case", FOUND)
def test_graphs_that_a_node_names_are_found(case: str) -> None:
    """A graph is found if the code of the node itself names it; a function it calls is not searched."""
    action, expected = FOUND[case]
    assert [each.name for each in expected] == [each.name for each in find_subgraphs(action)]


def test_a_callee_is_searched_by_what_the_user_gave() -> None:
    """The node of a plan is searched like the function it was made of."""
    assert [ONE] == find_subgraphs(inspect_callee(by_global))
    assert [TWO] == find_subgraphs(inspect_callee(TWO))


def test_what_is_bound_later_is_found_too() -> None:
    """A closure may still be empty when the node is added: nothing is found, and nothing fails."""

    def call(state: State) -> Any:
        return later.invoke(state)

    assert [] == find_subgraphs(call)
    later = ONE
    assert [ONE] == find_subgraphs(call)


def test_nothing_is_computed() -> None:
    """Properties, descriptors and `__getattr__` are left alone."""

    class Trap:
        @property
        def graph(self) -> Any:
            raise AssertionError("the search evaluated a property")

        def __getattr__(self, name: str) -> Any:
            raise AssertionError(f"the search asked for {name}")

    trap = Trap()

    def call(state: State) -> Any:
        trap.unknown.invoke(state)
        return trap.graph.invoke(state)

    assert [] == find_subgraphs(call)
    assert [] == find_subgraphs(trap)


def test_wrappers_in_a_circle_are_left() -> None:
    """Functions that wrap each other do not keep the search going."""

    def one(state: State) -> Any:
        return two.invoke(state)

    two = SimpleNamespace(func=one, invoke=None)
    one.__wrapped__ = two  # type: ignore[attr-defined]
    assert [] == find_subgraphs(one)


INNER = graph("INNER")
MIDDLE = graph("MIDDLE", c=INNER, cc=by_closure(TWO))
OUTER = graph("OUTER", a=MIDDLE, ab=by_global)
DIRECT = [("a", "MIDDLE"), ("ab", "ONE")]


@pytest.mark.parametrize(
    ("namespace", "recurse", "expected"),
    [
        (None, False, DIRECT),
        (None, True, [("a", "MIDDLE"), ("a|c", "INNER"), ("a|cc", "TWO"), ("ab", "ONE")]),
        ("a", False, [("a", "MIDDLE")]),
        ("a", True, [("a", "MIDDLE")]),
        ("ab", True, [("ab", "ONE")]),
        ("a|c", False, []),
        ("a|c", True, [("a|c", "INNER")]),
        ("a|cc", True, [("a|cc", "TWO")]),
        ("c", True, []),
        ("a|", True, []),
        ("|a", True, []),
        ("", True, []),
        ("a:123", True, []),
        ("a|c|d", True, []),
    ],
)
def test_graphs_are_listed_by_namespace(
    namespace: str | None, recurse: bool, expected: list[tuple[str, str]]
) -> None:
    """A namespace is a path of whole node names; below the first level it needs `recurse`."""
    found = get_subgraphs(OUTER, namespace=namespace, recurse=recurse)
    assert expected == [(name, inner.name) for name, inner in found]


def test_a_graph_lists_what_is_inside_it() -> None:
    """The method of a compiled graph is this function."""
    assert DIRECT == [(name, inner.name) for name, inner in OUTER.get_subgraphs()]


def test_one_graph_stands_for_a_node() -> None:
    """A node that names several graphs is listed once, with the one it names first."""
    assert [("both", TWO)] == list(get_subgraphs(graph("G", both=by_two_globals)))


def test_a_graph_is_not_inside_itself() -> None:
    """A graph that calls itself is not listed, so that listing comes to an end."""
    holder = SimpleNamespace()

    def again(state: State) -> Any:
        return holder.graph.invoke(state)

    holder.graph = graph("R", again=again, other=ONE)
    assert [("other", ONE)] == list(get_subgraphs(holder.graph, recurse=True))
