"""What `stream_events(version="v3")` hands out, and how one extends it."""
