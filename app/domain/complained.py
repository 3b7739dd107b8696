"""Whose doing a kernel's complaint is, by what came when it was looked for again: judged as a test that fails is.

What comes again each time with the patches, and never without them, is the series'. What comes in some of the same
boots only is nobody's, as a test that fails now and then; so is what unpatched trees show now and then as well, unless
it came more often than that explains (app.domain.flake).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.console import ConsoleEvent
from app.domain.flake import History


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One boot after the first: the tests that it ran (app.domain.suites), the fingerprints of what came."""

    tests: frozenset[str]
    came: frozenset[str]


def came_again(event: ConsoleEvent, patched: Sequence[Look], base: Sequence[Look]) -> bool:
    """Tell whether a complaint of the first boot came again with the patches, and not without them."""
    return any(event.fingerprint in one.came for one in patched) and not any(
        event.fingerprint in one.came for one in base
    )


def doubtful(event: ConsoleEvent, patched: Sequence[Look], history: History) -> bool:
    """Tell whether chance may explain that a complaint came again.

    Args:
        event: one that did (`came_again`).
        patched: the boots with the patches; those of other tests than it came in say nothing, for it may need others
            before it.
        history: in how many runs of unpatched trees, which ran its test, it came.
    """
    looks = [one for one in patched if one.tests & {event.test, event.perhaps}] or patched
    again = [one for one in looks if event.fingerprint in one.came]
    alike = {one.tests for one in again}
    missed = any(one.tests in alike and event.fingerprint not in one.came for one in looks)
    return missed or history.explains_failures(len(again))
