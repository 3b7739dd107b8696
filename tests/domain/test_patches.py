"""What a patch makes necessary to build, findings in words, and what they make of a verdict."""

import json
from dataclasses import asdict

import pytest

from app.domain.outcome import Verdict
from app.domain.patches import Finding, FindingKind, Part, Said, finding_of, parts_of, with_patches

KERNEL, TESTS = Part.KERNEL, Part.SELFTESTS
BUILD = Finding(
    kind=FindingKind.BUILD, position=3, title="bpf: Frob", earliest=3, until=5, place="kernel/bpf/core.c:10: no such"
)
FIRST_BAD = Finding(
    kind=FindingKind.FIRST_BAD, position=4, title="bpf: Break", earliest=4, tests=("bpf_iter/ksym", "log_buf")
)
PASSING = Finding(kind=FindingKind.TESTS, position=3, title="bpf: Half", earliest=3, until=6, tests=("verifier_log/a",))
CLEAN = Said(verdict=Verdict.CLEAN, sentence="v3 is clean. 40 tests are as on the base.")


@pytest.mark.parametrize(
    ("paths", "parts"),
    [
        (["kernel/bpf/core.c"], (KERNEL,)),
        (["include/linux/bpf.h", "Documentation/bpf/x.rst"], (KERNEL,)),
        (["Documentation/bpf/x.rst", "MAINTAINERS"], ()),
        (["Documentation/netlink/specs/x.yaml"], ()),
        (["tools/testing/selftests/bpf/prog_tests/x.c"], (TESTS,)),
        (["tools/testing/selftests/bpf/README.rst"], ()),
        (["tools/testing/selftests/net/x.c"], ()),
        (["tools/lib/bpf/libbpf.c"], (KERNEL, TESTS)),
        (["tools/bpf/bpftool/prog.c"], (TESTS,)),
        (["include/uapi/linux/bpf.h"], (KERNEL, TESTS)),
        (["kernel/bpf/core.c", "tools/testing/selftests/bpf/progs/x.c"], (KERNEL, TESTS)),
        (["kernel/bpf/Kconfig"], (KERNEL,)),
        ([], ()),
    ],
)
def test_what_is_built_for_a_patch(paths, parts):
    assert parts_of(paths) == parts


def test_findings_in_words():
    assert BUILD.sentence == (
        "Patch 3 (bpf: Frob) does not build on its own; patch 5 mends it: kernel/bpf/core.c:10: no such"
    )
    assert FIRST_BAD.sentence == "The first bad patch is 4 (bpf: Break): bpf_iter/ksym, log_buf fail from it on"
    assert PASSING.sentence == "Patch 3 (bpf: Half) breaks verifier_log/a; patch 6 repairs it"


def test_what_could_not_be_told_apart_is_a_range():
    unsure = Finding(kind=FindingKind.FIRST_BAD, position=4, title="bpf: Break", earliest=2, tests=("a",))
    assert unsure.sentence == "The first bad patch is one of the patches 2 to 4: a fails from it on"
    boot = Finding(kind=FindingKind.BOOT, position=4, title="x", earliest=3, until=6, what="panic: frob")
    assert boot.sentence == "One of the patches 3 to 4 does not boot on its own; patch 6 mends it: panic: frob"


def test_many_tests_are_counted():
    many = Finding(
        kind=FindingKind.FIRST_BAD, position=1, title="", earliest=1, tests=tuple(f"t{n}" for n in range(1, 9))
    )
    assert many.sentence == "The first bad patch is 1: t1, t2, t3 and 5 more fail from it on"


@pytest.mark.parametrize("finding", [BUILD, FIRST_BAD, PASSING])
def test_a_finding_comes_back_from_json(finding):
    assert finding_of(json.loads(json.dumps(asdict(finding)))) == finding


def test_a_clean_series_with_a_patch_that_does_not_build_does_not_build():
    said = with_patches("v3", CLEAN, [BUILD], warnings=0, first_warned=0)
    assert said.verdict is Verdict.DOES_NOT_BUILD
    assert said.sentence == (
        "v3 does not build patch by patch, though as a whole it does. Patch 3 (bpf: Frob) does not build on its own; "
        "patch 5 mends it: kernel/bpf/core.c:10: no such."
    )


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.CLEAN])
def test_no_other_verdict_is_changed_by_a_patch(verdict):
    said = with_patches(
        "v3", Said(verdict=verdict, sentence="v3 is so."), [FIRST_BAD, BUILD], warnings=0, first_warned=0
    )
    assert said.verdict is verdict
    assert said.sentence.startswith("v3 is so. The first bad patch is 4")


def test_what_is_whole_in_the_end_and_warnings_are_said_and_turn_nothing_red():
    said = with_patches("v3", CLEAN, [PASSING], warnings=2, first_warned=2)
    assert said.verdict is Verdict.CLEAN
    assert said.sentence == (
        f"{CLEAN.sentence} Patch 3 (bpf: Half) breaks verifier_log/a; patch 6 repairs it. "
        "Patch 2 brings the first of 2 new warnings of the build."
    )


def test_a_whole_that_does_not_build_is_not_said_to_be_mended():
    """The judge names the patch that owns the error; it is said again only where it is another one that fails first."""
    first = Finding(kind=FindingKind.BUILD, position=3, title="bpf: Frob", earliest=3, place="a.c:1: no")
    named = Said(verdict=Verdict.DOES_NOT_BUILD, sentence="v3 does not build: patch 3 (bpf: Frob), a.c:1: no.")
    assert with_patches("v3", named, [first], warnings=0, first_warned=0) == named
    other = Said(verdict=Verdict.DOES_NOT_BUILD, sentence="v3 does not build: patch 5 (bpf: Use), a.c:1: no.")
    said = with_patches("v3", other, [first], warnings=0, first_warned=0)
    assert said.sentence == f"{other.sentence} Patch 3 (bpf: Frob) is the first that does not build: a.c:1: no."


def test_what_was_tested_without_what_it_needs_is_blamed_for_no_patch():
    said = with_patches("v3", CLEAN, [BUILD], warnings=0, first_warned=0, lacking=["“x” v2, which is not at hand"])
    assert said.verdict is Verdict.INCONCLUSIVE
    assert said.sentence.startswith(
        "v3 is inconclusive, for it could not be tested as meant. It needs “x” v2, which is not at hand. Without, it "
        "does not build patch by patch, though as a whole it does. "
    )


def test_nothing_found_changes_nothing():
    assert with_patches("v3", CLEAN, [], warnings=0, first_warned=0) == CLEAN
