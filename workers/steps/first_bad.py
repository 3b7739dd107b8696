"""Where a series' failure began: its patches booted one by one, with the tests that fail.

A test that the patches make fail now and then fails in each of a judge's few boots, too, sooner or later. Whoever looks
for the first bad patch boots further: what passes with the whole series after all is no regression.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.bisection import LOOKS, Bisection, FirstBad, Seen
from app.domain.flake import MOST_RUNS, USUAL_RUNS
from app.domain.outcome import Outcome, TestKey, TestResult, Verdict
from app.domain.patches import Finding, FindingKind
from app.domain.regression import top_level
from app.services.patches import Heard
from workers.steps.confirm import MOST_ALONE
from workers.steps.lives import Lives
from workers.steps.prober import Prober

MOST_NAMED = 50
EXCERPT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that fails: a test where `key` is set, a complaint of the kernel where `event` is, else the boot.

    `own`: the base does not have the test, so that it cannot fail before it is there. `gone`: the test is wanted, and
    what is bad is that it is not there, or skipped. `looks`: how often the judge has seen the whole series show it.
    """

    key: TestKey | None = None
    event: str | None = None
    own: bool = False
    gone: bool = False
    looks: int = MOST_RUNS
    words: str = ""
    excerpt: str = ""

    def seen_in(self, life: Lives) -> Seen:
        """Return what a machine that ran the subject's tests shows of it."""
        if self.key is not None:
            return self._of_test(self.key, life)
        if self.event is not None:
            if any(event.fingerprint == self.event for event in life.events):
                return Seen.BAD
            return Seen.GOOD if life.complete else Seen.UNTOLD
        return Seen.GOOD if life.ready else Seen.BAD

    def _of_test(self, key: TestKey, life: Lives) -> Seen:
        found = next((one for one in life.results if one.key == key), None)
        if self.gone:
            there = found is not None and found.outcome is not Outcome.SKIP
            return Seen.GOOD if there else Seen.BAD if life.complete else Seen.UNTOLD
        if found is not None and found.outcome.failed:
            return Seen.BAD
        if found is not None and found.outcome is Outcome.PASS:
            return Seen.GOOD
        # A suite that cannot be told to run a part has a result of its own only where it was cut short.
        expected = not self.own and key.name != key.suite
        return Seen.GOOD if not expected and found is None and life.complete else Seen.UNTOLD


def subjects_of(heard: Heard) -> list[Subject]:
    """Return what a whole series does that one of its patches began."""
    if heard.verdict is Verdict.DOES_NOT_BOOT:
        return [Subject(words="the kernel does not boot")]
    gone = [Subject(key=key, gone=True, looks=1) for key in heard.gone]
    if heard.verdict is not Verdict.REGRESSED:
        return gone
    tests = [
        Subject(key=one.key, own=one.own, looks=max(one.failures, 1 + USUAL_RUNS)) for one in heard.blamed
    ]  # of very many that fail alike a sample was run again
    told = [Subject(event=one.fingerprint, words=one.title, excerpt=one.excerpt[:EXCERPT]) for one in heard.complaints]
    return [*tests, *told, *gone]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """Where failures began. `passed` are tests that the whole series fails and that passed with it now.

    `whole` are the results of the tests in question, a boot of the whole series each.
    """

    findings: tuple[Finding, ...] = ()
    passed: tuple[TestKey, ...] = ()
    whole: tuple[tuple[TestResult, ...], ...] = ()


async def first_bad(prober: Prober, subjects: Sequence[Subject], known: Mapping[int, Lives]) -> Begun:
    """Find the patch with which each subject begins to fail; `known` are boots of single patches that there were.

    Raises:
        InfrastructureError: trouble of ours.
    """
    states = {subject: _begun(prober, subject, known) for subject in subjects}
    whole: list[tuple[TestResult, ...]] = []
    while True:
        asked = next((state.next for state in states.values() if state.next is not None), None)
        if asked is None:
            break
        group: Sequence[Subject] = [subject for subject, state in states.items() if state.next == asked]
        if asked == prober.line.length:
            group = _alone(group)
        life = await prober.boot(asked, _tests_of(group))
        if life is not None and asked == prober.line.length:
            keys = {subject.key for subject in group}
            whole.append(tuple(one for one in life.results if one.key in keys))
        for subject in group:
            states[subject] = states[subject].told(asked, Seen.UNTOLD if life is None else _seen(subject, life))
    answers = {subject: state.answer for subject, state in states.items()}
    return Begun(
        findings=tuple(_first_findings(prober, answers)),
        passed=tuple(one.key for one, state in states.items() if one.key and not one.gone and state.by_chance),
        whole=tuple(whole),
    )


def _tests_of(group: Sequence[Subject]) -> Sequence[str] | None:
    """Return the tests to run for subjects: none for a boot alone, None (all) for a complaint that no test explains."""
    if any(subject.key is None for subject in group):
        return None if any(subject.key or subject.event for subject in group) else ()
    return top_level([subject.key for subject in group if subject.key is not None])


def _alone(group: Sequence[Subject]) -> Sequence[Subject]:
    """Return those that need the first one's test: what fails alone may pass among others, as the judge ran it.

    Very many share a machine there, too.
    """
    names = {subject: top_level([subject.key]) if subject.key is not None else () for subject in group}
    if len(set(names.values())) > MOST_ALONE:
        return group
    return [subject for subject in group if names[subject] == names[group[0]]]


def _seen(subject: Subject, life: Lives) -> Seen:
    """A test cannot tell where the kernel does not come up; the boot itself can."""
    if not life.ready and (subject.key is not None or subject.event is not None):
        return Seen.UNTOLD
    return subject.seen_in(life)


def _begun(prober: Prober, subject: Subject, known: Mapping[int, Lives]) -> Bisection:
    """What is known before: the judge has seen both ends; single patches were booted perhaps.

    The base it has seen as often as it takes; what is gone once only: a test may be skipped for what a host lacks, or
    by chance.
    """
    state, length = Bisection(length=prober.line.length), prober.line.length
    for _ in range(1 if subject.gone else LOOKS):
        state = state.told(0, Seen.GOOD)
    for _ in range(subject.looks):
        state = state.told(length, Seen.BAD)
    for position in prober.unbuilt | (prober.untouched - {length}):
        state = state.told(position, Seen.UNTOLD)
    for position, life in known.items():
        state = state.told(position, _seen(subject, life))
    return state


def _first_findings(prober: Prober, answers: dict[Subject, FirstBad | None]) -> list[Finding]:
    grouped: dict[tuple[FirstBad, bool], list[Subject]] = {}
    for subject, answer in answers.items():
        if answer is not None:
            grouped.setdefault((answer, subject.gone), []).append(subject)
    found = []
    for (answer, gone), group in sorted(grouped.items(), key=lambda one: (one[0][0].position, one[0][1])):
        tests = tuple(str(subject.key) for subject in group if subject.key is not None)
        other = next((subject for subject in group if subject.key is None), None)
        found.append(
            prober.finding(
                FindingKind.GONE if gone else FindingKind.FIRST_BAD,
                answer.good,
                answer.position,
                tests=tests[:MOST_NAMED],
                what=other.words if other is not None and not tests else "",
                excerpt=other.excerpt if other is not None else "",
            )
        )
    return found
