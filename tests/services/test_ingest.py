"""Threads in the database: once, whole, and linked whatever the order they come in."""

import gzip
import random
from itertools import islice, permutations
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from app.db.models import Comment, Message, MessageKind, Patch, Revision, Series
from app.db.session import make_engine, make_sessions
from app.domain.message import parse_message, split_mbox
from app.services.ingest import MailCache, ingest
from tests.conftest import fresh_database
from tests.mails import mail

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "thread"
LORE = Path(__file__).resolve().parents[3] / "shared" / "lore"


def mails_of(version: int) -> tuple[bytes, ...]:
    return split_mbox((EXAMPLE / f"v{version}.mbox").read_bytes())


def shape(session):
    """What is stored of the one series: each revision's label, link and counts."""
    patches = select(func.count()).where(Patch.revision_id == Revision.id).scalar_subquery()
    comments = select(func.count()).where(Comment.revision_id == Revision.id).scalar_subquery()
    rows = session.execute(
        select(Revision.label, Revision.link_to, patches, comments).order_by(Revision.series_id, Revision.position)
    )
    return [tuple(row) for row in rows]


@pytest.mark.parametrize("order", [(1, 2, 3, 4), (4, 3, 2, 1), (3, 1, 4, 2)])
def test_revisions_come_together_in_any_order(sessions, order):
    for version in order:
        with sessions.begin() as session:
            ingest(session, mails_of(version), thread_id=None)
    with sessions() as session:
        assert session.scalar(select(func.count(Series.id))) == 1
        found = shape(session)
    assert [(label, link, patches) for label, link, patches, _ in found] == [
        ("v1", None, 8),
        ("v2", "v1", 8),
        ("v3", "v2", 8),
        ("v4", "v3", 8),
    ]


def test_every_mail_is_stored_once_and_the_same_thread_again_changes_nothing(sessions):
    for _ in range(2):
        with sessions.begin() as session:
            for version in (1, 2, 3, 4):
                ingest(session, mails_of(version), thread_id=None)
    raws = [raw for version in (1, 2, 3, 4) for raw in mails_of(version)]
    with sessions() as session:
        stored = set(session.scalars(select(Message.message_id)))
        kinds = dict(session.execute(select(Message.kind, func.count()).group_by(Message.kind)).all())
        assert session.scalar(select(func.count(Revision.id))) == 4
        comments = session.scalar(select(func.count(Comment.id)))
    assert stored == {parse_message(raw).message_id for raw in raws}
    assert kinds == {MessageKind.COVER: 4, MessageKind.PATCH: 32, MessageKind.COMMENT: comments}
    assert comments == len(raws) - 36


def test_a_late_comment_finds_its_patch_and_ids_stay(sessions):
    mails = mails_of(1)
    with sessions.begin() as session:
        ingest(session, mails[:9], thread_id=None)
    with sessions() as session:
        before = {one.position: one.id for one in session.scalars(select(Patch))}
    with sessions.begin() as session:
        ingest(session, mails[9:], thread_id=None)
    with sessions() as session:
        assert {one.position: one.id for one in session.scalars(select(Patch))} == before
        on_patches = session.scalar(select(func.count()).where(Comment.patch_id.is_not(None)))
        assert on_patches


def test_nothing_of_a_thread_is_stored_when_storing_fails(sessions):
    def failing():
        with sessions.begin() as session:
            ingest(session, mails_of(1), thread_id=None)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        failing()
    with sessions() as session:
        assert session.scalar(select(func.count(Message.id))) == 0


def test_hostile_mails_are_kept_with_their_reason(sessions):
    mails = [b"", b"\x00\xff\xfe", b"Subject: =?utf-8?q?=00=ED=A0=80?=\nFrom: \x00\n\nbody \x00\n", b"no header at all"]
    with sessions.begin() as session:
        assert ingest(session, mails, thread_id=None) == []
    with sessions() as session:
        rows = session.scalars(select(Message)).all()
    assert len(rows) == len({parse_message(one).message_id for one in mails})
    assert all(row.reason for row in rows)


SHAPE = (
    (
        "SELECT r.root_id, r.label, r.position, r.link_to, r.link_reason, r.resend, r.total, r.missing, "
        "(SELECT string_agg(x.root_id, ' ' ORDER BY x.position) FROM revisions x WHERE x.series_id = r.series_id) "
        "FROM revisions r"
    ),
    (
        "SELECT r.root_id, p.position, m.message_id, p.inherited_from, md5(p.diff), p.additions, p.deletions "
        "FROM patches p JOIN revisions r ON r.id = p.revision_id JOIN messages m ON m.id = p.message_pk"
    ),
    (
        "SELECT m.message_id, r.root_id, p.position, c.bot, c.anchors::text FROM comments c JOIN messages m "
        "ON m.id = c.message_pk JOIN revisions r ON r.id = c.revision_id LEFT JOIN patches p ON p.id = c.patch_id"
    ),
    "SELECT message_id, kind, reason, root FROM messages",
    "SELECT title, author_email, tags, first_posted, last_posted, change_id FROM series",
    "SELECT r.root_id, k.key FROM revision_keys k JOIN revisions r ON r.id = k.revision_id",
)


def whole_shape(sessions):
    """All that is stored of mails, without the ids that rows have."""
    with sessions() as session:
        return [sorted(map(str, session.execute(text(statement)))) for statement in SHAPE]


def by_date(raws):
    return sorted(raws, key=lambda raw: str(parse_message(raw).date))


def shuffled(raws, seed):
    mixed = list(raws)
    random.Random(seed).shuffle(mixed)
    return mixed


def assert_batches_say_what_all_says(cluster, raws, *, sizes_and_orders):
    def stored(order, size):
        with fresh_database(cluster) as url:
            engine = make_engine(url)
            sessions, cache = make_sessions(engine), MailCache(most=1 << 18)
            mails = iter(order)
            while batch := list(islice(mails, size)):
                with sessions.begin() as session:
                    ingest(session, batch, thread_id=None, cache=cache)
            found = whole_shape(sessions)
            engine.dispose()
            return found

    together = stored(by_date(raws), len(raws))
    for size, order in sizes_and_orders:
        assert stored(order, size) == together
    return together


def test_mails_say_the_same_in_any_batches_and_any_order(cluster):
    raws = [raw for version in (1, 2, 3, 4) for raw in mails_of(version)]
    orders = [(7, by_date(raws)), (20, by_date(raws)[::-1]), (5, shuffled(raws, 1)), (1, shuffled(raws, 2))]
    assert all(assert_batches_say_what_all_says(cluster, raws, sizes_and_orders=orders))


@pytest.mark.skipif(not LORE.is_dir(), reason="the threads of ../shared/lore are not there")
def test_real_mails_say_the_same_in_any_batches_and_any_order(cluster):
    names = ("const-void*", "fprobe-v5*", "percpu-flags*", "v2-in-reply*", "tc-edt*", "cgroup*", "rxcksum*")
    files = sorted(file for name in names for file in LORE.glob(name))
    raws = [raw for file in files for raw in split_mbox(gzip.decompress(file.read_bytes()))]
    orders = [(50, by_date(raws)), (30, by_date(raws)[::-1]), (30, shuffled(raws, 3))]
    assert all(assert_batches_say_what_all_says(cluster, raws, sizes_and_orders=orders))


def test_a_cover_letter_that_comes_late_makes_its_patches_one_revision_without_losing_comments(sessions):
    mails = by_date(mails_of(1))
    cover = next(raw for raw in mails if b" 0/8]" in raw)
    with sessions.begin() as session:
        ingest(session, [raw for raw in mails if raw is not cover], thread_id=None)
    with sessions() as session:
        (before,) = session.scalars(select(Revision)).all()
        comments = dict(session.execute(select(Comment.message_pk, Comment.patch_id)).all())
    with sessions.begin() as session:
        ingest(session, [cover], thread_id=None)
    with sessions() as session:
        (after,) = session.scalars(select(Revision)).all()
        assert after.id == before.id  # its runs stay with it
        assert (before.cover_id, before.root_id) != (after.cover_id, after.root_id)
        still = dict(session.execute(select(Comment.message_pk, Comment.patch_id)).all())
    assert comments.items() <= still.items()


@pytest.mark.skipif(not LORE.is_dir(), reason="the threads of ../shared/lore are not there")
def test_real_threads_are_accounted_for_mail_by_mail(sessions):
    expected = set()
    for file in sorted(LORE.glob("*.mbox.gz")):
        raws = split_mbox(gzip.decompress(file.read_bytes()))
        expected |= {parse_message(raw).message_id for raw in raws}
        with sessions.begin() as session:
            ingest(session, raws, thread_id=None)
    with sessions() as session:
        assert set(session.scalars(select(Message.message_id))) == expected
        linked = select(Revision.label).join(Series, Revision.series_id == Series.id)
        linked = linked.where(Series.title.startswith("bpf: Allow access to const void")).order_by(Revision.position)
        assert session.scalars(linked).all() == ["v1", "v2", "v3", "v4"]


def a_diff(name):
    return f"Text.\n---\ndiff --git a/{name} b/{name}\n--- a/{name}\n+++ b/{name}\n@@ -1 +1 @@\n-old\n+new\n"


STRAYS = {
    "an answer that names no thread": [
        mail("p1@example.org", "[PATCH bpf 1/2] bpf: Frob", a_diff("a.c")),
        mail("p2@example.org", "[PATCH bpf 2/2] bpf: Unfrob", a_diff("b.c"), reply_to="p1@example.org"),
        mail("r1@example.org", "Re: [PATCH bpf 2/2] bpf: Unfrob", "Fine.\n", author="R <r@example.org>", day=1),
        mail(
            "r2@example.org", "Re: [PATCH bpf 2/2] bpf: Unfrob", "Yes.\n", author="S <s@example.org>", day=2,
            reply_to="r1@example.org",
        ),
        mail("r3@example.org", "Re: your holiday", "Fine.\n", author="R <r@example.org>", day=1),
    ],
    "an answer to a mail that nobody has": [
        mail("p1@example.org", "[PATCH] bpf: Frob", a_diff("a.c")),
        mail("r1@example.org", "Re: [PATCH] bpf: Frob", "Fine.\n", reply_to="lost@example.org", day=1),
    ],
    "a cover letter that has no number and heads no thread": [
        mail("c@example.org", "[PATCH] bpf: Frob everything", "What follows frobs.\n"),
        mail("p1@example.org", "[PATCH 1/2] bpf: Frob", a_diff("a.c")),
        mail("p2@example.org", "[PATCH 2/2] bpf: Unfrob", a_diff("b.c")),
    ],
    "an answer to one of two patches of one name": [
        mail("p1@example.org", "[PATCH] bpf: Frob", a_diff("a.c")),
        mail("p2@example.org", "[PATCH] bpf: Frob", a_diff("a.c"), author="Bob Builder <bob@example.org>", day=3),
        mail("r1@example.org", "Re: [PATCH] bpf: Frob", "Fine.\n", author="R <r@example.org>", day=4),
    ],
}  # fmt: skip


@pytest.mark.parametrize("raws", STRAYS.values(), ids=STRAYS.keys())
def test_what_answers_nothing_at_hand_is_placed_when_the_rest_comes(cluster, raws):
    orders = [(1, list(order)) for order in permutations(raws)]
    some = random.Random(4).sample(orders, min(len(orders), 6))
    assert any(assert_batches_say_what_all_says(cluster, raws, sizes_and_orders=some))


@pytest.mark.parametrize(
    ("name", "comments", "patches"),
    [
        ("an answer that names no thread", 2, 2),
        ("an answer to a mail that nobody has", 1, 1),
        ("a cover letter that has no number and heads no thread", 0, 2),
    ],
)
def test_what_came_too_early_belongs_to_its_series(sessions, name, comments, patches):
    for raw in reversed(STRAYS[name]):
        with sessions.begin() as session:
            ingest(session, [raw], thread_id=None)
    with sessions() as session:
        assert session.scalar(select(func.count(Comment.id))) == comments
        assert session.scalar(select(func.count(Patch.id))) == patches
        assert session.scalar(select(func.count(Revision.id))) == 1
        covers = session.scalar(select(func.count(Message.id)).where(Message.kind == MessageKind.COVER))
        assert covers == name.startswith("a cover letter")


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 +0000", "Mon, 01 Jan 0001 00:00:00 +0000"])
def test_a_date_at_the_end_of_the_calendar_stops_no_mail(sessions, date):
    """Hours are reckoned from it: one such mail on a list would have stopped all that come after."""
    body = "x\n---\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-a\n+b\n"
    odd = mail("odd@example.org", "[PATCH 1/1] bpf: Frob", body)
    odd = odd.replace(b"Mon, 02 Mar 2026 09:00:00 +0000", date.encode())
    assert date.encode() in odd
    with sessions.begin() as session:
        ingest(session, (odd,), thread_id=None)
    with sessions() as session:
        assert session.scalar(select(Series.title)) == "bpf: Frob"
