"""What is said at lines: threads of comments, folded where they are long, with what became of them."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from app.db.models import Mark, MarkSays
from app.domain.bot_report import read_bot_report
from app.domain.review import Anchor
from app.domain.review import Comment as Reply
from app.services.review import Judged, Review
from app.web.botwords import BotLine, bot_line
from app.web.mailtext import BODY_LIMIT, Said, said
from app.web.render import visible
from app.web.words import Chip, Tone

LONG = 14
"""Lines of a comment that are shown; of a longer one the rest is folded."""
KEPT = 8
DEEPEST = 4
TEASER = 90  # characters
Spot = tuple[str, int, bool]
"""A line: file ("" for the text before the diff), number, and whether in the file before the patch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fate:
    """What became of a remark: a chip, the reason in words, who marked it and when, and what can be said now."""

    chip: Chip
    why: str
    mark: Mark | None
    open: bool
    offers: Sequence[tuple[MarkSays, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A comment, or what it says at one line: the beginning, and where it is long the rest, `rest_lines` of it.

    `teaser` is how it begins; `fragment` is its id on the page; `depth` is how deep it is among the answers; `fate` is
    None where it asks for nothing.
    """

    comment_id: int
    message_pk: int
    name: str
    email: str
    sent_at: datetime | None
    bot: BotLine | None
    depth: int
    fragment: str
    said: Said
    rest: Said | None
    rest_lines: int
    teaser: str
    fate: Fate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """A comment at a line or on a whole mail with the answers to it.

    `carried_from` names the earlier revision that it was made on, with `origin` as the address of it there.
    """

    pieces: Sequence[Piece]
    carried_from: str | None = None
    origin: str = ""

    @property
    def settled(self) -> bool:
        """Whether it can stay closed."""
        return bool(self.fates) and not any(fate.open for fate in self.fates)

    @property
    def fates(self) -> list[Fate]:
        """What became of what is asked for here."""
        return [piece.fate for piece in self.pieces if piece.fate is not None]


def fate_of(judged: Judged) -> Fate:
    """Return what became of a remark, as a page says it."""
    open_ = judged.open
    chip = Chip(text=judged.word, tone=Tone.WARN if open_ else Tone.GOOD)
    return Fate(chip=chip, why=judged.why, mark=judged.mark, open=open_, offers=offers(judged.mark, is_open=open_))


def offers(mark: Mark | None, *, is_open: bool) -> list[tuple[MarkSays, str]]:
    """Return the buttons below a remark: what each says, and its words."""
    found = [(MarkSays.ADDRESSED, "Addressed") if is_open else (MarkSays.OPEN, "Still open")]
    if mark is not None:
        found = [(MarkSays.WITHDRAWN, "Undo")] if not is_open else [*found, (MarkSays.WITHDRAWN, "Undo")]
    return found


def fragment(comment_id: int, number: int) -> str:
    """Return the id that a page gives to the numbered point of a comment, from 1."""
    return f"comment-{comment_id}" if number == 1 else f"comment-{comment_id}-{number}"


def teaser(text: str, most: int = TEASER) -> str:
    """Return how a comment begins, quotes left out, in one line."""
    words = " ".join(line.strip() for line in text[:BODY_LIMIT].split("\n") if not line.startswith(">")).split()
    plain = visible(" ".join(words))
    return plain if len(plain) <= most else f"{plain[: most - 1].rstrip()}…"


def piece(review: Review, reply: Reply, text: str, *, judged: Judged | None, number: int = 1, depth: int = 0) -> Piece:
    """Return what a reply says, or says at one of its points."""
    row = review.comments[reply.message.message_id]
    lines = text.split("\n")
    long = len(lines) > LONG and reply.bot is None
    report = asdict(read_bot_report(reply.message, reply.bot)) if reply.bot else None
    return Piece(
        comment_id=row.id,
        message_pk=row.message_pk,
        name=reply.author.name,
        email=reply.author.email,
        sent_at=reply.message.date,
        bot=bot_line(reply.bot, report),
        depth=min(depth, DEEPEST),
        fragment=fragment(row.id, number),
        said=said("\n".join(lines[:KEPT]) if long else text),
        rest=said("\n".join(lines[KEPT:])) if long else None,
        rest_lines=len(lines) - KEPT if long else 0,
        teaser=teaser(text),
        fate=fate_of(judged) if judged else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TalkOfPatch:
    """All that is said of a patch, or of a cover letter: at lines, and apart."""

    at_lines: Mapping[Spot, Sequence[Talk]]
    apart: Sequence[Talk]

    @property
    def all(self) -> list[Talk]:
        """Every talk."""
        return [*(talk for talks in self.at_lines.values() for talk in talks), *self.apart]


def talk_of_patch(review: Review, label: str, position: int | None) -> TalkOfPatch:
    """Gather what is said of a patch of the revision of that label, and what is carried to it from earlier ones."""
    revision = review.revisions[label]
    replies = [one for one in revision.comments if one.patch_position == position]
    at_lines: dict[Spot, list[Talk]] = defaultdict(list)
    apart: list[Talk] = []
    for judged in review.carried_to(label):
        place = judged.place_in(label)
        if place is None or place.label != label or place.patch_position != position:
            continue
        talk = _carried(review, judged)
        if place.path is None or place.line is None:
            apart.append(talk)
        else:
            at_lines[place.path, place.line, place.removed].append(talk)
    tree = _Tree(review, replies, review.made_on(label))
    for reply in tree.roots:
        points = review.points[reply.message.message_id]
        for number, point in enumerate(points, 1):
            at_lines[_spot(point)].append(tree.at_point(reply, point, number))
        if not points:
            apart.append(tree.whole(reply))
    talks = {spot: [talk for talk in found if talk.pieces] for spot, found in at_lines.items()}
    return TalkOfPatch(at_lines=talks, apart=[talk for talk in apart if talk.pieces])


def _spot(point: Anchor) -> Spot:
    return point.path, point.line, point.removed


def _carried(review: Review, judged: Judged) -> Talk:
    remark = judged.remark
    text = remark.anchor.text if remark.anchor else remark.comment.message.body
    first = remark.places[0]
    patch = review.patches.get((first.label, first.patch_position)) if first.patch_position is not None else None
    at = f"#{fragment(judged.comment_id, judged.number)}"
    return Talk(
        pieces=[piece(review, remark.comment, text, judged=judged, number=judged.number)],
        carried_from=judged.asked_in,
        origin=f"/patches/{patch.id}{at}" if patch else f"/messages/{review.message_pk(remark)}",
    )


class _Tree:
    """The replies to one mail, answers below what they answer."""

    def __init__(self, review: Review, replies: Sequence[Reply], judged: Sequence[Judged]) -> None:
        self._review = review
        self._judged = {(one.remark.comment.message.message_id, one.number): one for one in judged}
        known = {one.message.message_id for one in replies}
        self._answers: dict[str | None, list[Reply]] = defaultdict(list)
        self._shown: set[tuple[str, int]] = set()
        roots = []
        for one in replies:
            # What has lines of its own below a comment that has none begins anew.
            if one.answers in known and (review.points[one.answers] or not review.points[one.message.message_id]):
                self._answers[one.answers].append(one)
            else:
                roots.append(one)
        below = {reply.message.message_id for root in roots for reply, _ in self._below(root)}
        # What answers itself in a ring is below nothing.
        self.roots = [*roots, *(one for one in replies if one.message.message_id not in below)]

    def at_point(self, root: Reply, point: Anchor, number: int) -> Talk:
        """A point of a comment with what is answered to it."""
        pieces = []
        for reply, depth in self._below(root):
            points = self._review.points[reply.message.message_id]
            here = [(at, one) for at, one in enumerate(points, 1) if _spot(one) == _spot(point)]
            if reply is root:
                here = [(number, point)]
            pieces += [found for at, one in here if (found := self._piece(reply, one.text, at, depth))]
        return Talk(pieces=pieces)

    def whole(self, root: Reply) -> Talk:
        """A comment on a whole mail with the answers to it."""
        below = self._below(root)
        return Talk(pieces=[one for reply, depth in below if (one := self._piece(reply, reply.message.body, 1, depth))])

    def _piece(self, reply: Reply, text: str, number: int, depth: int) -> Piece | None:
        key = (reply.message.message_id, number)
        if key in self._shown:
            return None
        self._shown.add(key)
        return piece(self._review, reply, text, judged=self._judged.get(key), number=number, depth=depth)

    def _below(self, root: Reply) -> list[tuple[Reply, int]]:
        found: list[tuple[Reply, int]] = []
        seen: set[str] = set()
        waiting = [(root, 0)]
        while waiting:
            reply, depth = waiting.pop()
            if reply.message.message_id in seen:
                continue
            seen.add(reply.message.message_id)
            found.append((reply, depth))
            waiting += [(one, depth + 1) for one in reversed(self._answers[reply.message.message_id])]
        return found
