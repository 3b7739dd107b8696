"""Series, their revisions, patches and comments."""

from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.db.models.base import Base, BigInt, Created, Id, Json, When
from app.db.models.mail import Message

SEARCHED = ("title", "author_name", "author_email")
"""What is searched for any part of it."""


class Series(Base):
    """The work across its postings."""

    __tablename__ = "series"
    __table_args__ = (
        Index("ix_series_posted", text("last_posted DESC NULLS LAST"), text("id DESC")),
        Index(
            "ix_series_words",
            *SEARCHED,
            postgresql_using="gin",
            postgresql_ops=dict.fromkeys(SEARCHED, "gin_trgm_ops"),
        ),
    )

    id: Mapped[Id]
    title: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text)
    author_email: Mapped[str] = mapped_column(Text)
    change_id: Mapped[str | None] = mapped_column(Text, index=True)
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    first_posted: Mapped[When | None]
    last_posted: Mapped[When | None]
    created_at: Mapped[Created]

    revisions: Mapped[list["Revision"]] = relationship(
        back_populates="series", order_by="Revision.position", lazy="raise"
    )


class Revision(Base):
    """One posting. `root_id` is the Message-ID that a report answers: the cover letter, else the first patch.

    `link_strength` is that of `link_reason`, as `app.domain.linking.Reason` counts; `supersedes` are Message-IDs.
    """

    __tablename__ = "revisions"
    __table_args__ = (
        UniqueConstraint("root_id"),
        Index(None, "series_id", "position"),
        Index(None, "cover_id"),
        Index(None, "change_id"),
        Index("ix_revisions_lower_title", text("lower(title)")),
    )

    id: Mapped[Id]
    series_id: Mapped[BigInt] = mapped_column(ForeignKey("series.id", ondelete="CASCADE"))
    position: Mapped[int]
    version: Mapped[int]
    label: Mapped[str] = mapped_column(Text)
    rfc: Mapped[bool]
    resend: Mapped[bool]
    tags: Mapped[list[str]] = mapped_column(ARRAY(Text))
    title: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text)
    author_email: Mapped[str] = mapped_column(Text)
    posted_at: Mapped[When | None]
    root_id: Mapped[str] = mapped_column(Text)
    cover_id: Mapped[BigInt | None] = mapped_column(ForeignKey("messages.id"))
    total: Mapped[int]
    missing: Mapped[list[int]] = mapped_column(ARRAY(Integer))
    base_commit: Mapped[str | None] = mapped_column(Text)
    change_id: Mapped[str | None] = mapped_column(Text)
    prerequisites: Mapped[list[str]] = mapped_column(ARRAY(Text))
    link_to: Mapped[str | None] = mapped_column(Text)
    link_reason: Mapped[str | None] = mapped_column(Text)
    link_strength: Mapped[int | None]
    supersedes: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default="{}")
    created_at: Mapped[Created]

    series: Mapped[Series] = relationship(back_populates="revisions", lazy="raise")
    cover: Mapped[Message | None] = relationship(lazy="raise")
    patches: Mapped[list["Patch"]] = relationship(back_populates="revision", order_by="Patch.position", lazy="raise")
    comments: Mapped[list["Comment"]] = relationship(back_populates="revision", lazy="raise")


class RevisionKey(Base):
    """What a revision can be found by when a later one comes: a hash of a title, patch-id, change-id or person."""

    __tablename__ = "revision_keys"
    __table_args__ = (Index(None, "revision_id"),)

    key: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    revision_id: Mapped[BigInt] = mapped_column(
        ForeignKey("revisions.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class Patch(Base):
    """One numbered mail with a diff; `inherited_from` names the revision that it was taken over from, if any."""

    __tablename__ = "patches"
    __table_args__ = (UniqueConstraint("revision_id", "position"), Index(None, "message_pk"))

    id: Mapped[Id]
    revision_id: Mapped[BigInt] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
    message_pk: Mapped[BigInt] = mapped_column(ForeignKey("messages.id"))
    position: Mapped[int]
    title: Mapped[str] = mapped_column(Text)
    diff: Mapped[str] = mapped_column(Text, deferred=True)
    files: Mapped[list[str]] = mapped_column(ARRAY(Text))
    additions: Mapped[int]
    deletions: Mapped[int]
    inherited_from: Mapped[str | None] = mapped_column(Text)

    revision: Mapped[Revision] = relationship(back_populates="patches", lazy="raise")
    message: Mapped[Message] = relationship(lazy="raise")


class Comment(Base):
    """A reply, by a person or a bot, to a revision's cover letter (`patch_id` None) or to one of its patches.

    `bot_report` is what a bot says in fields (`app.domain.bot_report.BotReport`), None for a person.
    """

    __tablename__ = "comments"
    __table_args__ = (Index(None, "revision_id"), Index(None, "patch_id"))

    id: Mapped[Id]
    message_pk: Mapped[BigInt] = mapped_column(ForeignKey("messages.id"), unique=True)
    revision_id: Mapped[BigInt] = mapped_column(ForeignKey("revisions.id", ondelete="CASCADE"))
    patch_id: Mapped[BigInt | None] = mapped_column(ForeignKey("patches.id", ondelete="SET NULL"))
    bot: Mapped[str | None] = mapped_column(Text)
    trailers: Mapped[list[str]] = mapped_column(ARRAY(Text))
    anchors: Mapped[list[Any]] = mapped_column(JSONB)
    bot_report: Mapped[Json | None] = mapped_column(JSONB(none_as_null=True))

    revision: Mapped[Revision] = relationship(back_populates="comments", lazy="raise")
    patch: Mapped[Patch | None] = relationship(lazy="raise")
    message: Mapped[Message] = relationship(lazy="raise")
