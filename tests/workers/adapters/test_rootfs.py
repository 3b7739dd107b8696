import os
import subprocess
import time
from pathlib import Path

import pytest

from app.errors import InfrastructureError
from workers.adapters import rootfs
from workers.adapters.rootfs import INIT, NEEDED, TAP, TAP_IN_GUEST, TEXTS, guest_root

pytestmark = pytest.mark.anyio


def unpack(archive: Path, target: Path) -> Path:
    target.mkdir()
    words = ["cpio", "-i", "-d", "--quiet", "--no-absolute-filenames", "--nonmatching", "dev/console"]
    subprocess.run(words, input=archive.read_bytes(), cwd=target, check=True)
    return target


def needed(program: Path) -> set[str]:
    """The libraries that a program names; none for a script."""
    done = subprocess.run(["objdump", "-p", str(program)], capture_output=True, text=True, check=False)
    return {line.split()[1] for line in done.stdout.splitlines() if "NEEDED" in line}


@pytest.fixture
async def unpacked(tmp_path: Path) -> Path:
    return unpack((await guest_root(tmp_path / "guest")).path, tmp_path / "root")


async def test_every_program_finds_its_libraries_in_there(unpacked):
    programs = sorted((unpacked / "usr" / "bin").iterdir())
    assert {path.name for path in programs} >= set(NEEDED)
    names = {path.name for path in unpacked.rglob("*") if path.is_file()}
    lacking = {program.name: needed(program) - names for program in programs}
    assert {name: libraries for name, libraries in lacking.items() if libraries} == {}
    assert {"libelf.so.1", "libcrypto.so.3", "ld-linux-x86-64.so.2"} <= names


async def test_nothing_of_the_host_but_programs_and_libraries(unpacked):
    paths = {
        str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file() and not path.is_symlink()
    }
    strays = {path for path in paths if not path.startswith(("usr/bin/", "usr/lib"))}
    assert strays == {"init", *TEXTS}
    assert {path: (unpacked / path).read_bytes() for path in TEXTS} == TEXTS
    assert (unpacked / "init").read_bytes() == INIT.read_bytes()


def with_a_namespace(root: Path) -> tuple[str, str]:
    """What is said of the namespaces in a root when one was made there, and what was complained of."""
    script = 'mount -t proc proc "$1/proc" && chroot "$1" ip netns add frob && chroot "$1" ls /var/run/netns'
    words = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--net", "--fork", "sh", "-ec", script, "sh"]
    done = subprocess.run([*words, str(root)], capture_output=True, text=True, check=False)
    return done.stdout, done.stderr


async def test_namespaces_of_the_network_can_be_made_in_there(unpacked):
    assert with_a_namespace(unpacked) == ("frob\n", "")


def test_what_is_read_of_an_iterator_is_shown_where_the_test_prints(tmp_path):
    """The library in a process that does as test_progs does: a stdout of its own, reads of a few bytes each."""
    pinned = tmp_path / "pinned"
    pinned.write_bytes(b"key 1\\ \x01\n" + b"value 22222\n" + b"@@reroll {}")
    source = TAP.read_text()
    assert '#define PINNED "/sys/fs/bpf/"' in source
    (tmp_path / "tap.c").write_text(source.replace("/sys/fs/bpf/", str(tmp_path)))
    (tmp_path / "test.c").write_text(READER)
    for words in (["-shared", "-fPIC", "-o", "tap.so", "tap.c"], ["-o", "test", "test.c"]):
        subprocess.run(["gcc", "-Wall", "-Wextra", "-Werror", *words], cwd=tmp_path, check=True)
    words = [str(tmp_path / "test"), str(pinned)]
    done = subprocess.run(words, env={"LD_PRELOAD": str(tmp_path / "tap.so")}, capture_output=True, check=True)
    assert done.stdout.decode() == (
        f"all that was printed:\nITERATOR OUTPUT: {pinned}\n=============\n"
        "|key 1\\\\ \\x01\n|value 22222\n|@@reroll {}\n=============\nno preload for children\n"
    )


READER = """
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
int main(int count, char **words)
{
	FILE *saved = stdout;
	char buf[7], *log;
	size_t size;
	int fd;

	stdout = open_memstream(&log, &size);
	fd = open(words[count - 1], O_RDONLY);
	/* as bpf_iter.c's read_fd_into_buffer() does where its buffer is full */
	while (read(fd, buf, sizeof(buf)) > 0 && read(fd, buf, 0) == 0)
		;
	close(fd);
	fflush(stdout);
	stdout = saved;
	printf("all that was printed:\\n%s%s", log, getenv("LD_PRELOAD") ? "" : "no preload for children\\n");
	return 0;
}
"""


async def test_the_library_that_taps_iterators_lies_in_there(unpacked):
    assert (unpacked / TAP_IN_GUEST).read_bytes()[:4] == b"\x7fELF"


async def test_same_host_same_digest(tmp_path):
    one, two = await guest_root(tmp_path / "a"), await guest_root(tmp_path / "a")
    assert one == two
    assert one.digest in one.path.name
    assert [path.name for path in (tmp_path / "a").iterdir()] == [one.path.name]


async def test_missing_tool_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(rootfs, "NEEDED", ("sh", "no-such-tool"))
    with pytest.raises(InfrastructureError, match="the guest's root needs no-such-tool"):
        await guest_root(tmp_path)


def test_init_is_shell_that_every_debian_reads():
    subprocess.run(["dash", "-n", str(INIT)], check=True)


@pytest.fixture
def some_roots(tmp_path):
    """Roots of 10 bytes by the days since they were made last, and one that a worker which was killed began."""

    def make(*ages):
        for days in ages:
            path = tmp_path / f"root-{days}.cpio"
            path.write_bytes(bytes(10))
            os.utime(path, (time.time() - days * 86400,) * 2)
        return tmp_path

    return make


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_what_was_not_made_for_a_month_is_cleared(some_roots):
    folder = some_roots(0, 2, 29, 31)
    rootfs._clear(folder, but=folder / "root-0.cpio")
    assert left(folder) == ["root-0.cpio", "root-2.cpio", "root-29.cpio"]


def test_of_too_many_the_longest_unused_go_but_none_of_today(some_roots, monkeypatch):
    monkeypatch.setattr(rootfs, "MOST_BYTES", 35)
    folder = some_roots(0, 2, 3, 4, 5)
    rootfs._clear(folder, but=folder / "root-0.cpio")
    assert left(folder) == ["root-0.cpio", "root-2.cpio", "root-3.cpio"]
    monkeypatch.setattr(rootfs, "MOST_BYTES", 5)
    folder = some_roots(0, 0.5, 2)
    rootfs._clear(folder, but=folder / "root-0.cpio")
    assert left(folder) == ["root-0.5.cpio", "root-0.cpio"]


def test_what_a_killed_worker_left_is_cleared_and_what_one_writes_now_is_not(some_roots):
    folder = some_roots(0)
    for name, age in ((".new-dead", 7200), (".new-live", 60), ("notes", 1e8)):
        (folder / name).write_bytes(b"x")
        os.utime(folder / name, (time.time() - age,) * 2)
    rootfs._clear(folder, but=folder / "root-0.cpio")
    assert left(folder) == [".new-live", "notes", "root-0.cpio"]
