"""What LangChain is told of an agent: its model, its prompt, its tools and its ways, each a chain."""

from parity.registry import covers

from .callbacks import recorder
from .runnables_nodes import told


def scripted(*answers):
    """Return a model that calls tools, and answers in a shape."""
    from langchain_core.language_models.fake_chat_models import FakeMessagesListChatModel
    from langchain_core.messages import AIMessage

    class Scripted(FakeMessagesListChatModel):
        def bind_tools(self, tools, **kwargs):
            return self.bind(tools=[tool.name for tool in tools])

    calls = [
        AIMessage(answer) if isinstance(answer, str) else AIMessage("", tool_calls=answer)
        for answer in answers
    ]
    return Scripted(responses=calls)


@covers("STR-55", "PRE-01", "PRE-05")
def agents(lg, drive):
    """An agent with tools, with a prompt of each kind, hooks and a structured answer."""
    from langchain_core.runnables import RunnableLambda
    from langchain_core.tools import tool

    @tool
    def double(number: int) -> str:
        """Double a number."""
        return str(2 * number)

    def agent(**more):
        call = [{"name": "double", "args": {"number": 2}, "id": "c1", "type": "tool_call"}]
        return lg.prebuilt.create_react_agent(scripted(call, "four"), [double], **more)

    given = {"messages": [("human", "hi")]}
    hook = drive.node(lambda state: {})
    for more in (
        {},
        {"version": "v1"},
        {"prompt": "be brief"},
        {"prompt": drive.node(lambda state: state["messages"]), "name": "agent"},
        {"prompt": RunnableLambda(drive.node(lambda state: state["messages"]), name="prompt")},
        {"pre_model_hook": hook, "post_model_hook": hook},
        {"pre_model_hook": RunnableLambda(hook, name="before")},
    ):
        yield told(drive, agent(**more), given)
        handler = recorder()
        yield drive.invoke(agent(**more), given, {"callbacks": [handler]})
        yield handler.log
