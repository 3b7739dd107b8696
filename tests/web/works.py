"""Works of several revisions, taken in as mail is, for tests that decide about them."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Revision
from app.db.queries.decisions import postings_of
from app.services.ingest import ingest
from tests.domain.threads import BEN, Thread


@dataclass(frozen=True, slots=True, kw_only=True)
class Works:
    """`ours` are the covers of three revisions of one work, `theirs` is the cover of another."""

    session: Session
    ours: list[str]
    theirs: str

    def posting(self, message_id: str) -> Revision:
        """Return a revision as it is stored now."""
        self.session.rollback()  # what others committed is seen by a new transaction only
        return postings_of(self.session, [message_id])[message_id]

    def series_of(self, message_id: str) -> int:
        """Return the series that a posting is in now."""
        return self.posting(message_id).series_id


def add_works(session: Session) -> Works:
    """Take in two works, and commit."""
    thread = Thread()
    ours = [thread.series(f"PATCH v{version}", 2, salt=f"_{version}")[0] for version in (1, 2, 3)]
    theirs = thread.series("PATCH", 2, author=BEN, name="other", title="net: Not alike at all")[0]
    ingest(session, [message.raw for message in thread.messages], thread_id=None)
    session.commit()
    return Works(session=session, ours=ours, theirs=theirs)
