"""Storing what threads say: messages, series, revisions, patches and comments, in the caller's transaction.

Reading is done by `app.domain.series` over all mails of a series at once, those stored before included, so that a
thread that comes in later is understood as if all had come together. What is there already stays and keeps its id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from sqlalchemy import delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import Comment, Message, MessageKind, Patch, Revision, Series
from app.domain import message as mail
from app.domain import review as review_domain
from app.domain import series as series_domain
from app.domain.changelog import revision_links
from app.domain.series import Conversation, OtherKind, parse_threads
from app.domain.subject import parse_subject
from app.domain.trailer import parse_declared

INGEST_LOCK = 5_316_912
"""pg_advisory_xact_lock: ingests follow each other, so that two threads of one series cannot make it twice."""

KINDS = {
    OtherKind.PULL_REQUEST: MessageKind.PULL_REQUEST,
    OtherKind.DISCUSSION: MessageKind.DISCUSSION,
    OtherKind.UNREADABLE: MessageKind.UNREADABLE,
}


def ingest(session: Session, raws: Iterable[bytes], *, thread_id: int | None) -> list[Series]:
    """Store what mails say; return the series that they belong to, their revisions changed or not.

    `raws` are whole mails. A mail that cannot be understood is kept with the reason; none is lost, none is refused.
    """
    session.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": INGEST_LOCK})
    fetched = [mail.parse_message(raw) for raw in raws]
    known = _stored_with(session, fetched)
    conversation = parse_threads([*known, *fetched])
    ids = _store_messages(session, conversation, thread_id)
    return [_store_series(session, one, ids) for one in conversation.series]


def _stored_with(session: Session, fetched: Sequence[mail.Message]) -> list[mail.Message]:
    """Return the stored mails of every series that may have to do with the fetched ones, parsed again.

    May have: one of them is in it, they name one of its mails, or title or change-id are the same. Whether they
    belong together is for `parse_threads` to say.
    """
    named = {one.message_id for one in fetched}
    named.update(reference for one in fetched for reference in one.references)
    named.update(link.message_id for one in fetched for link in revision_links(one))
    titles = {parse_subject(one.subject).title.lower() for one in fetched}
    changes = {declared for one in fetched if (declared := parse_declared(one.body).change_id)}
    hit = select(Message.id).where(Message.message_id.in_(named)).scalar_subquery()
    of_series = (
        select(Revision.series_id)
        .outerjoin(Patch, Patch.revision_id == Revision.id)
        .outerjoin(Comment, Comment.revision_id == Revision.id)
        .where(
            Revision.cover_id.in_(hit)
            | Patch.message_pk.in_(hit)
            | Comment.message_pk.in_(hit)
            | func.lower(Revision.title).in_(titles)
            | Revision.change_id.in_(changes)
        )
        .distinct()
    )
    revisions = session.scalars(select(Revision.id).where(Revision.series_id.in_(of_series))).all()
    raws = session.scalars(
        select(Message.raw).where(
            Message.id.in_(select(Revision.cover_id).where(Revision.id.in_(revisions)))
            | Message.id.in_(select(Patch.message_pk).where(Patch.revision_id.in_(revisions)))
            | Message.id.in_(select(Comment.message_pk).where(Comment.revision_id.in_(revisions)))
        )
    )
    return [mail.parse_message(raw) for raw in raws]


def _store_messages(session: Session, conversation: Conversation, thread_id: int | None) -> dict[str, int]:
    """Insert the messages that are new, correct what the others are; return ids by Message-ID."""
    kinds = _kinds(conversation)
    rows = [_message_row(one, kinds[one.message_id], thread_id) for one in conversation.messages]
    if not rows:
        return {}
    insertion = upsert(Message)
    changed = {"kind": insertion.excluded.kind, "reason": insertion.excluded.reason}
    stored = session.execute(
        insertion.on_conflict_do_update(index_elements=[Message.message_id], set_=changed).returning(
            Message.message_id, Message.id
        ),
        rows,
    )
    return dict(stored.all())


def _kinds(conversation: Conversation) -> dict[str, tuple[MessageKind, str | None]]:
    kinds: dict[str, tuple[MessageKind, str | None]] = {}
    for one in conversation.other:
        kinds[one.message.message_id] = (KINDS[one.kind], one.reason)
    for revision in (revision for one in conversation.series for revision in one.revisions):
        if revision.cover:
            kinds[revision.cover.message_id] = (MessageKind.COVER, None)
        for patch in revision.patches:
            kinds[patch.message.message_id] = (MessageKind.PATCH, None)
        for comment in revision.comments:
            kinds[comment.message.message_id] = (MessageKind.COMMENT, None)
    return kinds


def _message_row(one: mail.Message, kind: tuple[MessageKind, str | None], thread_id: int | None) -> dict[str, object]:
    return {
        "message_id": one.message_id,
        "thread_id": thread_id,
        "kind": kind[0],
        "reason": kind[1],
        "subject": one.subject,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "sent_at": one.date,
        "in_reply_to": one.in_reply_to,
        "references": list(one.references),
        "body": one.body,
        "raw": one.raw,
    }


def _store_series(session: Session, one: series_domain.Series, ids: dict[str, int]) -> Series:
    roots = [root_id(revision) for revision in one.revisions]
    owners = session.scalars(
        select(Revision.series_id).where(Revision.root_id.in_(roots)).distinct().order_by(Revision.series_id)
    ).all()
    row = session.get_one(Series, owners[0]) if owners else Series()
    dates = [revision.date for revision in one.revisions if revision.date]
    row.title, row.author_name, row.author_email = one.title, one.author.name, one.author.email
    row.change_id = next((r.change_id for r in reversed(one.revisions) if r.change_id), None)
    row.tags = list(dict.fromkeys(tag for revision in reversed(one.revisions) for tag in revision.tags))
    row.first_posted, row.last_posted = min(dates, default=None), max(dates, default=None)
    session.add(row)
    session.flush()
    for position, revision in enumerate(one.revisions):
        _store_revision(session, row.id, position, revision, ids)
    for emptied in owners[1:]:
        _remove_if_empty(session, emptied)
    return row


def _remove_if_empty(session: Session, series_id: int) -> None:
    left = session.scalar(select(func.count()).where(Revision.series_id == series_id))
    if not left:
        session.execute(delete(Series).where(Series.id == series_id))


def root_id(revision: series_domain.Revision) -> str:
    """Return the Message-ID that stands for a revision: of its cover letter, else of its first own patch."""
    if revision.cover:
        return revision.cover.message_id
    own = next((one for one in revision.patches if one.inherited_from is None), revision.patches[0])
    return own.message.message_id


def _store_revision(
    session: Session, series_id: int, position: int, one: series_domain.Revision, ids: dict[str, int]
) -> None:
    values = {
        "series_id": series_id,
        "position": position,
        "version": one.version,
        "label": one.label,
        "rfc": one.rfc,
        "resend": one.resend,
        "tags": list(one.tags),
        "title": one.title,
        "author_name": one.author.name,
        "author_email": one.author.email,
        "posted_at": one.date,
        "root_id": root_id(one),
        "cover_id": ids[one.cover.message_id] if one.cover else None,
        "total": one.total,
        "missing": list(one.missing),
        "base_commit": one.base_commit,
        "change_id": one.change_id,
        "prerequisites": [f"{need.kind} {need.value}" for need in one.prerequisites],
        "link_to": one.link.to if one.link else None,
        "link_reason": one.link.reason if one.link else None,
    }
    revision_id = session.scalar(
        upsert(Revision)
        .values(values)
        .on_conflict_do_update(index_elements=[Revision.root_id], set_=values)
        .returning(Revision.id)
    )
    assert revision_id is not None
    patches = _store_patches(session, revision_id, one.patches, ids)
    _store_comments(session, revision_id, one.comments, ids, patches)


def _store_patches(
    session: Session, revision_id: int, patches: Sequence[series_domain.Patch], ids: dict[str, int]
) -> dict[int, int]:
    """Store a revision's patches; return their ids by position."""
    stored: dict[int, int] = {}
    for one in patches:
        values = {
            "revision_id": revision_id,
            "position": one.position,
            "message_pk": ids[one.message.message_id],
            "title": one.title,
            "diff": one.diff,
            "files": list(one.files),
            "additions": sum(line.startswith("+") and not line.startswith("+++ ") for line in one.diff.splitlines()),
            "deletions": sum(line.startswith("-") and not line.startswith("--- ") for line in one.diff.splitlines()),
            "inherited_from": one.inherited_from,
        }
        patch_id = session.scalar(
            upsert(Patch)
            .values(values)
            .on_conflict_do_update(index_elements=[Patch.revision_id, Patch.position], set_=values)
            .returning(Patch.id)
        )
        assert patch_id is not None
        stored[one.position] = patch_id
    return stored


def _store_comments(
    session: Session,
    revision_id: int,
    comments: Sequence[review_domain.Comment],
    ids: dict[str, int],
    patches: dict[int, int],
) -> None:
    for one in comments:
        values = {
            "message_pk": ids[one.message.message_id],
            "revision_id": revision_id,
            "patch_id": patches.get(one.patch_position) if one.patch_position is not None else None,
            "bot": one.bot.value if one.bot else None,
            "trailers": [f"{trailer.name}: {trailer.value}" for trailer in one.trailers],
            "anchors": [asdict(anchor) for anchor in one.anchors],
        }
        session.execute(
            upsert(Comment).values(values).on_conflict_do_update(index_elements=[Comment.message_pk], set_=values)
        )
