"""A patch with what is said of it: at its lines, carried over from earlier revisions, and apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from app.db.models import MarkSays, Message, Patch, Revision, Series
from app.db.queries import review as queries
from app.db.queries import series as series_queries
from app.db.queries.patch_trials import newest_trial
from app.errors import NotFoundError, SubmissionError
from app.services.review import Review, mark_comment, read_review
from app.web.forms import Fields
from app.web.mailtext import BODY_LIMIT, Diff, DiffLine, coloured_diff
from app.web.pages.run_patches import TriedPatch, tried_patch
from app.web.pages.signing_in import own_path
from app.web.parameters import Id, Read, Write
from app.web.render import render, visible
from app.web.said import Spot, Talk, TalkOfPatch, fragment, talk_of_patch
from app.web.security import SignedIn
from app.web.signed import SignedLine, signed_lines

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextStretch:
    """Lines of the text before the diff, and what is said at the last of them."""

    text: str
    talks: Sequence[Talk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Lines of a diff, and what is said at the last of them."""

    lines: Sequence[DiffLine]
    talks: Sequence[Talk]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many remarks there are: open ones of people, those of them from earlier revisions, open ones of bots."""

    people: int
    carried: int
    bots: int
    addressed: int
    first_open: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchPage:
    """One patch; `text_left_out` is how many characters before the diff were too many."""

    series: Series
    revision: Revision
    patch: Patch
    message: Message
    signed: Sequence[SignedLine] | None
    text: Sequence[TextStretch]
    text_left_out: int
    stretches: Sequence[Stretch]
    diff: Diff
    apart: Sequence[Talk]
    tally: Tally
    tried: TriedPatch | None = None
    place: str = "series"

    @property
    def title(self) -> str:
        """The patch and its place."""
        return f"{self.patch.title} · {self.revision.label} {self.patch.position}/{self.revision.total}"


@router.get("/patches/{patch_id}")
def show_patch(patch_id: Id, request: Request, session: Read) -> HTMLResponse:
    """Show one patch."""
    series_id = queries.series_of_patch(session, patch_id)
    series = series_queries.get_series(session, series_id) if series_id is not None else None
    if series is None:
        raise NotFoundError(f"there is no patch {patch_id}")
    revision, patch = next(
        (revision, patch) for revision in series.revisions for patch in revision.patches if patch.id == patch_id
    )
    raw_diff, message = queries.diff_and_mail(session, patch_id)
    review = read_review(session, series, revision)
    talk = talk_of_patch(review, revision.label, patch.position)
    diff = coloured_diff(raw_diff)
    prose = _prose(review, revision, patch, message)
    text, at_text = _text(prose[:BODY_LIMIT], talk.at_lines)
    stretches, at_diff = _stretches(diff, talk.at_lines)
    lost = [found for spot, talks in talk.at_lines.items() if spot not in at_text | at_diff for found in talks]
    context = PatchPage(
        series=series,
        revision=revision,
        patch=patch,
        message=message,
        signed=signed_lines(session, message.id),
        text=text,
        text_left_out=max(0, len(prose) - BODY_LIMIT),
        stretches=stretches,
        diff=diff,
        apart=[*talk.apart, *lost],
        tally=_tally(talk),
        tried=_tried(session, revision, patch),
    )
    return render(request, "patches/show.html", context)


def _tried(session: Session, revision: Revision, patch: Patch) -> TriedPatch | None:
    trial = newest_trial(session, revision.id, patch.position)
    return None if trial is None else tried_patch(patch.id, patch.position, patch.title, trial)


def _prose(review: Review, revision: Revision, patch: Patch, message: Message) -> str:
    read = review.revisions[revision.label].patches
    mail = next((one.message for one in read if one.position == patch.position), None)
    return mail.prose if mail is not None else message.body.partition("\ndiff --git ")[0]


def _text(prose: str, talks: Mapping[Spot, Sequence[Talk]]) -> tuple[list[TextStretch], set[Spot]]:
    """Return the text cut at the lines where something is said, and those lines."""
    stretches: list[TextStretch] = []
    seen: set[Spot] = set()
    lines: list[str] = []
    for number, line in enumerate(prose.rstrip().split("\n"), 1):
        lines.append(line)
        spot = ("", number, False)
        if spot in talks:
            seen.add(spot)
            stretches.append(TextStretch(text=visible("\n".join(lines)), talks=talks[spot]))
            lines = []
    return [*stretches, *([TextStretch(text=visible("\n".join(lines)), talks=())] if lines else [])], seen


def _stretches(diff: Diff, talks: Mapping[Spot, Sequence[Talk]]) -> tuple[list[Stretch], set[Spot]]:
    """Return the diff cut at the lines where something is said, and those lines."""
    stretches: list[Stretch] = []
    seen: set[Spot] = set()
    lines: list[DiffLine] = []
    for line in diff.lines:
        lines.append(line)
        spot = _spot(line)
        if spot is not None and spot in talks and spot not in seen:
            seen.add(spot)
            stretches.append(Stretch(lines=lines, talks=talks[spot]))
            lines = []
    return [*stretches, *([Stretch(lines=lines, talks=())] if lines else [])], seen


def _spot(line: DiffLine) -> Spot | None:
    if line.new is not None:
        return line.path, line.new, False
    return (line.path, line.old, True) if line.old is not None else None


def _tally(talk: TalkOfPatch) -> Tally:
    judged = [(found, piece) for found in talk.all for piece in found.pieces if piece.fate is not None]
    waiting = [(found, piece) for found, piece in judged if piece.fate is not None and piece.fate.open]
    people = [(found, piece) for found, piece in waiting if piece.bot is None]
    first = [*people, *waiting][:1]
    return Tally(
        people=len(people),
        carried=sum(found.carried_from is not None for found, _ in people),
        bots=len(waiting) - len(people),
        addressed=len(judged) - len(waiting),
        first_open=first[0][1].fragment if first else "",
    )


@router.post("/comments/{comment_id}/mark")
def mark(comment_id: Id, session: Write, token: SignedIn, fields: Fields) -> RedirectResponse:
    """Note what somebody says of a comment, and go back to the page they said it on."""
    says = fields.get("says", "")
    if says not in set(MarkSays):
        raise SubmissionError(f"a comment is marked {', '.join(MarkSays)}, not {says[:40]!r}")
    mark_comment(session, comment_id, MarkSays(says), by=token.name)
    page, _, at = own_path(fields.get("back", "/")).partition("#")
    return RedirectResponse(f"{page}#{at or fragment(comment_id, 1)}", 303)
