"""The kernel's console -> what went wrong in it: panics, oopses, warnings and their like, cut out and named."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain.captured import CALLER, LEVEL, TIME
from app.domain.complaints import DIED, KEYWORDS, LAST_WORDS, ConsoleKind, head_of, telling
from app.domain.testlog.lines import LineSplitter, text_of

__all__ = ["ConsoleEvent", "ConsoleKind", "ConsoleReport", "ConsoleScanner", "Decoded", "Place", "scan_console"]

MAX_EVENTS = 200
"""Different events that are kept of one console."""

MAX_READ = 10_000
"""Complaints, repetitions included, after which only a panic is still looked for."""

MAX_INSIDE = 300_000
"""Lines of complaints after which the same."""

_MAX_EXCERPT = 120
_MAX_OOM = 2000
"""Lines between the call for the OOM killer and its deed: the state of the memory and a line a process."""
_MAX_SAID = 8
"""Lines of words between the cut and what was cut out."""
_MAX_FRAMES = 64
_FINGERPRINT_FRAMES = 5
_LEAK_FRAMES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A line of the source: `file` is a path of the tree."""

    function: str
    file: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Decoded:
    """A frame and where it lies in the source: the innermost of inlined functions first, the real function last."""

    frame: str
    places: tuple[Place, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleEvent:
    """One complaint.

    `frames` are `function+0xoffset/0xsize` of the first stack, innermost first, without the ones marked `?`; `decoded`
    are those of them that were looked up in the debug information. `excerpt` is the text from its first line on (at
    most 120 lines).
    `line` counts from 1. `fingerprint` (16 hex digits) is the same for the same complaint at other addresses, times and
    CPUs, and in other builds. `count` says how often it was seen, `life` in which machine of the run first.

    `test` is what ran when it was first seen; `perhaps` is the test that had ended just before, where it may have been
    that one (results and console come by ports of their own, and no clock is common to both).
    """

    kind: ConsoleKind
    title: str
    frames: tuple[str, ...]
    excerpt: str
    line: int
    fingerprint: str
    count: int = 1
    test: str | None = None
    perhaps: str | None = None
    life: int = 1
    decoded: tuple[Decoded, ...] = ()

    @classmethod
    def stored(cls, one: Mapping[str, Any]) -> "ConsoleEvent":
        """Return an event from the JSON object that was made of it, by an older version perhaps."""
        decoded = tuple(
            Decoded(frame=each["frame"], places=tuple(Place(**place) for place in each["places"]))
            for each in one.get("decoded", ())
        )
        return cls(**{**one, "kind": ConsoleKind(one["kind"]), "frames": tuple(one["frames"]), "decoded": decoded})

    @property
    def sentence(self) -> str:
        """The title, and which test ran, as far as that is known."""
        return " ".join(filter(None, (self.title, during(self.test or "", self.perhaps or ""))))

    @property
    def exact_first(self) -> bool:
        """Whether the first frame is where it happened rather than the return address of a call."""
        heads = [line for line in self.excerpt.split("\n") if _RIP.match(line) or _WARNED_IN.match(line)]
        return bool(self.frames) and any(self.frames[0] in line for line in heads)


def during(test: str, perhaps: str) -> str:
    """Say which test ran; `perhaps` (or "") is the one that may have been it as well, having ended just before."""
    if not test:
        return f"after {perhaps}" if perhaps else ""
    return f"while {test} ran, or just before it {perhaps}" if perhaps else f"while {test} ran"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleReport:
    """What a console said. `events` are in order and differ in fingerprint; `dropped` were too many to keep."""

    events: tuple[ConsoleEvent, ...]
    reached_userspace: bool
    lines: int
    dropped: int


_PREFIX = re.compile(rf"^{LEVEL}(?:{TIME})?{CALLER} ?")
_CALLED = re.compile(r"\[ *([TC]\d+)\]")
# A program's own words, on the same console, may lack their newline.
_WITHIN = re.compile(rf"^.*\[ *\d+\.\d{{6}}\]{CALLER} ")
_USERSPACE = b" as init process"
_SYMBOL = r"([A-Za-z_][\w.]{0,255}\+0x[0-9a-f]+/0x[0-9a-f]+)"
_RIP = re.compile(
    r"^(?:[ER]IP: (?:\w+:)?(?:\[<[0-9a-f]+>\] *)*|e?pc : |NIP \[[0-9a-f]+\] |Krnl PSW : [0-9a-f]+ [0-9a-f]+ \()"
    rf"{_SYMBOL}"
)
# Behind it: a module and its build, what the unwinder thinks of it, or where it lies in the source.
_FRAME = re.compile(
    rf"^ *\(?(?:\[<?[0-9a-f]+>?\] *)*{_SYMBOL}\)?(?: (?:\[[^\]]{{1,200}}\]|\([^()]*(?:\([^()]*\))?\)|\S+:\d+))*+\s*$"
)
_WARNED_IN = re.compile(rf"^WARNING: .*? {_SYMBOL}")
_CUT = "------------[ cut here ]------------"
_END = re.compile(r"^---\[ end ")
_TRACE = re.compile(r"^ *Call [Tt]race:")
# Whose stack follows: who had the memory before, who gave the page; s390's last jump is none at all.
_ANOTHER = re.compile(
    r"^ *(?:(?:kfence-#.{1,100}? )?(?:[Aa]llocated|[Ff]reed) by task |Last potentially related|Second to last"
    r"|The buggy address|Uninit was |Local variable |page last |Last Breaking-Event)"
)
# After a trace: other tasks and CPUs.
_OTHERS = re.compile(r"^(?:CPU: |NMI backtrace |Sending NMI |task:|rcu: )")
_PREEMPTION = "Preemption disabled at:"
"""An address follows, which is no frame."""
_BORDER = re.compile(r"^={20,}$")
_KILLED = re.compile(r"^(?:Memory cgroup o|O)ut of memory[^:]*: Kill")
_TRACED = {ConsoleKind.BUG, ConsoleKind.LOCKDEP, ConsoleKind.SOFT_LOCKUP}
"""What ends with its first trace, where that has an end."""
_BPF_TAGS = r"(?<=bpf_prog_)[0-9a-f]{16}(?![0-9a-f])|(?<=bpf_trampoline_)\d+(?:_\d+)?"
VARIABLE = re.compile(
    _BPF_TAGS + r"|0x[0-9a-f]+|pfn:[0-9a-f]+|\b(?=[a-f]*\d)[0-9a-f]{4,}\b|\b[0-9a-f]{8,}\b|\d+",
    re.IGNORECASE,
)
_DIE = re.compile(r": [0-9a-f]{4,16} (?:ilc:\d )?\[#\d+\].*")
# What a compiler makes of one function, the tag of a BPF program, the key of a trampoline: of this build or load only.
_OF_BUILD = re.compile(rf"(?:\.(?:constprop|isra|part|cold|lto_priv|llvm)(?:\.\d+)?)+$|(?:{_BPF_TAGS})_?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """What runs while bytes of a console come in; as in `ConsoleEvent`."""

    test: str | None = None
    perhaps: str | None = None


@dataclass(slots=True)
class _Open:
    kind: ConsoleKind
    head: str
    line: int
    title: str
    running: Running
    said: str = ""
    lines: int = 0
    excerpt: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)
    traced: bool = False
    """Whether the stack that counts has begun, by its heading, or ended."""
    elsewhere: bool = False
    """Whether what comes is of another stack."""


@dataclass(slots=True)
class _Cut:
    """What was said since the cut: `speaker` is the task or CPU that made it, "" where lines do not tell."""

    speaker: str
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
        self._open: _Open | None = None
        self._cut: _Cut | None = None
        self._events: dict[str, ConsoleEvent] = {}

    def feed(self, data: bytes) -> None:
        """Read the next bytes."""
        for lines in self._splitter.feed(data):
            self._take(lines)

    def finish(self) -> ConsoleReport:
        """End the stream and return what it said."""
        self._take(self._splitter.finish())
        self._close()
        return ConsoleReport(
            events=self.events,
            reached_userspace=self.reached_userspace,
            lines=self._line,
            dropped=self._dropped,
        )

    @property
    def events(self) -> tuple[ConsoleEvent, ...]:
        """What was found so far and is over; that leaks were counted is left out where they are listed."""
        found = tuple(self._events.values())
        listed = any(event.kind is ConsoleKind.LEAK and event.frames for event in found)
        return tuple(event for event in found if event.kind is not ConsoleKind.LEAK or event.frames or not listed)

    def _take(self, lines: Sequence[bytes]) -> None:
        text = b"\n".join(lines)
        if not self.reached_userspace:
            self.reached_userspace = _USERSPACE in text
        # A search of the whole batch for each word is much faster than one look at each line.
        keywords = KEYWORDS if self._seen < MAX_READ and self._inside < MAX_INSIDE else LAST_WORDS
        words = tuple(word for word in keywords if word in text)
        for at, line in enumerate(lines if words or self._open or self._cut is not None else ()):
            heading = any(word in line for word in words)
            if heading or self._open is not None or self._cut is not None:
                self._read(text_of(line)[:1000], self._line + at + 1, heading=heading)
        self._line += len(lines)

    def _read(self, line: str, number: int, *, heading: bool) -> None:
        text = _PREFIX.sub("", line, count=1)
        head = _head_in(text) if heading else None
        if _CUT in text or (self._open is not None and _is_over(self._open, text)):
            self._close()
        if head is not None and (self._open is None or not _continues(self._open, head[0], head[2])):
            self._close()
            said = next(filter(None, self._cut.said), "") if self._cut else ""
            self._open = _Open(head[0], head[2], number, head[1], self.running(), said)
            self._cut = None
        elif _CUT in text:
            self._cut = _Cut(_speaker(line, text))
        elif self._cut is not None:
            own = self._cut.speaker in {"", _speaker(line, text)}
            self._cut.said.append(text if own else "")
            self._cut = self._cut if len(self._cut.said) <= _MAX_SAID else None
        self._inside += self._open is not None or self._cut is not None
        if self._open is not None and _add(self._open, head[2] if head else text):
            self._close()

    def _close(self) -> None:
        if self._open is None:
            return
        event, self._open = _event(self._open, self._life), None
        self._seen += 1
        seen = self._events.get(event.fingerprint)
        if seen is not None:
            self._events[event.fingerprint] = replace(seen, count=seen.count + 1)
        elif len(self._events) < MAX_EVENTS:
            self._events[event.fingerprint] = event
        else:
            self._dropped += 1


def scan_console(console: bytes | str) -> tuple[ConsoleEvent, ...]:
    """Return the events of a whole console."""
    scanner = ConsoleScanner()
    scanner.feed(console.encode() if isinstance(console, str) else console)
    return scanner.finish().events


def of_any_build(function: str) -> str:
    """Return a function's name as it is in other builds and at other loads of the same program."""
    return _OF_BUILD.sub("", function)


def _speaker(line: str, text: str) -> str:
    """Return who of the kernel said a line, by what stood before its text; "" for a program on the same console."""
    prefix = line.removesuffix(text).strip()
    caller = _CALLED.search(prefix)
    return caller[1] if caller else "kernel" if prefix else ""


def _head_in(text: str) -> tuple[ConsoleKind, str, str] | None:
    """Return what a line begins to complain of, in which words, and the line from there on."""
    if (head := head_of(text)) is None and (before := _WITHIN.match(text)):
        text = text[before.end() :]
        head = head_of(text)
    return None if head is None else (*head, text)


def _continues(opened: _Open, kind: ConsoleKind, text: str) -> bool:
    """Whether a telling line belongs to the event that is open, as the one `Oops: ... [#1]` after `BUG: ...` does."""
    if kind is ConsoleKind.OOPS:
        second = opened.kind in {ConsoleKind.OOPS, ConsoleKind.BUG} and "general protection fault" not in text
        return second and bool(DIED.match(text)) and not any(map(DIED.match, opened.excerpt))
    return kind is ConsoleKind.OOM and opened.kind is ConsoleKind.OOM and bool(_KILLED.match(text))


def _is_over(opened: _Open, text: str) -> bool:
    """Whether a line is none of the event's any more."""
    return bool(_BORDER.match(text)) or (opened.kind is ConsoleKind.LEAK and not text.startswith(" "))


def _add(opened: _Open, text: str) -> bool:
    """Add a line to an event; tell whether it is its last."""
    opened.lines += 1
    _add_frame(opened, text)
    if len(opened.excerpt) < _MAX_EXCERPT or _KILLED.match(text):
        opened.excerpt[_MAX_EXCERPT - 1 :] = [text]
    if _END.match(text) or _KILLED.match(text):
        return True
    if opened.kind in _TRACED and text.strip() == "</TASK>":
        return True
    return opened.lines >= (_MAX_OOM if opened.kind is ConsoleKind.OOM else _MAX_EXCERPT)


def _add_frame(opened: _Open, text: str) -> None:
    """Take a line's frame, before the line joins the excerpt, where it is of the stack that counts."""
    if "+0x" not in text:
        _heed_heading(opened, text)
    elif not opened.elsewhere and len(opened.frames) < _MAX_FRAMES:
        told = opened.excerpt[-1:] != [_PREEMPTION]
        frame = told and (_RIP.match(text) or _FRAME.match(text) or _WARNED_IN.match(text))
        if frame and frame[1] not in opened.frames:
            opened.frames.append(frame[1])


def _heed_heading(opened: _Open, text: str) -> None:
    """Note whose stack follows: the first counts; who else runs, or had the memory before, is not what went wrong."""
    if text.startswith("stack backtrace:"):
        opened.frames.clear()  # lockdep showed first where locks were taken before
        opened.traced = opened.elsewhere = False
    elif _TRACE.match(text):
        opened.elsewhere = opened.traced
        opened.traced = True
    elif text.strip() == "</TASK>":
        opened.traced = opened.elsewhere = True
    elif _ANOTHER.match(text) or (opened.traced and _OTHERS.match(text)):
        opened.elsewhere = True


def _event(opened: _Open, life: int) -> ConsoleEvent:
    race = opened.title.startswith("KCSAN: ")  # its words name both functions, its traces come in any order
    functions = [] if race else telling([frame.partition("+")[0] for frame in opened.frames])
    what = VARIABLE.sub("N", "\n".join(filter(None, (_DIE.sub("", opened.title), opened.said))))
    # Who asks for memory is reached by many ways, each of them the same leak.
    depth = _LEAK_FRAMES if opened.kind is ConsoleKind.LEAK else _FINGERPRINT_FRAMES
    named = list(dict.fromkeys(of_any_build(name) for name in functions))[:depth]
    identity = "\n".join([opened.kind, what, *named])
    return ConsoleEvent(
        kind=opened.kind,
        title=_title(opened, functions),
        frames=tuple(opened.frames),
        excerpt="\n".join(_trimmed(opened.excerpt)),
        line=opened.line,
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:16],
        test=opened.running.test,
        perhaps=opened.running.perhaps,
        life=life,
    )


def _title(opened: _Open, functions: Sequence[str]) -> str:
    """Name the event: what it is, the function it happened in unless the words say it already, and what WARN() says."""
    why = f": {opened.said}" if opened.said else ""
    said = opened.title if opened.title.startswith(opened.kind) else f"{opened.kind}: {opened.title}"
    if not functions or f"{functions[0]}+" in said:
        return f"{said[:200]}{why}"[:300]
    if opened.kind is ConsoleKind.LEAK:
        said = f"{opened.kind}: what was allocated"
    return f"{said[:160]} in {functions[0][:100]}{why}"[:300]


def _trimmed(lines: Sequence[str]) -> Sequence[str]:
    """Drop what follows the last line that still belongs to a trace, when an event was ended by silence."""
    return lines if _END.match(lines[-1]) or _KILLED.match(lines[-1]) else lines[:80]
