"""What a person decides about series: it holds at once and for mail to come, loses nothing, and can be undone."""

import random
import threading
from collections.abc import Sequence
from contextlib import suppress

import pytest
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app.db.models import Decision, FormerPlace, Patch, Report, Revision, Series
from app.db.queries.decisions import decisions_about, of_series
from app.db.session import Sessions
from app.domain.decision import Decision as Taken
from app.domain.decision import DecisionKind
from app.domain.series import parse_threads
from app.errors import NotFoundError, SubmissionError
from app.services.decisions import LONGEST_NOTE, find_posting, undo
from tests.domain.threads import BEN, REX, Thread, change
from tests.services.works import other, rows_of, run_all, say, store, three, works

LINK, SPLIT, MOVE = DecisionKind.LINK, DecisionKind.SPLIT, DecisionKind.MOVE


def test_two_series_linked_are_one_and_nothing_is_lost(sessions: Sessions) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    store(sessions, thread)
    run_all(sessions)
    with sessions.begin() as session:
        assert works(session) == [["v1"], ["v1", "v2", "v3"]]
        before = rows_of(session)
        gone = find_posting(session, strange[0]).series_id
        row = say(session, LINK, covers[0], strange[2], note="He took it over.")
        assert (row.message_id, row.to_message_id, row.note) == (covers[0], strange[0], "He took it over.")
    with sessions() as session:
        assert works(session) == [["v1", "v1 resend", "v2", "v3"]]
        assert rows_of(session) == before
        taken_over = find_posting(session, strange[0])
        assert (taken_over.link_to, taken_over.link_reason, taken_over.link_strength) == ("v1", "linked by hand", 6)
        assert taken_over.series_id != gone
        found = of_series(session, gone, "v1")
        assert found is taken_over


def test_a_split_makes_a_new_series_and_keeps_ids_runs_comments_and_reports(sessions: Sessions) -> None:
    thread = Thread()
    covers = three(thread)
    store(sessions, thread)
    run_all(sessions)
    with sessions.begin() as session:
        before = rows_of(session)
        old = find_posting(session, covers[0]).series_id
        row = say(session, SPLIT, covers[1])
        assert row.parted_from == covers[0]
    with sessions() as session:
        assert works(session) == [["v1"], ["v2", "v3"]]
        assert rows_of(session) == before
        series = {cover: find_posting(session, cover).series_id for cover in covers}
        assert series[covers[1]] == series[covers[2]] != series[covers[0]]
        assert old in series.values()
        for label, cover in zip(("v1", "v2", "v3"), covers, strict=True):
            found = of_series(session, old, label)
            assert found is not None
            assert found.root_id == cover  # where people look for it with an old link
        assert set(session.scalars(select(func.count()).group_by(Report.revision_id).select_from(Report))) == {1}


def test_a_revision_moved_out_and_over(sessions: Sessions) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    store(sessions, thread)
    with sessions.begin() as session:
        alone = say(session, MOVE, covers[1])
        assert alone.parted_from == covers[0]
        assert works(session) == [["v1"], ["v1", "v3"], ["v2"]]
        over = say(session, MOVE, covers[1], strange[0])
        assert over.parted_from is None  # it was alone
        assert works(session) == [["v1", "v2"], ["v1", "v3"]]
        assert find_posting(session, covers[2]).link_to == "v1"
        assert find_posting(session, covers[1]).link_reason == "linked by hand"


@pytest.mark.parametrize("kind", [LINK, SPLIT, MOVE])
def test_it_outlives_new_mail_and_the_same_mail_again(sessions: Sessions, kind: DecisionKind) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    store(sessions, thread)
    with sessions.begin() as session:
        say(session, kind, covers[1], None if kind is SPLIT else strange[0])
        decided = works(session)
    stored = len(thread.messages)
    thread.post("Re: [PATCH v2 0/2] bpf: Make it so", to=covers[1], author=REX, body="And this?\n")
    store(sessions, thread, since=stored)
    store(sessions, thread)
    with sessions.begin() as session:
        assert works(session) == decided
    stored = len(thread.messages)
    thread.series("PATCH v4", 2, salt="_4")
    other(thread, "PATCH v2")
    store(sessions, thread, since=stored)
    with sessions.begin() as session:
        at_once = {
            LINK: [["v1", "v1 resend", "v2", "v2 resend", "v3", "v4"]],
            SPLIT: [["v1"], ["v1", "v2"], ["v2", "v3", "v4"]],
            MOVE: [["v1", "v2", "v2 resend"], ["v1", "v3", "v4"]],
        }
        assert works(session) == at_once[kind]


def test_a_split_of_what_was_linked_before_holds_when_mail_comes_for_the_other_part(sessions: Sessions) -> None:
    thread = Thread()
    covers = three(thread)
    store(sessions, thread)
    with sessions.begin() as session:
        say(session, LINK, covers[2], covers[0])
        say(session, SPLIT, covers[2])
        assert works(session) == [["v1", "v2"], ["v3"]]
    stored = len(thread.messages)
    thread.post("Re: [PATCH 0/2] bpf: Make it so", to=covers[0], author=REX, body="And this?\n")
    store(sessions, thread, since=stored)
    with sessions.begin() as session:
        assert works(session) == [["v1", "v2"], ["v3"]]


@pytest.mark.parametrize("kind", [LINK, SPLIT, MOVE])
def test_undone_it_is_as_before_and_stays_on_record(sessions: Sessions, kind: DecisionKind) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    store(sessions, thread)
    with sessions.begin() as session:
        before, rows = works(session), rows_of(session)
        links = dict(session.execute(select(Revision.root_id, Revision.link_reason)).all())
        row = say(session, kind, covers[1], None if kind is SPLIT else strange[0])
        assert works(session) != before
        first = undo(session, row.id, by="ben's desk").undone_at
        assert works(session) == before
        assert rows_of(session) == rows
        assert dict(session.execute(select(Revision.root_id, Revision.link_reason)).all()) == links
    with sessions.begin() as session:
        again = undo(session, row.id, by="somebody else")
        assert (again.undone_by, again.undone_at, again.decided_by) == ("ben's desk", first, "ann's laptop")
        assert decisions_about(session, covers) == []
        with pytest.raises(NotFoundError, match="no decision 4711"):
            undo(session, 4711, by="x")


def test_a_posting_split_from_what_it_replaced_a_patch_of_no_longer_has_the_others(sessions: Sessions) -> None:
    thread = Thread()
    cover, _, second, _ = thread.series("PATCH", 3)
    lone = thread.post("[PATCH v2 2/3] core: Step 2", to=second, diff=change("core2", salt="_2"))
    store(sessions, thread)
    with sessions.begin() as session:
        posting = find_posting(session, lone)
        inherited = select(Patch.position).where(Patch.revision_id == posting.id, Patch.inherited_from == "v1")
        assert session.scalars(inherited.order_by(Patch.position)).all() == [1, 3]
        say(session, SPLIT, lone)
        posting = find_posting(session, lone)
        assert posting.missing == [1, 3]
        assert session.scalars(select(Patch.position).where(Patch.revision_id == posting.id)).all() == [2]
        assert find_posting(session, cover).missing == []


def test_decisions_about_are_those_in_force_the_oldest_first(session: Session) -> None:
    for kind, subject, to in ((LINK, "a", "b"), (SPLIT, "c", None), (MOVE, "d", "a"), (LINK, "b", "a")):
        session.add(Decision(kind=kind, message_id=subject, to_message_id=to, note="", decided_by="x"))
        session.flush()
    undone = update(Decision).where(Decision.kind == LINK, Decision.message_id == "b")
    session.execute(undone.values(undone_by="y", undone_at=func.now()))
    assert decisions_about(session, ["a", "nobody"]) == [
        Taken(kind=LINK, message_id="a", to="b"),
        Taken(kind=MOVE, message_id="d", to="a"),
    ]
    assert decisions_about(session, {"c"}) == [Taken(kind=SPLIT, message_id="c")]
    assert decisions_about(session, ()) == []


def test_what_makes_no_sense_is_refused_with_the_reason(sessions: Sessions) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    store(sessions, thread)
    refused: Sequence[tuple[DecisionKind, str, str | None, str]] = (
        (LINK, covers[0], None, "say what v1 of series"),
        (LINK, covers[0], covers[0], "cannot be put together with itself"),
        (SPLIT, covers[0], None, "is its first revision"),
        (SPLIT, covers[1], covers[0], "a split takes no target"),
        (MOVE, covers[1], covers[2], "is in one series with v3 already"),
        (MOVE, strange[0], None, "is alone in its series already"),
        (MOVE, covers[1], "nobody@example.org", "is no mail of a series that is stored here"),
        (MOVE, covers[1], "4711", "there is no series 4711"),
        (MOVE, covers[1], "not one", "is not a Message-ID"),
    )
    with sessions.begin() as session:
        before = works(session)
        for kind, subject, to, said in refused:
            with pytest.raises(SubmissionError, match=said):
                say(session, kind, subject, to)
        with pytest.raises(SubmissionError, match=r"the note has 1,?001 characters"):
            say(session, SPLIT, covers[1], note="x" * (LONGEST_NOTE + 1))
        assert session.scalar(select(func.count(Decision.id))) == 0
        assert works(session) == before


def test_a_link_may_be_confirmed_once_and_be_made_again_after_a_split(sessions: Sessions) -> None:
    thread = Thread()
    covers = three(thread)
    store(sessions, thread)
    with sessions.begin() as session:
        say(session, LINK, covers[1], covers[0])
        assert find_posting(session, covers[1]).link_strength == 6
        with pytest.raises(SubmissionError, match=r"decision \d+ links v2 and v1 already"):
            say(session, LINK, covers[1], covers[0])
        say(session, SPLIT, covers[1])
        assert works(session) == [["v1"], ["v2", "v3"]]
        say(session, LINK, covers[1], covers[0])
        assert works(session) == [["v1", "v2", "v3"]]


def test_a_posting_is_found_by_what_people_have_at_hand(sessions: Sessions) -> None:
    thread = Thread()
    covers = three(thread)
    store(sessions, thread)
    with sessions() as session:
        number = find_posting(session, covers[0]).series_id
        for reference, label in (
            (f" <{covers[0]}> ", "v1"),
            (f"https://lore.kernel.org/bpf/{covers[1]}/T/#u", "v2"),
            ("m1@example.org", "v1"),  # a patch
            ("m9@example.org", "v1"),  # a comment
            (f"{number}", "v3"),
            (f"#{number}", "v3"),
            (f"/series/{number}", "v3"),
            (f"/series/{number}?revision=v2#patches", "v2"),
            (f"https://reroll.example.org/series/{number}?revision=v1", "v1"),
        ):
            assert find_posting(session, reference).label == label, reference
        for wrong in (f"/series/{number}?revision=v9", f"/series/{number}?revision=%00", "9" * 30):
            with pytest.raises(SubmissionError):
                find_posting(session, wrong)


def test_where_a_series_went_is_known_however_often_it_moved(sessions: Sessions) -> None:
    thread = Thread()
    covers, strange = three(thread), other(thread)
    third = thread.series("PATCH", 1, author=REX, name="third", title="mm: Something else", cover=False)
    store(sessions, thread)
    with sessions.begin() as session:
        old = {key: find_posting(session, key).series_id for key in (covers[0], strange[0], third[0])}
        say(session, LINK, strange[0], third[0])
        say(session, LINK, third[0], covers[2])
        (home,) = session.scalars(select(Series.id))
        for series_id in old.values():
            found = of_series(session, series_id)
            assert found is not None
            assert found.series_id == home
        assert of_series(session, 4711) is None
        assert of_series(session, home, "v9") is None
        say(session, MOVE, strange[0])
        found = of_series(session, old[strange[0]], "v1")
        assert found is not None
        assert found.root_id == strange[0]
        session.execute(delete(FormerPlace))
        assert of_series(session, max(old.values()) + 100) is None


def test_new_mail_that_joins_two_series_leaves_an_address_too(sessions: Sessions) -> None:
    thread = Thread()
    first = thread.series("PATCH", 2)[0]
    second = thread.series("PATCH v2", 2, author=BEN, name="other", title="net: Not alike at all")[0]
    store(sessions, thread)
    with sessions.begin() as session:
        old = {find_posting(session, key).series_id for key in (first, second)}
        assert len(old) == 2
    stored = len(thread.messages)
    body = f"v1: https://lore.kernel.org/bpf/{first}/\nv2: https://lore.kernel.org/bpf/{second}/\n"
    cover = thread.post("[PATCH v3 0/1] mm: Both", author=REX, body=body)
    thread.post("[PATCH v3 1/1] mm: Both of them", to=cover, author=REX, diff=change("both"))
    store(sessions, thread, since=stored)
    with sessions.begin() as session:
        assert works(session) == [["v1", "v2", "v3"]]
        found = {at.series_id for number in old if (at := of_series(session, number)) is not None}
        assert len(found) == 1


def test_mail_that_comes_while_somebody_decides_waits_and_holds_to_it(sessions: Sessions) -> None:
    thread = Thread()
    covers = three(thread)
    store(sessions, thread)
    stored = len(thread.messages)
    thread.series("PATCH v4", 2, salt="_4")
    incoming = threading.Thread(target=store, args=(sessions, thread), kwargs={"since": stored})
    with sessions.begin() as session:
        say(session, SPLIT, covers[1])
        incoming.start()
        incoming.join(timeout=0.5)
        assert incoming.is_alive()
    incoming.join(timeout=30)
    assert not incoming.is_alive()
    with sessions() as session:
        assert works(session) == [["v1"], ["v2", "v3", "v4"]]


def _more(thread: Thread, chance: random.Random, keys: list[str]) -> None:
    """A comment on one of the postings, or the next revision of one of the works."""
    if chance.random() < 0.5:
        thread.post("Re: [PATCH] bpf: Make it so", to=chance.choice(keys), author=REX, body="And this?\n")
    elif chance.random() < 0.5:
        keys.append(thread.series(f"PATCH v{len(keys)}", 2, salt=f"_{len(keys)}")[0])
    else:
        keys.append(other(thread, f"PATCH v{len(keys)}")[0])


@pytest.mark.parametrize("seed", range(6))
def test_stored_step_by_step_is_what_all_at_once_says(sessions: Sessions, seed: int) -> None:
    """Decisions, their undoing and mail in any order: what is stored is what the mails and the decisions say."""
    chance = random.Random(seed)
    thread = Thread()
    covers, strange = three(thread), other(thread)
    keys = [*covers, strange[0], thread.series("PATCH", 1, author=REX, name="third", title="mm: Else")[0]]
    store(sessions, thread)
    taken: list[int] = []
    for _ in range(16):
        stored = len(thread.messages)
        what = chance.random()
        if what < 0.3:
            _more(thread, chance, keys)
            store(sessions, thread, since=stored)
        with sessions.begin() as session:
            rows = rows_of(session)
            if what > 0.8 and taken:
                undo(session, taken.pop(chance.randrange(len(taken))), by="x")
            elif what >= 0.3:
                kind, subject = chance.choice((LINK, SPLIT, MOVE)), chance.choice(keys)
                to = None if kind is SPLIT else chance.choice(keys)
                with suppress(SubmissionError):
                    taken.append(say(session, kind, subject, to).id)
            assert rows_of(session) == rows
            every = decisions_about(session, [message.message_id for message in thread.messages])
            said = parse_threads(thread.messages, decisions=every).series
            assert works(session) == sorted([one.label for one in each.revisions] for each in said)
    with sessions.begin() as session:
        for decision_id in taken:
            undo(session, decision_id, by="x")
        said = parse_threads(thread.messages).series
        assert works(session) == sorted([one.label for one in each.revisions] for each in said)
