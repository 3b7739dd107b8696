"""What the examiner gets to see: the API and the mails that were delivered, of a run that somebody else made."""

import mailbox
from types import SimpleNamespace

import pytest

from app.db.models import ReportState
from tests import factories as make
from tests.example import ITER, add_example
from tests.harms.running import Court
from tests.mails import mail

pytestmark = pytest.mark.anyio


@pytest.fixture
def example(session):
    """The example, with a report that was delivered and one that was not."""
    made = add_example(session)
    sent = make.add_report(session, made.revisions[2], made.runs[2], "v3 regresses.", state=ReportState.SENT)
    make.add_report(session, made.revisions[2], made.runs[0], "not yet", message_id="later@example.org")
    session.commit()
    return SimpleNamespace(revisions=made.revisions, runs=made.runs, sent=sent.message_id)


@pytest.fixture
def there(example, client, sessions, tmp_path):
    box = mailbox.Maildir(tmp_path / "mail", create=True)
    box.add(mail(example.sent, "Re: v3", "v3 regresses.\n"))
    return Court(SimpleNamespace(mail=tmp_path / "mail", sessions=sessions), client)


async def test_a_run_is_read_with_verdict_changes_and_the_mails_that_were_delivered(there, example):
    judged = await there._judged(example.revisions[2].id, 60.0)
    assert (judged.run["id"], judged.verdict["verdict"]) == (example.runs[2].id, "regressed")
    assert [one["name"] for one in judged.verdict["blamed"]] == [ITER]
    assert judged.classes[ITER] == "regression"
    assert [text.strip() for text in judged.mails] == ["v3 regresses."]


async def test_logs_come_by_attempt_step_and_name(there, example):
    run = await there.get(f"/runs/{example.runs[3].id}")
    logs = await there.logs(run)
    assert set(logs) >= {"1-build-build", "1-selftests-console"}
    assert "ringcount.o" in logs["1-build-build"]


async def test_a_series_that_is_not_there_alone_is_no_single_one(there, example):
    with pytest.raises(LookupError, match="not one series of one revision"):
        await there._revision(example.revisions[0].root_id)
