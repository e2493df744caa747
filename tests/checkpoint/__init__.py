"""Savers and serialisers: what is kept, what comes back, and what the other engine makes of it."""
