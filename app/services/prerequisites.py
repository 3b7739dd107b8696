"""What a revision needs applied first, found among what is stored, as a run keeps it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session, joinedload, load_only, undefer

from app.db.models import Comment, Message, Patch, Revision, RevisionKey
from app.domain.keys import number
from app.domain.patch_id import patch_id
from app.domain.prerequisite import Needed, NeededPatch, Posted, change_and_version, needed_by, read_prerequisite
from app.domain.trailer import Prerequisite, PrerequisiteKind


def needed_of(session: Session, revision: Revision, *, why: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return what has to be applied before a revision, in order, as `Run.prerequisites` holds it.

    `why` says of what could not be fetched why not, by how it was named (`message-id 1@example.org`).
    """
    if not revision.prerequisites:
        return []
    needed = needed_by(_posted(session, revision), lambda named: _look(session, named))
    return [_row(one, why) for one in needed]


def to_apply(prerequisites: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return those that can be applied: what a run and its baseline have in common."""
    return [dict(one) for one in prerequisites if one["patches"]]


def _row(one: Needed, why: Mapping[str, str]) -> dict[str, Any]:
    named = f"{one.named.kind} {one.named.value}"
    problem = one.problem
    if problem and not one.root_id and named in why:
        problem = f"{problem}: {why[named]}"
    return {
        "named": named,
        "called": one.called,
        "root_id": one.root_id,
        "patches": [patch.message_id for patch in one.patches],
        "problem": problem,
    }


def _look(session: Session, named: Prerequisite) -> Posted | None:
    if named.kind is PrerequisiteKind.PATCH_ID:
        return _with_patch(session, named.value.lower())
    wanted = _by_mail(named.value) if named.kind is PrerequisiteKind.MESSAGE_ID else _by_change(named.value)
    revision = session.scalar(wanted.limit(1))
    return None if revision is None else _posted(session, revision)


def _by_mail(message_id: str) -> Select[Revision]:
    """The revision that a mail is in: as cover letter or own patch, or else as an answer to one."""
    mail = select(Message.id).where(Message.message_id == message_id).scalar_subquery()
    as_patch = select(Patch.revision_id).where(Patch.message_pk == mail, Patch.inherited_from.is_(None))
    as_answer = select(Comment.revision_id).where(Comment.message_pk == mail)
    return select(Revision).where((Revision.cover_id == mail) | Revision.id.in_(as_patch) | Revision.id.in_(as_answer))


def _by_change(value: str) -> Select[Revision]:
    """The revision with a change-id and version; the newest where none is named."""
    change, version = change_and_version(value)
    wanted = select(Revision).where(Revision.change_id == change)
    if version is not None:
        wanted = wanted.where(Revision.version == version)
    return wanted.order_by(Revision.position.desc(), Revision.id.desc())


def _with_patch(session: Session, wanted: str) -> Posted | None:
    """The newest revision that holds a patch with this patch-id."""
    keyed = select(RevisionKey.revision_id).where(RevisionKey.key == number(f"patch-id {wanted}"))
    for revision in session.scalars(select(Revision).where(Revision.id.in_(keyed)).order_by(Revision.id.desc())):
        posted = _posted(session, revision)
        at = next((at for at, one in enumerate(posted.patches) if one.patch_id == wanted), None)
        if at is not None:
            return Posted(
                root_id=posted.root_id, title=posted.title, label=posted.label, patches=posted.patches, picked=at
            )
    return None


def _posted(session: Session, revision: Revision) -> Posted:
    rows = session.scalars(
        select(Patch)
        .where(Patch.revision_id == revision.id)
        .order_by(Patch.position)
        .options(undefer(Patch.diff), joinedload(Patch.message).options(load_only(Message.message_id)))
    )
    read = (read_prerequisite(text) for text in revision.prerequisites)
    return Posted(
        root_id=revision.root_id,
        title=revision.title,
        label=revision.label,
        patches=tuple(NeededPatch(message_id=one.message.message_id, patch_id=patch_id(one.diff)) for one in rows),
        missing=tuple(revision.missing),
        prerequisites=tuple(one for one in read if one is not None),
    )
