"""What a mail is by itself; how mails are gathered into postings is in test_series."""

import pytest

from app.domain.address import Address
from app.domain.item import Role, role_of, same_person
from app.domain.message import parse_message
from app.domain.subject import parse_subject
from tests.domain.threads import change

PULL = "The following changes since commit 0123456789ab:\n\n  x\n\nare available in the Git repository at:\n"


@pytest.mark.parametrize(
    ("subject", "body", "role"),
    [
        ("[PATCH 0/2] t", "x", Role.COVER),
        ("[PATCH 0/2] t", change(), Role.COVER),
        ("[PATCH 0/2] t", PULL, Role.COVER),
        ("[bpf-next 1/2] t", change(), Role.PATCH),
        ("t", change(), Role.PATCH),
        ("Re: [PATCH] t", change(), Role.REPLY),
        ("[PATCH] t", "x", Role.NO_DIFF),
        ("[RFC] t", "x", Role.TALK),
        ("[RFC] t", change(), Role.PATCH),
        ("t", "x", Role.TALK),
        ("fixes for 6.19", PULL, Role.PULL),
        ("fixes for 6.19", PULL + change(), Role.PULL),
        ("[PATCH] t", PULL + change(), Role.PATCH),
        ("[tip: x86/urgent] x86: t", change(), Role.NOTICE),
        ("[GIT PULL] t", change(), Role.PULL),
        ("[PATCH ethtool] t", change(), Role.ELSEWHERE),
    ],
)
def test_roles(subject: str, body: str, role: Role) -> None:
    message = parse_message(f"Subject: {subject}\n\n{body}".encode())
    assert role_of(message, parse_subject(message.subject)) is role


def test_a_diff_in_an_answer_without_a_tag_is_an_answer() -> None:
    message = parse_message(f"Subject: t\nIn-Reply-To: <a@x>\n\n{change()}".encode())
    assert role_of(message, parse_subject("t")) is Role.REPLY


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("Ann Author", "ann@x"), ("", "ANN@x"), True),
        (("Ann Author", "ann@x"), ("ann author", "ann@y"), True),
        (("Ann", "ann@x"), ("Ann", "ann@y"), False),
        (("", ""), ("", ""), False),
    ],
)
def test_who_is_the_same_person(one: tuple[str, str], other: tuple[str, str], *, same: bool) -> None:
    left, right = (Address(name=name, email=email) for name, email in (one, other))
    assert same_person(left, right) is same
