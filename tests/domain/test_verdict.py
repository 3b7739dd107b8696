from dataclasses import replace

import pytest

from app.domain.console import scan_console
from app.domain.outcome import ChangeClass, Outcome, Step, TestKey, TestResult, Verdict
from app.domain.regression import Change, compare, compare_revisions, observe
from app.domain.verdict import Case, Judgement, StepOutcome, judge

ORDER = (Step.APPLY, Step.BUILD, Step.BOOT, Step.SELFTESTS)


def steps(**outcomes: Outcome) -> tuple[StepOutcome, ...]:
    """All steps pass but those named; what comes after one that does not is not reached."""
    made: list[StepOutcome] = []
    for step in ORDER:
        over = made and made[-1].outcome is not Outcome.PASS
        outcome = Outcome.SKIP if over else outcomes.get(step.value, Outcome.PASS)
        failed = outcome in {Outcome.FAIL, Outcome.MISS}
        made.append(StepOutcome(step=step, outcome=outcome, reason=f"why {step}" if failed else "", excerpt="said"))
    return tuple(made)


def changes(baseline: dict[str, Outcome], patched: dict[str, Outcome]) -> tuple[Change, ...]:
    def side(outcomes: dict[str, Outcome]) -> list[list[TestResult]]:
        return [
            [
                TestResult(suite="test_progs", name=name, outcome=outcome, message=f"{name} said so")
                for name, outcome in outcomes.items()
            ]
        ] * 3

    return compare(observe(side(baseline)), observe(side(patched)))


PASS, FAIL, SKIP, MISS = Outcome.PASS, Outcome.FAIL, Outcome.SKIP, Outcome.MISS
SAME = changes({"a": PASS, "b": FAIL}, {"a": PASS, "b": FAIL})


def verdict(**case: object) -> Judgement:
    given = {"label": "v3", "run": steps(), "baseline": steps(), "changes": SAME} | case
    return judge(Case(**given))  # type: ignore[arg-type]


def test_clean() -> None:
    judged = verdict()
    assert judged.verdict is Verdict.CLEAN
    assert judged.sentence == "v3 is clean. 2 tests are as on the base."
    assert judged.reasons == ()


def test_clean_with_all_that_differs() -> None:
    base = {f"t{n}": PASS for n in range(1419)} | {"mended": PASS, "old": FAIL}
    v3 = changes(base, base | {"mended": FAIL})
    v4 = changes(base, base | {"old": PASS} | {f"n{n}": PASS for n in range(6)})
    judged = verdict(label="v4", changes=v4, previous="v3", since=compare_revisions(v3, v4))
    assert judged.sentence == (
        "v4 is clean. The failure of v3 is fixed, 1 failure of the base is fixed, 6 new tests pass, "
        "1,420 tests are as on the base."
    )
    assert (judged.counts.new_passes, judged.counts.fixed, judged.counts.results) == (6, 1, 1427)


def test_one_of_three_failures_fixed_is_not_the_failure() -> None:
    base = {"mended": PASS, "died": PASS, "gone": PASS}
    v3, v4 = changes(base, dict.fromkeys(base, FAIL)), changes(base, {"mended": PASS})
    judged = verdict(label="v4", changes=v4, previous="v3", since=compare_revisions(v3, v4))
    assert "1 failure of v3 is fixed" in judged.sentence


def test_what_is_skipped_is_not_said_to_be_gone() -> None:
    base = {"a": PASS, "b": PASS}
    judged = verdict(changes=changes(base, {"a": PASS, "b": SKIP}))
    assert judged.sentence == "v3 is clean, but 1 test of the base is skipped: b. 1 test is as on the base."
    judged = verdict(changes=changes(base | {"c": PASS}, {"a": PASS, "b": SKIP}))
    assert judged.sentence.startswith("v3 is clean, but 2 tests of the base are gone or skipped: b, c.")


def test_what_is_gone_is_said_loudly() -> None:
    judged = verdict(changes=changes({"a": PASS, "b": PASS}, {"a": PASS}))
    assert judged.verdict is Verdict.CLEAN
    assert judged.sentence == "v3 is clean, but 1 test of the base is gone: b. 1 test is as on the base."
    assert [reason.key for reason in judged.reasons] == [TestKey(suite="test_progs", name="b")]


def test_a_regression() -> None:
    judged = verdict(changes=changes({"a": PASS, "b": PASS, "c": FAIL}, {"a": FAIL, "b": PASS, "c": FAIL}))
    assert judged.verdict is Verdict.REGRESSED
    assert judged.sentence == "v3 regresses 1 test: a. 2 tests are as on the base."
    assert judged.reasons[0].text == "a (regression; base passed 3 of 3, patched failed 3 of 3): a said so"


def test_the_series_own_new_test_fails() -> None:
    judged = verdict(label="v1", changes=changes({"a": PASS}, {"a": PASS, "n": FAIL}))
    assert judged.verdict is Verdict.REGRESSED
    assert judged.sentence == "v1 fails a new test of its own: n. 1 test is as on the base."


def test_many_regressions_are_not_all_named_and_come_before_new_failures() -> None:
    base = {f"t{n}": PASS for n in range(1200)}
    judged = verdict(changes=changes(base, dict.fromkeys(base, FAIL) | {"a": FAIL}))
    assert judged.sentence.startswith("v3 regresses 1,200 tests: t0, t1, t10 and 1,197 more. ")
    assert judged.reasons[0].key == TestKey(suite="test_progs", name="t0")
    assert judged.reasons[-1].key == TestKey(suite="test_progs", name="a")


def test_labels_keep_their_small_letter_and_the_rest_is_a_sentence() -> None:
    judged = verdict(changes=changes({"a": PASS, "b": PASS}, {"a": FAIL, "b": PASS, "n": FAIL, "x": PASS}))
    assert judged.sentence == (
        "v3 regresses 1 test: a. v3 fails a new test of its own: n. 1 new test passes, 1 test is as on the base."
    )


def test_flaky_is_not_blamed() -> None:
    results = [
        [TestResult(suite="s", name="a", outcome=outcome), TestResult(suite="s", name="b", outcome=PASS)]
        for outcome in (FAIL, PASS, PASS)
    ]
    judged = verdict(changes=compare(observe(results[1:]), observe(results)))
    assert (judged.verdict, judged.sentence) == (
        Verdict.CLEAN,
        "v3 is clean. 1 test is flaky, 1 test is as on the base.",
    )


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        ("apply", Verdict.DOES_NOT_APPLY),
        ("build", Verdict.DOES_NOT_BUILD),
        ("boot", Verdict.DOES_NOT_BOOT),
    ],
)
def test_what_stops_a_run(step: str, expected: Verdict) -> None:
    judged = verdict(run=steps(**{step: FAIL}), changes=())
    assert judged.verdict is expected
    assert judged.sentence == f"v3 does not {step}: why {step}."
    assert judged.reasons[0].excerpt == "said"


@pytest.mark.parametrize("step", ["build", "boot"])
@pytest.mark.parametrize("base", [FAIL, MISS, None])
def test_what_the_base_cannot_do_is_not_blamed(step: str, base: Outcome | None) -> None:
    baseline = None if base is None else steps(**{step: base})
    judged = verdict(run=steps(**{step: FAIL}), baseline=baseline, changes=())
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert ("the base is broken" in judged.sentence) is (base is FAIL)


@pytest.mark.parametrize("step", ["build", "boot"])
def test_a_base_that_is_broken_leaves_nothing_to_compare_with(step: str) -> None:
    judged = verdict(baseline=steps(**{step: FAIL}))
    assert judged.sentence == f"v3 is inconclusive: the base is broken, it does not {step} (why {step})."


@pytest.mark.parametrize("step", ["apply", "build", "boot", "selftests"])
def test_trouble_of_ours_is_never_red(step: str) -> None:
    regression = changes({"a": PASS}, {"a": FAIL})
    judged = verdict(run=steps(**{step: MISS}), changes=regression)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.sentence == f"v3 is inconclusive: trouble of ours in {step}: why {step}."


def test_no_baseline_no_verdict() -> None:
    regression = changes({"a": PASS}, {"a": FAIL})
    for baseline in (None, (), steps(selftests=MISS), steps(build=MISS)):
        assert verdict(baseline=baseline, changes=regression).verdict is Verdict.INCONCLUSIVE


def test_no_results_no_verdict() -> None:
    assert verdict(changes=()).verdict is Verdict.INCONCLUSIVE


def test_a_machine_that_dies_only_with_the_patches() -> None:
    judged = verdict(run=steps(selftests=FAIL))
    assert judged.verdict is Verdict.REGRESSED
    assert judged.sentence == "v3 cuts the tests short: why selftests. 2 tests are as on the base."


def test_a_machine_that_dies_on_the_base_too() -> None:
    both = {"run": steps(selftests=FAIL), "baseline": steps(selftests=FAIL)}
    assert verdict(**both).verdict is Verdict.CLEAN
    cut = compare(
        observe([[TestResult(suite="s", name=name, outcome=PASS) for name in "ab"]]),
        observe([[TestResult(suite="s", name="a", outcome=PASS)]]),
        patched_complete=False,
    )
    assert cut[1].cls is ChangeClass.NOT_RUN
    judged = verdict(**both, changes=cut)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "the base is broken" in judged.sentence


WARNING = scan_console("WARNING: CPU: 0 PID: 7 at kernel/bpf/frob.c:9 frob+0x1/0x2\n---[ end trace 0 ]---\n")
STALL = scan_console("rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n")


def test_a_new_complaint_of_the_kernel() -> None:
    judged = verdict(console=WARNING)
    assert judged.verdict is Verdict.REGRESSED
    assert judged.sentence.startswith("v3 makes the kernel complain: WARNING: kernel/bpf/frob.c:9 in frob. ")
    assert verdict(console=WARNING, baseline_console=WARNING).verdict is Verdict.CLEAN
    assert verdict(console=STALL).verdict is Verdict.CLEAN


def test_a_complaint_says_which_test_ran() -> None:
    event = replace(WARNING[0], test="bpf_iter")
    assert "complain: WARNING: kernel/bpf/frob.c:9 in frob while bpf_iter ran. " in verdict(console=(event,)).sentence
    either = replace(event, perhaps="align")
    assert "in frob while bpf_iter ran, or just before it align" in verdict(console=(either,)).reasons[0].text


def test_what_a_blamed_test_says_already_is_not_said_twice() -> None:
    oops, panic = scan_console(
        "BUG: kernel NULL pointer dereference\nRIP: 0010:frob+0x1/0x2\n---[ end trace 0 ]---\n"
        "Kernel panic - not syncing: Fatal exception\n"
    )
    died = tuple(
        replace(one, patched=replace(one.patched, message=oops.title))
        for one in changes({"a": PASS, "b": PASS}, {"a": FAIL, "b": PASS})
    )
    console = (replace(oops, test="a"), replace(panic, test="a"))
    assert [one.key for one in verdict(changes=died, console=console).reasons] == [
        TestKey(suite="test_progs", name="a")
    ]
    elsewhere = (replace(oops, test="b"), replace(WARNING[0], test="a"))
    assert [one.text for one in verdict(changes=died, console=elsewhere).reasons[1:]] == [
        "oops: kernel NULL pointer dereference in frob while b ran",
        "WARNING: kernel/bpf/frob.c:9 in frob while a ran",
    ]


NEEDS = ("“bpf: Frob” v2, which is not at hand",)


@pytest.mark.parametrize("step", ["apply", "build", "boot"])
def test_a_series_without_what_it_needs_is_not_blamed_for_what_stops_it(step: str) -> None:
    judged = verdict(run=steps(**{step: FAIL}), lacking=NEEDS)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.sentence == (
        "v3 is inconclusive, for it could not be tested as meant. It needs “bpf: Frob” v2, which is not at hand. "
        f"Without, it does not {step}: why {step}."
    )
    assert judged.reasons == verdict(run=steps(**{step: FAIL})).reasons, "what was seen is still shown"


def test_a_series_without_what_it_needs_is_not_blamed_for_its_tests() -> None:
    judged = verdict(changes=changes({"a": PASS}, {"a": FAIL}), lacking=(*NEEDS, "patch-id 5c5c, which is not at hand"))
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.sentence.endswith(
        "which is not at hand; and patch-id 5c5c, which is not at hand. Without, it regresses 1 test: a."
    )
    assert judged.counts.regressions == 1


def test_a_clean_series_says_what_it_was_tested_without() -> None:
    judged = verdict(lacking=NEEDS)
    assert judged.verdict is Verdict.CLEAN
    assert judged.sentence == (
        "v3 is clean. 2 tests are as on the base. It needs “bpf: Frob” v2, which is not at hand: it was tested without."
    )


def test_trouble_of_ours_is_said_as_it_is() -> None:
    assert verdict(run=steps(build=MISS), lacking=NEEDS).sentence == verdict(run=steps(build=MISS)).sentence


def test_a_base_that_breaks_by_what_is_needed_is_named_so() -> None:
    judged = verdict(run=steps(build=FAIL), baseline=steps(build=FAIL), first=True)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert "the base with what it needs applied is broken, it does not build either" in judged.sentence
