"""What a run prints."""

import re

from parity.registry import covers

from .states import Log, chain, saying

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


@covers("RUN-08")
def printed_modes(lg, drive):
    """print_mode prints chunks as `[mode] payload` and changes nothing of what is yielded."""
    inner = chain(lg, Log, *saying(drive, "x")).compile()
    graph = chain(lg, Log, *saying(drive, "a"), ("inner", inner)).compile()
    for options in (
        {"print_mode": "values"},
        {"print_mode": "updates"},
        {"print_mode": ["updates", "values"]},
        {"print_mode": ("tasks", "values"), "stream_mode": "values"},
        {"print_mode": "updates", "subgraphs": True},
        {"print_mode": "custom", "stream_mode": ["custom"]},
        {"debug": True},
        {"print_mode": ()},
    ):
        yield options
        with drive.printed() as printed:
            chunks = drive.stream(graph, {"log": []}, **options)
        yield chunks
        yield printed
        yield [COLOUR.sub("", line) for line in printed]
    with drive.printed() as printed:
        result = drive.invoke(graph, {"log": []}, print_mode="updates")
    yield result, printed


@covers("RUN-08", "GRA-08")
def debug_at_compile(lg, drive):
    """compile(debug=True) prints updates and values of every run."""
    graph = chain(lg, Log, *saying(drive, "a")).compile(debug=True)
    with drive.printed() as printed:
        chunks = drive.stream(graph, {"log": []})
    yield chunks
    yield printed
    with drive.printed() as printed:
        result = drive.invoke(graph, {"log": []})
    yield result, printed
