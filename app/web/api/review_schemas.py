"""The shapes of a review: remarks and what became of them, marks, trailers."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from app.db.models import MarkSays
from app.domain.remark import Standing
from app.web.api.schemas import MessageId, Person, Shape


class MarkRequest(BaseModel):
    """What to say of a comment."""

    says: Literal[MarkSays.ADDRESSED, MarkSays.OPEN] = Field(examples=["addressed"])


class MarkShape(Shape):
    """What somebody said of a comment; "withdrawn" leaves it to what the revisions show."""

    message_id: MessageId
    says: MarkSays
    marked_by: str = Field(examples=["ann's laptop"])
    marked_at: datetime


class PlaceShape(BaseModel):
    """Where a remark stands; no `patch_id`: on the cover letter; no `path`: on a whole mail; "": the commit message."""

    revision: str = Field(examples=["v4"])
    patch_id: int | None
    patch: int | None = Field(description="position of the patch", examples=[2])
    path: str | None = Field(examples=["kernel/bpf/btf.c"])
    line: int | None = Field(examples=[6391])
    removed: bool = Field(description="the line is one that the patch takes away")


class RemarkShape(BaseModel):
    """Something that a comment asks for.

    `standing` is what the revisions after it show, `open` and `why` what comes of that and of what people say.
    """

    comment_id: int
    message_id: MessageId
    author: Person
    bot: str | None
    quoted: str | None = Field(description="the line it is at", examples=["+\treturn t->type == 0;"])
    text: str
    made_at: PlaceShape
    now_at: PlaceShape | None = Field(description="in the revision asked for, where it stands there")
    standing: Standing
    settled_in: str | None = Field(examples=["v2"])
    open: bool
    why: str = Field(examples=["taken as addressed: the lines it is about changed in v2"])
    mark: MarkShape | None


class GivenShape(BaseModel):
    """A trailer given in a reply; without a `patch` it is for all patches of the revision."""

    trailer: str = Field(examples=["Acked-by: Rita Reviewer <rita@example.org>"])
    name: str = Field(examples=["Acked-by"])
    person: Person | None
    sender: Person
    agrees: bool = Field(description="the sender is the person that it names")
    bot: bool
    comment_id: int
    patch: int | None


class DroppedShape(BaseModel):
    """A trailer that the revision before had and this one's patch lacks; `comment_id` is the reply that gave it."""

    trailer: str
    patch: int
    patch_id: int
    given_in: str = Field(examples=["v3"])
    comment_id: int | None
    changed: bool = Field(description="the patch is not the one that it was given to")


class TrailersShape(BaseModel):
    """The trailers of a revision."""

    given: list[GivenShape]
    dropped: list[DroppedShape]
