"""Pages for people."""

from fastapi import APIRouter

from app.web.pages import (
    compare,
    conversation,
    decisions,
    docs,
    feeds,
    ignores,
    live,
    mails,
    patches,
    run_tests,
    runs,
    series,
    signing_in,
    tests,
    threads,
    veristat,
    workers,
)

router = APIRouter(include_in_schema=False)
for part in (
    series,
    compare,
    feeds,
    decisions,
    runs,
    run_tests,
    veristat,
    live,
    mails,
    conversation,
    patches,
    tests,
    ignores,
    threads,
    workers,
    signing_in,
    docs,
):
    router.include_router(part.router)
