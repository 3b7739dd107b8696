"""Whose doing a kernel's complaint is, by what came when it was looked for again: judged as a test that fails is.

What comes again each time with the patches, and never without them, is the series'. What comes in some of the same
boots only is nobody's, as a test that fails now and then; so is what unpatched trees show now and then as well, unless
it came more often than that explains (app.domain.flake).
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.domain.complaints import telling
from app.domain.console import ConsoleEvent, ConsoleKind
from app.domain.console_event import VARIABLE, of_any_build
from app.domain.flake import History

TELLING_FRAMES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One boot after the first: the tests that it ran (app.domain.suites), the fingerprints of what came.

    `complete`: it came to the end of its tests; else it says nothing of what did not come.
    """

    tests: frozenset[str]
    came: frozenset[str]
    complete: bool = True


def unknown(events: Iterable[ConsoleEvent], base: Iterable[ConsoleEvent]) -> tuple[ConsoleEvent, ...]:
    """Return what the base's kernel did not complain of too, but for what a busy host explains."""
    known: set[str] = set()
    ways: dict[tuple[ConsoleKind, str | None, str], list[frozenset[str]]] = defaultdict(list)
    for one in base:
        known.add(one.fingerprint)
        ways[_what(one)].append(_called(one))
    fresh = (one for one in events if not one.kind.depends_on_load and one.fingerprint not in known)
    return tuple(one for one in fresh if one.test is None or not _akin(_called(one), ways.get(_what(one), ())))


def _akin(mine: frozenset[str], ways: Iterable[frozenset[str]]) -> bool:
    """Whether one way is as good as this: a patch that renames a function in between, or inlines it, adds nothing."""
    return any(2 * len(mine & theirs) >= len(mine | theirs) > 0 for theirs in ways)


def _what(event: ConsoleEvent) -> tuple[ConsoleKind, str | None, str]:
    """Return what is complained of, in which test and in which words, whatever the functions are called."""
    words = event.title
    for name in sorted({frame.partition("+")[0] for frame in event.frames}, key=len, reverse=True):
        words = words.replace(name, "F")
    return event.kind, event.test, VARIABLE.sub("N", words)


def _called(event: ConsoleEvent) -> frozenset[str]:
    names = [of_any_build(frame.partition("+")[0]) for frame in event.frames]
    return frozenset(telling(names)[:TELLING_FRAMES])


def came_again(event: ConsoleEvent, patched: Sequence[Look], base: Sequence[Look]) -> bool:
    """Tell whether a complaint of the first boot came again with the patches, and not without them."""
    return any(event.fingerprint in one.came for one in patched) and not any(
        event.fingerprint in one.came for one in base
    )


def doubtful(
    event: ConsoleEvent,
    patched: Sequence[Look],
    base: Sequence[Look],
    history: History,
    blamed: Collection[str] = (),
) -> bool:
    """Tell whether chance may explain that a complaint came again.

    Args:
        event: one that did (`came_again`).
        patched: the boots with the patches; those of other tests than it came in say nothing, for it may need others
            before it.
        base: those without; of these too only the ones of the same tests count.
        history: in how many runs of unpatched trees, which ran its test, it came; the first of the base is one.
        blamed: tests that the series breaks for certain; what comes whenever one of these fails is no more in doubt.
    """
    looks = [one for one in patched if one.tests & {event.test, event.perhaps}] or patched
    again = [one for one in looks if event.fingerprint in one.came]
    alike = {one.tests for one in again}
    missed = any(one.tests in alike and event.fingerprint not in one.came for one in looks)
    quiet = sum(one.tests in alike and one.complete for one in base) + (0 if history.runs else 1)
    return missed or (event.test not in blamed and history.and_passed(quiet).explains_failures(len(again)))
