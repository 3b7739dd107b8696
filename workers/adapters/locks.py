"""flock(2) on files: the kernel lets go of a lock when its holder dies, kill -9 included."""

import asyncio
import contextlib
import fcntl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

PAUSE_S = 0.5


@contextlib.contextmanager
def try_lock(path: Path, *, shared: bool = False) -> Iterator[bool]:
    """Hold the lock for the block and yield True; yield False at once where another process has it."""
    with path.open("a") as stream:
        try:
            fcntl.flock(stream, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


@contextlib.asynccontextmanager
async def lock(path: Path, *, shared: bool = False) -> AsyncIterator[None]:
    """Hold the lock for the block; waits for it without holding up the event loop."""
    while True:
        with try_lock(path, shared=shared) as held:
            if held:
                yield
                return
        await asyncio.sleep(PAUSE_S)
