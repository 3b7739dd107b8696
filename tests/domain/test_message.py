"""Mails in all the ways that they arrive; where git reads a mail, we say what `git mailinfo` says."""

import subprocess
import time
from base64 import b64encode
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from quopri import encodestring

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from app.domain.message import DERIVED_DOMAIN, Message, parse_message, patch_mail, split_mbox
from app.domain.patch_id import patch_id
from app.domain.series import parse_threads
from tests.domain.threads import change, message_ids

HEAD = (
    b"From: Ann <ann@example.org>\nSubject: [PATCH] bpf: t\nMessage-ID: <a@example.org>\n"
    b"Date: Mon, 2 Mar 2026 10:00:00 +0100\n"
)
DIFF = change("core")
WITH_FF = b"Wh\xc3\xbf"
TEXT = b"Content-Type: text/plain; charset="
BASE64 = b"Content-Transfer-Encoding: base64\n"
BODY = f"Why.\n\nSigned-off-by: Ann <ann@example.org>\n---\n core.c | 4 ++++\n\n{DIFF}-- \n2.43.0\n"


def mailinfo(raw: bytes, where: Path) -> tuple[dict[str, str], str]:
    """Return what git reads in a mail: its Author, Email, Subject, and the stable patch-id of its patch."""
    said = subprocess.run(
        ["git", "mailinfo", where / "msg", where / "patch"], input=raw, capture_output=True, check=True
    )
    ident = subprocess.run(
        ["git", "patch-id", "--stable"], input=(where / "patch").read_bytes(), capture_output=True, check=True
    )
    fields = dict(line.split(": ", 1) for line in said.stdout.decode().splitlines() if ": " in line)
    return fields, ident.stdout.decode().split(" ")[0]


def built(*attachments: tuple[str, str, str], text: str = "See below.\n", text_type: str = "plain") -> bytes:
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "Ann <ann@example.org>", "[PATCH] bpf: t", "<a@example.org>"
    mail["Date"] = "Mon, 2 Mar 2026 10:00:00 +0100"
    mail.set_content(text, subtype=text_type)
    for content, kind, name in attachments:
        main, sub = kind.split("/")
        mail.add_attachment(content.encode(), maintype=main, subtype=sub, filename=name)
    return mail.as_bytes()


ENCODED = {
    "7bit": HEAD + b"\n" + BODY.encode(),
    "quoted-printable": HEAD + b"Content-Transfer-Encoding: quoted-printable\n\n" + encodestring(BODY.encode()),
    "base64": HEAD + BASE64 + TEXT + b"utf-8\n\n" + b64encode(BODY.encode()),
    "base64 of CRLF": HEAD + BASE64 + b"\n" + b64encode(BODY.replace("\n", "\r\n").encode()),
    "signed in clear text": HEAD
    + b"\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n"
    + BODY.replace("\n-", "\n- -").encode()
    + b"-----BEGIN PGP SIGNATURE-----\n\nxyz\n-----END PGP SIGNATURE-----\n",
    "CRLF": (HEAD + b"\n" + BODY.encode()).replace(b"\n", b"\r\n"),
    "a charset that does not exist": HEAD + TEXT + b"martian\n\n" + BODY.encode(),
    "UTF-8 that claims to be ASCII": HEAD + TEXT + b"us-ascii\n\n" + BODY.encode().replace(b"Why", WITH_FF),
    "Latin-1 that claims to be UTF-8": HEAD + TEXT + b"utf-8\n\n" + BODY.encode().replace(b"Why", b"Wh\xff"),
    "a charset that is a Python codec": HEAD + TEXT + b"unicode_escape\n\n" + BODY.encode(),
    "text/x-diff attached": built((DIFF, "text/x-diff", "a.diff")),
    "text/x-patch attached": built((DIFF, "text/x-patch", "a.patch")),
    "octet-stream by name attached": built((DIFF, "application/octet-stream", "0001-core.patch")),
    "text/plain by name attached": built((DIFF, "text/plain", "fix.txt")),
    "after an S/MIME-like attachment": built(("\x01\x02", "application/pkcs7-signature", "smime.p7s"), text=BODY),
    "flowed": HEAD + b"Content-Type: text/plain; format=flowed\n\n" + BODY.replace("\n ", "\n  ").encode(),
    "flowed with a broken diff line": HEAD
    + b"Content-Type: text/plain; format=flowed\n\n"
    + BODY.replace("\n ", "\n  ").replace(" b/kernel", " \nb/kernel", 1).encode(),
}


@pytest.mark.parametrize("raw", ENCODED.values(), ids=ENCODED.keys())
def test_the_same_patch_however_it_was_sent(raw: bytes, tmp_path: Path) -> None:
    message = parse_message(raw)
    assert message.diff == DIFF
    assert [file.path for file in message.files] == ["kernel/bpf/core.c"]
    fields, ident = mailinfo(patch_mail(message), tmp_path)
    assert (ident, fields["Subject"], fields["Email"]) == (patch_id(DIFF), "bpf: t", "ann@example.org")


def test_a_sound_mail_is_handed_to_git_untouched() -> None:
    assert patch_mail(parse_message(ENCODED["7bit"])) == ENCODED["7bit"]
    assert patch_mail(parse_message(ENCODED["quoted-printable"])) == ENCODED["quoted-printable"]


def test_an_attached_format_patch_is_its_own_mail(tmp_path: Path) -> None:
    inner = (
        f"From {'0' * 40} Mon Sep 17 00:00:00 2001\nFrom: Ben <ben@example.net>\n"
        f"Date: Mon, 2 Mar 2026 09:00:00 +0000\nSubject: [PATCH] inner: title\n\n{BODY}"
    )
    message = parse_message(built((inner, "text/x-patch", "0001-inner.patch")))
    fields, ident = mailinfo(patch_mail(message), tmp_path)
    assert (fields["Author"], fields["Subject"], ident) == ("Ben", "inner: title", patch_id(DIFF))


def test_a_separator_in_the_text_does_not_split_the_mail_that_git_gets(tmp_path: Path) -> None:
    line = "From ann@example.org Mon Mar  2 10:00:00 2026"
    mail = patch_mail(parse_message(HEAD + f"\n{line}\nis how an mbox begins.\n\n{BODY}".encode()))
    (tmp_path / "mbox").write_bytes(b"From x@y Mon Mar  2 10:00:00 2026\n" + mail)
    count = subprocess.run(["git", "mailsplit", f"-o{tmp_path}", tmp_path / "mbox"], capture_output=True, check=True)
    assert count.stdout.strip() == b"1"
    assert mailinfo(mail, tmp_path)[1] == patch_id(DIFF)


def test_a_pasted_format_patch_is_its_own_mail(tmp_path: Path) -> None:
    separator = f"From {'0' * 40} Mon Sep 17 00:00:00 2001\n"
    inner = f"{separator}From: Ben <ben@example.net>\nSubject: [PATCH] inner: title\n\n{BODY}"
    fields, ident = mailinfo(patch_mail(parse_message(HEAD + f"\nHere it is.\n\n{inner}".encode())), tmp_path)
    assert (fields["Author"], fields["Subject"], ident) == ("Ben", "inner: title", patch_id(DIFF))


def test_pgp_mime_and_alternatives_show_the_text() -> None:
    raw = (
        HEAD + b'Content-Type: multipart/signed; boundary="s"\n\n'
        b"--s\nContent-Type: multipart/alternative; boundary=a\n\n"
        b"--a\nContent-Type: text/plain\n\nplain\n--a\nContent-Type: text/html\n\n<b>rich</b>\n--a--\n"
        b"--s\nContent-Type: application/pgp-signature\n\nxyz\n--s--\n"
    )
    assert parse_message(raw).body.strip() == "plain"


def test_headers_in_odd_shapes() -> None:
    message = parse_message(
        b"From: =?utf-8?q?J=C3=B6rg_M=2E?= =?utf-8?q?_X?= <j@example.org>\n"
        b'To: "Last, First" <f@example.org>,\n\tplain@example.org, Group <g@example.org>, f@example.org\n'
        b"Subject: =?iso-8859-1?q?[PATCH]_caf=E9?=\n =?utf-8?b?w6k=?= x\n"
        b"Message-Id:\n <a@example.org>\nMessage-ID: <second@example.org>\n"
        b'In-Reply-To: <p@example.org> (Ann\'s message of "Mon, 2 Mar")\n'
        b"References: <r1@example.org>\n <r2@example.org><r1@example.org>\n"
        b"List-Id: Bpf <bpf.example.org>\n\nText\n"
    )
    assert (message.author.name, message.author.email) == ("J\u00f6rg M. X", "j@example.org")
    assert [(a.name, a.email) for a in message.to] == [
        ("Last, First", "f@example.org"),
        ("", "plain@example.org"),
        ("Group", "g@example.org"),
    ]
    assert message.subject == "[PATCH] caf\u00e9\u00e9 x"
    assert (message.message_id, message.in_reply_to) == ("a@example.org", "p@example.org")
    assert message.references == ("r1@example.org", "r2@example.org")
    assert message.list_ids == ("bpf.example.org",)
    assert any("more than one Message-ID" in defect for defect in message.defects)


def test_of_a_doubled_header_the_last_counts_as_for_git(tmp_path: Path) -> None:
    raw = b"Subject: [PATCH] bpf: first\nFrom: Ben <ben@example.net>\n" + HEAD + b"\n" + BODY.encode()
    message, (fields, _) = parse_message(raw), mailinfo(raw, tmp_path)
    assert (message.author.email, message.subject) == (fields["Email"], f"[PATCH] {fields['Subject']}")
    assert message.author.email == "ann@example.org"


def test_dates() -> None:
    def date(text: str) -> datetime | None:
        return parse_message(f"Date: {text}\n\nx".encode()).date

    assert date("Mon, 2 Mar 2026 10:00:00 +0100") == datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert date("Mon, 2 Mar 2026 10:00:00 -0000") == datetime(2026, 3, 2, 10, tzinfo=UTC)
    assert date("Mon, 99 Foo 99999 10:00:00") is None
    assert date("Fri, 31 Dec 9999 23:59:59 -1400") is None
    received = b"Received: from x by y; Mon, 2 Mar 2026 10:00:00 +0000\nDate: nonsense\n\nx"
    assert parse_message(received).date == datetime(2026, 3, 2, 10, tzinfo=UTC)


def test_the_in_body_from_is_the_patchs_author(tmp_path: Path) -> None:
    raw = HEAD + b"\nFrom: Ben Builder <ben@example.net>\n\n" + BODY.encode()
    message = parse_message(raw)
    assert message.patch_author is not None
    fields, _ = mailinfo(raw, tmp_path)
    assert (message.patch_author.name, message.patch_author.email) == (fields["Author"], fields["Email"])
    assert message.author.email == "ann@example.org"


@pytest.mark.parametrize(
    ("text", "author"),
    [
        ("Subject: bpf: t\nFrom: Ben <ben@example.net>\n\n", "ben@example.net"),
        ("\n\nFrom: Ben <ben@example.net>\nDate: Mon, 2 Mar 2026 10:00:00 +0100\n\n", "ben@example.net"),
        (" From: Ben <ben@example.net>\n\n", "ann@example.org"),
        ("Hello,\nFrom: Ben <ben@example.net>\n\n", "ann@example.org"),
    ],
)
def test_where_an_in_body_from_counts(text: str, author: str, tmp_path: Path) -> None:
    raw = HEAD + b"\n" + text.encode() + BODY.encode()
    message, (fields, _) = parse_message(raw), mailinfo(raw, tmp_path)
    assert (message.patch_author or message.author).email == fields["Email"] == author


def test_without_a_message_id_one_is_derived_from_the_content() -> None:
    one, same, other = (parse_message(b"Subject: x\n\n" + text) for text in (b"a", b"a", b"b"))
    assert one.message_id == same.message_id != other.message_id
    assert one.message_id.endswith(f"@{DERIVED_DOMAIN}")
    assert any("no Message-ID" in defect for defect in one.defects)
    traced = parse_message(b"Received: by another list\nSubject: x\n\na")
    assert traced.message_id == one.message_id


def test_what_a_database_cannot_hold_is_replaced() -> None:
    message = parse_message(
        HEAD.replace(b"bpf: t", b"nul\0 here") + b"Content-Type: text/plain; charset=utf-16\n\n\xd8\x00a\x00\x00\x00"
    )
    for text in (message.subject, message.body):
        assert "\0" not in text
        text.encode("utf-8")


@pytest.mark.parametrize("escaped", [">From x", ">>From x", ">>>From x"])
def test_mboxrd_is_unescaped_by_one(escaped: str) -> None:
    separator = "From mboxrd@z Thu Jan  1 00:00:00 1970\n"
    data = f"{separator}Subject: a\n\n{escaped}\n\n{separator}Subject: b\n\nFrom here on it is text\n"
    first, second = split_mbox(data.encode())
    assert first == f"Subject: a\n\n{escaped[1:]}\n".encode()
    assert second == b"Subject: b\n\nFrom here on it is text"


def test_what_is_no_mbox_is_one_mail() -> None:
    assert split_mbox(b"Subject: a\n\nFrom x@y Thu Jan  1 00:00:00 1970\n") == (
        b"Subject: a\n\nFrom x@y Thu Jan  1 00:00:00 1970\n",
    )
    assert split_mbox(b" \n") == ()


def nested(depth: int) -> bytes:
    text = b"deep"
    for level in range(depth):
        text = b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n" % (level, level, text, level)
    return b"Subject: x\n" + text


MEGABYTES = 5 << 20
HOSTILE = {
    "a line of 5 MB": HEAD + b"\n" + b"x" * MEGABYTES,
    "starts of diffs without an end": HEAD + b"\n" + b"diff -\nno\n" * (MEGABYTES // 10),
    "prose that looks like a diff": HEAD + b"\n" + b"--- x\n+++ y\nno\n" * (MEGABYTES // 15),
    "a hunk of a billion lines": HEAD
    + b"\ndiff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1,999999999 +1,999999999 @@\n"
    + b" a\n" * (MEGABYTES // 3),
    "ten thousand References": HEAD + b"References: " + b"\n ".join(b"<%d@x>" % n for n in range(10_000)) + b"\n\nx",
    "parts nested a hundred deep": nested(100),
    "a hundred thousand parts": HEAD + b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 100_000,
    "padding only": HEAD + BASE64 + b"\n" + b"=" * MEGABYTES,
    "blanks between a change log's words": HEAD + b"\nhttp v1" + b" " * MEGABYTES,
    "links": HEAD + b"\n" + b"v1 -> v2: https://lore.kernel.org/x/a@b/\n" * (MEGABYTES // 42),
    "separators only": b"From x@y Mon Jan  1 00:00:00 2001\n" * 100_000,
    "quotes in To": HEAD + b'To: "' + b'"' * (MEGABYTES // 8) + b"\n\nx",
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_time_and_size_are_bounded(raw: bytes) -> None:
    started = time.process_time()
    message = parse_message(raw)
    conversation = parse_threads([message])
    assert time.process_time() - started < 8
    assert len(message.references) <= 500
    assert message_ids(conversation) == [message.message_id]


def check(messages: list[Message]) -> None:
    conversation = parse_threads(messages)
    accounted = message_ids(conversation)
    assert sorted(accounted) == sorted({message.message_id for message in messages})
    for message in messages:
        for text in (
            message.message_id,
            message.subject,
            message.body,
            str(message.author),
            *message.references,
            *message.defects,
        ):
            assert "\0" not in text
            text.encode("utf-8")
        patch_mail(message)


SUBJECTS = st.from_regex(r"(Re: )?\[(PATCH|RFC PATCH|RESEND PATCH|net)( v[1-3])?( [0-4]/[1-3])?\] [ab]", fullmatch=True)
KEYS = st.integers(0, 12)
BODIES = st.sampled_from(
    ["", BODY, change("other"), "> quoted\nsaid\n", "v1: https://lore.kernel.org/r/3@x\n", "change-id: z\n"]
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(SUBJECTS, KEYS, KEYS, BODIES, st.integers(0, 3)), max_size=14))
def test_every_mail_of_any_thread_is_accounted_for_once(mails: list[tuple[str, int, int, str, int]]) -> None:
    check(
        [
            parse_message(
                f"From: P{who} X <p{who}@x>\nSubject: {subject}\nMessage-ID: <{key}@x>\nIn-Reply-To: <{parent}@x>\n"
                f"Date: Mon, 2 Mar 2026 10:0{who}:00 +0000\n\n{body}".encode()
            )
            for subject, key, parent, body, who in mails
        ]
    )


FRAGMENTS = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [
            b"From: a via b <devnull+a.b@kernel.org>\n",
            b"Subject: [PATCH v2 1/2] x\n",
            b"Message-ID: <a@b>\n",
            b"\n\n",
            b"\r\n",
            b"Content-Type: multipart/mixed; boundary=b\n\n",
            b"--b\n",
            b"--b--\n",
            b"Content-Type: text/plain; charset=utf-7; format=flowed\n",
            b"Content-Transfer-Encoding: base64\n",
            b"Content-Transfer-Encoding: quoted-printable\n",
            b"=?utf-8?b?w6k?=",
            b"=?utf-7?q?+2AA-?=",
            b"References: <a@b> <c@d>\n",
            b"> quoted\n",
            b"\0",
            b"\xff",
            DIFF.encode(),
            b"GIT binary patch\n",
            b"From x@y Mon Jan  1 00:00:00 2001\n",
            b"rename from a\nrename to b\n",
            b"@@ -1 +1 @@\n",
            b"[PATCH 0/2] ",
            b"v1 -> v2: https://x/a@b\n",
            b"Reviewed-by: x\n",
        ]
    ),
    max_size=25,
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FRAGMENTS)
@example([b"=?utf-16?q?=D8=00?=", b"Subject: ", b"=?utf-16?b?2AA=?="])
def test_any_bytes_are_a_mail(fragments: list[bytes]) -> None:
    data = b"".join(fragments)
    check([parse_message(raw) for raw in (data, *split_mbox(data))])
