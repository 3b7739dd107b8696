"""What endpoints take: sessions, settings, ids, pages of lists; all bounded, so that no value can break a query."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Path, Query, Request
from pydantic import AfterValidator, BeforeValidator, StringConstraints
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.queries.paging import Window
from app.db.session import Sessions

BIGGEST_ID = 2**63 - 1
MOST_PAGES = 100_000


def settings_of(request: Request) -> Settings:
    """Return the settings that the application was made with."""
    settings: Settings = request.app.state.settings
    return settings


def now_of(request: Request) -> datetime:
    """Return what the application's clock says; tests set it."""
    now: datetime = request.app.state.now()
    return now


def sessions_of(request: Request) -> Sessions:
    """Return the factory of sessions, for answers that outlive the request's own transaction."""
    sessions: Sessions = request.app.state.sessions
    return sessions


def reading(request: Request) -> Iterator[Session]:
    """Yield a session that cannot write and sees one state of the database throughout."""
    with sessions_of(request)() as session:
        session.connection(
            execution_options={"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
        )
        yield session


def writing(request: Request) -> Iterator[Session]:
    """Yield the request's one transaction; committed when the endpoint returns, before the answer leaves."""
    with sessions_of(request).begin() as session:
        yield session


def _without_nul(text: str) -> str:
    if "\x00" in text:
        raise ValueError("a NUL character is never part of it")
    return text


def window(
    page: Annotated[int, Query(ge=1, le=MOST_PAGES, description="counts from 1")] = 1,
    limit: Annotated[int, Query(ge=1, le=500, description="rows a page")] = 50,
) -> Window:
    """Return the page of a list that a request asks for."""
    return Window(page=page, limit=limit)


def _chosen(value: str | None) -> str | None:
    return value or None


Config = Annotated[Settings, Depends(settings_of)]
Now = Annotated[datetime, Depends(now_of)]
SessionFactory = Annotated[Sessions, Depends(sessions_of)]
Read = Annotated[Session, Depends(reading, scope="function")]
Write = Annotated[Session, Depends(writing, scope="function")]
Paged = Annotated[Window, Depends(window)]
Id = Annotated[int, Path(ge=1, le=BIGGEST_ID)]
IdQuery = Annotated[int | None, Query(ge=1, le=BIGGEST_ID)]
Words = Annotated[str, StringConstraints(max_length=300, strip_whitespace=True), AfterValidator(_without_nul)]
OrAny = BeforeValidator(_chosen)
"""Beside an enum or None: an empty choice of a form is none. (`Enum | str` would take every choice for a string.)"""
Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,80}$")]
