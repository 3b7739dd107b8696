"""What mails and guests say on a page: it stays text, and its size stays bounded."""

import re

import pytest
from sqlalchemy.orm import Session

from app.db.models import (
    Comment,
    Decision,
    Message,
    Patch,
    Result,
    Revision,
    Run,
    Series,
    Test,
)
from tests import factories as make
from tests.web.conftest import Site
from tests.web.pages.shape import Shape
from tests.web.pages.test_pages import pages

pytestmark = pytest.mark.anyio


EVIL = "<img src=x onerror=alert(1)>\"'{{7*7}}\u202e\x07"


async def test_nothing_of_others_becomes_markup(own_site: Site, stored: Session) -> None:
    _poison(stored)
    for path in pages(own_site).values():
        async with own_site.client() as client:
            html = (await client.get(path)).text
        page = Shape(html)
        assert "img" not in page.tags, path
        assert not [name for name, _ in page.attributes if name.startswith("on")], path
        assert "\u202e" not in html, path
        assert "\x07" not in html, path
        assert "49" not in re.findall(r"'(\d+)", html), path


def _poison(session: Session) -> None:
    """Write hostile text wherever mails or guests can."""
    texts: dict[type, tuple[str, ...]] = {
        Series: ("title", "author_name", "author_email"),
        Revision: ("title", "author_name", "author_email", "link_reason", "change_id"),
        Decision: ("note", "decided_by"),
        Message: ("subject", "author_name", "author_email", "body"),
        Patch: ("title", "diff", "inherited_from"),
        Comment: ("bot",),
        Result: ("message", "detail"),
        Test: ("name", "parent"),
        Run: ("base_reason", "sentence", "requested_by"),
    }
    for model, names in texts.items():
        for number, row in enumerate(session.query(model)):
            for name in names:
                setattr(row, name, f"{EVIL}{number}" if model is Test else EVIL)
    for revision in session.query(Revision):
        revision.supersedes, revision.prerequisites = [EVIL], [f"message-id {EVIL}", f"patch-id {EVIL}"]
    for run in session.query(Run):
        error = dict.fromkeys(("file", "line", "message", "excerpt", "patch_title", "grounds"), EVIL)
        run.evidence = {
            "apply": {"position": EVIL, "title": EVIL, "git_said": EVIL, "hunk": EVIL},
            "build": {"errors": [error, EVIL, None]},
            "events": [{"kind": EVIL, "title": EVIL, "excerpt": EVIL, "count": EVIL}],
            "not_built": [{"test": EVIL, "reason": EVIL}],
        }
        run.toolchain, run.selection = {EVIL: EVIL}, [{"test": EVIL, "reason": EVIL}, 7]
    for comment in session.query(Comment):
        comment.anchors = [{"path": EVIL, "line": EVIL, "text": EVIL}, EVIL, {"line": 1}]
        comment.trailers = [EVIL]
        comment.bot_report = dict.fromkeys(("status", "severity", "tree", "commit", "url"), EVIL)
        comment.bot_report |= {"jobs": [EVIL], "findings": [EVIL], "applied_as": [[EVIL, EVIL]]}
    session.commit()


async def test_a_comment_of_five_megabytes_does_not_weigh_on_a_page(own_site: Site, stored: Session) -> None:
    revision = stored.get_one(Revision, own_site.example.revisions[3].id)
    patch = make.patches_of(stored, revision)[0]
    comment = make.add_comment(stored, revision, "> quoted\nx " * 500_000, patch=patch)
    stored.commit()
    for path in (f"/series/{own_site.example.series.id}", f"/patches/{patch.id}", f"/messages/{comment.message_pk}"):
        async with own_site.client() as client:
            answer = await client.get(path)
        assert answer.status_code == 200
        assert len(answer.content) < 200_000, path
        assert "characters more in the" in answer.text
