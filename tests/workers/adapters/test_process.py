import asyncio
import os
import time
import uuid
from datetime import timedelta

import pytest

from app.errors import InfrastructureError
from tests.workers.adapters.conftest import alive, until
from workers.adapters.process import Limits, Stop, available_bytes, capture, resident_bytes, stream

pytestmark = pytest.mark.anyio
ENV = {"PATH": "/usr/bin:/bin"}
LONG = timedelta(seconds=60)


async def test_output_comes_as_it_is_written_and_not_at_the_end():
    heard = []
    begin = time.monotonic()
    script = "echo first; sleep 1; echo second >&2"
    ended = await stream(
        ["sh", "-c", script],
        sink=lambda data: heard.append((time.monotonic() - begin, data)),
        limits=Limits(wall=LONG),
        env=ENV,
    )
    assert (ended.exit_code, ended.stopped) == (0, None)
    assert [data for _, data in heard] == [b"first\n", b"second\n"]
    assert heard[1][0] - heard[0][0] > 0.8


async def test_exit_code_and_input_pass_through():
    code, output = await capture(["sh", "-c", "cat; exit 7"], wall=LONG, env=ENV, stdin=b"x" * 300_000)
    assert (code, len(output)) == (7, 300_000)


async def test_only_the_given_environment_is_seen(monkeypatch):
    monkeypatch.setenv("REROLL_SECRET", "hunter2")
    _, output = await capture(["env"], wall=LONG, env={"PATH": "/usr/bin"})
    assert output == b"PATH=/usr/bin\n"


async def test_time_limit_ends_the_whole_group():
    word = f"98{uuid.uuid4().int % 10**9}"
    script = f"sleep {word} & sleep {word}"
    ended = await stream(["sh", "-c", script], sink=len, limits=Limits(wall=timedelta(seconds=0.5)), env=ENV)
    assert ended.stopped is Stop.TIME
    assert 0.4 < ended.wall_s < 5
    assert until(lambda: not alive(word))


async def test_output_limit_is_exact_and_ends_the_process():
    heard = bytearray()
    ended = await stream(["yes"], sink=heard.extend, limits=Limits(wall=LONG, output_bytes=100_001), env=ENV)
    assert ended.stopped is Stop.OUTPUT
    assert len(heard) == 100_001


async def test_memory_limit_counts_all_descendants():
    # Each tail keeps 60 MB: none of them is over the limit alone.
    one = "(head -c 60000000 /dev/zero | tail -c 60000000 | (sleep 30; cat >/dev/null)) &"
    limits = Limits(wall=timedelta(seconds=30), memory_mb=120)
    ended = await stream(["sh", "-c", f"{one} {one} {one} wait"], sink=len, limits=limits, env=ENV)
    assert ended.stopped is Stop.MEMORY
    assert ended.wall_s < 20


async def test_cancelling_ends_the_whole_group():
    word = f"97{uuid.uuid4().int % 10**9}"
    task = asyncio.create_task(
        stream(["sh", "-c", f"sleep {word} & sleep {word}"], sink=len, limits=Limits(wall=LONG), env=ENV)
    )
    assert await asyncio.to_thread(until, lambda: len(alive(f"sleep {word}")) == 3)  # sh is one of them
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert until(lambda: not alive(word))


async def test_a_sink_that_raises_ends_the_process_and_is_heard():
    word = f"96{uuid.uuid4().int % 10**9}"

    def refuse(_data: bytes) -> None:
        raise ValueError("disk full")

    with pytest.raises(ValueError, match="disk full"):
        await stream(["sh", "-c", f"echo x; sleep {word}"], sink=refuse, limits=Limits(wall=LONG), env=ENV)
    assert until(lambda: not alive(word))


async def test_missing_program_is_our_trouble_and_named():
    with pytest.raises(InfrastructureError, match="cannot start no-such-tool"):
        await capture(["no-such-tool"], wall=LONG, env=ENV)


async def test_capture_says_which_limit_was_passed():
    with pytest.raises(InfrastructureError, match=r"sleep 30 was ended by its time limit"):
        await capture(["sleep", "30"], wall=timedelta(seconds=0.2), env=ENV)


def test_resident_bytes_is_that_of_this_process():
    ballast = b"x" * 50_000_000
    assert resident_bytes(os.getpid()) > len(ballast)


def test_what_the_host_can_give_is_less_than_it_has():
    whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert resident_bytes(os.getpid()) < available_bytes() < whole
