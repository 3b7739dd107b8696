"""The review of a series as it is stored: carried, marked by people, and bounded."""

import gzip
from pathlib import Path

import pytest
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.db.models import Comment, Mark, MarkSays, Message, Patch, Revision, Series
from app.db.queries.series import get_series
from app.domain.message import split_mbox
from app.errors import NotFoundError, SubmissionError
from app.services import review as service
from app.services.ingest import ingest
from app.services.review import Review, mark_comment, read_review
from app.services.rows import comment_columns
from tests.domain.threads import REX, Thread, change
from tests.mails import mail

LORE = Path(__file__).resolve().parents[3] / "shared" / "lore"
DIFF = change("core", lines=12)


def patch_of(version: int, diff: str, text: str = "Why.\n") -> bytes:
    tag = "PATCH" if version == 1 else f"PATCH v{version}"
    return mail(f"v{version}@example.org", f"[{tag}] bpf: Do it", f"{text}\n---\n{diff}", day=version)


def reply(key: str, to: str, body: str, author: str = REX, day: int = 1) -> bytes:
    return mail(key, "Re: [PATCH] bpf: Do it", body, reply_to=to, author=author, day=day)


ASKED = reply(
    "r1@example.com", "v1@example.org", "> +\tcall_core_1(state);\nRename it.\n\n> +\tcall_core_9(state);\nWhy?\n"
)
FIRST = patch_of(1, DIFF)
SECOND = patch_of(2, DIFF.replace("call_core_1(", "renamed("))


def stored(session: Session, *raws: bytes) -> Review:
    ingest(session, raws, thread_id=None)
    session.flush()
    return review_of(session)


def review_of(session: Session) -> Review:
    session.expire_all()
    series = get_series(session, session.scalars(select(Series.id)).one())
    assert series is not None
    return read_review(session, series, series.revisions[-1])


def said(review: Review) -> list[tuple[str, bool, str]]:
    return [(one.remark.anchor.text if one.remark.anchor else "", one.open, one.why) for one in review.judged]


def test_what_the_next_revision_changed_is_taken_as_addressed(session: Session) -> None:
    review = stored(session, FIRST, ASKED, SECOND)
    assert said(review) == [("Rename it.", False, "the lines it is about changed in v2"), ("Why?", True, "")]
    assert [one.word for one in review.judged] == ["taken as addressed", "open"]
    (carried,) = [one for one in review.carried_to("v2") if one.open]
    place = carried.place_in("v2")
    assert place is not None
    assert (carried.asked_in, carried.number, place.path, place.line) == ("v1", 2, "kernel/bpf/core.c", 21)


def test_a_persons_word_counts_more_and_can_be_taken_back(session: Session) -> None:
    review = stored(session, FIRST, ASKED, SECOND)
    comment = review.comments["r1@example.com"].id
    mark_comment(session, comment, MarkSays.ADDRESSED, by="ann")
    assert said(review_of(session)) == [("Rename it.", False, "says ann"), ("Why?", False, "says ann")]
    mark_comment(session, comment, MarkSays.OPEN, by="rex")
    review = review_of(session)
    assert said(review) == [("Rename it.", True, "says rex"), ("Why?", True, "says rex")]
    places = [one.place_in("v2") for one in review.carried_to("v2")]
    assert [place and place.label for place in places] == ["v1", "v2"]  # where the line is gone, where it stood last
    mark_comment(session, comment, MarkSays.WITHDRAWN, by="rex")
    assert [one.open for one in review_of(session).judged] == [False, True]
    marks = session.execute(select(Mark.says, Mark.marked_by).order_by(Mark.id)).all()
    assert [tuple(mark) for mark in marks] == [("addressed", "ann"), ("open", "rex"), ("withdrawn", "rex")]


def test_saying_the_same_again_adds_nothing(session: Session) -> None:
    comment = stored(session, FIRST, ASKED).comments["r1@example.com"].id
    first = mark_comment(session, comment, MarkSays.ADDRESSED, by="ann")
    assert mark_comment(session, comment, MarkSays.ADDRESSED, by="rex") is first
    with pytest.raises(NotFoundError, match="no comment 4711"):
        mark_comment(session, 4711, MarkSays.OPEN, by="ann")
    mark_comment(session, comment, MarkSays.WITHDRAWN, by="ann")
    with pytest.raises(SubmissionError, match="nothing to undo"):
        mark_comment(session, comment, MarkSays.WITHDRAWN, by="ann")


def test_a_mark_outlives_new_mail_and_the_archive_read_again(session: Session) -> None:
    review = stored(session, FIRST, ASKED)
    mark_comment(session, review.comments["r1@example.com"].id, MarkSays.ADDRESSED, by="ann")
    assert not any(one.open for one in stored(session, SECOND).judged)
    for table in (Comment, Patch, Revision, Series, Message):
        session.execute(delete(table))
    assert [one.why for one in stored(session, FIRST, ASKED, SECOND).judged] == ["says ann", "says ann"]


def test_a_trailer_that_the_next_revision_forgot(session: Session) -> None:
    given = reply("r1@example.com", "v1@example.org", "Fine.\n\nReviewed-by: Rex Reviewer <rex@example.com>\n")
    (dropped,) = stored(session, FIRST, given, patch_of(2, DIFF)).dropped_in("v2")
    assert (dropped.trailer.name, dropped.changed, dropped.patch.position) == ("Reviewed-by", False, 1)
    kept = patch_of(3, DIFF, "Why.\n\nReviewed-by: Rex Reviewer <rex@example.com>\n")
    assert stored(session, kept).dropped_in("v3") == ()


def test_of_a_very_long_series_the_newest_revisions_are_read(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_MAILS", 4)
    review = stored(session, FIRST, ASKED, SECOND, patch_of(3, DIFF))
    assert (list(review.revisions), review.left_out) == (["v2", "v3"], ["v1"])
    series = get_series(session, session.scalars(select(Series.id)).one())
    assert series is not None
    assert list(read_review(session, series, series.revisions[0]).revisions) == ["v1"]


def test_a_patch_that_is_too_long_to_be_read_settles_nothing(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    stored(session, FIRST, ASKED, SECOND)
    monkeypatch.setattr(service, "SHORTEST", len(FIRST) - 10)
    monkeypatch.setattr(service, "MOST_BYTES", 0)
    review = review_of(session)
    assert [revision.missing for revision in review.revisions.values()] == [(1,), (1,)]
    assert all(one.open for one in review.judged)


def test_columns_of_a_bots_comment() -> None:
    thread = Thread()
    patch = thread.post("[PATCH] bpf: One", diff=DIFF)
    body = "Status:     FAILURE\n\nFailed jobs:\nveristat: https://ci.example.org/runs/1/job/2\n"
    thread.post("Re: [PATCH] bpf: One", to=patch, author="bot+bpf-ci@kernel.org", body=body)
    thread.post("Re: [PATCH] bpf: One", to=patch, author=REX, body="Acked-by: Rex Reviewer <rex@example.com>\n")
    (revision,) = thread.revisions()
    bot, person = (comment_columns(one) for one in revision.comments)
    assert bot["bot"] == "bpf-ci"
    assert isinstance(bot["bot_report"], dict)
    assert (bot["bot_report"]["status"], bot["bot_report"]["jobs"]) == ("failed", ("veristat",))
    assert person == {
        "bot": None,
        "trailers": ["Acked-by: Rex Reviewer <rex@example.com>"],
        "anchors": [],
        "bot_report": None,
    }


@pytest.mark.skipif(not LORE.is_dir(), reason="the threads of ../shared/lore are not there")
def test_real_threads_as_a_person_reads_them(session: Session) -> None:
    for file in sorted(LORE.glob("const-void-v*")):
        ingest(session, split_mbox(gzip.decompress(file.read_bytes())), thread_id=None)
    review = review_of(session)
    assert review.dropped_in("v4") == ()  # "add Acked-by from jirka", says its change log
    assert [one.remark.comment.author.name for one in review.judged if one.open] == ["Andrii Nakryiko"]
    assert review.carried_to("v4") == []
    rows = session.scalars(select(Message).join(Comment, Comment.message_pk == Message.id))
    assert {row.message_id for row in rows} == set(review.comments)
