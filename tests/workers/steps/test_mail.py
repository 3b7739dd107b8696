"""Out of the outbox: real database, real queue, real SMTP server, real archive."""

import asyncio
import mailbox
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from app.config import LoreSettings, MailMode, MailSettings, Settings
from app.db.models import Report, ReportState
from app.db.session import Sessions
from app.demo.archive import Archive
from app.demo.smtp_server import delivering
from app.domain.message import parse_message, split_mbox
from app.domain.outcome import Verdict
from app.errors import InfrastructureError
from app.services.reporting import queue_report
from tests import factories as make
from tests.mails import mail
from tests.workers.mail_server import Behaviour, mail_server
from workers.adapters.lore import LoreClient
from workers.adapters.smtp import SmtpMailer
from workers.steps import mail as step
from workers.steps.mail import send_report

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Office:
    """An outbox with one report in it, an archive that has what it answers, and settings for a mail server."""

    sessions: Sessions
    settings: Settings
    inbox: Archive
    lore: LoreClient
    report_id: int

    def report(self) -> Report:
        with self.sessions() as session:
            return session.get_one(Report, self.report_id)

    def set(self, **values: Any) -> None:
        with self.sessions.begin() as session:
            for name, value in values.items():
                setattr(session.get_one(Report, self.report_id), name, value)

    def pauses(self) -> list[int]:
        """The seconds that each try was put off when it was queued; the first is at once."""
        queued = "SELECT min(at) FROM procrastinate_events WHERE job_id = procrastinate_jobs.id"
        with self.sessions() as session:
            rows = session.execute(
                text(f"SELECT extract(epoch FROM scheduled_at - ({queued})) FROM procrastinate_jobs ORDER BY id")
            )
            return [round(each or 0) for each in rows.scalars()]

    async def send(self, port: int, lore: Any = None) -> None:
        """Do what the newest queue entry says."""
        with self.sessions() as session:
            args = session.scalar(text("SELECT args FROM procrastinate_jobs ORDER BY id DESC LIMIT 1"))
        mailer = SmtpMailer(self.settings.mail.model_copy(update={"port": port}))
        await send_report(self.sessions, self.settings, mailer, lore or self.lore, **args)


@pytest.fixture(scope="module")
def inbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("inbox")).serving() as inbox:
        yield inbox


@pytest.fixture
def office(sessions: Sessions, settings: Settings, inbox: Archive, tmp_path: Path) -> Office:
    chosen = MailSettings(mode=MailMode.SEND, sender="Reroll <reroll@ci.example.org>", to=("bpf@example.org",))
    settings = settings.model_copy(update={"mail": chosen})
    with sessions.begin() as session:
        revision = make.add_revision(session, make.add_series(session), "v3")
        run = make.add_run(session, revision, verdict=Verdict.CLEAN, sentence="v3 is clean.")
        report = queue_report(session, settings, run.id)
        assert report is not None
        report_id, root_id = report.id, revision.root_id
    inbox.add(mail(root_id, "[PATCH bpf-next v3 0/2] bpf: Count dropped samples per ring"))
    lore = LoreClient(LoreSettings(origin=inbox.origin, pause=timedelta(0)), tmp_path / "cache")
    return Office(sessions=sessions, settings=settings, inbox=inbox, lore=lore, report_id=report_id)


async def test_a_report_is_sent_and_stands_in_the_thread(office: Office, tmp_path: Path) -> None:
    with delivering(office.inbox.root, tmp_path / "maildir") as port:
        await office.send(port)
        await office.send(port)  # the queue may start a task twice

    report = office.report()
    assert (report.state, report.tries, report.error) == (ReportState.SENT, 1, None)
    assert report.sent_at is not None
    (kept,) = mailbox.Maildir(tmp_path / "maildir")
    assert kept["Return-Path"] == "<reroll@ci.example.org>"
    assert kept["X-Delivered-To"] == "ann@example.org, bpf@example.org"
    thread = [parse_message(raw) for raw in split_mbox(await office.lore.thread(report.in_reply_to))]
    (reply,) = (one for one in thread if one.message_id == report.message_id)
    assert reply.subject == "Re: [PATCH bpf-next v3 0/2] bpf: Count dropped samples per ring"
    assert reply.in_reply_to == report.in_reply_to
    assert reply.body == report.body
    assert kept["Auto-Submitted"] == "auto-replied"


async def test_sending_is_stored_before_the_server_hears_of_the_mail(office: Office) -> None:
    states: list[ReportState] = []

    class Watching(Behaviour):
        async def handle_MAIL(self, *args: Any) -> str:  # noqa: N802
            states.append(office.report().state)
            return await super().handle_MAIL(*args)

    async with mail_server(Watching()) as port:
        await office.send(port)

    assert states == [ReportState.SENDING]


async def test_cut_off_after_delivery_it_is_found_on_the_archive_and_not_sent_again(office: Office) -> None:
    server = Behaviour(cut_off=True)
    async with mail_server(server) as port:
        await office.send(port)
        assert (office.report().state, office.pauses()) == (ReportState.SENDING, [0, 60])
        assert "broke off before it answered" in (office.report().error or "")
        office.inbox.add(server.taken[0][2])

        await office.send(port)

    assert server.seen == 1
    report = office.report()
    assert (report.state, report.tries, report.error) == (ReportState.SENT, 2, None)


async def test_cut_off_before_delivery_it_is_looked_for_over_hours_and_then_sent_again(office: Office) -> None:
    server = Behaviour(cut_off=True)
    async with mail_server(server) as port:
        await office.send(port)
        server.cut_off = False
        for _ in range(4):
            await office.send(port)
            assert (office.report().state, server.seen) == (ReportState.SENDING, 1)
            assert "the archive does not show it yet" in (office.report().error or "")
        await office.send(port)

    assert office.pauses() == [0, 60, 300, 900, 3600, 14400]
    assert office.report().state is ReportState.SENT
    assert [taken[2] for taken in server.taken] == [server.taken[0][2]] * 2  # the same bytes, Message-ID and all


async def test_cut_off_twice_it_is_not_sent_a_third_time(office: Office) -> None:
    server = Behaviour(cut_off=True)
    async with mail_server(server) as port:
        for _ in range(6):
            await office.send(port)

    report = office.report()
    assert (report.state, server.seen) == (ReportState.FAILED, 2)
    assert (report.error or "").startswith("gave up after 6 tries, it may have arrived all the same: ")


async def test_what_breaks_each_time_is_given_up(office: Office) -> None:
    """However often the queue, or the sweep for what it lost, asks for it."""
    office.set(state=ReportState.SENDING, tries=step.MOST_TRIES)
    server = Behaviour()
    async with mail_server(server) as port:
        await office.send(port)

    assert (office.report().state, server.seen) == (ReportState.FAILED, 0)
    assert (office.report().error or "").startswith(f"gave up after {step.MOST_TRIES} tries")


SENDER = """
import asyncio, sys
from pathlib import Path
from app.config import LoreSettings, MailMode, MailSettings, Settings
from app.db.session import make_engine, make_sessions
from workers.adapters.lore import LoreClient
from workers.adapters.smtp import SmtpMailer
from workers.steps.mail import send_report

url, origin, cache, port, report_id = sys.argv[1:]
mail = MailSettings(mode=MailMode.SEND, port=int(port))
settings = Settings(database_url=url, mail=mail)
lore = LoreClient(LoreSettings(origin=origin), Path(cache))
asyncio.run(send_report(make_sessions(make_engine(url)), settings, SmtpMailer(mail), lore, int(report_id)))
"""


@pytest.mark.parametrize("delivered", [True, False])
async def test_a_worker_killed_while_it_sends_means_one_mail_all_the_same(
    delivered: bool,
    office: Office,
    database: str,
    tmp_path: Path,
) -> None:
    handed_over = asyncio.Event()

    class Thinking(Behaviour):
        async def handle_DATA(self, *args: Any) -> str:  # noqa: N802
            answer = await super().handle_DATA(*args)
            if self.seen == 1:
                handed_over.set()
                await asyncio.Event().wait()  # the answer never comes: who waits for it gets killed
            return answer

    server = Thinking()
    async with mail_server(server) as port:
        arguments = (database, office.inbox.origin, str(tmp_path), str(port), str(office.report_id))
        worker = await asyncio.create_subprocess_exec(sys.executable, "-c", SENDER, *arguments)
        await asyncio.wait_for(handed_over.wait(), 60)
        worker.kill()
        await worker.wait()
        assert office.report().state is ReportState.SENDING
        if delivered:
            office.inbox.add(server.taken[0][2])
        else:
            for _ in step.PAUSES:
                await office.send(port)
                assert server.seen == 1

        await office.send(port)

    assert office.report().state is ReportState.SENT
    assert server.seen == (1 if delivered else 2)


async def test_an_archive_that_lags_is_waited_for(office: Office) -> None:
    office.set(state=ReportState.SENDING, tries=1)
    answers = iter([False, False, True])

    class Lagging:
        async def has(self, message_id: str) -> bool:
            assert message_id == office.report().message_id
            return next(answers)

    server = Behaviour()
    async with mail_server(server) as port:
        for _ in range(3):
            await office.send(port, Lagging())

    assert (office.report().state, server.seen) == (ReportState.SENT, 0)
    assert office.pauses() == [0, 60, 300]


async def test_while_the_archive_cannot_be_asked_nothing_is_sent(office: Office) -> None:
    office.set(state=ReportState.SENDING, tries=1)

    class Silent:
        async def has(self, message_id: str) -> bool:
            raise InfrastructureError("the archive is silent")

    server = Behaviour()
    async with mail_server(server) as port:
        for _ in step.PAUSES:
            await office.send(port, Silent())
            assert (office.report().state, office.report().error) == (ReportState.SENDING, "the archive is silent")
        await office.send(port, Silent())

    assert (office.report().state, server.seen) == (ReportState.FAILED, 0)
    assert "it may have arrived all the same: the archive is silent" in (office.report().error or "")


async def test_a_refusal_for_good_is_kept_with_what_the_server_said(office: Office) -> None:
    async with mail_server(Behaviour(to_recipient={"bpf@example.org": "550 5.1.1 no such list"})) as port:
        await office.send(port)

    report = office.report()
    assert report.state is ReportState.FAILED
    assert "refuses bpf@example.org; it said: 550 5.1.1 no such list" in (report.error or "")
    assert office.pauses() == [0]


async def test_a_refusal_for_now_is_tried_again_with_growing_pauses_and_given_up_in_the_end(office: Office) -> None:
    server = Behaviour(to_mail="451 4.7.1 greylisted")
    async with mail_server(server) as port:
        for _ in range(5):
            await office.send(port)
            assert office.report().state is ReportState.QUEUED
        await office.send(port)

    assert office.pauses() == [0, 60, 300, 900, 3600, 14400]
    report = office.report()
    assert report.state is ReportState.FAILED
    assert (report.error or "").startswith("gave up after 6 tries, it was not sent: 127.0.0.1:")
    assert server.seen == 6


async def test_a_try_that_was_replaced_changes_nothing(office: Office) -> None:
    class Replacing(Behaviour):
        async def handle_DATA(self, *args: Any) -> str:  # noqa: N802
            office.set(tries=7)
            return "451 later"

    async with mail_server(Replacing()) as port:
        await office.send(port)

    assert (office.report().state, office.report().tries) == (ReportState.SENDING, 7)
    assert office.pauses() == [0]


@pytest.mark.parametrize("state", [ReportState.PREVIEW, ReportState.SENT, ReportState.FAILED])
async def test_only_what_waits_is_sent(state: ReportState, office: Office) -> None:
    office.set(state=state)
    server = Behaviour()
    async with mail_server(server) as port:
        await office.send(port)

    assert (office.report().state, office.report().tries, server.seen) == (state, 0, 0)


async def test_nothing_leaves_once_mail_is_switched_off(office: Office) -> None:
    quiet = office.settings.model_copy(update={"mail": MailSettings(mode=MailMode.OFF)})
    server = Behaviour()
    async with mail_server(server) as port:
        await send_report(office.sessions, quiet, SmtpMailer(MailSettings(port=port)), office.lore, office.report_id)

    assert (office.report().state, office.report().error) == (ReportState.PREVIEW, "not sent: mail.mode is off by now")
    assert server.seen == 0
