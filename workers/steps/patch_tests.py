"""Single patches tested: what breaks in the middle of a series and is whole in the end."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from app.domain.bisection import Seen
from app.domain.counted import counted
from app.domain.flake import MOST_RUNS, History, while_chance_explains
from app.domain.outcome import Outcome, TestKey
from app.domain.patches import Finding, FindingKind
from app.domain.regression import ABSENT, Observations, Side, observe, top_level
from app.services.judging import RunFacts
from workers.steps.first_bad import EXCERPT, MOST_NAMED, Subject
from workers.steps.lives import Lives
from workers.steps.patch_builds import Built
from workers.steps.prober import Prober


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
