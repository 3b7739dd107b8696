"""Who answers whom."""

from app.domain.message import Message, parse_message
from app.domain.thread import above, deduplicate, parents, roots


def mail(key: str, *, to: str = "", references: str = "", text: str = "x") -> Message:
    return parse_message(f"Message-ID: <{key}>\nIn-Reply-To: {to}\nReferences: {references}\n\n{text}".encode())


def known(*mails: Message) -> dict[str, Message]:
    return deduplicate(mails)


def test_in_reply_to_counts_before_references_and_the_last_of_those_first() -> None:
    mails = known(
        mail("a@x"),
        mail("b@x"),
        mail("c@x", to="<a@x>", references="<b@x>"),
        mail("d@x", references="<a@x> <b@x> <gone@x>"),
    )
    assert parents(mails) == {"a@x": None, "b@x": None, "c@x": "a@x", "d@x": "b@x"}


def test_of_two_copies_the_less_mangled_is_kept_whichever_comes_first() -> None:
    sound = mail("a@x", text="x")
    footer = mail("a@x", text="x\n_____\nlist mailing list\n")
    rewritten = parse_message(
        b"Message-ID: <a@x>\nFrom: Ann via list <list@x>\nReply-To: Ann <ann@x>\nIn-Reply-To:\nReferences:\n\nx"
    )
    for copies in ((sound, footer), (footer, sound), (rewritten, sound, footer), (footer, rewritten, sound)):
        assert known(*copies) == {"a@x": sound}


def test_loops_are_cut() -> None:
    mails = known(mail("a@x", to="<c@x>"), mail("b@x", to="<a@x>"), mail("c@x", to="<b@x>"), mail("d@x", to="<d@x>"))
    found = parents(mails)
    assert list(found.values()).count(None) == 2
    for start in found:
        steps, at = 0, found[start]
        while at is not None:
            steps, at = steps + 1, found[at]
        assert steps < 4


def test_a_thread_is_named_by_what_its_top_claims_to_answer() -> None:
    mails = known(mail("b@x", to="<gone@x>"), mail("c@x", to="<b@x>"), mail("d@x", to="<gone@x>"), mail("e@x"))
    assert roots(mails, parents(mails)) == {"b@x": "gone@x", "c@x": "gone@x", "d@x": "gone@x", "e@x": "e@x"}


def test_the_nearest_accepted_above() -> None:
    found = {"a": None, "b": "a", "c": "b", "d": "c"}
    assert above(found, {"a", "c", "d"}) == {"a": None, "b": "a", "c": "a", "d": "c"}


def test_of_copies_the_soundest_is_kept() -> None:
    sound = parse_message(b"Message-ID: <a@x>\nDate: Mon, 2 Mar 2026 10:00:00 +0000\n\nx")
    broken = parse_message(b"Message-ID: <a@x>\nDate: never\n\nx")
    assert deduplicate([broken, sound]) == deduplicate([sound, broken]) == {"a@x": sound}


def test_one_mail_through_two_lists_keeps_both() -> None:
    one, two = (parse_message(f"Message-ID: <a@x>\nList-Id: <{name}>\n\nx".encode()) for name in ("bpf.x", "netdev.x"))
    assert deduplicate([one, two])["a@x"].list_ids == ("bpf.x", "netdev.x")
