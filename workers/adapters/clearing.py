"""Room for builds: what bases left is cleared when it grows too large, the longest unused first, never what is in use.

A template (a base's folder) holds `objects` and a `selftests-NAME` for each selection. Beside each of the latter lies
`selftests-NAME.use`: whoever builds upon it holds a shared lock on that, and its mtime is the last use.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

from workers.adapters import locks
from workers.adapters.sandbox import remove_tree

MOST_BYTES = 30 * 1024**3
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


def clear(builds: Path, *, but: Path, most_bytes: int = MOST_BYTES) -> None:
    """Delete what was not used for longest until the rest fits into `most_bytes`.

    The selftests' folder `but` and the objects beside it stay; the caller holds the lock of their template.
    """
    total = sum(size_of(path.parent) for path in builds.glob(f"*/{LOCK}"))
    uses = [use for use in builds.glob("*/selftests-*.use") if use != use_of(but)]
    for use in sorted(uses, key=lambda use: use.stat().st_mtime):
        if total <= most_bytes:
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
    """Return the bytes of the files below `folder`; links count as themselves."""
    return sum((Path(parent) / name).lstat().st_size for parent, _, names in os.walk(folder) for name in names)
