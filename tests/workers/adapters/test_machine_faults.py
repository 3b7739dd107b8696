"""What the host can do to a machine while it runs: real QEMU, a real kernel. All of it is trouble of ours."""

import asyncio
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from app.errors import InfrastructureError
from tests.workers.adapters.conftest import alive
from tests.workers.adapters.test_kernel import PROFILE, built, host  # noqa: F401 - a fixture
from workers.adapters import qemu
from workers.adapters.qemu import Machine
from workers.adapters.sandbox import Bind
from workers.ports import Ending

pytestmark = [pytest.mark.anyio, pytest.mark.kernel]


async def life(host, image, take, **profile):  # noqa: F811 - the fixture
    """Run all tests of an image; `take` gets what its results port says."""
    use = PROFILE.model_copy(update=profile)
    return await Machine(host.cache_dir).run(image, use, tests=image.tests, console=_ignore, results=take)


def _ignore(_data: bytes) -> None:
    """Take what nobody reads."""


def qemus() -> Iterator[int]:
    """Yield the processes of this test's machines."""
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        words = entry.read_bytes().split(b"\0")
        if words[0] == b"qemu-system-x86_64":
            yield int(entry.parent.name)


async def test_a_killed_qemu_is_no_result(host):  # noqa: F811
    image = await built(host, {})
    before = set(qemus())
    ready = asyncio.Event()
    running = asyncio.create_task(life(host, image, lambda data: ready.set() if b"ready" in data else None))
    await asyncio.wait_for(ready.wait(), 240)
    for pid in set(qemus()) - before:
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(InfrastructureError, match=r"QEMU ended by itself \(137\)"):
        await running
    assert (await life(host, image, _ignore)).ending is Ending.FINISHED


async def test_a_missing_qemu_is_said(host, monkeypatch):  # noqa: F811
    image = await built(host, {})
    box = qemu._box
    hidden = Bind(source=Path("/dev/null"), target="/usr/bin/qemu-system-x86_64")

    def without(*arguments):
        made = box(*arguments)
        return replace(made, binds=[*made.binds, hidden])

    monkeypatch.setattr(qemu, "_box", without)
    with pytest.raises(InfrastructureError, match=r"QEMU would not start: .*execvp qemu-system-x86_64"):
        await life(host, image, _ignore)
    assert not [line for line in alive("qemu-system-x86_64") if "memory_mb" in line]


async def test_a_machine_larger_than_the_host_is_said(host):  # noqa: F811
    image = await built(host, {})
    with pytest.raises(InfrastructureError, match=r"QEMU would not start: .*Cannot allocate memory"):
        await life(host, image, _ignore, memory_mb=64_000_000)
