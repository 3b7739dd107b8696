"""Pages for people."""

from fastapi import APIRouter

from app.web.pages import compare, decisions, docs, live, mails, runs, series, signing_in, tests, threads, workers

router = APIRouter(include_in_schema=False)
for part in (series, compare, decisions, runs, live, mails, tests, threads, workers, signing_in, docs):
    router.include_router(part.router)
