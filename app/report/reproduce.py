"""How to see a failing test again on one's own machine: from the mail on the archive to the test in a guest.

The same steps as one line of shell, as one command over several lines (for a mail), and as a script with comments. All
is done in a folder of its own beside the reader's clone, which stays as it is. Everything that comes from a mail or
from a guest is quoted.
"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.prerequisite import AppliedFirst
from app.report.layout import one_line

MAX_FIRST = 8
MAX_MAILED = 3
WIDTH = 64
TEST_PROGS, VERISTAT = "test_progs", "veristat"
LORE = "https://lore.kernel.org/"
NOT_NARROWED = frozenset({"core_reloc", "core_reloc_btfgen", "btf_split"})
"""Tests whose file does not name all that it needs: names of programs pasted together, functions of another file."""

# test_progs reads these in the argument of -a as patterns, or as the end of a name.
_PATTERN = frozenset("*?[],")
_NUMBERED = re.compile(r" #\d+$")
_SHELL_WORD = re.compile(r"""(?:[^\s'"]|'[^']*'|"[^"]*")+""")
_FUNCTION = re.compile(r"[A-Za-z0-9_]{1,120}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """What one run was made of. `root_id` (no brackets) is "" for a baseline; `version` is that of the subject.

    The tree is got from `tree_url` with git, from there `tree_ref`; or from `package`, Debian's source of a kernel; or
    the reader's clone has it, where both are "". `archive` is the URL of an inbox, `url` that of the run's page.
    """

    run_id: int
    root_id: str
    version: int
    archive: str
    tree_url: str = ""
    tree_ref: str = ""
    package: str = ""
    base_commit: str
    first: tuple[AppliedFirst, ...] = ()
    config_url: str
    cpus: int
    memory_mb: int
    toolchain: str = ""
    url: str = ""

    @property
    def place(self) -> str:
        """The folder that all is done in, beside the reader's clone."""
        return f"../reroll-{self.run_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Commands, each to be run only when the one before went well, and what they are for."""

    purpose: str
    commands: tuple[str, ...]


def chosen(name: str) -> str:
    """Return the argument of test_progs' -a that runs a test; all subtests where the name would be a pattern.

    So it is where the name ends in a number that we gave to the second of one name.
    """
    whole, _, sub = name.partition("/")
    return whole if not sub or _PATTERN.intersection(sub) or _NUMBERED.search(sub) else name


def steps(recipe: Recipe, suite: str, tests: Sequence[str]) -> tuple[Step, ...]:
    """Return the steps that show some tests of a suite again: all for test_progs and its flavours and for veristat.

    The others cannot be told to run a part.
    """
    return (
        _tree(recipe),
        *_patches(recipe),
        _kernel(recipe),
        *_selftests(suite, tests),
        _boot(recipe, suite, tests),
    )


def line(recipe: Recipe, suite: str, tests: Sequence[str]) -> str:
    """Return all steps as one line."""
    return " && ".join(_commands(recipe, suite, tests))


def pasted(recipe: Recipe, suite: str, tests: Sequence[str]) -> tuple[str, ...]:
    """Return all steps as the lines of one command, which fit a mail but for words that are longer than that."""
    *first, last = (_wrapped(command) for command in _commands(recipe, suite, tests))
    joined = [each for lines in first for each in (*lines[:-1], f"{lines[-1]} && \\")]
    return (*joined, *last)


def _wrapped(command: str) -> list[str]:
    """Break a command at blanks that are in no quotes; what is before a break ends in a backslash."""
    lines = [""]
    for word in _SHELL_WORD.findall(command):
        if lines[-1].strip() and len(lines[-1]) + len(word) > WIDTH:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {word}" if lines[-1] else word
    return lines


def mailed(recipe: Recipe, tests: Sequence[tuple[str, str]]) -> list[str]:
    """Return the lines of a mail that show the first of some tests (suite, name) again, and where the others are.

    Where there is none, because the kernel complained in no test, all of test_progs is run.
    """
    suite = tests[0][0] if tests else TEST_PROGS
    shown = [name for its_suite, name in tests if its_suite == suite][:MAX_MAILED]
    others = [f"# for each of the others: {recipe.url}"] if len(tests) > len(shown) else []
    return [*pasted(recipe, suite, shown), *others]


def _commands(recipe: Recipe, suite: str, tests: Sequence[str]) -> list[str]:
    return [command for step in steps(recipe, suite, tests) for command in step.commands]


def script(recipe: Recipe, suite: str, tests: Sequence[str]) -> str:
    """Return all steps as a shell script that says what it does."""
    what = ", ".join(one_line(test, 200) for test in tests)
    place = recipe.place
    away = f"rm -rf {place}" if recipe.package else f"git worktree remove --force {place}/linux && rm -r {place}"
    about = [
        f"Run {what} of {one_line(suite, 100)} again, as in run {recipe.run_id} of Reroll.",
        "Start it in a clone of the kernel, which stays as it is; what is made in a folder beside it goes away with",
        f"    {away}",
        "It takes b4, vng (virtme-ng), curl, and what builds a kernel and its BPF selftests.",
        *([f"It was built with {one_line(recipe.toolchain, 300)}."] if recipe.toolchain else []),
        *([f"See {recipe.url}"] if recipe.url else []),
    ]
    parts = ["#!/bin/sh", *(f"# {text}" for text in about), "set -eu", "export LC_ALL=C"]
    for step in steps(recipe, suite, tests):
        parts += ["", f"# {step.purpose}.", *step.commands]
    return "\n".join(parts) + "\n"


def _tree(recipe: Recipe) -> Step:
    place = shlex.quote(f"{recipe.place}/linux")
    enter = (f"cd {place}", "D=${PWD%/*}")
    if recipe.package:
        source = shlex.quote(f"/usr/src/{one_line(recipe.package, 100)}.tar.xz")
        unpack = (f"mkdir -p {place}", f"tar -xf {source} -C {place} --strip-components=1", f"git init -q {place}")
        return Step(purpose=f"The tree: Debian's package {one_line(recipe.package, 100)}", commands=(*unpack, *enter))
    fetch = [f"git fetch -q {_quoted(recipe.tree_url)} {_quoted(recipe.tree_ref)}"] if recipe.tree_url else []
    add = f"git worktree add -q --detach {place} {_quoted(recipe.base_commit)}"
    return Step(purpose="The tree at the base commit", commands=(*fetch, add, *enter))


def _patches(recipe: Recipe) -> list[Step]:
    found = []
    for one in [one for one in recipe.first if one.applied and one.message_ids][:MAX_FIRST]:
        applying = tuple(_apply(recipe, each, alone=one.alone) for each in one.message_ids[:MAX_FIRST])
        found.append(Step(purpose=f"What the series needs: {one_line(one.called, 300)}", commands=applying))
    if recipe.root_id:
        own = _apply(recipe, recipe.root_id, version=recipe.version)
        found.append(Step(purpose="The series, by its Message-ID", commands=(own,)))
    return found


def _apply(recipe: Recipe, message_id: str, *, alone: bool = False, version: int | None = None) -> str:
    """Return what applies mails; b4 takes one patch of a series with `-P _`."""
    archive = "" if recipe.archive.startswith(LORE) else f"-c {_quoted(f'b4.midmask={recipe.archive}/%s')} "
    wanted = ("-P _ " if alone else "") + (f"-v {version} " if version is not None else "")
    taken = "git apply" if recipe.package else "git am -q --3way"
    return f"b4 -q {archive}am {wanted}-o- {_quoted(message_id)} | {taken}"


def _kernel(recipe: Recipe) -> Step:
    config = [f"curl -fsSo $D/out/.config {_quoted(recipe.config_url)}"] if recipe.config_url else []
    build = 'make -sj"$(nproc)" O=$D/out olddefconfig bzImage modules'
    return Step(
        purpose="Configure and build the kernel as it was built",
        commands=("mkdir -p $D/out $D/selftests", *config, build),
    )


def _selftests(suite: str, tests: Sequence[str]) -> list[Step]:
    targets = [suite, *(_program(test) for test in tests if suite == VERISTAT)]
    made = " ".join(f"$D/selftests/{_quoted(target)}" for target in dict.fromkeys(targets))
    options = "O=$D/out OUTPUT=$D/selftests VMLINUX_BTF=$D/out/vmlinux SKIP_DOCS=1"
    enter, build = "cd tools/testing/selftests/bpf", f'make -sj"$(nproc)" {options} {made}'
    tops = list(dict.fromkeys(test.partition("/")[0] for test in tests))
    known = tops and all(map(_FUNCTION.fullmatch, tops)) and not NOT_NARROWED & {*tops}
    if not suite.startswith(TEST_PROGS) or not known:
        return [Step(purpose="Build the selftests", commands=(enter, build))]
    # What the Makefile makes in any case stays: light and linked skeletons, and what resolve_btfids reads.
    narrow = (
        enter,
        f"F=$(grep -lE '^void (serial_)?test_({'|'.join(tops)})\\(' prog_tests/*.c)",
        'rm $(ls prog_tests/*.c | grep -vxF "$F")',
        r"sed -nE ':a;/\\$/{N;s/\\\n//;ba};/SKELS.*=|deps.*o .*o|btf_data/p' Makefile >$D/always",
        'for p in progs/*.c; do n=${p##*/}; grep -qw "${n%.c}" $F $D/always || rm $p; done',
    )
    return [
        Step(purpose="Leave of the selftests only the test, and the programs that it names", commands=narrow),
        Step(purpose="Build what is left", commands=(build,)),
    ]


def _boot(recipe: Recipe, suite: str, tests: Sequence[str]) -> Step:
    """Return what boots the kernel and runs the tests.

    9p, no microvm and the root's name, for the kernel may have neither virtiofs, ACPI nor block devices; without ACPI
    it does not switch itself off either, and QEMU exits when it is reset.
    """
    arguments: list[str] = []
    if suite.startswith(TEST_PROGS):
        arguments = [f" -a {_quoted(each)}" for each in dict.fromkeys(map(chosen, tests))]
    elif suite == VERISTAT:
        arguments = [f" {_quoted(each)}" for each in dict.fromkeys(map(_program, tests))]
    inside = f"./{_quoted(suite)}{''.join(arguments)}; echo b >/proc/sysrq-trigger"
    machine = f"--cpus {recipe.cpus} -m {recipe.memory_mb}M"
    options = f"-v --force-9p --disable-microvm -a root=/dev/root --user root {machine}"
    boot = f"vng {options} -r $D/out/arch/x86/boot/bzImage -- {shlex.quote(inside)}"
    return Step(
        purpose="Boot it, with the files of this host to read, and run the test", commands=("cd $D/selftests", boot)
    )


def _program(test: str) -> str:
    """Return the object file of veristat's `object/program`."""
    return test.partition("/")[0]


def _quoted(word: str) -> str:
    return shlex.quote(one_line(word, 1000))
