"""Threads as trees, and mailboxes to take away."""

import mailbox
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db.models import Message
from app.web.mboxrd import SEPARATOR, mboxrd
from app.web.pages.threads import DEEPEST, tree
from tests.web.conftest import Site


def mail(name: str, answers: str | None) -> Message:
    return Message(message_id=name, in_reply_to=answers, subject=name)


def drawn(mails: list[Message]) -> list[tuple[int, str]]:
    return [(row.depth, row.message.message_id) for row in tree(mails)]


def test_answers_stand_below_what_they_answer_in_order() -> None:
    mails = [mail("a", None), mail("b", "a"), mail("c", None), mail("d", "a"), mail("e", "b"), mail("f", "elsewhere")]
    assert drawn(mails) == [(0, "a"), (1, "b"), (2, "e"), (1, "d"), (0, "c"), (0, "f")]


def test_mails_that_answer_in_a_ring_or_themselves_are_shown_once() -> None:
    mails = [mail("a", "b"), mail("b", "a"), mail("c", "c"), mail("d", "b")]
    assert sorted(name for _, name in drawn(mails)) == ["a", "b", "c", "d"]


def test_ten_thousand_answers_to_answers_are_no_trouble() -> None:
    mails = [mail("0", None), *(mail(str(number), str(number - 1)) for number in range(1, 10_000))]
    rows = drawn(mails)
    assert len(rows) == 10_000
    assert max(depth for depth, _ in rows) == DEEPEST


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 9)), unique_by=lambda one: one[0]))
def test_every_mail_is_in_the_tree_once(links: list[tuple[int, int | None]]) -> None:
    mails = [mail(str(one), None if other is None else str(other)) for one, other in links]
    assert sorted(name for _, name in drawn(mails)) == sorted(str(one) for one, _ in links)


@given(
    st.lists(
        (st.binary(max_size=200) | st.sampled_from([b"From x\n>From y", b">>From", b"a\nFrom "])).map(
            lambda body: b"Subject: x\n\n" + body.replace(b"\r", b"")
        ),
        max_size=4,
    )
)
def test_an_mbox_gives_back_the_mails_that_went_in(mails: list[bytes]) -> None:
    found: list[list[bytes]] = []
    for line in mboxrd(mails).split(b"\n")[:-1]:
        if line.startswith(b"From "):
            assert line + b"\n" == SEPARATOR
            found.append([])
        else:
            found[-1].append(line[1:] if re.match(rb">+From ", line) else line)
    read = [b"\n".join(lines) for lines in found]
    assert read == [one if one.endswith(b"\n") else one + b"\n" for one in mails]


@pytest.mark.anyio
@pytest.mark.parametrize("kind", ["series", "thread"])
async def test_a_mailbox_holds_every_mail(site: Site, tmp_path: Path, kind: str) -> None:
    path = f"/{kind if kind == 'series' else 'threads'}/1/mbox"
    async with site.client() as client:
        answer = await client.get(path)
    assert answer.headers["content-disposition"] == f'attachment; filename="{kind}-1.mbox"'
    (tmp_path / "box").write_bytes(answer.content)
    box = mailbox.mbox(tmp_path / "box")
    ids = [one["Message-ID"] for one in box]
    box.close()
    assert len(ids) == len(set(ids)) == 25
    assert f"<{site.example.revisions[0].root_id}>" in ids


@pytest.mark.anyio
async def test_the_source_of_a_mail_is_text_whatever_it_says(site: Site) -> None:
    async with site.client() as client:
        answer = await client.get("/messages/1/raw")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.content.startswith(b"From: Ann Author <ann@example.org>\nSubject: [PATCH bpf-next 0/4]")


@pytest.mark.anyio
async def test_a_mail_says_how_to_answer_it(site: Site) -> None:
    async with site.client() as client:
        page = (await client.get("/messages/1")).text
    root = site.example.revisions[0].root_id
    assert f"--in-reply-to={root}" in page
    assert "--to=ann@example.org" in page
    assert 'href="mailto:ann@example.org?' in page
