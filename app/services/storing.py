"""What a conversation says, as rows: the new ones sent together, the changed ones changed, the others left alone."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db.bulk import copy_rows, distinct, take_ids, update_rows
from app.db.models import Comment, Message, Patch, Revision, RevisionKey, Series, StrayKey
from app.db.queries.neighbours import Neighbours, Stored, among
from app.domain import series as domain
from app.domain.changelog import revision_links
from app.domain.keys import number, own_keys, stray_keys
from app.domain.message import Message as Mail
from app.domain.series import Conversation
from app.services.rows import (
    comment_columns,
    kinds_of,
    mail_columns,
    own_mails,
    patch_columns,
    revision_columns,
    root_id,
    series_columns,
)

Rows = dict[int, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What is stored of some series: revisions by id, patches by id, and which revision owns which mail (by id)."""

    revisions: Rows
    patches: Rows
    owner: Mapping[int, int]

    def patches_of(self) -> dict[int, list[dict[str, Any]]]:
        """Return the stored patches by revision."""
        found: dict[int, list[dict[str, Any]]] = defaultdict(list)
        for one in self.patches.values():
            found[one["revision_id"]].append(one)
        return found


PATCH_COLUMNS = (Patch.id, Patch.revision_id, Patch.position, Patch.message_pk, Patch.title, Patch.inherited_from)


def load_shelf(session: Session, near: Neighbours) -> Shelf:
    """Load what is stored of the series that may change."""
    table = Revision.__table__
    found = session.execute(select(table).where(among(Revision.series_id, near.series))).mappings()
    revisions = {one["id"]: dict(one) for one in found}
    rows = session.execute(select(*PATCH_COLUMNS).where(among(Patch.revision_id, revisions))).mappings()
    patches = {one["id"]: dict(one) for one in rows}
    owner = {one["message_pk"]: one["revision_id"] for one in patches.values() if one["inherited_from"] is None}
    owner |= {one["cover_id"]: one["id"] for one in revisions.values() if one["cover_id"]}
    return Shelf(revisions=revisions, patches=patches, owner=owner)


class Plan:
    """Which stored revision each revision of a conversation is, and in which stored series."""

    def __init__(self, conversation: Conversation, near: Neighbours, shelf: Shelf) -> None:
        self.shelf = shelf
        self._near = near
        self.row_of: dict[str, int] = {}
        self._match([one for each in conversation.series for one in each.revisions])
        self.series_of = self._home(conversation.series)
        self.left = shelf.revisions.keys() - self.row_of.values()
        self.empty = near.series - set(self.series_of.values())
        stored = shelf.patches_of()
        known = [one for each in conversation.series for one in each.revisions if root_id(one) in self.row_of]
        self.moves = bool(self.left) or any(self._patches_move(one, stored[self.row_of[root_id(one)]]) for one in known)

    def _match(self, revisions: Sequence[domain.Revision]) -> None:
        by_root = {one["root_id"]: key for key, one in self.shelf.revisions.items()}
        taken = set()
        for revision in revisions:
            if (row := by_root.get(root_id(revision))) is not None:
                self.row_of[root_id(revision)] = row
                taken.add(row)
        for revision in revisions:
            if root_id(revision) in self.row_of:
                continue
            stored = (self._near.mails.get(one.message_id) for one in own_mails(revision))
            rows = Counter(row for one in stored if one and (row := self.shelf.owner.get(one.id)) and row not in taken)
            for row, _ in rows.most_common(1):
                self.row_of[root_id(revision)] = row
                taken.add(row)

    def _home(self, series: Sequence[domain.Series]) -> dict[str, int]:
        """Give each series the stored one that most of its revisions are in; no two the same. By the first's root."""
        votes: list[tuple[int, int, str]] = []
        for one in series:
            rows = [row for revision in one.revisions if (row := self.row_of.get(root_id(revision)))]
            stored = Counter(self.shelf.revisions[row]["series_id"] for row in rows)
            votes += [(-count, home, root_id(one.revisions[0])) for home, count in stored.items()]
        homes: dict[str, int] = {}
        for _, home, name in sorted(votes):
            if name not in homes and home not in homes.values():
                homes[name] = home
        return homes

    def _patches_move(self, revision: domain.Revision, stored: Sequence[Mapping[str, Any]]) -> bool:
        now = {one.position: self._near.mails.get(one.message.message_id) for one in revision.patches}
        return any((mail := now.get(one["position"])) is None or mail.id != one["message_pk"] for one in stored)


def store(
    session: Session, conversation: Conversation, plan: Plan, near: Neighbours, *, thread_id: int | None
) -> list[int]:
    """Store a conversation; return the ids of its series, in its order."""
    ids = _store_messages(session, conversation, near.mails, thread_id)
    better = _replace_copies(session, conversation, ids, near.mails)
    series = _store_series(session, conversation, plan)
    if plan.left:
        session.execute(delete(Revision).where(among(Revision.id, plan.left)))
    _store_revisions(session, conversation, plan, series, ids)
    patches, changed = _store_patches(session, conversation, plan, ids, better)
    _store_comments(session, conversation, plan, ids, patches, changed, near)
    if plan.empty:
        session.execute(delete(Series).where(among(Series.id, plan.empty)))
    session.expire_all()
    return series


def _store_messages(
    session: Session, conversation: Conversation, stored: Mapping[str, Stored], thread_id: int | None
) -> dict[str, int]:
    """Insert the mails that are new, correct what the others are taken for; return all ids by Message-ID."""
    kinds = kinds_of(conversation)
    fresh = [one for one in conversation.messages if one.message_id not in stored]
    ids = {key: one.id for key, one in stored.items()}
    ids.update(zip((one.message_id for one in fresh), take_ids(session, Message, len(fresh)), strict=True))
    rows = []
    for one in fresh:
        kind, reason = kinds[one.message_id]
        root = conversation.roots[one.message_id]
        known = {"id": ids[one.message_id], "thread_id": thread_id, "kind": kind, "reason": reason, "root": root}
        rows.append(known | mail_columns(one))
    copy_rows(session, Message, rows)
    _store_strays(session, fresh, ids)
    again = []
    for one in conversation.messages:
        if (old := stored.get(one.message_id)) is not None:
            kind, reason = kinds[one.message_id]
            lists = list(dict.fromkeys((*old.lists, *one.list_ids)))
            home = old.thread_id or thread_id
            now = (kind, reason, conversation.roots[one.message_id], lists, home)
            if now != (old.kind, old.reason, old.root, list(old.lists), old.thread_id):
                again.append(
                    dict(zip(("id", "kind", "reason", "root", "lists", "thread_id"), (old.id, *now), strict=True))
                )
    update_rows(session, Message, again)
    return ids


def _store_strays(session: Session, fresh: Sequence[Mail], ids: Mapping[str, int]) -> None:
    alone = (one for one in fresh if ids.keys().isdisjoint({one.in_reply_to, *one.references}))
    rows = [{"key": number(key), "message_pk": ids[one.message_id]} for one in alone for key in stray_keys(one)]
    copy_rows(session, StrayKey, rows)


def _replace_copies(
    session: Session, conversation: Conversation, ids: Mapping[str, int], stored: Mapping[str, Stored]
) -> set[int]:
    """Keep the new copy of a mail where it was chosen: the stored one lost more on its way. Return the mails' ids."""
    chosen = [one for one in conversation.messages if one.raw and one.message_id in stored]
    update_rows(session, Message, [{"id": ids[one.message_id]} | _but_lists(mail_columns(one)) for one in chosen])
    return {ids[one.message_id] for one in chosen}


def _but_lists(columns: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if name != "lists"}


def _store_series(session: Session, conversation: Conversation, plan: Plan) -> list[int]:
    """Insert and change series; return their ids in the conversation's order."""
    names = [root_id(one.revisions[0]) for one in conversation.series]
    fresh = [name for name in names if name not in plan.series_of]
    homes = plan.series_of | dict(zip(fresh, take_ids(session, Series, len(fresh)), strict=True))
    rows = [series_columns(homes[name], one) for name, one in zip(names, conversation.series, strict=True)]
    known = plan.series_of.values()
    copy_rows(session, Series, [one for one in rows if one["id"] not in known])
    table = session.execute(select(Series.__table__).where(among(Series.id, known))).mappings()
    stored: Rows = {one["id"]: dict(one) for one in table}
    update_rows(session, Series, distinct([one for one in rows if one["id"] in known], stored))
    return [homes[name] for name in names]


def _store_revisions(
    session: Session, conversation: Conversation, plan: Plan, series: Sequence[int], ids: Mapping[str, int]
) -> None:
    """Insert and change revisions, and what they are found by; `plan.row_of` names them all afterwards."""
    wanted = [
        (revision, home, position)
        for one, home in zip(conversation.series, series, strict=True)
        for position, revision in enumerate(one.revisions)
    ]
    names = [root_id(revision) for revision, _, _ in wanted]
    known = set(plan.row_of)
    fresh = [name for name in names if name not in known]
    plan.row_of.update(zip(fresh, take_ids(session, Revision, len(fresh)), strict=True))
    rows = [
        revision_columns(plan.row_of[name], home, position, revision, ids)
        for name, (revision, home, position) in zip(names, wanted, strict=True)
    ]
    copy_rows(session, Revision, [row for name, row in zip(names, rows, strict=True) if name not in known])
    old = [row for name, row in zip(names, rows, strict=True) if name in known]
    update_rows(session, Revision, distinct(old, plan.shelf.revisions))
    _store_keys(session, plan, known, [revision for revision, _, _ in wanted])


def _store_keys(session: Session, plan: Plan, known: set[str], revisions: Sequence[domain.Revision]) -> None:
    rows, stale = [], []
    stored = Counter(plan.shelf.owner.values())
    for revision in revisions:
        name, row = root_id(revision), plan.row_of[root_id(revision)]
        if name in known:
            if stored[row] == len(own_mails(revision)):
                continue
            stale.append(row)
        links = {f"link {each.message_id}" for one in own_mails(revision)[:1] for each in revision_links(one)}
        rows += [
            {"key": key, "revision_id": row} for key in {number(key) for key in own_keys(own_mails(revision)) | links}
        ]
    if stale:
        session.execute(delete(RevisionKey).where(among(RevisionKey.revision_id, stale)))
    copy_rows(session, RevisionKey, rows)


def _store_patches(
    session: Session, conversation: Conversation, plan: Plan, ids: Mapping[str, int], better: set[int]
) -> tuple[dict[tuple[int, int], int], set[int]]:
    """Insert, change and delete patches; return their ids by revision and position, and which now hold another mail."""
    at: dict[tuple[int, int], int] = {(p["revision_id"], p["position"]): key for key, p in plan.shelf.patches.items()}
    fresh, changed, kept = [], [], set()
    for revision in (revision for one in conversation.series for revision in one.revisions):
        row = plan.row_of[root_id(revision)]
        for patch in revision.patches:
            old = plan.shelf.patches.get(at.get((row, patch.position), 0))
            now = (ids[patch.message.message_id], patch.title, patch.inherited_from)
            if old is None:
                fresh.append(patch_columns(row, patch, ids))
            else:
                kept.add(old["id"])
                if now != (old["message_pk"], old["title"], old["inherited_from"]) or now[0] in better:
                    changed.append({"id": old["id"]} | patch_columns(row, patch, ids))
    gone = {key for key, one in plan.shelf.patches.items() if one["revision_id"] not in plan.left} - kept
    if gone:
        session.execute(delete(Patch).where(among(Patch.id, gone)))
    new = [{"id": key} | row for key, row in zip(take_ids(session, Patch, len(fresh)), fresh, strict=True)]
    copy_rows(session, Patch, new)
    update_rows(session, Patch, changed)
    at.update(((one["revision_id"], one["position"]), one["id"]) for one in new)
    return at, {one["id"] for one in changed}


def _store_comments(
    session: Session,
    conversation: Conversation,
    plan: Plan,
    ids: Mapping[str, int],
    patches: Mapping[tuple[int, int], int],
    changed: set[int],
    near: Neighbours,
) -> None:
    mails = {ids[one.message_id] for one in conversation.messages}
    found = session.execute(
        select(Comment.id, Comment.message_pk, Comment.revision_id, Comment.patch_id).where(
            among(Comment.message_pk, mails)
        )
    )
    stored = {one.message_pk: one for one in found}
    fresh, again, now = [], [], set()
    for revision in (revision for one in conversation.series for revision in one.revisions):
        row = plan.row_of[root_id(revision)]
        # What was said of a cover letter before it came in can only now be put to its lines.
        cover_came = revision.cover is not None and revision.cover.message_id not in near.mails
        for comment in revision.comments:
            pk = ids[comment.message.message_id]
            patch = patches[row, comment.patch_position] if comment.patch_position is not None else None
            now.add(pk)
            old = stored.get(pk)
            columns = {"message_pk": pk, "revision_id": row, "patch_id": patch}
            if old is None:
                fresh.append(columns | comment_columns(comment))
            elif (old.revision_id, old.patch_id) != (row, patch) or patch in changed or (patch is None and cover_came):
                again.append({"id": old.id} | columns | comment_columns(comment))
    gone = [one.id for pk, one in stored.items() if pk not in now]
    if gone:
        session.execute(delete(Comment).where(among(Comment.id, gone)))
    copy_rows(session, Comment, fresh)
    update_rows(session, Comment, again)
