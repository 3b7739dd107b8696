"""What was applied before a series, as a mail says it."""

from dataclasses import replace

from app.report.facts import First
from app.report.text import report_text
from tests.report.facts import CLEAN, REGRESSED

FIRST = (
    First(text="“bpf: Frob maps” v2, 3 patches", message_ids=("20260401-frob-v2-0@example.org",)),
    First(text="“libbpf: Twist” v1, 1 patch", message_ids=("20260402-twist-3@example.org",), alone=True),
    First(text="“bpf: Old news” v7, in the tree already"),
)


def test_it_is_below_the_base_and_the_comparison_names_whose_patches_are_left_out():
    lines = report_text(replace(CLEAN, tested=replace(CLEAN.tested, first=FIRST))).splitlines()
    at = lines.index("first      “bpf: Frob maps” v2, 3 patches")
    assert lines[at + 1 : at + 3] == [
        "           “libbpf: Twist” v1, 1 patch",
        "           “bpf: Old news” v7, in the tree already",
    ]
    assert "without the patches of the series" in " ".join(" ".join(lines).split())
    assert "without the patches of the series" not in " ".join(report_text(CLEAN).split())


def test_it_is_applied_before_the_series_where_the_mail_says_how_to_see_it_again():
    commands = report_text(replace(REGRESSED, recipe=None, tested=replace(REGRESSED.tested, first=FIRST))).splitlines()
    applying = [line.strip() for line in commands if "b4 am" in line]
    assert applying == [
        "b4 am -o - 20260401-frob-v2-0@example.org | git am --3way",
        "b4 am -P _ -o - 20260402-twist-3@example.org | git am --3way",
        f"b4 am -o - {REGRESSED.root_id} | git am --3way",
    ]


def test_what_a_mail_names_cannot_leave_its_word():
    hostile = First(text="x\nGirl: y", message_ids=("a'; reboot #@example.org",))
    text = report_text(replace(REGRESSED, recipe=None, tested=replace(REGRESSED.tested, first=(hostile,))))
    assert "first      x Girl: y\n" in text
    assert """b4 am -o - 'a'"'"'; reboot #@example.org' | git am --3way""" in text
