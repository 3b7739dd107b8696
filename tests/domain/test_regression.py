from dataclasses import replace

import pytest

from app.domain.outcome import ChangeClass, Outcome, TestKey, TestResult
from app.domain.regression import (
    Change,
    Side,
    candidates,
    compare,
    compare_revisions,
    observe,
    top_level,
    with_whole_suites,
)
from app.domain.testlog import TestProgsParser

LETTERS = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR, "S": Outcome.SKIP, "M": Outcome.MISS}


def key(name: str) -> TestKey:
    return TestKey(suite="test_progs", name=name)


def side(**tests: str) -> Side:
    """One letter a run; `_` where the run has no such result."""
    runs = max((len(letters) for letters in tests.values()), default=0)
    return observe(
        [
            TestResult(suite="test_progs", name=name, outcome=LETTERS[letters[at]], message=f"{name} {at}")
            for name, letters in tests.items()
            if at < len(letters) and letters[at] != "_"
        ]
        for at in range(runs)
    )


def progs(text: str) -> Side:
    parser = TestProgsParser()
    return observe([[*parser.feed(text.encode()), *parser.finish().results]])


def classes(changes: tuple[Change, ...]) -> dict[str, ChangeClass]:
    return {str(change.key): change.cls for change in changes}


@pytest.mark.parametrize(
    ("baseline", "patched", "expected"),
    [
        ("P", "P", ChangeClass.UNCHANGED),
        ("P", "F", ChangeClass.REGRESSION),
        ("P", "E", ChangeClass.REGRESSION),
        ("PPP", "FFF", ChangeClass.REGRESSION),
        ("PPP", "FPF", ChangeClass.FLAKY),
        ("PFP", "FFF", ChangeClass.FLAKY),
        ("PFP", "PPP", ChangeClass.FLAKY),
        ("F", "F", ChangeClass.PRE_EXISTING),
        ("F", "P", ChangeClass.FIXED),
        ("", "F", ChangeClass.NEW_FAILURE),
        ("", "P", ChangeClass.NEW_PASS),
        ("", "FP", ChangeClass.FLAKY),
        ("", "S", ChangeClass.NOT_RUN),
        ("P", "", ChangeClass.DISAPPEARED),
        ("F", "", ChangeClass.DISAPPEARED),
        ("P", "S", ChangeClass.DISAPPEARED),
        ("S", "S", ChangeClass.UNCHANGED),
        ("S", "F", ChangeClass.NEW_FAILURE),
        ("S", "P", ChangeClass.NEW_PASS),
        ("PM", "FMF", ChangeClass.REGRESSION),
        ("P", "M", ChangeClass.NOT_RUN),
        ("M", "F", ChangeClass.NOT_RUN),
    ],
)
def test_the_table(baseline: str, patched: str, expected: ChangeClass) -> None:
    assert classes(compare(side(t=baseline), side(t=patched))) == {"t": expected}


def test_where_the_machine_died() -> None:
    cut = compare(side(a="P", b="P"), side(a="P"), patched_complete=False)
    assert classes(cut) == {"a": ChangeClass.UNCHANGED, "b": ChangeClass.NOT_RUN}
    assert cut[1].reason == "the machine ended before it"
    base_cut = compare(side(a="P"), side(a="P", b="F", c="P"), baseline_complete=False)
    assert classes(base_cut) == {
        "a": ChangeClass.UNCHANGED,
        "b": ChangeClass.NOT_RUN,
        "c": ChangeClass.NOT_RUN,
    }


def test_candidates_are_what_fails_on_p_and_never_on_b() -> None:
    baseline = side(a="P", b="F", c="P", d="P")
    patched = side(a="F", b="F", c="P", d="E", new="F")
    assert candidates(baseline, patched) == (key("a"), key("d"))


def test_names_to_run_again() -> None:
    assert top_level([key("bpf_iter/ksym"), key("bpf_iter/task"), key("align")]) == ("align", "bpf_iter")


def test_figures_and_the_first_failure_are_the_evidence() -> None:
    (change,) = compare(side(t="PPP"), side(t="PFF"))
    assert change.cls is ChangeClass.FLAKY
    assert change.reason == "base passed 3 of 3, patched failed 2 of 3"
    assert change.message == "t 1"
    assert change.confirmed


def test_a_failure_seen_once_is_not_confirmed() -> None:
    (change,) = compare(side(t="P"), side(t="F"))
    assert not change.confirmed


WELL = "#1/1     it/a:OK\n#1/2     it/b:OK\n#1       it:OK\n#2       x:OK\n"


def test_a_failing_subtest_counts_once() -> None:
    broken = "it:FAIL:1 no\n#1/1     it/a:FAIL\n#1/2     it/b:OK\n#1       it:FAIL\n#2       x:OK\n"
    assert candidates(progs(WELL), progs(broken)) == (key("it/a"),)
    assert classes(compare(progs(WELL), progs(broken))) == {
        "it/a": ChangeClass.REGRESSION,
        "it/b": ChangeClass.UNCHANGED,
        "x": ChangeClass.UNCHANGED,
    }


def test_a_parent_that_fails_by_itself_counts_and_its_subtests_were_not_run() -> None:
    broken = "it:FAIL:1 no\n#1       it:FAIL\n#2       x:OK\n"
    changes = compare(progs(WELL), progs(broken))
    assert classes(changes) == {
        "it": ChangeClass.REGRESSION,
        "it/a": ChangeClass.NOT_RUN,
        "it/b": ChangeClass.NOT_RUN,
        "x": ChangeClass.UNCHANGED,
    }
    assert changes[1].reason == "it failed before it"


def test_nobody_is_blamed_for_what_the_base_failed_before_it_came_to() -> None:
    """The base may fail the subtests as well; nobody knows, for their test stopped there before them."""
    broken = "it:FAIL:1 no\n#1       it:FAIL\n#2       x:OK\n"
    patched = "it:FAIL:1 no\n#1/1     it/a:FAIL\n#1/2     it/b:OK\n#1       it:FAIL\n#2       x:OK\n"
    changes = compare(progs(broken), progs(patched))
    assert classes(changes) == {"it/a": ChangeClass.NOT_RUN, "it/b": ChangeClass.NEW_PASS, "x": ChangeClass.UNCHANGED}
    assert changes[0].reason == "on the base it failed before it, so there is nothing to compare with"


def test_a_test_that_was_not_built_is_neither_gone_nor_anybodys_new_failure() -> None:
    """A series that has a test built again meets what fails in it for reasons of long ago."""
    why = {"x": "progs/x.c does not build"}
    whole, without = side(x="F", a="P", **{"x/sub": "F", "x/fine": "P"}), side(a="P")
    before = compare(without, whole, not_built=(why, {}))
    assert classes(before) == {
        "a": ChangeClass.UNCHANGED,
        "x": ChangeClass.NOT_RUN,
        "x/fine": ChangeClass.NEW_PASS,
        "x/sub": ChangeClass.NOT_RUN,
    }
    assert before[1].reason == "on the base progs/x.c does not build, so there is nothing to compare with"
    after = compare(whole, without, not_built=({}, why))
    assert {one.reason for one in after if one.cls is ChangeClass.NOT_RUN} == {"progs/x.c does not build"}
    assert ChangeClass.DISAPPEARED not in classes(after).values()
    flavoured = {TestKey(suite="test_progs-cpuv4", name=key.name): seen for key, seen in side(x="P").items()}
    assert [one.cls for one in compare(flavoured, {}, not_built=({}, why))] == [ChangeClass.NOT_RUN]


def suite(**tests: str) -> Side:
    return {TestKey(suite="test_verifier", name=one.name): seen for one, seen in side(**tests).items()}


def test_a_suite_that_was_cut_short_has_not_run_what_came_after() -> None:
    """test_verifier has no tests that could be run alone: who ends it is the suite itself."""
    whole, cut = suite(a="P", b="P", c="F"), suite(a="P", test_verifier="F")
    assert with_whole_suites(cut, whole) is cut
    after = compare(with_whole_suites(whole, cut), cut)
    assert classes(after) == {
        "a": ChangeClass.UNCHANGED,
        "b": ChangeClass.NOT_RUN,
        "c": ChangeClass.NOT_RUN,
        "test_verifier": ChangeClass.REGRESSION,
    }
    assert candidates(with_whole_suites(whole, cut), cut) == (TestKey(suite="test_verifier", name="test_verifier"),)
    before = compare(cut, with_whole_suites(whole, cut))
    assert classes(before) == {
        "a": ChangeClass.UNCHANGED,
        "b": ChangeClass.NEW_PASS,
        "c": ChangeClass.NOT_RUN,
        "test_verifier": ChangeClass.FIXED,
    }


def test_a_parent_that_fails_by_itself_is_blamed_though_a_subtest_failed_before() -> None:
    before = "it:FAIL:1 no\n#1/1     it/a:FAIL\n#1       it:FAIL\n"
    after = "it:FAIL:2 worse\n#1       it:FAIL\n"
    assert classes(compare(progs(before), progs(after))) == {
        "it": ChangeClass.REGRESSION,
        "it/a": ChangeClass.NOT_RUN,
    }


def test_a_test_that_gains_subtests_is_judged_by_them() -> None:
    after = "#1/1     x/new:OK\n#1       x:OK\n"
    assert classes(compare(progs("#2       x:OK\n"), progs(after))) == {"x/new": ChangeClass.NEW_PASS}


def test_numbers_shift_and_change_nothing() -> None:
    shifted = WELL.replace("#1", "#7").replace("#2", "#9")
    assert set(classes(compare(progs(WELL), progs(shifted))).values()) == {ChangeClass.UNCHANGED}


def test_revisions() -> None:
    base = side(stays="P", mended="P", breaks="P", gone="P", old="F")
    before = compare(base, side(stays="F", mended="F", breaks="P", gone="F", old="F"))
    after = compare(base, side(stays="F", mended="P", breaks="F", old="F", fresh="F"))
    compared = compare_revisions(before, after)
    assert compared.fixed == (key("mended"),)
    assert compared.broken == (key("breaks"), key("fresh"))
    assert compared.still_broken == (key("stays"),)
    assert compared.unknown == (key("gone"),)


@pytest.mark.parametrize(
    "untold", [ChangeClass.PRE_EXISTING, ChangeClass.FLAKY, ChangeClass.IGNORED, ChangeClass.NOT_RUN]
)
def test_a_revision_broke_nothing_of_which_the_one_before_tells_nothing(untold: ChangeClass) -> None:
    """It may have been as broken there."""
    (now,) = compare(side(a="P"), side(a="F"))
    compared = compare_revisions([replace(now, cls=untold)], [now])
    assert (compared.broken, compared.unknown) == ((), (now.key,))
