"""A build's log -> its warnings, told apart by file and text, so that those of the base can be taken away.

Lines shift and counts say nothing: a warning is known by the file that it is in and by its text, without numbers that
move with the code. Read are the compilers' (`buildlog` knows the form) and those of the tools that a kernel's build
ends with: modpost, objtool, resolve_btfids, pahole, the linkers, and the checks of tools' headers.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from app.domain.buildlog import PREFIXES, Severity, compiler_errors, tree_path
from app.domain.patches import Part

KERNEL_BEGINS = "reroll: building the kernel with the patches"
SELFTESTS_BEGIN = "reroll: building the selftests with the patches"
"""Lines of a build's log, so that what is said of the base, of the kernel and of the selftests can be told apart."""

VMLINUX = "vmlinux.o"
MOST = 1000
_MAX_TEXT = 500
_TOOLS = (
    re.compile(r"^(?:WARNING|Warning): (?P<text>(?P<tool>modpost): .+)$"),
    re.compile(r"^(?P<file>\S+): warning: (?P<text>(?P<tool>objtool): .+)$"),
    re.compile(r"^WARN: (?P<text>(?:(?P<tool>[\w-]+): )?.+)$"),
    re.compile(r"^(?:WARNING|Warning): (?P<text>Kernel ABI header at .+)$"),
    re.compile(r"^(?P<text>(?P<tool>die__\w+|btf_encoder__\w+|pahole): .+)$"),
    re.compile(r"^(?P<tool>(?:\S*/)?ld(?:\.\w+)?): warning: (?P<text>.+)$"),
    re.compile(r"^(?P<file>[^\s:]+\.[coS]):\([^)]*\): warning: (?P<text>.+)$"),
)
# No code's doing: the host's clock.
_OURS = re.compile(r"Clock skew|modification time .* in the future")
_INCLUDER = re.compile(r"^(?:In file included from |\s+from )(?P<file>[^\s:]+):\d+", re.MULTILINE)
_MOVES = re.compile(r"0x[0-9a-fA-F]+|(?<=\+)[0-9a-f]{2,}\b|\bframe size of \d+ bytes")
_NUMBERS = re.compile(r"\b\d+\b")
_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_COMPILED = re.compile(r"^ +(?:CC|AS)(?: \[M\])? +(\S+\.o)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildWarning:
    """One warning. `tool` is "" for a compiler's; `unit` is the source that was being compiled, where one is told.

    `file` is a path in the tree, `line` counts from 1; None where the tool names none.
    """

    file: str | None
    line: int | None
    text: str
    tool: str
    unit: str | None
    excerpt: str

    @property
    def key(self) -> tuple[str, str]:
        """What it is known by on the base and after each patch."""
        text = _MOVES.sub("#", self.text)
        return self.file or "", _NUMBERS.sub("#", text) if self.tool else text

    @property
    def linked(self) -> bool:
        """Whether it came when the whole was linked, not when one object was made."""
        return (self.tool == "objtool" and self.file == VMLINUX) or self.tool not in {"", "objtool"}

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{place}: {self.text}" if place else self.text


def build_warnings(log: str, *, prefixes: Sequence[str] = PREFIXES) -> tuple[BuildWarning, ...]:
    """Return the warnings of a log, each (by file and text) once, at most 1,000; the compilers' come first."""
    found: dict[tuple[str, str], BuildWarning] = {}
    for one in _compilers(log, prefixes):
        found.setdefault(one.key, one)
    for line in log.split("\n"):
        if len(found) >= MOST:
            break
        told = _told_by_tool(line, prefixes) if "arn" in line or "ARN" in line or "__" in line else None
        if told is not None:
            found.setdefault(told.key, told)
    return tuple(found.values())


def parts_of_log(log: str) -> dict[Part, str]:
    """Return what a log says of the kernel and of the selftests with the patches, without what is of the base."""
    parts: dict[Part, str] = {}
    for piece in re.split(f"^(?={re.escape(KERNEL_BEGINS)}|{re.escape(SELFTESTS_BEGIN)})", log, flags=re.MULTILINE):
        for begin, part in ((KERNEL_BEGINS, Part.KERNEL), (SELFTESTS_BEGIN, Part.SELFTESTS)):
            if piece.startswith(begin):
                parts[part] = parts.get(part, "") + piece
    return parts


def compiled(log: str) -> frozenset[str]:
    """Return the objects of the kernel (`kernel/bpf/core.o`) that a build compiled."""
    return frozenset(_COMPILED.findall(log))


def _compilers(log: str, prefixes: Sequence[str]) -> Iterable[BuildWarning]:
    for one in compiler_errors(log, prefixes=prefixes, severities=(Severity.WARNING,), most=MOST):
        if _OURS.search(one.message):
            continue
        includers = _INCLUDER.findall(one.excerpt)
        unit = tree_path(includers[-1], prefixes) if includers else one.file
        yield BuildWarning(file=one.file, line=one.line, text=one.message, tool="", unit=unit, excerpt=one.excerpt)


def _told_by_tool(line: str, prefixes: Sequence[str]) -> BuildWarning | None:
    plain = _ESCAPES.sub("", line[: 2 * _MAX_TEXT]).rstrip("\r")
    for form in _TOOLS:
        if (match := form.match(plain)) and not _OURS.search(plain):
            named = match.groupdict()
            file = named.get("file")
            return BuildWarning(
                file=tree_path(file, prefixes) if file else None,
                line=None,
                text=named["text"][:_MAX_TEXT],
                tool=(named.get("tool") or "build").rpartition("/")[2],
                unit=None,
                excerpt=plain[:_MAX_TEXT],
            )
    return None


def new_warnings(patched: Iterable[BuildWarning], known: Collection[tuple[str, str]]) -> tuple[BuildWarning, ...]:
    """Return the warnings whose file and text are not among `known` (`BuildWarning.key`s)."""
    return tuple(one for one in patched if one.key not in known)


def objects_of(warnings: Iterable[BuildWarning]) -> tuple[str, ...]:
    """Return the kernel's objects (`kernel/bpf/core.o`) whose compilation gave these warnings, sorted.

    What was compiled for the tools (libbpf, the selftests) is not among them: it is built by other means.
    """
    warnings = tuple(warnings)
    found = {one.file for one in warnings if one.tool == "objtool" and not one.linked}
    units = (one.unit for one in warnings if one.unit is not None and one.unit.endswith((".c", ".S")))
    found |= {f"{unit[:-2]}.o" for unit in units}
    return tuple(
        sorted(path for path in found if path is not None and not path.startswith(("tools/", "/", "-", "../")))
    )
