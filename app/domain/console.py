"""The kernel's console -> what went wrong in it: panics, oopses, warnings and their like, cut out and named.

With CONFIG_PRINTK_CALLER each line says which task or CPU printed it (printk_caller_id() in kernel/printk/printk.c):
what two of them print at once is told apart. A report stays with one of them, for the context that it is printed in
does not change on the way, but for the stacks that other CPUs show in it when they are asked to (lib/nmi_backtrace.c).
Without it, and for lines without a stamp, one complaint is open at a time.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from app.domain.captured import CALLER, LEVEL, TIME
from app.domain.complaints import KEYWORDS, LAST_WORDS, ConsoleKind, head_of
from app.domain.console_event import MAX_EXCERPT, Complaint, ConsoleEvent, Decoded, Place, Running, during
from app.domain.testlog.lines import LineSplitter, text_of

__all__ = [
    "ConsoleEvent",
    "ConsoleKind",
    "ConsoleReport",
    "ConsoleScanner",
    "Decoded",
    "Place",
    "Running",
    "during",
    "scan_console",
]

MAX_EVENTS = 200
"""Different events that are kept of one console."""

MAX_READ = 10_000
"""Complaints, repetitions included, after which only a panic is still looked for."""

MAX_INSIDE = 300_000
"""Lines of complaints after which the same."""

MAX_AT_ONCE = 64
"""Tasks and CPUs that complain at once, before the one is given up that was silent for longest.

More than a guest has CPUs, for what is given up half read looks like another complaint.
"""

_MAX_SAID = 8
"""Lines of words between the cut and what was cut out."""
_MAX_SILENCE = 2 * MAX_EXCERPT
"""Lines of others after which nothing more of a complaint is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleReport:
    """What a console said. `events` are in order and differ in fingerprint; `dropped` were too many to keep."""

    events: tuple[ConsoleEvent, ...]
    reached_userspace: bool
    lines: int
    dropped: int


_PREFIX = re.compile(rf"^{LEVEL}(?:{TIME})?{CALLER} ?")
_CALLED = re.compile(r"\[ *([TC]\d+)\]$")
# A program's own words, on the same console, may lack their newline.
_WITHIN = re.compile(rf"^.*\[ *\d+\.\d{{6}}\]{CALLER} ")
_USERSPACE = b" as init process"
_CUT = "------------[ cut here ]------------"
_SHOWS_STACK = "NMI backtrace for cpu "
_KERNEL = "kernel"


@dataclass(slots=True)
class _Line:
    """A line: its `text` without what stood before it, and what it begins to complain of, in which words.

    `speaker` is the task or CPU that printed it (`T99`, `C1`), "kernel" where a stamp only tells that the kernel did,
    "" where nothing tells who.
    """

    number: int
    text: str
    speaker: str
    head: tuple[ConsoleKind, str] | None = None

    @property
    def caller(self) -> str:
        """The task or CPU, or "" where that is not told."""
        return "" if self.speaker == _KERNEL else self.speaker


@dataclass(slots=True)
class _Cut:
    """What was said since the cut: `speaker` is who made it."""

    speaker: str
    heard: int
    said: list[str] = field(default_factory=list)


class ConsoleScanner:
    """Reads a console as it streams, in bounded memory; never raises on what it reads.

    `running` says what runs now; it is asked when a complaint begins. `life` is the number of the machine.
    """

    def __init__(self, *, life: int = 1) -> None:
        self.reached_userspace = False
        self.running: Callable[[], Running] = Running
        self._life = life
        self._splitter = LineSplitter()
        self._line = 0
        self._dropped = 0
        self._seen = 0
        self._inside = 0
        self._open: dict[str, Complaint | _Cut] = {}  # by caller; who was silent for longest comes first
        self._events: dict[str, ConsoleEvent] = {}

    def feed(self, data: bytes) -> None:
        """Read the next bytes."""
        for lines in self._splitter.feed(data):
            self._take(lines)

    def finish(self) -> ConsoleReport:
        """End the stream and return what it said."""
        self._take(self._splitter.finish())
        for caller in tuple(self._open):
            self._close(caller)
        return ConsoleReport(
            events=self.events,
            reached_userspace=self.reached_userspace,
            lines=self._line,
            dropped=self._dropped,
        )

    @property
    def events(self) -> tuple[ConsoleEvent, ...]:
        """What was found so far and is over; that leaks were counted is left out where they are listed."""
        found = sorted(self._events.values(), key=lambda event: event.line)
        listed = any(event.kind is ConsoleKind.LEAK and event.frames for event in found)
        return tuple(event for event in found if event.kind is not ConsoleKind.LEAK or event.frames or not listed)

    def _take(self, lines: Sequence[bytes]) -> None:
        text = b"\n".join(lines)
        if not self.reached_userspace:
            self.reached_userspace = _USERSPACE in text
        # A search of the whole batch for each word is much faster than one look at each line.
        keywords = KEYWORDS if self._seen < MAX_READ and self._inside < MAX_INSIDE else LAST_WORDS
        words = tuple(word for word in keywords if word in text)
        for at, line in enumerate(lines if words or self._open else ()):
            heading = any(word in line for word in words)
            if heading or self._open:
                self._read(_line_of(text_of(line)[:1000], self._line + at + 1, heading=heading))
        self._line += len(lines)

    def _read(self, line: _Line) -> None:
        caller = self._whose(line)
        one = self._open.get(caller)
        if isinstance(one, Complaint) and one.is_over(line.text):
            self._close(caller)
            one = None
        if line.head is not None and not (isinstance(one, Complaint) and one.goes_on(line.head[0], line.text)):
            caller, one = line.caller, self._begin(line, *line.head)
        elif _CUT in line.text:
            caller, one = line.caller, self._cut(line)
        self._inside += bool(self._open)
        if one is not None:
            self._hear(caller, one, line)
        first = next(iter(self._open), None)
        if first is not None and line.number - self._open[first].heard > _MAX_SILENCE:
            self._close(first)

    def _hear(self, caller: str, one: Complaint | _Cut, line: _Line) -> None:
        """Give a line to the one that it belongs to, who spoke last then."""
        one.heard = line.number
        if len(self._open) > 1:
            self._open[caller] = self._open.pop(caller)
        if isinstance(one, Complaint):
            over = one.add(line.text)
        elif _CUT in line.text:
            over = False
        else:
            one.said.append(line.text if one.speaker in {"", line.speaker} else "")
            over = len(one.said) > _MAX_SAID
        if over:
            self._close(caller)

    def _begin(self, line: _Line, kind: ConsoleKind, words: str) -> Complaint:
        cut = self._open.get(line.caller)
        said = next(filter(None, cut.said), "") if isinstance(cut, _Cut) else ""
        self._make_room(line.caller)
        begun = Complaint(kind, line.number, words, self.running(), said)
        self._open[line.caller] = begun
        return begun

    def _cut(self, line: _Line) -> _Cut:
        self._make_room(line.caller)
        cut = self._open[line.caller] = _Cut(line.speaker, line.number)
        return cut

    def _make_room(self, caller: str) -> None:
        """End what another complaint of this caller ends: its last, and one whose lines tell of no caller."""
        for over in ("", caller):
            self._close(over)
        for one in self._open.values():
            if isinstance(one, Complaint):
                one.helpers.discard(caller)
        if len(self._open) >= MAX_AT_ONCE:
            self._close(next(iter(self._open)))

    def _whose(self, line: _Line) -> str:
        """Return by which caller that is open which a line belongs to."""
        caller = line.caller
        if caller.startswith("C") and line.text.startswith(_SHOWS_STACK):
            self._ask(caller)
        if caller in self._open or not self._open:
            return caller
        if not caller:
            return next(reversed(self._open))
        helped = (one for one, open_ in self._open.items() if isinstance(open_, Complaint) and caller in open_.helpers)
        return next(helped, "")

    def _ask(self, cpu: str) -> None:
        """Count what a CPU says from now on to the complaint that makes it show its stack: the last that may."""
        may = [(caller, one) for caller, one in self._open.items() if isinstance(one, Complaint)]
        caller, one = next((each for each in reversed(may) if each[1].asks or each[0] == cpu), (cpu, None))
        if one is not None and caller != cpu:
            self._close(cpu)
            one.helpers.add(cpu)

    def _close(self, caller: str) -> None:
        one = self._open.pop(caller, None)
        if not isinstance(one, Complaint):
            return
        event = one.event(self._life)
        self._seen += 1
        seen = self._events.get(event.fingerprint)
        if seen is not None:
            first = min(seen, event, key=lambda event: event.line)
            self._events[event.fingerprint] = replace(first, count=seen.count + 1)
        elif len(self._events) < MAX_EVENTS:
            self._events[event.fingerprint] = event
        else:
            self._dropped += 1


def scan_console(console: bytes | str) -> tuple[ConsoleEvent, ...]:
    """Return the events of a whole console."""
    scanner = ConsoleScanner()
    scanner.feed(console.encode() if isinstance(console, str) else console)
    return scanner.finish().events


def _line_of(line: str, number: int, *, heading: bool) -> _Line:
    """Return a line in its parts; only one with `heading` may begin anything."""
    prefix = _PREFIX.match(line)
    text = line[prefix.end() :] if prefix else line
    head = head_of(text) if heading else None
    if heading and head is None and (before := _WITHIN.match(text)):
        within = text[before.end() :]
        head = head_of(within)
        text = within if head is not None or _CUT in within else text
    return _Line(number, text, _speaker(line[: len(line) - len(text)].rstrip()), head)


def _speaker(prefix: str) -> str:
    """Return who of the kernel said a line, by what stood before its text; "" for a program on the same console."""
    caller = _CALLED.search(prefix)
    return caller[1] if caller else _KERNEL if prefix else ""
