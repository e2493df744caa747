"""Views of a record: what `stream` and `astream` hand out."""
