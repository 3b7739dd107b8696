"""Which suspects are run again, and which of them further: as few machines as justice takes."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from app.domain.flake import History
from app.domain.outcome import ChangeClass, TestKey
from app.domain.regression import ABSENT, Change, Observations, Side, candidates, cut_before, known, top_level
from app.domain.suites import origin

MANY = 48
"""With more tests than this something general broke, such as a feature that the kernel lost."""
SAMPLE = 24
"""So many of them are run again, spread over their names; were a tenth of them flukes, one would show in 92 of 100."""

_AS_ONCE = (ChangeClass.FIXED, ChangeClass.PRE_EXISTING)
"""What a single run each says of a test that the base fails."""


def suspects(baseline: Side, patched: Side, *, ignored: Collection[TestKey]) -> tuple[TestKey, ...]:
    """Return the tests to run again on both sides: they fail with the patches alone, and nobody said to ignore them.

    Also those that the base may have: it skipped them, or what they are part of failed there before it came to them.
    """
    unseen = (key for key in _unseen(baseline, patched) if _may_be_of(baseline, key, patched[key]))
    return tuple(key for key in sorted({*candidates(baseline, patched), *unseen}) if key not in ignored)


def new_failures(baseline: Side, patched: Side, *, ignored: Collection[TestKey]) -> tuple[TestKey, ...]:
    """Return the tests to run again on the patched side alone, for the base has none such to compare with."""
    unseen = (key for key in _unseen(baseline, patched) if not _may_be_of(baseline, key, patched[key]))
    return tuple(key for key in sorted(unseen) if key not in ignored)


def _unseen(baseline: Side, patched: Side) -> Iterable[TestKey]:
    """Return the tests that fail with the patches, and of which the base has no result that says something."""
    return (
        key
        for key, seen in patched.items()
        if seen.failing and not seen.aggregate and not baseline.get(key, ABSENT).telling
    )


def _may_be_of(baseline: Side, key: TestKey, seen: Observations) -> bool:
    return baseline.get(key, ABSENT).skipped or cut_before(baseline, key, seen) is not None


def sample(keys: Collection[TestKey]) -> tuple[TestKey, ...]:
    """Return the tests to run again first: all, or where they are MANY, those of SAMPLE top-level tests."""
    names = top_level(keys)
    if len(names) <= MANY:
        return tuple(keys)
    chosen = {names[at * len(names) // SAMPLE] for at in range(SAMPLE)}
    return tuple(key for key in keys if origin(key.suite, key.name) in chosen)


def seen_again(patched: Side, keys: Iterable[TestKey]) -> bool:
    """Tell whether any of these tests had a second result: what failed once and was never seen again proves nothing."""
    return any(len(patched.get(key, ABSENT).telling) > 1 for key in keys)


def all_alike(baseline: Side, patched: Side, keys: Iterable[TestKey]) -> bool:
    """Tell whether each of these tests kept failing with the patches, and kept passing without where it is there."""
    return all(_one_cause(baseline.get(key, ABSENT), patched.get(key, ABSENT)) for key in keys)


def doubted(
    baseline: Side, patched: Side, keys: Iterable[TestKey], histories: Mapping[TestKey, History]
) -> tuple[TestKey, ...]:
    """Return the tests of `keys` that chance may still explain: they failed each time, as a test by itself may.

    Those that passed once are flaky already; of those that have no result on the base no history tells.
    """
    return tuple(
        key
        for key in keys
        if baseline.get(key, ABSENT).telling
        and _one_cause(baseline[key], patched.get(key, ABSENT))
        and known(histories.get(key, History()), baseline[key]).explains_failures(len(patched[key].telling) - 1)
    )


def in_doubt(changes: Iterable[Change], keys: Collection[TestKey]) -> tuple[Change, ...]:
    """Return changes, those of `keys` not called regressions: they were not seen often enough to rule out chance."""
    return tuple(
        replace(one, cls=ChangeClass.FLAKY, reason=f"{one.reason}: too few runs to rule out chance")
        if one.cls is ChangeClass.REGRESSION and one.key in keys
        else one
        for one in changes
    )


def unlike_elsewhere(changes: Iterable[Change], elsewhere: Side) -> tuple[Change, ...]:
    """Return changes, those flaky that did otherwise `elsewhere`: in other runs of the same image.

    What failed in one of them and passed in another fails now and then with the same patches: nobody is blamed for it,
    nothing is said to be fixed, and it does not fail as the base does.
    """
    where = "in other runs of the same patches"
    return tuple(
        replace(one, cls=ChangeClass.FLAKY, reason=f"{one.reason}; {elsewhere[one.key].figures} {where}")
        if (one.cls.blamed or one.cls in _AS_ONCE) and one.key in elsewhere
        else one
        for one in changes
    )


def _one_cause(before: Observations, after: Observations) -> bool:
    return not before.failing and after.failing and not after.mixed
