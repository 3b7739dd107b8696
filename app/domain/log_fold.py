"""What merely moves between two logs of the same test: masked, so that lines can be compared without it.

Addresses, times and the numbers of instructions say nothing: they are masked altogether. Ids of registers, numbers of
BTF types and stack slots say which is the same as which: they are masked here, and `log_diff` then checks that each
one on the left stands for one on the right.
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum

MAX_WIDTH = 4000
"""Characters of a line that are compared."""


class Style(StrEnum):
    """How a text is folded: as the verifier or test_progs print, or as an iterator's output, which is anything."""

    LOG = "log"
    ITERATOR = "iterator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Folded:
    """A line as it is compared: its text with all that moves masked, and the names in it, each with its space."""

    text: str
    names: tuple[tuple[str, str], ...]


_ADDRESS = re.compile(r"(?<![=(;xX0-9a-fA-F])(?<!; )(?:0x)?ff[1-9a-f][0-9a-f]{13}(?![0-9a-fA-F])")
"""Of the kernel's half of the memory, from ff10000000000000 on where page tables have five levels
(Documentation/arch/x86/x86_64/mm.rst), and no bound of a register: those stand after `=`, `(` or `; `."""
_HASHED = re.compile(r"(?<![0-9a-fA-Fx])0{8}[0-9a-f]{8}(?![0-9a-fA-F])")

_LOG = (
    (re.compile(r"^(\s*)\d+: "), r"\1N: "),
    (re.compile(r"^(\s*)from \d+ to \d+(?= |:)"), r"\1from N to N"),
    (re.compile(r"\b(last_idx|first_idx|idx|before|insn|at) \d+"), r"\1 N"),
    (re.compile(r"\b(alloc_insn|insn_idx|off_insn)=\d+"), r"\1=N"),
    (re.compile(r"(@ [\w./-]+):\d+"), r"\1:N"),
    (re.compile(r"(func#\d+ @)\d+"), r"\1N"),
    (re.compile(r"^(verification time) \d+"), r"\1 N"),
    (re.compile(r":(FAIL|PASS):\d+ "), r":\1:N "),
    (re.compile(r"(?<= )\d+ nsec$"), "N nsec"),
    (re.compile(r"(call [A-Za-z_]\w*#)\d{4,}"), r"\1N"),
    (_ADDRESS, "ADDRESS"),
    (_HASHED, "ADDRESS"),
)
_STATS = re.compile(r"\b(processed|total_states|peak_states|max_states_per_insn|mark_read) \d+")
_NAMES = re.compile(
    r"\b(?P<id>(?:[a-z_]+_)?id|refs|map_uid)=(?P<number>\d+(?:,\d+)*)"
    r"|\b(?P<btf>type_id|btf_id|type id|BTF id)[ =](?P<btfnumber>\d+)"
    r"|\bfp-(?P<slot>\d+)|\(r10 -(?P<offset>\d+)\)"
)

_TIMES = re.compile(r"\b\d{1,2}:\d{2}:\d{2}(?:\.\d+)?\b")
_HEX = re.compile(r"(?<![0-9a-zA-Z])(?:0x)?(?=[0-9a-f]*\d)[0-9a-f]{8,16}(?![0-9a-zA-Z])")
_NUMBERED = re.compile(
    r"(?i)\b(?P<name>t?g?pid|tid|ppid|id|inode|ino|cgid|cgroup|cookie|serial|fd|port)(?P<sep>\s*[:=#]\s*|\s+)"
    r"(?P<number>\d+)"
)
_MOVING_COLUMNS = frozenset({"id", "pid", "tgid", "gid", "tid", "ppid", "inode", "ino", "addr", "sk", "cgid", "uid"})
_DIGIT = re.compile(r"\d")


def fold(lines: Sequence[str], style: Style) -> list[Folded]:
    """Return a text's lines as they are compared."""
    if style is Style.LOG:
        return [_fold_log(line.rstrip()[:MAX_WIDTH]) for line in lines]
    folded: list[Folded] = []
    columns: tuple[int, ...] = ()
    for line in lines:
        text = line.rstrip()[:MAX_WIDTH]
        words = text.split()
        if words and not _DIGIT.search(text):
            columns = tuple(at for at, word in enumerate(words) if word.lower() in _MOVING_COLUMNS) or columns
        folded.append(_fold_iterator(text, columns))
    return folded


def _fold_log(text: str) -> Folded:
    names: list[tuple[str, str]] = []

    def mask(found: re.Match[str]) -> str:
        if found["id"]:
            names.extend(("id", number) for number in found["number"].split(","))
            return f"{found['id']}=#"
        if found["btf"]:
            names.append(("type", found["btfnumber"]))
            return f"{found['btf']} #"
        names.append(("slot", found["slot"] or found["offset"]))
        return "fp-#" if found["slot"] else "(r10 -#)"

    for pattern, replacement in _LOG:
        text = pattern.sub(replacement, text)
    if text.startswith("processed "):
        text = _STATS.sub(r"\1 N", text)
    return Folded(text=_NAMES.sub(mask, text), names=tuple(names))


def _fold_iterator(text: str, columns: Collection[int]) -> Folded:
    """Mask addresses and times, what is called a pid, an id and the like, and what stands in a column called so.

    Other numbers stay: they are what an iterator has to say.
    """
    names: list[tuple[str, str]] = []

    def mask(found: re.Match[str]) -> str:
        names.append((found["name"].lower(), found["number"]))
        return f"{found['name']}{found['sep']}#"

    masked = _NUMBERED.sub(mask, _HEX.sub("ADDRESS", _TIMES.sub("TIME", text)))
    if columns and _DIGIT.search(text):
        words = masked.split()
        for at in columns:
            if at < len(words) and words[at].isdigit():
                names.append((f"column {at}", words[at]))
                words[at] = "#"
        masked = " ".join(words)
    return Folded(text=masked, names=tuple(names))
