"""A build's log -> the errors that stopped it, and the patch that owns each.

The forms are gcc's and clang's (`file:line:column: error: ...`, followed by the source line and a caret), GNU ld's and
lld's (`undefined reference to`, `undefined symbol:`), modpost's, and GNU make's (`*** No rule to make target`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from app.domain.diff import FileDiff, Hunk
from app.domain.testlog.lines import MAX_LINE

MAX_ERRORS = 100
_MAX_CONTEXT = 12
_MAX_MESSAGE = 500

PREFIXES = ("/build/linux/", "/build/selftests-src/", "/build/out/")
"""Where the sandbox shows the tree, the selftests' scratch copy of it, and the objects."""


class Severity(StrEnum):
    """How bad the tool says it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompilerError:
    """One complaint of a compiler, linker or make.

    `file` is a path within the tree where it can be told, `line` and `column` count from 1; None where the tool names
    none. `excerpt` is the tool's own text: where it was included from, the message, the source line and the caret.
    """

    file: str | None
    line: int | None
    column: int | None
    severity: Severity
    message: str
    excerpt: str

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return f"{place}: {self.message}" if place else self.message


class Grounds(StrEnum):
    """Why a patch is held to own an error."""

    LINE = "added the line"
    NAME = "added what the message names"
    FILE = "was the last to touch the file"


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """`position` is the patch's place in the series, from 1."""

    position: int
    grounds: Grounds


_ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_AT = re.compile(
    r"^(?P<file>[^\s:][^:\n]{0,400}):(?P<line>\d{1,8}):(?:(?P<column>\d{1,6}):)? "
    r"(?P<severity>(?:fatal )?error|warning): (?P<message>.*)$"
)
_LINK_WORDS = ("undefined reference to", "undefined symbol: ", "multiple definition of", "duplicate symbol: ")
_SECTION = re.compile(r"\([^()]{0,100}\):? ?$")
_MODPOST = re.compile(r'^ERROR: modpost: (?P<message>"?(?P<symbol>[^"]*)"?.*)$')
_TOOL = re.compile(
    r"^(?:[\w./-]{0,100}ld(?:\.\w{1,10})?|objcopy|objtool|pahole|resolve_btfids|libbpf|clang(?:-\d+)?|gcc|cc1)"
    r": (?:error|failed|fatal error): ?(?P<message>.*)$"
)
_NO_RULE = re.compile(r"^make(?:\[\d+\])?: \*\*\* (?P<message>No rule to make target '(?P<file>[^']*)'.*)$")
_FAILED = re.compile(r"^make(?:\[\d+\])?: \*\*\* (?P<message>\[(?P<where>[^\]]*)\] Error \d+.*|.*)$")
_LEAD = re.compile(r"^(?:In file included from |\s+from |\S+: (?:In function|At top level|In static assertion))")
_SOURCE = re.compile(r"^\s*(?:\d* \||~*\^|\s+)|^\S+:\d+(?::\d+)?: note: |^>>> ")
_LINE_SUFFIX = re.compile(r":(\d{1,8})$")


def compiler_errors(
    log: str,
    *,
    prefixes: Sequence[str] = PREFIXES,
    severities: Iterable[Severity] = (Severity.ERROR,),
    most: int = MAX_ERRORS,
) -> tuple[CompilerError, ...]:
    """Return the complaints of a build's log in order, each once, at most `most`.

    make's own `*** [...] Error 2` is returned only when nothing better explains the failure. Paths lose the longest of
    `prefixes` that they begin with.
    """
    wanted = frozenset(severities)
    lines = [_ESCAPES.sub("", line[:MAX_LINE]).rstrip("\r") for line in log.split("\n")]
    found: dict[tuple[str | None, int | None, str], CompilerError] = {}
    for at, line in enumerate(lines):
        error = _read(lines, at, line, prefixes) if _might_tell(line) else None
        if error is not None and error.severity in wanted:
            found.setdefault((error.file, error.line, error.message), error)
            if len(found) >= most:
                break
    if not found and Severity.ERROR in wanted:
        return _last_word(lines)
    return tuple(found.values())


def _might_tell(line: str) -> bool:
    return any(
        word in line for word in ("error", "warning: ", "undefined ", "definition of", "ERROR", "No rule", "failed")
    )


def _read(lines: Sequence[str], at: int, line: str, prefixes: Sequence[str]) -> CompilerError | None:
    if match := _AT.match(line):
        severity = Severity.WARNING if match["severity"] == "warning" else Severity.ERROR
        return CompilerError(
            file=tree_path(match["file"], prefixes),
            line=int(match["line"]),
            column=int(match["column"]) if match["column"] else None,
            severity=severity,
            message=match["message"][:_MAX_MESSAGE],
            excerpt=_excerpt(lines, at),
        )
    for words in _LINK_WORDS:
        where, found, symbol = line.partition(words)
        if found:
            return _link_error(lines, at, where[-_MAX_MESSAGE:], found + symbol, prefixes)
    if match := _MODPOST.match(line) or _TOOL.match(line):
        return _error(lines, at, match["message"], None, None)
    if match := _NO_RULE.match(line):
        return _error(lines, at, match["message"], tree_path(match["file"], prefixes), None)
    return None


def _link_error(lines: Sequence[str], at: int, where: str, message: str, prefixes: Sequence[str]) -> CompilerError:
    """Read what stands before a linker's message: `file.c:12:(.text+0x1): `, `ld: file.o: `, `ld.lld: error: `."""
    before = _SECTION.sub("", where).split()
    place = before[-1] if before and not before[-1].endswith(("ld:", "lld:", "error:")) else None
    file, number = _place(place, prefixes)
    if file is None and at + 1 < len(lines) and lines[at + 1].startswith(">>> referenced by "):
        file, number = _place(lines[at + 1].split(" ")[3], prefixes)
    return _error(lines, at, message, file, number)


def _error(lines: Sequence[str], at: int, message: str, file: str | None, number: int | None) -> CompilerError:
    return CompilerError(
        file=file,
        line=number,
        column=None,
        severity=Severity.ERROR,
        message=message[:_MAX_MESSAGE],
        excerpt=_excerpt(lines, at),
    )


def _place(where: str | None, prefixes: Sequence[str]) -> tuple[str | None, int | None]:
    """Read `file.c:12` or `file.o`; the linker names the source only where there is debug information."""
    if not where:
        return None, None
    where = where.rstrip(":")
    number = _LINE_SUFFIX.search(where)
    path = where[: number.start()] if number else where
    return tree_path(path, prefixes), int(number[1]) if number else None


def _last_word(lines: Sequence[str]) -> tuple[CompilerError, ...]:
    for at, line in enumerate(lines):
        if match := _FAILED.match(line):
            head = max(0, at - _MAX_CONTEXT)
            said = CompilerError(
                file=None,
                line=None,
                column=None,
                severity=Severity.ERROR,
                message=match["message"][:_MAX_MESSAGE],
                excerpt="\n".join(text[:_MAX_MESSAGE] for text in lines[head : at + 1]),
            )
            return (said,)
    return ()


def _excerpt(lines: Sequence[str], at: int) -> str:
    start = at
    while start > 0 and at - start < _MAX_CONTEXT and _LEAD.match(lines[start - 1]):
        start -= 1
    end = at + 1
    while end < len(lines) and end - at < _MAX_CONTEXT and _SOURCE.match(lines[end]):
        end += 1
    return "\n".join(line[:_MAX_MESSAGE] for line in lines[start:end]).rstrip()


def tree_path(path: str, prefixes: Sequence[str] = PREFIXES) -> str:
    """Return a path as the tree names it: without the sandbox's prefix, `./` and `a/../`."""
    for prefix in sorted(prefixes, key=len, reverse=True):
        if path.startswith(prefix):
            path = path[len(prefix) :]
            break
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] not in {"..", ""}:
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


_QUOTED = re.compile(r"[\u2018'`\"]([A-Za-z_]\w{2,})[\u2019'\"]|undefined symbol: ([A-Za-z_]\w*)")


def owner(error: CompilerError, diffs: Sequence[Sequence[FileDiff]]) -> Owner | None:
    """Return the patch (of all diffs of a series, in order) that is answerable for an error of the whole series' tree.

    First the one that last wrote that very line, followed through what later patches moved; else the last that added
    a line with the name that the message quotes; else the last that touched the file. None: no patch has to do with it.
    """
    file = None if error.file is None else _full_path(error.file, diffs)
    if file is not None and error.line is not None:
        position = _writers(diffs, file).get(error.line)
        if position is not None:
            return Owner(position=position, grounds=Grounds.LINE)
    names = [first or second for first, second in _QUOTED.findall(error.message)]
    for position in range(len(diffs), 0, -1):
        if any(_adds(diffs[position - 1], name) for name in names):
            return Owner(position=position, grounds=Grounds.NAME)
    for position in range(len(diffs), 0, -1):
        if file is not None and any(file in {each.old_path, each.new_path} for each in diffs[position - 1]):
            return Owner(position=position, grounds=Grounds.FILE)
    return None


def _full_path(file: str, diffs: Sequence[Sequence[FileDiff]]) -> str:
    """Return the one touched file that ends in `file`: tools below tools/ name files from their own folder."""
    touched = {each.path for files in diffs for each in files}
    if file in touched or file.startswith("/"):
        return file
    ends = [path for path in touched if path.endswith(f"/{file}")]
    return ends[0] if len(ends) == 1 else file


def _writers(diffs: Sequence[Sequence[FileDiff]], path: str) -> dict[int, int]:
    """Return, for each line of `path` that the series wrote, the position of the patch that wrote it."""
    steps: list[tuple[int, Sequence[Hunk]]] = []
    name = path
    for position in range(len(diffs), 0, -1):
        for each in reversed(diffs[position - 1]):
            if each.new_path == name:
                steps.append((position, each.hunks))
                if each.old_path is None:
                    return _written(steps)
                name = each.old_path
            elif each.old_path == name:
                return _written(steps)  # what had the name before was another file
    return _written(steps)


def _written(steps: Sequence[tuple[int, Sequence[Hunk]]]) -> dict[int, int]:
    """Return what a file's hunks wrote; `steps` are the patches that touched it with their hunks, the last first."""
    written: dict[int, int] = {}
    for position, hunks in reversed(steps):
        written = _moved(written, hunks, position)
    return written


def _moved(before: dict[int, int], hunks: Sequence[Hunk], position: int) -> dict[int, int]:
    """Carry known lines through one patch's hunks and add its own."""
    after: dict[int, int] = {}
    left = dict(before)
    shifts: list[tuple[int, int]] = []
    for hunk in hunks:
        old, new = hunk.old_start, hunk.new_start
        for line in hunk.lines:
            sign = line[:1]
            if sign == "+":
                after[new] = position
            elif sign != "\\" and (writer := left.pop(old, None)) is not None and sign != "-":
                after[new] = writer
            old += sign not in ("+", "\\")
            new += sign not in ("-", "\\")
        shifts.append((old, new - old))
    for line_number, writer in left.items():
        shift = next((by for start, by in reversed(shifts) if line_number >= start), 0)
        after[line_number + shift] = writer
    return after


def _adds(files: Sequence[FileDiff], name: str) -> bool:
    word = re.compile(rf"\b{re.escape(name)}\b")
    return any(
        line.startswith("+") and word.search(line) for each in files for hunk in each.hunks for line in hunk.lines
    )
