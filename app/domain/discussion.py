"""Where answers to comments stand: at the lines that the comments stand at."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.domain.review import Anchor, Comment, squeezed

MAX_BLOCKS = 200
_QUOTE = re.compile(r"((?:> ?)*>) ?(.*)")
_TELLING = 4  # characters; shorter lines are in every mail


def place_comments(comments: Sequence[Comment]) -> Mapping[str, tuple[Anchor, ...]]:
    """The points of each comment, by its Message-ID: its own, or those that it answers, with what it says to them.

    An answer stands where the quoted words stand; what quotes no point belongs to the point before it, else to the
    last point of what is answered. A comment on a whole mail, and the answers to it, have no points.
    """
    known = {each.message.message_id: each for each in comments}
    placed: dict[str, tuple[Anchor, ...]] = {}
    for start in known:
        above = [start]
        while (parent := known[above[-1]].answers) in known and parent not in placed and parent not in above:
            above.append(parent)
        for key in reversed(above):
            comment = known[key]
            answered = placed.get(comment.answers or "", ())
            placed[key] = comment.anchors or _answers(comment.message.body, answered)
    return placed


def _answers(body: str, answered: Sequence[Anchor]) -> tuple[Anchor, ...]:
    if not answered:
        return ()
    said: dict[int, list[str]] = {}
    lines = {n: _words(point) for n, point in enumerate(answered)}
    at: int | None = None
    for quoted, text in _blocks(body):
        found = next((n for line in reversed(quoted) for n in lines if line in lines[n]), at)
        at = found
        said.setdefault(len(answered) - 1 if found is None else found, []).append(text)
    return tuple(replace(answered[n], text="\n\n".join(said[n])) for n in sorted(said))


def _words(point: Anchor) -> frozenset[str]:
    lines = (squeezed(line.lstrip("> ")) for line in (point.quoted, *point.text.split("\n")))
    return frozenset(line for line in lines if len(line) >= _TELLING)


def _blocks(body: str) -> list[tuple[list[str], str]]:
    """What is said, in pieces, each with the lines quoted above it as `squeezed` gives them."""
    blocks: list[tuple[list[str], str]] = []
    quoted: list[str] = []
    said: list[str] = []
    for line in [*body.split("\n"), ">"]:
        quote = _QUOTE.match(line) if line.startswith(">") else None
        if quote is None:
            said.append(line)
            continue
        if (text := "\n".join(said).strip()) and quoted:  # without a quote above it is the attribution
            blocks.append((quoted, text))
            quoted = []
        said = []
        quoted.append(squeezed(quote[2].lstrip("> ")))
        if len(blocks) >= MAX_BLOCKS:
            break
    if not blocks and (text := "\n".join(line for line in body.split("\n") if not line.startswith(">")).strip()):
        blocks.append(([], text))
    return blocks
