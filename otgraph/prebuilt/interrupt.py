"""Door to the shapes of an agent's interrupts."""

from otgraph.langchain.agents.human import ActionRequest, HumanInterrupt, HumanInterruptConfig, HumanResponse

__all__ = ["ActionRequest", "HumanInterrupt", "HumanInterruptConfig", "HumanResponse"]
