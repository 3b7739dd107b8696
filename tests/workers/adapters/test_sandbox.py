import os
import signal
import socket
import subprocess
import sys
import uuid
from datetime import timedelta
from pathlib import Path

import pytest

from app.errors import InfrastructureError
from tests.workers.adapters.conftest import alive, until
from workers.adapters import process, sandbox
from workers.adapters.process import Limits, Stop
from workers.adapters.sandbox import Bind, Layer, Sandbox

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[3]


async def inside(script: str, *, wall_s: float = 30, **settings: object) -> tuple[int, str]:
    box = Sandbox(**({"memory_mb": 1024, "processes": 512} | settings))
    code, output = await process.capture(
        box.command(["sh", "-c", script]), wall=timedelta(seconds=wall_s), env=sandbox.outer_env()
    )
    return code, output.decode()


async def test_there_is_no_network():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        script = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
        outside = await process.capture(["bash", "-c", script], wall=timedelta(seconds=9), env={"PATH": "/usr/bin"})
        assert outside == (0, b"")
        code, said = await inside(f"bash -c '{script}'")
    assert code != 0
    assert "refused" in said
    _, interfaces = await inside("cat /proc/net/dev")
    assert [line.split(":")[0].strip() for line in interfaces.splitlines()[2:]] == ["lo"]


async def test_only_system_folders_are_seen(place):
    (place / "secret").write_text("x")
    _, names = await inside("ls -A /")
    assert set(names.split()) <= {"bin", "dev", "etc", "lib", "lib32", "lib64", "proc", "sbin", "tmp", "usr"}
    _, etc = await inside("ls -A /etc")
    assert set(etc.split()) <= {"alternatives", "ld.so.cache"}
    for path in ("/root", "/etc/shadow", "/home", "/var", str(place), str(ROOT)):
        code, _ = await inside(f"ls -d {path}")
        assert code != 0, path


async def test_no_process_of_the_host_is_seen():
    _, pids = await inside("ls /proc | grep -c '^[0-9]'")
    assert int(pids) < 10


async def test_the_environment_is_its_own(monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    _, env = await inside("env", env={"KBUILD_BUILD_USER": "reroll"})
    names = {line.split("=")[0] for line in env.splitlines()}
    assert names == {"PATH", "HOME", "LC_ALL", "PWD", "KBUILD_BUILD_USER"}


async def test_nothing_is_writable_but_what_was_said(place):
    read, write = sandbox.make_folder(place / "r"), sandbox.make_folder(place / "w")
    binds = [Bind(source=read, target="/build/r"), Bind(source=write, target="/build/w", writable=True)]
    code, said = await inside("touch /build/w/yes; touch /build/r/no", binds=binds)
    assert code != 0
    assert "Read-only file system" in said
    assert [path.name for path in write.iterdir()] == ["yes"]
    for path in ("/usr/x", "/etc/x", "/bin/x"):
        assert (await inside(f"touch {path}"))[0] != 0


async def test_what_it_writes_is_not_roots(place):
    write = sandbox.make_folder(place / "w")
    binds = [Bind(source=write, target="/build/w", writable=True)]
    script = "cp /bin/true /build/w/t; chmod 6755 /build/w/t; id -u"
    assert await inside(script, binds=binds) == (0, "1000\n")
    owner = (write / "t").stat().st_uid
    assert owner != 0
    assert owner == (sandbox.build_user().uid if os.geteuid() == 0 else os.geteuid())


async def test_no_capability_is_held_or_to_be_had():
    _, status = await inside("grep -E '^(CapEff|CapBnd|NoNewPrivs)' /proc/self/status")
    assert status.split() == ["CapEff:", "0" * 16, "CapBnd:", "0" * 16, "NoNewPrivs:", "1"]


async def test_memory_of_one_process_is_limited():
    code, said = await inside("head -c 400000000 /dev/zero | tail -c 400000000 | wc -c", memory_mb=200)
    assert "400000000" not in said
    assert "memory exhausted" in said
    assert await inside("head -c 400000000 /dev/zero | tail -c 400000000 | wc -c") == (0, "400000000\n")
    assert code == 0


async def test_processes_are_limited():
    script = "for i in $(seq 300); do sleep 3 & done 2>&1; wait"
    _, said = await inside(script, processes=100)
    assert "Cannot fork" in said


async def test_file_size_is_limited():
    code, _ = await inside("head -c 3000000 /dev/zero >/tmp/x", file_mb=2)
    assert code != 0


async def test_time_limit_leaves_nothing_behind():
    word = f"95{uuid.uuid4().int % 10**9}"
    box = Sandbox(memory_mb=1024, processes=512)
    ended = await process.stream(
        box.command(["sh", "-c", f"setsid sleep {word} & setsid sleep {word}"]),
        sink=len,
        limits=Limits(wall=timedelta(seconds=1)),
        env=sandbox.outer_env(),
    )
    assert ended.stopped is Stop.TIME
    assert until(lambda: not alive(word))


WORKER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from workers.adapters import process, sandbox
from workers.adapters.sandbox import Layer, Sandbox

place, word = Path(sys.argv[1]), sys.argv[2]
layers = []
if sys.argv[3] == "layered":
    layers = [Layer(lower=place / "l", upper=place / "u", scratch=place / "s", target="/layer")]
    sandbox.make_folder(place / "l")
    sandbox.prepare_layer(layers[0])
box = Sandbox(memory_mb=1024, processes=512, layers=layers)
command = box.command(["sh", "-c", f"trap '' TERM HUP INT; setsid sleep {word} & sleep {word}"])
limits = process.Limits(wall=timedelta(seconds=60))
asyncio.run(process.stream(command, sink=len, limits=limits, env=sandbox.outer_env()))
"""


@pytest.mark.parametrize("kind", ["plain", "layered"])
def test_a_killed_worker_leaves_no_process(place, kind):
    word = f"94{uuid.uuid4().int % 10**9}"
    worker = subprocess.Popen([sys.executable, "-c", WORKER, str(place), word, kind], cwd=ROOT)
    assert until(lambda: len([line for line in alive(word) if line.startswith("sleep")]) == 2)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    assert until(lambda: not alive(word))


async def test_a_layer_leaves_what_is_below_as_it_was(place):
    layer = Layer(lower=place / "l", upper=place / "u", scratch=place / "s", target="/layer")
    lower = sandbox.make_folder(place / "l")
    binds = [Bind(source=lower, target="/l", writable=True)]
    assert (await inside("mkdir /l/d; echo base >/l/d/a; echo base >/l/b", binds=binds))[0] == 0
    sandbox.prepare_layer(layer)
    code, said = await inside("cd /layer; echo patched >d/a; rm b; echo new >c; cat d/a; ls", layers=[layer])
    assert (code, said.split()) == (0, ["patched", "c", "d"])
    assert await inside("cat /layer/d/a", layers=[layer]) == (0, "patched\n")
    assert {str(path.relative_to(lower)) for path in lower.rglob("*")} == {"d", "d/a", "b"}
    assert (lower / "d" / "a").read_text() == "base\n"
    await sandbox.remove(layer.upper, layer.scratch)
    assert not layer.scratch.exists()


async def test_layers_work_is_found_out_by_doing(place):
    assert await sandbox.layers_work(place) is True
    assert list(place.iterdir()) == []


async def test_remove_does_not_follow_links(place):
    kept = sandbox.make_folder(place / "kept")
    (kept / "file").touch()
    gone = sandbox.make_folder(place / "gone")
    (gone / "link").symlink_to(kept)
    (gone / "closed").mkdir(mode=0)
    await sandbox.remove(gone, place / "never-there")
    assert not gone.exists()
    assert (kept / "file").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root steps down to another user")
async def test_root_without_the_build_user_is_refused(monkeypatch):
    monkeypatch.setattr(sandbox, "BUILD_USER", "no-such-user")
    sandbox.build_user.cache_clear()
    try:
        with pytest.raises(InfrastructureError, match=r"useradd --system .* no-such-user"):
            Sandbox(memory_mb=1, processes=1).command(["true"])
    finally:
        sandbox.build_user.cache_clear()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make folders that another user cannot reach")
async def test_a_folder_that_the_build_user_cannot_reach_is_said(place):
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(InfrastructureError, match=f"cannot reach .* {closed} is closed to others"):
        sandbox.make_folder(closed / "cache")
