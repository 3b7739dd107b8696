"""`reroll demo`: the example thread from the archive to the replies, with every part real and local."""

import asyncio
import fcntl
import shutil
import signal
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.live import Live

from app.config import settings
from app.db.session import Sessions
from app.demo.archive import Archive
from app.demo.progress import Snapshot, final_table, live_table, news, snapshot
from app.demo.world import TREE, World, running
from app.domain.message import split_mbox
from app.errors import SubmissionError
from app.services import tokens, tracking
from workers.adapters.git import Trees

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
POLL_S = 0.5
PATIENCE_S = 3600
"""A demo that has not ended by then has gone wrong; a cold one takes a quarter of that on two cores."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the example's author knows of one revision: its verdict, and words that the report must say."""

    verdict: str
    says: tuple[str, ...]


def expectations() -> dict[str, Expected]:
    """Return what is expected of each revision of the example, by label."""
    with (EXAMPLES / "expected.toml").open("rb") as file:
        table = tomllib.load(file)
    return {
        label: Expected(verdict=one["verdict"], says=tuple(one["says"])) for label, one in table["revisions"].items()
    }


def newest_message_id() -> str:
    """Return the Message-ID of the newest posting's cover letter."""
    with (EXAMPLES / "expected.toml").open("rb") as file:
        return str(tomllib.load(file)["newest"])


def example_mails() -> tuple[bytes, ...]:
    """Return all mails of the example thread, in the order of their mailboxes."""
    boxes = sorted((EXAMPLES / "thread").glob("*.mbox"))
    return tuple(mail for box in boxes for mail in split_mbox(box.read_bytes()))


async def run_demo(*, stop_at_end: bool) -> int:
    """Run it; return the exit code: 0 when every revision got the verdict that its author knows it deserves."""
    console = Console()
    started = time.monotonic()
    state = settings().state_dir / "demo"
    with _alone(state):
        for old in ("archive", "postgres", "mail", "logs"):
            shutil.rmtree(state / old, ignore_errors=True)
        console.print("[bold]Kernel tree[/bold]: linux-source-6.12 as a git repository (once a host)")
        base = await Trees(settings().cache_dir / "trees").resolve(TREE, None)
        console.print(f"  {base.commit[:12]} ({base.reason})", highlight=False)
        console.print("[bold]Starting[/bold] PostgreSQL, the web application, a worker, a public-inbox, a mail server")
        async with running(state, example_mails()) as world:
            console.print(f"  dashboard {world.use.public_url}/  logs {state / 'logs'}", soft_wrap=True)
            return await _track(console, world, started=started, stop_at_end=stop_at_end)


async def _track(console: Console, world: World, *, started: float, stop_at_end: bool) -> int:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with world.sessions.begin() as session:
        token = tokens.create(session, "demo")
        tracking.track(session, newest_message_id(), requested_by="demo")
    last = await _watch(console, world.sessions, started, stop)
    code = _conclude(console, world, last)
    if not stop_at_end and not stop.is_set():
        console.print(f"To press buttons, sign in: {world.use.public_url}/sign-in#token={token}", soft_wrap=True)
        console.print("It keeps serving; Ctrl-C ends it.")
        await stop.wait()
    return code


async def _watch(console: Console, sessions: Sessions, started: float, stop: asyncio.Event) -> Snapshot:
    """Show each step as it goes, until everything has ended."""
    before: Snapshot | None = None
    with Live(console=console, refresh_per_second=4, transient=True) if console.is_terminal else _no_live() as live:
        while True:
            with sessions() as session:
                now = snapshot(session)
            elapsed = time.monotonic() - started
            if live:
                live.update(live_table(now, elapsed))
            else:
                for line in news(before, now):
                    console.print(f"{elapsed:6.1f} s  {line}", markup=False, highlight=False, soft_wrap=True)
            if now.finished or now.thread_state == "failed" or stop.is_set() or elapsed > PATIENCE_S:
                return now
            before = now
            await asyncio.sleep(POLL_S)


def _conclude(console: Console, world: World, last: Snapshot) -> int:
    """Print the end; return 0 when all is as expected, else 1 and why."""
    console.print(final_table(last))
    console.print(f"Dashboard: {world.use.public_url}/")
    console.print(f"Thread:    {world.archive.origin}/{newest_message_id()}/T/")
    problems = surprises(last, expectations(), world.archive)
    for problem in problems:
        console.print(f"not as expected: {problem}", style="red", markup=False)
    if not problems:
        console.print("All revisions got the verdict they deserve, and the replies are in the thread.", style="green")
    return 1 if problems else 0


def surprises(last: Snapshot, expected: dict[str, Expected], archive: Archive) -> list[str]:
    """Return what is not as the example's author knows it to be, a sentence each."""
    found = [f"the thread: {last.thread_error}"] if last.thread_error else []
    runs = {run.label: run for run in last.runs}
    for label, wanted in expected.items():
        run = runs.get(label)
        if run is None:
            found.append(f"{label} was not run")
            continue
        if run.verdict is None:
            found.append(f"{label} has no verdict yet")
            continue
        if run.verdict != wanted.verdict:
            found.append(f"{label} is {run.verdict}, not {wanted.verdict}: {run.sentence}")
        words = " ".join(run.mail_text.split())
        found += [f"the reply to {label} does not say {say!r}" for say in wanted.says if say not in words]
        if run.mail_id is None or not archive.holds(run.mail_id):
            found.append(f"the reply to {label} is not in the thread (mail: {run.mail})")
    return found


@contextmanager
def _alone(state: Path) -> Iterator[None]:
    """Hold the demo's folder; two demos at once would take each other's database away."""
    state.mkdir(parents=True, exist_ok=True)
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SubmissionError(f"another demo is running in {state}; end it first") from None
        yield


@contextmanager
def _no_live() -> Iterator[None]:
    yield None
