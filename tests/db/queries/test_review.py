"""What a review is read from."""

from sqlalchemy.orm import Session

from app.db.models import Comment, Mark, MarkSays, Message
from app.db.queries import review as queries
from tests import factories as make


def test_the_newest_mark_counts(session: Session) -> None:
    for message_id, says in (("a@x", MarkSays.ADDRESSED), ("b@x", MarkSays.OPEN), ("a@x", MarkSays.WITHDRAWN)):
        session.add(Mark(message_id=message_id, says=says, marked_by="ann"))
        session.flush()
    found = queries.newest_marks(session, ["a@x", "b@x", "c@x"])
    assert {key: mark.says for key, mark in found.items()} == {"a@x": MarkSays.WITHDRAWN, "b@x": MarkSays.OPEN}
    assert [mark.says for mark in queries.marks_of(session, "a@x")] == [MarkSays.WITHDRAWN, MarkSays.ADDRESSED]


def test_of_a_long_mail_the_beginning_is_read(session: Session) -> None:
    short, long = make.add_message(session, "Short", body="x"), make.add_message(session, "Long", body="x" * 5000)
    found = queries.sources(session, [short.id, long.id], 1000)
    assert found == {short.id: (short.raw, True), long.id: (long.raw[:1000], False)}


def test_what_belongs_to_a_patch_and_to_a_comment(session: Session) -> None:
    series = make.add_series(session)
    revision = make.add_revision(session, series)
    patch = make.patches_of(session, revision)[1]
    comment = make.add_comment(session, revision, "Beep.", patch=patch, bot="bot")
    mail = session.get_one(Message, comment.message_pk)
    assert queries.series_of_patch(session, patch.id) == queries.series_of_revision(session, revision.id) == series.id
    diff, message = queries.diff_and_mail(session, patch.id)
    assert (diff, message.id) == (make.DIFF, patch.message_pk)
    assert queries.message_id_of_comment(session, comment.id) == mail.message_id
    assert queries.comment_of_message(session, mail.id) is comment
    assert queries.bot_comments(session, [mail.id, patch.message_pk]) == {mail.id: comment}
    assert list(queries.comments_of_revisions(session, [revision.id])) == [comment]
    assert queries.message_id_of_comment(session, 4711) is None
    assert session.query(Comment).count() == 1
