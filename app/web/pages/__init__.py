"""Pages for people."""

from fastapi import APIRouter

from app.web.pages import live, runs, series

router = APIRouter(include_in_schema=False)
for part in (series, runs, live):
    router.include_router(part.router)
