"""The stores: one suite for all of them, what each adds, and LangGraph beside them."""
