"""One module per law of the design."""
