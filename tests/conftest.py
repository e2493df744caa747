"""What all tests share."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# A busy machine is slow, which says nothing of the code.
settings.register_profile("otgraph", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("otgraph")


def pytest_configure() -> None:
    """Hear Ctrl-C even where a shell has started the tests in the background, which makes them deaf to it."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
