"""Review on pages: at the line, carried over, marked by a button, bots in chips."""

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.db.models import Comment, Mark, MarkSays, Message
from app.services.review import mark_comment
from app.web.security import COOKIE
from tests import factories as make
from tests.example import ASKED
from tests.web.conftest import SAME_ORIGIN, Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio
BPF_CI = ("", "bot+bpf-ci@kernel.org")


def remark(stored: Session, site: Site, revision: int) -> Comment:
    found = select(Comment).where(Comment.revision_id == site.example.revisions[revision].id, Comment.bot.is_(None))
    return stored.scalars(found.where(Comment.patch_id.is_not(None))).one()


async def test_the_series_page_lists_what_is_still_open_by_reviewer(own_site: Site, stored: Session) -> None:
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "1 remark on earlier revisions is still open." in page.words
    comment = remark(stored, own_site, 2)
    assert f"Rita Reviewer 1 v4 1/4 ringcount.c:48 made on v3 1/4 + if (WARN_ON_ONCE(sum > RINGCOUNT_MAX)) {ASKED}" in (
        page.words
    )
    assert f"/patches/{own_site.example.patch.id}#comment-{comment.id}" in page.values("href")
    mark_comment(stored, comment.id, MarkSays.ADDRESSED, by="ann")
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "still open." not in page.words
    assert "1 remark addressed" in page.words


async def test_an_addressed_remark_is_folded_and_says_by_whom(own_site: Site, stored: Session) -> None:
    comment = remark(stored, own_site, 2)
    mark_comment(stored, comment.id, MarkSays.ADDRESSED, by="ann's laptop")
    stored.commit()
    page = await shape(own_site, f"/patches/{comment.patch_id}")
    assert f"addressed Rita Reviewer {ASKED} says ann's laptop" in page.words
    assert "Undo" in page.words
    assert "No remark by a person is open; 1 addressed." in page.words


@pytest.mark.parametrize("says", ["addressed", "open"])
async def test_a_button_marks_a_comment(own_site: Site, stored: Session, says: str) -> None:
    comment = remark(stored, own_site, 2)
    async with own_site.client() as client:
        client.cookies.set(COOKIE, own_site.bearer)
        back = f"/patches/{comment.patch_id}"
        answer = await client.post(
            f"/comments/{comment.id}/mark", data={"says": says, "back": back}, headers=SAME_ORIGIN
        )
        listed = {"says": says, "back": "/series/1?revision=v4#still-open"}
        again = await client.post(f"/comments/{comment.id}/mark", data=listed, headers=SAME_ORIGIN)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{back}#comment-{comment.id}")
    assert again.headers["location"] == "/series/1?revision=v4#still-open"
    mark = stored.scalars(select(Mark)).one()
    assert (mark.says, mark.marked_by) == (says, "the tests")
    assert mark.message_id == stored.scalar(select(Message.message_id).where(Message.id == comment.message_pk))


@pytest.mark.parametrize(
    ("fields", "sent", "status"),
    [
        ({"says": "nonsense"}, SAME_ORIGIN, 422),
        ({"says": "withdrawn"}, SAME_ORIGIN, 422),
        ({"says": "open"}, {}, 403),
        ({"says": "open", "back": "//evil.example"}, SAME_ORIGIN, 303),
    ],
)
async def test_a_form_is_not_believed(
    own_site: Site, stored: Session, fields: dict[str, str], sent: dict[str, str], status: int
) -> None:
    comment = remark(stored, own_site, 2)
    async with own_site.client() as client:
        client.cookies.set(COOKIE, own_site.bearer)
        answer = await client.post(f"/comments/{comment.id}/mark", data=fields, headers=sent)
    assert answer.status_code == status
    assert answer.headers.get("location", "/#").startswith("/#")


async def test_marking_without_signing_in_asks_to_sign_in(own_site: Site, stored: Session) -> None:
    comment = remark(stored, own_site, 2)
    async with own_site.client() as client:
        sent = SAME_ORIGIN | {"Referer": "http://127.0.0.1:8000/patches/9"}
        answer = await client.post(f"/comments/{comment.id}/mark", data={"says": "open"}, headers=sent)
    assert answer.headers["location"] == "/sign-in?next=%2Fpatches%2F9"
    assert stored.scalars(select(Mark)).all() == []


async def test_answers_stand_below_what_they_answer_and_long_ones_are_folded(own_site: Site, stored: Session) -> None:
    comment = remark(stored, own_site, 3)
    asked = stored.get_one(Message, comment.message_pk)
    body = f"> {ASKED}\n\n" + "".join(f"It can, step {number}.\n" for number in range(30))
    answer = make.add_comment(stored, own_site.example.revisions[3], body, patch=own_site.example.patch)
    mail = stored.get_one(Message, answer.message_pk)
    mail.raw = mail.raw.replace(b"In-Reply-To: <", b"In-Reply-To: <" + asked.message_id.encode() + b"> <", 1)
    mail.in_reply_to = asked.message_id
    stored.commit()
    page = await shape(own_site, f"/patches/{own_site.example.patch.id}")
    at = page.words.index("It can, step 0.")
    assert page.words.index("WARN_ON_ONCE") < at < page.words.index("sum = RINGCOUNT_MAX;")
    assert "It can, step 7. 22 lines more It can, step 8." in page.words
    assert "deep-1" in " ".join(page.values("class"))


async def test_many_comments_at_one_line_are_folded(own_site: Site, stored: Session) -> None:
    quoted = "> +\tif (WARN_ON_ONCE(sum > RINGCOUNT_MAX))\n\n"
    for number in range(6):
        make.add_comment(
            stored, own_site.example.revisions[3], f"{quoted}Number {number}?\n", patch=own_site.example.patch
        )
    stored.commit()
    page = await shape(own_site, f"/patches/{own_site.example.patch.id}")
    assert "4 comments more at this line" in page.words
    assert all(f"Number {number}?" in page.words for number in range(6))


async def test_what_is_about_the_whole_patch_stands_apart(own_site: Site, stored: Session) -> None:
    make.add_comment(stored, own_site.example.revisions[3], "Is there a test?\n", patch=own_site.example.patch)
    stored.commit()
    page = await shape(own_site, f"/patches/{own_site.example.patch.id}")
    assert "On the whole patch 1 comment at no line of it Rita Reviewer" in page.words


async def test_comments_at_the_commit_message(own_site: Site, stored: Session) -> None:
    text = "> bpf: Count dropped samples per ring, because readers ask for it.\n\nWhich readers?\n"
    make.add_comment(stored, own_site.example.revisions[3], text, patch=own_site.example.patch)
    stored.commit()
    page = await shape(own_site, f"/patches/{own_site.example.patch.id}")
    assert page.words.index("Which readers?") < page.words.index("Signed-off-by: Ann Author")


async def test_what_a_bot_says_is_a_chip_on_every_page(own_site: Site, stored: Session) -> None:
    body = "Status:     FAILURE\n\nFailed jobs:\nveristat: https://ci.example.org/runs/1/job/2\n"
    comment = make.add_comment(
        stored, own_site.example.revisions[3], body, patch=own_site.example.patch, author=BPF_CI, bot="bpf-ci",
        thread=own_site.example.thread,
    )  # fmt: skip
    report = {"bot": "bpf-ci", "status": "failed", "jobs": ["veristat"], "url": "javascript:alert(1)"}
    stored.execute(update(Comment).where(Comment.id == comment.id).values(bot_report=report))
    stored.commit()
    for path in (
        f"/series/{own_site.example.series.id}",
        f"/patches/{own_site.example.patch.id}",
        f"/messages/{comment.message_pk}",
    ):
        assert "bpf-ci · failed veristat job" in (await shape(own_site, path)).words, path
    thread = await shape(own_site, f"/threads/{own_site.example.thread.id}")
    assert "bpf-ci · failed · veristat job" in thread.words
    assert not [href for href in thread.values("href") if href.startswith("javascript")]


async def test_trailers_dropped_and_sent_by_others_are_flagged(own_site: Site, stored: Session) -> None:
    v3, v4 = own_site.example.revisions[2:]
    make.add_comment(stored, v4, "Reviewed-by: Nora Named <nora@example.org>\n", patch=own_site.example.patch)
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    max_ = "Acked-by: Max Maintainer <max@example.org>"
    assert f"{max_} {v3.label} had it; not changed since 1/4 2/4 3/4 4/4 dropped" in page.words
    assert "Reviewed-by: Nora Named <nora@example.org> sender differs sent by Rita Reviewer" in page.words
