"""Which revisions are compared, and which steps between them are told."""

from datetime import timedelta

import pytest
from sqlalchemy.orm import Session

from app.db.queries.series import get_series
from app.errors import NotFoundError
from app.services import comparing
from app.services.comparing import changes_told, compare_revisions, pick
from tests import factories as make
from tests.factories import NOW


def revisions(session: Session, count: int) -> list:
    series = make.add_series(session)
    for number in range(count):
        make.add_revision(session, series, f"v{number + 1}", position=number, posted_at=NOW + timedelta(days=number))
    number = series.id
    session.commit()
    session.expunge_all()
    found = get_series(session, number)
    assert found is not None
    return list(found.revisions)


def test_two_revisions_are_picked_by_their_labels(session: Session) -> None:
    all_of_them = revisions(session, 4)
    for old, new, expected in (
        (None, None, ("v3", "v4")),
        ("v1", None, ("v1", "v4")),
        (None, "v2", ("v1", "v2")),
        ("v4", "v2", ("v2", "v4")),
        ("v3", "v3", ("v3", "v3")),
    ):
        assert tuple(one.label for one in pick(all_of_them, old, new)) == expected
    with pytest.raises(NotFoundError, match=r"no revision 'rfc'; it has v1, v2, v3, v4"):
        pick(all_of_them, "rfc", None)
    with pytest.raises(NotFoundError, match="nothing to compare with"):
        pick(all_of_them, None, "v1")
    with pytest.raises(NotFoundError):
        pick([], None, None)


def test_the_newest_steps_are_told_where_there_are_many(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "MOST_STEPS", 2)
    all_of_them = revisions(session, 5)
    found = compare_revisions(session, all_of_them, all_of_them[0], all_of_them[4])
    assert [(step.since, step.new.label) for step in found.told] == [("v3", "v4"), ("v4", "v5")]
    assert found.steps_left_out == 2
    assert [step.points[0].text for step in found.told] == ["count on CPUs that went away"] * 2
    assert {row.old.position for row in found.comparison.rows if row.old} == {1, 2}


def test_the_first_revision_follows_nothing(session: Session) -> None:
    all_of_them = revisions(session, 2)
    first, second = (changes_told(session, all_of_them, one) for one in all_of_them)
    assert (first.old, first.since) == (None, None)
    assert (second.old, second.since, bool(second)) == (all_of_them[0], "v1", True)
