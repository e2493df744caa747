"""Trace policies change what telemetry sees of a node, and nothing else."""

from parity.registry import covers

from .states import Log, speaker


@covers("REL-27")
def streams_and_state(lg, drive):
    """What a policy rewrites, a stream shows as it is; so does the state."""
    Policy, omit = lg.types.TracePolicy, lg.types.omit_payload

    def fails(payload):
        raise ValueError("policy")

    for policy in (
        None,
        Policy(),
        Policy(process_inputs=omit, process_outputs=omit),
        Policy(process_outputs=lambda payload: "rewritten"),
        Policy(process_inputs=fails, process_outputs=fails),
    ):
        builder = lg.graph.StateGraph(Log).add_node("a", speaker(drive, "a"), trace_policy=policy)
        yield drive.every(builder.add_edge("__start__", "a").compile(), {"log": ["in"]})


@covers("REL-27")
def fields(lg):
    """A policy has two hooks, by name only; omitting gives an empty dict whatever the payload is."""
    yield lg.types.TracePolicy(), lg.types.TracePolicy(process_inputs=None)
    for payload in (None, {"a": 1}, [1], "text"):
        yield lg.types.omit_payload(payload)
    try:
        lg.types.TracePolicy(None)
    except TypeError as error:
        yield type(error)
