"""Saying, on the page of a series, which postings are one work."""

from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import RedirectResponse
from sqlalchemy.orm import Session

from app.db.models import Decision, Revision
from app.db.queries.decisions import postings_of
from app.db.queries.series import get_revision
from app.domain.decision import DecisionKind
from app.errors import NotFoundError, SubmissionError
from app.services import decisions
from app.web.forms import Fields
from app.web.parameters import Id, Write
from app.web.security import SignedIn

router = APIRouter(include_in_schema=False)
LONGEST_REFERENCE = 2000


@router.post("/revisions/{revision_id}/decisions")
def decide(revision_id: Id, session: Write, token: SignedIn, fields: Fields) -> RedirectResponse:
    """Take what a person decided about a revision, and go to where the revision is now."""
    revision = get_revision(session, revision_id)
    if revision is None:
        raise NotFoundError(f"there is no revision {revision_id}")
    try:
        kind = DecisionKind(fields.get("kind", ""))
    except ValueError:
        raise SubmissionError("Choose what to do: link, split or move.") from None
    to = fields.get("to", "").strip()[:LONGEST_REFERENCE]
    # The field stands below all three choices; a split does not read it.
    target = decisions.find_posting(session, to) if to and kind is not DecisionKind.SPLIT else None
    row = decisions.decide(
        session, kind=kind, revision=revision, target=target, note=fields.get("note", ""), by=token.name
    )
    return _to_series(session, row)


@router.post("/decisions/{decision_id}/undo")
def undo(decision_id: Id, session: Write, token: SignedIn, _fields: Fields) -> RedirectResponse:
    """Let a decision count no more, and go to where the revision that it was about is now."""
    return _to_series(session, decisions.undo(session, decision_id, by=token.name))


def _to_series(session: Session, row: Decision) -> RedirectResponse:
    found: Revision | None = postings_of(session, [row.message_id]).get(row.message_id)
    path = f"/series/{found.series_id}?revision={quote(found.label, safe='')}#one-work" if found else "/"
    return RedirectResponse(path, 303)
