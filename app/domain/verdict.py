"""Steps, changes and console events -> the verdict of a revision, in one sentence, with its evidence.

Trouble of ours is never red: it makes the verdict inconclusive. "Does not build" and "does not boot" are said only when
the base builds and boots under the same conditions; a broken base is said as such and never blamed on the series.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from app.domain.complained import unknown
from app.domain.console import ConsoleEvent, ConsoleKind
from app.domain.outcome import ChangeClass, Outcome, Step, TestKey, Verdict
from app.domain.regression import Change, RevisionComparison
from app.domain.sentence import clean_sentence, plural, regressed_sentence
from app.domain.suites import origin


@dataclass(frozen=True, slots=True, kw_only=True)
class StepOutcome:
    """How one step of a run ended.

    PASS: done; FAIL: the tree or the patches are at fault; MISS: we are; SKIP: not reached. The selftests step passes
    when the machine lived to their end, whatever the tests say. `reason` completes the sentence "v2 does not build:
    ..." (no full stop); `excerpt` is what the tool said.
    """

    step: Step
    outcome: Outcome
    reason: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that speaks for the verdict. `key` is the test that it is about, None when it is about no test.

    `fingerprint` is that of the kernel's complaint that a revision answers for; `message` says why a test fails, in a
    line; `excerpt` is what it printed, or the kernel.
    """

    text: str
    key: TestKey | None = None
    fingerprint: str | None = None
    message: str = ""
    excerpt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many tests are in each class; `compared` are those with a result on both sides that count."""

    regressions: int = 0
    new_failures: int = 0
    fixed: int = 0
    new_passes: int = 0
    pre_existing: int = 0
    flaky: int = 0
    disappeared: int = 0
    not_run: int = 0
    ignored: int = 0
    unchanged: int = 0

    @property
    def compared(self) -> int:
        """Tests that say something about the series."""
        return self.regressions + self.fixed + self.pre_existing + self.flaky + self.unchanged

    @property
    def results(self) -> int:
        """Tests with a result on the patched side."""
        return self.compared + self.new_failures + self.new_passes + self.ignored


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """All that a verdict is made from.

    `label` names the revision ("v3"). `run` and `baseline` are the steps in their order; `baseline` is None when there
    is none. `console` and `baseline_console` are what the kernels complained of, and `doubtful` what may come by
    chance (app.domain.complained). `since` compares with the revision before, called `previous` ("v2"); `alike`: that
    one was tested under the same conditions. `first` says that prerequisites were applied to both sides; `lacking` are
    those that could not be, each to follow "it needs" ("“bpf: Frob maps” v2, which is not at hand").
    """

    label: str
    run: tuple[StepOutcome, ...]
    baseline: tuple[StepOutcome, ...] | None
    changes: tuple[Change, ...] = ()
    console: tuple[ConsoleEvent, ...] = ()
    baseline_console: tuple[ConsoleEvent, ...] = ()
    doubtful: tuple[ConsoleEvent, ...] = ()
    previous: str | None = None
    since: RevisionComparison | None = None
    alike: bool = True
    first: bool = False
    lacking: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        """What the run is compared with, in a sentence."""
        return "the base with what it needs applied" if self.first else "the base"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """The verdict, the sentence that says it, what speaks for it (the weightiest first) and the figures."""

    verdict: Verdict
    sentence: str
    reasons: tuple[Reason, ...]
    counts: Counts = field(default_factory=Counts)


_VERDICTS = {
    Step.APPLY: Verdict.DOES_NOT_APPLY,
    Step.BUILD: Verdict.DOES_NOT_BUILD,
    Step.BOOT: Verdict.DOES_NOT_BOOT,
}
_VERBS = {Step.APPLY: "apply", Step.BUILD: "build", Step.BOOT: "boot"}


def judge(case: Case) -> Judgement:
    """Judge a revision.

    One that was tested without something that it needs is not blamed for anything: that would be said of a tree that
    nobody proposed.
    """
    judged = _judge(case)
    if not case.lacking or judged.verdict is Verdict.INCONCLUSIVE:
        return judged
    if judged.verdict is Verdict.CLEAN:
        return replace(judged, sentence=f"{judged.sentence} {_needs(case.lacking)}: it was tested without.")
    found = judged.sentence.removeprefix(f"{case.label} ")
    return replace(judged, verdict=Verdict.INCONCLUSIVE, sentence=untested(case.label, case.lacking, found))


def untested(label: str, lacking: Sequence[str], found: str) -> str:
    """Say that a revision was tested without what it needs, and what was found then: a sentence without its subject."""
    return f"{label} is inconclusive, for it could not be tested as meant. {_needs(lacking)}. Without, it {found}"


def _needs(lacking: Sequence[str]) -> str:
    return f"It needs {'; and '.join(lacking)}"


def _judge(case: Case) -> Judgement:
    counts = count(case.changes)
    trouble = next((each for each in case.run if each.outcome is Outcome.MISS), None)
    if trouble is not None:
        said = f": {trouble.reason}" if trouble.reason else ""
        return _inconclusive(case, counts, f"trouble of ours in {trouble.step}{said}", trouble)
    stopped = next((each for each in case.run if each.outcome.failed and each.step in _VERDICTS), None)
    if stopped is not None:
        return _stopped(case, stopped)
    return _without_a_base(case, counts) or _by_tests(case, counts)


def count(changes: Sequence[Change]) -> Counts:
    """Count changes by class."""
    by = Counter(change.cls for change in changes)
    return Counts(
        regressions=by[ChangeClass.REGRESSION],
        new_failures=by[ChangeClass.NEW_FAILURE],
        fixed=by[ChangeClass.FIXED],
        new_passes=by[ChangeClass.NEW_PASS],
        pre_existing=by[ChangeClass.PRE_EXISTING],
        flaky=by[ChangeClass.FLAKY],
        disappeared=by[ChangeClass.DISAPPEARED],
        not_run=by[ChangeClass.NOT_RUN],
        ignored=by[ChangeClass.IGNORED],
        unchanged=by[ChangeClass.UNCHANGED],
    )


def new_complaints(case: Case) -> tuple[ConsoleEvent, ...]:
    """Return what the patched kernel complained of and the base did not.

    What a busy host explains is left out, and what a blamed test says already: it ended its machine that way.
    """
    said = [(origin(one.key.suite, one.key.name), one.message or "") for one in case.changes if one.cls.blamed]
    return tuple(
        event
        for event in unknown(case.console, case.baseline_console)
        if not any(event.test == test and _says(message, event) for test, message in said)
    )


def _says(message: str, event: ConsoleEvent) -> bool:
    """Whether a failure is what an event tells; the panic after an oops adds nothing to that."""
    return event.title in message or event.kind is ConsoleKind.PANIC


def _stopped(case: Case, stopped: StepOutcome) -> Judgement:
    """Judge a run that did not reach its tests; what stops the base too is not the series' doing."""
    on_base = None if case.baseline is None else _find(case.baseline, stopped.step)
    verb = _VERBS[stopped.step]
    if stopped.step is not Step.APPLY:
        if on_base is not None and on_base.outcome.failed:
            return _inconclusive(case, Counts(), f"{case.base} is broken, it does not {verb} either", on_base)
        if on_base is None or on_base.outcome is not Outcome.PASS:
            text = f"it does not {verb}, and neither was {case.base} seen to under the same conditions"
            return _inconclusive(case, Counts(), text, stopped)
    verdict = _VERDICTS[stopped.step]
    said = f": {stopped.reason}" if stopped.reason else ""
    return Judgement(
        verdict=verdict,
        sentence=f"{case.label} {verdict}{said}.",
        reasons=(Reason(text=stopped.reason or str(verdict), excerpt=stopped.excerpt),),
    )


def _without_a_base(case: Case, counts: Counts) -> Judgement | None:
    """Judge a run whose base gave no results at all; None when it gave some."""
    base = case.baseline or ()
    broken = next((each for each in base if each.outcome.failed and each.step in _VERDICTS), None)
    if broken is not None:
        return _inconclusive(case, counts, f"{case.base} is broken, it does not {_VERBS[broken.step]}", broken)
    tested = _find(base, Step.SELFTESTS)
    if tested is None or tested.outcome in {Outcome.MISS, Outcome.SKIP}:
        return _inconclusive(case, counts, "there are no results of the base to compare with", tested)
    return None


def _by_tests(case: Case, counts: Counts) -> Judgement:
    died, base_died = _death(case.run), _death(case.baseline or ())
    reasons = [_reason(change) for change in sorted(case.changes, key=_weight) if change.cls.blamed]
    if died is not None and base_died is None:
        reasons.insert(0, Reason(text=died.reason, excerpt=died.excerpt))
    complaints = new_complaints(case)
    reasons += [Reason(text=one.sentence, fingerprint=one.fingerprint, excerpt=one.excerpt) for one in complaints]
    if reasons:
        sentence = regressed_sentence(
            case.label, case.changes, died=died is not None and base_died is None, why=reasons[0].text
        )
        return Judgement(verdict=Verdict.REGRESSED, sentence=sentence, reasons=tuple(reasons), counts=counts)
    if base_died is not None and counts.not_run:
        return _inconclusive(
            case, counts, f"{case.base} is broken, its machine ends in the middle of the tests", base_died
        )
    if counts.results == 0:
        return _inconclusive(case, counts, "no test gave a result", _find(case.run, Step.SELFTESTS))
    return _clean(case, counts)


def _clean(case: Case, counts: Counts) -> Judgement:
    sentence = clean_sentence(case.label, case.changes, previous=case.previous, since=case.since, alike=case.alike)
    if case.doubtful:
        number = len(case.doubtful)
        it = "it" if number == 1 else "them"
        said = f"{plural(number, 'complaint')} of the kernel may come by chance, and nobody is blamed for {it}"
        more = f" and {number - 1:,} more" if number > 1 else ""
        sentence += f" {said}: {case.doubtful[0].sentence}{more}."
    reasons = [_reason(change) for change in case.changes if change.cls is ChangeClass.DISAPPEARED]
    reasons += [Reason(text=f"{one.sentence} (by chance, perhaps)", excerpt=one.excerpt) for one in case.doubtful]
    return Judgement(verdict=Verdict.CLEAN, sentence=sentence, reasons=tuple(reasons), counts=counts)


def _inconclusive(case: Case, counts: Counts, text: str, step: StepOutcome | None) -> Judgement:
    more = f" ({step.reason})" if step is not None and step.reason and step.reason not in text else ""
    return Judgement(
        verdict=Verdict.INCONCLUSIVE,
        sentence=f"{case.label} is inconclusive: {text}{more}.",
        reasons=(Reason(text=text + more, excerpt="" if step is None else step.excerpt),),
        counts=counts,
    )


def _reason(change: Change) -> Reason:
    why = f": {change.message}" if change.message else ""
    confirmed = "" if change.confirmed or not change.cls.blamed else ", not run again itself"
    return Reason(
        text=f"{change.key} ({change.cls}; {change.reason}{confirmed}){why}",
        key=change.key,
        message=change.message or "",
        excerpt=change.detail or "",
    )


def _weight(change: Change) -> tuple[bool, TestKey]:
    return change.cls is not ChangeClass.REGRESSION, change.key


def _find(steps: Sequence[StepOutcome], step: Step) -> StepOutcome | None:
    return next((each for each in steps if each.step is step), None)


def _death(steps: Sequence[StepOutcome]) -> StepOutcome | None:
    """Return the selftests step when the machine did not live to their end."""
    tested = _find(steps, Step.SELFTESTS)
    return tested if tested is not None and tested.outcome.failed else None
