"""The command `otgraph`: run graphs, look at traces, draw, check telemetry."""
