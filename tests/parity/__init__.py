"""The differential suite: the same program runs on otgraph and on LangGraph, and both must show the same."""
