"""Room for builds: what bases left is cleared when it or the disk is too full, or when it was not used for a month.

The longest unused goes first, what is in use never.

A template (a base's folder) holds `objects` and a `selftests-NAME` for each selection. Beside each of the latter lies
`selftests-NAME.use`: whoever builds upon it holds a shared lock on that, and its mtime is the last use.
"""

import asyncio
import contextlib
import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from workers.adapters import locks
from workers.adapters.sandbox import remove_tree

MOST_BYTES = 30 * 1024**3
ROOM_BYTES = 6 * 1024**3
"""What stays free of the disk, as far as clearing can do it: a base of another configuration takes half of this."""
UNUSED_S = 30 * 86400.0
LOCK = "lock"
OBJECTS = "objects"


def use_of(place: Path) -> Path:
    """Return the file that says who uses the folder `place`, and when it was used last."""
    return place.with_name(f"{place.name}.use")


@contextlib.asynccontextmanager
async def in_use(place: Path) -> AsyncIterator[None]:
    """Keep the selftests' folder `place`, and the template around it, from being cleared."""
    async with locks.lock(use_of(place), shared=True):
        await asyncio.to_thread(os.utime, use_of(place))
        yield


def clear(builds: Path, *, but: Path, most_bytes: int = MOST_BYTES, room_bytes: int = ROOM_BYTES) -> None:
    """Delete what was not used for longest until the rest fits into `most_bytes` and leaves `room_bytes` of the disk.

    The selftests' folder `but` and the objects beside it stay; the caller holds the lock of their template.
    """
    total = sum(size_of(path.parent) for path in builds.glob(f"*/{LOCK}"))
    uses = [use for use in builds.glob("*/selftests-*.use") if use != use_of(but)]
    for last_use, use in sorted((_mtime(use), use) for use in uses):
        enough = total <= most_bytes and shutil.disk_usage(builds).free >= room_bytes
        if enough and time.time() - last_use < UNUSED_S:
            return
        with contextlib.ExitStack() as stack:
            ours = use.parent == but.parent or stack.enter_context(locks.try_lock(use.parent / LOCK))
            if ours and stack.enter_context(locks.try_lock(use)):
                total -= _clear_one(use, with_objects=use.parent != but.parent)


def _clear_one(use: Path, *, with_objects: bool) -> int:
    """Delete a selftests' folder, and the base's objects with the last of them; return the bytes won."""
    template, place = use.parent, use.with_suffix("")
    won = size_of(place)
    remove_tree(place)
    use.unlink()
    if with_objects and not list(template.glob("selftests-*.use")):
        won += size_of(template)
        for path in template.iterdir():
            if path.name != LOCK:
                remove_tree(path)
    return won


def size_of(folder: Path) -> int:
    """Return the bytes of the files below `folder`; links count as themselves, what vanishes meanwhile as nothing."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # others build here
                total += (Path(parent) / name).lstat().st_size
    return total


def _mtime(use: Path) -> float:
    try:
        return use.stat().st_mtime
    except FileNotFoundError:  # another worker was faster
        return time.time()
