"""One complaint of the kernel's: gathered line by line, then named, with a fingerprint that other builds share."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.complaints import DIED, ConsoleKind, telling

MAX_EXCERPT = 120
_MAX_OOM = 2000
"""Lines between the call for the OOM killer and its deed: the state of the memory and a line a process."""
_MAX_FRAMES = 64
_MAX_BEFORE_SENTENCE = 4
"""Lines among which UBSAN's sentence is looked for: others may speak in between."""
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
_SENDS_NMI = "Sending NMI "
# What UBSAN says next, in one or two lines: lib/ubsan.c, old and new.
_UNDEFINED = re.compile(
    r"^(?:(?:un)?signed integer overflow:|.{1,100}? cannot be represented in type '|division by zero"
    r"|index .{1,40}? is out of range for type '|shift exponent |left shift of |calling __builtin_unreachable"
    r"|load of value |.{1,40}? (?:null pointer of type '|misaligned address |address \S+ with insufficient space)"
    r"|for an object of type '|assumption of \d)"
)
# Where a fault hit, of any architecture: an address, and at some the registers of return, or the ends of a stack.
_FAULT = re.compile(r"nable to handle |stack guard page ")
_ADDRESS = re.compile(
    r"(?:(?: for)?(?: data)?(?: at)?(?: virtual)? address:?| at) (?:0x)?([0-9a-f]{8,16})\b"
    r"(?:, \w{1,9} == [0-9a-f]{8,16}| \(stack is [0-9a-fx.]{1,40}\))*",
)
_LEAST_ADDRESS = 4096
"""Below it lies what NULL was taken for, and the number is an offset in a structure."""
_AGAIN = re.compile(r"^(?:Oops: )+")
_POINTER = re.compile(r"(?<= address )\S+ ")
_SIGN = re.compile(r"(?<!\w)-(?=\d)")
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
class Complaint:
    """One complaint as its lines come, each without what stood before its text."""

    kind: ConsoleKind
    line: int
    title: str
    running: Running
    said: str = ""
    heard: int = 0
    """The number of its last line."""
    helpers: set[str] = field(default_factory=set)
    """CPUs that show their stacks in it because its own asked them to."""
    _sentence: str = ""
    _asks: bool = False
    _lines: int = 0
    _excerpt: list[str] = field(default_factory=list)
    _frames: list[str] = field(default_factory=list)
    _traced: bool = False
    """Whether the stack that counts has begun, by its heading, or ended."""
    _elsewhere: bool = False
    """Whether what comes is of another stack."""

    @property
    def asks(self) -> bool:
        """Whether it makes other CPUs show their stacks; a console that is quiet does not say so of a lockup."""
        return self._asks or self.kind.depends_on_load

    def goes_on(self, kind: ConsoleKind, text: str) -> bool:
        """Whether a telling line belongs to it, as the one `Oops: ... [#1]` after `BUG: ...` does."""
        if kind is ConsoleKind.OOPS:
            second = self.kind in {ConsoleKind.OOPS, ConsoleKind.BUG} and "general protection fault" not in text
            return second and bool(DIED.match(text)) and not any(map(DIED.match, self._excerpt))
        return kind is ConsoleKind.OOM and self.kind is ConsoleKind.OOM and bool(_KILLED.match(text))

    def is_over(self, text: str) -> bool:
        """Whether a line is none of its own any more."""
        return bool(_BORDER.match(text)) or (self.kind is ConsoleKind.LEAK and not text.startswith(" "))

    def add(self, text: str) -> bool:
        """Add a line; tell whether it is the last."""
        self._lines += 1
        self._asks = self._asks or text.startswith(_SENDS_NMI)
        self._add_frame(text)
        if self.kind is ConsoleKind.UBSAN and self._lines <= _MAX_BEFORE_SENTENCE and _UNDEFINED.match(text):
            self._sentence = f"{self._sentence} {text}".strip()
        if len(self._excerpt) < MAX_EXCERPT or _KILLED.match(text):
            self._excerpt[MAX_EXCERPT - 1 :] = [text]
        if _END.match(text) or _KILLED.match(text):
            return True
        if self.kind in _TRACED and text.strip() == "</TASK>":
            return True
        return self._lines >= (_MAX_OOM if self.kind is ConsoleKind.OOM else MAX_EXCERPT)

    def event(self, life: int) -> ConsoleEvent:
        """Return what it came to; `life` as in `ConsoleEvent`."""
        race = self.title.startswith("KCSAN: ")  # its words name both functions, its traces come in any order
        functions = [] if race else telling([frame.partition("+")[0] for frame in self._frames])
        return ConsoleEvent(
            kind=self.kind,
            title=self._title(functions),
            frames=tuple(self._frames),
            excerpt="\n".join(_trimmed(self._excerpt)),
            line=self.line,
            fingerprint=self._fingerprint(functions),
            test=self.running.test,
            perhaps=self.running.perhaps,
            life=life,
        )

    def _add_frame(self, text: str) -> None:
        """Take a line's frame, before the line joins the excerpt, where it is of the stack that counts."""
        if "+0x" not in text:
            self._heed_heading(text)
        elif not self._elsewhere and len(self._frames) < _MAX_FRAMES:
            told = self._excerpt[-1:] != [_PREEMPTION]
            frame = told and (_RIP.match(text) or _FRAME.match(text) or _WARNED_IN.match(text))
            if frame and frame[1] not in self._frames:
                self._frames.append(frame[1])

    def _heed_heading(self, text: str) -> None:
        """Note whose stack follows: the first counts; who else runs, or had the memory before, did not go wrong."""
        if text.startswith("stack backtrace:"):
            self._frames.clear()  # lockdep showed first where locks were taken before
            self._traced = self._elsewhere = False
        elif _TRACE.match(text):
            self._elsewhere = self._traced
            self._traced = True
        elif text.strip() == "</TASK>":
            self._traced = self._elsewhere = True
        elif _ANOTHER.match(text) or (self._traced and _OTHERS.match(text)):
            self._elsewhere = True

    def _fingerprint(self, functions: Sequence[str]) -> str:
        # Of a sentence of UBSAN's its words and its type count; which value it was may differ from boot to boot.
        said = _SIGN.sub("", self._sentence) or self.said
        what = VARIABLE.sub("N", "\n".join(filter(None, (_DIE.sub("", self.title), said))))
        # Who asks for memory is reached by many ways, each of them the same leak.
        depth = _LEAK_FRAMES if self.kind is ConsoleKind.LEAK else _FINGERPRINT_FRAMES
        named = list(dict.fromkeys(of_any_build(name) for name in functions))[:depth]
        identity = "\n".join([self.kind, what, *named])
        return hashlib.sha256(identity.encode()).hexdigest()[:16]

    def _title(self, functions: Sequence[str]) -> str:
        """Name it: what it is, the function it happened in where no word says it yet, and what WARN() or UBSAN says."""
        said = _POINTER.sub("", self._sentence) or self.said
        why = f": {said}" if said else ""
        said = _steady(self.title)
        said = _AGAIN.sub("", said) if self.kind is ConsoleKind.OOPS else said
        said = said if said.startswith(self.kind) else f"{self.kind}: {said}"
        if not functions or f"{functions[0]}+" in said:
            return f"{said[:200]}{why}"[:300]
        if self.kind is ConsoleKind.LEAK:
            said = f"{self.kind}: what was allocated"
        return f"{said[:160]} in {functions[0][:100]}{why}"[:300]


def of_any_build(function: str) -> str:
    """Return a function's name as it is in other builds and at other loads of the same program."""
    return _OF_BUILD.sub("", function)


def _steady(title: str) -> str:
    """Return a title without the addresses of this boot that a fault hit."""
    if not _FAULT.search(title):
        return title
    return _ADDRESS.sub(lambda found: found[0] if int(found[1], 16) < _LEAST_ADDRESS else "", title)


def _trimmed(lines: Sequence[str]) -> Sequence[str]:
    """Drop what follows the last line that still belongs to a trace, when an event was ended by silence."""
    return lines if _END.match(lines[-1]) or _KILLED.match(lines[-1]) else lines[:80]
