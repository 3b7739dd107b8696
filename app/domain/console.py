"""The kernel's console -> what went wrong in it: panics, oopses, warnings and their like, cut out and named.

The forms are those of kernel/panic.c, lib/bug.c, arch/x86/kernel/dumpstack.c, mm/kasan/report.c, lib/ubsan.c,
kernel/locking/lockdep.c, kernel/rcu/tree_stall.h, kernel/hung_task.c, kernel/watchdog.c and mm/oom_kill.c.
"""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.domain.testlog.lines import LineSplitter, text_of

MAX_EVENTS = 200
"""Different events that are kept of one console."""

MAX_READ = 10_000
"""Complaints, repetitions included, after which only a panic is still looked for."""

_MAX_EXCERPT = 120
_MAX_FRAMES = 64
_FINGERPRINT_FRAMES = 5


class ConsoleKind(StrEnum):
    """What the kernel complained of."""

    PANIC = "panic"
    OOPS = "oops"
    BUG = "BUG"
    WARNING = "WARNING"
    KASAN = "KASAN"
    UBSAN = "UBSAN"
    LOCKDEP = "lockdep"
    RCU_STALL = "RCU stall"
    HUNG_TASK = "hung task"
    SOFT_LOCKUP = "soft lockup"
    HARD_LOCKUP = "hard lockup"
    OOM = "OOM"
    LEAK = "memory leak"

    @property
    def depends_on_load(self) -> bool:
        """Whether a slow or busy host alone can bring it about, so that it proves nothing by itself."""
        return self in {
            ConsoleKind.RCU_STALL,
            ConsoleKind.HUNG_TASK,
            ConsoleKind.SOFT_LOCKUP,
            ConsoleKind.HARD_LOCKUP,
            ConsoleKind.OOM,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleEvent:
    """One complaint.

    `frames` are `function+0xoffset/0xsize`, innermost first, without the ones marked `?`. `excerpt` is the text from
    its first line on (at most 120 lines). `line` counts from 1. `fingerprint` (16 hex digits) is the same for the same
    complaint at other addresses, times and CPUs, and in other builds. `count` says how often it was seen.
    """

    kind: ConsoleKind
    title: str
    frames: tuple[str, ...]
    excerpt: str
    line: int
    fingerprint: str
    count: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsoleReport:
    """What a console said. `events` are in order and differ in fingerprint; `dropped` were too many to keep."""

    events: tuple[ConsoleEvent, ...]
    reached_userspace: bool
    lines: int
    dropped: int


_PREFIX = re.compile(r"^(?:<\d>)?(?:\[ *\d+\.\d+\])?(?:\[ *[TC]\d+\])? ?")
_HEADS: tuple[tuple[ConsoleKind, re.Pattern[str]], ...] = (
    (ConsoleKind.PANIC, re.compile(r"^Kernel panic - not syncing: ?(.*)")),
    (ConsoleKind.KASAN, re.compile(r"^BUG: (K(?:A|C|M)SAN: .*|KFENCE: .*)")),
    (ConsoleKind.UBSAN, re.compile(r"^UBSAN: (.*)")),
    (ConsoleKind.SOFT_LOCKUP, re.compile(r"^(?:watchdog: )?BUG: (soft lockup|workqueue lockup) - ")),
    (ConsoleKind.HARD_LOCKUP, re.compile(r"^(?:NMI )?watchdog: .*(hard LOCKUP)", re.IGNORECASE)),
    (ConsoleKind.RCU_STALL, re.compile(r"^rcu: INFO: (rcu_\w+ (?:self-)?detected (?:expedited )?stalls?)")),
    (ConsoleKind.HUNG_TASK, re.compile(r"^INFO: (task \S+?):\d+ blocked for more than")),
    (ConsoleKind.OOM, re.compile(r"^(\S+ invoked oom-killer)|^(?:Memory cgroup o|O)(ut of memory): Kill")),
    (ConsoleKind.LEAK, re.compile(r"^kmemleak: (\d+ new suspected memory leaks)")),
    (
        ConsoleKind.LOCKDEP,
        re.compile(
            r"^(?:WARNING: |\[ BUG: )((?:possible (?:circular locking|recursive locking|irq lock inversion|unsafe)"
            r"|inconsistent lock state|suspicious RCU usage|lock held when|bad unlock balance|Invalid wait context"
            r"|\S+-safe -> \S+-unsafe lock order|Nested lock was not taken|held lock freed).*?) ?\]?$"
        ),
    ),
    (
        ConsoleKind.OOPS,
        re.compile(
            r"^(?:BUG: )?(kernel NULL pointer dereference|unable to handle .*|kernel stack overflow.*"
            r"|Unable to handle kernel .*|general protection fault.*|Oops: .*|Internal error: .*|divide error: .*"
            r"|stack segment: .*|double fault: .*|invalid opcode: .*|int3: .*)"
        ),
    ),
    (ConsoleKind.BUG, re.compile(r"^kernel (BUG at \S+?)!")),
    (ConsoleKind.BUG, re.compile(r"^BUG: (.+)")),
    (ConsoleKind.WARNING, re.compile(r"^WARNING: (?:CPU: \d+ PID: \d+ at )?(\S+:\d+) ?(?:at )?.*")),
)
_KEYWORDS = (
    b"BUG", b"Oops", b"WARNING: ", b"Kernel panic", b"UBSAN", b" fault", b"detected", b"blocked for more", b"ockup",
    b"LOCKUP", b"oom-killer", b"ut of memory", b"kmemleak: ", b"divide error", b"nable to handle", b"stack segment",
    b"Internal error", b"invalid opcode", b"int3: ",
)  # fmt: skip
_LAST_WORDS = (b"Kernel panic",)
_USERSPACE = b" as init process"
_RIP = re.compile(r"^(?:RIP: \w+:|pc : )(\S+\+0x[0-9a-f]+/0x[0-9a-f]+)")
_FRAME = re.compile(r"^ *(?:\[<[0-9a-f]+>\] *)?([A-Za-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+)(?: \[\S+\].*)?\s*$")
_WARNED_IN = re.compile(r"^WARNING: .*? ([A-Za-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+)")
_END = re.compile(r"^---\[ end ")
_VARIABLE = re.compile(r"0x[0-9a-f]+|\b[0-9a-f]{8,}\b|\d+", re.IGNORECASE)
# Machinery between the fault and the report of it: says nothing about which fault it was.
_MACHINERY = re.compile(
    r"^(?:dump_stack(?:_lvl)?|show_stack|panic|vpanic|__warn(?:_printk)?|report_bug|handle_bug|exc_\w+|asm_\w+|oops_\w+"
    r"|die(?:_addr)?|__die\w*|page_fault_oops|no_context|kasan_\w+|print_\w*report\w*|__asan_\w+|check_region\w*"
    r"|print_address\w*|ubsan_epilogue|__ubsan_\w+|lockdep_\w+|lock_acquire|__lock_acquire|fixup_\w+|do_user_addr_fault"
    r"|ret_from_fork\w*|entry_SYSCALL\w*|do_syscall\w*|x64_sys_call)(?:\.\w+)*$"
)


@dataclass(slots=True)
class _Open:
    kind: ConsoleKind
    head: str
    line: int
    title: str
    excerpt: list[str] = field(default_factory=list)
    frames: list[str] = field(default_factory=list)


class ConsoleScanner:
    """Reads a console as it streams, in bounded memory; never raises on what it reads."""

    def __init__(self) -> None:
        self.reached_userspace = False
        self._splitter = LineSplitter()
        self._line = 0
        self._dropped = 0
        self._seen = 0
        self._open: _Open | None = None
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
            events=tuple(self._events.values()),
            reached_userspace=self.reached_userspace,
            lines=self._line,
            dropped=self._dropped,
        )

    @property
    def events(self) -> tuple[ConsoleEvent, ...]:
        """What was found so far and is over."""
        return tuple(self._events.values())

    def _take(self, lines: Sequence[bytes]) -> None:
        text = b"\n".join(lines)
        if not self.reached_userspace:
            self.reached_userspace = _USERSPACE in text
        # A search of the whole batch for each word is much faster than one look at each line.
        keywords = _KEYWORDS if self._seen < MAX_READ else _LAST_WORDS
        words = tuple(word for word in keywords if word in text)
        for at, line in enumerate(lines if words or self._open else ()):
            telling = any(word in line for word in words)
            if telling or self._open is not None:
                self._read(_PREFIX.sub("", text_of(line)[:1000], count=1), self._line + at + 1, telling=telling)
        self._line += len(lines)

    def _read(self, text: str, number: int, *, telling: bool) -> None:
        head = _head(text) if telling else None
        opened = self._open
        if head is not None and (opened is None or not _continues(opened, head[0], text)):
            self._close()
            self._open = opened = _Open(kind=head[0], head=text, line=number, title=head[1])
        if opened is None:
            return
        opened.excerpt.append(text)
        frame = _RIP.match(text) or _FRAME.match(text) or _WARNED_IN.match(text)
        if frame and len(opened.frames) < _MAX_FRAMES and frame[1] not in opened.frames:
            opened.frames.append(frame[1])
        if _END.match(text) or len(opened.excerpt) >= _MAX_EXCERPT:
            self._close()

    def _close(self) -> None:
        if self._open is None:
            return
        event, self._open = _event(self._open), None
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


def reached_userspace(console: bytes) -> bool:
    """Whether the kernel started an init process (`Run /init as init process`)."""
    return _USERSPACE in console


def _head(text: str) -> tuple[ConsoleKind, str] | None:
    for kind, pattern in _HEADS:
        if found := pattern.match(text):
            return kind, next((group for group in found.groups() if group), text)
    return None


def _continues(opened: _Open, kind: ConsoleKind, text: str) -> bool:
    """Whether a telling line belongs to the event that is open, as `Oops:` after `BUG: ...` does."""
    if kind is ConsoleKind.OOPS:
        return opened.kind in {ConsoleKind.OOPS, ConsoleKind.BUG, ConsoleKind.KASAN}
    return kind is ConsoleKind.OOM and opened.kind is ConsoleKind.OOM and "invoked" not in text


def _event(opened: _Open) -> ConsoleEvent:
    functions = [frame.partition("+")[0] for frame in opened.frames]
    telling = [name for name in functions if not _MACHINERY.match(name)] or functions
    what = _VARIABLE.sub("N", opened.title)
    identity = "\n".join([opened.kind, what, *telling[:_FINGERPRINT_FRAMES]])
    return ConsoleEvent(
        kind=opened.kind,
        title=_title(opened, telling),
        frames=tuple(opened.frames),
        excerpt="\n".join(_trimmed(opened.excerpt)),
        line=opened.line,
        fingerprint=hashlib.sha256(identity.encode()).hexdigest()[:16],
    )


def _title(opened: _Open, functions: Sequence[str]) -> str:
    """Name the event: what it is, and the function it happened in unless the words say it already."""
    said = opened.title if opened.title.startswith(opened.kind) else f"{opened.kind}: {opened.title}"
    if not functions or f"{functions[0]}+" in said:
        return said[:200]
    return f"{said[:160]} in {functions[0][:100]}"


def _trimmed(lines: Sequence[str]) -> Sequence[str]:
    """Drop what follows the last line that still belongs to a trace, when an event was ended by silence."""
    return lines if _END.match(lines[-1]) else lines[:80]
