import os
import time
from dataclasses import replace

import pytest

from app.errors import InfrastructureError
from workers.adapters import locks, sandbox
from workers.adapters.images import META, PARTS, Images
from workers.ports import Image

pytestmark = pytest.mark.anyio


def made(place, key, *, size=10):
    folder = sandbox.make_folder(place / f"out-{key}")
    for part in PARTS:
        (folder / part).write_bytes(b"x" * size)
    return Image(
        key=key,
        folder=folder,
        tests=("bpf_iter", "log_buf"),
        selection=(("bpf_iter", "core"), ("log_buf", "touched"), ("gone", "core")),
        not_built=(("gone", "no program"),),
        absent=("gone",),
        toolchain={"gcc": "12.2.0"},
    )


async def test_what_is_published_is_found_as_it_was(place):
    images = Images(place / "images")
    assert images.find("abc") is None
    image = made(place, "abc")
    kept = await images.publish(image)
    assert kept == Images(place / "images").find("abc")
    assert kept.folder == place / "images" / "abc"
    assert {path.name for path in kept.folder.iterdir()} == {*PARTS, META}
    assert kept == replace(image, folder=kept.folder)
    assert (kept.folder / "bzImage").stat().st_uid == os.geteuid()


async def test_second_worker_with_the_same_key_changes_nothing(place):
    images = Images(place / "images")
    first = await images.publish(made(place, "abc", size=10))
    second = await images.publish(made(place, "abc", size=20))
    assert first == second
    assert (first.folder / "vmlinux").stat().st_size == 10
    assert [path.name for path in images.folder.iterdir()] == ["abc"]


@pytest.mark.parametrize("meta", [None, b"", b'{"tests": ["bpf'])
async def test_a_part_of_an_image_is_none_and_makes_way_for_a_whole_one(place, meta):
    """A worker killed while it cleared, or the power lost while it wrote."""
    images = Images(place / "images")
    part = (images.folder / "abc").resolve()
    part.mkdir()
    (part / "vmlinux").write_bytes(b"x")
    if meta is not None:
        (part / META).write_bytes(meta)
    assert images.find("abc") is None
    assert {path.name for path in (await images.publish(made(place, "abc"))).folder.iterdir()} == {*PARTS, META}


@pytest.mark.parametrize("part", PARTS)
async def test_an_image_with_a_part_cut_short_is_none_and_makes_way(place, part):
    """The power went: the file is there, and the blocks that were not written yet are not."""
    images = Images(place / "images")
    kept = await images.publish(made(place, "abc"))
    os.truncate(kept.folder / part, 0)
    assert images.find("abc") is None
    again = await images.publish(made(place, "abc", size=20))
    assert (again.folder / part).stat().st_size == 20
    assert images.find("abc") == again


async def test_what_killed_workers_left_is_cleared_after_a_while(place):
    images = Images(place / "images")
    for name, age in ((".new-1-old", 4000), (".new-2-young", 10), ("cleared", 4000)):
        (images.folder / name).mkdir()
        (images.folder / name / "vmlinux").write_bytes(b"x")
        os.utime(images.folder / name, (time.time() - age,) * 2)
    await images.publish(made(place, "abc"))
    assert {path.name for path in images.folder.iterdir()} == {"abc", ".new-2-young"}


@pytest.mark.parametrize("how", ["symlink", "hardlink", "fifo", "folder", "absent"])
async def test_only_regular_files_are_taken_from_a_build(place, tmp_path, how):
    secret = place / "secret"
    secret.write_text("of the host")
    image = made(place, "abc")
    part = image.folder / "vmlinux"
    part.unlink()
    match how:
        case "symlink":
            part.symlink_to(secret)
        case "hardlink":
            part.hardlink_to(secret)
        case "fifo":
            os.mkfifo(part)
        case "folder":
            part.mkdir()
    images = Images(place / "images")
    with pytest.raises(InfrastructureError, match="vmlinux"):
        await images.publish(image)
    assert images.find("abc") is None
    assert secret.read_text() == "of the host"


async def test_least_recently_used_goes_first_and_one_in_use_stays(place):
    images = Images(place / "images", most_bytes=12_000)
    for age, key in ((400, "used"), (300, "old"), (200, "young")):
        kept = await images.publish(made(place, key, size=1000))
        os.utime(kept.folder / META, (age, age))
    os.utime(images.folder / "used" / META, (1, 1))
    async with locks.lock(images.folder / "used" / META, shared=True):
        await images.publish(made(place, "new", size=1000))
    assert {path.name for path in images.folder.iterdir()} == {"used", "new"}
    assert images.find("old") is None


async def test_one_worker_clears_at_a_time(place):
    images = Images(place / "images", most_bytes=1)
    await images.publish(made(place, "abc"))
    async with locks.lock(place / "images.lock"):
        await images.publish(made(place, "new"))
        assert images.find("abc")
    await images.publish(made(place, "newest"))
    assert [path.name for path in images.folder.iterdir()] == ["newest"]


async def test_finding_an_image_is_a_use(place):
    images = Images(place / "images", most_bytes=9_000)
    for key in ("a", "b"):
        os.utime((await images.publish(made(place, key, size=1000))).folder / META, (1 + (key == "b"), 1))
    assert images.find("a")
    await images.publish(made(place, "c", size=500))
    assert {path.name for path in images.folder.iterdir()} == {"a", "c"}


@pytest.mark.parametrize("key", ["../x", "a/b", "", ".hidden", "é"])
def test_a_key_is_a_word(place, key):
    with pytest.raises(InfrastructureError, match="letters and digits"):
        Images(place / "images").find(key)
