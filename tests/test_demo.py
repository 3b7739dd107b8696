"""The example thread from the archive to the replies, and again while parts of us are killed. Minutes; all real."""

import asyncio
import mailbox
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from app.db.models import Attempt, Report, ReportState, Run, RunState, Step
from app.demo.run import example_mails, expectations, newest_message_id
from app.demo.world import running
from app.domain.message import parse_message
from app.domain.outcome import Step as StepName
from app.domain.outcome import Verdict
from app.services import tracking

pytestmark = [pytest.mark.kernel, pytest.mark.anyio]
REROLL = Path(sys.executable).parent / "reroll"
PATIENCE_S = 1500
TAKEN_UP_S = 60


@pytest.fixture
def state():
    """A folder whose path is short enough for a Unix socket, and open to PostgreSQL's user."""
    folder = Path(tempfile.mkdtemp(prefix="rd-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def with_environment(words: bytes) -> list[str]:
    """Return the command lines of processes that have `words` in their environment or command line."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        if int(place.name) == os.getpid():
            continue
        try:
            if words in (place / "environ").read_bytes() or words in (place / "cmdline").read_bytes():
                found.append((place / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_the_demo_finds_what_the_author_of_the_example_knows(state):
    done = subprocess.run(
        [REROLL, "demo", "--exit"],
        env=os.environ | {"REROLL_STATE_DIR": str(state)},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = " ".join(done.stdout.split())
    assert "All revisions got the verdict they deserve, and the replies are in the thread." in said
    assert len(mailbox.Maildir(state / "demo" / "mail")) == len(expectations()) == 4
    assert with_environment(str(state).encode()) == []


def children_of(pid: int) -> set[tuple[int, str]]:
    """Return (pid, start time) of all descendants of a process."""
    stats = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = place.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        stats[int(place.parent.name)] = (int(words[1]), words[19])
    found = {pid}
    while more := {one for one, (parent, _) in stats.items() if parent in found and one not in found}:
        found |= more
    return {(one, stats[one][1]) for one in found - {pid}}


def alive(processes: set[tuple[int, str]]) -> set[tuple[int, str]]:
    left = set()
    for pid, start in processes:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[19] == start and words[0] != "Z":
            left.add((pid, start))
    return left


async def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        await asyncio.sleep(0.25)
    return found


def step_running(world, name):
    """Return the attempt at the revision's run in which a step is running now, if there is one."""

    def look():
        with world.sessions() as session:
            running_now = select(Step.attempt).join(Run, Step.run_id == Run.id)
            running_now = running_now.join(Attempt, (Attempt.run_id == Run.id) & (Attempt.number == Step.attempt))
            return session.scalar(
                running_now.where(
                    Run.revision_id.is_not(None),
                    Step.name == name,
                    Step.outcome.is_(None),
                    Attempt.finished_at.is_(None),
                )
            )

    return look


async def kill_worker_in(world, name):
    """Kill the worker with -9 while a step runs; nothing of it stays, and another takes the run up within a minute."""
    attempt = await until(step_running(world, name), PATIENCE_S, f"{name} runs")
    worker = world.pid("worker-1")
    children = await until(lambda: children_of(worker), 20, "the step has processes of its own")
    os.kill(worker, signal.SIGKILL)
    await until(lambda: not alive(children), 10, "the children of the worker are gone")

    def taken_up():
        with world.sessions() as session:
            newest = session.scalar(select(Run.newest_attempt).where(Run.revision_id.is_not(None)))
        return newest > attempt

    await until(taken_up, TAKEN_UP_S, "the run is taken up")


def never_built(mails):
    """Return mails whose patches make a commit that no image is kept of: one trailer more, another each time."""
    trailer = f"Link: https://lore.example.org/r/{uuid.uuid4()}\nSigned-off-by:".encode()
    return [mail.replace(b"Signed-off-by:", trailer, 1) for mail in mails]


async def test_kill_9_of_worker_database_and_web_changes_no_verdict_and_sends_no_mail_twice(state):
    newest = newest_message_id()
    mails = [mail for mail in example_mails() if newest[:20].encode() in mail]
    async with running(state, never_built(mails)) as world:
        with world.sessions.begin() as session:
            tracking.track(session, newest, requested_by="tests")
        await kill_worker_in(world, StepName.BUILD)
        await kill_worker_in(world, StepName.BOOT)
        await until(step_running(world, StepName.SELFTESTS), PATIENCE_S, "the selftests run")
        old = world.pid("postgres")
        os.kill(old, signal.SIGKILL)
        os.kill(world.pid("web"), signal.SIGKILL)
        await until(lambda: world.pid("postgres") != old, 60, "PostgreSQL is started again")

        def done():
            try:
                with world.sessions() as session:
                    run = session.scalars(select(Run).where(Run.revision_id.is_not(None))).one()
                    report = session.scalars(select(Report)).first()
                    sent = report is not None and report.state is ReportState.SENT
                    return run if run.state is RunState.DONE and sent else None
            except Exception:  # noqa: BLE001 - the database was killed a moment ago
                return None

        run = await until(done, PATIENCE_S, "the run ends")
        assert (run.verdict, run.newest_attempt >= 3) == (Verdict.CLEAN, True), run.sentence
        page = await until(lambda: answer(f"{world.use.public_url}/runs/{run.id}"), 60, "the web answers again")
        assert "clean" in page
        sent = [parse_message(bytes(mail)) for mail in mailbox.Maildir(world.mail)]
        assert len(sent) == 1
        assert world.archive.holds(sent[0].message_id)
    assert with_environment(str(state).encode()) == []


def answer(url):
    try:
        return httpx.get(url, timeout=5, trust_env=False).raise_for_status().text
    except httpx.HTTPError:
        return None
