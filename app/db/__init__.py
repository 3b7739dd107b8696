"""PostgreSQL: engine, models, and queries as plain functions that take a session."""
