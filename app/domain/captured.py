"""A log as somebody captured it -> what the machine wrote: without colours, and without what a CI put before each line.

Also tells which suite wrote it. Lines keep their numbers.
"""

import re
from itertools import islice, pairwise

SAMPLE = 1 << 18
MOST_ENDS = 64
"""Ends of suites after which another is looked for."""
_ESCAPES = re.compile(rb"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b\n]{0,1000}(?:\x07|\x1b\\)|[@-Z\\^_c=>78])")
# As GitHub's logs of the BPF CI have it.
_STAMPED = re.compile(rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z ?", re.MULTILINE)
LEVEL = (
    r"(?:<\d{1,3}>|\d+,\d+,\d+,[^;\n]{1,100};)?"
    r"(?:(?:[A-Z][a-z]{2} [ \d]\d [\d:]{8}|\d{4}-\d\d-\d\dT\S{8,30}) \S{1,255} kernel: |kern *:[a-z]+ *: )?"
)
"""What stands before the time of a line of the kernel's: its level, or what syslog, the journal or dmesg(1) put."""
TIME = r"\[(?: *\+?\d+\.\d+|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]{8} \d{4})\]"
CALLER = r"(?:\[ *[TC]\d+\])?"
"""Which task or CPU said it (CONFIG_PRINTK_CALLER)."""
_PRINTK = re.compile(rf"^{LEVEL}{TIME}{CALLER} ?".encode(), re.MULTILINE)

# In this order: a kselftest runner's TAP may hold any of the others.
_MARKS: tuple[tuple[str, re.Pattern[bytes]], ...] = (
    ("kselftest", re.compile(rb"^(?:# )*K?TAP version \d+|\A\s*(?:ok|not ok|1\.\.)[ \d]", re.MULTILINE)),
    ("veristat", re.compile(rb"^(?:file|file_name),(?:prog|prog_name),", re.MULTILINE)),
    ("test_verifier", re.compile(rb"^#\d{1,9}/[pu] .{0,2000}(?:OK|FAIL|SKIP)", re.MULTILINE)),
    (
        "test_progs",
        re.compile(
            rb"#\d{1,9}(?:/\d{1,9})? {1,9}[A-Za-z0-9_]{1,128}[:/].{0,2000}(?:OK|FAIL|SKIP|\))\s*$", re.MULTILINE
        ),
    ),
    (
        "test_maps",
        re.compile(rb"^(?:\w+:(?:PASS|SKIP)\r?$|test_maps: |\w+(?:\(\d+\))?:FAIL:|Fork \d+ tasks to )", re.MULTILINE),
    ),
)


_END = re.compile(rb"^(?:Summary: \d{1,9}(?:/\d{1,9})? PASSED|test_maps: OK, ).*\n?", re.MULTILINE)


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
        for suite, mark in _MARKS:
            if mark.search(data, at, at + SAMPLE):
                return suite
    return None


def by_suite(data: bytes) -> list[tuple[str | None, bytes]]:
    """Cut what was captured into what each suite wrote, for a CI may run one after the other: each with its name.

    What bears no mark belongs to the suite before it, a boot to the first; a suite is None where nothing bears one.
    """
    ends = [found.end() for found in islice(_END.finditer(data), MOST_ENDS)]
    found: list[tuple[str | None, int]] = [(None, 0)]
    for start, end in pairwise([0, *ends, len(data)]):
        suite = suite_of(data[start:end])
        if found[-1][0] is None:
            found[-1] = (suite, 0)
        elif suite not in {None, found[-1][0]}:
            found.append((suite, start))
    starts = [start for _, start in found]
    return [(suite, data[start:end]) for (suite, start), end in zip(found, [*starts[1:], len(data)], strict=True)]
