"""The real thing: linux-source-6.12 built and booted, whole and broken in every way that a patch can break it.

Uses the host's cache folder, so that what the demo or an earlier run has built is not built again.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import ProfileSettings, Settings, TreeSettings
from app.domain.guest_stream import GuestStream
from app.errors import BuildFailedError
from tests.workers.adapters.conftest import alive, until
from workers.adapters.git import Trees
from workers.adapters.kbuild import Builder
from workers.adapters.qemu import Machine
from workers.ports import Boot, Checkout, Ending, Image

pytestmark = [pytest.mark.anyio, pytest.mark.kernel]
ROOT = Path(__file__).parents[3]
TREE = TreeSettings(name="linux-6.12", url="debian:linux-source-6.12")
PROFILE = ProfileSettings(core=("bpf_iter", "verifier_log", "log_buf"), silence_timeout=timedelta(seconds=60))
KEY = "oftests"
SELFTESTS = "tools/testing/selftests/bpf"


@asynccontextmanager
async def checkout(settings: Settings) -> AsyncIterator[Checkout]:
    trees = Trees(settings.cache_dir / "trees")
    base = await trees.resolve(TREE, None)
    async with trees.checkout(TREE, base) as held:
        yield held


@pytest.fixture
def host() -> Iterator[Settings]:
    """The settings of this host, for its cache folder; the images that the tests made are gone afterwards."""
    settings = Settings()
    yield settings
    for image in (settings.cache_dir / "images").glob(f"{KEY}*"):
        shutil.rmtree(image)


async def mail_of(held: Checkout, changes: dict[str, tuple[str, str]]) -> bytes:
    """Return a patch that replaces the first of each pair of texts by the second, made by git itself."""
    assert isinstance(held.source, Path)
    git = Trees(held.source.parent).git
    for path, (before, after) in changes.items():
        text = (held.source / path).read_text() if (held.source / path).exists() else ""
        assert before in text
        (held.source / path).write_text(text.replace(before, after, 1) if before else after)
    await git.must("add", "--intent-to-add", "--all", cwd=held.source)
    diff = await git.must("diff", cwd=held.source)
    await held.to(held.base.commit)
    await git.must("clean", "-fdq", cwd=held.source)
    head = "From: A <a@example.org>\nDate: Tue, 14 Nov 2023 22:13:20 +0000\nSubject: [PATCH] change\n\n---\n"
    return head.encode() + diff + b"-- \n2.40\n"


async def built(
    settings: Settings,
    changes: dict[str, tuple[str, str]],
    *,
    log: bytearray | None = None,
    profile: ProfileSettings = PROFILE,
) -> Image:
    async with checkout(settings) as held:
        if changes:
            await held.am([await mail_of(held, changes)])
        sink = (log if log is not None else bytearray()).extend
        key = f"{KEY}{uuid.uuid4().hex}"
        return await Builder(settings.cache_dir).build(held, profile, files=(), key=key, log=sink)


async def lived(settings: Settings, image: Image, *tests: str, **profile: object) -> tuple[Boot, GuestStream, bytes]:
    console, stream, results = bytearray(), GuestStream(), []
    boot = await Machine(settings.cache_dir).run(
        image,
        PROFILE.model_copy(update=profile),
        tests=tests or image.tests,
        console=console.extend,
        results=lambda data: results.extend(stream.feed(data)),
    )
    end = stream.finish()
    stream.found = {one.name: one.outcome.value for one in (*results, *end.results)}
    return boot, stream, bytes(console)


LOG_C = "kernel/bpf/log.c"
IN_LOG_C = "int bpf_vlog_finalize("
KERNEL_INIT = "static int __ref kernel_init(void *unused)\n{"


async def test_base_and_null_revision_give_the_same_results(host):
    base = await built(host, {})
    log = bytearray()
    null = await built(host, {LOG_C: (IN_LOG_C, f"/* nothing */\n{IN_LOG_C}")}, log=log)
    # Incremental: the one file that the patch touches, and what is linked from it.
    compiled = {line.split()[-1] for line in log.decode().splitlines() if line.startswith("  CC  ")}
    assert "kernel/bpf/log.o" in compiled
    assert len([path for path in compiled if not path.startswith("/build/selftests")]) < 20
    seen = []
    for image in (base, null):
        boot, stream, _ = await lived(host, image)
        assert boot.ending is Ending.FINISHED
        assert boot.booted_s is not None
        assert boot.booted_s < boot.wall_s < 240
        assert (stream.ready, stream.done) == (True, True)
        seen.append(stream.found)
    assert len([name for name in seen[0] if name.startswith("bpf_iter/")]) >= 30
    assert {"bpf_iter", "verifier_log", "log_buf"} <= seen[0].keys()
    assert set(seen[0].values()) <= {"pass", "skip"}
    assert seen[0] == seen[1]


async def test_what_the_base_cannot_build_is_left_out_and_said(host):
    """6.12.117 has bpf_attr_size.c without the program whose skeleton it includes."""
    profile = PROFILE.model_copy(update={"core": ("log_buf", "bpf_attr_size", "no_such_test")})
    base = await built(host, {}, profile=profile)
    null = await built(host, {LOG_C: (IN_LOG_C, f"/* nothing */\n{IN_LOG_C}")}, profile=profile)
    for image in (base, null):
        assert image.tests == ("log_buf",)
        assert dict(image.not_built).keys() == {"bpf_attr_size", "no_such_test"}
    boot, stream, _ = await lived(host, null)
    assert (boot.ending, stream.found["log_buf"]) == (Ending.FINISHED, "pass")


async def test_one_subtest_runs_alone(host):
    image = await built(host, {})
    boot, stream, _ = await lived(host, image, "bpf_iter/ksym")
    assert boot.ending is Ending.FINISHED
    assert stream.found == {"bpf_iter": "pass", "bpf_iter/ksym": "pass"}


async def test_compiler_error_is_the_builds_failure_and_poisons_nothing(host):
    log = bytearray()
    broken = f"int broken(void) {{ return no_such_name; }}\n{IN_LOG_C}"
    with pytest.raises(BuildFailedError, match="building the kernel failed"):
        await built(host, {LOG_C: (IN_LOG_C, broken)}, log=log)
    assert b"no_such_name" in log
    assert b"/build/linux/kernel/bpf/log.c:" in log
    assert str(host.cache_dir).encode() not in log
    runs = host.cache_dir / "builds" / "runs"
    assert not [path for path in runs.iterdir() if path.suffix != ".lock" and not path.with_suffix(".lock").exists()]
    await built(host, {})


async def test_test_that_does_not_compile_is_the_builds_failure(host):
    path = f"{SELFTESTS}/prog_tests/log_buf.c"
    with pytest.raises(BuildFailedError, match="building the selftests failed"):
        await built(host, {path: ("void test_log_buf(void)", "this is not C\nvoid test_log_buf(void)")})


async def test_a_patch_finds_no_network_and_nothing_of_the_host(host, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://hunter2")
    log = bytearray()
    spy = (
        "\n$(info SPY uid $(shell id -u) net $(shell grep -c : /proc/net/dev) root $(shell ls -d /root /home /var)"
        " shadow $(shell cat /etc/shadow) source $(shell touch /build/linux/x && echo writable)"
        " ccache $(shell touch /build/ccache/x && echo writable) env $(shell env | grep -c hunter2) END)\n"
    )
    await built(host, {"kernel/bpf/Makefile": ("\n", spy)}, log=log)
    found = next(line for line in log.decode().splitlines() if line.startswith("SPY"))
    assert " ".join(found.split()) == "SPY uid 1000 net 1 root shadow source ccache env 0 END"


async def test_panic_at_boot(host):
    image = await built(host, {"init/main.c": (KERNEL_INIT, f'{KERNEL_INIT}\n\tpanic("reroll was here");')})
    boot, stream, console = await lived(host, image)
    assert (boot.ending, boot.booted_s, stream.ready) == (Ending.PANIC, None, False)
    assert b"Kernel panic - not syncing: reroll was here" in console


async def test_hang_at_boot(host):
    image = await built(host, {"init/main.c": (KERNEL_INIT, f"{KERNEL_INIT}\n\tfor (;;)\n\t\tcpu_relax();")})
    boot, stream, _ = await lived(host, image, boot_timeout=timedelta(seconds=25))
    assert (boot.ending, boot.booted_s, stream.ready) == (Ending.NO_BOOT, None, False)
    assert 24 < boot.wall_s < 40


async def test_hang_in_a_test_is_silence_and_what_ran_before_is_known(host):
    path = f"{SELFTESTS}/prog_tests/verifier_log.c"
    image = await built(
        host, {path: ("void test_verifier_log(void)\n{", "void test_verifier_log(void)\n{\n\tfor (;;)\n\t\t;")}
    )
    boot, stream, _ = await lived(host, image, "log_buf", "verifier_log", silence_timeout=timedelta(seconds=20))
    assert boot.ending is Ending.SILENT
    assert stream.found["log_buf"] == "pass"
    assert stream.done is False


@pytest.mark.parametrize("stage", ["build", "boot"])
async def test_a_killed_worker_leaves_no_process(host, stage):
    script = f"""
import asyncio
from app.config import Settings
from tests.workers.adapters import test_kernel as kernel

async def main():
    host = Settings()
    line = kernel.IN_LOG_C
    changes = {{}} if {stage!r} == "boot" else {{kernel.LOG_C: (line, "/* {uuid.uuid4()} */ " + line)}}
    image = await kernel.built(host, changes)
    await kernel.lived(host, image)

asyncio.run(main())
"""
    before = set(alive("bwrap"))
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", script, cwd=ROOT, stdout=subprocess.DEVNULL)
    word = "qemu-system-x86_64 -machine" if stage == "boot" else "make -C /build/linux"
    assert await asyncio.to_thread(until, lambda: [one for one in alive(word) if one.startswith(word)], within_s=300)
    await asyncio.sleep(1)
    os.kill(worker.pid, signal.SIGKILL)
    await worker.wait()
    assert await asyncio.to_thread(until, lambda: not [one for one in alive(word) if one.startswith(word)])
    assert await asyncio.to_thread(until, lambda: set(alive("bwrap")) <= before)
