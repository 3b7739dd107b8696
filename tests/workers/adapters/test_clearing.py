import os
import shutil
import time

import pytest

from workers.adapters.clearing import LOCK, OBJECTS, clear, in_use, size_of, use_of

pytestmark = pytest.mark.anyio
NOW = time.time()


def template(builds, name, ages):
    """A base's folder: 1,000 bytes of objects, and 100 bytes for each selection with its age."""
    folder = builds / name
    (folder / OBJECTS).mkdir(parents=True)
    (folder / OBJECTS / "vmlinux").write_bytes(b"x" * 1000)
    (folder / LOCK).touch()
    (folder / "complete.json").write_bytes(b"{}")
    for selection, age in ages.items():
        place = folder / f"selftests-{selection}"
        place.mkdir()
        (place / "output").write_bytes(b"x" * 100)
        use_of(place).touch()
        os.utime(use_of(place), (NOW - age, NOW - age))
    return folder


def left(builds):
    return {f"{path.parent.name}/{path.name}" for path in builds.glob("*/*") if path.is_dir()}


async def test_nothing_goes_while_there_is_room(tmp_path):
    one = template(tmp_path, "one", {"a": 9})
    clear(tmp_path, but=tmp_path / "now" / "selftests-a", most_bytes=size_of(one), room_bytes=0)
    assert left(tmp_path) == {"one/objects", "one/selftests-a"}


async def test_longest_unused_goes_first_and_objects_with_their_last_selection(tmp_path):
    template(tmp_path, "one", {"a": 9, "b": 3})
    template(tmp_path, "two", {"a": 8, "b": 7})
    template(tmp_path, "now", {"a": 99, "b": 98})
    (tmp_path / "runs").mkdir()
    clear(tmp_path, but=tmp_path / "now" / "selftests-a", most_bytes=2500, room_bytes=0)
    assert left(tmp_path) == {"one/objects", "one/selftests-b", "now/objects", "now/selftests-a"}
    assert [path.name for path in (tmp_path / "two").iterdir()] == [LOCK]


async def test_a_full_disk_and_long_disuse_clear_as_well(tmp_path):
    template(tmp_path, "one", {"a": 9})
    template(tmp_path, "two", {"a": 31 * 86400})
    now = tmp_path / "now" / "selftests-a"
    clear(tmp_path, but=now, room_bytes=0)
    assert left(tmp_path) == {"one/objects", "one/selftests-a"}
    clear(tmp_path, but=now, room_bytes=shutil.disk_usage(tmp_path).total + 1)
    assert left(tmp_path) == set()


async def test_what_is_in_use_stays_and_use_makes_young(tmp_path):
    template(tmp_path, "one", {"a": 9, "b": 8})
    async with in_use(tmp_path / "one" / "selftests-a"):
        clear(tmp_path, but=tmp_path / "now" / "selftests-a", most_bytes=0)
        assert left(tmp_path) == {"one/objects", "one/selftests-a"}
    assert use_of(tmp_path / "one" / "selftests-a").stat().st_mtime >= NOW
    clear(tmp_path, but=tmp_path / "now" / "selftests-a", most_bytes=0)
    assert left(tmp_path) == set()


async def test_links_are_neither_counted_nor_followed(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_bytes(b"x" * 5000)
    one = template(tmp_path / "builds", "one", {"a": 1})
    (one / "selftests-a" / "link").symlink_to(outside)
    assert size_of(one) < 1500
    clear(tmp_path / "builds", but=tmp_path, most_bytes=0)
    assert (outside / "file").exists()
    assert left(tmp_path / "builds") == set()


async def test_what_another_worker_deletes_meanwhile_is_no_trouble(tmp_path, monkeypatch):
    one = template(tmp_path, "one", {"a": 9})
    template(tmp_path, "two", {"a": 8})
    walk = os.walk

    def late(folder):
        """Name a compiler's temporary file that is gone by now; and the other worker clears a selection."""
        use_of(tmp_path / "two" / "selftests-a").unlink(missing_ok=True)
        return [(parent, folders, [*names, "gone.s"]) for parent, folders, names in walk(folder)]

    monkeypatch.setattr(os, "walk", late)
    assert size_of(one) == 1102
    clear(tmp_path, but=tmp_path / "now" / "selftests-a", most_bytes=0)
    assert not (one / "selftests-a").exists()
