"""otgraph: agent graphs in which every run, superstep and task is an OpenTelemetry span."""
