"""Services are started in order, started again when they die, and never outlive their supervisor."""

import asyncio
import os
import signal
import sys
import textwrap
import time
from pathlib import Path

import pytest

from app import supervisor
from app.errors import InfrastructureError
from app.supervisor import Service, Supervisor

pytestmark = pytest.mark.anyio


def sleeper(name: str, mark: Path) -> Service:
    """A service that leaves its pid in a file, a line a start."""
    return Service(
        name=name,
        command=["sh", "-c", f"echo $$ >> {mark}; exec sleep 600"],
        ready=mark.exists,
    )


def pids(mark: Path) -> list[int]:
    return [int(line) for line in mark.read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)


async def test_a_killed_service_is_started_again_and_ended_at_the_end(tmp_path):
    mark = tmp_path / "pids"
    async with Supervisor([sleeper("one", mark)], logs=tmp_path):
        first = pids(mark)[0]
        os.kill(first, signal.SIGKILL)
        await until(lambda: len(pids(mark)) == 2)
        assert alive(pids(mark)[1])
    assert not [pid for pid in pids(mark) if alive(pid)]


async def test_a_service_that_does_not_get_ready_is_an_error_and_the_others_are_ended(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "READY_LIMIT_S", 1.0)
    mark = tmp_path / "pids"
    never = Service(name="never", command=["false"], ready=lambda: False)
    with pytest.raises(InfrastructureError, match=r"never is not ready after 1 s; see .*never\.log"):
        async with Supervisor([sleeper("one", mark), never], logs=tmp_path):
            pytest.fail("it was entered")
    assert not alive(pids(mark)[0])


async def test_services_do_not_outlive_a_killed_supervisor(tmp_path):
    mark = tmp_path / "pids"
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from app.supervisor import Service, Supervisor

        async def main():
            service = Service(name="one", command=["sh", "-c", "echo $$ >> {mark}; exec sleep 600"])
            async with Supervisor([service], logs=Path({str(tmp_path)!r})):
                await asyncio.sleep(600)

        asyncio.run(main())
    """)
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", script)
    await until(mark.exists)
    await until(lambda: bool(pids(mark)))
    child = pids(mark)[0]
    assert alive(child)
    parent.kill()
    await parent.wait()
    await until(lambda: not alive(child))
