"""Logs as plain text, whole, by range (RFC 9110, 14) or from the tail; or packed, as they are kept."""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.queries import logs as queries
from app.db.queries.runs import get_step
from app.db.session import Sessions
from app.domain.artifact import PACKED
from app.errors import NotFoundError
from app.services.log_retention import cleared
from app.web.api.schemas import LogLineShape
from app.web.api.shapes import found
from app.web.parameters import Config, Id, Name, Read, SessionFactory

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
    responses={
        206: {"description": "The range asked for"},
        416: {"description": "The log is shorter than that"},
    },
)
def get_log(
    step_id: Id,
    name: Name,
    session: Read,
    sessions: SessionFactory,
    settings: Config,
    tail: Annotated[int | None, Query(ge=1, le=100_000, description="only the last lines, 2 MB at most")] = None,
    wanted: Annotated[str | None, Header(alias="Range", examples=["bytes=-20000"])] = None,
) -> Response:
    """Return a log as it was written; while the step runs it grows, and ranges of it can be asked for.

    `NAME.zst` is the whole of it packed (application/zstd).
    """
    plain = name.removesuffix(PACKED)
    size = queries.log_size(session, step_id, plain)
    if size is None:
        raise _missing(session, settings, step_id, plain)
    if name != plain:
        return _packed(session, sessions, step_id, plain, size)
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


def _missing(session: Session, settings: Settings, step_id: int, name: str) -> NotFoundError:
    step, limits = get_step(session, step_id), settings.artifacts
    gone = step is not None and cleared(session, step, limits, datetime.now(UTC))
    why = f"; logs are kept for {limits.keep_logs.days} days after a run" if gone else ""
    return NotFoundError(f"step {step_id} has no log named {name!r}{why}")


def _part(
    sessions: Sessions, step_id: int, name: str, span: tuple[int, int], status: int, headers: dict[str, str]
) -> Response:
    headers["Content-Length"] = str(span[1] - span[0])
    blocks = _blocks(sessions, partial(queries.read_log, step_id=step_id, name=name), span)
    return StreamingResponse(blocks, status, headers=headers, media_type=MEDIA_TYPE)


def _packed(session: Session, sessions: Sessions, step_id: int, name: str, size: int) -> Response:
    headers = {
        "Content-Length": str(queries.packed_size(session, step_id, name, size)),
        "Content-Disposition": f'attachment; filename="step-{step_id}-{name}{PACKED}"',
    }
    blocks = _blocks(sessions, partial(queries.read_packed, step_id=step_id, name=name), (0, size))
    return StreamingResponse(blocks, headers=headers, media_type="application/zstd")


def _blocks(sessions: Sessions, read: Callable[..., Iterable[bytes]], span: tuple[int, int]) -> Iterator[bytes]:
    """Read some of a log with a session a block: who is on a slow line must not hold a connection to the database."""
    for at in range(span[0], span[1], BLOCK):
        with sessions() as session:
            data = b"".join(read(session, start=at, stop=min(span[1], at + BLOCK)))
        yield data
