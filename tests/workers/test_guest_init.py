"""The part of the guest's init that runs suites, under the same shell, with programs that say how they were called."""

import subprocess
from pathlib import Path

import pytest

from app.domain.guest_stream import GuestStream
from workers.adapters.qemu import plan_files
from workers.adapters.rootfs import INIT

PROGRAM = """#!/bin/sh
[ "$1" = --help ] && { echo "$HELP"; exit 0; }
list=
for word; do case $word in @*) list=$(cat "${word#@}" | tr '\\n' ' ');; esac; done
echo "$(basename "$0"): $* [$list]" | sed "s:$PLACE::g"
cat >/dev/null <&0
exit ${CODE:-0}
"""


@pytest.fixture
def guest(tmp_path):
    """Run what comes after the mounts, in a folder that stands for the guest's root; return what the port got."""
    (tmp_path / "selftests").mkdir()
    (tmp_path / "reroll").mkdir()
    for name in ("test_progs", "test_progs-no_alu32", "test_verifier", "veristat"):
        (tmp_path / "selftests" / name).write_text(PROGRAM)
        (tmp_path / "selftests" / name).chmod(0o755)
    text = INIT.read_text()
    body = text[text.index("# A newline first") : text.index("# kmemleak")]
    for place in ("/reroll/", "/selftests"):
        body = body.replace(place, f"{tmp_path}{place}")

    def run(tests: list[str], *, verbose: bool = False, **env: str) -> str:
        files = {**plan_files(tests), "watchdog": b"110\n"} | ({"verbose": b""} if verbose else {})
        for name, data in files.items():
            (tmp_path / "reroll" / name).write_bytes(data.replace(b"/reroll/", f"{tmp_path}/reroll/".encode()))
        port = tmp_path / "port"
        script = f'exec 3>{port}\n{body}\nsay \'{{"event":"done"}}\'\n'
        words = {"PATH": "/usr/bin:/bin", "PLACE": f"{tmp_path}/reroll/", "HELP": "", **env}
        subprocess.run(["sh", "-c", script], env=words, stdin=subprocess.DEVNULL, check=True, timeout=60)
        return port.read_text()

    return run


def said(port: str) -> list[str]:
    return [line for line in port.splitlines() if line]


def test_each_invocation_is_framed_and_has_its_own_tests(guest):
    port = guest(["a", "b", "test_verifier:*", "aa", "test_progs-no_alu32:a"], CODE="3")
    assert said(port) == [
        '@@reroll {"event":"ready"}',
        '@@reroll {"event":"begin","suite":"test_progs"}',
        "test_progs: -a @0 [a b ]",
        '@@reroll {"event":"end","suite":"test_progs","exit":3}',
        '@@reroll {"event":"begin","suite":"test_verifier"}',
        "test_verifier:  []",
        '@@reroll {"event":"end","suite":"test_verifier","exit":3}',
        '@@reroll {"event":"begin","suite":"test_progs"}',
        "test_progs: -a @2 [aa ]",
        '@@reroll {"event":"end","suite":"test_progs","exit":3}',
        '@@reroll {"event":"begin","suite":"test_progs-no_alu32"}',
        "test_progs-no_alu32: -a @3 [a ]",
        '@@reroll {"event":"end","suite":"test_progs-no_alu32","exit":3}',
        '@@reroll {"event":"done"}',
    ]


def test_a_tree_that_has_a_watchdog_gets_ours_and_confirming_boots_show_all(guest):
    port = guest(["a"], verbose=True, HELP="  -w, --watchdog-timeout=SECONDS")
    assert "test_progs: -w 110 -v -a @0 [a ]" in port


def test_veristat_has_a_file_at_a_time_and_a_file_that_it_cannot_open_cuts_nothing_short(guest, tmp_path):
    for name in ("loop1", "loop2", "pyperf50", "other"):
        (tmp_path / "selftests" / f"{name}.bpf.o").touch()
    port = guest(["veristat:loop1.bpf.o", "veristat:other.bpf.o"], CODE="1")
    stream = GuestStream()
    stream.feed(port.encode())
    assert [(one.suite, one.ended, one.exit_code) for one in stream.finish().invoked] == [("veristat", True, 0)]
    assert [line.split()[-2] for line in said(port) if line.startswith("veristat:")] == ["loop1.bpf.o", "other.bpf.o"]


def test_all_of_veristat_is_what_the_tree_watches_or_all_that_there_is(guest, tmp_path):
    folder: Path = tmp_path / "selftests"
    for name in ("loop1", "loop2", "pyperf50", "other"):
        (folder / f"{name}.bpf.o").touch()
    (folder / "veristat.cfg").write_text("# globs\nloop*\npyperf50\nnothing*\n")
    watched = [line.split()[-2] for line in said(guest(["veristat:*"])) if line.startswith("veristat:")]
    assert watched == ["loop1.bpf.o", "loop2.bpf.o", "pyperf50.bpf.o"]
    (folder / "veristat.cfg").unlink()
    assert len([line for line in said(guest(["veristat:*"])) if line.startswith("veristat:")]) == 4
