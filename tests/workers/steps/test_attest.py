"""Signatures of a thread's mails are checked once, a bounded time at once, and again where that can tell more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from sqlalchemy import select, text, update

from app.config import AttestationSettings
from app.db.models import Attestation, Message
from app.db.queries.attestations import signatures_of
from app.domain.attestation import Check, Scheme, Signature
from app.domain.outcome import Verdict
from tests.factories import add_message, add_thread
from tests.workers.house import House
from workers.adapters.signatures import Signatures
from workers.steps import attest as step
from workers.steps.attest import attest

pytestmark = pytest.mark.anyio


def found(result):
    return Signature(scheme=Scheme.DKIM, signer="example.org", result=result, by_author=True, reason="\x00\ud800")


class Checker:
    """Gives out what it is told, mail after mail."""

    def __init__(self, *results):
        self.results = list(results)
        self.asked = []

    async def check(self, raw):
        self.asked.append(raw)
        return tuple(found(one) for one in self.results.pop(0))


def context(sessions, checker):
    return SimpleNamespace(sessions=sessions, signatures=checker)


@pytest.fixture
def thread(sessions):
    with sessions.begin() as session:
        thread = add_thread(session)
        for number in range(3):
            add_message(session, f"mail {number}", thread=thread)
        add_message(session, "of another thread")
        return thread.id


async def test_tracking_a_thread_has_its_mails_checked(settings, sessions, tmp_path):
    house = House(settings, sessions, tmp_path)
    cover = house.posted(1, ("line_3;", "line_3_signed;"))
    (mails,) = house.archive.threads
    mails[:] = [raw.replace(b"From: Ann", b"X-Developer-Signature: v=1; a=nonsense\nFrom: Ann") for raw in mails]
    house.context = replace(house.context, signatures=Signatures(AttestationSettings()))
    await house.track(cover)
    with sessions() as session:
        kept = signatures_of(session, session.scalars(select(Message.id)).all())
    assert len(kept) == 2
    assert {one.result for found in kept.values() for one in found} == {Check.FAIL}
    assert house.run("v1").verdict is Verdict.CLEAN, "a signature is shown and decides nothing"


def queued(sessions):
    with sessions() as session:
        wanted = "SELECT args FROM procrastinate_jobs WHERE task_name = 'attest' AND status = 'todo'"
        return session.scalars(text(wanted)).all()


async def test_each_mail_of_the_thread_is_checked_once_and_kept(sessions, thread):
    checker = Checker([Check.PASS], [], [Check.FAIL, Check.PASS])
    await attest(context(sessions, checker), thread)
    await attest(context(sessions, checker), thread)
    assert len(checker.asked) == 3
    with sessions() as session:
        ids = session.scalars(select(Message.id).where(Message.thread_id == thread).order_by(Message.id)).all()
        kept = signatures_of(session, ids)
        assert [[one.result for one in kept[id_]] for id_ in ids] == [[Check.PASS], [], [Check.FAIL, Check.PASS]]
        assert kept[ids[0]][0].reason == "\N{REPLACEMENT CHARACTER}" * 2


async def test_what_could_not_be_settled_is_checked_again_after_a_while(sessions, thread):
    await attest(context(sessions, Checker([Check.UNCHECKED], [Check.PASS], [])), thread)
    soon = Checker()
    await attest(context(sessions, soon), thread)
    assert soon.asked == []
    with sessions.begin() as session:
        session.execute(update(Attestation).values(checked_at=datetime.now(UTC) - timedelta(hours=2)))
    later = Checker([Check.PASS])
    await attest(context(sessions, later), thread)
    assert len(later.asked) == 1
    with sessions() as session:
        assert session.scalars(select(Attestation.settled)).all() == [True, True, True]


async def test_it_makes_room_for_other_work_and_goes_on_later(sessions, thread, monkeypatch):
    monkeypatch.setattr(step, "AT_ONCE_S", -1.0)
    checker = Checker()
    await attest(context(sessions, checker), thread)
    assert checker.asked == []
    assert queued(sessions) == [{"thread_id": thread}]
