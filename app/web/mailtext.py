"""The text of mails for pages: quotes apart from what is said, both bounded; diffs with their lines coloured."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup, escape
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import DiffLexer

from app.web.render import visible

BODY_LIMIT = 20_000
"""Characters of one mail that a page shows; the rest is a click away, as it came."""
DIFF_LIMIT = 400_000
FEW_COLUMNS = 3
"""Lines with columns from which on a text is taken to be aligned."""
_COLUMNS = re.compile(r"\S(?: {3,}|\t)\S|\+0x[0-9a-f]+/0x|\b[0-9a-f]{16}\b")
SHORT_QUOTE = 6
"""Quotes of more lines are folded, but for their last ones, which are what the answer is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Some lines of a mail: `quoted` of another mail, the first `folded` characters of which may stay closed.

    `aligned`: it has columns or a kernel's log, which letters of different width would make unreadable.
    """

    quoted: bool
    text: str
    aligned: bool = False
    folded: str = ""
    folded_lines: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A mail's text in blocks; `left_out` is how many characters were too many."""

    blocks: Sequence[Block]
    left_out: int


def said(body: str, length: int | None = None) -> Said:
    """Return a mail's text as a page shows it; `length` is how long it is where `body` is only its beginning."""
    shown = visible(body[:BODY_LIMIT]).rstrip()
    blocks: list[Block] = []
    for quoted, lines in groupby(shown.split("\n"), lambda line: line.startswith(">")):
        text = list(lines)
        if not quoted:
            plain = "\n".join(text).strip("\n")
            if plain.strip():
                blocks.append(Block(quoted=False, text=plain, aligned=_aligned(plain)))
            continue
        blocks += _quote(text)
    # What is quoted below the last word is only what the mailer left there.
    if blocks and blocks[-1].quoted and len(blocks) > 1:
        last = blocks[-1]
        length = last.folded_lines + last.text.count("\n") + 1
        blocks[-1] = Block(quoted=True, text="", folded=f"{last.folded}\n{last.text}".strip("\n"), folded_lines=length)
    return Said(blocks=blocks, left_out=max(0, (length or len(body)) - BODY_LIMIT))


def _aligned(text: str) -> bool:
    return sum(1 for line in text.split("\n") if _COLUMNS.search(line)) >= FEW_COLUMNS


def _quote(lines: list[str]) -> list[Block]:
    while lines and not lines[-1].strip("> \t"):
        lines.pop()
    if not lines:
        return []
    if len(lines) <= SHORT_QUOTE:
        return [Block(quoted=True, text="\n".join(lines))]
    folded, shown = lines[: -SHORT_QUOTE // 2], lines[-SHORT_QUOTE // 2 :]
    return [Block(quoted=True, text="\n".join(shown), folded="\n".join(folded), folded_lines=len(folded))]


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffLine:
    """One line of a diff: its number in the text, from 1, its HTML, and where it is in the files."""

    number: int
    html: Markup
    path: str
    old: int | None
    new: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Diff:
    """A diff by lines; `left_out` is how many characters were too many."""

    lines: Sequence[DiffLine]
    left_out: int


@lru_cache(maxsize=32)
def coloured_diff(diff: str) -> Diff:
    """Return a diff's lines as HTML, kept for the next time: colouring takes longer than all else on the page."""
    shown = visible(diff[:DIFF_LIMIT].replace("\r", "␍")).removesuffix("\n")
    formatter: HtmlFormatter[str] = HtmlFormatter(nowrap=True)
    # The lexer reads a last line without its newline letter by letter, each time to its end: hours for a long one.
    html = highlight(shown + "\n", DiffLexer(stripnl=False), formatter).split("\n")
    plain = shown.split("\n")
    coloured = [Markup(one) for one in html] if len(html) >= len(plain) else [escape(one) for one in plain]  # noqa: S704
    places = _places(plain)
    lines = [
        DiffLine(number=number, html=line, path=path, old=old, new=new)
        for number, (line, (path, old, new)) in enumerate(zip(coloured, places, strict=False), 1)
    ]
    return Diff(lines=lines, left_out=max(0, len(diff) - DIFF_LIMIT))


def _places(lines: Iterable[str]) -> list[tuple[str, int | None, int | None]]:
    """Where each line of a diff is: the file, its number before and after."""
    places: list[tuple[str, int | None, int | None]] = []
    path, old, new, old_left, new_left = "", 0, 0, 0, 0
    for line in lines:
        if old_left > 0 or new_left > 0:
            removed, added = line.startswith("-"), line.startswith("+")
            note = line.startswith("\\")
            places.append((path, None if added or note else old, None if removed or note else new))
            if not note:
                old, old_left = (old, old_left) if added else (old + 1, old_left - 1)
                new, new_left = (new, new_left) if removed else (new + 1, new_left - 1)
            continue
        if line.startswith("@@ -"):
            old, old_left, new, new_left = _hunk(line)
        elif line.startswith("diff "):
            path = line.rpartition(" b/")[2]
        elif line.startswith("+++ b/"):
            path = line[6:].split("\t")[0]
        places.append((path, None, None))
    return places


def _hunk(header: str) -> tuple[int, int, int, int]:
    try:
        _, before, after = header.split(" ", 3)[:3]
        spans = [part[1:].partition(",") for part in (before, after)]
        (old, _, olds), (new, _, news) = spans
        return int(old), int(olds or 1), int(new), int(news or 1)
    except ValueError:  # no hunk header after all
        return 0, 0, 0, 0
