"""Children of the worker: output streamed; time, memory and output bounded; the whole tree ended with them.

A child leads a session of its own, so that a kill reaches its process group; what the sandbox starts lives in a PID
namespace besides, whose processes the kernel kills with its first one (pid_namespaces(7)).
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import IO

from app.errors import InfrastructureError

Sink = Callable[[bytes], None]
CHUNK = 64 * 1024
WATCH_EVERY_S = 1.0
GRACE_S = 2.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CAPTURE_BYTES = 64 * 1024 * 1024


class Stop(StrEnum):
    """Which limit ended a process."""

    TIME = "time limit"
    MEMORY = "memory limit"
    OUTPUT = "output limit"
    DISK = "limit of free disk space"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a process and all its descendants may use.

    `memory_mb` is their resident memory together; of the disk that holds `disk` they leave `free_bytes`.
    """

    wall: timedelta
    memory_mb: int | None = None
    output_bytes: int = 256 * 1024 * 1024
    disk: Path | None = None
    free_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended: `exit_code` is negative for a signal; `stopped` names the limit that we ended it for."""

    exit_code: int
    stopped: Stop | None
    wall_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A running process; `output` is its stdout and stderr."""

    process: asyncio.subprocess.Process
    output: asyncio.StreamReader

    @property
    def pid(self) -> int:
        """Its process id, and that of its group."""
        return self.process.pid


@contextlib.asynccontextmanager
async def started(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    pass_fds: Sequence[int] = (),
) -> AsyncIterator[Child]:
    """Start `argv`; on leaving, for whatever reason, its process group is dead and reaped.

    Raises:
        InfrastructureError: the program is not there or may not be run.
    """
    async with contextlib.AsyncExitStack() as stack:
        # Pipe and input are ours rather than asyncio's, whose wait() would wait for its pipes to close as well.
        output, theirs = await stack.enter_async_context(read_end())
        given = stack.enter_context(_input(stdin))
        try:
            child = await asyncio.create_subprocess_exec(
                *argv,
                env=dict(env),
                cwd=cwd,
                stdin=given,
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=tuple(pass_fds),
                start_new_session=True,
            )
        except OSError as error:
            raise InfrastructureError(f"cannot start {argv[0]}: {error.strerror}") from error
        theirs.close()
        try:
            yield Child(process=child, output=output)
        finally:
            # Shielded: a second cancellation must not leave a zombie or a living tree behind.
            await asyncio.shield(_end(child))


@contextlib.asynccontextmanager
async def read_end() -> AsyncIterator[tuple[asyncio.StreamReader, IO[bytes]]]:
    """Yield a pipe: a reader of ours, and the end to hand to a child, which closes with it or when the caller does."""
    ours, theirs = os.pipe()
    with os.fdopen(theirs, "wb", buffering=0) as end:
        reader = asyncio.StreamReader()
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await loop.connect_read_pipe(lambda: protocol, os.fdopen(ours, "rb", buffering=0))
        try:
            yield reader, end
        finally:
            transport.close()


@contextlib.contextmanager
def _input(data: bytes | None) -> Iterator[int]:
    if data is None:
        yield asyncio.subprocess.DEVNULL
        return
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.seek(0)
        yield file.fileno()


async def _end(child: asyncio.subprocess.Process) -> None:
    if child.returncode is None:
        # bwrap's child is the first process of a PID namespace: with it dies all that is in there, and bwrap then ends
        # by itself, which leaves nobody's zombies.
        children = _children(child.pid)
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(child.wait(), GRACE_S if children else 0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    await child.wait()


def _children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


async def stream(
    argv: Sequence[str],
    *,
    sink: Sink,
    limits: Limits,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
) -> Ended:
    """Run `argv` to its end and give its output to `sink` as it comes, never more than `limits.output_bytes`.

    Raises:
        InfrastructureError: the program cannot be started.
    """
    begin = time.monotonic()
    async with started(argv, env=env, cwd=cwd, stdin=stdin) as child:
        watching = asyncio.create_task(_watch(child.pid, limits))
        reading = asyncio.create_task(_read(child, sink, limits.output_bytes))
        try:
            await asyncio.wait({reading, watching}, timeout=limits.wall.total_seconds(), return_when="FIRST_COMPLETED")
            stopped = _why_stopped(reading, watching)
        finally:
            for task in (watching, reading):
                task.cancel()
            await asyncio.gather(watching, reading, return_exceptions=True)
        exit_code = await child.process.wait() if stopped is None else -signal.SIGKILL
    return Ended(exit_code=exit_code, stopped=stopped, wall_s=time.monotonic() - begin)


async def capture(
    argv: Sequence[str],
    *,
    wall: timedelta,
    env: Mapping[str, str],
    cwd: Path | None = None,
    stdin: bytes | None = None,
    output_bytes: int = CAPTURE_BYTES,
) -> tuple[int, bytes]:
    """Run `argv` and return its exit code and its output, stderr included.

    Raises:
        InfrastructureError: it cannot be started, took longer than `wall`, or wrote more than `output_bytes`.
    """
    output = bytearray()
    limits = Limits(wall=wall, output_bytes=output_bytes)
    ended = await stream(argv, sink=output.extend, limits=limits, env=env, cwd=cwd, stdin=stdin)
    if ended.stopped:
        raise InfrastructureError(f"{' '.join(argv[:8])} was ended by its {ended.stopped} after {ended.wall_s:.0f} s")
    return ended.exit_code, bytes(output)


async def _read(child: Child, sink: Sink, most: int) -> Stop | None:
    """Pass output on until it ends and the child has; a child that closes its output early is still waited for."""
    left = most
    while chunk := await child.output.read(CHUNK):
        sink(chunk[:left])
        left -= len(chunk)
        if left <= 0:
            return Stop.OUTPUT
    await child.process.wait()
    return None


async def _watch(pid: int, limits: Limits) -> Stop:
    """Return the limit that the tree below `pid` has passed.

    A poll, because neither a cgroup nor a quota of one's own is to be had on every host, and RLIMIT_AS and
    RLIMIT_FSIZE bound one process and one file only.
    """
    while True:
        if limits.memory_mb is not None and resident_bytes(pid) > limits.memory_mb * 1024 * 1024:
            return Stop.MEMORY
        if limits.disk is not None and shutil.disk_usage(limits.disk).free < limits.free_bytes:
            return Stop.DISK
        await asyncio.sleep(WATCH_EVERY_S)


def _why_stopped(reading: "asyncio.Task[Stop | None]", watching: "asyncio.Task[Stop]") -> Stop | None:
    if reading.done():
        return reading.result()
    return watching.result() if watching.done() else Stop.TIME


def available_bytes() -> int:
    """Return how much memory the host can give without swapping: MemAvailable of proc_meminfo(5), 0 if not told."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), 0)


def resident_bytes(root: int) -> int:
    """Return the resident memory of process `root` and its descendants, as proc_pid_stat(5) has it."""
    parents: dict[int, int] = {}
    resident: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError, IndexError, ValueError):
            fields = (entry / "stat").read_bytes().rpartition(b")")[2].split()
            parents[int(entry.name)] = int(fields[1])
            resident[int(entry.name)] = int(fields[21]) * PAGE_BYTES
    children: dict[int, list[int]] = {}
    for pid, parent in parents.items():
        children.setdefault(parent, []).append(pid)
    total, waiting = 0, [root]
    while waiting:
        pid = waiting.pop()
        total += resident.get(pid, 0)
        waiting.extend(children.get(pid, ()))
    return total
