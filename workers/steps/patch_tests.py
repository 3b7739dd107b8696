"""Single patches booted: where the series' failure began, and what breaks in the middle and is whole in the end."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import structlog

from app.config import ProfileSettings
from app.domain.bisection import LOOKS, Bisection, FirstBad, Seen
from app.domain.counted import counted
from app.domain.flake import MOST_RUNS, History, while_chance_explains
from app.domain.outcome import Outcome, TestKey, Verdict
from app.domain.patches import Finding, FindingKind
from app.domain.regression import ABSENT, Observations, Side, observe, top_level
from app.errors import BuildFailedError, InfrastructureError
from app.services.judging import RunFacts
from app.services.patches import Heard
from workers.ports import Builder, Ending, Image, Machine, Sink, Steps
from workers.steps.build import key_of
from workers.steps.lives import Lives
from workers.steps.patch_builds import Built, Line
from workers.steps.selftests import boot_quietly

log = structlog.get_logger(__name__)

MOST_NAMED = 50
EXCERPT = 4000


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """Something that fails: a test where `key` is set, a complaint of the kernel where `event` is, else the boot.

    `own`: the base does not have the test, so that it cannot fail before it is there. `gone`: the test is wanted, and
    what is bad is that it is not there, or skipped.
    """

    key: TestKey | None = None
    event: str | None = None
    own: bool = False
    gone: bool = False
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


@dataclass(slots=True, kw_only=True)
class Prober:
    """Boots single patches; `run` and `baseline` are the whole series and what it lies on, as the judge had them.

    `untouched` are the patches that touch nothing that is built, `unbuilt` those that do not build.
    """

    machine: Machine
    builder: Builder
    profile: ProfileSettings
    steps: Steps
    line: Line
    files: tuple[str, ...]
    run: RunFacts
    baseline: RunFacts
    log: Sink
    untouched: frozenset[int]
    unbuilt: set[int] = field(default_factory=set)

    async def boot(self, position: int, tests: Sequence[str] | None) -> Lives | None:
        """Boot the series up to a patch, run those of `tests` (None: all) that it has; None where it does not build.

        Raises:
            InfrastructureError: trouble of ours.
        """
        image = await self._image(position)
        if image is None:
            return None
        chosen = [one for one in image.tests if tests is None or one in tests]
        words = f"reroll: booting {position} of {self.line.length}, {len(chosen)} tests\n"
        self.log(words.encode())
        life = await boot_quietly(self.machine, image, self.profile, tests=chosen or image.tests[:1])
        if life.boot.ending is Ending.TIME_LIMIT:
            raise InfrastructureError(f"the tests of patch {position} were not through in time")
        return life

    def finding(
        self,
        kind: FindingKind,
        good: int,
        bad: int,
        *,
        until: int | None = None,
        tests: tuple[str, ...] = (),
        what: str = "",
        excerpt: str = "",
    ) -> Finding:
        """Return what one of the patches after `good` up to `bad` does: none that touches nothing that is built."""
        culprits = [at for at in range(good + 1, bad + 1) if at not in self.untouched] or [bad]
        return Finding(
            kind=kind,
            position=culprits[-1],
            title=self.line.patches[culprits[-1] - 1].title,
            earliest=culprits[0],
            until=until,
            tests=tests,
            what=what,
            excerpt=excerpt,
        )

    async def _image(self, position: int) -> Image | None:
        if position in self.unbuilt:
            return None
        commit = self.line.commits[position]
        key = await key_of(self.builder, self.profile, files=self.files, commit=commit)
        kept = await self.builder.find(key)
        if kept is not None:
            return kept
        try:
            return await self.steps.image(commit, key=key, log=self.log)
        except BuildFailedError:
            self.unbuilt.add(position)
            return None


def subjects_of(heard: Heard) -> list[Subject]:
    """Return what a whole series does that one of its patches began."""
    if heard.verdict is Verdict.DOES_NOT_BOOT:
        return [Subject(words="the kernel does not boot")]
    gone = [Subject(key=key, gone=True) for key in heard.gone]
    if heard.verdict is not Verdict.REGRESSED:
        return gone
    tests = [Subject(key=key, own=own) for key, own in heard.blamed]
    told = [Subject(event=one.fingerprint, words=one.title, excerpt=one.excerpt[:EXCERPT]) for one in heard.complaints]
    return [*tests, *told, *gone]


async def first_bad(prober: Prober, subjects: Sequence[Subject], known: dict[int, Lives]) -> list[Finding]:
    """Find the patch with which each subject begins to fail; `known` are boots of single patches that there were.

    Raises:
        InfrastructureError: trouble of ours.
    """
    states = {subject: _begun(prober, subject, known) for subject in subjects}
    while True:
        asked = next((state.next for state in states.values() if state.next is not None), None)
        if asked is None:
            break
        group = [subject for subject, state in states.items() if state.next == asked]
        alone = all(subject.key is not None for subject in group)
        tests = top_level([subject.key for subject in group if subject.key is not None]) if alone else None
        life = await prober.boot(asked, tests if any(subject.key or subject.event for subject in group) else ())
        for subject in group:
            states[subject] = states[subject].told(asked, Seen.UNTOLD if life is None else _seen(subject, life))
    return _first_findings(prober, {subject: state.answer for subject, state in states.items()})


def _seen(subject: Subject, life: Lives) -> Seen:
    """A test cannot tell where the kernel does not come up; the boot itself can."""
    if not life.ready and (subject.key is not None or subject.event is not None):
        return Seen.UNTOLD
    return subject.seen_in(life)


def _begun(prober: Prober, subject: Subject, known: dict[int, Lives]) -> Bisection:
    """What is known before: the judge has seen both ends, as often as it takes; single patches were booted perhaps.

    What is gone it has seen once at each: a test may be skipped for what a host lacks, or by chance.
    """
    state = Bisection(length=prober.line.length)
    for _ in range(1 if subject.gone else LOOKS):
        state = state.told(0, Seen.GOOD).told(prober.line.length, Seen.BAD)
    for position in prober.unbuilt | (prober.untouched - {prober.line.length}):
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


async def boot_each(prober: Prober, built: Sequence[Built]) -> dict[int, Lives]:
    """Boot every patch but the last that changes what is built, and run the selected tests.

    Raises:
        InfrastructureError: trouble of ours.
    """
    lives: dict[int, Lives] = {}
    for one in built[:-1]:
        if one.outcome is Outcome.PASS:
            life = await prober.boot(one.position, None)
            if life is not None:
                lives[one.position] = life
    return lives


def tests_of(life: Lives, baseline: RunFacts, files: Collection[str]) -> dict[str, Any]:
    """Return what a boot's tests showed, as JSON; those that fail where the base fails them are counted apart.

    `files` are the paths that the series touches.
    """
    base, tally = observe([baseline.results]), life.tally
    keys = {one.key for one in counted(life.results, files) if one.outcome.failed and not one.aggregate}
    failing = sorted(str(key) for key in keys if not base.get(key, ABSENT).failures)
    return {
        "booted": life.ready,
        "complete": life.complete,
        "passed": tally.passed,
        "failed": len(failing),
        "skipped": tally.skipped,
        "as_on_base": len(keys) - len(failing),
        "failing": failing[:MOST_NAMED],
    }


async def passing_trouble(
    prober: Prober,
    lives: dict[int, Lives],
    *,
    but: frozenset[TestKey],
    boots: bool,
    histories: Mapping[TestKey, History],
) -> list[Finding]:
    """Return what single patches break that is whole at the end: seen again alone, and against those before it.

    `but` are tests that are not among them: the whole series fails them, or nobody is named for them; `boots`: the
    whole series boots. `histories` say how often tests fail by themselves.

    Raises:
        InfrastructureError: trouble of ours.
    """
    found = await _no_boots(prober, lives) if boots else []
    sides = {position: observe([life.results]) for position, life in lives.items() if life.ready}
    sides[prober.line.length] = observe([prober.run.results])
    for position, keys in sorted(_suspects(prober, sides, but=but).items()):
        before = max([0, *(at for at in sides if at < position)])
        confirmed = await _confirmed(prober, keys, bad=position, good=before, histories=histories)
        by_end: dict[int | None, list[TestKey]] = {}
        for key in confirmed:
            later = (at for at in sorted(sides) if at > position and sides[at].get(key, ABSENT).always_passes)
            by_end.setdefault(next(later, None), []).append(key)
        for until, group in by_end.items():
            told = sides[position][group[0]]
            found.append(
                prober.finding(
                    FindingKind.TESTS,
                    before,
                    position,
                    until=until,
                    tests=tuple(str(key) for key in group)[:MOST_NAMED],
                    excerpt=(told.detail or told.message or "")[:EXCERPT],
                )
            )
    return found


def _suspects(prober: Prober, sides: Mapping[int, Side], *, but: frozenset[TestKey]) -> dict[int, list[TestKey]]:
    """Return the tests that begin to fail at a patch, by that patch: they pass on the base and not fail in the end."""
    base, end = observe([prober.baseline.results]), sides[prober.line.length]
    suspects: dict[int, list[TestKey]] = {}
    for key in sorted({key for side in sides.values() for key in side} - but):
        if _fails(end.get(key, ABSENT)) or not base.get(key, ABSENT).always_passes:
            continue
        failed = False
        for at, side in sorted(sides.items()):
            fails = _fails(side.get(key, ABSENT))
            if fails and not failed:
                suspects.setdefault(at, []).append(key)
            failed = fails
    return suspects


def _fails(seen: Observations) -> bool:
    return bool(seen.failures) and not seen.aggregate


async def _confirmed(
    prober: Prober, keys: Sequence[TestKey], *, bad: int, good: int, histories: Mapping[TestKey, History]
) -> list[TestKey]:
    """Return the tests that fail again at `bad` and pass at `good`, alone, each time until that is no chance."""
    sure: list[TestKey] = []
    left = list(keys)
    for again in range(1, MOST_RUNS + 1):
        for position, wanted in ((bad, Seen.BAD), (good, Seen.GOOD)):
            if not left:
                return sorted(sure)
            life = await prober.boot(position, top_level(left))
            left = [key for key in left if life is not None and Subject(key=key).seen_in(life) is wanted]
        known = {key: histories.get(key, History(runs=1)).and_passed(again) for key in left}
        sure += [key for key in left if not known[key].explains_failures(again)]
        left = [key for key in left if key not in sure]
    return sorted(sure)


async def _no_boots(prober: Prober, lives: dict[int, Lives]) -> list[Finding]:
    """Return the patches that do not boot although the whole does, and although the one before them does."""
    found = []
    silent = [position for position, life in sorted(lives.items()) if not life.ready]
    for position in silent:
        before = max([0, *(at for at in lives if at < position)])
        if before in silent:
            continue  # the patch before it is the one
        again = await _silent(prober, position, before)
        if again is None:
            continue
        after = (at for at in sorted(lives) if at > position and lives[at].ready)
        event = next(iter(again.events), None)
        found.append(
            prober.finding(
                FindingKind.BOOT,
                before,
                position,
                until=next(after, prober.line.length),
                what=event.title if event else str(again.boot.ending),
                excerpt=event.excerpt[:EXCERPT] if event else "",
            )
        )
    return found


async def _silent(prober: Prober, position: int, before: int) -> Lives | None:
    """Return how a patch does not boot, the one before it booting each time in between; None where that was chance."""
    again = None
    for _ in while_chance_explains():
        good = await prober.boot(before, ())
        again = await prober.boot(position, ())
        if good is None or not good.ready or again is None or again.ready:
            return None
    return again
