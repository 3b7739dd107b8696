"""What `git range-diff` says of neighbouring revisions: which are to be compared, and keeping it."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session

from app.db.models import RangeDiff, Revision, Run, Step
from app.domain.outcome import Outcome
from app.domain.outcome import Step as StepName
from app.domain.text import storable


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A revision as a run applied it: its patches are what `commit` has and `below` does not; 40 hex digits each."""

    revision_id: int
    run_id: int
    tree: str
    base: str
    below: str
    commit: str


def to_compare(session: Session, run_id: int) -> list[tuple[Applied, Applied]]:
    """Return the pairs of older and newer revision, of which one is that of a run, that git has yet to compare.

    Both were applied to the same tree, and follow each other in their series.
    """
    run = session.get_one(Run, run_id)
    revision = session.get(Revision, run.revision_id) if run.revision_id else None
    own = _applied(session, revision, run.tree) if revision else None
    if revision is None or own is None:
        return []
    places = select(Revision).where(Revision.series_id == revision.series_id)
    before = places.where(Revision.position < revision.position).order_by(Revision.position.desc()).limit(1)
    after = places.where(Revision.position > revision.position).order_by(Revision.position).limit(1)
    pairs = []
    for neighbour in [*session.scalars(before), *session.scalars(after)]:
        other = _applied(session, neighbour, run.tree)
        if other is not None:
            pair = (other, own) if neighbour.position < revision.position else (own, other)
            pairs += [] if _is_kept(session, *pair) else [pair]
    return pairs


def _applied(session: Session, revision: Revision, tree: str) -> Applied | None:
    """Return a revision as it was applied last."""
    found = session.execute(
        select(Step.detail, Run.id, Run.base_commit)
        .join(Run, Run.id == Step.run_id)
        .where(Run.revision_id == revision.id, Run.tree == tree)
        .where(Step.name == StepName.APPLY, Step.outcome == Outcome.PASS, Step.detail.has_key("commit"))
        .order_by(Step.id.desc())
        .limit(1)
    ).one_or_none()
    if found is None:
        return None
    detail, run_id, base = found
    where = {"tree": tree, "base": base, "below": detail["below"], "commit": detail["commit"]}
    return Applied(revision_id=revision.id, run_id=run_id, **where)


def _is_kept(session: Session, old: Applied, new: Applied) -> bool:
    kept = session.get(RangeDiff, (old.revision_id, new.revision_id))
    return kept is not None and (kept.old_commit, kept.new_commit) == (old.commit, new.commit)


def store(session: Session, old: Applied, new: Applied, text: str) -> None:
    """Keep what git wrote about two revisions, instead of what it wrote before."""
    values = {
        "tree": new.tree,
        "old_base": old.base,
        "new_base": new.base,
        "old_commit": old.commit,
        "new_commit": new.commit,
        "text": storable(text),
    }
    session.execute(
        upsert(RangeDiff)
        .values(old_id=old.revision_id, new_id=new.revision_id, **values)
        .on_conflict_do_update(index_elements=[RangeDiff.old_id, RangeDiff.new_id], set_=values)
    )
