"""The one sentence that stands first on the page and in the mail."""

from collections import Counter
from collections.abc import Sequence

from app.domain.outcome import ChangeClass
from app.domain.regression import Change, RevisionComparison

_MAX_NAMED = 3
_MANY = 10
_LONGEST_MESSAGE = 120


def plural(number: int, noun: str, many: str = "") -> str:
    """Return `1 test`, `1,419 tests`, `2 patches` (where `many` says so)."""
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"


def first_named(names: Sequence[str]) -> str:
    """Return `a, b, c and 4 more`."""
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(names[:_MAX_NAMED]) + more


def regressed_sentence(label: str, changes: Sequence[Change], *, died: bool, why: str) -> str:
    """Say what a revision broke. `died`: its tests did not come to their end; `why`: how, or what the kernel said."""
    by = Counter(change.cls for change in changes)
    said = []
    if died:
        said.append(f"{label} cuts the tests short{f': {why}' if why else ''}")
    if number := by[ChangeClass.REGRESSION]:
        named = f"{_named(changes, ChangeClass.REGRESSION)}{_in_common(changes)}"
        said.append(f"{label} regresses {plural(number, 'test')}: {named}")
    if number := by[ChangeClass.NEW_FAILURE]:
        own = "a new test" if number == 1 else f"{number:,} new tests"
        said.append(f"{label} fails {own} of its own: {_named(changes, ChangeClass.NEW_FAILURE)}")
    if not said:
        said.append(f"{label} makes the kernel complain: {why}")
    if number := by[ChangeClass.DISAPPEARED]:
        said.append(f"With {label} {plural(number, 'test')} of the base {_is(number)} {_gone(changes)}")
    return _sentences([*said, *_rest(by)], lead=len(said))


def clean_sentence(
    label: str,
    changes: Sequence[Change],
    *,
    previous: str | None,
    since: RevisionComparison | None,
    alike: bool = True,
) -> str:
    """Say that a revision is clean, what it repaired since the one before, and what else differs.

    `alike`: both were tested under the same conditions; else what failed is gone, and why is not known.
    """
    by = Counter(change.cls for change in changes)
    head = f"{label} is clean"
    if number := by[ChangeClass.DISAPPEARED]:
        head += f", but {plural(number, 'test')} of the base {_is(number)} {_gone(changes)}"
    rest = _rest(by)
    if previous is not None and since is not None and since.fixed:
        number = len(since.fixed)
        every = "the failure" if number == 1 else f"all {number:,} failures"
        what = plural(number, "failure") if since.unknown else every
        rest.insert(0, f"{what} of {previous} {_is(number)} {'fixed' if alike else 'gone'}")
    return _sentences([head, *rest], lead=1)


def _rest(by: Counter[ChangeClass]) -> list[str]:
    said = []
    if number := by[ChangeClass.FIXED]:
        said.append(f"{plural(number, 'failure')} of the base {_is(number)} fixed")
    if number := by[ChangeClass.NEW_PASS]:
        said.append(f"{plural(number, 'new test')} {'passes' if number == 1 else 'pass'}")
    if number := by[ChangeClass.FLAKY]:
        said.append(f"{plural(number, 'test')} {_is(number)} flaky")
    if number := by[ChangeClass.IGNORED]:
        said.append(f"{plural(number, 'failure')} {_is(number)} ignored")
    if number := by[ChangeClass.UNCHANGED] + by[ChangeClass.PRE_EXISTING]:
        said.append(f"{plural(number, 'test')} {_is(number)} as on the base")
    if number := by[ChangeClass.NOT_RUN]:
        said.append(f"{plural(number, 'test')} {'was' if number == 1 else 'were'} not run")
    return said


def _gone(changes: Sequence[Change]) -> str:
    """Return `gone: a, b`, or what else is to be said of tests that the base has and the series does not run."""
    skipped = {change.patched.skipped for change in changes if change.cls is ChangeClass.DISAPPEARED}
    word = "skipped" if skipped == {True} else "gone" if skipped == {False} else "gone or skipped"
    return f"{word}: {_named(changes, ChangeClass.DISAPPEARED)}"


def _is(number: int) -> str:
    return "is" if number == 1 else "are"


def _named(changes: Sequence[Change], cls: ChangeClass) -> str:
    return first_named([str(change.key) for change in changes if change.cls is cls])


def _in_common(changes: Sequence[Change]) -> str:
    """Return what most of many regressions say, in parentheses; "" where they are few or say different things."""
    regressed = [change for change in changes if change.cls is ChangeClass.REGRESSION]
    said = Counter(change.message for change in regressed if change.message)
    message, times = said.most_common(1)[0] if said else ("", 0)
    if len(regressed) < _MANY or 2 * times < len(regressed):
        return ""
    return f" ({times:,} of them: {message[:_LONGEST_MESSAGE]})"


def _sentences(parts: Sequence[str], *, lead: int) -> str:
    """Make a sentence of each of the first `lead` parts, which begin with a label, and one of the rest with commas."""
    rest = ", ".join(parts[lead:])
    return " ".join(f"{text}." for text in (*parts[:lead], f"{rest[:1].upper()}{rest[1:]}") if text)
