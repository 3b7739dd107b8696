"""Use cases: short, in the caller's transaction, never committing."""
