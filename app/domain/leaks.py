"""When what kmemleak reports was allocated -> in which test.

kmemleak says it in jiffies of the guest. The guest's init tells its clocks twice while it has the kernel look; between
the two lies how long a jiffy is. The guest's clocks go as the host's do, so that the time of the host's at which a test
reported is comparable, within a blur.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.domain.console import ConsoleEvent, ConsoleKind

_WHEN = re.compile(r"^ *comm \"[^\"\n]{0,32}\", pid \d+, jiffies (\d{1,20})\b", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """The clocks at one moment: the guest's jiffies and uptime (seconds), and the host's (seconds, as they arrived)."""

    jiffies: int
    uptime_s: float
    arrived_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A test that reported: its spelling (app.domain.suites), and when, in seconds of the host's clock."""

    test: str
    at_s: float


def attributed(
    events: Sequence[ConsoleEvent], ticks: Sequence[Tick], ended: Sequence[Ended], *, blur_s: float
) -> tuple[ConsoleEvent, ...]:
    """Return the events, leaks among them with the test in which each was allocated, where that can be told.

    Args:
        events: what a console said.
        ticks: what the init told of its clocks, in order.
        ended: tests in the order in which they reported.
        blur_s: within this of a test's end it may have been the next, or the one before.
    """
    if len(ticks) < 2 or ticks[-1].uptime_s <= ticks[0].uptime_s or ticks[-1].jiffies <= ticks[0].jiffies:
        return tuple(events)
    return tuple(_attributed(event, ticks, ended, blur_s) if _is_leak(event) else event for event in events)


def _is_leak(event: ConsoleEvent) -> bool:
    return event.kind is ConsoleKind.LEAK and event.test is None


def _attributed(event: ConsoleEvent, ticks: Sequence[Tick], ended: Sequence[Ended], blur_s: float) -> ConsoleEvent:
    said = _WHEN.search(event.excerpt)
    if said is None:
        return event
    first, last = ticks[0], ticks[-1]
    jiffy_s = (last.uptime_s - first.uptime_s) / (last.jiffies - first.jiffies)
    at_s = last.arrived_s - (last.jiffies - int(said[1])) * jiffy_s
    for place, one in enumerate(ended):
        if at_s <= one.at_s:
            before = ended[place - 1] if place else None
            near = before is not None and at_s - before.at_s < blur_s
            return replace(event, test=one.test, perhaps=before.test if near and before is not None else None)
    return event
