"""Entrypoints and tasks whose runs are saved: restored calls, questions, `previous`, states."""

from parity.registry import covers

THREAD = {"configurable": {"thread_id": "1"}}
MODES = ["values", "updates", "custom", "tasks", "checkpoints"]


def saved(lg, drive, body, **options):
    """Return an entrypoint with a saver of its own."""
    saver = lg.checkpoint.memory.InMemorySaver()
    return lg.func.entrypoint(checkpointer=saver, **options)(drive.node(body))


def turn(drive, graph, given, config=THREAD):
    """Return the chunks of one run, and the state after it."""
    return drive.stream(graph, given, config, stream_mode=MODES), drive.attempt(graph.get_state, config)


def tasks_of(lg, drive):
    """Return a task that says something, and one that asks."""

    @lg.func.task
    @drive.node
    def add(x):
        lg.config.get_stream_writer()("adding")
        return x + 1

    @lg.func.task
    @drive.node
    def ask(x):
        return lg.types.interrupt(f"question {x}")

    return add, ask


@covers("FUN-05")
def checkpoints(lg, drive):
    """The input is superstep -1, the function runs in superstep 0; the next turn goes on from there."""

    def main(x, previous=None):
        return [x, previous]

    graph = saved(lg, drive, main)
    yield from turn(drive, graph, 1)
    yield from turn(drive, graph, 2)
    yield drive.attempt(lambda: list(graph.get_state_history(THREAD)))


@covers("FUN-07", "FUN-09", "FUN-10", "HIL-15")
def a_task_asks(lg, drive):
    """The run stops where a task asks; resumed, finished calls only start, and the answer is the task's."""
    add, ask = tasks_of(lg, drive)

    async def main(x, previous=None):
        first = await drive.result(add(x))
        answer = await drive.result(ask(first))
        return [first, answer, await drive.result(add(first)), previous]

    graph = saved(lg, drive, main)
    yield from turn(drive, graph, 1)
    yield from turn(drive, graph, lg.types.Command(resume="A"))
    yield from turn(drive, graph, 5)
    yield from turn(drive, graph, lg.types.Command(resume="B"))


@covers("FUN-10")
def questions_one_after_the_other(lg, drive):
    """Tasks and the body ask in turn; each answer is taken by whoever asks next."""
    _, ask = tasks_of(lg, drive)

    async def main(x):
        first = await drive.result(ask(1))
        own = lg.types.interrupt("body 1")
        more = lg.types.interrupt("body 2")
        return [first, own, more, await drive.result(ask(2))]

    graph = saved(lg, drive, main)
    yield from turn(drive, graph, 1)
    for answer in "ABCD":
        yield from turn(drive, graph, lg.types.Command(resume=answer))


@covers("FUN-07", "FUN-13")
def a_loop_with_questions(lg, drive):
    """Calls are matched by their order: the n-th call finds what the n-th call returned."""
    add, ask = tasks_of(lg, drive)

    async def main(n):
        results = []
        for i in range(n):
            results.append(await drive.result(add(10 * i)))
            results.append(await drive.result(ask(i)))
        return results

    graph = saved(lg, drive, main)
    yield from turn(drive, graph, 2)
    yield from turn(drive, graph, lg.types.Command(resume="one"))
    yield from turn(drive, graph, lg.types.Command(resume="two"))


@covers("FUN-07")
def a_run_that_failed(lg, drive):
    """Resumed after an error, the body runs again, and what had finished does not."""
    add, _ = tasks_of(lg, drive)
    failures = []

    @lg.func.task
    @drive.node
    def shaky(x):
        failures.append(x)
        if len(failures) == 1:
            raise ValueError("shaky")
        return x

    bodies = []

    async def main(x):
        bodies.append(x)
        results = [await drive.result(add(x)), await drive.result(shaky(x))]
        if len(bodies) == 2:
            raise ValueError("body")
        return results

    graph = saved(lg, drive, main)
    yield from turn(drive, graph, 1)
    yield from turn(drive, graph, None)
    yield from turn(drive, graph, None)
    yield len(failures), len(bodies)


@covers("FUN-04", "FUN-11")
def previous_and_final(lg, drive):
    """`previous` is what the last run saved; `entrypoint.final` saves something else than it returns."""

    def main(x, *, previous):
        return lg.func.entrypoint.final(value=[x, previous], save=10 * x)

    def plain(x, *, previous=None):
        return (previous or 0) + x

    for function in (main, plain):
        graph = saved(lg, drive, function)
        for given in (1, 2, 3):
            yield drive.invoke(graph, given, THREAD), drive.attempt(graph.get_state, THREAD).values


@covers("FUN-11")
def updated_states(lg, drive):
    """`update_state` sets what the next run finds as `previous`."""

    def main(x, *, previous=None):
        return [x, previous]

    graph = saved(lg, drive, main)
    yield drive.invoke(graph, 1, THREAD)
    yield drive.attempt(graph.update_state, THREAD, "by hand")
    yield drive.attempt(graph.get_state, THREAD)
    yield drive.invoke(graph, 2, THREAD)
    yield drive.attempt(lambda: [state.values for state in graph.get_state_history(THREAD)])


@covers("FUN-05")
def durability(lg, drive):
    """A turn that stops and goes on, with each durability."""
    add, ask = tasks_of(lg, drive)

    async def main(x):
        return [await drive.result(add(x)), await drive.result(ask(x))]

    for durability in ("sync", "async", "exit"):
        graph = saved(lg, drive, main)
        yield drive.invoke(graph, 1, THREAD, durability=durability)
        yield drive.stream(
            graph, lg.types.Command(resume="A"), THREAD, durability=durability, stream_mode="tasks"
        )
        yield drive.attempt(lambda graph=graph: list(graph.get_state_history(THREAD)))


@covers("FUN-10")
def entrypoints_inside(lg, drive):
    """An entrypoint called by an entrypoint, a task or a node is saved with it, and stops it where it asks."""
    add, ask = tasks_of(lg, drive)

    async def inner_body(x):
        return [await drive.result(add(x)), await drive.result(ask(x))]

    inner = lg.func.entrypoint()(drive.node(inner_body))

    async def main(x):
        return await drive.call(inner, x)

    graph = saved(lg, drive, main)
    yield drive.every(graph, 1, THREAD)
    yield drive.every(graph, lg.types.Command(resume="A"), THREAD)


@covers("FUN-11", "FUN-05")
def unknown_threads(lg, drive):
    """Of a thread that nothing is known of, the state is empty, whatever a function returns."""
    graph = saved(lg, drive, lambda x: x)
    yield drive.attempt(graph.get_state, {"configurable": {"thread_id": "nobody"}})
    yield drive.attempt(lambda: list(graph.get_state_history({"configurable": {"thread_id": "nobody"}})))


@covers("FUN-02", "FUN-07")
def breakpoints(lg, drive):
    """A run stops before and after the function as before and after any node."""
    add, _ = tasks_of(lg, drive)

    async def main(x, previous=None):
        return [await drive.result(add(x)), previous]

    graph = saved(lg, drive, main)
    yield drive.every(graph, 1, THREAD, interrupt_before=["main"])
    yield drive.every(graph, None, THREAD)
    yield drive.every(graph, 2, THREAD, interrupt_after="*")
    yield drive.every(graph, None, THREAD)


@covers("FUN-05", "FUN-11")
def points_of_the_past(lg, drive):
    """A thread is taken up again from where it was: its tasks run again there, and `previous` is what it was."""
    add, _ = tasks_of(lg, drive)

    async def main(x, previous=None):
        return [await drive.result(add(x)), previous]

    graph = saved(lg, drive, main)
    for given in (1, 2):
        drive.invoke(graph, given, THREAD)
    history = list(graph.get_state_history(THREAD))
    for state in history:
        yield state.values, state.next
        yield drive.every(graph, None, state.config)
    yield drive.every(graph, 9, history[-2].config)


@covers("FUN-04", "SUB-04")
def memories_inside(lg, drive):
    """An entrypoint inside another one has memory of its own if it asks for that."""

    def count(x, previous=None):
        return (previous or 0) + x

    for checkpointer in (None, True, False):
        inner = lg.func.entrypoint(checkpointer=checkpointer)(drive.node(count))

        async def main(x, inner=inner):
            return [await drive.call(inner, x), await drive.call(inner, x)]

        graph = saved(lg, drive, main)
        yield [drive.invoke(graph, 1, THREAD), drive.invoke(graph, 1, THREAD)]
