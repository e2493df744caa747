"""What is known of a user's callable after one look: its colours, its injected arguments, its annotations."""
# ruff: noqa: UP007, UP045 (both spellings of a union are put to the test)

import functools
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import TypedDict

from otgraph.command import Command
from otgraph.errors import NodeError
from otgraph.plan.callee import infer_name, inspect_callee, is_runnable
from otgraph.plan.signature import (
    INJECTED,
    command_targets,
    first_input,
    injected_arguments,
    literal_results,
    misplaced_argument,
)
from otgraph.run_config import RunnableConfig
from otgraph.stream.parts import StreamWriter


class BaseStore:
    """Stands for any store's base class: it is known by its name."""


class Runtime:
    """Stands for the runtime: a first parameter annotated so is misplaced."""


class Private(TypedDict):
    p: int


@dataclass
class Point:
    x: int = 0


class Plain:
    pass


class Runnable:
    """What a LangChain Runnable looks like from outside."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.configs: list[Any] = []

    def get_name(self) -> str:
        return "runs"

    def invoke(self, input: Any, config: Any = None) -> Any:
        self.configs.append(config)
        return self.result

    async def ainvoke(self, input: Any, config: Any = None) -> Any:
        self.configs.append(config)
        return [self.result]


class Calls:
    def __call__(self, state: Private, config: RunnableConfig) -> Command[Literal["x", "y"]]: ...

    def method(self, state: Private, *, writer: StreamWriter) -> Literal["x"]: ...

    @classmethod
    def of_class(cls, state: Private, runtime: Any) -> None: ...

    @staticmethod
    def static(state: Private, store: Any = None) -> None: ...


class CallsAsync:
    async def __call__(self, state: Any) -> int:
        return 7


class CallsGenerator:
    def __call__(self, state: Any) -> Any:
        yield [1]
        yield [2]


def plain(state: Any) -> Any:
    return state


async def slow(state: Any) -> Any:
    return state


def chunks(state: Any) -> Any:
    yield from state


async def slow_chunks(state: Any) -> Any:
    for chunk in state:
        yield chunk


def run(coroutine: Any) -> Any:
    """Run a coroutine that never waits."""
    with pytest.raises(StopIteration) as stopped:
        coroutine.send(None)
    return stopped.value.value


# ------------------------------------------------------------------- colours


def test_function_is_called_itself() -> None:
    """A sync function stands in the plan as it is, with no frame around it."""
    callee = inspect_callee(plain, "a")
    assert (plain, None, plain, "a") == (callee.sync, callee.coro, callee.origin, callee.name)


def test_coroutine_function_has_one_colour() -> None:
    """A coroutine function stands in the plan as it is and has no sync side."""
    callee = inspect_callee(slow, "a")
    assert (None, slow) == (callee.sync, callee.coro)


@pytest.mark.parametrize(
    ("action", "colours"),
    [
        (lambda state: 1, (True, False)),
        (functools.partial(plain), (True, False)),
        (functools.partial(slow), (False, True)),
        (functools.partial(functools.partial(slow)), (False, True)),
        (functools.partial(chunks), (True, False)),
        (functools.partial(slow_chunks), (False, True)),
        (Calls(), (True, False)),
        (Calls().method, (True, False)),
        (CallsAsync(), (False, True)),
        (CallsAsync().__call__, (False, True)),
        (chunks, (True, False)),
        (slow_chunks, (False, True)),
        (Runnable(1), (True, True)),
        ({"a": plain}, (True, False)),
        ({"a": slow}, (False, True)),
        ({"a": plain, "b": slow}, (False, True)),
        ({"a": Runnable(1)}, (True, True)),
        (len, (True, False)),
        (Point, (True, False)),
    ],
)
def test_colours(action: Any, colours: tuple[bool, bool]) -> None:
    """Each kind of callable has the colours it can be called in, and no other."""
    callee = inspect_callee(action, "a")
    assert colours == (callee.sync is not None, callee.coro is not None)


def test_async_callable_object_is_awaited() -> None:
    """An object with an async `__call__` is awaited."""
    coro = inspect_callee(CallsAsync()).coro
    assert coro is not None
    assert 7 == run(coro({}))


def test_runnable_is_given_the_config() -> None:
    """A Runnable is called by `invoke` and `ainvoke` with the config as keyword."""
    runnable = Runnable("done")
    callee = inspect_callee(runnable)
    assert ("config",) == callee.inject
    assert callee.sync is not None
    assert callee.coro is not None
    assert "done" == callee.sync({}, config=1)
    assert ["done"] == run(callee.coro({}, config=2))
    assert [1, 2] == runnable.configs


def test_class_with_invoke_is_no_runnable() -> None:
    """Only an object counts as a Runnable, not its class."""
    assert (True, False) == (is_runnable(Runnable(1)), is_runnable(Runnable))


@pytest.mark.parametrize(
    ("given_chunks", "result"),
    [
        ([[1], [2, 3]], [1, 2, 3]),
        (["a", "b"], "ab"),
        ([1, 2], 3),
        ([{"a": 1}, {"a": 2}], {"a": 2}),
        ([[1], "b"], "b"),
        ([None], None),
        ([], None),
    ],
)
def test_chunks_of_a_generator_are_added(given_chunks: list[Any], result: Any) -> None:
    """A generator's chunks are added, the last wins where there is no sum, and none at all make None."""
    sync, coro = inspect_callee(chunks).sync, inspect_callee(slow_chunks).coro
    assert sync is not None
    assert coro is not None
    assert result == sync(given_chunks)
    assert result == run(coro(given_chunks))


@given(st.lists(st.lists(st.integers())))
def test_chunks_of_lists_are_concatenated(given_chunks: list[list[int]]) -> None:
    """Lists come out joined in order, in both colours."""
    sync, coro = inspect_callee(chunks).sync, inspect_callee(slow_chunks).coro
    assert sync is not None
    assert coro is not None
    expected = sum(given_chunks, []) if given_chunks else None
    assert expected == sync(given_chunks)
    assert expected == run(coro(given_chunks))


def test_generator_is_given_what_it_asks_for() -> None:
    """A generator function gets injected arguments like any other."""

    def asks(state: Any, *, writer: StreamWriter) -> Any:
        writer(state)
        yield "x"

    seen: list[Any] = []
    callee = inspect_callee(asks)
    assert ("writer",) == callee.inject
    assert callee.sync is not None
    assert "x" == callee.sync(1, writer=seen.append)
    assert [1] == seen


def test_object_whose_call_is_a_generator_is_joined() -> None:
    """A callable object may be a generator function too."""
    callee = inspect_callee(CallsGenerator())
    assert callee.sync is not None
    assert [1, 2] == callee.sync({})


def test_dict_calls_each_with_the_input() -> None:
    """A dict of callables makes a dict of results, and each gets the arguments that it asked for."""

    def asks(state: int, config: RunnableConfig) -> Any:
        return (state, config)

    callee = inspect_callee({"a": asks, "b": lambda state: state + 1})
    assert ("config",) == callee.inject
    assert callee.sync is not None
    assert {"a": (1, "c"), "b": 2} == callee.sync(1, config="c")


def test_dict_of_both_colours_is_awaited() -> None:
    """A dict in which one callable is async is async, and the sync ones are called on the way."""
    callee = inspect_callee({"a": slow, "b": lambda state: state + 1})
    assert callee.sync is None
    assert callee.coro is not None
    assert {"a": 1, "b": 2} == run(callee.coro(1))


@pytest.mark.parametrize("action", [5, None, "name", object(), {"a": 5}, [plain]])
def test_not_callable(action: Any) -> None:
    """What cannot be called is refused, with its type."""
    with pytest.raises(TypeError, match="Expected a Runnable, callable or dict"):
        inspect_callee(action, "a")


# ------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("action", "name"),
    [
        (plain, "plain"),
        (lambda state: 1, "<lambda>"),
        (functools.partial(plain), "partial"),
        (Calls(), "Calls"),
        (Calls().method, "method"),
        (Runnable(1), "runs"),
        ({"a": plain}, "dict"),
        (Plain, "Plain"),
    ],
)
def test_inferred_name(action: Any, name: str) -> None:
    """A function is called as it is named, an object as its class, a Runnable as it says."""
    assert name == infer_name(action)


# ------------------------------------------------------------------- injected arguments


ACCEPTED: list[tuple[str, Any]] = [
    ("config", RunnableConfig),
    ("config", Optional[RunnableConfig]),
    ("config", RunnableConfig | None),
    ("config", "RunnableConfig"),
    ("config", "Optional[RunnableConfig]"),
    ("config", "RunnableConfig | None"),
    ("writer", StreamWriter),
    ("writer", "StreamWriter"),
    ("store", BaseStore),
    ("store", Optional[BaseStore]),
    ("store", "BaseStore"),
    ("store", "Optional[BaseStore]"),
    ("store", "BaseStore | None"),
    ("runtime", int),
    ("runtime", "Runtime[Context]"),
    ("previous", int),
    ("previous", "Anything"),
    ("error", NodeError),
    ("error", "NodeError"),
]


def annotated(name: str, annotation: Any) -> Callable[..., Any]:
    def function(state: Any, **arguments: Any) -> Any: ...

    scope: dict[str, Any] = {"annotation": annotation}
    exec(f"def function(state, {name}=None): ...\nfunction.__annotations__[{name!r}] = annotation", scope)
    return scope["function"]


@pytest.mark.parametrize(("name", "annotation"), ACCEPTED)
def test_injected_by_name_and_annotation(name: str, annotation: Any) -> None:
    """An argument with one of the known names is filled in if its annotation agrees, resolved or not."""
    assert (name,) == injected_arguments(annotated(name, annotation))


@pytest.mark.parametrize("name", ["config", "writer", "store", "runtime", "previous"])
def test_injected_without_annotation(name: str) -> None:
    """Without an annotation the name alone decides."""
    scope: dict[str, Any] = {}
    exec(f"def function(state, {name}): ...", scope)
    assert (name,) == injected_arguments(scope["function"])


@pytest.mark.parametrize(
    ("name", "annotation"),
    [
        ("writer", Any),
        ("writer", Callable[..., Any]),
        ("writer", Optional[StreamWriter]),
        ("store", Any),
        ("store", dict),
        ("store", Optional[dict]),
        ("error", Any),
        ("error", Exception),
        ("error", Optional[NodeError]),
        ("error", "Optional[NodeError]"),
    ],
)
def test_not_injected_with_another_annotation(name: str, annotation: Any) -> None:
    """The right name with another type is the user's own argument."""
    assert () == injected_arguments(annotated(name, annotation))


def test_error_must_be_annotated() -> None:
    """An unannotated `error` is the user's own argument."""
    assert () == injected_arguments(lambda state, error=None: None)


@pytest.mark.parametrize("annotation", [dict, Any, "dict", Optional[dict]])
def test_config_of_another_type_warns(annotation: Any) -> None:
    """A `config` that is annotated with something else is not filled in, and the user is told."""
    with pytest.warns(UserWarning, match="The 'config' parameter should be typed as 'RunnableConfig' or"):
        assert () == injected_arguments(annotated("config", annotation))


def test_kinds_of_parameters() -> None:
    """Arguments that can be given by keyword are filled in; positional-only and `**` ones are not."""

    def keyword_only(state: Any, *, config: Any, writer: Any) -> None: ...
    def positional_only(state: Any, config: Any, /) -> None: ...
    def collects(state: Any, **config: Any) -> None: ...
    def collects_positions(*config: Any) -> None: ...

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        keyword_only.__annotations__.clear()
        assert ("config", "writer") == injected_arguments(keyword_only)
        assert () == injected_arguments(positional_only)
        assert () == injected_arguments(collects)
        assert () == injected_arguments(collects_positions)


@given(st.permutations(("config", "writer", "store", "runtime", "previous")), st.integers(0, 5))
def test_order_of_injected_arguments(names: list[str], count: int) -> None:
    """What is injected does not depend on the order in which a function names it."""
    chosen = names[:count]
    scope: dict[str, Any] = {}
    exec(f"def function({', '.join(['state', *chosen])}): ...", scope)
    assert tuple(name for name in INJECTED if name in chosen) == injected_arguments(scope["function"])


def test_methods_and_objects_are_asked_too() -> None:
    """Bound methods, class methods, static methods and callable objects have signatures as functions do."""
    asked = [Calls(), Calls().method, Calls.of_class, Calls.static]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = [injected_arguments(action) for action in asked]
    assert [("config",), ("writer",), ("runtime",), ()] == found


def test_first_parameter_is_the_input() -> None:
    """A node's first parameter is its input even where it is called `config`; a task's is not."""
    assert () == injected_arguments(lambda config: None)
    assert ("config",) == injected_arguments(lambda config: None, after_input=False)


def test_partial_keeps_what_the_user_gave() -> None:
    """What `functools.partial` has filled in is not filled in again; the rest is."""

    def function(given: int, state: Any, config: Any = None, writer: Any = None) -> None: ...

    function.__annotations__.clear()
    assert ("config", "writer") == injected_arguments(functools.partial(function, 1))
    assert ("writer",) == injected_arguments(functools.partial(function, 1, config="mine"))


def test_decorator_is_looked_through() -> None:
    """A decorator with `functools.wraps` that passes everything on shows what the function asks for."""

    @functools.wraps(annotated("config", RunnableConfig))
    def passes_on(*args: Any, **kwargs: Any) -> Any: ...

    assert ("config",) == injected_arguments(passes_on)


def test_decorator_that_takes_less_is_believed() -> None:
    """A decorator that takes the state alone is not given what the wrapped function asks for."""

    @functools.wraps(annotated("config", RunnableConfig))
    def takes_state(state: Any) -> Any: ...

    assert () == injected_arguments(takes_state)


def test_builtin_without_signature() -> None:
    """A built-in that hides its signature asks for nothing."""
    assert () == injected_arguments(dict)
    assert () == injected_arguments(operator.itemgetter("a"))


@pytest.mark.parametrize(
    ("name", "annotation", "misplaced"),
    [
        ("config", RunnableConfig, "config"),
        ("config", Optional[RunnableConfig], "config"),
        ("config", dict, None),
        ("runtime", Runtime, "runtime"),
        ("runtime", "Runtime", "runtime"),
        ("runtime", int, None),
        ("state", RunnableConfig, None),
        ("error", NodeError, "error"),
    ],
)
def test_first_parameter_that_is_no_input(name: str, annotation: Any, misplaced: str | None) -> None:
    """A function whose first parameter is annotated as one of the engine's has forgotten its input."""
    scope: dict[str, Any] = {"annotation": annotation}
    exec(f"def function({name}): ...\nfunction.__annotations__[{name!r}] = annotation", scope)
    assert misplaced == misplaced_argument(scope["function"])


def test_misplaced_argument_is_refused() -> None:
    """The error says which parameter stands where the input goes, and what to write."""

    def node(config: RunnableConfig) -> None: ...

    with pytest.raises(TypeError, match=r"'config'.*def node\(state, config\)"):
        inspect_callee(node)


# ------------------------------------------------------------------- annotations


def takes(annotation: Any) -> Callable[..., Any]:
    def function(state: Any) -> None: ...

    function.__annotations__["state"] = annotation
    return function


@pytest.mark.parametrize(
    ("annotation", "schema"),
    [
        (Private, Private),
        (Point, Point),
        (Annotated[Private, "note"], Private),
        ("Private", Private),
        (Plain, None),
        (dict, None),
        (int, None),
        (dict[str, Any], None),
        (list[Private], None),
        (Union[Private, Point], None),
        (Optional[Private], None),
        ("NotDefined", None),
        (Any, None),
    ],
)
def test_input_schema_of_the_first_parameter(annotation: Any, schema: Any) -> None:
    """The first parameter's annotation is a schema if it is one class with type hints."""
    assert schema == first_input(takes(annotation))


def test_input_schema_is_read_from_methods_and_objects() -> None:
    """The first parameter after `self` counts; partials and classes say nothing."""
    assert Private is first_input(Calls())
    assert Private is first_input(Calls().method)
    assert Private is first_input(Calls.of_class)
    assert Private is first_input(Calls.static)
    assert None is first_input(functools.partial(takes(Private)))
    assert None is first_input(Point)
    assert None is first_input(lambda: None)


def test_unresolved_annotation_hides_no_other() -> None:
    """An annotation that cannot be resolved says nothing, and the others still count."""

    def function(state: Private, other: "NotDefined" = None) -> "NotDefinedEither": ...  # type: ignore[name-defined] # noqa: F821

    assert Private is first_input(function)


def returns(annotation: Any) -> Callable[..., Any]:
    def function(state: Any) -> None: ...

    function.__annotations__["return"] = annotation
    return function


@pytest.mark.parametrize(
    ("annotation", "targets"),
    [
        (Command[Literal["x", "y"]], ("x", "y")),
        ("Command[Literal['x', 'y']]", ("x", "y")),
        (Union[Command[Literal["x"]], dict], ("x",)),
        (Command[Literal["x"]] | None, ("x",)),
        (Union[Command[Literal["x"]], Command[Literal["y"]]], ("x", "y")),
        (Command[str], None),
        (Command, None),
        (list[Command[Literal["x"]]], None),
        (Literal["x"], None),
        (None, None),
    ],
)
def test_targets_of_a_command(annotation: Any, targets: tuple[str, ...] | None) -> None:
    """`Command[Literal[...]]` as return annotation names the nodes that a drawing shows."""
    assert targets == command_targets(returns(annotation))


@pytest.mark.parametrize(
    ("annotation", "ends"),
    [
        (Literal["a", "__end__"], {"a": "a", "__end__": "__end__"}),
        ("Literal['a']", {"a": "a"}),
        (list[Literal["a"]], None),
        (Optional[Literal["a"]], None),
        (str, None),
    ],
)
def test_results_of_a_branch(annotation: Any, ends: Any) -> None:
    """A `Literal` return annotation of a branch function says where it leads."""
    assert ends == literal_results(returns(annotation))


def test_results_are_read_from_functions_alone() -> None:
    """Methods count as functions; objects and partials do not."""
    assert {"x": "x"} == literal_results(Calls().method)
    assert None is literal_results(functools.partial(returns(Literal["a"])))
    assert None is literal_results(Calls())
