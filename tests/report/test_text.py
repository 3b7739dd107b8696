"""What reports say, verdict by verdict."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace

import pytest

from app.domain.outcome import ChangeClass, Verdict
from app.report.facts import BlamedTest, BuildError
from app.report.text import report_text
from tests.report import facts

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", facts.ALL)
def test_a_report_reads_as_approved(name: str, golden: Golden) -> None:
    golden(f"{name}.txt", report_text(facts.ALL[name]))


def test_every_verdict_that_is_mailed_has_a_golden_file() -> None:
    assert {one.verdict for one in facts.ALL.values()} == set(Verdict) - {Verdict.INCONCLUSIVE}


@pytest.mark.parametrize("name", facts.ALL)
def test_lines_outside_logs_have_at_most_72_columns(name: str) -> None:
    text = report_text(facts.ALL[name])

    assert [line for line in text.split("\n") if len(line) > 72 and not line.startswith("    ")] == []
    assert not re.search(r"\n\n\n|[ \t]\n|\t", text)
    assert text.endswith("\n")


def test_what_a_mail_says_first_is_the_verdict() -> None:
    for one in facts.ALL.values():
        text = report_text(one)
        assert " ".join(text.split()).startswith(f"{one.label} ")
        assert str(one.verdict).split()[-1][:7] in text.partition("\n\n")[0]


def test_the_test_to_run_again_can_be_pasted_into_a_shell() -> None:
    hostile = "a/$(reboot) `x` 'y'\nrm -rf"
    names = [hostile, "verifier_sock/sk, or [not]", "log_buf", "bpf_iter/ksym"]
    tests = tuple(
        BlamedTest(suite="test_progs", name=name, cls=ChangeClass.REGRESSION, figures="failed") for name in names
    )

    text = report_text(replace(facts.REGRESSED, tests=tests))

    command = text[text.index("\n  vng ") : text.index("\n  # for each of the others: ")]
    inside = shlex.split(command.replace("\\\n", ""))[-1]
    assert shlex.split(inside) == [
        *("./test_progs", "-a", "a/$(reboot) `x` 'y' rm -rf", "-a", "verifier_sock", "-a", "log_buf;"),
        *("echo", "b", ">/proc/sysrq-trigger"),
    ]


@pytest.mark.parametrize(
    ("file", "command"),
    [
        ("kernel/bpf/verifier.c", "make kernel/bpf/verifier.o"),
        ("tools/lib/bpf/libbpf.c", "make bzImage && make -C tools/testing/selftests/bpf"),
        ("include/linux/bpf.h", "make bzImage"),
        ("../../etc/x.c", "make bzImage"),
        ("/etc/x.c", "make bzImage"),
        ("a b;c.c", "make 'a b;c.o'"),
        (None, "make bzImage"),
    ],
)
def test_the_build_is_repeated_as_narrowly_as_can_be(file: str | None, command: str) -> None:
    error = BuildError(file=file, line=1, message="no", excerpt="no")

    assert f"\n  {command}\n" in report_text(replace(facts.NOT_BUILT, errors=(error,)))


def test_a_report_stays_short_however_much_there_is_to_say() -> None:
    tests = tuple(
        BlamedTest(
            suite="test_progs",
            name=f"suite_{number}/{'n' * 500}",
            cls=ChangeClass.REGRESSION,
            figures="failed 3 of 3",
            message="m" * 5000,
            excerpt="\n".join(f"line {line} {'x' * 1000}" for line in range(1000)),
        )
        for number in range(500)
    )
    many = replace(
        facts.REGRESSED,
        tests=tests,
        sentence="s " * 5000,
        complaints=facts.REGRESSED.complaints * 50,
        tested=replace(facts.TESTED, not_run=tuple(f"t{number}" for number in range(4000))),
    )

    text = report_text(many)

    assert "490 more tests on the page below" in text
    assert "    [984 more lines]\n" in text
    assert "not run    4,000 tests: t0, t1, t2, t3, t4, t5, t6, t7 and 3,992 more" in text
    assert len(text) < 70_000
    assert max(map(len, text.split("\n"))) < 2000


def test_nothing_from_a_guest_steers_a_terminal_or_turns_text_around() -> None:
    evil = "\x1b[2J\x00\x9b31m\u202egnp.exe\ufeff\udc80"
    test = replace(facts.REGRESSED.tests[0], name=f"a{evil}", excerpt=f"b{evil}\rc", figures=evil, message=f"d{evil}")

    text = report_text(replace(facts.REGRESSED, tests=(test,), sentence=f"v3{evil} is not"))

    assert all(one == "\n" or one.isprintable() for one in text)
    text.encode()
