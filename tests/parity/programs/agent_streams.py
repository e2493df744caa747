"""What an agent streams: updates, tokens, custom items of tools, tasks, checkpoints."""

from parity.registry import covers

from .fakes import calling, human, lc, scripted, tool
from .react_agent import BOTH, react
from .states import chain

MODES = ["updates", "values", "messages", "custom", "tasks", "checkpoints", "debug"]


def talkative(**options):
    """Return a model that says something with each answer."""
    calls = calling(("look", {"what": "a"}), ("look", {"what": "b"}, "c2"), text="let me see", id="a1")
    return scripted(calls, lc().AIMessage("all is done", id="a2"), **options)


def looking(lg, drive):
    """Return a tool that writes custom items."""

    async def look(what: str) -> str:
        """Look at something."""
        write = lg.config.get_stream_writer()
        for number in range(2):
            await drive.turn(number, what)
            write({what: number})
        await drive.turn(2, what)
        return f"saw {what}"

    return tool(drive, look)


@covers("PRE-05", "STR-33")
def each_mode(lg, drive):
    """Each mode alone shows its view of the same run."""
    for mode in MODES:
        agent = react(lg, talkative(), [looking(lg, drive)])
        yield mode, drive.stream(agent, human(), stream_mode=mode)


@covers("PRE-05")
def modes_together(lg, drive):
    """All of them together, in one order, for both ways to call tools."""
    for version in BOTH:
        agent = react(lg, talkative(), [looking(lg, drive)], checkpointer=drive.saver(), version=version)
        config = {"configurable": {"thread_id": "1"}}
        yield drive.stream(agent, human(), config, stream_mode=MODES[:5])
        yield drive.state(agent, config).values


@covers("PRE-05", "STR-40")
def metadata(lg, drive):
    """Tokens say that they are of the agent, messages of tools where they come from."""
    agent = react(lg, talkative(tags=["mine"]), [looking(lg, drive)], name="talker")
    chunks = drive.stream(agent, human(), {"tags": ["u"], "metadata": {"m": 1}}, stream_mode="messages")
    yield [(message, metadata["langgraph_node"], metadata["langgraph_path"]) for message, metadata in chunks]
    for version in BOTH:
        agent = react(lg, talkative(), [looking(lg, drive)], version=version)
        yield drive.stream(agent, human(), {"tags": ["u"], "metadata": {"m": 1}}, stream_mode="messages")


@covers("PRE-05")
def models_in_tools(lg, drive):
    """A model that a tool asks streams its tokens as the tool's."""
    inner = scripted(lc().AIMessage("tokens of a tool", id="i"))

    async def ask(what: str) -> str:
        """Ask another model."""
        answer = inner.invoke(what) if drive.functions == "sync" else await inner.ainvoke(what)
        return answer.content

    for version in BOTH:
        model = scripted(calling(("ask", {"what": "x"}), id="a1"), lc().AIMessage("done", id="a2"))
        agent = react(lg, model, [tool(drive, ask)], version=version)
        yield drive.stream(agent, human(), stream_mode=["messages", "updates"])


@covers("PRE-05", "SUB-01")
def through_namespaces(lg, drive):
    """As a node of a graph the agent is seen through its namespace, in each mode."""
    agent = react(lg, talkative(), [looking(lg, drive)], name="inner")
    graph = chain(lg, lg.graph.MessagesState, ("agent", agent)).compile()
    for subgraphs in (False, True):
        yield drive.stream(graph, human(), stream_mode=MODES[:5], subgraphs=subgraphs)


@covers("PRE-05")
def the_second_format(lg, drive):
    """Chunks of the second format have the same in them."""
    agent = react(lg, talkative(), [looking(lg, drive)])
    yield drive.stream(agent, human(), stream_mode=["updates", "messages", "custom"], version="v2")
    yield drive.invoke(agent, human(), version="v2")


@covers("PRE-05", "PRE-14")
def failures(lg, drive):
    """What was shown before a tool fails stays shown."""

    async def look(what: str) -> str:
        """Fail."""
        lg.config.get_stream_writer()({"before": what})
        await drive.turn(what)
        raise ValueError(what)

    model = scripted(calling(("look", {"what": "a"}), text="see", id="a1"))
    for version in BOTH:
        agent = react(lg, model, [tool(drive, look)], version=version)
        yield drive.stream(agent, human(), stream_mode=["updates", "messages", "custom", "tasks"])
