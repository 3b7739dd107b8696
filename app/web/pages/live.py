"""A run as it goes: its steps and the log of the step that runs, as server-sent events."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

import anyio
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.db.models import Run, RunState
from app.db.queries import logs as log_queries
from app.db.queries.patch_trials import open_checks
from app.db.queries.runs import get_in_short
from app.db.session import Sessions
from app.web.evidence import said_first
from app.web.pages.run_parts import StepRow, step_rows
from app.web.parameters import Id, SessionFactory
from app.web.render import between, environment, visible

router = APIRouter(include_in_schema=False)
PAUSE_S = 1.0
LONGEST_S = 900
"""A connection ends after this; the browser opens another where it left off."""
BLOCK = 64_000
FIRST = 20_000
"""Bytes of a log's end that somebody who just came gets to see."""
LOGS = ("results", "console", "build")
"""Which log of a step is shown: the most telling it has, of others the last (that of the newest patch)."""
_CURSOR = re.compile(r"(\d{1,18}):([A-Za-z0-9._-]{1,80}):(\d{1,18})")
_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """How far a reader is: bytes of one log of one step that it has."""

    step_id: int = 0
    name: str = "-"
    at: int = 0

    def __str__(self) -> str:
        return f"{self.step_id}:{self.name}:{self.at}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glance:
    """What is new in a run: `text` continues the log, or begins another one when `fresh`; there is `more`.

    `said_first` is the first verdict, "" before there is one.
    """

    rows: list[StepRow]
    said_first: str
    cursor: Cursor
    text: str
    fresh: bool
    title: str
    more: bool
    over: bool


class Looks:
    """Looks that all readers who are equally far share: one question to the database a tick, however many they are."""

    def __init__(self) -> None:
        self._tick = -1
        self._found: dict[tuple[int, Cursor], asyncio.Task[Glance | None]] = {}

    async def at(self, sessions: Sessions, run_id: int, cursor: Cursor) -> Glance | None:
        """Return what is new in a run since `cursor`, as it was at most `PAUSE_S` ago; None where there is no run."""
        tick = int(anyio.current_time() / PAUSE_S)
        if tick != self._tick:
            self._tick, self._found = tick, {}
        asked = (run_id, cursor)
        if asked not in self._found:
            self._found[asked] = asyncio.create_task(run_sync(look, sessions, run_id, cursor))
        # Shielded: the reader who asked first may go away while others wait for the answer.
        return await asyncio.shield(self._found[asked])


@router.get("/runs/{run_id}/events", response_class=EventSourceResponse)
async def follow_run(run_id: Id, request: Request, sessions: SessionFactory) -> AsyncIterator[ServerSentEvent]:
    """Send the steps and the log of a run as HTML until it is done; `Last-Event-ID` continues where it broke off."""
    cursor, before = _cursor(request.headers.get("last-event-id", "")), ("", "", "")
    looks: Looks = request.app.state.looks
    templates = environment()
    # No cancel scope around a yield (PEP 789): a reader that goes away would end it in another task.
    deadline = anyio.current_time() + LONGEST_S
    while (glance := await looks.at(sessions, run_id, cursor)) and anyio.current_time() < deadline:
        now = request.app.state.now()
        # The table as a whole only when a step moved on: it would take away what somebody marks or stands on in it.
        table = templates.get_template("runs/_steps.html").render(rows=glance.rows, now=None)
        told = (table, _so_far(glance, now), glance.said_first)
        if glance.text or glance.fresh or told != before:
            data = templates.get_template("runs/_live.html").render(
                glance=glance, moved=told[0] != before[0], so_far=told[1], said=told[2] != before[2], now=now
            )
            before, cursor = told, glance.cursor
            yield ServerSentEvent(raw_data=data, id=str(cursor))
        if glance.over:
            break
        if not glance.more:
            await anyio.sleep(PAUSE_S - anyio.current_time() % PAUSE_S)
    yield ServerSentEvent(event="over", raw_data="over")


def look(sessions: Sessions, run_id: int, cursor: Cursor) -> Glance | None:
    """Return what is new since `cursor`; None where there is no such run."""
    with sessions() as session:
        run = get_in_short(session, run_id)
        if run is None:
            return None
        trying = bool(open_checks(session, [run_id]))
        newest = run.steps[-1] if run.steps else None
        sizes = log_queries.list_logs(session, [newest.id]) if newest else []
        line = min(
            reversed(sizes), key=lambda one: LOGS.index(one.name) if one.name in LOGS else len(LOGS), default=None
        )
        if line is None:
            return _glance(run, Cursor(), b"", fresh=cursor.step_id != 0, title="", tried=not trying)
        same = (cursor.step_id, cursor.name) == (line.step_id, line.name)
        start = cursor.at if same else max(0, line.size - FIRST)
        stop = min(line.size, start + BLOCK)
        data = b"".join(log_queries.read_log(session, line.step_id, line.name, start, stop)) if stop > start else b""
        after = Cursor(step_id=line.step_id, name=line.name, at=max(start, stop))
        title = f"{newest.name} · {line.name}" if newest and newest.name != line.name else line.name
        return _glance(run, after, data, fresh=not same, title=title, more=stop < line.size, tried=not trying)


def _glance(
    run: Run, cursor: Cursor, data: bytes, *, fresh: bool, title: str, tried: bool, more: bool = False
) -> Glance:
    return Glance(
        rows=step_rows(run.steps, []),
        said_first=said_first(run.told),
        cursor=cursor,
        text=log_text(data),
        fresh=fresh,
        title=title,
        more=more,
        over=run.state is RunState.DONE and tried and not more,
    )


def log_text(data: bytes) -> str:
    """Return bytes of a log as a page shows them: colours dropped, the rest of what cannot be seen made visible."""
    text = _COLOURS.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n").replace("\r", "\n")
    return visible(text)


def _so_far(glance: Glance, now: datetime) -> str:
    """Say how long the running step takes already."""
    newest = glance.rows[-1].step if glance.rows else None
    return between(newest.started_at, now) if newest and newest.finished_at is None else ""


def _cursor(text: str) -> Cursor:
    match = _CURSOR.fullmatch(text)
    return Cursor(step_id=int(match[1]), name=match[2], at=int(match[3])) if match else Cursor()
