"""Looking for series."""

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import Message
from app.db.queries import series as queries
from app.db.queries.paging import Window
from app.domain.outcome import ChangeClass, Verdict
from tests import factories as make


@pytest.fixture
def two_series(session: Session) -> Session:
    one = make.add_series(session, "bpf: 100% of the rings", tags=["bpf-next"])
    revision = make.add_revision(session, one)
    make.add_comment(session, revision, "Why?")
    run = make.add_run(session, revision, verdict=Verdict.REGRESSED)
    make.add_change(session, run, "bpf_iter/task", ChangeClass.REGRESSION)
    other = make.add_series(session, "net: Other", author_name="Otto", author_email="otto@example.org", tags=["net"])
    make.add_revision(session, other)
    session.flush()
    return session


@pytest.mark.parametrize(
    "wanted",
    [
        {"text": "RINGS"},
        {"text": "100%"},
        {"text": "ann@"},
        {"text": "bpf_iter/ta"},
        {"tag": "bpf-next"},
        {"author": "Ann"},
        {"verdict": Verdict.REGRESSED},
    ],
)
def test_each_way_of_looking_finds_the_one_series(two_series: Session, wanted: dict[str, str]) -> None:
    found = queries.list_series(two_series, queries.SeriesFilter(**wanted), Window())  # type: ignore[arg-type]
    assert [one.title for one in found.items] == ["bpf: 100% of the rings"]
    assert found.total == 1


@pytest.mark.parametrize("wanted", [{"text": "0% o_"}, {"tag": "bpf"}, {"author": "Nobody"}, {"text": "task%"}])
def test_what_nobody_said_is_not_found(two_series: Session, wanted: dict[str, str]) -> None:
    assert queries.list_series(two_series, queries.SeriesFilter(**wanted), Window()).total == 0  # type: ignore[arg-type]


def test_every_mail_of_a_series_leads_to_it(two_series: Session) -> None:

    for message_id in two_series.scalars(select(Message.message_id)).all():
        found = queries.list_series(two_series, queries.SeriesFilter(text=f"<{message_id}>"), Window())
        assert found.total == 1, message_id


def test_tags_come_by_how_often_they_are_used(two_series: Session) -> None:
    make.add_series(two_series, tags=["net", "v6"])
    assert list(queries.list_tags(two_series)) == ["net", "bpf-next", "v6"]
