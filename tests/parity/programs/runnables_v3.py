"""What `stream_events` and `astream_events` of version 3 hand out: events, and projections of them."""

from parity.registry import covers

from .fakes import calling, human, scripted
from .messages import ask, fake
from .states import Log, chain, saying
from .tools_mode import talking


def shown(event):
    """Return an event without its time, which differs."""
    params = event["params"]
    return event["method"], params["namespace"], params["data"], params.get("interrupts"), event["seq"]


class Reader:
    """Reads runs in the colour of a drive."""

    def __init__(self, drive):
        self.asynchronous = drive.driver == "async"

    async def begin(self, graph, *args, **kwargs):
        if self.asynchronous:
            return await graph.astream_events(*args, version="v3", **kwargs)
        return graph.stream_events(*args, version="v3", **kwargs)

    async def all(self, channel):
        return [item async for item in channel] if self.asynchronous else list(channel)

    async def some(self, channel, count):
        if self.asynchronous:
            iterator = aiter(channel)
            return [await anext(iterator) for _ in range(count)]
        iterator = iter(channel)
        return [next(iterator) for _ in range(count)]

    async def value(self, run, name):
        found = getattr(run, name)
        return await found() if self.asynchronous else found

    async def answer(self, message):
        output = await message.output if self.asynchronous else message.output
        return [part async for part in message.text] if self.asynchronous else list(message.text), output

    async def abort(self, run):
        found = run.abort()
        if self.asynchronous:
            await found


def read(drive, graph, given, how, *args, **kwargs):
    """Return what `how(reader, run)` returns of a run."""
    reader = Reader(drive)

    async def body():
        run = await reader.begin(graph, given, *args, **kwargs)
        return await how(reader, run)

    return drive.awaited(body)


async def events(reader, run):
    """Return all events, then how the run ended."""
    seen = [shown(event) for event in await reader.all(run)]
    ends = [await reader.value(run, name) for name in ("output", "interrupted", "interrupts")]
    return seen, ends


def nested(lg, drive):
    inner = chain(lg, Log, *saying(drive, "x", "y")).compile(name="innermost")
    middle = chain(lg, Log, ("inner", inner)).compile()
    return chain(lg, Log, ("a", saying(drive, "a")[0][1]), ("middle", middle)).compile()


@covers("STR-56", "STR-57", "STR-58")
def graphs_inside(lg, drive):
    """States and the lives of graphs inside; a graph inside is read as the run is."""
    graph = nested(lg, drive)
    yield read(drive, graph, {"log": []}, events)

    async def values(reader, run):
        return await reader.all(run.values), await reader.all(run.lifecycle)

    yield read(drive, graph, {"log": []}, values)

    async def inside(reader, run):
        found = []
        (middle,) = await reader.some(run.subgraphs, 1)
        (inner,) = await reader.some(middle.subgraphs, 1)
        for each in (inner, middle):
            found.append((each.path, each.graph_name, each.trigger_call_id, each.status))
            found.append(await reader.all(each.values))
            found.append((await reader.value(each, "output"), each.status, each.error))
        return found, await reader.value(run, "output")

    yield read(drive, graph, {"log": []}, inside)


@covers("STR-56", "STR-47")
def answers(lg, drive):
    """A model tells events of its content, and its answer is a stream of its own; whole messages are answers too."""

    @drive.node
    async def speaks(state):
        return {"log": [(await ask(drive, fake("a b"), "hi")).text]}

    async def messages(reader, run):
        return [
            (message.namespace, message.node, await reader.answer(message))
            for message in await reader.all(run.messages)
        ]

    graph = chain(lg, Log, ("speaks", speaks)).compile()
    for how in (events, messages):
        yield read(drive, graph, {"log": []}, how)
    from langchain_core.messages import AIMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage

    said = [
        AIMessage("whole", id="1"),
        HumanMessage("mine", id="2"),
        calling(("f", {"x": 1}), id="3"),
        ToolMessage("answer", tool_call_id="c1", id="4"),
        SystemMessage("system", id="5"),
        RemoveMessage(id="1"),
    ]
    graph = chain(lg, lg.graph.MessagesState, ("n", drive.node(lambda state: {"messages": said}))).compile()
    for how in (events, messages):
        yield read(drive, graph, {"messages": []}, how)


@covers("STR-56", "STR-57")
def ends(lg, drive):
    """A question, its answer, an error, a run that is aborted."""
    saver = lg.checkpoint.memory.InMemorySaver()
    asks = chain(lg, Log, ("asks", drive.node(lambda state: {"log": [lg.types.interrupt("why")]})))
    config = {"configurable": {"thread_id": "1"}}
    for graph in (
        asks.compile(checkpointer=saver),
        chain(lg, Log, ("in", asks.compile())).compile(checkpointer=saver),
    ):
        yield read(drive, graph, {"log": []}, events, config)
        yield read(drive, graph, lg.types.Command(resume="so"), events, config)

    def fails(state):
        raise ValueError("lost")

    inner = chain(lg, Log, ("fails", drive.node(fails))).compile()

    async def lives(reader, run):
        found = []
        try:
            found.append(await reader.all(run.lifecycle))
        except ValueError as error:
            found.append(error)
        try:
            found.append(await reader.value(run, "output"))
        except ValueError as error:
            found.append(error)
        return found

    for how in (events, lives):
        yield read(drive, chain(lg, Log, ("in", inner)).compile(), {"log": []}, how)

    async def aborted(reader, run):
        first = await reader.some(run.values, 1)
        await reader.abort(run)
        return first, await reader.value(run, "output")

    yield read(drive, nested(lg, drive), {"log": []}, aborted)


@covers("STR-59")
def transformers(lg, drive):
    """Transformers are made for each scope, see all events, may hide them, and make events and projections."""
    stream = lg.stream
    seen = []

    class Mine(stream.StreamTransformer):
        required_stream_modes = ("custom", "updates")

        def init(self):
            self.loud, self.quiet = stream.StreamChannel("loud"), stream.StreamChannel()
            return {"loud": self.loud, "quiet": self.quiet, "plain": 1}

        def process(self, event):
            seen.append((self.scope, event["method"], event["params"]["namespace"]))
            if event["method"] == "custom":
                self.loud.push(event["params"]["data"])
                self.quiet.push(event["params"]["data"])
                return False
            return True

        def finalize(self):
            self.loud.push("end")

    @drive.node
    def writes(state):
        lg.config.get_stream_writer()("written")
        return {"log": ["w"]}

    inner = chain(lg, Log, ("writes", writes)).compile()
    builder = chain(lg, Log, ("writes", writes), ("inner", inner))
    yield read(drive, builder.compile(transformers=[Mine]), {"log": []}, events), seen[:]
    seen.clear()

    async def projections(reader, run):
        names = sorted(run.extensions)
        return names, hasattr(run, "loud"), run.extensions["plain"], await reader.all(run.extensions["quiet"])

    yield read(drive, builder.compile(), {"log": []}, projections, transformers=[Mine])
    opted = [stream.UpdatesTransformer, stream.CustomTransformer, stream.TasksTransformer]

    async def added(reader, run):
        return sorted(run.extensions), await reader.all(run.updates)

    for how in (events, added):
        yield read(drive, builder.compile(), {"log": []}, how, transformers=opted)


@covers("STR-57", "STR-59")
def readers(lg, drive):
    """A channel has one reader, who may be several; projections may be read interleaved."""
    graph = nested(lg, drive)

    async def twice(reader, run):
        await reader.all(run.values)
        return await reader.all(run.values)

    yield read(drive, graph, {"log": []}, twice)

    async def teed(reader, run):
        readers = run.values.atee(2) if reader.asynchronous else run.values.tee(2)
        return [await reader.all(each) for each in readers]

    yield read(drive, graph, {"log": []}, teed)

    async def woven(reader, run):
        return None if reader.asynchronous else list(run.interleave("values", "lifecycle"))

    yield read(drive, graph, {"log": []}, woven)
    for wish in ({"stream_mode": "values"}, {"subgraphs": True}):
        found = read(drive, graph, {"log": []}, events, **wish)
        yield type(found).__name__


@covers("STR-54", "STR-59")
def tools(lg, drive):
    """The calls of an agent's tools, each with the parts that it hands out."""
    model = scripted(calling(("talk", {"word": "hi"}), id="1"), "done")
    node = talking(lg, drive)

    async def parts(reader, run):
        return [
            (
                call.tool_call_id,
                call.tool_name,
                call.input,
                await reader.all(call.output_deltas),
                call.error,
                call.completed,
            )
            for call in await reader.all(run.tool_calls)
        ]

    agent = lg.prebuilt.create_react_agent(model, [node])
    for how in (parts, events):
        yield read(drive, agent, human(), how, transformers=[lg.prebuilt.ToolCallTransformer])


@covers("STR-58")
def named_agents(lg, drive):
    """A graph inside has the name of the agent that its metadata tell of, and the call of a tool that it is due to."""

    async def lives(reader, run):
        return await reader.all(run.lifecycle), [
            (inner.graph_name, inner.status) for inner in await reader.all(run.subgraphs)
        ]

    named = chain(lg, Log, *saying(drive, "x")).compile().with_config(metadata={"lc_agent_name": "agent"})

    @drive.node
    async def calls(state):
        return await drive.call(named, {"log": []})

    @drive.node
    async def calls_twice(state):
        await drive.call(named, {"log": []})
        return await drive.call(named, {"log": []})

    for node in (named, calls, calls_twice):
        graph = chain(lg, Log, ("n", node)).compile()
        yield read(drive, graph, {"log": []}, lives)
    call = {"name": "tool", "args": {}, "id": "c1", "type": "tool_call"}
    for given in (
        call,
        [call],
        {"tool_call": call},
        [call, {**call, "id": "c2"}],
        ["no call"],
        {"id": "c1"},
        [{}],
    ):
        builder = lg.graph.StateGraph(Log).add_node("n", calls)
        builder.add_conditional_edges(
            "__start__", lambda state, given=given: lg.types.Send("n", given), ["n"]
        )
        yield read(drive, builder.compile(), {"log": []}, lives)
