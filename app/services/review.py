"""The review of a series: what reviewers ask for, what became of it, and what people say became of it.

It is read from the stored mails each time, so that it is always what `app.domain` makes of them today; only what
people say is stored.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Comment, Mark, MarkSays, Patch, Revision, Series
from app.db.queries import review as queries
from app.domain import series as series_domain
from app.domain.address import Address
from app.domain.discussion import place_comments
from app.domain.evolution import Dropped, Pair, dropped_trailers, match_patches
from app.domain.message import Message, parse_message
from app.domain.remark import Place, Remark, Standing, follow_remarks
from app.domain.review import Anchor, read_comment
from app.domain.review import Comment as Reply
from app.errors import NotFoundError, SubmissionError

MOST_MAILS = 800
"""Mails that one review is read from; of a longer series revisions are left out."""
MOST_BYTES = 128_000_000
LONGEST, SHORTEST = 2_000_000, 256_000
"""Bytes of one mail that are read: what all may have together, shared out, within these; a patch whole or not."""
SETTLED = {
    Standing.CHANGED: "the lines it is about changed in {}",
    Standing.GONE: "its patch was dropped in {}",
    Standing.AGAIN: "{} was sent",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A remark with what is to be said of it.

    `number` counts the points of its comment from 1; `mark` is what a person says, None where nobody has spoken.
    """

    remark: Remark
    comment_id: int
    number: int
    mark: Mark | None

    @property
    def open(self) -> bool:
        """Whether it waits for an answer: a person's word comes before what the revisions show."""
        if self.mark is not None:
            return self.mark.says is MarkSays.OPEN
        return self.remark.standing is Standing.OPEN

    @property
    def word(self) -> str:
        """What it is: open, addressed, or taken as addressed by what the revisions show."""
        if self.open:
            return "open"
        return "addressed" if self.mark is not None else "taken as addressed"

    @property
    def why(self) -> str:
        """Why it is that; "" where it is open and nobody has spoken."""
        if self.mark is not None:
            return f"says {self.mark.marked_by}"
        if self.remark.settled_in is None:
            return ""
        return SETTLED[self.remark.standing].format(self.remark.settled_in)

    @property
    def asked_in(self) -> str:
        """The label of the revision that it was made on."""
        return self.remark.places[0].label

    def place_in(self, label: str) -> Place | None:
        """Where it stands in a revision; where a person insists on it, at least where it stood last."""
        insists = self.mark is not None and self.mark.says is MarkSays.OPEN
        return self.remark.place_in(label) or (self.remark.place if insists else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """The review of a series; `left_out` are the labels of revisions that were too many to be read.

    `revisions` are by label and in order; `replies` and `points` (see `app.domain.discussion`) are by Message-ID,
    `comments` the rows of the replies by Message-ID, `patches` the rows by revision and position.
    """

    revisions: Mapping[str, series_domain.Revision]
    comments: Mapping[str, Comment]
    points: Mapping[str, Sequence[Anchor]]
    patches: Mapping[tuple[str, int], Patch]
    judged: Sequence[Judged]
    left_out: Sequence[str]
    pairs: "_Pairs"

    def message_pk(self, remark: Remark) -> int:
        """The id of the mail that a remark was made in."""
        return self.comments[remark.comment.message.message_id].message_pk

    def carried_to(self, label: str) -> list[Judged]:
        """The remarks on earlier revisions that stand in this one."""
        earlier = list(self.revisions)
        earlier = earlier[: earlier.index(label)] if label in self.revisions else []
        return [one for one in self.judged if one.asked_in in earlier and one.place_in(label) is not None]

    def made_on(self, label: str) -> list[Judged]:
        """The remarks on this revision."""
        return [one for one in self.judged if one.asked_in == label]

    def before(self, label: str) -> series_domain.Revision | None:
        """The revision with patches before this one."""
        earlier = None
        for revision in self.revisions.values():
            if revision.label == label:
                return earlier
            earlier = revision if revision.patches else earlier
        return None

    def dropped_in(self, label: str) -> tuple[Dropped, ...]:
        """The trailers of the revision before that this one does not carry."""
        old, new = self.before(label), self.revisions.get(label)
        if old is None or new is None or not new.patches:
            return ()
        return dropped_trailers(old, new, self.pairs(old.patches, new.patches))


class _Pairs:
    """`match_patches` that remembers its answers for as long as a review lasts."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, int], Sequence[Pair]] = {}

    def __call__(self, old: Sequence[series_domain.Patch], new: Sequence[series_domain.Patch]) -> Sequence[Pair]:
        key = (id(old), id(new))
        if key not in self._known:
            self._known[key] = match_patches(old, new)
        return self._known[key]


def read_review(session: Session, series: Series, seen_from: Revision) -> Review:
    """Read the review of a series, whose revisions and their patches are loaded; three statements.

    `seen_from` is read in any case; the others are the newest, where they are not too many, else those before it.
    """
    rows = queries.comments_of_revisions(session, [revision.id for revision in series.revisions])
    read = _within_bounds(series.revisions, rows)
    if seen_from not in read:
        read = _within_bounds(series.revisions[: series.revisions.index(seen_from) + 1], rows)
    left_out = [revision.label for revision in series.revisions if revision not in read]
    ids = {revision.id for revision in read}
    rows = [row for row in rows if row.revision_id in ids][:MOST_MAILS]
    wanted = [revision.cover_id for revision in read if revision.cover_id is not None]
    wanted += [patch.message_pk for revision in read for patch in revision.patches]
    wanted += [row.message_pk for row in rows]
    longest = max(SHORTEST, min(LONGEST, MOST_BYTES // (len(wanted) or 1)))
    raws = queries.sources(session, wanted, longest)
    mails = {pk: parse_message(raw) for pk, (raw, _) in raws.items()}
    whole = {pk: mails[pk] for pk, (_, is_whole) in raws.items() if is_whole}
    revisions = {revision.label: _revision(revision, rows, mails, whole) for revision in read}
    comments = {mails[row.message_pk].message_id: row for row in rows if row.message_pk in mails}
    points: dict[str, Sequence[Anchor]] = {}
    for revision in revisions.values():
        points |= place_comments(revision.comments)
    spoken = queries.newest_marks(session, comments)
    marks = {key: mark for key, mark in spoken.items() if mark.says is not MarkSays.WITHDRAWN}
    pairs = _Pairs()
    return Review(
        revisions=revisions,
        comments=comments,
        points=points,
        patches={(revision.label, patch.position): patch for revision in read for patch in revision.patches},
        judged=[
            _judged(remark, comments, points, marks) for remark in follow_remarks(tuple(revisions.values()), pairs)
        ],
        left_out=left_out,
        pairs=pairs,
    )


def _within_bounds(revisions: Sequence[Revision], rows: Sequence[Comment]) -> list[Revision]:
    """Return the newest revisions that have no more than MOST_MAILS mails together, at least one, in order."""
    talk = Counter(row.revision_id for row in rows)
    read: list[Revision] = []
    mails = 0
    for revision in reversed(revisions):
        mails += 1 + len(revision.patches) + talk[revision.id]
        if read and mails > MOST_MAILS:
            break
        read.insert(0, revision)
    return read


def _judged(
    remark: Remark, comments: Mapping[str, Comment], points: Mapping[str, Sequence[Anchor]], marks: Mapping[str, Mark]
) -> Judged:
    key = remark.comment.message.message_id
    number = points[key].index(remark.anchor) + 1 if remark.anchor in points[key] else 1
    return Judged(remark=remark, comment_id=comments[key].id, number=number, mark=marks.get(key))


def _revision(
    row: Revision, comments: Sequence[Comment], mails: Mapping[int, Message], whole: Mapping[int, Message]
) -> series_domain.Revision:
    """A revision as the domain has it, made of what is stored rather than threaded again: people may have moved it."""
    patches = tuple(
        series_domain.Patch(
            position=patch.position,
            message=whole[patch.message_pk],
            title=patch.title,
            diff=whole[patch.message_pk].diff or "",
            files=tuple(patch.files),
            inherited_from=patch.inherited_from,
        )
        for patch in row.patches
        if patch.message_pk in whole
    )
    have = {patch.position for patch in patches}
    return series_domain.Revision(
        version=row.version,
        label=row.label,
        rfc=row.rfc,
        resend=row.resend,
        tags=tuple(row.tags),
        author=Address(name=row.author_name, email=row.author_email),
        date=row.posted_at,
        title=row.title,
        cover=whole.get(row.cover_id) if row.cover_id is not None else None,
        total=row.total,
        patches=patches,
        missing=tuple(sorted({*row.missing, *(one.position for one in row.patches)} - have)),
        base_commit=row.base_commit,
        change_id=row.change_id,
        prerequisites=(),
        supersedes=(),
        link=None,
        comments=_replies(row, comments, mails),
    )


def _replies(row: Revision, comments: Sequence[Comment], mails: Mapping[int, Message]) -> tuple[Reply, ...]:
    own = [one for one in comments if one.revision_id == row.id and one.message_pk in mails]
    known = {mails[one.message_pk].message_id for one in own}
    patches = {patch.id: patch for patch in row.patches}
    cover = mails.get(row.cover_id) if row.cover_id is not None else None
    replies = []
    for one in own:
        message = mails[one.message_pk]
        patch = patches.get(one.patch_id) if one.patch_id is not None else None
        answered = mails.get(patch.message_pk) if patch is not None else cover
        above = (message.in_reply_to, *reversed(message.references))
        replies.append(
            read_comment(
                message,
                answers=next((key for key in above if key in known and key != message.message_id), None),
                patch_position=patch.position if patch is not None else None,
                diff=answered.diff if answered is not None and patch is not None else None,
                prose=answered.prose if answered is not None else "",
            )
        )
    return tuple(sorted(replies, key=_by_date))


def _by_date(reply: Reply) -> tuple[bool, float, str]:
    date = reply.message.date
    return date is None, date.timestamp() if date else 0, reply.message.message_id


def mark_comment(session: Session, comment_id: int, says: MarkSays, *, by: str) -> Mark:
    """Note what somebody says of a comment: that it is addressed, that it is open, or neither any more.

    Raises:
        NotFoundError: there is no such comment.
        SubmissionError: nothing was said of it that could be withdrawn.
    """
    message_id = queries.message_id_of_comment(session, comment_id)
    if message_id is None:
        raise NotFoundError(f"there is no comment {comment_id}")
    newest = queries.newest_marks(session, [message_id]).get(message_id)
    if says is MarkSays.WITHDRAWN and (newest is None or newest.says is MarkSays.WITHDRAWN):
        raise SubmissionError(f"nobody has marked comment {comment_id}, so there is nothing to undo")
    if newest is not None and newest.says is says:
        return newest
    mark = Mark(message_id=message_id, says=says, marked_by=by)
    session.add(mark)
    session.flush()
    session.refresh(mark)
    return mark
