"""
The examples of LangGraph's streaming guides, run with `langgraph` written as `otgraph`.

Expected outputs are the guides', in the form LangGraph 1.2.22 gives them where that differs: triggers are
tuples of channels, a task's result is a dict, and a debug chunk begins with its step.

Not here yet, because they need what otgraph does not have yet:

| example                                             | comes with                           |
|-----------------------------------------------------|--------------------------------------|
| an agent's progress, tokens, tool updates, modes    | `create_react_agent`                 |
| custom data from inside a tool                      | `create_react_agent` and `ToolNode`  |
"""
