"""Text within 72 columns; logs as they are, but bounded and free of control characters."""

import re
import textwrap
from collections.abc import Iterable

from app.domain.sentence import plural
from app.domain.shortest import shortest

WIDTH = 72
LABEL_WIDTH = 11
MAX_SENTENCE = 400
MAX_ROW = 2000
MAX_LOG_LINE = 200
MAX_NAMED = 8

# C0 and C1 without tab, DEL, line and paragraph separators, and what turns the direction of text around.
_CONTROL = re.compile(
    "[\x00-\x08\x0a-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_GLUE = "\ue000"  # of the private use area: no space to anyone


def one_line(text: str, limit: int = MAX_SENTENCE) -> str:
    """Return text as one line of words, cut at a word after `limit` characters."""
    words = " ".join(_CONTROL.sub(" ", text).split())
    if len(words) <= limit:
        return words
    return words[:limit].rpartition(" ")[0].rstrip(",;:") + " ..." if " " in words[:limit] else words[:limit] + "..."


def fill(text: str, indent: str = "") -> str:
    """Return a paragraph within `WIDTH`; a longer word (a test's name, an URL) stays whole on a line of its own."""
    return _wrap(one_line(text), indent, indent)


def row(label: str, text: str) -> str:
    """Return `label      text`, the text in a column of its own."""
    return _wrap(one_line(text, MAX_ROW), label.ljust(LABEL_WIDTH), " " * LABEL_WIDTH)


def unbroken(items: Iterable[str]) -> str:
    """Return `a b, c d` for a row, which ends its lines only between the items."""
    return ", ".join(one_line(item).replace(" ", _GLUE) for item in items)


def _wrap(text: str, first: str, rest: str) -> str:
    wrapped = textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    return wrapped.replace(_GLUE, " ")


def log(text: str) -> str:
    """Return the lines of a log that matter, indented (app.domain.shortest); what is left out is said."""
    plain = "\n".join(_cut(_CONTROL.sub("?", line).expandtabs().rstrip()) for line in text.split("\n"))
    found = shortest(plain)
    shown = []
    for piece in found.pieces:
        shown += [f"    [{plural(piece.skipped, 'line')}]"] if piece.skipped else []
        shown += [f"    {line}" for line in piece.lines]
    return "\n".join([*shown, f"    [{plural(found.skipped, 'more line')}]"] if found.skipped else shown)


def _cut(line: str) -> str:
    return line if len(line) <= MAX_LOG_LINE else f"{line[:MAX_LOG_LINE]}..."


def names(items: Iterable[str], most: int = MAX_NAMED) -> str:
    """Return `a, b, c and 9 more`."""
    found = [one_line(item, 200) for item in items]
    more = f" and {len(found) - most:,} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
