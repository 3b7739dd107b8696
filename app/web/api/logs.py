"""Logs as plain text, whole, by range (RFC 9110, 14) or from the tail."""

import re
from collections.abc import Iterator
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from app.db.queries import logs as queries
from app.db.queries.runs import get_step
from app.db.session import Sessions
from app.errors import NotFoundError
from app.web.api.schemas import LogLineShape
from app.web.api.shapes import found
from app.web.parameters import Id, Name, Read, SessionFactory

router = APIRouter(tags=["logs"])
BLOCK = 2_000_000
TAIL_BYTES = 2_000_000
MEDIA_TYPE = "text/plain; charset=utf-8"
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


@router.get("/steps/{step_id}/logs")
def list_logs(step_id: Id, session: Read) -> list[LogLineShape]:
    """List the logs of a step with their sizes."""
    found(get_step(session, step_id), "step", step_id)
    return [LogLineShape.model_validate(line) for line in queries.list_logs(session, [step_id])]


@router.get(
    "/steps/{step_id}/logs/{name}",
    response_class=PlainTextResponse,
    responses={206: {"description": "The range asked for"}, 416: {"description": "The log is shorter than that"}},
)
def get_log(
    step_id: Id,
    name: Name,
    session: Read,
    sessions: SessionFactory,
    tail: Annotated[int | None, Query(ge=1, le=100_000, description="only the last lines, 2 MB at most")] = None,
    wanted: Annotated[str | None, Header(alias="Range", examples=["bytes=-20000"])] = None,
) -> Response:
    """Return a log as it was written; while the step runs it grows, and ranges of it can be asked for."""
    size = queries.log_size(session, step_id, name)
    if size is None:
        raise NotFoundError(f"step {step_id} has no log named {name!r}")
    headers = {"Accept-Ranges": "bytes"}
    if tail is not None:
        start = queries.tail_start(session, step_id, name, tail, TAIL_BYTES)
        return _part(sessions, step_id, name, (start, size), 200, headers)
    span = parse_range(wanted, size)
    if span is None:
        return _part(sessions, step_id, name, (0, size), 200, headers)
    refuse_empty(span, size)
    headers["Content-Range"] = f"bytes {span[0]}-{span[1] - 1}/{size}"
    return _part(sessions, step_id, name, span, 206, headers)


def parse_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Return the bytes asked for as (start, end), the end not included; None where the whole is to be sent.

    An empty span means that it cannot be satisfied. Several ranges, or what is no range, are ignored (RFC 9110, 14.2).
    """
    match = _RANGE.fullmatch(header.replace(" ", "")) if header else None
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)), size)
    stop = min(size, int(last) + 1) if last else size
    if last and int(last) < int(first):
        return None
    return (int(first), stop)


def refuse_empty(span: tuple[int, int], size: int) -> None:
    """Refuse a range that cannot be satisfied, saying how long the whole is (416)."""
    if span[0] >= span[1]:
        raise HTTPException(
            416, f"That range is not in it: it has {size} bytes.", headers={"Content-Range": f"bytes */{size}"}
        )


def _part(
    sessions: Sessions, step_id: int, name: str, span: tuple[int, int], status: int, headers: dict[str, str]
) -> Response:
    def blocks() -> Iterator[bytes]:
        # A session a block: a reader on a slow line must not hold a connection to the database.
        for at in range(span[0], span[1], BLOCK):
            with sessions() as session:
                data = b"".join(queries.read_log(session, step_id, name, at, min(span[1], at + BLOCK)))
            yield data

    headers["Content-Length"] = str(span[1] - span[0])
    return StreamingResponse(blocks(), status, headers=headers, media_type=MEDIA_TYPE)
