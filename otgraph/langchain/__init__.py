"""What knows LangChain: its messages, and how its models find the run they are called in."""
