"""Keeping and clearing with a real database, real files and real packers."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import zstandard
from sqlalchemy import select, update

from app.config import ArtifactSettings
from app.db.models import Artifact, Attempt, Run
from app.domain.artifact import ArtifactKind, ArtifactState, blob_name
from app.domain.outcome import Verdict
from app.errors import InfrastructureError
from app.services import artifacts
from app.services.attempts import Claim
from tests import factories as make
from tests.workers.house import House
from workers.adapters import locks
from workers.adapters.artifacts import FolderStore
from workers.adapters.images import META
from workers.artifacts import Keeper
from workers.ports import Image

pytestmark = pytest.mark.anyio
SPARSE = 3_000_000


def content_of(kind: ArtifactKind, key: str) -> bytes:
    return f"{kind} of {key}\n".encode() * 2000


@dataclass
class Cache:
    """A worker's cache with images and the guest's root."""

    folder: Path

    def add(self, key: str, **contents: bytes) -> Image:
        place = self.folder / "images" / key
        place.mkdir(parents=True)
        (self.folder / "guest").mkdir(exist_ok=True)
        for kind in ArtifactKind:
            path = self.folder / "guest" / "root-abc.cpio" if kind is ArtifactKind.ROOT else place / kind
            path.write_bytes(contents.get(kind.name, content_of(kind, "abc" if kind is ArtifactKind.ROOT else key)))
        (place / META).write_text("{}")
        return self.image(key)

    def image(self, key: str) -> Image:
        return Image(
            key=key, folder=self.folder / "images" / key, tests=(), selection=(), not_built=(),
            toolchain={"guest": "abc"},
        )  # fmt: skip

    async def find(self, key: str) -> Image | None:
        return self.image(key) if (self.folder / "images" / key / META).exists() else None


class World:
    """One worker's keeper, and runs to keep for."""

    def __init__(self, settings, sessions, cache: Path, **limits) -> None:
        self.settings = settings.model_copy(update={"artifacts": ArtifactSettings(room_bytes=0, **limits)})
        self.sessions = sessions
        self.cache = Cache(cache)
        self.store = FolderStore(
            self.settings.artifacts_dir, cache_dir=cache, room_bytes=self.settings.artifacts.room_bytes
        )
        context = SimpleNamespace(settings=self.settings, sessions=sessions, builder=self.cache)
        self.keeper = Keeper(context=context, store=self.store)

    def run(self, key: str, verdict: Verdict = Verdict.CLEAN) -> int:
        """Add a run whose image has this key, and have its files kept."""
        with self.sessions.begin() as session:
            revision = make.add_revision(session, make.add_series(session), thread=make.add_thread(session))
            run = make.add_run(session, revision, verdict=verdict)
            artifacts.announce(session, Claim(run_id=run.id, attempt=1), key, self.settings.artifacts)
            return run.id

    def rows(self, run_id: int) -> dict[str, Artifact]:
        with self.sessions() as session:
            return {str(one.kind): one for one in session.scalars(select(Artifact).where(Artifact.run_id == run_id))}

    def states(self, run_id: int) -> set[str]:
        return {str(one.state) for one in self.rows(run_id).values()}

    def blobs(self) -> list[Path]:
        return sorted(path for path in self.settings.artifacts_dir.rglob("*") if path.is_file())

    def age(self, run_id: int, **span) -> None:
        with self.sessions.begin() as session:
            older = {"stored_at": Artifact.stored_at - timedelta(**span), "tried_at": None}
            session.execute(update(Artifact).where(Artifact.run_id == run_id).values(older))


@pytest.fixture
def world(settings, sessions, tmp_path):
    return World(settings, sessions, tmp_path / "cache")


async def test_all_files_of_a_run_are_kept_as_they_were(world):
    world.cache.add("one")
    run_id = world.run("one")
    await world.keeper.keep_waiting()
    rows = world.rows(run_id)
    assert set(rows) == {str(kind) for kind in ArtifactKind}
    for kind, row in rows.items():
        packed = (world.settings.artifacts_dir / blob_name(row.sha256)).read_bytes()
        plain = zstandard.ZstdDecompressor().stream_reader(packed).read()
        assert plain == content_of(ArtifactKind(kind), "abc" if kind == "root.cpio" else "one")
        assert (row.state, row.size, row.packed_size, row.why) == ("kept", len(plain), len(packed), None)
    assert len(world.blobs()) == len(ArtifactKind)


async def test_the_same_bytes_are_kept_once(world):
    world.cache.add("one", VMLINUX=b"same" * 1000)
    world.cache.add("two", VMLINUX=b"same" * 1000)
    first, shared, other = world.run("one"), world.run("one"), world.run("two")
    await world.keeper.keep_waiting()
    for run_id in (first, shared, other):
        assert world.states(run_id) == {"kept"}
    assert world.rows(first)["vmlinux"].sha256 == world.rows(other)["vmlinux"].sha256
    # bzImage and selftests of each; vmlinux and the guest's root once
    assert len(world.blobs()) == 6


async def test_another_run_of_a_kept_image_takes_no_packing(world, monkeypatch):
    world.cache.add("one")
    world.run("one")
    await world.keeper.keep_waiting()

    async def no_packing(*_arguments):
        raise AssertionError("packed again")

    monkeypatch.setattr(FolderStore, "pack", no_packing)
    run_id = world.run("one")
    await world.keeper.keep_waiting()
    assert world.states(run_id) == {"kept"}


async def test_an_image_that_is_in_no_cache_here_is_left_to_others(world):
    run_id = world.run("elsewhere")
    await world.keeper.keep_waiting()
    assert world.states(run_id) == {"waiting"}


async def test_what_is_old_is_removed_and_said_to_be_gone_and_what_is_shared_stays(world):
    world.cache.add("one")
    old, failed = world.run("one"), world.run("one", Verdict.REGRESSED)
    world.cache.add("two")
    other = world.run("two")
    await world.keeper.keep_waiting()
    for run_id in (old, failed, other):
        world.age(run_id, days=8)
    await world.keeper.clear()
    assert (world.states(old), world.states(failed), world.states(other)) == ({"gone"}, {"kept"}, {"gone"})
    assert {one.why for one in world.rows(old).values()} == {"what passed is kept for 7 days"}
    held = {path.name.removesuffix(".zst") for path in world.blobs()}
    assert held == {one.sha256 for one in world.rows(failed).values()}
    world.age(failed, days=60)
    await world.keeper.clear()
    assert world.blobs() == []


async def test_a_limit_of_size_holds_whatever_comes(settings, sessions, tmp_path):
    small = World(settings, sessions, tmp_path / "cache", most_bytes=400_000)
    runs = []
    for number in range(5):
        noise = os.urandom(100_000)
        small.cache.add(f"image{number}", VMLINUX=noise)
        runs.append(small.run(f"image{number}"))
        await small.keeper.keep_waiting()
        await small.keeper.clear()
        assert sum(path.stat().st_size for path in small.blobs()) <= 400_000
    states = [small.rows(run_id)["vmlinux"].state for run_id in runs]
    assert (states[0], states[-1]) == (ArtifactState.GONE, ArtifactState.KEPT)


async def test_what_a_killed_packer_left_goes_after_a_day_and_strange_files_stay(world):
    world.cache.add("one")
    world.run("one")
    await world.keeper.keep_waiting()
    left = world.settings.artifacts_dir / ".one-vmlinux-123"
    fresh = world.settings.artifacts_dir / ".one-vmlinux-124"
    orphan = world.settings.artifacts_dir / blob_name("f" * 64)
    note = world.settings.artifacts_dir / "README"
    orphan.parent.mkdir(exist_ok=True)
    for path in (left, fresh, orphan, note):
        path.write_bytes(b"x")
    os.utime(left, (1, 1))
    await world.keeper.clear()
    assert [path.exists() for path in (left, fresh, orphan, note)] == [False, True, False, True]


@pytest.fixture
def tiny():
    """A file system of 3 MB."""
    folder = Path(tempfile.mkdtemp(prefix="reroll-tiny-"))
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={SPARSE}", "tmpfs", folder], check=False, capture_output=True, text=True
    )
    if mounted.returncode != 0:
        shutil.rmtree(folder)
        pytest.skip(f"this takes the right to mount: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)
    folder.rmdir()


async def test_a_full_store_is_trouble_of_ours_and_mends(settings, sessions, tmp_path, tiny):
    world = World(settings, sessions, tmp_path / "cache", folder=tiny)
    (tiny / "others").write_bytes(b"x" * (SPARSE - 500_000))
    world.cache.add("one", VMLINUX=os.urandom(1_000_000))
    run_id = world.run("one", Verdict.REGRESSED)
    await world.keeper.keep_waiting()
    rows = world.rows(run_id)
    assert rows["vmlinux"].state is ArtifactState.WAITING
    assert rows["vmlinux"].why.startswith("packing vmlinux failed: No space left on device")
    assert rows["bzImage"].state is ArtifactState.KEPT
    assert [path for path in world.blobs() if path.name.startswith(".")] == []
    with sessions() as session:
        run = session.get_one(Run, run_id)
        assert run.verdict is Verdict.REGRESSED
        assert session.get_one(Attempt, (run_id, 1)).ending == "done"
    (tiny / "others").unlink()
    world.age(run_id)
    await world.keeper.keep_waiting()
    assert world.states(run_id) == {"kept"}


async def test_room_that_is_to_stay_free_stays_free(settings, sessions, tmp_path, tiny):
    world = World(settings, sessions, tmp_path / "cache", folder=tiny)
    store = FolderStore(tiny, cache_dir=tmp_path / "cache", room_bytes=SPARSE * 2)
    image = world.cache.add("one", VMLINUX=os.urandom(1_000_000))
    with pytest.raises(InfrastructureError, match="the store is full: less than"):
        await store.pack(image, ArtifactKind.VMLINUX)
    assert list(tiny.iterdir()) == []


async def test_a_store_that_cannot_be_made_is_trouble_that_is_told(settings, sessions, tmp_path):
    (tmp_path / "file").write_text("")
    world = World(settings, sessions, tmp_path / "cache", folder=tmp_path / "file" / "store")
    world.cache.add("one")
    run_id = world.run("one")
    with pytest.raises(InfrastructureError, match="cannot be used"):
        await world.keeper.keep_waiting()
    assert world.states(run_id) == {"waiting"}
    assert all("cannot be used" in one.why for one in world.rows(run_id).values())


async def test_an_image_in_use_by_its_packer_is_not_cleared(world, monkeypatch):
    image = world.cache.add("one", VMLINUX=os.urandom(30_000_000))
    packing = asyncio.create_task(world.store.pack(image, ArtifactKind.VMLINUX))
    for _ in range(200):
        await asyncio.sleep(0.01)
        if world.blobs():
            break
    with locks.try_lock(image.folder / META) as held:
        assert not held
    assert await world.store.pack(image, ArtifactKind.BZIMAGE) is None, "one at a time on a host"
    packing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await packing
    assert world.blobs() == []


ANOTHER = """
import asyncio, sys
from pathlib import Path
from tests.workers.test_artifacts import MOST, World
from app.config import Settings
from app.db.session import make_engine, make_sessions

url, state, cache = sys.argv[1:]
sessions = make_sessions(make_engine(url))
world = World(Settings(database_url=url, state_dir=Path(state)), sessions, Path(cache), most_bytes=MOST)

async def go():
    while not Path(state, "stop").exists():
        await world.keeper.keep_waiting()
        await world.keeper.clear()

asyncio.run(go())
"""
MOST = 100_000


@pytest.mark.tools
async def test_two_processes_keep_and_clear_at_once(settings, sessions, tmp_path, database):
    settings.state_dir.mkdir()
    ours = World(settings, sessions, tmp_path / "cache", most_bytes=MOST)
    theirs = World(settings, sessions, tmp_path / "cache2")
    argv = [sys.executable, "-c", ANOTHER, database, str(settings.state_dir)]
    here = Path(__file__).parents[2]
    caches = (str(world.cache.folder) for world in (ours, theirs))
    others = [await asyncio.create_subprocess_exec(*argv, cache, cwd=here) for cache in caches]
    runs = []
    for number in range(10):
        noise = os.urandom(20_000)
        for world in (ours, theirs):
            world.cache.add(f"image{number}", VMLINUX=noise)
        runs += [ours.run(f"image{number}"), ours.run(f"image{number}")]
        await asyncio.sleep(0.5)
    while any("waiting" in ours.states(run_id) for run_id in runs):  # noqa: ASYNC110 - another process does it
        await asyncio.sleep(0.5)
    (settings.state_dir / "stop").touch()
    for process in others:
        assert await process.wait() == 0
    await ours.keeper.clear()
    held = {path.name.removesuffix(".zst") for path in ours.blobs()}
    rows = [one for run_id in runs for one in ours.rows(run_id).values()]
    assert {one.state for one in rows} == {ArtifactState.KEPT, ArtifactState.GONE}
    assert {one.sha256 for one in rows if one.state is ArtifactState.KEPT} == held
    assert [path for path in ours.blobs() if path.name.startswith(".")] == []
    assert sum(path.stat().st_size for path in ours.blobs()) <= MOST


async def test_what_is_built_is_announced_with_the_results_for_run_and_baseline(settings, sessions, tmp_path):
    house = House(settings, sessions, tmp_path)
    house.posted(1, ("line_3;", "line_3_bad;"))
    await house.track(house.posted(2, ("int line_9;", "#error")))
    regressed, unbuilt = house.run("v1"), house.run("v2")
    with sessions() as session:
        rows = session.execute(select(Artifact.run_id, Artifact.kind, Artifact.state, Artifact.attempt)).all()
    assert {(run_id, kind) for run_id, kind, _, _ in rows} == {
        (run_id, kind) for run_id in (regressed.id, regressed.baseline_id) for kind in ArtifactKind
    }
    assert unbuilt.id not in {row.run_id for row in rows}
    assert {(state, attempt) for _, _, state, attempt in rows} == {(ArtifactState.WAITING, 1)}
