"""What the page of a series says of its review: what is still open, and who vouched for what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Revision, Series
from app.domain.series import Revision as Posting
from app.domain.trailer import Trailer
from app.services.review import Judged, Review, read_review
from app.web.render import visible
from app.web.said import Fate, fate_of, fragment, teaser

TEASER = 280
MOST_OPEN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRow:
    """A remark on an earlier revision that stands in this one: where it was made, where it is now, what it says."""

    comment_id: int
    made_at: str
    now_at: str
    href: str
    quoted: str
    text: str
    fate: Fate


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """Who made the remarks in `rows`."""

    name: str
    email: str
    rows: Sequence[OpenRow]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailerRow:
    """A trailer given in a reply: the patches it is for ("all" for the cover letter's).

    `sender` is who sent it, where that is not who it names ("" where it is), `bot` that a bot did.
    """

    text: str
    where: Sequence[str]
    sender: str
    bot: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DroppedRow:
    """A trailer that the revision before had and this one's patches lack: which, and their addresses.

    `changed` says that they are not what it was given to.
    """

    text: str
    where: Sequence[tuple[str, str]]
    given_in: str
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesReview:
    """The review of a series as one revision shows it; `fates` are by comment, `settled` were addressed since."""

    people: Sequence[Reviewer]
    bots: Sequence[Reviewer]
    settled: Sequence[OpenRow]
    more: int
    fates: Mapping[int, Fate]
    trailers: Sequence[TrailerRow]
    dropped: Sequence[DroppedRow]
    left_out: Sequence[str]

    @property
    def open(self) -> int:
        """How many remarks by people are open."""
        return sum(len(one.rows) for one in self.people) + self.more


def series_review(session: Session, series: Series, chosen: Revision) -> SeriesReview:
    """Gather it; the revisions of `series` and their patches have to be loaded."""
    review = read_review(session, series, chosen)
    carried = review.carried_to(chosen.label)
    people = [one for one in carried if one.open and not one.remark.comment.is_bot]
    fates: dict[int, Fate] = {}
    for judged in review.made_on(chosen.label):
        if judged.comment_id not in fates or judged.open:
            fates[judged.comment_id] = fate_of(judged)
    return SeriesReview(
        people=_by_reviewer(review, people[:MOST_OPEN], chosen.label),
        bots=_by_reviewer(review, [one for one in carried if one.open and one.remark.comment.is_bot], chosen.label),
        settled=[_row(review, one, chosen.label) for one in carried if not one.open],
        more=max(0, len(people) - MOST_OPEN),
        fates=fates,
        trailers=_given(review.revisions[chosen.label]),
        dropped=_dropped(review, chosen.label),
        left_out=review.left_out,
    )


def _by_reviewer(review: Review, judged: Sequence[Judged], label: str) -> list[Reviewer]:
    rows: dict[tuple[str, str], list[OpenRow]] = {}
    for one in judged:
        author = one.remark.comment.author
        name = author.name or str(one.remark.comment.bot or "")
        rows.setdefault((name, author.email), []).append(_row(review, one, label))
    return [Reviewer(name=name, email=email, rows=found) for (name, email), found in rows.items()]


def _row(review: Review, judged: Judged, label: str) -> OpenRow:
    remark = judged.remark
    made, now = remark.places[0], judged.place_in(label) or remark.place
    patch = review.patches.get((now.label, now.patch_position)) if now.patch_position is not None else None
    at = f"#{fragment(judged.comment_id, judged.number)}"
    total = review.revisions[now.label].total
    line = f" {now.path.rpartition('/')[2]}:{now.line}" if now.path else " commit message" if now.path == "" else ""
    return OpenRow(
        comment_id=judged.comment_id,
        made_at=f"{made.label} {_numbered(made.patch_position, review.revisions[made.label].total)}",
        now_at=f"{now.label} {_numbered(now.patch_position, total)}" + (line if patch else ""),
        href=f"/patches/{patch.id}{at}" if patch else f"/messages/{review.message_pk(remark)}",
        quoted=visible(" ".join(remark.anchor.quoted.split()))[:TEASER] if remark.anchor else "",
        text=teaser(remark.anchor.text if remark.anchor else remark.comment.message.body, TEASER),
        fate=fate_of(judged),
    )


def _numbered(position: int | None, total: int) -> str:
    return f"{position}/{total}" if position is not None else "cover letter"


def _given(revision: Posting) -> list[TrailerRow]:
    where: dict[tuple[str, str, bool], list[str]] = {}
    for comment in revision.comments:
        at = "all" if comment.patch_position is None else f"{comment.patch_position}/{revision.total}"
        for trailer in comment.trailers:
            sender = "" if _fits(trailer) or comment.is_bot else str(comment.author)
            found = where.setdefault((f"{trailer.name}: {trailer.value}", sender, comment.is_bot), [])
            if at not in found:
                found.append(at)
    return [
        TrailerRow(text=text, where=found, sender=sender, bot=bot)
        for (text, sender, bot), found in sorted(where.items())
    ]


def _fits(trailer: Trailer) -> bool:
    """Whether nobody is named, or the sender; people may report and suggest for others."""
    return trailer.agrees or trailer.person is None or trailer.name in ("Reported-by", "Suggested-by")


def _dropped(review: Review, label: str) -> list[DroppedRow]:
    before = review.before(label)
    where: dict[tuple[str, bool], list[tuple[str, str]]] = {}
    for one in review.dropped_in(label):
        patch = review.patches[label, one.patch.position]
        at = (f"{patch.position}/{review.revisions[label].total}", f"/patches/{patch.id}")
        where.setdefault((f"{one.trailer.name}: {one.trailer.value}", one.changed), []).append(at)
    given_in = before.label if before is not None else ""
    return [
        DroppedRow(text=text, where=found, given_in=given_in, changed=changed)
        for (text, changed), found in where.items()
    ]
