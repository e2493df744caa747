"""Managed values: what the engine tells a node about its run."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import chain


@covers("STA-11", "PKG-20", "RUN-14")
def steps_left(lg, drive):
    """RemainingSteps counts down to the limit; IsLastStep is true on the last step allowed."""

    class State(TypedDict):
        log: Annotated[list, operator.add]
        last: lg.managed.IsLastStep
        left: lg.managed.RemainingSteps

    @drive.node
    def a(state):
        return {"log": [(state["last"], state["left"])], "last": "ignored", "left": "ignored"}

    builder = chain(lg, State, ("a", a))
    builder.add_conditional_edges("a", lambda s: "a" if len(s["log"]) < 4 else "__end__")
    graph = builder.compile()
    for limit in (10, 5, 4, 3):
        yield drive.every(graph, {"log": []}, {"recursion_limit": limit})
    yield drive.invoke(graph, {"log": [], "left": 99})
    yield sorted(k for k in graph.channels if ":" not in k)

    @drive.node
    def stop_in_time(state):
        return {"log": [state["left"]]}

    careful = chain(lg, State, ("a", stop_in_time))
    careful.add_conditional_edges("a", lambda s: "__end__" if s["left"] <= 2 else "a")
    yield drive.invoke(careful.compile(), {"log": []}, {"recursion_limit": 6})


@covers("STA-11", "SUB-07")
def steps_left_in_nested_graphs(lg, drive):
    """A nested graph counts its own steps."""

    class State(TypedDict):
        log: Annotated[list, operator.add]
        left: lg.managed.RemainingSteps

    note = drive.node(lambda s: {"log": [s["left"]]})
    inner = chain(lg, State, ("x", note), ("y", note)).compile()
    yield drive.invoke(
        chain(lg, State, ("a", note), ("inner", inner)).compile(), {"log": []}, {"recursion_limit": 7}
    )


@covers("STA-11", "GRA-30")
def sent_tasks_have_no_managed_values(lg, drive):
    """A Send's payload is handed on as it is: managed values are not added."""

    class State(TypedDict):
        log: Annotated[list, operator.add]
        left: lg.managed.RemainingSteps

    graph = chain(lg, State, ("a", drive.node(lambda s: None)))
    graph.add_node("w", drive.node(lambda p: {"log": [sorted(p)]}))
    graph.add_conditional_edges("a", lambda s: [lg.types.Send("w", {"i": s["left"]})])
    yield drive.every(graph.compile(), {"log": []})


@covers("PKG-20")
def where_they_are_found(lg):
    """IsLastStep and RemainingSteps are annotations of bool and int; the older path works."""
    for name in ("IsLastStep", "RemainingSteps"):
        annotation = getattr(lg.managed, name)
        yield name, annotation.__origin__, annotation == getattr(lg.managed.is_last_step, name)
