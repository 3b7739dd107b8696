"""Works stored for tests that decide about them, and what is seen of them afterwards."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Comment, Decision, Message, Patch, Report, Revision, Run, Series
from app.db.session import Sessions
from app.domain.decision import DecisionKind
from app.domain.outcome import Verdict
from app.services.decisions import decide, find_posting
from app.services.ingest import ingest
from tests import factories as make
from tests.domain.threads import BEN, REX, Thread


def store(sessions: Sessions, thread: Thread, *, since: int = 0) -> None:
    with sessions.begin() as session:
        ingest(session, [message.raw for message in thread.messages[since:]], thread_id=None)


def say(session: Session, kind: DecisionKind, message_id: str, to: str | None = None, note: str = "") -> Decision:
    target = find_posting(session, to) if to else None
    return decide(
        session, kind=kind, revision=find_posting(session, message_id), target=target, note=note, by="ann's laptop"
    )


def works(session: Session) -> list[list[str]]:
    """The labels of each series in order; checks what must hold of the rows whatever was decided."""
    rows = session.execute(
        select(Series.id, Revision.label, Revision.position)
        .outerjoin(Revision, Revision.series_id == Series.id)
        .order_by(Series.id, Revision.position)
    ).all()
    found: dict[int, list[tuple[str, int]]] = {}
    for series_id, label, position in rows:
        assert label is not None, f"series {series_id} is empty"
        found.setdefault(series_id, []).append((label, position))
    for members in found.values():
        assert [position for _, position in members] == list(range(len(members)))
        assert len({label for label, _ in members}) == len(members)
    return sorted([label for label, _ in members] for members in found.values())


def rows_of(session: Session) -> dict[str, set[tuple[object, ...]]]:
    """What may not be lost or made anew when revisions move."""
    return {
        "revisions": set(session.execute(select(Revision.id, Revision.root_id)).all()),
        "patches": set(session.execute(select(Patch.id, Patch.revision_id, Patch.message_pk)).all()),
        "comments": set(session.execute(select(Comment.id, Comment.revision_id, Comment.message_pk)).all()),
        "runs": set(session.execute(select(Run.id, Run.revision_id)).all()),
        "reports": set(session.execute(select(Report.id, Report.revision_id)).all()),
        "messages": set(session.execute(select(Message.id, Message.kind)).all()),
    }


def three(thread: Thread) -> list[str]:
    """Three revisions of one work, each with a comment; the covers' Message-IDs."""
    covers = [thread.series(f"PATCH v{version}", 2, salt=f"_{version}")[0] for version in (1, 2, 3)]
    for cover in covers:
        thread.post("Re: [PATCH] bpf: Make it so", to=cover, author=REX, body="Looks good.\n")
    return covers


def other(thread: Thread, prefix: str = "PATCH") -> list[str]:
    return thread.series(prefix, 2, author=BEN, name="other", title="net: Not alike at all")


def run_all(sessions: Sessions) -> None:
    """Give each revision a run and a report."""
    with sessions.begin() as session:
        for revision in session.scalars(select(Revision)).all():
            run = make.add_run(session, revision, verdict=Verdict.CLEAN)
            make.add_report(session, revision, run, "clean")
