"""What a run asks of its saver, and what it does when the saver fails or its contents are odd."""

import operator
from typing import Annotated, TypedDict

from parity.registry import covers

from .states import Log, chain, fan, saying, speaker
from .threads import FULL, THREAD, asker, brief, thread


def noting(lg, calls, **overrides):
    """Return a saver that notes what it is asked to keep."""

    def of_a_thread(config):
        return sorted((key, at) for key, at in config["configurable"].items() if not key.startswith("__"))

    def note_put(config, checkpoint, metadata, new_versions):
        calls.append(
            ("put", of_a_thread(config), checkpoint["id"], metadata["step"], sorted(new_versions.items()))
        )

    def note_writes(config, writes, task_id, task_path):
        calls.append(("put_writes", of_a_thread(config), list(writes), task_id, task_path))

    class Noting(lg.checkpoint.memory.InMemorySaver):
        def put(self, config, checkpoint, metadata, new_versions):
            note_put(config, checkpoint, metadata, new_versions)
            return super().put(config, checkpoint, metadata, new_versions)

        async def aput(self, config, checkpoint, metadata, new_versions):
            note_put(config, checkpoint, metadata, new_versions)
            return super().put(config, checkpoint, metadata, new_versions)

        def put_writes(self, config, writes, task_id, task_path=""):
            note_writes(config, writes, task_id, task_path)
            return super().put_writes(config, writes, task_id, task_path)

        async def aput_writes(self, config, writes, task_id, task_path=""):
            note_writes(config, writes, task_id, task_path)
            return super().put_writes(config, writes, task_id, task_path)

    for name, function in overrides.items():
        setattr(Noting, name, function)
    return Noting()


@covers("CKP-09", "CKP-12", "CKP-05", "CKP-10")
def what_is_asked_for(lg, drive):
    """put gets the parent's config and the versions that are new; put_writes the writes of each task, with its path."""
    calls = []
    builder = chain(lg, Log, ("a", speaker(drive, "a")))
    builder.add_node("w", drive.node(lambda s: {"log": [s["i"]]}, turn=1))
    builder.add_node("b", speaker(drive, "b", turn=0))
    builder.add_node("q", asker(lg, drive, "q", turn=2))
    builder.add_conditional_edges("a", lambda s: [lg.types.Send("w", {"i": 1}), "b", "q"])
    for durability in ("sync", "exit"):
        calls.clear()
        graph = builder.compile(checkpointer=noting(lg, calls))
        yield drive.invoke(graph, {"log": ["in"]}, THREAD, durability=durability)
        yield from calls
        calls.clear()
        yield drive.invoke(
            graph, lg.types.Command(resume="yes", update={"log": ["u"]}), THREAD, durability=durability
        )
        yield from calls


@covers("CKP-03")
def versions_of_other_savers(lg, drive):
    """A saver makes its own versions: ints, floats or texts, as long as they grow."""
    makers = {
        "ints": lambda self, current, channel: (current or 0) + 1,
        "floats": lambda self, current, channel: (current or 0.0) + 0.5,
        "texts": lambda self, current, channel: (current or "") + "x",
    }
    for name, maker in makers.items():
        saver = noting(lg, [], get_next_version=maker)
        builder = fan(lg, Log, ("a", speaker(drive, "a", turn=0)), ("q", asker(lg, drive, "q", turn=1)))
        builder.add_node("join", speaker(drive, "join"))
        builder.add_edge(["a", "q"], "join")
        graph = builder.compile(checkpointer=saver)
        yield name, drive.invoke(graph, {"log": ["in"]}, THREAD)
        yield drive.invoke(graph, lg.types.Command(resume="yes"), THREAD)
        yield drive.invoke(graph, {"log": ["more"]}, THREAD)
        yield drive.saved(saver, THREAD)


@covers("CKP-24", "ENG-32")
def a_saver_that_fails(lg, drive):
    """What the saver raises ends the run; nothing is saved after it."""

    def failing_at(step):
        saver = noting(lg, [])
        put = type(saver).put

        def fail(self, config, checkpoint, metadata, new_versions):
            if metadata["step"] == step:
                raise OSError(f"no room for step {step}")
            return put(self, config, checkpoint, metadata, new_versions)

        async def afail(self, *args):
            return fail(self, *args)

        type(saver).put, type(saver).aput = fail, afail
        return saver

    for durability in ("sync", "async", "exit"):
        for step in (-1, 1, 3):
            saver = failing_at(step)
            graph = chain(lg, Log, *saying(drive, "a", "b", "c")).compile(checkpointer=saver)
            yield durability, step, drive.invoke(graph, {"log": []}, THREAD, durability=durability)
            yield [each.metadata["step"] for each in drive.saved(saver, THREAD)]


@covers("CKP-24", "CKP-12")
def writes_that_cannot_be_saved(lg, drive):
    """Where the writes of a task cannot be saved, the run ends with what the saver raises."""

    def refuse(self, config, writes, task_id, task_path=""):
        raise OSError("no room for writes")

    async def arefuse(self, *args):
        raise OSError("no room for writes")

    for durability in ("sync", "async"):
        saver = noting(lg, [], put_writes=refuse, aput_writes=arefuse)
        graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
        yield drive.invoke(graph, {"log": []}, THREAD, durability=durability)


@covers("CKP-11", "RUN-22")
def savers_of_one_colour(lg, drive):
    """A saver without the methods that a run of this colour calls ends it; states of either colour too."""
    memory = lg.checkpoint.memory.InMemorySaver

    class SyncOnly(lg.checkpoint.base.BaseCheckpointSaver):
        def __init__(self):
            super().__init__()
            self.kept = memory()

        def get_tuple(self, config):
            return self.kept.get_tuple(config)

        def list(self, config, **kwargs):
            return self.kept.list(config, **kwargs)

        def put(self, *args):
            return self.kept.put(*args)

        def put_writes(self, *args):
            return self.kept.put_writes(*args)

    class AsyncOnly(lg.checkpoint.base.BaseCheckpointSaver):
        def __init__(self):
            super().__init__()
            self.kept = memory()

        async def aget_tuple(self, config):
            return self.kept.get_tuple(config)

        async def alist(self, config, **kwargs):
            for each in self.kept.list(config, **kwargs):
                yield each

        async def aput(self, *args):
            return self.kept.put(*args)

        async def aput_writes(self, *args):
            return self.kept.put_writes(*args)

    for saver in (SyncOnly(), AsyncOnly(), lg.checkpoint.base.BaseCheckpointSaver()):
        graph = chain(lg, Log, *saying(drive, "a"), ("q", asker(lg, drive, "q"))).compile(checkpointer=saver)
        yield type(saver).__name__, drive.every(graph, {"log": ["in"]}, THREAD, modes=FULL)
        yield drive.every(graph, lg.types.Command(resume="yes"), THREAD, modes=FULL)
        yield drive.state(graph, THREAD)
        yield drive.history(graph, THREAD), drive.update(graph, THREAD, {"log": ["u"]}, as_node="a")


@covers("CKP-08")
def a_saver_that_cannot_read(lg, drive):
    """What the saver raises when it is asked for the checkpoint reaches the caller."""

    def refuse(self, config):
        raise OSError("unreadable")

    async def arefuse(self, config):
        raise OSError("unreadable")

    saver = noting(lg, [], get_tuple=refuse, aget_tuple=arefuse)
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
    yield drive.invoke(graph, {"log": []}, THREAD)
    yield drive.state(graph, THREAD)
    yield drive.update(graph, THREAD, {"log": []})


@covers("CKP-19", "CKP-16")
def values_that_cannot_be_saved(lg, drive):
    """A value that the serialiser refuses ends the run, at the latest at its end."""
    for durability in ("sync", "async", "exit"):
        graph = chain(
            lg, Log, ("a", drive.node(lambda s: {"log": [lambda: None]})), ("b", speaker(drive, "b"))
        ).compile(checkpointer=drive.saver())
        result = drive.invoke(graph, {"log": []}, THREAD, durability=durability)
        yield durability, type(result.error).__name__ if hasattr(result, "error") else result


@covers("CKP-13")
def values_are_copies(lg, drive):
    """What is saved is a copy: changing what a run returned changes nothing of the thread."""
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=drive.saver())
    result = drive.invoke(graph, {"log": [["in"]]}, THREAD)
    result["log"][0].append("changed")
    state = drive.state(graph, THREAD)
    yield state.values
    state.values["log"].append("changed")
    yield drive.state(graph, THREAD).values
    yield drive.invoke(graph, {"log": []}, THREAD)


@covers("CKP-01", "CKP-08")
def threads_are_apart(lg, drive):
    """Threads of one saver, and graphs with savers of their own, know nothing of each other; threads can be deleted."""
    saver = drive.saver()
    graph = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=saver)
    other = chain(lg, Log, *saying(drive, "a")).compile(checkpointer=drive.saver())
    for name in "121":
        yield drive.invoke(graph, {"log": [name]}, thread(name))
    yield drive.invoke(other, {"log": ["other"]}, THREAD)
    saver.delete_thread("1")
    yield drive.state(graph, thread("1")), drive.state(graph, thread("2")).values
    yield brief(drive.history(graph, thread("1")))
    yield drive.invoke(graph, {"log": ["again"]}, thread("1"))


@covers("CKP-04")
def checkpoints_of_older_formats(lg, drive):
    """Formats 1 to 3 are read: what made nodes due then does so today."""
    saver = drive.saver()
    base = lg.checkpoint.base
    builder = chain(lg, Log, ("a", speaker(drive, "a")), ("b", speaker(drive, "b", turn=1)))
    builder.add_node("w", drive.node(lambda s: {"log": [s]}, turn=0))
    graph = builder.compile(checkpointer=saver)
    for version, values in (
        (1, {"log": ["old"], "a": "a"}),
        (2, {"log": ["old"], "branch:a:choose:b": "a"}),
        (2, {"log": ["old"], "start:a": "__start__"}),
        (3, {"log": ["old"], "branch:to:b": None}),
        (4, {"log": ["old"], "branch:to:b": None}),
    ):
        name = f"{version} {sorted(values)}"
        for step in (0, 1):
            checkpoint = base.empty_checkpoint() | {
                "v": version,
                "channel_values": dict(values),
                "channel_versions": dict.fromkeys(values, f"{step + 1:032}.0.5"),
                "versions_seen": {"__input__": {}},
            }
            parent = saver.get_tuple(thread(name))
            config = parent.config if parent else thread(name, checkpoint_ns="")
            saver.put(
                config,
                checkpoint,
                {"source": "loop", "step": step, "parents": {}},
                checkpoint["channel_versions"],
            )
        yield drive.one_saved(saver, thread(name))
        yield drive.state(graph, thread(name))
        yield drive.every(graph, None, thread(name), modes=FULL)


class Numbers(TypedDict):
    """A sum and a plain number."""

    total: Annotated[int, operator.add]
    n: int


@covers("CKP-01", "SAP-01")
def a_graph_that_changed(lg, drive):
    """A thread goes on in a graph whose keys and nodes have changed; what is unknown now is left out."""
    saver = drive.saver()
    first = chain(lg, Log, *saying(drive, "a", "b")).compile(checkpointer=saver, interrupt_before=["b"])
    yield drive.invoke(first, {"log": ["in"]}, THREAD)
    second = chain(lg, Numbers, ("b", drive.node(lambda s: {"total": 1, "n": 2}))).compile(checkpointer=saver)
    yield drive.state(second, THREAD)
    yield drive.every(second, None, THREAD, modes=FULL)
    third = chain(lg, Numbers, ("c", drive.node(lambda s: {"total": 1}))).compile(checkpointer=saver)
    yield drive.state(third, THREAD)
    yield drive.every(third, None, THREAD, modes=FULL)
    yield drive.every(third, {"n": 7}, THREAD, modes=FULL)
    yield drive.history(third, THREAD)
    yield drive.state(first, THREAD)
