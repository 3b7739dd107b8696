"""Questions to the database: plain functions that take a session, a module a noun."""
