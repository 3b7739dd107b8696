from dataclasses import replace

from app.domain.veristat import Program, compare_programs
from app.report.programs import program_line
from app.report.text import report_text
from tests.report.facts import REGRESSED


def program(name: str, *, accepted: bool = True, states: int = 10, insns: int = 20_000) -> Program:
    return Program(name=name, accepted=accepted, states=states, insns=insns)


BEFORE = [program(name) for name in "abcdefgh"]


def test_who_is_refused_and_who_grew() -> None:
    after = [program("a", accepted=False), program("b", insns=26_200), program("c", states=15), *BEFORE[3:]]
    assert program_line(compare_programs(BEFORE, after)) == (
        "a is refused now; c costs 50% more (10 to 15 states); b costs 31% more (20,000 to 26,200 instructions)"
    )


def test_of_many_the_worst_are_named() -> None:
    after = [*(program(name, accepted=False) for name in "abcd"), *(program(name, insns=30_000) for name in "efgh")]
    line = program_line(compare_programs(BEFORE, after))
    assert line.startswith("a, b, c and 1 more are refused now; e costs 50% more")
    assert line.endswith("; 1 more cost more")


def test_nothing_to_say() -> None:
    assert program_line(compare_programs(BEFORE, [program(name, insns=20_500) for name in "abcdefgh"])) == ""


def test_it_is_a_row_of_the_mail() -> None:
    tested = replace(REGRESSED.tested, programs="a is refused now")
    assert "\nprograms   a is refused now\n" in report_text(replace(REGRESSED, tested=tested))
    assert "programs" not in report_text(REGRESSED)
