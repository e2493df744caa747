"""UI messages: in the stream, in the state, merged by id."""

from typing import Annotated

from typing_extensions import TypedDict

from parity.registry import covers

from .messages import lc
from .states import chain


def shown(id, props, **metadata):
    return {"type": "ui", "id": id, "name": "n", "props": props, "metadata": metadata}


def gone(id):
    return {"type": "remove-ui", "id": id}


@covers("STA-27", "PKG-04")
def the_reducer(lg):
    """The same id replaces, adds to, or takes away."""

    def merge(left, right):
        try:
            return lg.graph.ui.ui_message_reducer(left, right)
        except Exception as error:
            return type(error).__name__, str(error)

    one = [shown("1", {"a": 1})]
    yield merge(one, [shown("1", {"b": 2})])
    yield merge(one, [shown("1", {"b": 2}, merge=True)])
    yield merge([shown("1", {"a": {"x": 1}})], [shown("1", {"a": {"y": 1}}, merge=True)])
    yield merge(one, [gone("1")])
    yield merge(one, [gone("2")])
    yield merge(one, [gone("1"), shown("1", {"q": 1})])
    yield merge(one, [shown("1", {"b": 2}, merge=True), gone("1")])
    yield merge([], [shown("1", {"b": 2}, merge=True)])
    yield merge(shown("1", {}), shown("2", {}))
    yield merge(one, [shown("2", {}), shown("2", {"z": 1}, merge=True)])
    yield one


@covers("STA-27")
def pushed(lg, drive):
    """What is pushed is a custom item at once, and state with what the node returns."""
    push, delete = lg.graph.ui.push_ui_message, lg.graph.ui.delete_ui_message
    reducer = lg.graph.ui.ui_message_reducer

    class State(TypedDict, total=False):
        ui: Annotated[list, reducer]
        other: Annotated[list, reducer]

    @drive.node
    def n(state):
        first = push("chart", {"x": 1})
        push("chart", {"y": 2}, id=first["id"], merge=True)
        push("card", {"z": 1}, metadata={"k": "v"}, message=lc().AIMessage("hi", id="m1"), state_key="other")
        push("shown only", {}, state_key=None)
        push("text", {}, message=lc().AIMessage("without an id"))
        delete(first["id"])
        return {"other": [shown("r", {})]}

    graph = chain(lg, State, ("n", n)).compile()
    modes = ["custom", "updates", "values", "tasks"]
    for config in ({}, {"tags": ["u"], "metadata": {"um": 1}, "run_name": "mine"}):
        yield drive.stream(graph, {"ui": []}, config, stream_mode=modes)
    yield drive.invoke(graph, {"ui": []})
