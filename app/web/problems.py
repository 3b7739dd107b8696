"""Errors as answers: problem documents (RFC 9457) under /api, pages elsewhere."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.exceptions import HTTPException

from app.errors import InfrastructureError, NotFoundError, SubmissionError
from app.web import moved
from app.web.render import render_error
from app.web.security import SignInNeededError

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 10
HEADINGS = {
    HTTPStatus.NOT_FOUND: "Not found",
    HTTPStatus.UNPROCESSABLE_ENTITY: "That cannot be done",
    HTTPStatus.INTERNAL_SERVER_ERROR: "Our fault",
    HTTPStatus.SERVICE_UNAVAILABLE: "Not right now",
}
"""What pages call errors; problem documents have the names of the standard."""
log = structlog.get_logger()


def for_machines(request: Request) -> bool:
    """Tell whether an answer should be a problem document rather than a page."""
    return request.url.path.startswith("/api/")


def answer(
    request: Request,
    status: int,
    detail: str,
    *,
    headers: dict[str, str] | None = None,
    errors: Sequence[dict[str, str]] = (),
) -> Response:
    """Return the answer for an error, in the form that the path asks for."""
    title = HTTPStatus(status).phrase
    if not for_machines(request):
        page = render_error(request, status=status, title=HEADINGS.get(HTTPStatus(status), title), detail=detail)
        page.headers.update(headers or {})
        return page
    document: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    document["instance"] = request.url.path
    if errors:
        document["errors"] = list(errors)
    return JSONResponse(document, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = error.detail
    if detail == HTTPStatus(error.status_code).phrase:
        detail = _plain_words(request, error.status_code)
    return answer(request, error.status_code, detail, headers=dict(error.headers or {}))


def _plain_words(request: Request, status: int) -> str:
    if status == HTTPStatus.NOT_FOUND:
        return "There is nothing at this address."
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        return f"{request.method} is not possible here."
    return HTTPStatus(status).description or HTTPStatus(status).phrase


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = []
    for one in error.errors():
        place, *rest = (str(part) for part in one["loc"])
        detail = str(one["msg"])
        if one["type"] == "json_invalid":  # what follows "body" is where the JSON ends, in characters
            detail, rest = f"{detail} at character {rest[0]}", []
        if place == "body":
            pointer = "".join(f"/{part.replace('~', '~0').replace('/', '~1')}" for part in rest)
            found.append({"in": place, "pointer": pointer, "detail": detail})
        else:
            found.append({"in": place, "parameter": ".".join(rest), "detail": detail})
    if any(one["in"] == "path" for one in found):  # no such thing can exist
        return answer(request, HTTPStatus.NOT_FOUND, _plain_words(request, 404))
    said = "; ".join(f"{one.get('pointer') or one.get('parameter') or 'body'}: {one['detail']}" for one in found)
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, f"The request is not right: {said}", errors=found)


def _ours(request: Request, error: Exception) -> Response:
    if isinstance(error, NotFoundError):
        return answer(request, HTTPStatus.NOT_FOUND, str(error))
    if isinstance(error, SubmissionError):
        return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, str(error))
    log.warning("infrastructure", path=request.url.path, error=str(error))
    return answer(request, HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})


def _no_database(request: Request, error: Exception) -> Response:
    log.error("database", path=request.url.path, error=str(error))
    detail = "The database does not answer. Nothing is lost; try again in a moment."
    return answer(request, HTTPStatus.SERVICE_UNAVAILABLE, detail, headers={"Retry-After": str(RETRY_AFTER_S)})


def _unexpected(request: Request, error: Exception) -> Response:
    log.error("unexpected", path=request.url.path, exc_info=error)
    return answer(request, HTTPStatus.INTERNAL_SERVER_ERROR, "This is a fault of ours; it has been written to the log.")


def _sign_in(_request: Request, error: Exception) -> Response:
    assert isinstance(error, SignInNeededError)
    return RedirectResponse(f"/sign-in?next={quote(error.next_path, safe='')}", HTTPStatus.SEE_OTHER)


def install(app: FastAPI) -> None:
    """Give every kind of error its answer."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SubmissionError, _ours)
    app.add_exception_handler(InfrastructureError, _ours)
    for lost in (OperationalError, InterfaceError):
        app.add_exception_handler(lost, _no_database)
    app.add_exception_handler(SignInNeededError, _sign_in)
    app.add_exception_handler(moved.SeriesMovedError, moved.redirect)
    app.add_exception_handler(Exception, _unexpected)
