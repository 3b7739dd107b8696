"""Threads asked for, and the messages in them."""

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from app.db.models.base import Base, BigInt, Created, Id, When, words


class ThreadState(StrEnum):
    """How far the fetching of a thread is."""

    QUEUED = "queued"
    FETCHING = "fetching"
    FETCHED = "fetched"
    FAILED = "failed"


class MessageKind(StrEnum):
    """What a mail is taken to be; each mail is exactly one."""

    COVER = "cover letter"
    PATCH = "patch"
    COMMENT = "comment"
    PULL_REQUEST = "pull request"
    DISCUSSION = "discussion"
    UNREADABLE = "unreadable"


class Thread(Base):
    """A conversation on the archive that somebody asked to track, by the Message-ID they gave."""

    __tablename__ = "threads"

    id: Mapped[Id]
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    state: Mapped[ThreadState] = mapped_column(words(ThreadState, "state"), default=ThreadState.QUEUED)
    error: Mapped[str | None] = mapped_column(Text)
    requested_by: Mapped[str] = mapped_column(Text)
    created_at: Mapped[Created]
    fetched_at: Mapped[When | None]


class Message(Base):
    """One mail, as it came (`raw`) and as it reads; `message_id` is without brackets.

    `root` names its thread: the Message-ID that is topmost, at hand or not. `lists` are the List-Ids it came through.
    """

    __tablename__ = "messages"
    __table_args__ = (Index(None, "in_reply_to"), Index(None, "root"))

    id: Mapped[Id]
    message_id: Mapped[str] = mapped_column(Text, unique=True)
    thread_id: Mapped[BigInt | None] = mapped_column(ForeignKey("threads.id", ondelete="SET NULL"), index=True)
    kind: Mapped[MessageKind] = mapped_column(words(MessageKind, "kind"))
    reason: Mapped[str | None] = mapped_column(Text)
    subject: Mapped[str] = mapped_column(Text)
    author_name: Mapped[str] = mapped_column(Text)
    author_email: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[When | None]
    in_reply_to: Mapped[str | None] = mapped_column(Text)
    references: Mapped[list[str]] = mapped_column(ARRAY(Text))
    root: Mapped[str] = mapped_column(Text)
    lists: Mapped[list[str]] = mapped_column(ARRAY(Text), server_default=text("'{}'"))
    body: Mapped[str] = mapped_column(Text)
    raw: Mapped[bytes] = mapped_column(deferred=True)
    created_at: Mapped[Created]


class StrayKey(Base):
    """What a mail that answers nothing at hand can be found by when more comes: a hash of a title or a person."""

    __tablename__ = "stray_keys"
    __table_args__ = (Index(None, "message_pk"),)

    key: Mapped[BigInt] = mapped_column(primary_key=True, autoincrement=False)
    message_pk: Mapped[BigInt] = mapped_column(
        ForeignKey("messages.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


class Inbox(Base):
    """A public-inbox or mailbox that is taken in whole, and how far it has been read.

    `place` is its URL or path as given; `epoch` and `commit` are the newest commit read (of a mailbox: 0 and None).
    """

    __tablename__ = "inboxes"
    __table_args__ = (UniqueConstraint("place", "epoch"),)

    id: Mapped[Id]
    place: Mapped[str] = mapped_column(Text)
    epoch: Mapped[int]
    commit: Mapped[str | None] = mapped_column(Text)
    mails: Mapped[BigInt]
    read_at: Mapped[Created]
