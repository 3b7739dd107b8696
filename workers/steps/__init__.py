"""The steps of a run: one function each, no transaction open while they work."""
