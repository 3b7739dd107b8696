"""Addresses as headers write them, and the people behind those that lists rewrote."""

import pytest

from app.domain.address import NOBODY, Address, parse_addresses, parse_person, true_author


@pytest.mark.parametrize(
    ("text", "name", "email"),
    [
        ("ann@example.org", "", "ann@example.org"),
        ("Ann Author <ann@example.org>", "Ann Author", "ann@example.org"),
        ('"Author, Ann (X)" <ann@example.org>', "Author, Ann (X)", "ann@example.org"),
        ("ann@example.org (Ann Author)", "Ann Author", "ann@example.org"),
        ("=?utf-8?q?J=C3=B6rg?= <j@x>", "J\u00f6rg", "j@x"),
        ('"=?utf-8?q?J=C3=B6rg?=" <j@x>', "J\u00f6rg", "j@x"),
        (r'"A \"Q\" B" <j@x>', 'A "Q" B', "j@x"),
        ("<ann@ example.org>", "", "ann@example.org"),
        ("Ann Author", "Ann Author", ""),
    ],
)
def test_one_address(text: str, name: str, email: str) -> None:
    assert parse_person(text) == Address(name=name, email=email)


def test_several_and_none() -> None:
    assert [each.email for each in parse_addresses(b'a@x, "b, c" <b@x>,, <c@x>, A@X,')] == ["a@x", "b@x", "c@x"]
    assert parse_addresses(b"") == ()
    assert parse_person(" ") == NOBODY


@pytest.mark.parametrize(
    ("sender", "reply_to", "original", "expected"),
    [
        ("Ann via List <list@x>", "Ann Author <ann@x>", "", "Ann Author <ann@x>"),
        ("Ann via List <list@x>", "", "Ann A <ann@y>", "Ann A <ann@y>"),
        ("'Ann' via List <list@x>", "ann@x", "", "Ann <ann@x>"),
        ("Ann via B4 Relay <devnull+ann.x@kernel.org>", "ann@x", "", "Ann <ann@x>"),
        ("Ann via List <list@x>", "", "", "Ann <list@x>"),
        ("Ann Author <ann@x>", "someone@else", "old@x", "Ann Author <ann@x>"),
        ("Via Olivia <via@x>", "r@x", "", "Via Olivia <via@x>"),
    ],
)
def test_rewritten_senders(sender: str, reply_to: str, original: str, expected: str) -> None:
    found = true_author(parse_person(sender), reply_to=parse_person(reply_to), original=parse_person(original))
    assert str(found) == expected
