"""Two runs' results -> what changed between them, test by test.

Baseline B and patched P were taken at the same base commit, config, toolchain, root file system and selection. Tests
that fail on P and pass on B (`candidates`) are run again, alone, in fresh machines, twice on each side at least; then:

    B               P                class
    always passes   always fails     regression
    mixed on either side             flaky
    fails           fails            pre-existing
    absent          fails            new failure
    absent          passes           new pass
    fails           passes           fixed
    present         absent           disappeared
                    died before it   not run

Two things beside the results have a say. A test whose history on unpatched trees explains what was seen as well as the
series does (app/domain/flake.py) is flaky rather than regressed or fixed; and a failure that people said to ignore
(app/domain/ignoring.py) is "ignored", whatever else it would be.

A test that only sums up its subtests (`TestResult.aggregate`) is judged by them and never counted beside them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.domain.flake import History
from app.domain.ignoring import Ignore
from app.domain.outcome import ChangeClass, Outcome, TestKey, TestResult
from app.domain.suites import FLAVOURS, Suite, origin


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What a test did on one side: its outcome in each run that has it, in order, and the first failure's explanation.

    A run in which our own machinery failed (MISS) is no observation: it is not in `outcomes`, only `missed` tells.
    """

    outcomes: tuple[Outcome, ...]
    missed: bool = False
    parent: str | None = None
    aggregate: bool = False
    message: str | None = None
    detail: str | None = None

    @property
    def failures(self) -> int:
        """In how many runs it failed."""
        return sum(outcome.failed for outcome in self.outcomes)

    @property
    def failing(self) -> bool:
        """Whether it failed at all."""
        return self.failures > 0

    @property
    def always_passes(self) -> bool:
        """Whether it passed in every run that says something."""
        return bool(self.telling) and self.failures == 0

    @property
    def mixed(self) -> bool:
        """Whether it failed in some runs only."""
        return 0 < self.failures < len(self.telling)

    @property
    def telling(self) -> tuple[Outcome, ...]:
        """The outcomes that are not SKIP."""
        return tuple(outcome for outcome in self.outcomes if outcome is not Outcome.SKIP)

    @property
    def skipped(self) -> bool:
        """Whether it was only ever skipped."""
        return bool(self.outcomes) and not self.telling

    @property
    def figures(self) -> str:
        """The outcomes for people: `failed 2 of 3`."""
        if self.skipped:
            return "skipped"
        if not self.telling:
            return "absent"
        if self.failures:
            return f"failed {self.failures} of {len(self.telling)}"
        return f"passed {len(self.telling)} of {len(self.telling)}"


ABSENT = Observations(outcomes=())

Side = Mapping[TestKey, Observations]

NotBuilt = Mapping[str, str]
"""Test (app.domain.suites, none of a flavour) -> why it could not be built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A test's class and the evidence. `message` and `detail` explain the failure, on whichever side it is.

    `confirmed`: the failure was seen in more than one machine. `reason` is for people. `history` is what the test did
    on unpatched trees, None where that was not asked for; `ignore` says why a failure is ignored.
    """

    key: TestKey
    cls: ChangeClass
    baseline: Observations
    patched: Observations
    reason: str
    history: History | None = None
    ignore: Ignore | None = None

    @property
    def confirmed(self) -> bool:
        """Whether what is said of the test was seen more than once on the side that matters."""
        return len(self.patched.telling) > 1 or self.cls is ChangeClass.UNCHANGED

    @property
    def message(self) -> str | None:
        """One line that says why it fails or failed."""
        return self.patched.message or self.baseline.message

    @property
    def detail(self) -> str | None:
        """The part of the log that explains it."""
        return self.patched.detail or self.baseline.detail


def observe(runs: Iterable[Iterable[TestResult]]) -> dict[TestKey, Observations]:
    """Gather one side's results: the first run and the runs again, each an iterable of results."""
    side: dict[TestKey, Observations] = {}
    for run in runs:
        for result in run:
            side[result.key] = _and_also(side.get(result.key, ABSENT), result)
    return side


def _and_also(seen: Observations, result: TestResult) -> Observations:
    if result.outcome is Outcome.MISS:
        return replace(seen, missed=True)
    explains = result.outcome.failed and not seen.failures
    return Observations(
        outcomes=(*seen.outcomes, result.outcome),
        missed=seen.missed,
        parent=result.parent,
        # One failure of its own is enough to make a test more than the sum of its subtests.
        aggregate=result.aggregate and (seen.aggregate or not seen.outcomes),
        message=result.message if explains else seen.message,
        detail=result.detail if explains else seen.detail,
    )


def with_whole_suites(side: Side, other: Side) -> Side:
    """Return a side with those suites passed that ended on it, and that were cut short on the other.

    A suite that cannot be told to run a part has a result of its own only where it was cut short (app.domain.lives).
    """
    ended = {key.suite for key in side}
    cut = {key for key in other if key.name == key.suite and key.suite in ended and key not in side}
    return {**side, **dict.fromkeys(cut, Observations(outcomes=(Outcome.PASS,)))} if cut else side


def candidates(baseline: Side, patched: Side) -> tuple[TestKey, ...]:
    """Return the tests to run again: they failed on P and never on B, where they ran. Sorted by name."""
    return tuple(
        sorted(
            key
            for key, seen in patched.items()
            if not seen.aggregate and seen.failures and _own(baseline.get(key, ABSENT)).always_passes
        )
    )


def swung(baseline: Side, patched: Side) -> tuple[TestKey, ...]:
    """Return the tests that passed on one side and failed on the other, whose histories have a say. Sorted by name."""
    both = sorted(key for key in baseline.keys() & patched.keys() if not patched[key].aggregate)
    return tuple(key for key in both if _own(baseline[key]).failing is not patched[key].failing)


def top_level(keys: Iterable[TestKey]) -> tuple[str, ...]:
    """Return the tests (app.domain.suites) that give these results, each once, sorted."""
    return tuple(sorted({origin(key.suite, key.name) for key in keys}))


def compare(
    baseline: Side,
    patched: Side,
    *,
    baseline_complete: bool = True,
    patched_complete: bool = True,
    not_built: tuple[NotBuilt, NotBuilt] = ({}, {}),
    histories: Mapping[TestKey, History] | None = None,
    ignored: Mapping[TestKey, Ignore] | None = None,
) -> tuple[Change, ...]:
    """Class every test that either side has, sorted by name.

    Args:
        baseline: side B.
        patched: side P.
        baseline_complete: B's first run reached its end, so that what is absent on B does not exist there.
        patched_complete: the same of P; when it is False, an absent test is not run rather than gone.
        not_built: the tests that could not be built of B, and those of P.
        histories: what tests did on unpatched trees; those of `swung` have a say, where they are here.
        ignored: the tests whose failures are ignored.
    """
    histories, ignored = histories or {}, ignored or {}
    changes = []
    for key in sorted(baseline.keys() | patched.keys()):
        before, after = baseline.get(key, ABSENT), patched.get(key, ABSENT)
        if after.aggregate or (before.aggregate and not after.outcomes):
            continue
        before = _own(before)
        if not after.outcomes:
            why = _not_built(key, not_built[1]) or _cut(patched, key, before)
            cls, reason = _absent_on_p(before, after, why, complete=patched_complete)
        elif not before.outcomes:
            why = _not_built(key, not_built[0]) or _cut(baseline, key, after)
            cls, reason = _absent_on_b(after, why, complete=baseline_complete and not before.missed)
        else:
            cls, reason = _on_both(before, after)
        change = Change(key=key, cls=cls, baseline=before, patched=after, reason=reason, history=histories.get(key))
        changes.append(_ignored(_with_history(change), ignored.get(key)))
    return tuple(changes)


def _with_history(change: Change) -> Change:
    """Return the change, called flaky where the test's history explains it as well as the series does."""
    if change.history is None or not change.history.flaky:
        return change
    again = change.patched.failures - 1  # the first made it a suspect, one among many, and proves nothing
    by_chance = {
        ChangeClass.REGRESSION: known(change.history, change.baseline).explains_failures(again),
        ChangeClass.NEW_FAILURE: change.history.explains_failures(again),
        ChangeClass.FIXED: change.history.explains_passes(len(change.patched.telling)),
    }.get(change.cls, False)
    if not by_chance:
        return change
    return replace(change, cls=ChangeClass.FLAKY, reason=f"{change.reason}; {change.history.words}")


def known(history: History, before: Observations) -> History:
    """Add what a test did on the base just now, passing, to its history, which has the first of these runs."""
    return history.and_passed(max(0, len(before.telling) - (1 if history.runs else 0)))


def _ignored(change: Change, ignore: Ignore | None) -> Change:
    if ignore is None or not change.patched.failing:
        return change
    reason = f"{ignore.words} ({change.reason})"
    return replace(change, cls=ChangeClass.IGNORED, reason=reason, ignore=ignore)


def _own(seen: Observations) -> Observations:
    """Return what a test did apart from its subtests: one that only sums them up did nothing wrong itself."""
    if not seen.aggregate:
        return seen
    passed = tuple(Outcome.SKIP if outcome is Outcome.SKIP else Outcome.PASS for outcome in seen.outcomes)
    return replace(seen, outcomes=passed, message=None, detail=None)


def cut_before(side: Side, key: TestKey, elsewhere: Observations) -> str | None:
    """Return what failed on a side before it could come to a test that it has no result of; None where nothing did.

    That is the test that it is a subtest of (`elsewhere` is what the other side has of it), or of a suite that cannot
    be told to run a part, the suite itself.
    """
    if side.get(key, ABSENT).outcomes:
        return None
    for name in (elsewhere.parent, key.suite):
        seen = ABSENT if name is None else side.get(TestKey(suite=key.suite, name=name), ABSENT)
        if seen.failures and not seen.aggregate:
            return name
    return None


def _cut(side: Side, key: TestKey, elsewhere: Observations) -> str:
    cut = cut_before(side, key, elsewhere)
    return "" if cut is None else f"{cut} failed before it"


def _not_built(key: TestKey, not_built: NotBuilt) -> str:
    suite = Suite.TEST_PROGS if key.suite in FLAVOURS else key.suite
    return not_built.get(origin(suite, key.name), "")


def _absent_on_p(before: Observations, after: Observations, why: str, *, complete: bool) -> tuple[ChangeClass, str]:
    if why:
        return ChangeClass.NOT_RUN, why
    if after.missed:
        return ChangeClass.NOT_RUN, "trouble of ours kept it from running"
    if not complete:
        return ChangeClass.NOT_RUN, "the machine ended before it"
    return ChangeClass.DISAPPEARED, f"{before.figures} on the base, gone with the patches"


def _absent_on_b(after: Observations, why: str, *, complete: bool) -> tuple[ChangeClass, str]:
    if after.skipped:
        return ChangeClass.NOT_RUN, "new, and skipped"
    if why and after.failing:
        return ChangeClass.NOT_RUN, f"on the base {why}, so there is nothing to compare with"
    if not complete:
        return ChangeClass.NOT_RUN, "the base has no result of it, so there is nothing to compare with"
    reason = f"{after.figures}, on the base {why}" if why else f"new with the series, {after.figures}"
    if after.mixed:
        return ChangeClass.FLAKY, reason
    return (ChangeClass.NEW_FAILURE if after.failures else ChangeClass.NEW_PASS), reason


_TABLE = {
    (True, True): ChangeClass.UNCHANGED,
    (True, False): ChangeClass.REGRESSION,
    (False, True): ChangeClass.FIXED,
    (False, False): ChangeClass.PRE_EXISTING,
}


def _on_both(before: Observations, after: Observations) -> tuple[ChangeClass, str]:
    figures = f"base {before.figures}, patched {after.figures}"
    if after.skipped:
        return (ChangeClass.UNCHANGED if before.skipped else ChangeClass.DISAPPEARED), figures
    if before.skipped:
        return _absent_on_b(after, "", complete=True)[0], figures
    if before.mixed or after.mixed:
        return ChangeClass.FLAKY, figures
    return _TABLE[before.always_passes, after.always_passes], figures


@dataclass(frozen=True, slots=True, kw_only=True)
class RevisionComparison:
    """v(N-1) against v(N), by what the series is blamed for in each: `fixed` since, `broken` since, `still_broken`.

    `unknown` are blamed in one of them, and the other does not tell: the test has no result there, or one that is
    nobody's doing (flaky, ignored, failing on the base as well). So it cannot be said that v(N) repaired or broke it.
    """

    fixed: tuple[TestKey, ...]
    broken: tuple[TestKey, ...]
    still_broken: tuple[TestKey, ...]
    unknown: tuple[TestKey, ...]


def compare_revisions(previous: Sequence[Change], current: Sequence[Change]) -> RevisionComparison:
    """Compare two revisions of a series by their changes, UNCHANGED ones too, against their baselines."""
    before = {change.key for change in previous if change.cls.blamed}
    blamed = {change.key for change in current if change.cls.blamed}
    passes = {change.key for change in current if change.cls in _PASSES and change.patched.always_passes}
    untold = {change.key for change in previous if change.cls in _UNTOLD}
    return RevisionComparison(
        fixed=tuple(sorted(before & passes)),
        broken=tuple(sorted(blamed - before - untold)),
        still_broken=tuple(sorted(blamed & before)),
        unknown=tuple(sorted((before - blamed - passes) | (blamed & untold))),
    )


_PASSES = {ChangeClass.UNCHANGED, ChangeClass.FIXED, ChangeClass.NEW_PASS}
_UNTOLD = {ChangeClass.PRE_EXISTING, ChangeClass.FLAKY, ChangeClass.IGNORED, ChangeClass.NOT_RUN}
