"""Frames of a console -> lines of the source: what to look up, how tools answer, how it is shown.

A frame `function+0xoffset/0xsize` names a symbol by name and size: static functions of one name are common in the
kernel. What comes back is made from a file of hostile code: it is bounded, and believed as far as text goes.
"""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from app.domain.buildlog import tree_path
from app.domain.console import ConsoleEvent, Decoded, Place
from app.domain.testlog.lines import text_of

MOST_EVENTS = 12
"""Events whose frames are looked up: a page shows no more of them in full."""
MOST_FRAMES = 24
MOST_BESIDE = 24
"""Frames of an event's other stacks: who had the memory before, who else waits."""
MOST_INLINED = 16
MOST_PADDING = 64
"""Bytes: a cache line, the most that functions are aligned to."""
_TEXT = 300
_FRAME = re.compile(r"([A-Za-z_][\w.]{0,200})\+0x([0-9a-f]{1,8})/0x([0-9a-f]{1,8})")
# A return address, as of KASAN's "Allocated by task": not the guesses behind `?`, nor where registers point to.
_RETURN = re.compile(r"^ *([A-Za-z_][\w.]{0,200}\+0x[0-9a-f]{1,8}/0x[0-9a-f]{1,8})(?= |$)", re.MULTILINE)
_IN_LINE = re.compile(r"[A-Za-z_][\w.]*\+0x[0-9a-f]+/0x[0-9a-f]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A frame to look up. `exact`: where it happened; else where a call returns to, just behind the line meant."""

    frame: str
    exact: bool


def wanted_frames(events: Iterable[ConsoleEvent]) -> tuple[Wanted, ...]:
    """Return the frames to look up, each once."""
    found = (one for event in list(events)[:MOST_EVENTS] for one in (*_first_stack(event), *_beside(event)))
    return tuple(dict.fromkeys(found))


def _first_stack(event: ConsoleEvent) -> list[Wanted]:
    exact = event.exact_first
    return [Wanted(frame=one, exact=at == 0 and exact) for at, one in enumerate(event.frames[:MOST_FRAMES])]


def _beside(event: ConsoleEvent) -> list[Wanted]:
    """Return the frames of the other stacks in an event's excerpt."""
    others = dict.fromkeys(frame for frame in _RETURN.findall(event.excerpt) if frame not in event.frames)
    return [Wanted(frame=frame, exact=False) for frame in islice(others, MOST_BESIDE)]


def names_of(frames: Iterable[Wanted]) -> tuple[str, ...]:
    """Return the names of the functions of frames, each once."""
    return tuple(dict.fromkeys(found[1] for one in frames if (found := _FRAME.fullmatch(one.frame))))


def addresses(frames: Iterable[Wanted], symbols: bytes) -> dict[Wanted, int]:
    """Return where frames lie, by what `nm --print-size` wrote: `address size type name` lines.

    A frame's size is the distance to the next symbol (kernel/kallsyms.c): what aligns that is part of it. A function
    that is not there, or there twice with sizes that fit, has no address.
    """
    table: dict[str, set[tuple[int, int]]] = {}
    for line in symbols.splitlines():
        words = line.split()
        if len(words) == 4 and all(re.fullmatch(rb"[0-9a-fA-F]{1,16}", word) for word in words[:2]):
            table.setdefault(text_of(words[3]), set()).add((int(words[0], 16), int(words[1], 16)))
    found = {}
    for one in frames:
        if named := _FRAME.fullmatch(one.frame):
            begins = _begins(table.get(named[1], set()), int(named[3], 16))
            if len(begins) == 1:
                found[one] = begins[0] + int(named[2], 16) - (0 if one.exact else 1)
    return found


def _begins(functions: Collection[tuple[int, int]], size: int) -> list[int]:
    """Return where the functions of one name begin that a frame's size fits; each (address, size without padding)."""
    if len(functions) == 1:
        return [address for address, _ in functions]
    return [address for address, own in functions if 0 <= size - own < MOST_PADDING]


def read_answers(lines: bytes) -> dict[int, tuple[Place, ...]]:
    """Read what `llvm-symbolizer --output-style=JSON` wrote, an object a line: address -> places, innermost first."""
    found = {}
    for line in lines.splitlines():
        try:
            answer = json.loads(line)
            address = int(answer["Address"], 16)
            places = [_place(one) for one in answer["Symbol"][:MOST_INLINED]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            continue
        found[address] = tuple(place for place in places if place is not None)
    return found


def _place(one: Mapping[str, object]) -> Place | None:
    file, line = str(one.get("FileName") or ""), one.get("Line")
    if not file or not isinstance(line, int) or not 0 < line < 1 << 31:
        return None
    function = text_of(str(one.get("FunctionName") or "?").encode("utf-8", "replace"))
    return Place(function=function[:_TEXT], file=text_of(tree_path(file).encode("utf-8", "replace"))[:_TEXT], line=line)


def decoded(events: Sequence[ConsoleEvent], places: Mapping[Wanted, tuple[Place, ...]]) -> tuple[ConsoleEvent, ...]:
    """Return the events with what was found, also in their excerpts, behind the frame that it is about."""
    return tuple(_decoded(event, places) for event in events)


def _decoded(event: ConsoleEvent, places: Mapping[Wanted, tuple[Place, ...]]) -> ConsoleEvent:
    first = {one.frame: places[one] for one in _first_stack(event) if places.get(one)}
    found = first | {one.frame: places[one] for one in _beside(event) if places.get(one)}
    if not found:
        return event
    lines = [_annotated(line, found) for line in event.excerpt.split("\n")]
    return replace(
        event,
        excerpt="\n".join(lines),
        decoded=tuple(Decoded(frame=frame, places=known) for frame, known in first.items()),
    )


def _annotated(line: str, found: Mapping[str, tuple[Place, ...]]) -> str:
    named = _IN_LINE.search(line)
    known = found.get(named[0]) if named else None
    if named is None or known is None:
        return line
    inner, outer = known[0], known[-1]
    told = f"{inner.file}:{inner.line}"
    # GCC splits functions in parts and takes one back into the other: that tells nobody anything.
    if inner.function != outer.function:
        told += f", {inner.function} inlined in {outer.function} at {outer.file}:{outer.line}"
    return f"{line[: named.end()]} ({told}){line[named.end() :]}"
