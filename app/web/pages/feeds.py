"""A series to subscribe to: new revisions, comments and verdicts."""

from datetime import datetime
from urllib.parse import quote

from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy.orm import Session

from app.db.models import Revision, Run, Series
from app.db.queries import feed as queries
from app.db.queries import series as series_queries
from app.db.queries.patches import CommentText
from app.web.atom import Entry, Feed, atom, urn
from app.web.moved import moved_or_missing
from app.web.parameters import Config, Id, Read
from app.web.render import plural
from app.web.words import VERDICT_TONES, split_sentence

router = APIRouter(include_in_schema=False)
MOST_ENTRIES = 100
MOST_TEXT = 10_000
"""Characters of a comment in a feed; the link leads to the rest."""


@router.get("/series/{series_id}/new.atom")
def series_feed(series_id: Id, session: Read, settings: Config) -> Response:
    """Send what is new in a series as Atom, the newest first."""
    series = series_queries.get_series(session, series_id)
    if series is None or not series.revisions:
        raise moved_or_missing(session, series_id)
    origin = settings.public_url.rstrip("/")
    page = f"{origin}/series/{series_id}"
    feed = Feed(
        id=urn("series", str(series.id), series.created_at.isoformat()),
        title=f"{series.title} · Reroll",
        link=page,
        itself=f"{page}/new.atom",
        since=series.created_at,
        entries=_entries(session, series, origin),
    )
    return atom(feed)


def _entries(session: Session, series: Series, origin: str) -> list[Entry]:
    entries = [_revision(series, one, origin) for one in series.revisions]
    entries += [_comment(one, origin) for one in queries.newest_comments(session, series.id, MOST_TEXT, MOST_ENTRIES)]
    entries += [_verdict(one, origin) for one in queries.newest_verdicts(session, series.id, MOST_ENTRIES)]
    return sorted(entries, key=lambda entry: (entry.updated, entry.id), reverse=True)[:MOST_ENTRIES]


def _when(sent: datetime | None, stored: datetime) -> datetime:
    """Return when a mail came; a date ahead of its arrival would stand first for years."""
    return min(sent, stored) if sent else stored


def _revision(series: Series, one: Revision, origin: str) -> Entry:
    titles = "".join(f"{patch.position:>3}/{one.total} {patch.title}\n" for patch in one.patches)
    return Entry(
        id=urn("revision", one.root_id),
        title=f"{one.label}: {one.title}",
        updated=_when(one.posted_at, one.created_at),
        author=(one.author_name, one.author_email),
        link=f"{origin}/series/{series.id}?revision={quote(one.label)}",
        text=f"{plural(one.total, 'patch', 'patches')}\n\n{titles}",
        category="revision",
    )


def _comment(heard: CommentText, origin: str) -> Entry:
    mail = heard.comment.message
    cut = f"\n\n[{heard.length - MOST_TEXT:,} characters more]" if heard.length > MOST_TEXT else ""
    return Entry(
        id=urn("comment", mail.message_id),
        title=f"{mail.author_name or mail.author_email} on {heard.comment.revision.label}: {mail.subject}",
        updated=_when(mail.sent_at, mail.created_at),
        author=(mail.author_name, mail.author_email),
        link=f"{origin}/messages/{mail.id}",
        text=heard.body + cut,
        category="comment",
    )


def _verdict(run: Run, origin: str) -> Entry:
    assert run.revision is not None  # the query asks for runs of revisions
    assert run.verdict is not None
    assert run.finished_at is not None
    sentence = run.sentence or f"{run.revision.label}: {run.verdict}."
    return Entry(
        id=urn("verdict", run.revision.root_id, str(run.id), run.created_at.isoformat()),
        title=split_sentence(sentence, VERDICT_TONES[run.verdict]).head,
        updated=run.finished_at,
        author=("Reroll", None),
        link=f"{origin}/runs/{run.id}",
        text=f"{sentence}\n\n{run.tree} {run.base_commit[:12]}, {run.profile}",
        category="verdict",
    )
