"""The steps that show a failing test again: in a shell they are what they look like, whatever the names hold."""

import shlex
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from app.domain.prerequisite import AppliedFirst
from app.report import reproduce
from app.report.reproduce import Recipe

RECIPE = Recipe(
    run_id=812,
    root_id="20260326-ringcount-v3-0@example.org",
    version=3,
    archive="https://lore.kernel.org/all",
    tree_url="https://git.example.org/linux/bpf-next.git",
    tree_ref="refs/heads/master",
    base_commit="1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
    config_url="https://reroll.example.org/api/v1/steps/4021/logs/config",
    cpus=2,
    memory_mb=2048,
    toolchain="gcc 12.2.0, clang 19.1.4",
    url="https://reroll.example.org/runs/812",
)
TEST = "bpf_iter/bpf_percpu_array_map"
EVIL = "a'; touch EVIL; $(touch EVIL) `touch EVIL` \n touch EVIL \x1b[2J && touch EVIL"


def line(recipe: Recipe = RECIPE, suite: str = "test_progs", tests: tuple[str, ...] = (TEST,)) -> str:
    return reproduce.line(recipe, suite, tests)


def test_from_the_mail_to_the_test_in_one_line() -> None:
    text = line()
    assert "\n" not in text
    for part in (
        "git fetch -q https://git.example.org/linux/bpf-next.git refs/heads/master",
        "git worktree add -q --detach ../reroll-812/linux 1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d",
        "b4 -q am -v 3 -o- 20260326-ringcount-v3-0@example.org | git am -q --3way",
        "curl -fsSo $D/out/.config https://reroll.example.org/api/v1/steps/4021/logs/config",
        'make -sj"$(nproc)" O=$D/out olddefconfig bzImage modules',
        "vng -v",
    ):
        assert f" && {part}" in f" && {text}", part
    assert text.endswith("-- './test_progs -a bpf_iter/bpf_percpu_array_map; echo b >/proc/sysrq-trigger'")
    assert len(text) < 1200


def test_script_line_and_pasted_command_are_the_same_steps() -> None:
    commands = line().split(" && ")
    script = reproduce.script(RECIPE, "test_progs", [TEST])
    assert [each for each in script.splitlines() if each and not each.startswith("#")] == [
        "set -eu", "export LC_ALL=C", *commands,
    ]  # fmt: skip
    pasted = reproduce.pasted(RECIPE, "test_progs", [TEST])
    assert " ".join(" ".join(pasted).replace("\\ ", " ").split()) == line()
    assert all(len(each) <= 70 for each in pasted if len(each.split()) > 2 and "'" not in each)
    assert subprocess.run(["sh", "-n"], input=script, text=True, check=False).returncode == 0
    assert "# It was built with gcc 12.2.0, clang 19.1.4." in script


def test_another_archive_than_lore_is_told_to_b4() -> None:
    text = line(replace(RECIPE, archive="https://inbox.example.org/bpf"))
    assert "b4 -q -c b4.midmask=https://inbox.example.org/bpf/%s am -v 3" in text


def test_what_the_series_needs_comes_first() -> None:
    needed = AppliedFirst(named="message-id x@example.org", called="bpf: Rings (v2)", root_id="x@example.org",
                          patches=2, applied=2, message_ids=("x@example.org",))  # fmt: skip
    alone = AppliedFirst(named="patch-id 123", called="bpf: One", root_id="", patches=1, applied=1,
                         message_ids=("y@example.org",))  # fmt: skip
    absent = replace(needed, applied=0, problem="could not be had")
    text = line(replace(RECIPE, first=(needed, alone, absent)))
    first, second, own = [text.index(f"{one}@example.org |") for one in ("x", "y", "v3-0")]
    assert first < second < own
    assert "b4 -q am -P _ -o- y@example.org | git am" in text
    assert text.count("x@example.org") == 1


def test_a_baseline_has_no_patches() -> None:
    assert "b4 -q" not in line(replace(RECIPE, root_id="", version=0))


def test_a_tree_that_nobody_else_can_fetch_is_taken_from_the_readers_clone() -> None:
    assert line(replace(RECIPE, tree_url="", tree_ref="")).startswith("git worktree add")


def test_debians_source() -> None:
    text = line(replace(RECIPE, package="linux-source-6.12", tree_url=""))
    assert "tar -xf /usr/src/linux-source-6.12.tar.xz -C ../reroll-812/linux --strip-components=1" in text
    assert "| git apply && " in text
    assert "rm -rf ../reroll-812\n" in reproduce.script(
        replace(RECIPE, package="linux-source-6.12"), "test_progs", [TEST]
    )


@pytest.mark.parametrize(
    ("suite", "test", "command"),
    [
        ("test_progs", "bpf_iter", "./test_progs -a bpf_iter;"),
        ("test_progs", "verifier_x/a, b", "./test_progs -a verifier_x;"),
        ("test_progs", "verifier_x/[a]*", "./test_progs -a verifier_x;"),
        ("test_progs", "verifier_x/same name #2", "./test_progs -a verifier_x;"),
        ("test_progs-no_alu32", "bpf_iter/ksym", "./test_progs-no_alu32 -a bpf_iter/ksym;"),
        ("test_verifier", "add+sub+mul", "./test_verifier;"),
        ("test_maps", "test_htab", "./test_maps;"),
        ("veristat", "bpf_iter_ksym.bpf.o/dump_ksym", "./veristat bpf_iter_ksym.bpf.o;"),
    ],
)
def test_each_suite_is_told_what_it_can_be_told(suite: str, test: str, command: str) -> None:
    text = line(suite=suite, tests=(test,))
    assert command in text
    assert f" $D/selftests/{suite}" in text
    assert ("grep -lE" in text) is suite.startswith("test_progs")


def test_several_tests_are_built_and_run_at_once() -> None:
    text = line(tests=("bpf_iter/ksym", "log_buf", "bpf_iter/task", "bpf_iter/ksym"))
    assert "test_(bpf_iter|log_buf)" in text
    assert "./test_progs -a bpf_iter/ksym -a log_buf -a bpf_iter/task;" in text


def test_what_does_not_name_all_that_it_needs_is_built_with_all_the_others() -> None:
    assert "rm " not in line(tests=("core_reloc/flavors",))


def test_no_name_of_a_mail_or_a_guest_is_a_command(tmp_path: Path) -> None:
    """Every program is a stub that fails unless its arguments are what they should be; nothing else is run."""
    recipe = replace(RECIPE, root_id=EVIL, archive=f"https://{EVIL}", base_commit=EVIL, tree_ref=EVIL, toolchain=EVIL)
    stubs = tmp_path / "bin"
    stubs.mkdir()
    for name in ("git", "b4", "curl", "make", "vng", "nproc"):
        stub = stubs / name
        stub.write_text(f'#!/bin/sh\necho {name} "$@" >>{tmp_path}/called\n[ {name} = git ] || true\n')
        stub.chmod(0o755)
    bpf = tmp_path / "reroll-812" / "linux" / "tools" / "testing" / "selftests" / "bpf"
    (bpf / "prog_tests").mkdir(parents=True)
    (bpf / "progs").mkdir()
    clone = tmp_path / "clone"
    clone.mkdir()
    for text in (
        line(recipe, tests=(f"bpf_iter/{EVIL}",)),
        line(recipe, suite=f"x{EVIL}", tests=(EVIL,)),
        reproduce.script(recipe, f"x{EVIL}", [EVIL]),
        "\n".join(reproduce.pasted(recipe, "veristat", [EVIL])),
    ):
        (bpf / "Makefile").write_text("")
        (bpf / "prog_tests" / "bpf_iter.c").write_text("void test_bpf_iter(void)\n")
        (bpf / "prog_tests" / "other.c").write_text("void test_other(void)\n")
        (bpf / "progs" / "unused.c").write_text("")
        subprocess.run(
            ["rm", "-rf", tmp_path / "reroll-812" / "out", tmp_path / "reroll-812" / "selftests"], check=True
        )
        done = subprocess.run(
            ["sh", "-c", text], cwd=clone, env={"PATH": f"{stubs}:/usr/bin:/bin"}, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        words = shlex.split(text, comments=True)
        assert "touch" not in words
    assert list(tmp_path.rglob("EVIL")) == []
    assert (tmp_path / "called").read_text().count("vng") == 4


def test_only_what_the_test_names_is_left(tmp_path: Path) -> None:
    """The narrowing itself, on a small tree of selftests."""
    texts = {
        "Makefile": "LSKELS := atomics.c \\\n\ttrace.c\nlinked.skel.h-deps := linked1.bpf.o linked2.bpf.o\n"
        "x.c-CFLAGS := y\n",
        "prog_tests/iter.c": '#include "iter_ksym.skel.h"\n#include "iter_task.lskel.h"\n'
        'static char *late = "./late.bpf.o";\nvoid test_iter(void)\n{\n}\n',
        "prog_tests/iter_more.c": '#include "more.skel.h"\nvoid serial_test_iter_more(void)\n{\n}\n',
        **{
            f"progs/{name}.c": ""
            for name in ("iter_ksym", "iter_task", "late", "more", "atomics", "trace", "linked1", "iter", "x")
        },
        "progs/shared.h": "",
    }
    for name, text in texts.items():
        path = tmp_path / "tools" / "testing" / "selftests" / "bpf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    narrow = next(step for step in reproduce.steps(RECIPE, "test_progs", ["iter/ksym"]) if "Leave" in step.purpose)
    script = "\n".join([f"D={tmp_path}", *narrow.commands])
    subprocess.run(["sh", "-euc", script], cwd=tmp_path, check=True)
    left = {str(path.relative_to(tmp_path / "tools/testing/selftests/bpf")) for path in tmp_path.rglob("*.[ch]")}
    assert left == {
        "prog_tests/iter.c", "progs/iter_ksym.c", "progs/iter_task.c", "progs/late.c", "progs/atomics.c",
        "progs/trace.c", "progs/linked1.c", "progs/shared.h",
    }  # fmt: skip


def test_a_mail_shows_the_first_three_of_a_suite_and_says_where_the_others_are() -> None:
    many = [("test_progs", f"bpf_iter/{number}") for number in range(4)]
    lines = reproduce.mailed(RECIPE, [*many[:2], ("veristat", "x.bpf.o/y"), *many[2:]])
    assert "./test_progs -a bpf_iter/0 -a bpf_iter/1 -a bpf_iter/2;" in lines[-2]
    assert lines[-1] == "# for each of the others: https://reroll.example.org/runs/812"
    assert all(each.endswith(" \\") for each in lines[:-2])


def test_a_kernel_that_complains_in_no_test_is_tried_with_all_of_them() -> None:
    *_, last = reproduce.mailed(RECIPE, [])
    assert last.strip() == "'./test_progs; echo b >/proc/sysrq-trigger'"
