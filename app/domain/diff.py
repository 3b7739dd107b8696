"""Unified diffs as git writes them: found in a mail, taken apart, compared."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

_START = re.compile(r"^(?:diff -|Index: \S|--- \S.*\n\+\+\+ \S)", re.MULTILINE)
_HUNK = re.compile(r"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@ ?(.*)")
_GIT_NAMES = re.compile(r'diff --git (?:"?a/(.*?)"?) (?:"?b/(.*?)"?)$')
_EXTENDED = (
    "old mode ", "new mode ", "deleted file mode ", "new file mode ", "copy from ", "copy to ", "rename from ",
    "rename to ", "similarity index ", "dissimilarity index ", "index ",
)  # fmt: skip
_CHANGES_WITHOUT_HUNK = ("new mode ", "deleted file mode ", "new file mode ", "copy to ", "rename to ")
_ESCAPE = re.compile(r"\\(?:([0-3][0-7]{2})|(.))")
MAX_FILES = 5000


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunk:
    """One `@@` piece; `lines` still carry their first character (space, `+`, `-`, backslash).

    `section` is what git puts behind the line numbers: the function that the piece lies in; "" where it says none.
    """

    old_start: int
    new_start: int
    section: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileDiff:
    """What a diff does to one file. `old_path` is None for a new file, `new_path` for a deleted one."""

    old_path: str | None
    new_path: str | None
    hunks: tuple[Hunk, ...]
    binary: bool
    renamed: bool

    @property
    def path(self) -> str:
        """The file's name after the patch, or before it when it is deleted."""
        return self.new_path or self.old_path or ""


@dataclass(slots=True, kw_only=True)
class _File:
    old: str | None = None
    new: str | None = None
    hunks: list[Hunk] = field(default_factory=list)
    binary: bool = False
    renamed: bool = False
    changes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """A diff found in a text: its own lines, where it starts, its files, and what is wrong with it."""

    text: str
    start: int
    files: tuple[FileDiff, ...]
    defects: tuple[str, ...]


def extract_diff(text: str) -> Extract | None:
    """The diff in a mail's text, from its first header line to its last hunk's last line.

    What counts as a start is `git mailinfo`'s rule (`diff -`, `Index: `, `--- name`); a start after which nothing
    is changed is prose and is passed over. Hunks are read by the counts in their header, so a signature or a
    removed line that looks like one is told apart. As git-apply(1) does, lines between two pieces are passed over.
    """
    first = _START.search(text)
    if first is None:
        return None
    lines = text[first.start() :].split("\n")
    files: list[FileDiff] = []
    defects: list[str] = []
    begin, end, at = -1, 0, 0
    while at < len(lines) and len(files) < MAX_FILES:
        reader = _Reader(lines, at)
        reader.read()
        if reader.files:
            begin, end = (at if begin < 0 else begin), reader.end
            files.extend(_frozen(each) for each in reader.files)
        defects.extend(reader.defects)
        at = _next_start(lines, max(reader.at, at + 1))
    if begin < 0:
        return None
    return Extract(
        text="\n".join(lines[begin:end]) + "\n",
        start=first.start() + sum(len(line) + 1 for line in lines[:begin]),
        files=tuple(files),
        defects=tuple(defects),
    )


def _next_start(lines: list[str], at: int) -> int:
    while at < len(lines) and not lines[at].startswith(("diff -", "Index: ", "--- ")):
        at += 1
    return at


def parse_files(diff: str) -> tuple[FileDiff, ...]:
    """The files of a diff that `extract_diff` has cut out."""
    found = extract_diff(diff)
    return found.files if found else ()


def _frozen(each: _File) -> FileDiff:
    return FileDiff(
        old_path=each.old, new_path=each.new, hunks=tuple(each.hunks), binary=each.binary, renamed=each.renamed
    )


class _Reader:
    """Reads a diff line by line; `end` is the line after the last that belongs to it."""

    def __init__(self, lines: list[str], start: int) -> None:
        self.lines = lines
        self.at = start
        self.end = start
        self.files: list[_File] = []
        self.defects: list[str] = []
        self._current: _File | None = None

    def read(self) -> None:
        while self.at < len(self.lines) and len(self.files) < MAX_FILES:
            if not self._step(self.lines[self.at]):
                break
        self._close()

    def _step(self, line: str) -> bool:
        if line.startswith("diff -"):
            self._close()
            self._current = _named_by_git(line)
            self.at += 1
        elif line.startswith("@@ -") and self._current is not None:
            return self._hunk(line)
        elif line.startswith("--- ") and self._follows("+++ "):
            self._names(line)
        elif line.startswith("GIT binary patch") and self._current is not None:
            self._binary()
        elif line.startswith(("Index: ", "=====")) or line == "":
            self.at += 1
            # Blank lines stand between files of some tools' diffs; prose after one ends the diff.
            return self._more_follows()
        elif self._current is not None and (line.startswith(_EXTENDED) or line.startswith("Binary files ")):
            self._extended(self._current, line)
        else:
            return False
        return True

    def _follows(self, prefix: str) -> bool:
        return self.at + 1 < len(self.lines) and self.lines[self.at + 1].startswith(prefix)

    def _more_follows(self) -> bool:
        for line in self.lines[self.at : self.at + 3]:
            if line:
                return line.startswith(("diff -", "--- ", "@@ -", "Index: ", "====="))
        return False

    def _names(self, line: str) -> None:
        old, new = _path(line[4:]), _path(self.lines[self.at + 1][4:])
        if old and new and old != new and not line.startswith(("--- a/", '--- "a/')):
            old, new = _without_trees(old, new)
        if self._current is None or self._current.hunks:
            self._close()
            self._current = _File()
        self._current.old, self._current.new = old, new
        self.at += 2

    def _extended(self, current: _File, line: str) -> None:
        if line.startswith(_CHANGES_WITHOUT_HUNK):
            current.changes = True
        if line.startswith("new file mode "):
            current.old = None
        elif line.startswith("deleted file mode "):
            current.new = None
        elif line.startswith("rename from "):
            current.renamed, current.old = True, line[12:]
        elif line.startswith("rename to "):
            current.new = line[10:]
        elif line.startswith("Binary files "):
            current.binary = current.changes = True
        self.at += 1
        if current.changes:
            self.end = self.at

    def _binary(self) -> None:
        assert self._current is not None
        self._current.binary = self._current.changes = True
        self.at += 1
        blanks = 0
        while self.at < len(self.lines) and blanks < 2 and not self.lines[self.at].startswith(("diff -", "-- ")):
            blanks += self.lines[self.at] == ""
            self.at += 1
        self.end = self.at

    def _hunk(self, header: str) -> bool:
        counts = _HUNK.match(header)
        if counts is None or self._current is None:
            self.defects.append(f"the diff is damaged: {header[:60]!r} cannot be read")
            return False
        old_left = int(counts[2]) if counts[2] is not None else 1
        new_left = int(counts[4]) if counts[4] is not None else 1
        start = self.at
        self.at += 1
        while (old_left > 0 or new_left > 0) and self.at < len(self.lines):
            first = self.lines[self.at][:1]
            if first == "" and self.at == len(self.lines) - 1:
                break
            if first in (" ", ""):  # some mailers strip the blank of an empty context line
                old_left, new_left = old_left - 1, new_left - 1
            elif first == "-":
                old_left -= 1
            elif first == "+":
                new_left -= 1
            elif first != "\\":
                break
            self.at += 1
        if self.at < len(self.lines) and self.lines[self.at].startswith("\\ No newline"):
            self.at += 1
        lines = tuple(self.lines[start + 1 : self.at])
        if old_left or new_left:
            self.defects.append(
                f"the diff is damaged: hunk {header[:60]!r} of {_name(self._current)} does not match its counts"
            )
        self._current.hunks.append(
            Hunk(old_start=int(counts[1]), new_start=int(counts[3]), section=counts[5].rstrip(), lines=lines)
        )
        self._current.changes = True
        self.end = self.at
        return True

    def _close(self) -> None:
        if self._current is not None and self._current.changes:
            self.files.append(self._current)
        elif self._current is not None and self._current.new:
            self.defects.append(f"the diff is damaged: it does not say what changes in {self._current.new[:200]}")
        self._current = None


def _name(each: _File) -> str:
    return each.new or each.old or "a file"


def _named_by_git(line: str) -> _File:
    found = _GIT_NAMES.match(line)
    return _File(old=found[1], new=found[2]) if found else _File()


def _unquoted(name: str) -> str:
    """A name as git writes it with core.quotePath: `"b/\\303\\244.c"` is `b/ä.c`."""
    if len(name) < 2 or name[0] != '"':
        return name
    escaped = _ESCAPE.sub(lambda found: chr(int(found[1], 8)) if found[1] else found[2], name.strip('"'))
    try:
        return escaped.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return escaped


def _without_trees(old: str, new: str) -> tuple[str, str]:
    # `linux.orig/x.c` and `linux/x.c`, as diff(1) names them: git-apply(1) leaves out the first folder.
    rest = old.partition("/")[2]
    return (rest, rest) if rest and rest == new.partition("/")[2] else (old, new)


def _path(text: str) -> str | None:
    name = _unquoted(text.split("\t", maxsplit=1)[0].strip())
    if name == "/dev/null":
        return None
    return name[2:] if name[:2] in ("a/", "b/") else name


_NO_BLANKS = str.maketrans("", "", " \t\r\n\v\f")


def changed_lines(files: Iterable[FileDiff]) -> frozenset[str]:
    """The added and removed lines of a diff without blanks: what two versions of one patch have in common."""
    return frozenset(
        line[:1] + line.translate(_NO_BLANKS)
        for each in files
        for hunk in each.hunks
        for line in hunk.lines
        if len(line) > 4 and line[0] in "+-"
    )
