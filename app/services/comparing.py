"""Two revisions side by side: what the author says has changed, and what has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from sqlalchemy.orm import Session

from app.db.models import Patch, RangeDiff, Revision
from app.db.queries import differences as queries
from app.domain import series as series_domain
from app.domain.changenotes import ChangePoint, change_log, step_to
from app.domain.comparison import Comparison, Source, compare
from app.domain.message import Message, parse_message
from app.errors import NotFoundError

MOST_STEPS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchNotes:
    """What is said below the `---` of one patch."""

    patch: Patch
    points: tuple[ChangePoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the author says has changed from one revision to the next: in the cover letter, and patch by patch.

    `since` is the label of the older one, by the author's word where it is not at hand (`old` is None). `said_in` is
    the revision whose cover letter it was read in; authors repeat older steps in newer ones.
    """

    old: Revision | None
    since: str | None
    new: Revision
    said_in: Revision
    points: tuple[ChangePoint, ...]
    patches: tuple[PatchNotes, ...]

    def __bool__(self) -> bool:
        return bool(self.points or self.patches)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Two revisions compared. `range_diff` is git's word where it is what the comparison rests on.

    `patches` are the stored patches by revision (its id) and position; `told` has a step for each revision after the
    older one up to the newer one, `steps_left_out` how many were too many.
    """

    old: Revision
    new: Revision
    comparison: Comparison
    range_diff: RangeDiff | None
    patches: Mapping[tuple[int, int], Patch]
    told: tuple[Told, ...]
    steps_left_out: int


def pick(revisions: Sequence[Revision], old: str | None, new: str | None) -> tuple[Revision, Revision]:
    """Return the two revisions of a series that labels name, the earlier one first.

    Without `new` it is the newest, without `old` the one before it. The order of the labels does not matter.

    Raises:
        NotFoundError: there is no such revision, or none before it.
    """
    places = {one.label: at for at, one in enumerate(revisions)}
    for label in (old, new):
        if label is not None and label not in places:
            raise NotFoundError(f"the series has no revision {label!r}; it has {', '.join(places) or 'none'}")
    at = places[new] if new is not None else len(revisions) - 1
    before = places[old] if old is not None else at - 1
    if before < 0:
        raise NotFoundError("there is no revision before it: nothing to compare with")
    first, last = sorted((before, at))
    return revisions[first], revisions[last]


def compare_revisions(session: Session, revisions: Sequence[Revision], old: Revision, new: Revision) -> Difference:
    """Compare two of a series' revisions; `revisions` are all of them in order, `old` the earlier one."""
    span = revisions[revisions.index(old) : revisions.index(new) + 1]
    shown = span[-MOST_STEPS - 1 :]
    ids = {one.id for one in (old, *shown)}
    stored = queries.patches_of(session, sorted(ids))
    read = {one: tuple(_patch(row, raw) for row, raw in stored.get(one, ())) for one in ids}
    kept = queries.get_range_diff(session, old.id, new.id)
    comparison = compare(read[old.id], read[new.id], kept.text if kept else None)
    covers = {one: parse_message(raw) for one, raw in queries.covers_of(session, [one.id for one in shown]).items()}
    return Difference(
        old=old,
        new=new,
        comparison=comparison,
        range_diff=kept if comparison.source is Source.GIT else None,
        patches={(row.revision_id, row.position): row for rows in stored.values() for row, _ in rows},
        told=tuple(
            _told(before, after, shown[at:], covers, _notes(stored.get(after.id, ()), read[after.id], after, before))
            for at, (before, after) in enumerate(pairwise(shown), start=1)
        ),
        steps_left_out=len(span) - len(shown),
    )


def changes_told(session: Session, revisions: Sequence[Revision], new: Revision) -> Told:
    """What the author says has changed with a revision; `revisions` are all of its series in order."""
    at = revisions.index(new)
    old = revisions[at - 1] if at else None
    stored = queries.patches_of(session, [new.id]).get(new.id, [])
    covers = {one: parse_message(raw) for one, raw in queries.covers_of(session, [new.id]).items()}
    return _told(old, new, [new], covers, _notes(stored, [_patch(row, raw) for row, raw in stored], new, old))


def _patch(row: Patch, raw: bytes) -> series_domain.Patch:
    message = parse_message(raw)
    return series_domain.Patch(
        position=row.position,
        message=message,
        title=row.title,
        diff=message.diff or "",
        files=message.paths,
        inherited_from=row.inherited_from,
    )


def _told(
    old: Revision | None,
    new: Revision,
    later: Sequence[Revision],
    covers: Mapping[int, Message],
    patches: tuple[PatchNotes, ...],
) -> Told:
    """Read the step to `new` in its own cover letter, or in that of the first of the `later` ones that has it."""
    for one in later:
        cover = covers.get(one.id)
        step = step_to(change_log(cover), new.label, old.label if old else None) if cover else None
        if step is not None:
            since = old.label if old else step.old
            return Told(old=old, since=since, new=new, said_in=one, points=step.points, patches=patches)
    return Told(old=old, since=old.label if old else None, new=new, said_in=new, points=(), patches=patches)


def _notes(
    rows: Sequence[tuple[Patch, bytes]], read: Sequence[series_domain.Patch], new: Revision, old: Revision | None
) -> tuple[PatchNotes, ...]:
    notes = []
    for (row, _), patch in zip(rows, read, strict=True):
        step = step_to(change_log(patch.message), new.label, old.label if old else None)
        if step is not None and row.inherited_from is None:
            notes.append(PatchNotes(patch=row, points=step.points))
    return tuple(notes)
