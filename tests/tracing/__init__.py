"""Spans, and whoever makes, shares and exports them."""
