"""JSON under /api/v1."""

from fastapi import APIRouter

from app.web.api import (
    artifacts,
    comparing,
    decisions,
    ignores,
    logs,
    mail,
    messages,
    outputs,
    patch_trials,
    reproduce,
    results,
    review,
    runs,
    series,
    test_history,
    threads,
    verdict,
)
from app.web.api.schemas import Problem

router = APIRouter(
    prefix="/api/v1",
    responses={
        404: {"model": Problem, "description": "There is no such thing", "content": {"application/problem+json": {}}},
        422: {"model": Problem, "description": "The request is not right", "content": {"application/problem+json": {}}},
    },
)
for part in (
    threads,
    series,
    comparing,
    decisions,
    mail,
    review,
    messages,
    patch_trials,
    runs,
    results,
    outputs,
    logs,
    artifacts,
    reproduce,
    ignores,
    verdict,
    test_history,
):
    router.include_router(part.router)
