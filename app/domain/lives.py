"""What a machine's death leaves: which test ran, how it is told, and what the next machine has yet to run.

Tests are spelled as in `app.domain.suites`; a machine runs them invocation by invocation.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.console import ConsoleEvent, ConsoleKind
from app.domain.guest_stream import GuestEnd, Invoked
from app.domain.outcome import Outcome, TestResult
from app.domain.suites import FLAVOURS, WHOLE, Invocation, invocations, spelled

MOST_LIVES = 5
"""Machines that one run may take: with more killers than that something general broke."""

_NOT_STARTED = {126, 127}
"""A shell's exit codes for a program that could not be started (sh(1)): no test did that."""
_TELLING = (ConsoleKind.OOPS, ConsoleKind.BUG, ConsoleKind.KASAN, ConsoleKind.UBSAN)
_HANGS = (ConsoleKind.HARD_LOCKUP, ConsoleKind.SOFT_LOCKUP, ConsoleKind.HUNG_TASK, ConsoleKind.RCU_STALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Death:
    """How a machine ended before its tests did, for people, without who did it: `the machine fell silent for 120 s`.

    `hung`: it stood still rather than ended. `ours`: the time for all tests was up, which is no test's doing.
    """

    words: str
    hung: bool = False
    ours: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What one life left behind.

    `killers` are results of tests that ended their suite or the machine: FAIL, with the kernel's complaint as message,
    or MISS where the end was ours. `tests` are those to be run yet, in order. `cuts` say, for people, why which suite
    was cut short; `explained`: each of them has its killer, so that what has no result and is not in `tests` did not
    exist.
    """

    killers: tuple[TestResult, ...] = ()
    tests: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    explained: bool = True


def running(tests: Sequence[str], *, begun: int, last: str | None) -> str | None:
    """Return which of a machine's tests runs now, spelled; None where nothing says so.

    test_progs runs its tests in the order of their bytes and reports each when it has ended.

    Args:
        tests: what the machine was given.
        begun: how many invocations have been begun.
        last: the last top-level test that reported in the one that runs.
    """
    planned = invocations(tests)
    if not 0 < begun <= len(planned):
        return None
    name = _after(planned[begun - 1], last)
    return None if name is None else spelled(planned[begun - 1].suite, name)


def _after(invocation: Invocation, last: str | None) -> str | None:
    if invocation.suite not in FLAVOURS:
        return WHOLE
    return next((test for test in invocation.tests if last is None or test.partition("/")[0] > last), None)


def left_behind(
    tests: Sequence[str], end: GuestEnd, results: Sequence[TestResult], *, death: Death, events: Sequence[ConsoleEvent]
) -> Left:
    """Tell who ended what in one life, and what is to be run in the next.

    Args:
        tests: what the machine was given, in order.
        end: what its results port said.
        results: what was read of it.
        death: how it ended, were its tests not at their end.
        events: what its console said.
    """
    killers, left, cuts = [], [], []
    explained = True
    for at, invocation in enumerate(invocations(tests)):
        invoked = end.invoked[at] if at < len(end.invoked) else None
        if invoked is None or invoked.suite != invocation.suite:
            left += [spelled(invocation.suite, name) for name in invocation.tests or (WHOLE,)]
            continue
        if invoked.ended:
            continue
        name = _after(invocation, invoked.last_test)
        cuts.append(_cut(invoked, name, death))
        if name is None or invoked.exit_code in _NOT_STARTED:
            explained = False
            continue
        killers.append(_killer(invocation, name, invoked, death, events))
        explained = explained and killers[-1].outcome is not Outcome.MISS
        left += [spelled(invocation.suite, test) for test in invocation.tests if name != WHOLE and test > name]
    if not (cuts or left or end.done):
        cuts, explained = [f"{death.words} after the tests"], False
    have = {result.key for result in results if result.outcome.failed}
    return Left(
        killers=tuple(one for one in killers if one.key not in have),
        tests=tuple(left),
        cuts=tuple(cuts),
        explained=explained,
    )


def _cut(invoked: Invoked, name: str | None, death: Death) -> str:
    last = invoked.last_test
    if name is not None and name != WHOLE:
        where = f"{invoked.suite} while it ran {name}"
    else:
        where = f"{invoked.suite} {f'after {last}' if last else 'before any test had ended'}"
    if invoked.exit_code is None:
        return f"{death.words} in {where}"
    return f"exit code {invoked.exit_code} of {where}: {invoked.crash or invoked.said or 'it said nothing'}"


def _killer(
    invocation: Invocation, name: str, invoked: Invoked, death: Death, events: Sequence[ConsoleEvent]
) -> TestResult:
    """Return the result of a test that killed: named after its suite where no part of that can be told to run."""
    test = spelled(invocation.suite, name)
    event = telling_event([one for one in events if one.test in {test, None}], hung=death.hung)
    if invoked.exit_code is not None:
        message = invoked.crash or f"the program ended with exit code {invoked.exit_code}"
        message += f": {invoked.said}" if invoked.said and not invoked.crash else ""
        detail = None
    else:
        message = event.title if event is not None else death.words
        message = f"{death.words}; {message}" if death.hung and event is not None else message
        detail = None if event is None else event.excerpt
    return TestResult(
        suite=invocation.suite,
        name=str(invocation.suite) if name == WHOLE else name,
        outcome=Outcome.MISS if death.ours and invoked.exit_code is None else Outcome.FAIL,
        message=message[:300],
        detail=detail,
    )


def telling_event(events: Sequence[ConsoleEvent], *, hung: bool) -> ConsoleEvent | None:
    """Return the complaint that says best why a machine died: the oops before the panic, the lockup of a hang."""
    wanted = _HANGS if hung else (*_TELLING, ConsoleKind.PANIC)
    for kinds in (wanted, tuple(ConsoleKind)):
        for event in events:
            if event.kind in kinds:
                return event
    return None
