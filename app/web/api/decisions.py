"""Decisions of people about which postings are one series."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.db.models import Decision
from app.db.queries import decisions as queries
from app.db.queries.paging import Page
from app.domain.decision import DecisionKind
from app.services import decisions
from app.web.api.schemas import Listing, MessageId, Problem
from app.web.api.shapes import found, listing
from app.web.parameters import Id, IdQuery, Paged, Read, Write
from app.web.security import Bearer

router = APIRouter(tags=["decisions"])
REFERENCE = "a Message-ID or an archive's URL of any of its mails, or a series here, by number or address"
NO_TOKEN: dict[int | str, dict[str, Any]] = {401: {"model": Problem, "description": "No good bearer token"}}


class DecisionRequest(BaseModel):
    """What to decide.

    `link`: the series of `posting` and that of `to` are one work. `split`: `posting` and the revisions after it are a
    work of their own. `move`: `posting` alone belongs to the series of `to`, or without `to` to a series of its own.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "link",
                    "posting": "20260414-frob-v4-0-1c2d@example.org",
                    "to": "https://lore.kernel.org/bpf/20260301-frob-v3-0-9a8b@example.org/",
                    "note": "renamed after v3",
                },
                {"kind": "split", "posting": "20260414-frob-v4-0-1c2d@example.org"},
                {"kind": "move", "posting": "20260414-frob-v4-0-1c2d@example.org", "to": "12"},
            ]
        }
    )

    kind: DecisionKind = Field(examples=["link"])
    posting: str = Field(
        min_length=1, max_length=2000, description=REFERENCE, examples=["20260414-frob-v4-0-1c2d@example.org"]
    )
    to: str | None = Field(default=None, min_length=1, max_length=2000, description=REFERENCE, examples=["/series/12"])
    note: str = Field(
        default="",
        max_length=decisions.LONGEST_NOTE,
        description="why, for those who come later",
        examples=["renamed after v3"],
    )


class DecisionShape(BaseModel):
    """A decision on record; once undone it counts no more."""

    id: int = Field(examples=[3])
    kind: DecisionKind
    message_id: MessageId
    to: str | None = Field(
        description="the posting linked or moved to", examples=["20260301-frob-v3-0-9a8b@example.org"]
    )
    parted_from: str | None = Field(description="a posting that stayed behind in what was one series before")
    note: str = Field(examples=["renamed after v3"])
    decided_by: str = Field(description="the token's name", examples=["ann's laptop"])
    created_at: datetime
    undone_by: str | None
    undone_at: datetime | None
    series_id: int | None = Field(description="the series that the posting is in now", examples=[12])
    other_series_id: int | None = Field(
        description="the series that `to`, or else `parted_from`, is in now", examples=[12]
    )


@router.post("/decisions", status_code=201, responses=NO_TOKEN)
def make_decision(wanted: DecisionRequest, session: Write, token: Bearer, response: Response) -> DecisionShape:
    """Link two series, split one, or move a revision: at once, and for all mail to come.

    Revisions keep their ids, runs and comments. The address of a series that is empty afterwards leads to the one that
    holds its revisions.
    """
    row = decisions.decide(
        session,
        kind=wanted.kind,
        revision=decisions.find_posting(session, wanted.posting),
        target=decisions.find_posting(session, wanted.to) if wanted.to is not None else None,
        note=wanted.note,
        by=token.name,
    )
    response.headers["Location"] = f"/api/v1/decisions/{row.id}"
    return _shapes(session, [row])[0]


@router.get("/decisions")
def list_decisions(
    request: Request,
    session: Read,
    window: Paged,
    series_id: IdQuery = None,
    in_force: Annotated[bool | None, Query(description="true: only those that count; false: only undone ones")] = None,
) -> Listing[DecisionShape]:
    """List decisions, the newest first; of `series_id` those that name any posting that is in it now."""
    page = queries.list_decisions(session, window, series_id=series_id, in_force=in_force)
    shaped = Page(items=_shapes(session, page.items), total=page.total, window=page.window)
    return listing(request, shaped, lambda shape: shape)


@router.get("/decisions/{decision_id}")
def get_decision(decision_id: Id, session: Read) -> DecisionShape:
    """Return one decision, undone or not."""
    return _shapes(session, [found(queries.get_decision(session, decision_id), "decision", decision_id)])[0]


@router.delete("/decisions/{decision_id}", responses=NO_TOKEN)
def undo_decision(decision_id: Id, session: Write, token: Bearer) -> DecisionShape:
    """Undo a decision: the mails alone say again what belongs together. The record stays, with who undid it."""
    return _shapes(session, [decisions.undo(session, decision_id, by=token.name)])[0]


def _shapes(session: Session, rows: Sequence[Decision]) -> list[DecisionShape]:
    named = {one for row in rows for one in (row.message_id, row.to_message_id, row.parted_from) if one}
    places = {message_id: revision.series_id for message_id, revision in queries.postings_of(session, named).items()}
    same = DecisionShape.model_fields.keys() - {"to", "series_id", "other_series_id"}
    return [
        DecisionShape(
            to=row.to_message_id,
            series_id=places.get(row.message_id),
            other_series_id=places.get(row.to_message_id or row.parted_from or ""),
            **{name: getattr(row, name) for name in same},
        )
        for row in rows
    ]
