"""Message-IDs out of what people paste."""

import pytest

from app.domain.message_id import ids_in_header, parse_reference
from app.errors import SubmissionError


@pytest.mark.parametrize(
    "text",
    [
        "2026.1-ann@example.org",
        "<2026.1-ann@example.org>",
        "  2026.1-ann@example.org\n",
        "mid:2026.1-ann@example.org",
        "https://lore.kernel.org/bpf/2026.1-ann@example.org/",
        "https://lore.kernel.org/bpf/2026.1-ann@example.org",
        "https://lore.kernel.org/all/2026.1-ann@example.org/T/#u",
        "https://lore.kernel.org/bpf/2026.1-ann@example.org/t.mbox.gz",
        "https://lore.kernel.org/r/2026.1-ann@example.org",
        "https://lore.kernel.org/2026.1-ann@example.org",
        "https://patch.msgid.link/2026.1-ann@example.org",
        "https://lore.kernel.org/bpf/2026.1-ann%40example.org/raw",
        "http://127.0.0.1:8080/bpf/2026.1-ann@example.org/#r",
    ],
)
def test_every_way_to_name_a_mail(text: str) -> None:
    assert parse_reference(text) == "2026.1-ann@example.org"


def test_a_slash_in_a_message_id() -> None:
    assert parse_reference("https://lore.kernel.org/bpf/a%2Fb+c@example.org/T/") == "a/b+c@example.org"
    assert parse_reference("a/b+c@example.org") == "a/b+c@example.org"


@pytest.mark.parametrize(
    "text",
    ["", "nothing", "https://lore.kernel.org/bpf/", "https://[::1", "a b@c", "<a@b> <c@d>", "x" * 2000 + "@y", "a@b\0"],
)
def test_what_names_no_mail_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(SubmissionError, match="Message-ID"):
        parse_reference(text)


def test_headers() -> None:
    assert ids_in_header('<a@b> (A message of "Mon") <c\n d@e> <a@b>') == ("a@b", "cd@e")
    assert ids_in_header("a@b") == ("a@b",)
    assert ids_in_header("Your mail of Monday") == ()
    assert ids_in_header("<" * 1000) == ()
