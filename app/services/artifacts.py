"""What runs leave to download: which files wait to be kept, which are kept, and what has to go, when and why.

The bytes are moved by workers (workers/artifacts.py); whoever puts a file in its place or removes one holds the lock.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, aliased

from app.config import ArtifactSettings
from app.db.models import Artifact, Run, RunState
from app.domain.artifact import ArtifactKind, ArtifactState
from app.domain.outcome import Verdict
from app.services.attempts import Claim

LOCK = 5_316_914
"""pg_advisory_xact_lock: a file is not removed while another worker finds that it is there already."""
WAIT_AT_MOST = timedelta(days=1)
TRY_AGAIN = timedelta(minutes=10)
WHY_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A file that is not in the store yet, and the image that it is part of."""

    run_id: int
    attempt: int
    kind: ArtifactKind
    image_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a file holds: the hash and size of the plain bytes, and their size in the store."""

    sha256: str
    size: int
    packed_size: int


def announce(session: Session, held: Claim, image_key: str | None, limits: ArtifactSettings) -> None:
    """Have the image's files kept, in the transaction that stores an attempt's results; None where nothing was built.

    What an earlier attempt of the run left is no longer told of.
    """
    if image_key is None or not limits.most_bytes:
        return
    fresh = {"attempt": held.attempt, "image_key": image_key, "state": ArtifactState.WAITING}
    fresh |= dict.fromkeys(("size", "packed_size", "sha256", "why", "tried_at", "stored_at", "gone_at"))
    rows = [{"run_id": held.run_id, "kind": kind, **fresh} for kind in ArtifactKind]
    statement = upsert(Artifact).values(rows)
    again = {**fresh, "created_at": func.now()}
    session.execute(statement.on_conflict_do_update(index_elements=["run_id", "kind"], set_=again))


def waiting(session: Session, now: datetime) -> Sequence[Waiting]:
    """Return what waits to be kept, the oldest first; not what was tried in vain a moment ago."""
    due = or_(Artifact.tried_at.is_(None), Artifact.tried_at < now - TRY_AGAIN)
    wanted = select(Artifact).where(Artifact.state == ArtifactState.WAITING, due)
    return [
        Waiting(run_id=one.run_id, attempt=one.attempt, kind=one.kind, image_key=one.image_key)
        for one in session.scalars(wanted.order_by(Artifact.created_at, Artifact.run_id))
    ]


def lock(session: Session) -> None:
    """Keep files from being placed or removed by anybody else until the transaction ends."""
    session.execute(select(func.pg_advisory_xact_lock(LOCK)))


def known(session: Session, one: Waiting) -> Content | None:
    """Return what the same file of the same image holds, where the store has that already."""
    same = (Artifact.image_key == one.image_key, Artifact.kind == one.kind, Artifact.state == ArtifactState.KEPT)
    found = session.scalars(select(Artifact).where(*same).limit(1)).first()
    if found is None or found.sha256 is None or found.size is None or found.packed_size is None:
        return None
    return Content(sha256=found.sha256, size=found.size, packed_size=found.packed_size)


def keep(session: Session, one: Waiting, content: Content) -> bool:
    """Say that a file is in the store; False where nobody waits for it any more. The caller holds the lock."""
    values = {"sha256": content.sha256, "size": content.size, "packed_size": content.packed_size}
    values |= {"state": ArtifactState.KEPT, "stored_at": datetime.now(UTC), "why": None}
    return _change(session, one, values)


def tried(session: Session, one: Waiting, why: str) -> None:
    """Say that a file could not be kept this time, for trouble of ours; it is tried again."""
    _change(session, one, {"tried_at": datetime.now(UTC), "why": why[:WHY_LIMIT]})


def _change(session: Session, one: Waiting, values: dict[str, object]) -> bool:
    same = (Artifact.run_id == one.run_id, Artifact.kind == one.kind, Artifact.attempt == one.attempt)
    changing = update(Artifact).where(*same, Artifact.state == ArtifactState.WAITING).values(values)
    return session.execute(changing.returning(Artifact.run_id)).first() is not None


def clear(session: Session, limits: ArtifactSettings, now: datetime, *, free_bytes: int) -> int:
    """Mark as gone what is too old, then what is too much; return how many files that were.

    Too much is more than `limits.most_bytes`, or more than leaves `limits.room_bytes` of the disk, of which
    `free_bytes` are free now. What passed goes before what failed, the oldest first. The caller holds the lock and
    removes the content that no row speaks of any more.
    """
    blobs: dict[str, list[tuple[Artifact, bool]]] = defaultdict(list)
    gone = _tell_unkept(session, now)
    kept = select(Artifact, _passed()).join(Run, Run.id == Artifact.run_id).where(Artifact.state == ArtifactState.KEPT)
    for artifact, passed in session.execute(kept):
        age = limits.keep_passed if passed else limits.keep_failed
        if _stored(artifact) + age < now:
            said = f"{age.days} days" if age.days else f"{age.total_seconds() / 3600:.1f} hours"
            _lose(artifact, now, f"what {'passed' if passed else 'failed'} is kept for {said}")
            gone += 1
        else:
            blobs[artifact.sha256 or ""].append((artifact, passed))
    sizes = {sha256: found[0][0].packed_size or 0 for sha256, found in blobs.items()}
    total = sum(sizes.values())
    for sha256, found in sorted(blobs.items(), key=lambda one: _worth(one[1])):
        why = _too_much(limits, total, free_bytes)
        if why is None:
            break
        total -= sizes[sha256]
        free_bytes += sizes[sha256]
        gone += len(found)
        for artifact, _ in found:
            _lose(artifact, now, why)
    session.flush()
    return gone


def _stored(artifact: Artifact) -> datetime:
    return artifact.stored_at or artifact.created_at


def _worth(found: Sequence[tuple[Artifact, bool]]) -> tuple[bool, datetime]:
    """Order contents by what is cleared first: passed before failed, then by the newest run that has it."""
    return not all(passed for _, passed in found), max(_stored(artifact) for artifact, _ in found)


def _too_much(limits: ArtifactSettings, total: int, free_bytes: int) -> str | None:
    if total > limits.most_bytes:
        return f"room was needed: the store may hold {limits.most_bytes / 1e9:.1f} GB"
    if free_bytes < limits.room_bytes:
        return f"room was needed: only {free_bytes / 1e9:.1f} GB of the store's disk were free"
    return None


def _passed() -> ColumnElement[bool]:
    """Whether a run is one that nobody is likely to look into: clean, or a baseline of clean ones only."""
    user = aliased(Run)
    used = select(user.id).where(user.baseline_id == Run.id, user.verdict.is_distinct_from(Verdict.CLEAN)).exists()
    return and_(
        Run.state == RunState.DONE,
        or_(Run.verdict.is_not_distinct_from(Verdict.CLEAN), and_(Run.revision_id.is_(None), ~used)),
    ).label("passed")


def _tell_unkept(session: Session, now: datetime) -> int:
    """Mark as gone what has waited for too long."""
    late = (Artifact.state == ArtifactState.WAITING, Artifact.created_at < now - WAIT_AT_MOST)
    lost = session.scalars(select(Artifact).where(*late)).all()
    for artifact in lost:
        _lose(artifact, now, f"never kept: {artifact.why or 'no worker that has it came to it within a day'}")
    return len(lost)


def _lose(artifact: Artifact, now: datetime, why: str) -> None:
    artifact.state, artifact.gone_at, artifact.why = ArtifactState.GONE, now, why[:WHY_LIMIT]


def live(session: Session) -> frozenset[str]:
    """Return the hashes of all contents that a row speaks of."""
    kept = select(Artifact.sha256).where(Artifact.state == ArtifactState.KEPT, Artifact.sha256.is_not(None))
    return frozenset(sha256 for sha256 in session.scalars(kept.distinct()) if sha256)
