"""Ratios of otgraph to its peers, measured in one run: `python -m benchmarks`."""
