"""
The examples of LangGraph's streaming guides, run with `langgraph` written as `otgraph`.

Expected outputs are the guides', in the form LangGraph 1.2.22 gives them where that differs: triggers are
tuples of channels, a task's result is a dict, and a debug chunk begins with its step.

Not here yet, because they need what otgraph does not have yet:

| example                                             | comes with                           |
|-----------------------------------------------------|--------------------------------------|
| tokens of a chat model (`stream_mode="messages"`)   | messages and the LangChain extra     |
| tokens filtered by tag, by node                     | messages and the LangChain extra     |
| `config` handed to a model on Python 3.10           | messages and the LangChain extra     |
| an agent's progress, tokens, tool updates, modes    | `create_react_agent`                 |
| custom data from inside a tool                      | `create_react_agent` and `ToolNode`  |
"""
