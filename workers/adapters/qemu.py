"""Boots images in QEMU: console and results on ports of their own, no network, no disk, no file of the host.

QEMU runs in the sandbox as the build user, so a guest that breaks out of it has won little. The guest's root and tests
come as one archive in memory; what it writes there is gone with it.
"""

import asyncio
import contextlib
import os
import re
import shutil
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from app.config import ProfileSettings
from app.domain.suites import FLAVOURS, WHOLE, invocations
from app.errors import InfrastructureError
from workers.adapters import cpio, locks, process, qemu_end, sandbox, workshop
from workers.adapters.accelerator import PLACE, Accelerator, Accelerators
from workers.adapters.images import META
from workers.adapters.ports_watch import Watch
from workers.adapters.rootfs import GuestRoot, guest_root
from workers.adapters.sandbox import Bind, Sandbox
from workers.ports import Boot, Ending, Image, Sink

APPEND = "console=ttyS0 loglevel=5 panic=-1 rdinit=/init"
"""loglevel 5: warnings and what is worse; the boot's own messages cost seconds of an emulated serial port."""

RESULTS_PORT = "reroll.results"
EXTRA_MB = 1536
LOOK_EVERY_S = 1.0
TRANSLATED_MB = 4096
WATCHDOG_MARGIN_S = 10
SAID_BYTES = 4000
_TEST = re.compile(r"[A-Za-z0-9_]{1,120}(?:/[^\x00-\x1f\x7f*]{1,200})?")
"""A test of test_progs, or one of its subtests; a star would be a glob to it."""

_OBJECT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,120}\.bpf\.o")
"""A file for veristat."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """How long a machine may take for what, in seconds."""

    boot_s: float
    silence_s: float
    total_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Fitted:
    """What a machine is made of."""

    image: Image
    profile: ProfileSettings
    initrd: Path


class Machine:
    """Boots images on this host; `cache_dir` holds the guest's root and what was found out about the host."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache = cache_dir
        self._accelerators = Accelerators(cache_dir / PLACE)
        self._root: GuestRoot | None = None

    async def run(
        self,
        image: Image,
        profile: ProfileSettings,
        *,
        tests: Sequence[str],
        console: Sink,
        results: Sink,
        verbose: bool = False,
    ) -> Boot:
        """Boot once, run `tests` (spelled as in app.domain.suites), stream both ports.

        Raises:
            InfrastructureError: QEMU itself would not start; or a test's name could be taken for something else.
        """
        in_use = locks.lock(image.folder / META, shared=True)
        async with in_use, workshop.own_folder(self._cache / "machines") as place:
            fitted = _Fitted(image=image, profile=profile, initrd=place / "initrd")
            await self._write_initrd(fitted, tests, verbose=verbose)
            answer = await self._accelerators.find(partial(_boots, fitted))
            life = _Life(
                boot_s=profile.boot_timeout.total_seconds(),
                silence_s=profile.silence_timeout.total_seconds(),
                total_s=profile.test_timeout.total_seconds(),
            )
            watch = Watch(console_sink=console, results_sink=results)
            ending = await _live(fitted, answer.name, watch, life)
            return Boot(
                ending=ending,
                booted_s=watch.booted_s,
                wall_s=time.monotonic() - watch.started,
                accelerator=answer.name,
            )

    def has_room(self, profile: ProfileSettings, machines: int) -> bool:
        """Tell whether this host has memory to spare, and a processor each, for so many machines at once."""
        needed = machines * (profile.memory_mb + EXTRA_MB) * 1024 * 1024
        return len(os.sched_getaffinity(0)) >= machines and process.available_bytes() >= needed

    async def _write_initrd(self, fitted: _Fitted, tests: Sequence[str], *, verbose: bool) -> None:
        if self._root is None or not self._root.path.exists():
            self._root = await guest_root(self._cache / "guest")
        files = {**plan_files(tests), "watchdog": _watchdog(fitted.profile)} | ({"verbose": b""} if verbose else {})
        own = cpio.archive(cpio.Entry(path=f"reroll/{name}", mode=0o100644, data=data) for name, data in files.items())
        parts = (self._root.path, fitted.image.folder / "selftests.cpio")
        await asyncio.to_thread(_concatenate, fitted.initrd, parts, own)


async def _boots(fitted: _Fitted, accelerator: Accelerator, seconds: float) -> bool:
    """Tell whether userspace comes up with an accelerator within some seconds.

    Raises:
        InfrastructureError: QEMU cannot translate either.
    """
    life = _Life(boot_s=seconds, silence_s=seconds, total_s=seconds)
    watch = Watch(console_sink=_ignore, results_sink=_ignore)
    try:
        await _live(fitted, accelerator, watch, life, until_ready=True)
    except InfrastructureError:
        if accelerator is Accelerator.TCG:
            raise
        return False  # a KVM that lies may also have QEMU give up
    return watch.ready_at is not None


async def _live(
    fitted: _Fitted, accelerator: Accelerator, watch: Watch, life: _Life, *, until_ready: bool = False
) -> Ending:
    """Run QEMU until it ends, a limit passes, or (to probe) userspace is up.

    Raises:
        InfrastructureError: QEMU ended with an error of its own or was killed, for want of memory perhaps: a guest that
            dies resets its machine, and QEMU's exit code is 0 then.
    """
    async with contextlib.AsyncExitStack() as stack:
        console = await stack.enter_async_context(_port(watch.console))
        results = await stack.enter_async_context(_port(watch.results))
        fds = (console.theirs.fileno(), results.theirs.fileno())
        watch.started = watch.spoke_at = time.monotonic()
        argv = _box(fitted, accelerator).command(_arguments(fitted.profile, accelerator, *fds))
        child = await stack.enter_async_context(process.started(argv, env=sandbox.outer_env(), pass_fds=fds))
        console.theirs.close()
        results.theirs.close()
        words = bytearray()
        said = asyncio.create_task(_first_words(child, words))
        try:
            overdue = await _watch_life(child, watch, life, fitted.profile, until_ready=until_ready)
            if not overdue:
                await asyncio.wait({console.reading, results.reading, said}, timeout=5)
            ending = overdue or watch.ending()
            ours = qemu_end.trouble(ending, child.process.returncode, bytes(words))
            if ours is not None:
                raise InfrastructureError(f"QEMU {ours}" if watch.console_heard else f"QEMU would not start: it {ours}")
            return ending
        finally:
            said.cancel()


async def _watch_life(
    child: process.Child, watch: Watch, life: _Life, profile: ProfileSettings, *, until_ready: bool
) -> Ending | None:
    """Return the limit that passed, or None once QEMU has ended."""
    ended = asyncio.create_task(child.process.wait())
    patience = qemu_end.Patience(child.pid)
    try:
        while not ended.done():
            await asyncio.wait({ended}, timeout=0.1 if until_ready else LOOK_EVERY_S)
            waited_s = patience.waited_s(watch.started if watch.ready_at is None else watch.spoke_at)
            overdue = watch.overdue(
                boot_s=life.boot_s + min(waited_s, life.boot_s * qemu_end.MOST_PATIENCE),
                silence_s=life.silence_s + min(waited_s, life.silence_s * qemu_end.MOST_PATIENCE),
                total_s=life.total_s,
            )
            if overdue and not ended.done():
                if patience.stopped():
                    raise InfrastructureError("QEMU was stopped")
                return overdue
            if until_ready and watch.ready_at is not None:
                return Ending.FINISHED
            if process.resident_bytes(child.pid) > (profile.memory_mb + EXTRA_MB) * 1024 * 1024:
                raise InfrastructureError("QEMU took far more memory than its guest has")
        return None
    finally:
        ended.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Port:
    """A port of the machine: QEMU's end, and the task that reads ours."""

    theirs: IO[bytes]
    reading: "asyncio.Task[None]"


@contextlib.asynccontextmanager
async def _port(take: Sink) -> AsyncIterator[_Port]:
    async with process.read_end() as (reader, theirs):

        async def read() -> None:
            while data := await reader.read(process.CHUNK):
                take(data)

        port = _Port(theirs=theirs, reading=asyncio.create_task(read()))
        try:
            yield port
        finally:
            port.reading.cancel()
            await asyncio.gather(port.reading, return_exceptions=True)


async def _first_words(child: process.Child, words: bytearray) -> None:
    """Keep the first of what QEMU itself says; the rest is read and let go, so that it never blocks."""
    while data := await child.output.read(process.CHUNK):
        words += data[: SAID_BYTES - len(words)]


def _arguments(profile: ProfileSettings, accelerator: Accelerator, console: int, results: int) -> list[str]:
    # Without ACPI the CPUs come from SeaBIOS' MP table, which lists only the first thread of each socket.
    topology = f"{profile.cpus},sockets={profile.cpus},cores=1,threads=1"
    cpu = ["-accel", "kvm", "-cpu", "host"]
    if accelerator is Accelerator.TCG:
        cpu = ["-accel", "tcg,thread=multi", "-cpu", "max"]
    return [
        *("qemu-system-x86_64", "-machine", "q35", *cpu, "-smp", topology, "-m", str(profile.memory_mb)),
        *("-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"),
        *("-kernel", "/machine/bzImage", "-initrd", "/machine/initrd", "-append", APPEND),
        *("-add-fd", f"fd={console},set=1", "-chardev", "file,id=console,path=/dev/fdset/1,append=on"),
        *("-serial", "chardev:console", "-device", "virtio-serial-pci"),
        *("-add-fd", f"fd={results},set=2", "-chardev", "file,id=results,path=/dev/fdset/2,append=on"),
        *("-device", f"virtserialport,chardev=results,name={RESULTS_PORT}", "-device", "virtio-rng-pci"),
    ]


def _box(fitted: _Fitted, accelerator: Accelerator) -> Sandbox:
    return Sandbox(
        binds=[
            Bind(source=fitted.image.folder / "bzImage", target="/machine/bzImage"),
            Bind(source=fitted.initrd, target="/machine/initrd"),
        ],
        devices=["/dev/kvm"] if accelerator is Accelerator.KVM else [],
        memory_mb=fitted.profile.memory_mb + TRANSLATED_MB,
        processes=fitted.profile.build_processes,
        file_mb=64,
    )


def plan_files(tests: Sequence[str]) -> dict[str, bytes]:
    """Return the files below /reroll that say what to run: `plan`, and the tests of each line of it.

    Raises:
        InfrastructureError: a test's name could be taken for something else.
    """
    try:
        found = invocations(tests)
    except ValueError as error:
        raise InfrastructureError(f"the guest cannot run that: {error}") from error
    files = {"plan": "".join(f"{one.suite} /reroll/{number}\n" for number, one in enumerate(found)).encode()}
    for number, one in enumerate(found):
        shape = _TEST if one.suite in FLAVOURS else _OBJECT
        for name in one.tests:
            if not shape.fullmatch(name):
                raise InfrastructureError(f"{name!r} cannot be given to {one.suite} as the name of a test")
        files[str(number)] = "".join(f"{name}\n" for name in one.tests or (WHOLE,)).encode()
    return files


def _watchdog(profile: ProfileSettings) -> bytes:
    return b"%d\n" % max(profile.silence_timeout.total_seconds() - WATCHDOG_MARGIN_S, 1)


def _concatenate(path: Path, parts: Sequence[Path], last: bytes) -> None:
    with path.open("wb") as target:
        for part in parts:
            with part.open("rb") as source:
                shutil.copyfileobj(source, target, 1024 * 1024)
            target.write(b"\0" * (-target.tell() % cpio.BLOCK))
        target.write(last)
    path.chmod(0o644)


def _ignore(_data: bytes) -> None:
    """Take bytes that nobody wants."""
