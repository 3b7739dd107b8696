"""Tests whose failures are ignored for a while."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from app.db.models import Ignore
from app.db.queries import ignores as queries
from app.services import ignoring
from app.web.api.schemas import Listing, Problem, Shape
from app.web.api.shapes import found, listing
from app.web.parameters import Id, Now, Paged, Read, Write
from app.web.security import Bearer

router = APIRouter(tags=["tests to ignore"])
NO_TOKEN: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": "No good bearer token"}}
PATTERN = "a test's name, `*` for any characters and `?` for one; a test's name covers its subtests"


class IgnoreRequest(BaseModel):
    """What to ignore, why, who sees to it, and until when; at most half a year."""

    model_config = ConfigDict(extra="forbid")

    pattern: str = Field(min_length=1, max_length=ignoring.LONGEST_TEXT, description=PATTERN, examples=["lru_lock_nmi"])
    suite: str = Field(default="", max_length=ignoring.LONGEST_NAME, examples=["test_progs"], description="empty: any")
    tree: str = Field(default="", max_length=ignoring.LONGEST_NAME, examples=["bpf-next"], description="empty: any")
    profile: str = Field(default="", max_length=ignoring.LONGEST_NAME, examples=["bpf-quick"], description="empty: any")
    reason: str = Field(min_length=1, max_length=ignoring.LONGEST_TEXT, examples=["needs an NMI, which TCG has not"])
    owner: str = Field(min_length=1, max_length=ignoring.LONGEST_TEXT, examples=["ann@example.org"])
    expires_at: AwareDatetime = Field(examples=["2026-12-01T00:00:00Z"])


class IgnoreShape(Shape):
    """An entry on record; it counts until it expires or somebody ends it."""

    id: int = Field(examples=[3])
    pattern: str = Field(description=PATTERN, examples=["lru_lock_nmi"])
    suite: str | None
    tree: str | None
    profile: str | None
    reason: str = Field(examples=["needs an NMI, which TCG has not"])
    owner: str = Field(examples=["ann@example.org"])
    expires_at: datetime
    created_by: str = Field(description="the token's name", examples=["ann's laptop"])
    created_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    in_force: bool


@router.post("/ignores", status_code=201, responses=NO_TOKEN)
def add_ignore(wanted: IgnoreRequest, session: Write, token: Bearer, now: Now, response: Response) -> IgnoreShape:
    """Ignore the failures of a test for a while: they are shown with the reason, counted apart, and nobody's doing."""
    row = ignoring.add(session, ignoring.Entry(**wanted.model_dump()), by=token.name, now=now)
    response.headers["Location"] = f"/api/v1/ignores/{row.id}"
    return _shape(row, now)


@router.get("/ignores")
def list_ignores(
    request: Request,
    session: Read,
    window: Paged,
    now: Now,
    in_force: Annotated[bool | None, Query(description="true: only those that count; false: only the others")] = None,
) -> Listing[IgnoreShape]:
    """List what is and was ignored: what counts first, and of that what expires last."""
    page = queries.list_ignores(session, window, now=now, counting=in_force)
    return listing(request, page, lambda row: _shape(row, now))


@router.get("/ignores/{ignore_id}")
def get_ignore(ignore_id: Id, session: Read, now: Now) -> IgnoreShape:
    """Return one entry, whether it counts or not."""
    return _shape(found(queries.get_ignore(session, ignore_id), "entry", ignore_id), now)


@router.delete("/ignores/{ignore_id}", responses=NO_TOKEN)
def end_ignore(ignore_id: Id, session: Write, token: Bearer, now: Now) -> IgnoreShape:
    """Let an entry count no more; the record stays, with who ended it."""
    return _shape(ignoring.end(session, ignore_id, by=token.name, now=now), now)


def _shape(row: Ignore, now: datetime) -> IgnoreShape:
    same = {name: getattr(row, name) for name in IgnoreShape.model_fields if name != "in_force"}
    return IgnoreShape(**same, in_force=row.ended_at is None and row.expires_at > now)
