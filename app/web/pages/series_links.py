"""Why the revisions of a series are one work, what people decided about that, and what a posting declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Decision, Revision, Series
from app.db.queries import decisions as queries
from app.db.queries.paging import Window
from app.domain.linking import Reason
from app.domain.prerequisite import change_and_version
from app.domain.trailer import PrerequisiteKind

MOST_DECISIONS = 20
TRUST = "of trust: " + ", ".join(f"{int(one)} {one.words}" for one in reversed(Reason))
STRONGEST = max(Reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A mail that somebody names, and the revision that it belongs to where it is stored."""

    message_id: str
    revision: Revision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """What a person decided, with what it names."""

    decision: Decision
    subject: Place
    target: Place | None
    parted_from: Place | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """Something that a posting declares to need: the kind of its id, the id, and the revision if it is stored."""

    kind: str
    value: str
    revision: Revision | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """What holds a series together; `needs` and `supersedes` are what the chosen revision declares.

    `former` are series that became part of this one; `left_out` counts decisions that are not shown.
    """

    rows: Sequence[DecisionRow]
    left_out: int
    former: Sequence[int]
    needs: Sequence[Need]
    supersedes: Sequence[Place]
    trust: str = TRUST
    strongest: int = STRONGEST


def series_links(session: Session, series: Series, chosen: Revision) -> Links:
    """Gather what holds a series together; at most five statements, whatever there is to show."""
    page = queries.list_decisions(session, Window(limit=MOST_DECISIONS), series_id=series.id)
    needs = [_split(one) for one in chosen.prerequisites]
    named = {one for row in page.items for one in (row.message_id, row.to_message_id, row.parted_from) if one}
    named.update(chosen.supersedes)
    named.update(value for kind, value in needs if kind == PrerequisiteKind.MESSAGE_ID)
    places = queries.postings_of(session, named)
    changes = [change_and_version(value) for kind, value in needs if kind == PrerequisiteKind.CHANGE_ID]
    under = queries.postings_with_change_ids(session, {change for change, _ in changes}) if changes else []
    return Links(
        rows=[_row(one, places) for one in page.items],
        left_out=page.total - len(page.items),
        former=queries.former_series(session, [one.id for one in series.revisions]),
        needs=[
            Need(kind=kind, value=value, revision=_declared_change(value, under) or places.get(value))
            for kind, value in needs
        ],
        supersedes=[Place(message_id=one, revision=places.get(one)) for one in chosen.supersedes],
    )


def _split(stored: str) -> tuple[str, str]:
    kind, _, value = stored.partition(" ")
    return kind, value


def _declared_change(value: str, under: Sequence[Revision]) -> Revision | None:
    """Return the newest of the revisions with this change-id, and of the version where b4 wrote one."""
    change, version = change_and_version(value)
    fitting = (one for one in reversed(under) if one.change_id == change and version in {None, one.version})
    return next(fitting, None)


def _row(one: Decision, places: Mapping[str, Revision]) -> DecisionRow:
    def place(message_id: str | None) -> Place | None:
        return Place(message_id=message_id, revision=places.get(message_id)) if message_id else None

    return DecisionRow(
        decision=one,
        subject=Place(message_id=one.message_id, revision=places.get(one.message_id)),
        target=place(one.to_message_id),
        parted_from=place(one.parted_from),
    )
