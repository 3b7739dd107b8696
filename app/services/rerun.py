"""Asking for a revision to be run again."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Result, Revision, Run, RunState, Test
from app.domain.outcome import Outcome
from app.domain.suites import origin
from app.errors import NotFoundError, SubmissionError
from app.services.runs import BaseChoice, add_partial_run, add_run, series_files

MAX_TIMES = 10


def rerun(
    session: Session,
    settings: Settings,
    *,
    revision_id: int,
    only_failed: bool = False,
    profile: str | None = None,
    times: int = 1,
    requested_by: str,
) -> list[Run]:
    """Insert `times` (1 to 10) new runs of a revision, with the base commit of its newest run, and queue them.

    `only_failed` runs just the tests that failed in the newest finished run, against the same baseline; `profile`
    None means that of the newest run.

    Raises:
        NotFoundError: there is no such revision.
        SubmissionError: it has never been run yet, the profile is not defined, `times` is out of range, or nothing
            failed that could run again.
    """
    if not 1 <= times <= MAX_TIMES:
        raise SubmissionError(f"times is {times}; it must be from 1 to {MAX_TIMES}")
    revision, newest = _newest_whole_run(session, revision_id)
    wanted = profile or newest.profile
    if wanted not in settings.profiles:
        known = ", ".join(sorted(settings.profiles))
        raise SubmissionError(f"there is no profile {wanted!r}; there are: {known}")
    if only_failed:
        return [_partial(session, settings, newest, requested_by) for _ in range(times)]
    base = BaseChoice(tree=newest.tree, commit=newest.base_commit, reason=newest.base_reason)
    files = series_files(session, revision.series_id)
    return [
        add_run(session, settings, revision=revision, base=base, files=files, profile=wanted, by=requested_by)
        for _ in range(times)
    ]


def _newest_whole_run(session: Session, revision_id: int) -> tuple[Revision, Run]:
    revision = session.get(Revision, revision_id)
    if revision is None:
        raise NotFoundError(f"there is no revision {revision_id}")
    newest = session.scalar(
        select(Run).where(Run.revision_id == revision_id, Run.only.is_(None)).order_by(Run.id.desc()).limit(1)
    )
    if newest is None:
        raise SubmissionError(f"{revision.label} has not been run yet: its patches are incomplete or no tree takes it")
    return revision, newest


def _partial(session: Session, settings: Settings, newest: Run, by: str) -> Run:
    if newest.state is not RunState.DONE or newest.results_attempt is None:
        raise SubmissionError(f"run {newest.id} has no results yet whose failures could run again; wait for its end")
    failed = select(Test.suite, Test.name).join(Result, Result.test_id == Test.id)
    failed = failed.where(
        Result.run_id == newest.id,
        Result.boot == 0,
        Result.attempt == newest.results_attempt,
        Result.outcome.in_([Outcome.FAIL, Outcome.ERROR]),
    )
    names = sorted({origin(suite, name) for suite, name in session.execute(failed)})
    if not names:
        raise SubmissionError(f"nothing failed in run {newest.id}; run the whole revision again instead")
    return add_partial_run(session, settings, newest, only=names, by=by)
