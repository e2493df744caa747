"""Tools, and agents that call them."""
