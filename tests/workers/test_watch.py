"""Lists followed: what is taken in, and what is run of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from app.config import ListSettings, Settings
from app.db.models import Message, Revision, Run, Thread
from app.domain.message import split_mbox
from app.errors import SubmissionError
from app.services.ingest import ingest
from app.services.watching import track_wanted
from tests.factories import add_run
from workers.watch import watch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "thread"
ALWAYS = timedelta(days=36_500)
NOW = datetime.now(UTC)


def mails_of(version):
    return split_mbox((EXAMPLE / f"v{version}.mbox").read_bytes())


def wanted(sessions, **rules):
    """The Message-IDs that a list with these rules has tracked."""
    settings = ListSettings(name="bpf", place="/nowhere", **({"posted_within": ALWAYS} | rules))
    with sessions.begin() as session:
        return track_wanted(session, settings, set(session.scalars(select(Revision.series_id))), now=NOW)


@pytest.fixture
def root(sessions):
    with sessions.begin() as session:
        ingest(session, mails_of(1), thread_id=None)
    with sessions() as session:
        return session.scalars(select(Revision.root_id)).one()


@pytest.mark.parametrize(
    ("rules", "chosen"),
    [
        ({}, True),
        ({"run": False}, False),
        ({"tags": ("bpf-next",)}, True),
        ({"tags": ("net-next",)}, False),
        ({"files": ("kernel/bpf/*",)}, True),
        ({"files": ("drivers/*",)}, False),
        ({"authors": ("*@EXAMPLE.org",)}, True),
        ({"authors": ("nobody@example.org",)}, False),
        ({"tags": ("bpf-next",), "files": ("drivers/*",)}, False),
        ({"posted_within": timedelta(seconds=1)}, False),
    ],
)
def test_rules_choose_what_is_run(sessions, root, rules, chosen):
    assert wanted(sessions, **rules) == ([root] if chosen else [])


def test_what_was_asked_for_already_is_not_asked_for_again(sessions, root):
    assert wanted(sessions) == [root]
    assert wanted(sessions) == []


def test_the_next_revision_of_what_was_run_is_run_whatever_the_rules_say(sessions, root):
    with sessions.begin() as session:
        add_run(session, session.scalars(select(Revision)).one())
        ingest(session, mails_of(2), thread_id=None)
    with sessions() as session:
        second = session.scalars(select(Revision.root_id).where(Revision.label == "v2")).one()
    assert wanted(sessions, run=False, tags=("net",)) == [second]


def test_a_revision_with_missing_patches_waits_for_them(sessions):
    mails = mails_of(1)
    last = next(raw for raw in mails if b" 8/8]" in raw)
    with sessions.begin() as session:
        ingest(session, [raw for raw in mails if raw is not last], thread_id=None)
    assert wanted(sessions) == []
    with sessions.begin() as session:
        ingest(session, [last], thread_id=None)
    assert len(wanted(sessions)) == 1


def test_lists_are_looked_at_and_trouble_with_one_stops_no_other(sessions, settings, tmp_path):
    box = tmp_path / "list.mbox"
    box.write_bytes((EXAMPLE / "v1.mbox").read_bytes())
    lists = (
        ListSettings(name="gone", place=str(tmp_path / "gone")),
        ListSettings(name="bpf", place=str(box), posted_within=ALWAYS),
    )
    watch(settings.model_copy(update={"lists": lists}), sessions, once=True)
    with sessions() as session:
        assert len(session.scalars(select(Message.id)).all()) == len(mails_of(1))
        (thread,) = session.scalars(select(Thread)).all()
        assert thread.requested_by == "list bpf"
        assert session.scalars(select(Run)).all() == []


def test_no_list_is_said(sessions):
    with pytest.raises(SubmissionError, match=r"\[\[lists\]\]"):
        watch(Settings(), sessions, once=True)
