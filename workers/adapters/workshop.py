"""Where builds happen: objects of a base kept as a template, each revision's build in a throwaway layer over it.

A patch's own build may write anything into its object folder, so no build but that of the unpatched base may leave
something behind for another: templates and ccache are filled by bases only, and shown to a revision read-only below an
overlay (or as a copy where overlayfs cannot be had). See docs/decisions/0004-builds-of-patches-leave-nothing.md.
"""

import asyncio
import contextlib
import math
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from app.config import ProfileSettings
from app.errors import BuildFailedError, InfrastructureError
from workers.adapters import locks, process, sandbox
from workers.adapters.sandbox import Bind, Layer, Sandbox
from workers.ports import Sink

SOURCE = "/build/linux"
OBJECTS = "/build/out"
ORIGINAL = "/build/original"
SELFTESTS = "/build/selftests"
SCRATCH = f"{SOURCE}/tools/testing/selftests/bpf"
CCACHE = "/build/ccache"
IMAGE = "/build/image"
LEAST_FREE_BYTES = 1024**3
COPY = timedelta(minutes=10)
TAIL_BYTES = 64 * 1024
KILLED = b"Killed signal terminated program"

ENV = {
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_USER": "reroll",
    "KBUILD_BUILD_HOST": "reroll",
    "CCACHE_DIR": CCACHE,
    "CCACHE_CONFIGPATH": "/dev/null",
    "CCACHE_NOHASHDIR": "1",
    "CCACHE_COMPILERCHECK": "content",
    "CCACHE_MAXSIZE": "10G",
    "CCACHE_TEMPDIR": "/tmp",  # noqa: S108 - the sandbox's own
}
UNTRUSTED = {"CCACHE_READONLY": "1", "CCACHE_NOSTATS": "1"}
FRESH = {"CCACHE_RECACHE": "1"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Folders:
    """Folders of objects, by the path at which a build sees them; what changes in a layer leaves what is below."""

    writable: dict[str, Path] = field(default_factory=dict)
    readable: dict[str, Path] = field(default_factory=dict)
    layers: tuple[Layer, ...] = ()

    def binds(self) -> list[Bind]:
        """The folders that are shown as they are."""
        changed = [Bind(source=source, target=target, writable=True) for target, source in self.writable.items()]
        return changed + [Bind(source=source, target=target) for target, source in self.readable.items()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Workshop:
    """One build's place: source, folders, whether it may fill ccache, and where its output goes.

    `deadline` is of the event loop's clock; none has come before the build has `begun()`. With `fresh` everything is
    compiled, whatever ccache has.
    """

    source: Path
    folders: Folders = field(default_factory=Folders)
    ccache: Path
    trusted: bool = False
    fresh: bool = False
    profile: ProfileSettings
    deadline: float = math.inf
    log: Sink

    def begun(self) -> "Workshop":
        """Return the place of a build that begins now: it has the profile's `build_timeout`, however long it waited."""
        limit_s = self.profile.build_timeout.total_seconds()
        return replace(self, deadline=asyncio.get_running_loop().time() + limit_s)

    async def run(
        self, target: str, script: str, *, arguments: Sequence[str] = (), binds: Sequence[Bind] = (), fail: bool = True
    ) -> int:
        """Run a shell script confined, its output to the log; return its exit code.

        Raises:
            BuildFailedError: it failed and `fail` is set; or it went over a limit of memory or output.
            InfrastructureError: the disk is full, the host killed a compiler, or the time of the whole has passed.
        """
        tail = bytearray()

        def sink(data: bytes) -> None:
            self.log(data)
            tail.extend(data)
            del tail[:-TAIL_BYTES]

        left = self.deadline - asyncio.get_running_loop().time()
        limits = process.Limits(
            wall=timedelta(seconds=max(left, 0.1)),
            memory_mb=self.profile.build_memory_mb,
            disk=self.ccache,
            free_bytes=LEAST_FREE_BYTES,
        )
        command = self._box(binds).command(["sh", "-euc", script, "build", *arguments])
        ended = await process.stream(command, sink=sink, limits=limits, env=sandbox.outer_env())
        self._judge(target, ended, bytes(tail), fail=fail)
        return ended.exit_code

    def _box(self, binds: Sequence[Bind]) -> Sandbox:
        first = [
            Bind(source=self.source, target=SOURCE),
            Bind(source=self.source, target=ORIGINAL),
            Bind(source=self.ccache, target=CCACHE, writable=self.trusted),
        ]
        return Sandbox(
            binds=[*first, *self.folders.binds(), *binds],
            layers=self.folders.layers,
            env=ENV | ({} if self.trusted else UNTRUSTED) | (FRESH if self.fresh else {}),
            memory_mb=self.profile.build_memory_mb,
            processes=self.profile.build_processes,
            cwd=OBJECTS,
        )

    def _judge(self, target: str, ended: process.Ended, tail: bytes, *, fail: bool) -> None:
        if ended.exit_code == 0:
            return
        if ended.stopped is process.Stop.TIME:
            raise InfrastructureError(f"building {target} took longer than the profile's build_timeout")
        if ended.stopped is process.Stop.DISK or shutil.disk_usage(self.ccache).free < LEAST_FREE_BYTES:
            raise InfrastructureError(f"building {target}: the disk of {self.ccache} is nearly full")
        if ended.stopped:
            self.log(f"\nreroll: ended by its {ended.stopped}\n".encode())
            raise _failed(f"{target} (over its {ended.stopped})", ended, tail)
        if KILLED in tail:
            raise InfrastructureError(
                f"building {target} failed: the host killed a compiler, for want of memory perhaps"
            )
        if tail.startswith(b"bwrap: ") or ended.exit_code == 127:
            said = tail[-500:].decode(errors="replace").strip()
            raise InfrastructureError(f"the sandbox for building {target} cannot be made: {said}")
        if fail:
            raise _failed(target, ended, tail)


def _failed(target: str, ended: process.Ended, tail: bytes) -> BuildFailedError:
    return BuildFailedError(target=target, exit_code=ended.exit_code, said=tail.decode("utf-8", "replace"))


@contextlib.asynccontextmanager
async def own_folder(place: Path) -> AsyncIterator[Path]:
    """Yield a new folder in `place` that the build user owns; it is gone afterwards.

    What a killed worker left in `place` is cleared first: its lock has gone with it.

    Raises:
        InfrastructureError: it cannot be made.
    """
    sandbox.make_folder(place)
    for lock in await asyncio.to_thread(lambda: list(place.glob("run-*.lock"))):
        with locks.try_lock(lock) as held:
            if held:
                await sandbox.remove(lock.with_suffix(""), lock)
    folder = place / f"run-{uuid.uuid4().hex}"
    lock = folder.with_suffix(".lock")
    # The lock comes first; one that a sweep took away in between is made again.
    async with contextlib.AsyncExitStack() as stack:
        while not lock.exists():
            await stack.enter_async_context(locks.lock(lock))
        try:
            yield sandbox.make_folder(folder)
        finally:
            await sandbox.remove(folder, lock)


@contextlib.asynccontextmanager
async def throwaway(place: Path, lowers: dict[str, Path], *, layers_work: bool) -> AsyncIterator[Folders]:
    """Yield folders that begin as `lowers` (target -> folder) and are gone afterwards.

    Raises:
        InfrastructureError: the disk is full.
    """
    async with own_folder(place) as folder:
        if layers_work:
            yield Folders(layers=tuple(_layers(folder, lowers)))
        else:
            yield Folders(writable={target: await _copy(folder, lower) for target, lower in lowers.items()})


def _layers(folder: Path, lowers: dict[str, Path]) -> list[Layer]:
    made = []
    for number, (target, lower) in enumerate(lowers.items()):
        upper, scratch = folder / f"{number}.upper", folder / f"{number}.scratch"
        layer = Layer(lower=lower, upper=upper, scratch=scratch, target=target)
        sandbox.prepare_layer(layer)
        made.append(layer)
    return made


async def _copy(folder: Path, lower: Path) -> Path:
    copy = folder / f"copy{len(os.listdir(folder))}"  # noqa: PTH208
    words = ["cp", "--archive", "--reflink=auto", str(lower), str(copy)]
    code, said = await process.capture(words, wall=COPY, env=sandbox.outer_env())
    if code != 0:
        raise InfrastructureError(f"cannot copy {lower}; cp said: {said[-500:].decode(errors='replace')}")
    return copy
