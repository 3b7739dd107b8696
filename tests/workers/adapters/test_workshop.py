import asyncio
import os
from pathlib import Path

import pytest

from app.config import ProfileSettings
from app.errors import BuildFailedError, InfrastructureError
from workers.adapters import sandbox, workshop
from workers.adapters.locks import try_lock
from workers.adapters.workshop import OBJECTS, SOURCE, Folders, Workshop, own_folder, throwaway

pytestmark = pytest.mark.anyio
PROFILE = ProfileSettings(build_memory_mb=1024)


def job(place: Path, folders: Folders, log: bytearray, *, trusted: bool = False, seconds: float = 30) -> Workshop:
    return Workshop(
        source=sandbox.make_folder(place / "source"),
        folders=folders,
        ccache=sandbox.make_folder(place / "ccache"),
        trusted=trusted,
        profile=PROFILE,
        deadline=asyncio.get_running_loop().time() + seconds,
        log=log.extend,
    )


async def template(place: Path) -> Path:
    lower = sandbox.make_folder(place / "template")
    inside = job(place, Folders(writable={OBJECTS: lower}), bytearray(), trusted=True)
    await inside.run("the base", "echo base >a; mkdir -p sub; echo base >sub/b; touch -d 2001-01-01 a; chmod 500 sub/b")
    return lower


@pytest.mark.parametrize("layers_work", [True, False])
async def test_a_throwaway_begins_as_the_template_and_leaves_it_alone(place, layers_work):
    lower = await template(place)
    log = bytearray()
    async with throwaway(place / "runs", {OBJECTS: lower}, layers_work=layers_work) as folders:
        inside = job(place, folders, log)
        await inside.run("one", "cat a sub/b; stat -c %Y a; echo patched >a; rm -f sub/b; touch c")
        await inside.run("two", "cat a; ls . sub")
    assert log.decode().split() == ["base", "base", "978307200", "patched", ".:", "a", "c", "sub", "sub:"]
    assert {path.name for path in lower.rglob("*")} == {"a", "sub", "b"}
    assert (lower / "a").read_text() == "base\n"
    assert list((place / "runs").iterdir()) == []


async def test_source_and_ccache_are_read_only_for_a_patch_and_ccache_is_not_for_the_base(place):
    objects = Folders(writable={OBJECTS: sandbox.make_folder(place / "objects")})
    script = f"touch {SOURCE}/x; touch {workshop.CCACHE}/x && echo ccache >&2; env | grep -c ^CCACHE_READONLY; true"
    log = bytearray()
    await job(place, objects, log).run("a patch", script.replace("touch", "! touch"))
    assert log.decode().count("Read-only file system") == 2
    assert not list((place / "ccache").iterdir())
    log.clear()
    await job(place, objects, log, trusted=True).run("the base", f"! touch {SOURCE}/x; touch {workshop.CCACHE}/x")
    assert log.decode().count("Read-only file system") == 1
    assert [path.name for path in (place / "ccache").iterdir()] == ["x"]


async def test_whose_fault_it_is(place, monkeypatch):
    objects = Folders(writable={OBJECTS: sandbox.make_folder(place / "objects")})
    with pytest.raises(BuildFailedError) as caught:
        await job(place, objects, bytearray()).run("the kernel", "exit 2")
    assert (caught.value.target, caught.value.exit_code) == ("the kernel", 2)
    assert await job(place, objects, bytearray()).run("the kernel", "exit 2", fail=False) == 2
    with pytest.raises(InfrastructureError, match="longer than the profile's build_timeout"):
        await job(place, objects, bytearray(), seconds=0.5).run("the kernel", "sleep 30")
    with pytest.raises(InfrastructureError, match="the host killed a compiler"):
        await job(place, objects, bytearray()).run(
            "it", "echo 'gcc: fatal error: Killed signal terminated program cc1'; exit 2"
        )
    with pytest.raises(InfrastructureError, match="the sandbox for building it cannot be made"):
        await job(place, Folders(readable={OBJECTS: place / "absent"}), bytearray()).run("it", "true")
    with pytest.raises(InfrastructureError, match="the sandbox for building it cannot be made"):
        await job(place, objects, bytearray()).run("it", "no-such-tool")
    monkeypatch.setattr(workshop, "LEAST_FREE_BYTES", 1 << 60)
    with pytest.raises(InfrastructureError, match=r"disk of .* is nearly full"):
        await job(place, objects, bytearray()).run("it", "sleep 30")


async def test_memory_over_the_limit_is_said_in_the_log(place):
    objects = Folders(writable={OBJECTS: sandbox.make_folder(place / "objects")})
    log = bytearray()
    one = "(head -c 400000000 /dev/zero | tail -c 400000000 | (sleep 20; cat >/dev/null)) &"
    with pytest.raises(BuildFailedError, match="over its memory limit"):
        await job(place, objects, log).run("the kernel", f"{one} {one} {one} {one} wait")
    assert b"reroll: ended by its memory limit" in log


async def test_what_a_killed_worker_left_is_swept_and_what_runs_is_not(place):
    runs = sandbox.make_folder(place / "runs")
    for name in ("run-dead", "run-alive"):
        (sandbox.make_folder(runs / name) / "big").write_text("x")
        (runs / f"{name}.lock").touch()
    with try_lock(runs / "run-alive.lock") as held:
        assert held
        async with own_folder(runs) as mine:
            assert mine.stat().st_uid == (sandbox.build_user().uid if os.geteuid() == 0 else os.geteuid())
            assert {path.name for path in runs.iterdir()} == {
                "run-alive",
                "run-alive.lock",
                mine.name,
                f"{mine.name}.lock",
            }
    assert {path.name for path in runs.iterdir()} == {"run-alive", "run-alive.lock"}


async def test_two_runs_have_folders_of_their_own(place):
    async with own_folder(place / "runs") as one, own_folder(place / "runs") as two:
        assert one != two
        assert one.exists()
