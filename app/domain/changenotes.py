"""The change log of a cover letter, or of the text below `---`, as steps from one revision to the next."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from app.domain.changelog import LABEL, MAX_TEXT, spell
from app.domain.message import Message

MAX_STEPS = 100
MAX_POINTS = 1000

_LEAD = r"[ \t*+#\u2022.\u2013-]{0,20}"
_ARROW = r" {0,3}(?:-+>|=+>|\u2192|to|\.\.|and) {0,3}"
_SINCE = r"(?:since|from|vs\.?|relative to|compared to)"
_HEADINGS = tuple(
    re.compile(f"{_LEAD}{pattern}(?P<rest>.*)", re.IGNORECASE)
    for pattern in (
        rf"(?:(?:changes?:?|changelog:?|from|between) +)?(?P<old>{LABEL}){_ARROW}(?P<new>{LABEL})\b[:,.]?",
        rf"(?:changes?|changelog|changed|diff|delta) +{_SINCE} +(?P<old>{LABEL})\b[:,.]?",
        rf"(?:changes?|changelog|changed|new) +(?:in|for) +(?P<new>{LABEL})\b[:,.]?",
        rf"(?P<new>{LABEL})(?: changes?)? ?:",
    )
)
_POINT = re.compile(r"(?P<indent>[ \t]*)(?:[-*+\u2022\u2013o]|\(?\d{1,2}[.)])[ \t]+(?P<text>\S.*)")
_END = re.compile(
    r"---\s*$|-- $|[^\n|]{1,300}\|\s+(?:\d+ [-+]*|Bin)|.{1,100} \(\d{1,4}\):$|base-commit:|change-id:|diff --git "
)
_LINK_ONLY = re.compile(r"(?:[-*+] )?(?:[\w\[\] .-]{0,40}[:(]? ?)?<?https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePoint:
    """One point of a change log, unwrapped; `depth` 0 stands directly under its step."""

    depth: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeStep:
    """What changed from one revision to another; a side that the heading does not name is None."""

    old: str | None
    new: str | None
    points: tuple[ChangePoint, ...]


def change_log(message: Message) -> tuple[ChangeStep, ...]:
    """The steps of a mail's change log in the order written, each with its points and nested points.

    Headings are read as `v3 -> v4:`, `Changes since v3:`, `Changes in v4:` and `v4:`; links to revisions are left
    to `app.domain.changelog.revision_links`.
    """
    reader = _Steps()
    for line in message.prose[:MAX_TEXT].split("\n"):
        if len(line) <= 1000 and not line.startswith(">"):
            reader.line(line.rstrip())
    reader.finish()
    return tuple(reader.steps[:MAX_STEPS])


def step_to(steps: Iterable[ChangeStep], label: str, previous: str | None) -> ChangeStep | None:
    """The step of a change log that leads to the revision `label`, which followed `previous`.

    An RFC is often named by its number alone there. `Changes since v3` leads to whatever followed v3.
    """
    names = {label, label.removeprefix("rfc ")}
    before = {previous, previous.removeprefix("rfc ")} if previous else set()
    for step in steps:
        if step.new in names or (step.new is None and step.old in before):
            return step
    return None


class _Steps:
    def __init__(self) -> None:
        self.steps: list[ChangeStep] = []
        self._heading: tuple[str | None, str | None] | None = None
        self._points: list[ChangePoint] = []
        self._indents: list[int] = []
        self._after_blank = False
        self._linked = False

    def line(self, line: str) -> None:
        found = next((heading for pattern in _HEADINGS if (heading := pattern.fullmatch(line))), None)
        if found and self._is_heading(line, found):
            self._open(found)
        elif self._heading is None:
            return
        elif not line:
            self._blank()
        elif _END.match(line):
            self.finish()
        elif _LINK_ONLY.fullmatch(line.strip()):
            self._forget_pointer()
        else:
            self._content(line)

    def _is_heading(self, line: str, found: re.Match[str]) -> bool:
        # Deeper than the step's own points a label is part of a point, and in a point of its own it is a link's.
        if self._indents and _indent(line) > self._indents[0]:
            return False
        if _LINK_ONLY.fullmatch(line.strip()):
            return line[:1].isalpha()
        return "old" in found.groupdict() or not found["rest"].strip() or line[:1] not in " \t"

    def _blank(self) -> None:
        # `v3: https://...` with points below it is a heading; with nothing below it was a link.
        if self._linked and not self._points:
            self.finish()
        self._after_blank = True

    def _forget_pointer(self) -> None:
        # "Details in here:" above a link says nothing once the link is gone.
        if self._points and self._points[-1].text.endswith(":") and len(self._points[-1].text) < 40:
            self._points.pop()

    def _open(self, found: re.Match[str]) -> None:
        self.finish()
        sides = found.groupdict()
        self._heading = (_spelled(sides.get("old")), _spelled(sides.get("new")))
        rest = found["rest"].strip(" :-")
        self._linked = "://" in rest
        if rest and not self._linked:
            self._points.append(ChangePoint(depth=0, text=rest))

    def _content(self, line: str) -> None:
        point = _POINT.fullmatch(line)
        if point is not None:
            self._add(_indent(line), point["text"])
        elif self._points and self._indents and not self._after_blank and _indent(line) > self._indents[-1]:
            last = self._points[-1]
            self._points[-1] = ChangePoint(depth=last.depth, text=f"{last.text} {line.strip()}")
        elif self._after_blank and self._points and _indent(line) == 0:
            self.finish()
        else:
            self._add(_indent(line), line.strip())
        self._after_blank = False

    def _add(self, indent: int, text: str) -> None:
        while self._indents and self._indents[-1] >= indent:
            self._indents.pop()
        if len(self._points) < MAX_POINTS:
            self._points.append(ChangePoint(depth=min(len(self._indents), 9), text=text))
        self._indents.append(indent)

    def finish(self) -> None:
        if self._heading is not None and self._points:
            old, new = self._heading
            self.steps.append(ChangeStep(old=old, new=new, points=tuple(self._points)))
        self._heading, self._points, self._indents, self._after_blank = None, [], [], False


def _indent(line: str) -> int:
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip(" "))


def _spelled(label: str | None) -> str | None:
    return spell(label) if label else None
