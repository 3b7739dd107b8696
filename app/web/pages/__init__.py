"""Pages for people."""

from fastapi import APIRouter

from app.web.pages import series

router = APIRouter(include_in_schema=False)
for part in (series,):
    router.include_router(part.router)
