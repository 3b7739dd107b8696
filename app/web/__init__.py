"""The web application: JSON under /api/v1, pages for people. It reads; writing only inserts rows."""
