"""Which pairs git has yet to compare."""

from datetime import timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import RangeDiff, Run, Series
from app.domain.outcome import Outcome
from app.domain.outcome import Step as StepName
from app.services.differences import store, to_compare
from tests import factories as make
from tests.factories import NOW


@pytest.fixture
def series(session: Session) -> Series:
    return make.add_series(session)


def applied(session: Session, series: Series, number: int, *, commit: str, tree: str = "bpf-next") -> Run:
    """Insert revision `number` where it is not there, and a run that applied it."""
    label = f"v{number}"
    known = {one.label: one for one in session.scalars(select(make.Revision))}
    posted = NOW + timedelta(days=number)
    revision = known.get(label) or make.add_revision(session, series, label, position=number, posted_at=posted)
    run = make.add_run(session, revision, tree=tree)
    make.add_step(session, run, StepName.APPLY, detail={"below": make.BASE, "commit": commit * 40})
    return run


def pairs(session: Session, run: Run) -> list[tuple[str, str]]:
    return [(old.commit[0], new.commit[0]) for old, new in to_compare(session, run.id)]


def test_neighbours_on_both_sides_in_one_tree(session: Session, series: Series) -> None:
    applied(session, series, 1, commit="1")
    applied(session, series, 2, commit="2")
    applied(session, series, 4, commit="4")
    middle = applied(session, series, 3, commit="3")
    assert pairs(session, middle) == [("2", "3"), ("3", "4")]


def test_not_across_trees_nor_over_one_that_was_not_applied(session: Session, series: Series) -> None:
    applied(session, series, 1, commit="1", tree="bpf")
    second = applied(session, series, 2, commit="2")
    assert pairs(session, second) == []
    refused = make.add_run(session, make.add_revision(session, series, "v3", position=3, posted_at=NOW))
    make.add_step(session, refused, StepName.APPLY, Outcome.FAIL, detail={"position": 1})
    fourth = applied(session, series, 4, commit="4")
    assert pairs(session, fourth) == []
    assert pairs(session, refused) == []
    assert pairs(session, make.add_run(session)) == []


def test_what_is_kept_is_made_again_when_a_commit_changed(session: Session, series: Series) -> None:
    applied(session, series, 1, commit="1")
    second = applied(session, series, 2, commit="2")
    ((old, new),) = to_compare(session, second.id)
    store(session, old, new, "1:  1 = 1:  2 nul \x00 here\n")
    assert pairs(session, second) == []
    again = applied(session, series, 2, commit="3")
    ((old, new),) = to_compare(session, again.id)
    assert (old.commit[0], new.commit[0]) == ("1", "3")
    store(session, old, new, "anew")
    session.expire_all()
    (kept,) = session.scalars(select(RangeDiff)).all()
    assert (kept.text, kept.new_commit[0], kept.tree, kept.new_base) == ("anew", "3", "bpf-next", make.BASE)
