"""A log as somebody captured it -> what the machine wrote: without colours, and without what a CI put before each line.

Also tells which suite wrote it. Lines keep their numbers.
"""

import re
from collections.abc import Iterator
from itertools import islice, pairwise

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
    "kselftest": re.compile(rb"^(?:# )*K?TAP version \d|\A\s*(?:ok|not ok|1\.\.)[ \d]", re.MULTILINE),
    "test_progs": re.compile(_PROGS, re.MULTILINE),
}
# A newline is searched for much faster than the begin of a line.
_OWN = [re.compile(rb"\n" + line, re.MULTILINE) for line in _LINES.values()]
_LONGEST = 4096
"""Bytes that hold any of the marks."""

_END = re.compile(rb"^(?:Summary: \d{1,9}(?:/\d{1,9})? PASSED|test_maps: OK, ).*\n?", re.MULTILINE)
# As the BPF CI says it; it alone knows which flavour of test_progs that is.
_BEGIN = re.compile(rb"Testing (test_progs(?:-\w{1,32})?|test_maps|test_verifier)[ \r]{0,9}$", re.MULTILINE)


def plain(data: bytes, *, of_kernel: bool = False) -> bytes:
    """Return what was captured without escape sequences and stamps; `of_kernel` keeps the kernel's own."""
    if b"\x1b" in data:
        data = _ESCAPES.sub(b"", data)
    sample = data[:SAMPLE]
    if _STAMPED.search(sample):
        data = _STAMPED.sub(b"", data)
    if not of_kernel and _PRINTK.search(sample):
        data = _PRINTK.sub(b"", data)
    return data


def suite_of(data: bytes) -> str | None:
    """Return which suite wrote this, by the first marks that it bears; None where none is borne."""
    for at in range(0, len(data), SAMPLE):  # a machine's boot, or a build, may stand before them
        for suite, mark in _MARKS.items():
            if mark.search(data, at, at + SAMPLE):
                return suite
    return None


def by_suite(data: bytes) -> list[tuple[str | None, bytes]]:
    """Cut what was captured into what each suite wrote, for a CI may run one after the other: each with its name.

    What bears no mark belongs to the suite before it, a boot to the first; a suite is None where nothing bears one.
    """
    found: list[tuple[str | None, int]] = [(None, 0)]
    for start, end in pairwise([*sorted({0, *_cuts(data)}), len(data)]):
        suite = _suite_between(data, start, end, found[-1][0])
        if found[-1][0] is None:
            found[-1] = (suite, 0)
        elif suite not in {None, found[-1][0]}:
            found.append((suite, start))
    starts = [start for _, start in found]
    return [(suite, data[start:end]) for (suite, start), end in zip(found, [*starts[1:], len(data)], strict=True)]


def _cuts(data: bytes) -> Iterator[int]:
    """Yield where another suite may begin: behind an end, where that is said, and where its own lines begin."""
    told = {found.end() for found in islice(_END.finditer(data), MOST_ENDS)}
    told |= {data.rfind(b"\n", 0, found.start()) + 1 for found in islice(_BEGIN.finditer(data), MOST_ENDS)}
    yield from told
    for start, end in pairwise(sorted({0, *told, len(data)})):
        # A suite that crashed has no end: the next one's first line tells. One that stands alone needs no cut.
        firsts = (_first(mark, data, start, end) for mark in _OWN)
        yield from sorted(at for at in firsts if at is not None)[1:]


def _first(mark: re.Pattern[bytes], data: bytes, start: int, end: int) -> int | None:
    """Return where the first line is that bears a mark; `start` is the begin of a line."""
    if start == 0 and mark.match(b"\n" + data[:_LONGEST]):
        return 0
    found = mark.search(data, max(start - 1, 0), end)
    return None if found is None else found.start() + 1


def _suite_between(data: bytes, start: int, end: int, before: str | None) -> str | None:
    """Return which suite wrote a piece, `before` the one before it: one of a kind goes on until another is begun."""
    suite = suite_of(data[start:end])
    line = data.find(b"\n", start, end)
    said = _BEGIN.search(data, start, end if line < 0 else line)
    if said and suite in {None, (begun := said[1].decode()).partition("-")[0]}:
        return begun
    return before if before is not None and suite == before.partition("-")[0] else suite
