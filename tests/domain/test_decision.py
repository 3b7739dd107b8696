"""What a person decides about series holds, whatever the mails say and whatever mail comes later."""

from app.domain.decision import Decision, DecisionKind
from app.domain.series import Series, parse_threads
from tests.domain.threads import BEN, Thread, message_ids


def labels(series: tuple[Series, ...]) -> list[list[str]]:
    return sorted([revision.label for revision in each.revisions] for each in series)


def read(thread: Thread, *decisions: Decision) -> tuple[Series, ...]:
    conversation = parse_threads(thread.messages, decisions=decisions)
    assert sorted(message_ids(conversation)) == sorted(message.message_id for message in thread.messages)
    return conversation.series


def three(thread: Thread) -> list[str]:
    return [thread.series(f"PATCH v{version}", 2, salt=f"_{version}")[0] for version in (1, 2, 3)]


def test_linked_by_hand() -> None:
    thread = Thread()
    first = thread.series("PATCH", 2)
    second = thread.series("PATCH v2", 2, author=BEN, name="other", title="net: Not alike at all")
    assert labels(read(thread)) == [["v1"], ["v2"]]
    (series,) = read(thread, Decision(kind=DecisionKind.LINK, message_id=second[1], to=first[0]))
    link = series.revisions[1].link
    assert link is not None
    assert (link.to, link.reason) == ("v1", "linked by hand")


def test_split_and_what_comes_later_follows_the_later_part() -> None:
    thread = Thread()
    _, second, _ = three(thread)
    split = Decision(kind=DecisionKind.SPLIT, message_id=second)
    assert labels(read(thread, split)) == [["v1"], ["v2", "v3"]]
    thread.series("PATCH v4", 2, salt="_4")
    assert labels(read(thread, split)) == [["v1"], ["v2", "v3", "v4"]]


def test_a_split_cuts_where_a_person_sees_it_whatever_was_linked_before() -> None:
    thread = Thread()
    first, _, third = three(thread)
    other = thread.series("PATCH v2", 2, author=BEN, name="other", title="net: Not alike at all")
    linked = Decision(kind=DecisionKind.LINK, message_id=other[0], to=first)
    split = Decision(kind=DecisionKind.SPLIT, message_id=third)
    assert labels(read(thread, linked, split)) == [["v1", "v2", "v2 resend"], ["v3"]]


def test_moved_out_alone_and_over_to_another() -> None:
    thread = Thread()
    _, second, _ = three(thread)
    other = thread.series("PATCH", 2, author=BEN, name="other", title="net: Not alike at all")
    alone = Decision(kind=DecisionKind.MOVE, message_id=second)
    assert labels(read(thread, alone)) == [["v1"], ["v1", "v3"], ["v2"]]
    over = Decision(kind=DecisionKind.MOVE, message_id=second, to=other[1])
    assert labels(read(thread, over)) == [["v1", "v2"], ["v1", "v3"]]


def test_decisions_are_taken_in_order_and_may_wait_for_their_mail() -> None:
    thread = Thread()
    first, second, third = three(thread)
    decisions = (
        Decision(kind=DecisionKind.SPLIT, message_id=third),
        Decision(kind=DecisionKind.LINK, message_id=third, to=first),
        Decision(kind=DecisionKind.SPLIT, message_id="not-here@x"),
        Decision(kind=DecisionKind.LINK, message_id=second, to="not-here@x"),
        Decision(kind=DecisionKind.LINK, message_id=second, to=second),
    )
    assert labels(read(thread, *decisions)) == [["v1", "v2", "v3"]]
