"""Schemas and what they make of a graph's keys."""

import operator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, Field
from typing_extensions import NotRequired, ReadOnly, Required
from typing_extensions import TypedDict as ExtendedTypedDict

from parity.registry import covers

from .states import Log, Text, chain, fan, speaker


def seeing(drive, seen, update=None):
    """Return a node that notes what it was given."""

    @drive.node
    def see(state):
        seen.append(dict(state) if isinstance(state, dict) else state)
        return update

    return see


class Partial(TypedDict, total=False):
    """Keys with all the ways to say how much they are needed."""

    a: Required[int]
    b: str
    c: NotRequired[list]


class Inherited(Partial):
    """More keys, on top of inherited ones."""

    d: Annotated[list, operator.add]
    e: ReadOnly[int]


@covers("STA-01", "ENG-14")
def typed_dicts(lg, drive):
    """Each key is a channel; a key never written is absent, but for reducers, which start empty."""
    seen = []
    graph = chain(
        lg, Inherited, ("see", seeing(drive, seen, {"b": "b"})), ("again", seeing(drive, seen))
    ).compile()
    yield sorted(k for k in graph.channels if ":" not in k and "__" not in k)
    yield drive.every(graph, {"a": 1})
    yield drive.every(graph, {"a": 1, "d": [1], "e": 5, "c": None})
    yield seen


class Starts(TypedDict):
    """Reducer keys of several types."""

    li: Annotated[list, operator.add]
    nu: Annotated[int, operator.add]
    fl: Annotated[float, operator.add]
    st: Annotated[str, operator.add]
    se: Annotated[set, operator.or_]
    di: Annotated[dict, operator.or_]
    tu: Annotated[tuple, operator.add]
    an: Annotated[Any, lambda a, b: (a, b)]
    op: Annotated[list | None, lambda a, b: (a or []) + b]
    un: Annotated["int | None", lambda a, b: b]
    ll: Annotated[list[int], operator.add]
    pl: int


@covers("STA-01", "STA-02", "STA-14")
def reducers_and_their_start(lg, drive):
    """A reducer channel starts at its type's empty value; one without such a value takes its first write as is."""
    graph = chain(lg, Starts, ("a", drive.node(lambda s: {"an": 1, "op": [1], "un": 2}))).compile()
    yield drive.every(graph, {"pl": 0})
    yield drive.every(graph, {"pl": 0, "an": 0, "op": [0], "se": {1}, "di": {"k": 1}, "tu": (1,), "st": "s"})


def last_wins(left, right):
    """A reducer with names of its own."""
    return right


class Annotations(TypedDict):
    """The last annotation decides."""

    a: Annotated[list, "just a remark", operator.add]
    b: Annotated[int, "just a remark"]
    c: Annotated[list, operator.add, "a remark at the end"]
    d: Annotated[Annotated[list, operator.add], last_wins]


@covers("STA-02")
def which_annotation_decides(lg, drive):
    """Of several annotations the last decides; one that is no reducer and no channel is ignored."""
    graph = chain(
        lg, Annotations, ("n", drive.node(lambda s: {"a": [2], "b": 2, "c": [2], "d": [2]}))
    ).compile()
    yield {name: type(c).__name__ for name, c in graph.channels.items() if len(name) == 1}
    yield drive.invoke(graph, {"a": [1], "b": 1, "c": [1], "d": [1]})


@covers("STA-03", colours=("sync",))
def reducers_of_wrong_arity(lg, drive):
    """A reducer takes two positional arguments, or the graph is refused."""

    def build(reducer):
        class State(TypedDict):
            k: Annotated[list, reducer]

        return lg.graph.StateGraph(State)

    def one(a): ...
    def three(a, b, c): ...
    def two_and_default(a, b, c=1): ...
    def keyword_only(a, *, b): ...
    def variadic(*args): ...

    for reducer in (one, three, two_and_default, keyword_only, variadic, lambda a, b: b, max, operator.add):
        result = drive.attempt(build, reducer)
        yield reducer.__name__, result if not hasattr(result, "add_node") else "accepted"


class Model(BaseModel):
    """State as a model."""

    n: int
    word: str = "w"
    log: Annotated[list[str], operator.add] = Field(default_factory=list)


@covers("STA-04", "ENG-14", "STR-25")
def pydantic_state(lg, drive):
    """Nodes get a validated model; what they return is not validated until the next node's input is made."""
    seen = []
    good = chain(
        lg, Model, ("a", seeing(drive, seen, {"n": 2, "log": ["a"]})), ("b", seeing(drive, seen))
    ).compile()
    yield drive.every(good, {"n": "1"})
    yield drive.every(good, Model(n=1))
    yield drive.invoke(good, {"n": 1})
    yield drive.every(good, {"n": "not a number"})
    yield drive.every(good, {"word": "n is missing"})
    bad = chain(lg, Model, ("a", seeing(drive, seen, {"n": "bad"}))).compile()
    yield drive.every(bad, {"n": 1})
    bad = chain(lg, Model, ("a", seeing(drive, seen, {"n": "bad"})), ("b", seeing(drive, seen))).compile()
    yield drive.every(bad, {"n": 1})
    yield seen


@covers("STA-04", "GRA-15")
def models_as_results(lg, drive):
    """A model returned by a node resets what it does not set but has a default for."""
    graph = chain(
        lg, Model, ("a", drive.node(lambda s: Model(n=5))), ("b", drive.node(lambda s: s))
    ).compile()
    yield drive.every(graph, {"n": 1, "word": "kept?", "log": ["in"]})


@dataclass
class Data:
    """State as a dataclass."""

    n: int
    word: str = "w"
    log: Annotated[list, operator.add] = field(default_factory=list)


@covers("STA-05", "STA-06", "ENG-14", "STR-25")
def dataclass_state(lg, drive):
    """Nodes get an instance, built without validation; input may be an instance or a dict."""
    seen = []
    graph = chain(
        lg, Data, ("a", seeing(drive, seen, {"n": "2", "log": ["a"]})), ("b", seeing(drive, seen))
    ).compile()
    yield drive.every(graph, {"n": 1})
    yield drive.every(graph, Data(1, log=["in"]))
    yield drive.every(graph, {"word": "n is missing"})
    yield drive.invoke(graph, Data(1))
    yield seen


class Wide(TypedDict):
    """All keys of a graph."""

    question: str
    answer: str
    notes: Annotated[list, operator.add]


class Question(TypedDict):
    """What goes in."""

    question: str


class Answer(TypedDict):
    """What comes out."""

    answer: str


class Private(TypedDict):
    """What only two nodes know."""

    secret: str


@covers("STA-07", "STA-08", "STA-09", "ENG-11", "RUN-03")
def schemas_in_and_out(lg, drive):
    """The input schema picks keys of the input, the output schema those of invoke; values show everything."""
    seen = []

    @drive.node
    def read(state: Question):
        seen.append(dict(state))
        return {"secret": "s", "notes": ["read"], "answer": "draft"}

    @drive.node
    def tell(state: Private) -> Answer:
        seen.append(dict(state))
        return {"answer": state["secret"] + "!"}

    builder = lg.graph.StateGraph(Wide, input_schema=Question, output_schema=Answer)
    builder.add_node("read", read).add_node("tell", tell)
    builder.add_node("all", seeing(drive, seen), input_schema=Wide)
    builder.add_edge("__start__", "read").add_edge("read", "tell").add_edge("tell", "all")
    graph = builder.compile()
    given = {"question": "q", "answer": "mine", "notes": ["n"], "unknown": 1}
    yield drive.every(graph, given)
    yield drive.invoke(graph, given)
    yield drive.stream(graph, given, stream_mode="values")
    yield drive.stream(graph, given, stream_mode=["updates", "values"])
    yield seen


@covers("STA-08", "STA-09")
def input_schema_of_a_node(lg, drive):
    """`input_schema=` beats the annotation; both may name keys the state does not have."""
    seen = []

    @drive.node
    def a(state: Text):
        seen.append(("a", dict(state)))
        return {"secret": "s", "x": "x2"}

    @drive.node
    def b(state: Text):
        seen.append(("b", dict(state)))
        return {"secret": "t"}

    builder = lg.graph.StateGraph(Text)
    builder.add_node("a", a)
    builder.add_node("b", b, input_schema=Private)
    builder.add_edge("__start__", "a").add_edge("a", "b")
    yield drive.every(builder.compile(), {"x": "x"})
    yield drive.invoke(builder.compile(), {"x": "x"})
    yield seen


@covers("ENG-11", "STR-07", "RUN-03")
def inputs(lg, drive):
    """Unknown keys vanish, an empty input starts the graph, other things are refused."""
    graph = chain(lg, Text, ("a", drive.node(lambda s: {"y": str(sorted(s))}))).compile()
    silent = chain(lg, Text, ("a", drive.node(lambda s: None))).compile()
    for given in (
        {"x": "1"},
        {"x": "1", "zz": 2},
        {"zz": 2},
        {},
        {"x": None},
        None,
        5,
        "text",
        ["x"],
        [("x", "1")],
    ):
        yield drive.every(graph, given)
        yield drive.invoke(silent, given)


class Asked(ExtendedTypedDict):
    """A TypedDict that pydantic can describe on every Python."""

    question: str
    notes: Annotated[list, operator.add]


class Told(ExtendedTypedDict):
    """What comes out."""

    notes: list


class Who(ExtendedTypedDict):
    """A context."""

    user: str


@covers("STA-12", colours=("sync",))
def json_schemas(lg, drive):
    """A compiled graph describes its input, output and context as JSON schemas."""
    builder = lg.graph.StateGraph(Asked, Who, output_schema=Told)
    builder.add_node("a", lambda s: None).add_edge("__start__", "a")
    graph = builder.compile()
    modelled = chain(lg, Model, ("a", lambda s: None)).compile()
    rooted = chain(lg, int, ("a", lambda s: s)).compile()
    for each in (graph, modelled, rooted):
        yield drive.attempt(each.get_input_jsonschema)
        yield drive.attempt(each.get_output_jsonschema)
        yield drive.attempt(each.get_context_jsonschema)
    yield modelled.get_input_schema().__name__, graph.get_output_schema().__name__
    yield rooted.get_input_schema().__name__, rooted.get_output_schema().__name__


@covers("STA-21", "STR-13")
def overwrite(lg, drive):
    """Overwrite sets a reducer's value whatever else is written in that step; chunks show the wrapper."""
    Overwrite = lg.types.Overwrite
    for wrapped in (
        Overwrite(["new"]),
        Overwrite(value=["new"]),
        {"__overwrite__": ["new"]},
        {"value": ["new"], "type": "__overwrite__"},
        Overwrite([]),
        Overwrite(None),
    ):
        graph = chain(lg, Log, ("a", drive.node(lambda s, w=wrapped: {"log": w})), ("b", speaker(drive, "b")))
        yield drive.every(graph.compile(), {"log": ["old"]})
    for turns in ((0, 1, 2), (2, 1, 0)):
        graph = fan(
            lg, Log, ("a", speaker(drive, "a", turn=turns[0])), ("c", speaker(drive, "c", turn=turns[2]))
        )
        graph.add_node("b", drive.node(lambda s: {"log": Overwrite(["only"])}, turn=turns[1]))
        graph.add_edge("__start__", "b")
        yield drive.every(graph.compile(), {"log": ["old"]})


@covers("STA-21")
def overwrite_twice(lg, drive):
    """Two Overwrites of one key in a step fail the step."""
    Overwrite = lg.types.Overwrite
    graph = fan(
        lg,
        Log,
        ("a", drive.node(lambda s: {"log": Overwrite(["a"])}, turn=0)),
        ("b", drive.node(lambda s: {"log": Overwrite(["b"])}, turn=1)),
    )
    yield drive.every(graph.compile(), {"log": ["old"]})


@covers("STA-21")
def overwrite_where_nothing_is(lg, drive):
    """A channel that takes its first write as is stores the wrapper itself; so does a plain key."""
    Overwrite = lg.types.Overwrite
    graph = chain(lg, Starts, ("a", drive.node(lambda s: {"an": Overwrite(1)}))).compile()
    yield drive.invoke(graph, {"pl": 0})
    yield drive.invoke(graph, {"pl": 0, "an": 5})
    yield drive.invoke(
        chain(lg, Text, ("a", drive.node(lambda s: {"x": Overwrite("v")}))).compile(), {"x": "0"}
    )
    yield drive.invoke(graph, {"pl": 0, "li": Overwrite([1])})


class Choice(TypedDict):
    """Types of more kinds."""

    kind: Literal["a", "b"]
    maybe: int | None
    either: "int | str"
    nested: Text


@covers("STA-01", "STA-13")
def any_annotation_is_a_last_value(lg, drive):
    """Types are not checked for a TypedDict; every kind of annotation is a plain value."""
    graph = chain(
        lg, Choice, ("a", drive.node(lambda s: {"kind": "zz", "maybe": "text", "nested": {"x": 1}}))
    ).compile()
    yield {name: type(c).__name__ for name, c in graph.channels.items() if name in Choice.__annotations__}
    yield drive.every(graph, {"kind": "a", "either": 1.5})
