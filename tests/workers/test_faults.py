"""Trouble of ours in the midst of the line: recovered from or inconclusive, never red, and no mail that blames.

Queue, database, git, make, compilers, ccache and the sandbox are real; the kernel is a toy, and its machine a double.
"""

import asyncio
import contextlib
import errno
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.config import ProfileSettings
from app.db.embedded import Cluster
from app.db.migrate import upgrade
from app.db.models import Report, Run
from app.db.session import make_engine, make_sessions
from app.domain.outcome import Verdict
from app.services import sweep
from tests.workers.adapters.conftest import place  # noqa: F401 - a fixture
from tests.workers.adapters.test_kbuild import TREE
from tests.workers.doubles import git, progs
from tests.workers.house import House
from workers.adapters import workshop
from workers.adapters.kbuild import Builder
from workers.adapters.sandbox import Bind
from workers.ports import Boot, Ending

pytestmark = [pytest.mark.anyio, pytest.mark.tools]
RED = {Verdict.REGRESSED, Verdict.DOES_NOT_BUILD, Verdict.DOES_NOT_BOOT, Verdict.DOES_NOT_APPLY}


class Passing:
    """A machine on which all is well."""

    def has_room(self, _profile, machines):
        return machines == 1

    async def run(self, image, profile, *, tests, console, results, **_more):
        console(b"Linux version 6.12.0\n")
        results("".join(f"{line}\n" for line in progs(("good", "OK"))).encode())
        return Boot(ending=Ending.FINISHED, booted_s=1.0, wall_s=2.0, accelerator="tcg")


class Works(House):
    """The house with the real builder and a toy kernel, all its caches below `folder`."""

    def __init__(self, settings, sessions, folder):
        super().__init__(settings, sessions, folder)
        for path, content in TREE.items():
            target = self.repository / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content.replace("core.o: core.c", "core.o: kernel/bpf/core.c"))
        (self.repository / "scripts/kconfig/merge_config.sh").chmod(0o755)
        git(self.repository, "add", ".")
        git(self.repository, "commit", "-qm", "a toy kernel")
        fragment = folder / "toy.config"
        fragment.write_text("CONFIG_FRAGMENT=y\n")
        profile = ProfileSettings(config=(str(fragment),), core=("good",), jobs=2)
        self.cache = folder / "cache"
        self.settings = self.settings.model_copy(update={"profiles": {"bpf-quick": profile}})
        self.builder = Builder(self.cache)
        self.context = replace(self.context, settings=self.settings, builder=self.builder, machine=Passing())

    async def verdict_of(self, version, before=lambda: None):
        """Post a revision, do something, work until nothing is left to do, and return its run."""
        message_id = self.posted(version, (f"line_{version + 3};", f"other_{version};"))
        before()
        await self.track(message_id)
        return self.run(f"v{version}")

    async def recovered(self):
        """Do what upkeep does some time later: give back what was lost, queue what is not queued; then work."""
        with self.sessions.begin() as session:
            session.execute(text("UPDATE procrastinate_jobs SET status = 'todo' WHERE status = 'doing'"))
            sweep.requeue_lost(session)
        await self.work()

    def mailed(self):
        with self.sessions() as session:
            return {one.verdict for one in session.scalars(select(Report))}

    def nobody_blamed(self):
        with self.sessions() as session:
            verdicts = set(session.scalars(select(Run.verdict)))
        return not (verdicts | self.mailed()) & RED


@pytest.fixture
async def works(settings, sessions, place):  # noqa: F811 - the fixture
    """The works with v1 tested, so that the base is built and its results are known."""
    made = Works(settings, sessions, place)
    run = await made.verdict_of(1)
    assert run.verdict is Verdict.CLEAN, run.sentence
    return made


@pytest.fixture
def instead(monkeypatch, place):  # noqa: F811 - the fixture
    """Return what puts a script into a tool's place, in the sandbox only; the host keeps the tool."""
    box = workshop.Workshop._box

    def put(tool: str, script: str) -> None:
        shadow = place / f"shadow-{Path(tool).name}"
        shadow.write_text(f"#!/bin/sh\n{script}\n")
        shadow.chmod(0o755)

        def shadowed(self, binds):
            made = box(self, binds)
            return replace(made, binds=[*made.binds, Bind(source=shadow, target=tool)])

        monkeypatch.setattr(workshop.Workshop, "_box", shadowed)

    return put


@pytest.mark.parametrize(
    ("tool", "script"),
    [
        ("/usr/bin/ccache", "echo 'ccache: error: cannot open its cache' >&2; exit 1"),
        ("/usr/bin/ccache", "kill -9 $$"),
        ("/usr/bin/make", "echo 'make: cannot allocate memory' >&2; exit 2"),
        ("/usr/bin/ld", "kill -9 $$"),
        ("/usr/bin/ld", "echo 'ld: final link failed: memory exhausted' >&2; exit 1"),
        ("/usr/bin/ld", "echo 'ld: final link failed: No space left on device' >&2; exit 1"),
        ("/usr/bin/as", "echo 'as: fatal error: virtual memory exhausted: Cannot allocate memory' >&2; exit 1"),
    ],
)
async def test_a_tool_that_fails_us_blames_nobody(works, instead, monkeypatch, tool, script):
    instead(tool, script)
    run = await works.verdict_of(2)
    assert run.verdict in {Verdict.INCONCLUSIVE, Verdict.CLEAN}, run.sentence
    assert works.nobody_blamed()
    monkeypatch.undo()
    assert (await works.verdict_of(3)).verdict is Verdict.CLEAN


async def test_a_compiler_that_has_a_point_is_still_believed(works):
    works.archive.threads.clear()
    await works.track(works.posted(2, ("line_9;", "line_9 = no_such_name;")))
    assert works.run("v2").verdict is Verdict.DOES_NOT_BUILD


@pytest.mark.parametrize("spoil", ["garbage", "read-only"])
async def test_a_cache_of_compilations_that_is_spoilt_costs_time_only(works, spoil):
    files = [path for path in (works.cache / "ccache").rglob("*") if path.is_file() and path.suffix != ".lock"]
    assert files
    for path in files:
        path.chmod(0o644)
        path.write_bytes(b"garbage" if spoil == "garbage" else path.read_bytes())
    if spoil == "read-only":
        for path in [works.cache / "ccache", *(works.cache / "ccache").rglob("*")]:
            path.chmod(0o555)
    shutil.rmtree(works.cache / "images")
    (works.cache / "images").mkdir()
    assert (await works.verdict_of(2)).verdict is Verdict.CLEAN


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Yield a file system of its own size, its path short enough for a Unix socket; needs root."""
    folder = Path(tempfile.mkdtemp(prefix="rf-", dir="/tmp"))
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "small", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_a_disk_that_fills_during_a_build_is_ours_and_recovered_from(settings, sessions, monkeypatch):
    with small_disk(1400) as disk:
        works = Works(settings, sessions, disk)
        monkeypatch.setattr(workshop, "LEAST_FREE_BYTES", 64 * 1024**2)
        assert (await works.verdict_of(1)).verdict is Verdict.CLEAN
        run = await works.verdict_of(2, before=lambda: fill(disk))
        assert run.verdict is Verdict.INCONCLUSIVE, run.sentence
        assert works.nobody_blamed()
        (disk / "full").unlink()
        assert (await works.verdict_of(3)).verdict is Verdict.CLEAN


async def test_a_memory_that_is_short_for_one_compiler_is_not_the_series(works):
    """The host lets a process be killed, or refuses it memory; either way the base built under the same limit."""
    profile = works.settings.profiles["bpf-quick"]
    small = profile.model_copy(update={"build_memory_mb": 24})
    works.context = replace(
        works.context, settings=works.settings.model_copy(update={"profiles": {"bpf-quick": small}})
    )
    works.settings = works.context.settings
    run = await works.verdict_of(2)
    assert run.verdict is Verdict.INCONCLUSIVE, run.sentence
    assert works.nobody_blamed()


@pytest.mark.parametrize(("times", "verdict"), [(1, Verdict.CLEAN), (99, Verdict.INCONCLUSIVE)])
async def test_a_disk_that_is_full_when_a_machine_is_to_start_is_ours(works, monkeypatch, times, verdict):
    """The archive that a machine boots from is written for each boot."""
    run, left = Passing.run, [times]

    async def full(self, *arguments, **more):
        left[0] -= 1
        if left[0] >= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return await run(self, *arguments, **more)

    monkeypatch.setattr(Passing, "run", full)
    assert (await works.verdict_of(2)).verdict is verdict
    assert works.nobody_blamed()


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")
async def test_a_database_without_room_stops_the_work_and_loses_nothing(settings, place, monkeypatch):  # noqa: F811
    with small_disk(300) as disk, contextlib.ExitStack() as running:
        cluster = Cluster(disk, options=("max_wal_size=48MB", "min_wal_size=32MB"))
        url = running.enter_context(cluster.running())
        engine = make_engine(url)
        upgrade(engine)
        works = Works(settings.model_copy(update={"database_url": url}), make_sessions(engine), place)
        assert (await works.verdict_of(1)).verdict is Verdict.CLEAN
        monkeypatch.setattr(Passing, "run", filling(disk, Passing.run))
        with contextlib.suppress(Exception):  # the queue's own writes are refused as well
            await asyncio.wait_for(works.verdict_of(2), 60)
        (disk / "full").unlink()
        monkeypatch.undo()
        cluster.wait_ready()
        for _ in range(3):
            await works.recovered()
        assert works.run("v2").verdict is Verdict.CLEAN
        assert works.nobody_blamed()
        engine.dispose()


def fill(disk):
    """Take all room that a file system has left."""
    subprocess.run(["fallocate", "-l", str(shutil.disk_usage(disk).free), str(disk / "full")], check=True)


def filling(disk, run):
    """Return a machine's life in the midst of which a disk is full."""

    async def filled(self, *arguments, **more):
        if not (disk / "full").exists():
            fill(disk)
        return await run(self, *arguments, **more)

    return filled
