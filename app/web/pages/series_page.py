"""What the page of a series shows."""

import shlex
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app.config import Settings
from app.db.models import Change, Comment, Patch, Report, Revision, Run, Series
from app.db.queries import patches as patch_queries
from app.db.queries import results as result_queries
from app.db.queries import series as series_queries
from app.db.queries import threads as thread_queries
from app.db.queries.patches import CommentText
from app.db.queries.reports import newest_report
from app.db.queries.results import Differing
from app.db.queries.runs import RevisionRuns, change_counts, runs_of_revisions
from app.domain.outcome import ChangeClass
from app.report.reproduce import mailed
from app.services.comparing import Told, changes_told
from app.services.reproducing import load_recipe
from app.services.test_history import flaky_on_base
from app.web.botwords import BotLine, bot_line
from app.web.evidence import Evidence, read_evidence, said_first
from app.web.mailtext import BODY_LIMIT, Said, said
from app.web.matrix import MOST_ROWS, Column, Facts, Matrix, build_matrix
from app.web.pages.series_links import Links, series_links
from app.web.pages.series_review import SeriesReview, series_review
from app.web.signed import Mark, marks
from app.web.words import VERDICT_TONES, Chip, Statement, Tone, revision_chips, split_sentence

MOST_COMMENTS = 60
"""Comments shown with their text; the thread page lists the others."""
DEEPEST = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A revision beside the others."""

    revision: Revision
    chips: Sequence[Chip]
    comments: int
    current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A comment as the page shows it: how deep in the thread it is, its text, and of a bot's what it says in short."""

    comment: Comment
    depth: int
    said: Said
    bot: BotLine | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchRow:
    """A patch, the comments on it, and who vouched for it."""

    patch: Patch
    remarks: Sequence[Remark]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPage:
    """One series with one of its revisions looked at."""

    series: Series
    revision: Revision
    cards: Sequence[Card]
    statement: Statement
    run: Run | None
    active: Run | None
    runs: Sequence[Run]
    matrix: Matrix
    tests: int
    not_reached: int
    evidence: Evidence
    cover_remarks: Sequence[Remark]
    patches: Sequence[PatchRow]
    remarks_left_out: int
    review: SeriesReview
    told: Told
    thread_id: int | None
    report: Report | None
    reproduce: str
    profiles: Sequence[str]
    links: Links
    marks: Mapping[int, Mark]
    place: str = "series"

    @property
    def title(self) -> str:
        """The series and what is said of the revision."""
        chips = next(card.chips for card in self.cards if card.current)
        return f"{self.series.title} · {self.revision.label} {chips[0].text}"

    @property
    def comments(self) -> int:
        """How many comments the revision has."""
        return next(card.comments for card in self.cards if card.current)


def series_page(session: Session, settings: Settings, series: Series, chosen: Revision, now: datetime) -> SeriesPage:
    """Gather the page; a fixed number of statements, however many revisions, tests and comments there are."""
    ids = [revision.id for revision in series.revisions]
    runs = runs_of_revisions(session, ids)
    shown = {revision: one.shown for revision, one in runs.items()}
    run_ids = [run.id for run in shown.values() if run]
    counts = change_counts(session, run_ids)
    differing = result_queries.list_differing(session, run_ids, MOST_ROWS)
    run = shown[chosen.id]
    matrix, tests = _matrix(session, series.revisions, runs, differing, run, now)
    cover, patches, left_out = _comments(patch_queries.comments_on_revision(session, chosen.id, BODY_LIMIT), chosen)
    return SeriesPage(
        series=series,
        revision=chosen,
        cards=_cards(series.revisions, runs, counts, series_queries.comment_counts(session, ids), chosen),
        statement=statement(chosen, run, runs[chosen.id].active),
        run=run,
        active=runs[chosen.id].active,
        runs=list(reversed(runs[chosen.id].runs)),
        matrix=matrix,
        tests=tests,
        not_reached=counts.get(run.id, {}).get(ChangeClass.NOT_RUN, 0) if run else 0,
        evidence=read_evidence(run.told if run else {}),
        cover_remarks=cover,
        patches=patches,
        remarks_left_out=left_out,
        review=series_review(session, series, chosen),
        told=changes_told(session, series.revisions, chosen),
        thread_id=thread_queries.thread_of_message(session, chosen.root_id),
        report=newest_report(session, chosen.id),
        reproduce=_reproduce(session, settings, chosen, run, differing.changes),
        profiles=sorted(settings.profiles, key=lambda name: name != settings.default_profile),
        links=series_links(session, series, chosen),
        marks=marks(session, chosen),
    )


def _cards(
    revisions: Sequence[Revision],
    runs: dict[int, RevisionRuns],
    counts: Mapping[int, Mapping[ChangeClass, int]],
    comments: Mapping[int, int],
    chosen: Revision,
) -> list[Card]:
    return [
        Card(
            revision=one,
            chips=revision_chips(runs[one.id], counts, one.total),
            comments=comments.get(one.id, 0),
            current=one is chosen,
        )
        for one in revisions
    ]


def _matrix(
    session: Session,
    revisions: Sequence[Revision],
    runs: dict[int, RevisionRuns],
    differing: Differing,
    current: Run | None,
    now: datetime,
) -> tuple[Matrix, int]:
    shown = [(revision, runs[revision.id].shown) for revision in revisions]
    judged = [run for run in (current, *(run for _, run in reversed(shown))) if run and run.baseline_id]
    where = judged[0] if judged else None
    baseline = where.baseline_id if where else None
    run_ids = [run.id for _, run in shown if run] + ([baseline] if baseline else [])
    sizes = result_queries.sizes(session, run_ids)
    refs = list(dict.fromkeys((one.test_id, one.ordinal) for one in differing.changes))
    facts = Facts(
        differing=differing,
        outcomes=result_queries.outcomes(session, run_ids, refs),
        flaky=flaky_on_base(session, refs, run=where, now=now) if where else {},
        baseline_id=baseline,
    )
    columns = [Column(label=revision.label, run=run, tested=bool(run and sizes[run.id])) for revision, run in shown]
    tests = max(sizes.values(), default=0)
    return build_matrix(columns, facts), tests if any(
        column.tested and column.run and column.run.verdict for column in columns
    ) else 0


def statement(revision: Revision, run: Run | None, active: Run | None) -> Statement:
    """Say in one sentence what there is to say of a revision."""
    label = revision.label
    if run is None:
        missing = f" {len(revision.missing)} of its {revision.total} patches never came." if revision.missing else ""
        return Statement(head=f"{label} has not been tested", rest=f".{missing}", tone=Tone.QUIET)
    if run.verdict is None:
        step = "is queued" if active and active.started_at is None else "is being tested"
        so_far = said_first(active.told) if active else ""
        return Statement(head=f"{label} {step}", rest=f". {so_far}".rstrip(), tone=Tone.NEW)
    return split_sentence(run.sentence or f"{label}: {run.verdict}.", VERDICT_TONES[run.verdict])


def thread_of(heard: Sequence[CommentText]) -> list[Remark]:
    """Return comments, which come by date, with how deep each is among those before it."""
    depths: dict[str, int] = {}
    remarks = []
    for one in heard:
        mail = one.comment.message
        depth = min(depths.get(mail.in_reply_to or "", -1) + 1, DEEPEST)
        depths[mail.message_id] = depth
        bot = bot_line(one.comment.bot, one.comment.bot_report)
        remarks.append(Remark(comment=one.comment, depth=depth, said=said(one.body, one.length), bot=bot))
    return remarks


def _comments(heard: Sequence[CommentText], revision: Revision) -> tuple[list[Remark], list[PatchRow], int]:
    remarks: dict[int | None, list[Remark]] = defaultdict(list)
    for remark in thread_of(heard[:MOST_COMMENTS]):
        remarks[remark.comment.patch_id].append(remark)
    patches = [PatchRow(patch=patch, remarks=remarks.get(patch.id, [])) for patch in revision.patches]
    return remarks.get(None, []), patches, max(0, len(heard) - MOST_COMMENTS)


def _reproduce(
    session: Session, settings: Settings, revision: Revision, run: Run | None, changes: Sequence[Change]
) -> str:
    """Return commands for a kernel tree: what shows the first blamed tests again, else what applies the revision.

    What mails say is quoted for the shell.
    """
    blamed = [one.test for one in changes if run and one.run_id == run.id and one.kind.blamed]
    recipe = load_recipe(session, settings, run, revision) if run and blamed else None
    if recipe:
        return "\n".join(mailed(recipe, [(test.suite, test.name) for test in blamed]))
    lines = [f"git switch --detach {run.base_commit[:12]}"] if run else []
    for one in run.applied_first if run else ():
        picked = "-P _ " if one.alone else ""
        lines += [f"b4 shazam {picked}{shlex.quote(mail)}" for mail in one.message_ids if one.applied]
    return "\n".join([*lines, f"b4 shazam {shlex.quote(revision.root_id)}"])
