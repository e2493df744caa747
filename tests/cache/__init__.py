"""The caches: one suite for all of them, and LangGraph's beside them."""
