"""Asking for a revision to be run again."""

from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Run


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

    `only_failed` runs just the tests that failed in the newest finished run; `profile` None means the same profile.

    Raises:
        NotFoundError: there is no such revision.
        SubmissionError: it has never been run yet, the profile is not defined, or nothing failed that could run again.
    """
    raise NotImplementedError
