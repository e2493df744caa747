"""Where packages look for the names of LangGraph's transformers."""
