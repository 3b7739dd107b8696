"""One warm revision: the pipeline, from the queue to the verdict, against the same commands by hand, in one run."""

import asyncio
import contextlib
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from sqlalchemy import select
from sqlalchemy.orm import joinedload

from app.config import Settings
from app.db.models import Revision, Run, RunState
from app.db.session import Sessions, make_engine, make_sessions
from app.db.url import database_url
from app.demo.run import example_mails, newest_message_id
from app.demo.world import TREE, running
from app.errors import InfrastructureError
from app.services import tracking
from app.services.execution import load_job
from app.services.rerun import rerun
from bench.memory import Peak
from workers.adapters import cpio, selftests
from workers.adapters.git import Trees
from workers.adapters.kbuild import Builder
from workers.adapters.qemu import plan_files
from workers.adapters.rootfs import guest_root
from workers.ports import Base
from workers.steps.apply import patched_tree

BY_HAND = Path(__file__).parent / "by_hand.sh"
POLL_S = 0.1
LABEL = "v4"
MOST_RATIO = 1.05
MOST_FIRST_S = 90
MOST_MB = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The product running, with the example's newest revision and its baseline done once: all is warm."""

    use: Settings
    sessions: Sessions
    run_id: int


async def measure_revision(*, rounds: int) -> bool:
    """Print seconds each way, their ratio, and the peak memory of the project's own processes.

    Return whether each is at most what it may be.
    """
    console = Console()
    pipeline: list[float] = []
    first: list[float] = []
    manual: list[float] = []
    with tempfile.TemporaryDirectory(prefix="rb-") as folder, Peak(os.getpid(), apart=b"multiprocessing") as peak:
        Path(folder).chmod(0o711)
        async with _warm(Path(folder)) as world:
            hand = await apart(world, Path(folder) / "hand")
            for number in range(1, rounds + 1):
                early, whole = await _by_pipeline(world)
                first.append(early)
                pipeline.append(whole)
                console.print(
                    f"  round {number}: pipeline {whole:.1f} s, first verdict {early:.1f} s ({_summary(world)})"
                )
                seconds, summary = await by_hand(world, hand)
                manual.append(seconds)
                console.print(f"  round {number}: by hand  {seconds:.1f} s ({summary})")
    ratio = statistics.median(pipeline) / statistics.median(manual)
    console.print(f"a warm revision ({LABEL} of the example): pipeline / by hand = {ratio:.2f} (at most {MOST_RATIO})")
    console.print(f"first verdict after {statistics.median(first):.1f} s (at most {MOST_FIRST_S})")
    console.print(f"peak memory of the project's own processes: {peak.mb:.0f} MB (at most {MOST_MB}), of which")
    for name, megabytes in sorted(peak.parts.items(), key=lambda one: -one[1]):
        console.print(f"  {megabytes:6.0f} MB  {name}", highlight=False)
    return ratio <= MOST_RATIO and statistics.median(first) <= MOST_FIRST_S and peak.mb <= MOST_MB


@contextlib.asynccontextmanager
async def _warm(folder: Path) -> AsyncIterator[World]:
    """Run the product with the newest revision alone in its archive, tracked and judged once."""
    mails = [mail for mail in example_mails() if newest_message_id().encode()[:20] in mail]
    async with running(folder, mails) as there:
        with there.sessions.begin() as session:
            tracking.track(session, newest_message_id(), requested_by="bench")
        await until_done(there.sessions, at_least=2)
        with there.sessions() as session:
            run_id = session.scalars(select(Run.id).where(Run.revision_id.is_not(None))).one()
        yield World(use=there.use, sessions=there.sessions, run_id=run_id)


async def until_done(sessions: Sessions, *, at_least: int) -> None:
    """Wait until there are so many runs, and all are judged."""
    while True:
        with sessions() as session:
            states = session.scalars(select(Run.state)).all()
        if len(states) >= at_least and set(states) == {RunState.DONE}:
            return
        await asyncio.sleep(POLL_S)


def _summary(world: World) -> str:
    """Return the newest run's sentence, to show that both ways ran the same."""
    with world.sessions() as session:
        return session.scalars(select(Run.sentence).order_by(Run.id.desc())).first() or ""


async def _by_pipeline(world: World) -> tuple[float, float]:
    """Ask for the revision again, with its kept image gone; return the seconds to the first and to the last verdict."""
    with world.sessions.begin() as session:
        first = session.get_one(Run, world.run_id, options=[joinedload(Run.revision)])
        shutil.rmtree(world.use.cache_dir / "images" / first.evidence["image"])
        assert isinstance(first.revision, Revision)
        count = len(session.scalars(select(Run.id)).all())
        again = rerun(session, world.use, revision_id=first.revision.id, requested_by="bench")[0].id
    started = time.perf_counter()
    early = asyncio.create_task(_said_first(world.sessions, again, since=started))
    await until_done(world.sessions, at_least=count + 1)
    whole = time.perf_counter() - started
    return min(await early, whole), whole


async def _said_first(sessions: Sessions, run_id: int, *, since: float) -> float:
    """Wait until there is something to read of a run; return when that was, in seconds after `since`."""
    while True:
        with sessions() as session:
            run = session.get_one(Run, run_id)
            if run.verdict or run.evidence.get("first_verdict"):
                return time.perf_counter() - since
        await asyncio.sleep(POLL_S)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """What a person has at hand: mails, the list of files, copies of the base's objects, the guest's root."""

    place: Path
    template: Path
    selftests: Path
    root: Path


async def apart(world: World, place: Path, *, patched: bool = True) -> Hand:
    """Prepare in a process of its own, whose memory is the measurement's and not the product's.

    Not `patched`: for the base beside the revision.
    """
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as other:
        return await asyncio.get_running_loop().run_in_executor(
            other, _prepare, world.use, world.run_id, place, patched
        )


def _prepare(use: Settings, run_id: int, place: Path, patched: bool) -> Hand:
    engine = make_engine(database_url(use))
    try:
        world = World(use=use, sessions=make_sessions(engine), run_id=run_id)
        return asyncio.run(_prepare_by_hand(world, place, patched=patched))
    finally:
        engine.dispose()


async def _prepare_by_hand(world: World, place: Path, *, patched: bool) -> Hand:
    """Lay out what a person would have from the base's own build."""
    place.mkdir()
    with world.sessions() as session:
        job = load_job(session, world.run_id)
    profile = world.use.profiles[job.profile]
    builder = Builder(world.use.cache_dir)
    async with Trees(world.use.cache_dir / "trees").checkout(TREE, _base(world)) as checkout:
        plan = await builder.plan(checkout, profile, job.files)
        template = builder.template(checkout, profile, await builder.toolchain())
        base_selftests = template / f"selftests-{selftests.name_of(plan.kept, plan.selection.suites)}"
        if patched:
            await patched_tree(checkout, job)
            plan = await builder.plan(checkout, profile, job.files)
    (place / "lists").mkdir()
    (place / "lists" / "keep").write_bytes("".join(f"{path}\0" for path in sorted(plan.kept)).encode())
    targets = " ".join(f"/build/selftests/{suite}" for suite in plan.selection.suites)
    (place / "lists" / "targets").write_text(targets)
    (place / "mails").mkdir()
    for patch in job.patches if patched else ():
        (place / "mails" / f"{patch.position:04}").write_bytes(patch.raw)
    files = {**plan_files(await _tests(world)), "watchdog": b"110\n"}
    entries = [cpio.Entry(path=f"reroll/{name}", mode=0o100644, data=data) for name, data in files.items()]
    (place / "own.cpio").write_bytes(cpio.archive(entries))
    root = await guest_root(world.use.cache_dir / "guest")
    return Hand(place=place, template=template, selftests=base_selftests, root=root.path)


async def _tests(world: World) -> list[str]:
    with world.sessions() as session:
        run = session.get_one(Run, world.run_id, options=[joinedload(Run.baseline)])
        image = run.evidence.get("image") or (run.baseline and run.baseline.evidence["image"])
    found = await Builder(world.use.cache_dir).find(image)
    assert found is not None
    return list(found.tests)


def _base(world: World) -> Base:
    with world.sessions() as session:
        run = session.get_one(Run, world.run_id)
        return Base(commit=run.base_commit, reason=run.base_reason)


async def by_hand(world: World, hand: Hand, *, builds: bool = True) -> tuple[float, str]:
    """Run the script on fresh copies of the base's objects; return its seconds without the copying, and its last line.

    Raises:
        InfrastructureError: it fails although the revision `builds`, or is through although it does not.
    """
    copies = hand.place / "copies"
    shutil.rmtree(copies, ignore_errors=True)
    copies.mkdir()
    sources = {"out": hand.template / "objects", "selftests": hand.selftests / "output"}
    for name, source in {**sources, "scratch": hand.selftests / "scratch"}.items():
        await _call("cp", "-a", "--reflink=auto", str(source), str(copies / name))
    (copies / "stage").mkdir()
    async with Trees(world.use.cache_dir / "trees").checkout(TREE, _base(world)) as checkout:
        command = _in_namespace(world, hand, copies, checkout.source)
        started = time.perf_counter()
        said = await _call(*command, well=builds)
        return time.perf_counter() - started, said.splitlines()[-1]


def _in_namespace(world: World, hand: Hand, copies: Path, source: Path) -> list[str]:
    """Return the script's command, with its folders where make and ccache know them; nothing else is confined."""
    binds = {
        source: "/build/linux",
        copies / "scratch": f"/build/linux/{selftests.FOLDER}",
        copies / "out": "/build/out",
        copies / "selftests": "/build/selftests",
        copies / "stage": "/build/stage",
        hand.place / "lists": "/build/lists",
        hand.place / "mails": "/build/mails",
        world.use.cache_dir / "ccache": "/build/ccache",
    }
    words = ["bwrap", "--dev-bind", "/dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]  # noqa: S108 - in the namespace
    for folder in ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc", str(world.use.cache_dir), str(hand.place)):
        words += ["--bind-try", folder, folder]
    for outside, inside in binds.items():
        words += ["--bind", str(outside), inside]
    words += ["--bind", str(source), "/build/original"]
    jobs = str(os.cpu_count() or 1)
    return [
        *words,
        "--ro-bind",
        str(BY_HAND),
        "/by_hand.sh",
        "sh",
        "/by_hand.sh",
        jobs,
        str(hand.root),
        str(hand.place / "own.cpio"),
    ]


async def _call(*command: str, well: bool = True) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    output, _ = await process.communicate()
    if bool(process.returncode) is well:
        said = output[-2000:].decode("utf-8", "replace")
        raise InfrastructureError(f"{command[0]} ended with {process.returncode}; it said: {said}")
    return output.decode("utf-8", "replace")
