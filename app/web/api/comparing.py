"""Two revisions compared: what the author says has changed, and what has."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.db.queries import series as queries
from app.domain.comparison import Row, Source
from app.domain.evolution import Change
from app.services.between import compare_tests
from app.services.comparing import Difference, PatchNotes, Told, compare_revisions, pick
from app.web.api.schemas import Commit, Shape, TestName
from app.web.moved import moved_or_missing
from app.web.parameters import Id, Read

router = APIRouter(tags=["series"])

Label = Annotated[str | None, Query(max_length=100, examples=["v3"])]


class ComparedPatch(Shape):
    """One version of a patch."""

    id: int = Field(examples=[31])
    position: int = Field(examples=[3])
    title: str = Field(examples=["bpf: Count dropped samples per ring"])


class ComparedRow(BaseModel):
    """A patch and what became of it; `old` is null for an added one, `new` for a dropped one.

    `same_code`: only author or message differ. `difference` is a diff of the two diffs as git-range-diff(1) writes it,
    without indent and colours, empty where nothing differs; `source` says whether git or Reroll made it.
    """

    old: ComparedPatch | None
    new: ComparedPatch | None
    change: Change
    retitled: bool
    moved: bool
    same_code: bool
    source: Source
    difference: str


class PointShape(Shape):
    """A point of a change log; depth 0 stands directly under its step."""

    depth: int = Field(examples=[1])
    text: str = Field(examples=["Make mmap data read-only after loading prog."])


class PatchNotesShape(BaseModel):
    """What is said below the `---` of one patch."""

    position: int
    title: str
    points: list[PointShape]


class ToldShape(BaseModel):
    """What the author says has changed from one revision to the next; `said_in` is whose cover letter says so."""

    old: str | None = Field(serialization_alias="from", examples=["v3"])
    new: str = Field(serialization_alias="to", examples=["v4"])
    said_in: str = Field(examples=["v4"])
    points: list[PointShape]
    patches: list[PatchNotesShape]


class AppliedShape(Shape):
    """What git compared: both revisions as applied, each to its base in a tree."""

    tree: str = Field(examples=["bpf-next"])
    old_base: Commit
    new_base: Commit
    old_commit: Commit
    new_commit: Commit


class RangeDiffShape(BaseModel):
    """Two revisions compared; `applied` is null where git was not asked."""

    series_id: int
    old: str = Field(serialization_alias="from", examples=["v3"])
    new: str = Field(serialization_alias="to", examples=["v4"])
    source: Source
    applied: AppliedShape | None
    rows: list[ComparedRow]
    change_log: list[ToldShape]


@router.get("/series/{series_id}/range-diff")
def get_range_diff(
    series_id: Id, session: Read, older: Annotated[Label, Query(alias="from")] = None, to: Label = None
) -> RangeDiffShape:
    """Compare two revisions of a series, by default the newest with the one before.

    Patches are matched across renames and reorders. Where both revisions were applied by a worker, and follow each
    other, it is what `git range-diff` said; else the mails are compared patch against patch.
    """
    series = queries.get_series(session, series_id)
    if series is None:
        raise moved_or_missing(session, series_id)
    old, new = pick(series.revisions, older, to)
    difference = compare_revisions(session, series.revisions, old, new)
    git = difference.range_diff
    return RangeDiffShape(
        series_id=series_id,
        old=old.label,
        new=new.label,
        source=difference.comparison.source,
        applied=AppliedShape.model_validate(git) if git else None,
        rows=[_row(row, difference) for row in difference.comparison.rows],
        change_log=[_told(step) for step in difference.told],
    )


class TestNamed(Shape):
    """A test; `ordinal` counts results of one name, from 0."""

    __test__ = False  # pytest: not a test case

    suite: str = Field(examples=["test_progs"])
    name: TestName
    ordinal: int = Field(examples=[0])


class TestDiffShape(BaseModel):
    """Two revisions compared by what the series is blamed for in each, held against its own base.

    `why_not`: why they cannot be compared; the lists are empty then. `unknown` were blamed in one of
    them, and the other does not tell. `caveats` say what else may be the cause of a difference.
    """

    __test__ = False  # pytest: not a test case

    series_id: int
    old: str = Field(serialization_alias="from", examples=["v3"])
    new: str = Field(serialization_alias="to", examples=["v4"])
    old_run_id: int | None
    new_run_id: int | None
    why_not: str
    caveats: list[str]
    fixed: list[TestNamed]
    broken: list[TestNamed]
    still_broken: list[TestNamed]
    unknown: list[TestNamed]


@router.get("/series/{series_id}/test-diff")
def get_test_diff(
    series_id: Id, session: Read, older: Annotated[Label, Query(alias="from")] = None, to: Label = None
) -> TestDiffShape:
    """Compare the tests of two revisions of a series, by default those of the newest with those of the one before."""
    series = queries.get_series(session, series_id)
    if series is None:
        raise moved_or_missing(session, series_id)
    old, new = pick(series.revisions, older, to)
    compared = compare_tests(session, old, new)
    lists = {
        which: [TestNamed.model_validate(key) for key in getattr(compared.comparison, which, ())]
        for which in ("fixed", "broken", "still_broken", "unknown")
    }
    return TestDiffShape(
        series_id=series_id,
        old=old.label,
        new=new.label,
        old_run_id=compared.old_run.id if compared.old_run else None,
        new_run_id=compared.new_run.id if compared.new_run else None,
        why_not=compared.why_not,
        caveats=list(compared.caveats),
        **lists,
    )


def _row(row: Row, difference: Difference) -> ComparedRow:
    old = difference.patches[difference.old.id, row.old.position] if row.old else None
    new = difference.patches[difference.new.id, row.new.position] if row.new else None
    return ComparedRow(
        old=ComparedPatch.model_validate(old) if old else None,
        new=ComparedPatch.model_validate(new) if new else None,
        change=row.change,
        retitled=row.retitled,
        moved=row.moved,
        same_code=row.same_code,
        source=row.source,
        difference=row.difference,
    )


def _told(step: Told) -> ToldShape:
    return ToldShape(
        old=step.since,
        new=step.new.label,
        said_in=step.said_in.label,
        points=[PointShape.model_validate(point) for point in step.points],
        patches=[_notes(one) for one in step.patches],
    )


def _notes(notes: PatchNotes) -> PatchNotesShape:
    points = [PointShape.model_validate(point) for point in notes.points]
    return PatchNotesShape(position=notes.patch.position, title=notes.patch.title, points=points)
