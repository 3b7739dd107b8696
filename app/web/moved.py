"""Addresses of series that are part of another now: people have them in mails."""

from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.db.queries.decisions import of_series
from app.domain.text import storable
from app.errors import NotFoundError

MOVED = 307
"""Not for ever: what a person joined, a person can part again."""


class SeriesMovedError(Exception):
    """What was asked for is in series `new` now, under the label `label` if one revision was asked for."""

    def __init__(self, old: int, new: int, label: str | None) -> None:
        super().__init__(f"series {old} is part of series {new}")
        self.old = old
        self.new = new
        self.label = label


def moved_or_missing(session: Session, series_id: int, label: str | None = None) -> Exception:
    """Return what to raise for a series, or for a revision of one, that is not there: where it is now, or that none is.

    SeriesMovedError sends the same request to the series that holds it now.
    """
    label = None if label is None else storable(label)
    found = of_series(session, series_id, label)
    if found is not None and (found.series_id, found.label) != (series_id, label):
        return SeriesMovedError(series_id, found.series_id, found.label if label is not None else None)
    what = f"series {series_id} has no revision {label!r}" if label is not None else f"there is no series {series_id}"
    return NotFoundError(what)


def redirect(request: Request, error: Exception) -> RedirectResponse:
    """Answer SeriesMovedError: the same address with the series that holds it now."""
    assert isinstance(error, SeriesMovedError)
    path = request.url.path.replace(f"/series/{error.old}", f"/series/{error.new}", 1)
    query = dict(request.query_params)
    if error.label is not None:
        query["revision"] = error.label
    return RedirectResponse(path + (f"?{urlencode(query)}" if query else ""), MOVED)
