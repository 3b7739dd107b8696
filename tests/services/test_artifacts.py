"""Which files of runs are kept, and what is cleared first."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.config import ArtifactSettings
from app.db.models import Artifact, Run, RunState
from app.domain.artifact import ArtifactKind, ArtifactState
from app.domain.outcome import Verdict
from app.services import artifacts
from app.services.artifacts import Content, Waiting
from app.services.attempts import Claim
from tests import factories as make
from tests.factories import NOW

LIMITS = ArtifactSettings(
    most_bytes=1000, room_bytes=100, keep_passed=timedelta(days=7), keep_failed=timedelta(days=60)
)
MUCH = 10**6
A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def add_run(session: Session, verdict: Verdict | None = Verdict.CLEAN, **values) -> Run:
    thread = make.add_thread(session)
    series = make.add_series(session)
    revision = make.add_revision(session, series, thread=thread)
    return make.add_run(session, revision, verdict=verdict, **values)


def add_kept(
    session: Session,
    run: Run,
    sha256: str,
    *,
    days: float = 0,
    kind: ArtifactKind = ArtifactKind.VMLINUX,
    size: int = 400,
) -> Artifact:
    artifact = Artifact(
        run_id=run.id, kind=ArtifactKind.VMLINUX, attempt=1, image_key="k", state=ArtifactState.KEPT, sha256=sha256,
        size=3 * size, packed_size=size, created_at=NOW, stored_at=NOW - timedelta(days=days),
    )  # fmt: skip
    session.add(artifact)
    session.flush()
    return artifact


def clear(session: Session, *, free_bytes: int = MUCH, limits: ArtifactSettings = LIMITS) -> int:
    return artifacts.clear(session, limits, NOW, free_bytes=free_bytes)


def states(*found: Artifact) -> list[str]:
    return [str(one.state) for one in found]


def test_what_passed_goes_after_a_week_and_what_failed_stays(session: Session) -> None:
    passed = add_kept(session, add_run(session), A, days=8)
    fresh = add_kept(session, add_run(session), B, days=6)
    failed = add_kept(session, add_run(session, Verdict.REGRESSED), C, days=59)
    assert clear(session) == 1
    assert states(passed, fresh, failed) == ["gone", "kept", "kept"]
    assert (passed.gone_at, passed.why) == (NOW, "what passed is kept for 7 days")
    assert artifacts.live(session) == {B, C}


def test_what_failed_goes_in_the_end(session: Session) -> None:
    failed = add_kept(session, add_run(session, Verdict.DOES_NOT_BOOT), A, days=61)
    clear(session)
    assert failed.why == "what failed is kept for 60 days"


@pytest.mark.parametrize(
    ("user", "state"), [(Verdict.REGRESSED, "kept"), (Verdict.CLEAN, "gone"), (None, "kept")], ids=str
)
def test_a_baseline_is_kept_as_long_as_what_was_judged_against_it(session: Session, user, state: str) -> None:
    baseline = make.add_run(session)
    add_run(session, user, baseline_id=baseline.id)
    artifact = add_kept(session, baseline, A, days=8)
    clear(session)
    assert artifact.state == state


def test_a_run_that_is_not_judged_yet_has_not_passed(session: Session) -> None:
    artifact = add_kept(session, add_run(session, None, state=RunState.WAITING), A, days=8)
    assert clear(session) == 0
    assert artifact.state is ArtifactState.KEPT


def test_too_much_is_cleared_passed_first_then_the_oldest(session: Session) -> None:
    failed = [add_kept(session, add_run(session, Verdict.REGRESSED), A[:-1] + str(day), days=day) for day in (5, 4)]
    passed = [add_kept(session, add_run(session), B[:-1] + str(day), days=day) for day in (3, 2, 1)]
    assert clear(session) == 3
    assert states(*failed, *passed) == ["kept", "kept", "gone", "gone", "gone"]
    assert passed[0].why == "room was needed: the store may hold 0.0 GB"
    add_kept(session, add_run(session, Verdict.REGRESSED), C)
    clear(session)
    assert states(*failed) == ["gone", "kept"]


def test_room_on_the_disk_is_made_and_no_more_than_is_needed(session: Session) -> None:
    kept = [add_kept(session, add_run(session), A[:-1] + str(day), days=day, size=60) for day in (3, 2, 1)]
    assert clear(session, free_bytes=30) == 2
    assert states(*kept) == ["gone", "gone", "kept"]
    assert kept[0].why.startswith("room was needed: only 0.0 GB of the store's disk")


def test_what_several_runs_share_counts_once_and_goes_as_a_whole(session: Session) -> None:
    shared = [add_kept(session, add_run(session), A, days=5, size=900) for _ in range(3)]
    assert clear(session) == 0
    newer = add_kept(session, add_run(session), B, size=900)
    assert clear(session) == 3
    assert states(*shared, newer) == ["gone", "gone", "gone", "kept"]


def test_what_a_failed_run_shares_with_a_clean_one_is_as_precious_as_the_failed_one(session: Session) -> None:
    clean = add_kept(session, add_run(session), A, days=5, size=600)
    failed = add_kept(session, add_run(session, Verdict.REGRESSED), A, days=5, size=600)
    other = add_kept(session, add_run(session), B, size=600)
    clear(session)
    assert states(clean, failed, other) == ["kept", "kept", "gone"]


def announce(session: Session, run: Run, key: str = "key", attempt: int = 1) -> None:
    artifacts.announce(session, Claim(run_id=run.id, attempt=attempt), key, LIMITS)


def kept_now(session: Session, one: Waiting) -> bool:
    return artifacts.keep(session, one, Content(sha256=A, size=10, packed_size=5))


def test_every_file_of_an_image_waits_until_it_is_kept(session: Session) -> None:
    run = add_run(session)
    announce(session, run)
    waiting = artifacts.waiting(session, NOW)
    assert {one.kind for one in waiting} == set(ArtifactKind)
    assert kept_now(session, waiting[0])
    assert len(artifacts.waiting(session, NOW)) == len(waiting) - 1


def test_the_same_file_of_the_same_image_is_known(session: Session) -> None:
    first, second = add_run(session), add_run(session)
    announce(session, first)
    one = artifacts.waiting(session, NOW)[0]
    assert artifacts.known(session, one) is None
    kept_now(session, one)
    announce(session, second)
    same = next(each for each in artifacts.waiting(session, NOW) if each.run_id == second.id and each.kind == one.kind)
    assert artifacts.known(session, same) == Content(sha256=A, size=10, packed_size=5)


def test_nothing_is_announced_where_nothing_was_built_or_nothing_may_be_kept(session: Session) -> None:
    run = add_run(session)
    artifacts.announce(session, Claim(run_id=run.id, attempt=1), None, LIMITS)
    artifacts.announce(session, Claim(run_id=run.id, attempt=1), "key", LIMITS.model_copy(update={"most_bytes": 0}))
    assert artifacts.waiting(session, NOW) == []


def test_a_newer_attempt_replaces_what_an_older_one_left_and_refuses_what_is_kept_for_it_too_late(session) -> None:
    run = add_run(session)
    announce(session, run)
    late = artifacts.waiting(session, NOW)[0]
    announce(session, run, "other", attempt=2)
    assert not kept_now(session, late)
    assert {(one.attempt, one.image_key) for one in artifacts.waiting(session, NOW)} == {(2, "other")}


def test_what_was_tried_in_vain_is_tried_again_a_little_later_and_given_up_after_a_day(session: Session) -> None:
    announce(session, add_run(session))
    one = artifacts.waiting(session, NOW)[0]
    artifacts.tried(session, one, "the store is full")
    row = session.get_one(Artifact, (one.run_id, one.kind))
    session.refresh(row)
    assert (row.state, row.why) == (ArtifactState.WAITING, "the store is full")
    assert one not in artifacts.waiting(session, row.tried_at + timedelta(minutes=1))
    assert one in artifacts.waiting(session, row.tried_at + timedelta(minutes=11))
    artifacts.clear(session, LIMITS, row.created_at + timedelta(days=1, seconds=1), free_bytes=MUCH)
    assert (row.state, row.why) == (ArtifactState.GONE, "never kept: the store is full")
    assert artifacts.waiting(session, row.tried_at + timedelta(minutes=11)) == []
