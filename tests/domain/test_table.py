"""The classes against the table, read independently: whatever two sides show, there is one class, and it is that.

The table is that of docs/ARCHITECTURE.md ("Judging"), with what docs/decisions say of skips, trouble of ours, histories
and the list to ignore. Sides are words here: a letter a run, P pass, F fail, E error, S skip, M trouble of ours.
"""

from datetime import UTC, datetime
from math import sqrt

from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.domain.flake import History
from app.domain.ignoring import Ignore
from app.domain.outcome import ChangeClass as Cls
from app.domain.outcome import Outcome, TestKey, TestResult
from app.domain.regression import Change, compare, compare_revisions, observe

LETTERS = {"P": Outcome.PASS, "F": Outcome.FAIL, "E": Outcome.ERROR, "S": Outcome.SKIP, "M": Outcome.MISS}
WORD = st.text(alphabet="PPPFFFESM", max_size=5)
KEY = TestKey(suite="test_progs", name="t")
IGNORE = Ignore(
    id=1, pattern="t", suite=None, tree=None, profile=None, reason="slow", owner="ann",
    expires_at=datetime(2026, 12, 1, tzinfo=UTC),
)  # fmt: skip


def side(words: dict[str, str]) -> dict[TestKey, object]:
    runs = max(map(len, words.values()), default=0)
    return observe(  # type: ignore[return-value]
        [
            TestResult(suite="test_progs", name=name, outcome=LETTERS[word[at]])
            for name, word in words.items()
            if at < len(word)
        ]
        for at in range(runs)
    )


def classed(words: tuple[dict[str, str], dict[str, str]], **how: object) -> tuple[Change, ...]:
    return compare(side(words[0]), side(words[1]), **how)  # type: ignore[arg-type]


def by_the_table(base: str, patched: str, *, base_complete: bool, patched_complete: bool) -> Cls:
    """Read the table: which column says "always passes", "always fails", "mixed", "absent"?"""

    def column(word: str) -> str:
        said = word.replace("M", "")
        if not said:
            return "absent"
        telling = said.replace("S", "")
        if not telling:
            return "skipped"
        failed = sum(one in "FE" for one in telling)
        return "passes" if failed == 0 else "fails" if failed == len(telling) else "mixed"

    before, after = column(base), column(patched)
    if after == "absent":
        ours = "M" in patched or not patched_complete
        return Cls.NOT_RUN if ours else Cls.DISAPPEARED
    if after == "skipped":
        gone = {"passes", "fails", "mixed"}
        return Cls.DISAPPEARED if before in gone else Cls.UNCHANGED if before == "skipped" else Cls.NOT_RUN
    if before == "absent" and ("M" in base or not base_complete):
        return Cls.NOT_RUN
    if before in {"absent", "skipped"}:
        return {"passes": Cls.NEW_PASS, "fails": Cls.NEW_FAILURE, "mixed": Cls.FLAKY}[after]
    if "mixed" in {before, after}:
        return Cls.FLAKY
    return {
        ("passes", "passes"): Cls.UNCHANGED,
        ("passes", "fails"): Cls.REGRESSION,
        ("fails", "passes"): Cls.FIXED,
        ("fails", "fails"): Cls.PRE_EXISTING,
    }[before, after]


@settings(max_examples=1500)
@given(base=WORD, patched=WORD, complete=st.tuples(st.booleans(), st.booleans()))
@example(base="PPP", patched="FFF", complete=(True, True))
@example(base="S", patched="F", complete=(False, True))
@example(base="", patched="F", complete=(False, True))
@example(base="PFP", patched="FFF", complete=(True, True))
def test_there_is_one_class_and_it_is_the_table_s(base: str, patched: str, complete: tuple[bool, bool]) -> None:
    found = classed(({"t": base}, {"t": patched}), baseline_complete=complete[0], patched_complete=complete[1])
    if not base and not patched:
        assert found == ()
        return
    if not base.replace("M", "") and not patched.replace("M", ""):
        # Nothing but trouble of ours: whatever it is called, nobody is blamed for it.
        assert not found[0].cls.blamed
        return
    (change,) = found
    assert change.cls is by_the_table(base, patched, base_complete=complete[0], patched_complete=complete[1])


@settings(max_examples=500)
@given(base=WORD, patched=WORD, failures=st.integers(0, 40), passes=st.integers(0, 40), ignored=st.booleans())
def test_history_and_the_list_only_ever_excuse(
    base: str, patched: str, failures: int, passes: int, ignored: bool
) -> None:
    plain = classed(({"t": base}, {"t": patched}))
    weighed = classed(
        ({"t": base}, {"t": patched}),
        histories={KEY: History(failures=failures, runs=failures + passes)},
        ignored={KEY: IGNORE} if ignored else {},
    )
    for before, after in zip(plain, weighed, strict=True):
        failed = sum(one in "FE" for one in patched)
        if ignored and failed:
            assert after.cls is Cls.IGNORED
            assert after.ignore is IGNORE
        elif before.cls.blamed and failures and passes:
            # Wilson's upper end, as E. B. Wilson wrote it down
            runs, z = failures + passes, 1.959964
            rate = failures / runs
            high = (rate + z**2 / (2 * runs) + z * sqrt(rate * (1 - rate) / runs + z**2 / (4 * runs**2))) / (
                1 + z**2 / runs
            )
            by_chance = high ** (failed - 1) >= 0.01
            assert after.cls is (Cls.FLAKY if by_chance else before.cls)
            if by_chance:
                assert f"failed {failures} of {runs} runs" in after.reason
        elif before.cls is not Cls.FIXED:
            assert after.cls is before.cls


@settings(max_examples=300)
@given(words=st.dictionaries(st.sampled_from("abcdef"), st.tuples(WORD, WORD), max_size=6))
def test_every_test_is_classed_once_and_whoever_is_blamed_failed_each_time(words: dict[str, tuple[str, str]]) -> None:
    base = {name: one for name, (one, _) in words.items() if one}
    patched = {name: one for name, (_, one) in words.items() if one}
    found = classed((base, patched))
    assert [change.key.name for change in found] == sorted(base.keys() | patched.keys())
    for change in found:
        if change.cls.blamed:
            assert "P" not in patched[change.key.name]
            assert not set("FE") & set(base.get(change.key.name, ""))


@settings(max_examples=300)
@given(words=st.dictionaries(st.sampled_from("abcd"), st.tuples(WORD, WORD, WORD), max_size=4))
def test_between_revisions_every_blamed_test_is_in_one_list(words: dict[str, tuple[str, str, str]]) -> None:
    base, old, new = ({name: each[at] for name, each in words.items() if each[at]} for at in range(3))
    before, now = classed((base, old)), classed((base, new))
    found = compare_revisions(before, now)
    lists = [*found.fixed, *found.broken, *found.still_broken, *found.unknown]
    blamed = {one.key for one in (*before, *now) if one.cls.blamed}
    assert sorted(lists) == sorted(blamed)
    assert all("P" in new[key.name] and not set("FE") & set(new[key.name]) for key in found.fixed)


def test_a_killer_fails_and_what_it_kept_from_running_is_listed() -> None:
    """A test that ends the machine is a result like others; what came after it is not gone, and nobody's doing."""
    base = {"a": "PPP", "killer": "PPP", "z": "P"}
    found = classed((base, {"a": "P", "killer": "FFF"}), patched_complete=False)
    assert {change.key.name: change.cls for change in found} == {
        "a": Cls.UNCHANGED,
        "killer": Cls.REGRESSION,
        "z": Cls.NOT_RUN,
    }


def test_flaky_comes_with_the_figures_of_both_sides() -> None:
    (change,) = classed(({"t": "PPP"}, {"t": "FPPP"}))
    assert change.reason == "base passed 3 of 3, patched failed 1 of 4"
