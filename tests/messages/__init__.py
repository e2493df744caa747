"""Messages in state and in streams, with LangChain and without."""
