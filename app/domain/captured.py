"""A log as somebody captured it -> what the machine wrote: without colours, and without what a CI put before each line.

Also tells which suite wrote it. Lines keep their numbers. However long it is, a few pieces of it are in memory at once.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, pairwise
from typing import BinaryIO

PIECE = 1 << 20
SAMPLE = 1 << 18
MOST_ENDS = 64
"""Ends of suites, and lines that say which begins, after which another is looked for."""
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)|[@-Z\\^_c=>78])")
# As GitHub's logs of the BPF CI have it; `gh run view --log` puts the job and its step before each line.
_STAMPED = re.compile(
    rb"^(?:[^\t\n]{1,200}\t[^\t\n]{1,200}\t)?(?:\xef\xbb\xbf)?\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z ?",
    re.MULTILINE,
)
_RECORD = r"(?:<\d{1,3}>|\d{1,9},\d{1,20},\d{1,20},[^;\n]{1,100};)"
# In order: syslog and the journal, its short-precise; its short-iso; short-monotonic; short-unix; short-full; dmesg -x.
_HOST = (
    r"(?:(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}(?:\.\d{1,9})?|\d{4}-\d\d-\d\dT\S{8,30}|\[ {0,9}\d{1,9}\.\d{1,9}\]"
    r"|\d{1,12}\.\d{6}|[A-Z][a-z]{2} \d{4}-\d\d-\d\d [\d:]{8} \S{1,9}) \S{1,255} kernel: |kern *:[a-z]+ *: )"
)
LEVEL = f"{_RECORD}?{_HOST}?"
"""What stands before the time of a line of the kernel's: its level, or what syslog, the journal or dmesg(1) put."""
TIME = (
    r"(?:\[(?: *\+?\d+\.\d+(?: <[ \d.]{1,20}>)?|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})\]"
    r"|\d{4}-\d\d-\d\dT[\d:]{8},\d{6}[+-]\d\d:?\d\d)"
)
CALLER = r"(?: ?\[ *[TC]\d+\])?"
"""Which task or CPU said it (CONFIG_PRINTK_CALLER); dmesg(1) puts a space before it."""
_PRINTK = re.compile(
    rf"^(?:{_HOST}(?:{TIME}{CALLER} ?)?|{_RECORD}?{TIME}{CALLER} ?)".encode(),
    re.MULTILINE,
)

# A name with many `#` is not looked for: a line of nothing but such beginnings would be read from each to its end.
_PROGS = (
    rb"#\d{1,9}(?:/\d{1,9})? {1,9}[A-Za-z0-9_]{1,128}[:/]"
    rb"[^#\n]{0,1000}(?:#[^#\n]{0,1000})?(?:OK|FAIL|SKIP|\))[ \t\r]{0,9}$"
)
# How a line begins that only this suite prints. In this order: a kselftest runner's TAP may hold any of the others.
_LINES = {
    "kselftest": rb"K?TAP version \d",
    "veristat": rb"(?:file|file_name),(?:prog|prog_name),",
    "test_verifier": rb"#\d{1,9}/[pu] .{0,2000}(?:OK|FAIL|SKIP)",
    "test_progs": _PROGS,
    # Without the line's number it is test_progs' CHECK(), which a CI shows once more behind the summary.
    "test_maps": (
        rb"(?:\w{1,200}(?::(?:PASS|SKIP)\r?$|\(\d{1,9}\):FAIL:)|test_maps: (?:OK, |.{1,400}: Assertion )"
        rb"|Fork \d{1,9} tasks to )"
    ),
}
_MARKS = {suite: re.compile(rb"^" + line, re.MULTILINE) for suite, line in _LINES.items()} | {
    "kselftest": re.compile(rb"^(?:# )*K?TAP version \d", re.MULTILINE),
    "test_progs": re.compile(_PROGS, re.MULTILINE),
}
_BARE_TAP = re.compile(rb"\s*(?:ok|not ok|1\.\.)[ \d]")
"""How TAP without a version begins."""
# A newline is searched for much faster than the begin of a line.
_OWN = [re.compile(rb"\n" + line, re.MULTILINE) for line in _LINES.values()]
_LONGEST = 4096
"""Bytes that hold any of the marks."""

_END = re.compile(rb"^(?:Summary: \d{1,9}(?:/\d{1,9})? PASSED|test_maps: OK, ).*\n?", re.MULTILINE)
_WORDS_OF_ENDS = (b"Summary: ", b"test_maps: OK, ")
# As the BPF CI says it; it alone knows which flavour of test_progs that is.
_BEGIN = re.compile(rb"Testing (test_progs(?:-\w{1,32})?|test_maps|test_verifier)[ \r]{0,9}$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one suite wrote, in bytes of what was captured; `suite` is None where nothing bears a mark."""

    suite: str | None
    start: int
    end: int


def plain(pieces: Iterable[bytes], *, of_kernel: bool = False) -> Iterator[bytes]:
    """Yield what was captured without escape sequences and stamps; `of_kernel` keeps the kernel's own.

    Whether there are stamps is told by the first piece.
    """
    stamps: list[re.Pattern[bytes]] | None = None
    for piece in _whole_lines(pieces, PIECE):
        text = _ESCAPES.sub(b"", piece) if b"\x1b" in piece else piece
        if stamps is None:
            looked_for = [_STAMPED] if of_kernel else [_STAMPED, _PRINTK]
            stamps = [stamp for stamp in looked_for if stamp.search(text[:SAMPLE])]
        for stamp in stamps:
            text = stamp.sub(b"", text)
        yield text


def between(file: BinaryIO, start: int, end: int, *, size: int = PIECE) -> Iterator[bytes]:
    """Yield a part of a file in pieces of about `size` bytes, each of whole lines; others may read it meanwhile."""
    return _whole_lines(_read(file, start, end, size), size)


def suite_of(pieces: Iterable[bytes]) -> str | None:
    """Return which suite wrote this, by the first marks that it bears; None where none is borne."""
    for number, piece in enumerate(pieces):  # a machine's boot, or a build, may stand before them
        if number == 0 and _BARE_TAP.match(piece):
            return "kselftest"
        for suite, mark in _MARKS.items():
            if mark.search(piece):
                return suite
    return None


def by_suite(file: BinaryIO) -> list[Part]:
    """Cut what was captured into what each suite wrote, for a CI may run one after the other: each with its name.

    What bears no mark belongs to the suite before it, a boot to the first. The parts are the whole, in order.

    Args:
        file: what `plain` left; it must be seekable.
    """
    size = file.seek(0, os.SEEK_END)
    found: list[tuple[str | None, int]] = [(None, 0)]
    for start, end in pairwise([*sorted({0, *_cuts(between(file, 0, size))}), size]):
        suite = _suite_between(file, start, end, found[-1][0])
        if found[-1][0] is None:
            found[-1] = (suite, 0)
        elif suite not in {None, found[-1][0]}:
            found.append((suite, start))
    ends = [start for _, start in found[1:]] + [size]
    return [Part(suite=suite, start=start, end=end) for (suite, start), end in zip(found, ends, strict=True)]


def _read(file: BinaryIO, start: int, end: int, size: int) -> Iterator[bytes]:
    while start < end:
        file.seek(start)
        piece = file.read(min(size, end - start))
        if not piece:
            return
        start += len(piece)
        yield piece


def _whole_lines(pieces: Iterable[bytes], size: int) -> Iterator[bytes]:
    """Yield the same in pieces of at least `size` bytes that end with a line; one without a newline is cut."""
    held: list[bytes] = []
    holding = 0
    for piece in pieces:
        held.append(piece)
        holding += len(piece)
        if holding < size:
            continue
        data = b"".join(held)
        end = data.rfind(b"\n") + 1 or len(data)
        yield data[:end]
        held, holding = [data[end:]], len(data) - end
    if holding:
        yield b"".join(held)


def _cuts(pieces: Iterable[bytes]) -> Iterator[int]:
    """Yield where another suite may begin: behind an end, where that is said, and where its own lines begin."""
    at, left = 0, {_END: MOST_ENDS, _BEGIN: MOST_ENDS}
    firsts: dict[re.Pattern[bytes], int] = {}
    for piece in pieces:
        told = _told(piece, left)
        for start, end in pairwise([*sorted({0, *told}), len(piece)]):
            if start in told:
                yield at + start
                yield from _later(firsts)
            for mark in _OWN:
                if mark not in firsts and (first := _first(mark, piece, start, end)) is not None:
                    firsts[mark] = at + first
        at += len(piece)
    yield from _later(firsts)


def _told(piece: bytes, left: dict[re.Pattern[bytes], int]) -> set[int]:
    """Return where in a piece a suite ends or is said to begin; `left` is how many more of each are looked for."""
    ends = []
    if any(word in piece for word in _WORDS_OF_ENDS):  # much faster than the begin of a line is found
        ends = [found.end() for found in islice(_END.finditer(piece), left[_END])]
    begins = [piece.rfind(b"\n", 0, found.start()) + 1 for found in islice(_BEGIN.finditer(piece), left[_BEGIN])]
    left[_END] -= len(ends)
    left[_BEGIN] -= len(begins)
    return {*ends, *begins}


def _later(firsts: dict[re.Pattern[bytes], int]) -> list[int]:
    """Return where suites begin after the first one, and forget them all.

    A suite that crashed has no end: the next one's first line tells. One that stands alone needs no cut.
    """
    later = sorted(firsts.values())[1:]
    firsts.clear()
    return later


def _first(mark: re.Pattern[bytes], piece: bytes, start: int, end: int) -> int | None:
    """Return where the first line is that bears a mark; `start` is the begin of a line."""
    if start == 0 and mark.match(b"\n" + piece[:_LONGEST]):
        return 0
    found = mark.search(piece, max(start - 1, 0), end)
    return None if found is None else found.start() + 1


def _suite_between(file: BinaryIO, start: int, end: int, before: str | None) -> str | None:
    """Return which suite wrote a part, `before` the one before it: one of a kind goes on until another is begun."""
    suite = suite_of(between(file, start, end, size=SAMPLE))
    file.seek(start)
    said = _BEGIN.search(file.readline(min(_LONGEST, end - start)))
    if said and suite in {None, (begun := said[1].decode()).partition("-")[0]}:
        return begun
    return before if before is not None and suite == before.partition("-")[0] else suite
