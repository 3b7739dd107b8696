"""Each patch of a judged run on its own: when it is tried, what is stored of it, what the verdict makes of it."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from email.parser import BytesHeaderParser
from email.policy import compat32
from email.utils import getaddresses, parseaddr
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.orm import Session, undefer

from app.config import Settings
from app.db.models import (
    AttemptKind,
    Change,
    CheckState,
    Message,
    Patch,
    PatchCheck,
    PatchTrial,
    Revision,
    Run,
    RunState,
)
from app.db.queries.results import failures_again, list_changes
from app.db.queue import Priority, Task, enqueue
from app.domain.complained import unknown
from app.domain.console import ConsoleEvent
from app.domain.outcome import ChangeClass, Outcome, TestKey, Verdict
from app.domain.patches import Finding, Part, Said, with_patches
from app.domain.text import storable
from app.services import attempts, judging
from app.services.attempts import Claim
from app.services.judging import Hearing, RunFacts
from app.services.records import clean_json

EVERYBODY = "linux-kernel@vger.kernel.org"
RAW = undefer(Message.raw)
MOST_TRIES = 3
"""So often patches are tried before the report goes out without: nobody's mail waits for what stays broken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one patch; see `app.db.models.PatchTrial` for what the fields hold."""

    position: int
    outcome: Outcome
    parts: tuple[Part, ...] = ()
    reason: str = ""
    errors: tuple[dict[str, Any], ...] = ()
    warnings: tuple[dict[str, Any], ...] = ()
    tests: dict[str, Any] | None = None
    advice: dict[str, Any] = field(default_factory=dict)
    duration_s: float | None = None


def open_check(session: Session, settings: Settings, run_id: int) -> bool:
    """Queue the trying of a judged run's patches one by one, in the judge's transaction; tell whether it is to be done.

    That is for a whole run of a revision whose patches applied, upon a base that builds, unless its profile says `off`.
    """
    run = session.get_one(Run, run_id)
    baseline = None if run.baseline_id is None else session.get_one(Run, run.baseline_id)
    profile = settings.profiles.get(run.profile)
    wanted = profile is not None and profile.patches != "off" and run.revision_id is not None and run.only is None
    sound = baseline is not None and bool(baseline.evidence.get("built"))
    if not wanted or not sound or not run.evidence.get("applied") or session.get(PatchCheck, run_id) is not None:
        return False
    whole = {"verdict": run.verdict, "sentence": run.sentence}
    session.add(PatchCheck(run_id=run_id, state=CheckState.OPEN, whole=whole, findings=[]))
    session.flush()
    queue(session, run)
    return True


def queue(session: Session, run: Run, *, pause_s: int = 0) -> None:
    """Put the trying of a run's patches on the queue."""
    enqueue(session, Task.PATCHES, pool=run.pool, priority=Priority.PATCHES, pause_s=pause_s, run_id=run.id)


def claim(session: Session, run_id: int, *, worker: str) -> Claim | None:
    """Start the next attempt at a run's patches; None where there is nothing to do, or it was tried often enough.

    Then the check is closed with the reason, and the report is due.
    """
    run = session.scalar(select(Run).where(Run.id == run_id).with_for_update())
    check = session.get(PatchCheck, run_id)
    if run is None or run.state is not RunState.DONE or check is None or check.state is CheckState.DONE:
        return None
    last = attempts.close_lost(session, run)
    if attempts.tries(session, run_id, AttemptKind.PATCHES) >= MOST_TRIES:
        _close(check, trouble=f"gave up after {MOST_TRIES} attempts; the last: {last}")
        return None
    return attempts.begin(session, run, AttemptKind.PATCHES, worker=worker)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blamed:
    """A test that a series answers for: its `own` where the base has none such; `failures` the judge has seen of it."""

    key: TestKey
    own: bool
    failures: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What the judge had of a run, for trying its patches.

    `blamed` are the tests that the series answers for; `gone` those of the base that it has not; `complaints` are the
    console events that it answers for, `lacking` what it was tested without. `addressed` are the bare addresses (lower
    case) in From, To and Cc of each patch and of the cover.
    """

    verdict: Verdict
    run: RunFacts
    baseline: RunFacts | None
    blamed: tuple[Blamed, ...]
    gone: tuple[TestKey, ...]
    complaints: tuple[ConsoleEvent, ...]
    lacking: tuple[str, ...]
    errors: tuple[dict[str, Any], ...]
    addressed: dict[int, frozenset[str]]


def hear(session: Session, run_id: int) -> Heard:
    """Read what the judge had, and what it made of it."""
    hearing = judging.hear(session, run_id)  # first: it loads the run with what belongs to it
    run = session.get_one(Run, run_id)
    check = session.get_one(PatchCheck, run_id)
    changes = list_changes(session, [run_id])
    return Heard(
        verdict=Verdict(check.whole["verdict"]),
        run=hearing.run,
        baseline=hearing.baseline,
        blamed=_blamed(session, [one for one in changes if one.kind.blamed]),
        gone=tuple(_key(one) for one in changes if one.kind is ChangeClass.DISAPPEARED),
        complaints=_answered_for(run, hearing),
        lacking=hearing.lacking,
        errors=tuple(run.evidence.get("build", {}).get("errors", ())),
        addressed=_addressed(session, run),
    )


def _blamed(session: Session, changes: Sequence[Change]) -> tuple[Blamed, ...]:
    counted = failures_again(session, changes)
    return tuple(
        Blamed(
            key=_key(one),
            own=one.kind is ChangeClass.NEW_FAILURE,
            failures=1 + counted.get((one.test_id, one.ordinal), 0),
        )
        for one in changes
    )


def _answered_for(run: Run, hearing: Hearing) -> tuple[ConsoleEvent, ...]:
    """Return the complaints that a run is blamed for, and those that are told as the cause of its machine's death."""
    told = [one for one in run.evidence.get("reasons", ()) if not one.get("key")]
    blamed = {one.get("fingerprint") for one in told}
    deaths = [str(one["text"]) for one in told if not one.get("fingerprint")]
    fresh = unknown(hearing.run.console, () if hearing.baseline is None else hearing.baseline.console)
    return tuple(one for one in fresh if one.fingerprint in blamed or any(one.title in text for text in deaths))


def _key(change: Change) -> TestKey:
    return TestKey(suite=change.test.suite, name=change.test.name, ordinal=change.ordinal)


def _addressed(session: Session, run: Run) -> dict[int, frozenset[str]]:
    revision = session.get_one(Revision, run.revision_id)
    cover = None if revision.cover_id is None else session.get_one(Message, revision.cover_id, options=[RAW])
    also = addresses_of(cover.raw) if cover is not None else frozenset()
    rows = session.execute(
        select(Patch.position, Message.raw).join(Patch.message).where(Patch.revision_id == revision.id)
    )
    return {position: addresses_of(raw) | also for position, raw in rows}


def addresses_of(raw: bytes) -> frozenset[str]:
    """Return the bare addresses, in lower case, that a mail is from and goes to."""
    mail = BytesHeaderParser(policy=compat32).parsebytes(raw)
    fields = [str(value) for name in ("From", "To", "Cc") for value in mail.get_all(name, [])]
    return frozenset(address.lower() for _, address in getaddresses(fields) if "@" in address)


def not_addressed(people: Sequence[str], addressed: Collection[str]) -> list[str]:
    """Return those whom get_maintainer names and a mail did not go to, but for the list of all."""
    pairs = ((person, parseaddr(person)[1].lower()) for person in people)
    return [person for person, address in pairs if address and address not in {*addressed, EVERYBODY}]


def store(session: Session, held: Claim, trials: Sequence[Trial]) -> None:
    """Store what came of patches; what an earlier attempt found of them is replaced.

    Raises:
        sqlalchemy.exc.DBAPIError: with SQLSTATE RR001, this attempt has been replaced.
    """
    for one in trials:
        row = {
            "run_id": held.run_id,
            "position": one.position,
            "attempt": held.attempt,
            "outcome": one.outcome,
            "built": [str(part) for part in one.parts],
            "reason": storable(one.reason)[:2000] or None,
            "errors": clean_json(one.errors),
            "warnings": clean_json(one.warnings),
            "tests": clean_json(one.tests),
            "advice": clean_json(one.advice),
            "duration_s": one.duration_s,
            "finished_at": datetime.now(UTC),
        }
        insert = upsert(PatchTrial).values(row)
        session.execute(insert.on_conflict_do_update(index_elements=["run_id", "position"], set_=row))


def finish(session: Session, held: Claim, findings: Sequence[Finding]) -> None:
    """Store what trying all patches has shown, and have the verdict say it.

    Raises:
        FencedError: another attempt has taken over.
    """
    run = attempts.locked_run(session, held)
    check = session.get_one(PatchCheck, run.id)
    check.findings = clean_json([asdict(one) for one in findings])
    _close(check)
    trials = session.scalars(
        select(PatchTrial)
        .where(PatchTrial.run_id == run.id, PatchTrial.attempt == held.attempt)
        .order_by(PatchTrial.position)
    ).all()
    brought = [(one.position, warning) for one in trials for warning in one.warnings if warning["remains"]]
    said = with_patches(
        session.get_one(Revision, run.revision_id).label,
        Said(verdict=Verdict(check.whole["verdict"]), sentence=check.whole["sentence"] or ""),
        findings,
        warnings=len(brought),
        first_warned=brought[0][0] if brought else 0,
        lacking=judging.lacking_in(run),
    )
    run.verdict, run.sentence = said.verdict, storable(said.sentence)
    run.evidence = run.evidence | {"patches": check.findings}
    attempts.close(session, held, "done")
    session.flush()


def judge_again(session: Session, held: Claim) -> None:
    """Have a run judged again, for a test that it was blamed for has passed with the very patches since.

    What that attempt saw has a say then (app.services.precedents); patches are tried anew after it.

    Raises:
        FencedError: another attempt has taken over.
    """
    run = attempts.locked_run(session, held)
    attempts.close(session, held, "what was blamed passes now and then; judged again")
    for of_run in (Change, PatchTrial, PatchCheck):
        session.execute(delete(of_run).where(of_run.run_id == run.id))
    run.state, run.verdict, run.sentence, run.finished_at = RunState.WAITING, None, None, None
    session.flush()
    attempts.queue_next(session, run)


def retry_later(session: Session, held: Claim, why: str, *, pause_s: int) -> bool:
    """After trouble of ours: queue another attempt; tell whether there is one, else the report is due.

    Raises:
        FencedError: another attempt has taken over.
    """
    run = attempts.locked_run(session, held)
    attempts.close(session, held, f"trouble of ours: {why}"[:2000])
    if attempts.tries(session, run.id, AttemptKind.PATCHES) >= MOST_TRIES:
        _close(session.get_one(PatchCheck, run.id), trouble=why[:2000])
        return False
    queue(session, run, pause_s=pause_s)
    return True


def _close(check: PatchCheck, *, trouble: str | None = None) -> None:
    check.state, check.finished_at = CheckState.DONE, datetime.now(UTC)
    check.trouble = None if trouble is None else storable(trouble)
