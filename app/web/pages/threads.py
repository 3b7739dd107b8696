"""Threads: what is tracked, every mail of one, and asking for another."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from app.db.models import Message, Series, Thread
from app.db.queries import threads as queries
from app.db.queries.paging import Window
from app.db.queries.review import bot_comments
from app.errors import NotFoundError
from app.services.tracking import track
from app.web.botwords import BotLine, bot_lines
from app.web.forms import Fields
from app.web.mboxrd import download
from app.web.pages.lists import Pager, pager
from app.web.parameters import Id, Read, SessionFactory, Write
from app.web.render import render
from app.web.security import SignedIn
from app.web.words import THREADS, Chip

router = APIRouter(include_in_schema=False)
PER_PAGE = 50
MOST_MAILS = 2000
DEEPEST = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRow:
    """A thread in the list, with how many mails came and the subject of the one asked for ("" before it came)."""

    thread: Thread
    chip: Chip
    mails: int
    subject: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadList:
    """The page of all threads, with the form to track another."""

    rows: Sequence[ThreadRow]
    pager: Pager
    title: str = "Threads"
    place: str = "threads"


@dataclass(frozen=True, slots=True, kw_only=True)
class MailRow:
    """A mail in the tree; `depth` is how deep, at most DEEPEST."""

    message: Message
    depth: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadPage:
    """One thread as a tree; `bots` is what bots say, by their mails' ids."""

    thread: Thread
    chip: Chip
    rows: Sequence[MailRow]
    bots: Mapping[int, BotLine]
    left_out: int
    series: Sequence[Series]
    place: str = "threads"

    @property
    def title(self) -> str:
        """The first mail's subject."""
        return self.rows[0].message.subject if self.rows else f"Thread {self.thread.id}"


@router.get("/threads")
def list_threads(request: Request, session: Read, page: Annotated[int, Query(ge=1, le=100_000)] = 1) -> HTMLResponse:
    """Show the threads that are tracked."""
    found = queries.list_threads(session, Window(page=page, limit=PER_PAGE))
    mails = queries.count_messages(session, [thread.id for thread in found.items])
    subjects = queries.subjects(session, [thread.message_id for thread in found.items])
    rows = [
        ThreadRow(
            thread=one, chip=THREADS[one.state], mails=mails.get(one.id, 0), subject=subjects.get(one.message_id, "")
        )
        for one in found.items
    ]
    return render(request, "threads/list.html", ThreadList(rows=rows, pager=pager(request, found)))


@router.post("/threads")
def track_thread(session: Write, token: SignedIn, fields: Fields) -> RedirectResponse:
    """Track a thread and go to its page."""
    thread = track(session, fields.get("reference", "")[:2000], requested_by=token.name)
    return RedirectResponse(f"/threads/{thread.id}", 303)


@router.get("/threads/{thread_id}")
def show_thread(thread_id: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one thread: how far it is, and every mail."""
    thread = _thread(queries.get_thread(session, thread_id), thread_id)
    count = queries.count_messages(session, [thread_id]).get(thread_id, 0)
    rows = tree(queries.messages_of_thread(session, thread_id, MOST_MAILS))
    context = ThreadPage(
        thread=thread,
        chip=THREADS[thread.state],
        rows=rows,
        bots=bot_lines(bot_comments(session, [row.message.id for row in rows])),
        left_out=max(0, count - MOST_MAILS),
        series=queries.series_of_thread(session, thread_id),
    )
    return render(request, "threads/show.html", context)


@router.get("/threads/{thread_id}/mbox")
def download_thread(thread_id: Id, session: Read, sessions: SessionFactory) -> Response:
    """Send all mails of a thread as an mbox."""
    _thread(queries.get_thread(session, thread_id), thread_id)
    return download(sessions, queries.mails_of_thread(session, thread_id), f"thread-{thread_id}")


def tree(messages: Sequence[Message]) -> list[MailRow]:
    """Return mails as a tree, answers below what they answer, each level by date; mails that answer in a ring stay."""
    known = {one.message_id for one in messages}
    answers: dict[str | None, list[Message]] = defaultdict(list)
    for one in messages:
        parent = one.in_reply_to if one.in_reply_to in known and one.in_reply_to != one.message_id else None
        answers[parent].append(one)
    rows: list[MailRow] = []
    seen: set[str] = set()
    # Roots first; what is left after them hangs in a ring, which is entered at its oldest mail.
    for start in [*answers[None], *messages]:
        waiting = [(start, 0)]
        while waiting:
            one, depth = waiting.pop()
            if one.message_id in seen:
                continue
            seen.add(one.message_id)
            rows.append(MailRow(message=one, depth=min(depth, DEEPEST)))
            waiting += [(answer, depth + 1) for answer in reversed(answers[one.message_id])]
    return rows


def _thread(thread: Thread | None, thread_id: int) -> Thread:
    if thread is None:
        raise NotFoundError(f"there is no thread {thread_id}")
    return thread
