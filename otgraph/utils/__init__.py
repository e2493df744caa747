"""The old import path of what LangGraph's users did with configs and nodes."""
