"""What a mail says of each patch on its own."""

from dataclasses import replace

from app.report.patches import FoundOfPatch, PatchFacts, WarningOfPatch, patches_text
from app.report.text import report_text
from tests.report.facts import CLEAN

FOUND = FoundOfPatch(
    position=3,
    sentence="Patch 3 (bpf: Count dropped samples) does not build on its own; patch 5 mends it: "
    "kernel/bpf/ringcount.c:48: implicit declaration of function 'ringcount_lost'",
    excerpt="kernel/bpf/ringcount.c:48:9: error: implicit declaration of function 'ringcount_lost'\n"
    "   48 |         ringcount_lost(map);\n      |         ^~~~~~~~~~~~~~",
)
FACTS = PatchFacts(
    built=6,
    failed=1,
    untouched=1,
    tested=5,
    findings=(FOUND,),
    warnings=(
        WarningOfPatch(position=2, text="kernel/bpf/ringcount.c:12: unused variable 'cpu' [-Wunused-variable]"),
        WarningOfPatch(position=7, text="tools/lib/bpf/ringcount.c:3: unused function 'lost'"),
    ),
    remarks=4,
    remarked=(1, 2, 4),
    missing=("Max Maintainer <max@example.org>", "bpf@vger.example.org"),
)
EXPECTED = """\
Patch by patch
--------------
Patch 3 (bpf: Count dropped samples) does not build on its own; patch 5
mends it: kernel/bpf/ringcount.c:48: implicit declaration of function
'ringcount_lost'.

    kernel/bpf/ringcount.c:48:9: error: implicit declaration of function 'ringcount_lost'
       48 |         ringcount_lost(map);
          |         ^~~~~~~~~~~~~~

2 new warnings of the build, which the base does not have:

    patch 2: kernel/bpf/ringcount.c:12: unused variable 'cpu' [-Wunused-variable]
    patch 7: tools/lib/bpf/ringcount.c:3: unused function 'lost'

builds     6 of 7 patches, 1 more touch nothing that is built; 5 of them
           booted and tested
advice     checkpatch has 4 remarks on patches 1, 2, 4; get_maintainer
           names, and the mails did not go to: Max Maintainer
           <max@example.org>, bpf@vger.example.org"""


def test_everything_that_was_found():
    assert patches_text(FACTS, "") == EXPECTED


def test_what_the_verdict_says_already_is_not_said_again():
    said = patches_text(FACTS, f"v3 does not build patch by patch. {FOUND.sentence}.")
    assert "mends it" not in said
    assert said.startswith("Patch by patch\n--------------\nPatch 3:\n\n    kernel/bpf/ringcount.c:48:9: error")
    assert "ringcount_lost(map);" in said


def test_that_all_builds_is_one_row():
    assert patches_text(PatchFacts(built=8, tested=7), "") == (
        "Patch by patch\n--------------\nbuilds     all 8 patches on their own; 7 of them booted and tested"
    )


def test_a_series_of_one_patch_has_nothing_to_say():
    assert patches_text(PatchFacts(built=1), "") == ""
    assert patches_text(None, "") == ""


def test_that_it_could_not_be_tried_is_said_to_be_ours():
    said = patches_text(PatchFacts(built=2, trouble="the disk is full"), "")
    assert "Trouble of ours: each patch on its own was not tried: the disk is full" in " ".join(said.split())
    assert "builds" not in said


def test_many_whom_no_mail_went_to_are_counted():
    many = tuple(f"Max {number} <max{number}@example.org>" for number in range(14))
    assert patches_text(PatchFacts(built=1, missing=many), "").endswith(
        "advice     get_maintainer names 14 addresses that the mails did not go\n           to"
    )


def test_many_warnings_are_counted():
    many = tuple(WarningOfPatch(position=1, text=f"a.c:{number}: w") for number in range(9))
    assert "    [4 more warnings]" in patches_text(PatchFacts(built=1, warnings=many), "")


def test_the_section_stands_before_what_was_tested_and_a_line_apart():
    body = report_text(replace(CLEAN, patches=FACTS))
    assert f"\n\n{EXPECTED}\n\n" in body
    assert body.index("Patch by patch") < body.index("Tested\n------")


def test_nothing_of_it_can_break_the_mail():
    hostile = WarningOfPatch(position=1, text="a.c:1: \x1b[31m\u202e" + "x" * 5000 + "\n.\nFrom: me")
    body = report_text(replace(CLEAN, patches=PatchFacts(built=1, warnings=(hostile,))))
    assert "\x1b" not in body
    assert "\n.\n" not in body
    assert "\u202e" not in body
