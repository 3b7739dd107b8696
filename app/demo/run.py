"""`reroll demo`: the example thread from the archive to the replies, with every part real and local."""

import asyncio
import fcntl
import json
import os
import shutil
import signal
import socket
import time
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rich.console import Console
from rich.live import Live

from app.config import LoreSettings, MailMode, MailSettings, ProfileSettings, Settings, TreeSettings, settings
from app.db.embedded import Cluster
from app.db.session import Sessions, make_engine, make_sessions
from app.db.url import database_url
from app.demo.archive import Archive
from app.demo.child import free_port
from app.demo.progress import Snapshot, final_table, live_table, news, snapshot
from app.demo.smtp_server import delivering
from app.domain.message import split_mbox
from app.errors import SubmissionError
from app.services import tokens, tracking
from app.stack import application_services, database_service, prepare_database
from app.supervisor import Supervisor
from workers.adapters.git import Trees

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
TREE = TreeSettings(name="linux-6.12", url="debian:linux-source-6.12")
POLL_S = 0.5
WANTED_PORT = 8000
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


def demo_settings(state: Path, *, origin: str, smtp_port: int, profile: ProfileSettings) -> Settings:
    """Return the demo's settings: those of the product, with everything on loopback."""
    port = free_port() if _taken(WANTED_PORT) else WANTED_PORT
    return Settings(
        database_url=None,
        state_dir=state,
        cache_dir=settings().cache_dir,
        public_url=f"http://127.0.0.1:{port}",
        listen_port=port,
        lore=LoreSettings(origin=origin, pause=timedelta(0), cache_for=timedelta(0)),
        trees=(TREE,),
        profiles={"bpf-quick": profile},
        mail=MailSettings(mode=MailMode.SEND, port=smtp_port, to=("bpf-example@lists.example.org",)),
    )


async def run_demo(*, stop_at_end: bool) -> int:
    """Run it; return the exit code: 0 when every revision got the verdict that its author knows it deserves."""
    console = Console()
    started = time.monotonic()
    state = settings().state_dir / "demo"
    with _alone(state), ExitStack() as stack:
        for old in ("archive", "postgres", "mail", "logs"):
            shutil.rmtree(state / old, ignore_errors=True)
        console.print("[bold]Kernel tree[/bold]: linux-source-6.12 as a git repository (once a host)")
        base = await Trees(settings().cache_dir / "trees").resolve(TREE, None)
        console.print(f"  {base.commit[:12]} ({base.reason})")
        console.print("[bold]Archive and mail[/bold]: a public-inbox with the example thread, an SMTP server before it")
        archive = stack.enter_context(Archive(state / "archive").serving())
        archive.add(*example_mails())
        smtp_port = stack.enter_context(delivering(state / "archive", state / "mail"))
        use = demo_settings(state, origin=archive.origin, smtp_port=smtp_port, profile=_profile())
        hand_down(use)
        return await _serve(console, use, archive, started=started, stop_at_end=stop_at_end)


async def _serve(console: Console, use: Settings, archive: Archive, *, started: float, stop_at_end: bool) -> int:
    logs = use.state_dir / "logs"
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print(f"[bold]Database, web, one worker[/bold]: {use.public_url} (their logs: {logs})")
    async with Supervisor([database_service(Cluster(use.state_dir / "postgres"))], logs=logs):
        prepare_database(use)
        engine = make_engine(database_url(use))
        sessions = make_sessions(engine)
        with sessions.begin() as session:
            token = tokens.create(session, "demo")
        async with Supervisor(application_services(use, pools=["default"]), logs=logs):
            with sessions.begin() as session:
                tracking.track(session, newest_message_id(), requested_by="demo")
            last = await _watch(console, sessions, started, stop)
            code = _conclude(console, use, archive, last)
            if not stop_at_end and not stop.is_set():
                console.print(f"To press buttons, sign in at {use.public_url}/sign-in with {token}")
                console.print("It keeps serving; Ctrl-C ends it.")
                await stop.wait()
    engine.dispose()
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


def _conclude(console: Console, use: Settings, archive: Archive, last: Snapshot) -> int:
    """Print the end; return 0 when all is as expected, else 1 and why."""
    console.print(final_table(last))
    console.print(f"Dashboard: {use.public_url}/")
    console.print(f"Thread:    {archive.origin}/{newest_message_id()}/T/")
    problems = surprises(last, expectations(), archive)
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
        if run.verdict != wanted.verdict:
            found.append(f"{label} is {run.verdict}, not {wanted.verdict}: {run.sentence}")
        words = " ".join(run.mail_text.split())
        found += [f"the reply to {label} does not say {say!r}" for say in wanted.says if say not in words]
        if run.mail_id is None or not archive.holds(run.mail_id):
            found.append(f"the reply to {label} is not in the thread (mail: {run.mail})")
    return found


def _profile() -> ProfileSettings:
    return settings().profiles[settings().default_profile]


def hand_down(use: Settings) -> None:
    """Let the child processes have these settings, by environment, which goes before any file."""
    os.environ.pop("DATABASE_URL", None)
    for name, value in use.model_dump(mode="json", exclude={"database_url"}).items():
        os.environ[f"REROLL_{name.upper()}"] = value if isinstance(value, str) else json.dumps(value)


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


def _taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
