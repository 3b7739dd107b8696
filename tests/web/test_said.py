"""Threads of comments at lines."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.db.models import MarkSays, Series
from app.db.queries.series import get_series
from app.services.ingest import ingest
from app.services.review import Review, mark_comment, read_review
from app.web.said import TalkOfPatch, offers, talk_of_patch, teaser
from tests.domain.threads import ANN, BEN, REX, change
from tests.mails import mail

SUBJECT = "Re: [PATCH] bpf: Do it"
PATCH = mail("p@x.org", "[PATCH] bpf: Do it", f"Why.\n---\n{change('a')}")
ASKED = "> +\tcall_a_1(state);\n\nIs it safe?\n"


def talk(session: Session, *raws: bytes) -> TalkOfPatch:
    ingest(session, [PATCH, *raws], thread_id=None)
    return talk_of_patch(_review(session), "v1", 1)


def _review(session: Session) -> Review:
    session.flush()
    session.expire_all()
    series = get_series(session, session.scalars(select(Series.id)).one())
    assert series is not None
    return read_review(session, series, series.revisions[-1])


def shown(found: TalkOfPatch) -> list[list[tuple[str, int]]]:
    return [[(piece.teaser, piece.depth) for piece in one.pieces] for one in found.all]


def test_answers_stand_below_and_each_once(session: Session) -> None:
    found = talk(
        session,
        mail("r@x.org", SUBJECT, ASKED, reply_to="p@x.org", author=REX),
        mail("a@x.org", SUBJECT, "> Is it safe?\n\nIt is.\n", reply_to="r@x.org", author=ANN),
        mail("b@x.org", SUBJECT, "> It is.\n\nI doubt it.\n", reply_to="a@x.org", author=BEN),
        mail("c@x.org", SUBJECT, "Who tests this?\n", reply_to="p@x.org", author=BEN),
    )
    assert list(found.at_lines) == [("kernel/bpf/a.c", 13, False)]
    assert shown(found) == [[("Is it safe?", 0), ("It is.", 1), ("I doubt it.", 2)], [("Who tests this?", 0)]]
    fates = [piece.fate and piece.fate.chip.text for piece in found.all[0].pieces]
    assert fates == ["open", None, None]
    assert not found.all[0].settled


def test_comments_that_answer_each_other_are_shown_once(session: Session) -> None:
    found = talk(
        session,
        mail("r@x.org", SUBJECT, "One?\n", reply_to="s@x.org", author=REX),
        mail("s@x.org", SUBJECT, "Two?\n", reply_to="r@x.org", author=BEN),
    )
    assert sorted(text for pieces in shown(found) for text, _ in pieces) == ["One?", "Two?"]


def test_two_points_at_one_line_have_ids_of_their_own(session: Session) -> None:
    found = talk(session, mail("r@x.org", SUBJECT, ASKED + ASKED.replace("Is", "Was"), reply_to="p@x.org", author=REX))
    ids = [piece.fragment for one in found.all for piece in one.pieces]
    assert len(ids) == len(set(ids)) == 2


def test_long_comments_are_cut_and_nothing_of_them_is_lost(session: Session) -> None:
    body = "".join(f"Line {number}?\n" for number in range(40))
    (one,) = talk(session, mail("r@x.org", SUBJECT, body, reply_to="p@x.org", author=REX)).all
    (piece,) = one.pieces
    assert piece.rest is not None
    text = "\n".join(block.text for part in (piece.said, piece.rest) for block in part.blocks)
    assert text.split("\n") == body.split("\n")[:-1]
    assert piece.teaser.endswith("…")


def test_what_can_be_said_of_a_remark(session: Session) -> None:
    talk(session, mail("r@x.org", SUBJECT, ASKED, reply_to="p@x.org", author=REX))
    comment = _review(session).comments["r@x.org"].id
    mark = mark_comment(session, comment, MarkSays.OPEN, by="ann")
    assert [words for _, words in offers(None, is_open=True)] == ["Addressed"]
    assert [words for _, words in offers(None, is_open=False)] == ["Still open"]
    assert [words for _, words in offers(mark, is_open=True)] == ["Addressed", "Undo"]
    assert [words for _, words in offers(mark, is_open=False)] == ["Undo"]
    (one,) = talk_of_patch(_review(session), "v1", 1).all
    assert [(fate.chip.text, fate.why) for fate in one.fates] == [("open", "says ann")]


def test_a_teaser_is_one_line_without_quotes() -> None:
    assert teaser("> quoted\nIs  it\n\nsafe?\u202e\n") == "Is it safe?⟨U+202E⟩"
    assert len(teaser("x" * 500)) == 90
