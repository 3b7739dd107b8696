"""The steps of a run, one function each; none holds a transaction while it works."""
