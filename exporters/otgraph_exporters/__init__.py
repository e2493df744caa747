"""OpenTelemetry exporters and processors made for otgraph's traces; plain ones, that work for any trace."""
