"""What a revision needs is found among what is stored, by each of its names."""

import pytest
from sqlalchemy import select

from app.db.models import Revision
from app.domain.message import parse_message
from app.domain.patch_id import patch_id
from app.services.ingest import ingest
from app.services.prerequisites import needed_of, to_apply
from tests.mails import mail

CHANGE = "20260101-frob-0123456789ab"


def diff(word: str) -> str:
    return (
        "---\n a.c | 2 +-\n\ndiff --git a/a.c b/a.c\nindex 1..2 100644\n--- a/a.c\n+++ b/a.c\n"
        f"@@ -1 +1 @@\n-one\n+{word}\n-- \n2.47\n"
    )


def posted(name: str, *, version: int = 1, title: str = "", says: str = "", patches: int = 2) -> list[bytes]:
    tag = f" v{version}" if version > 1 else ""
    root = f"{name}-0@x.org"
    mails = [mail(root, f"[PATCH{tag} 0/2] bpf: {title or name} at large", f"Hello.\n\n{says}\n", day=version)]
    for at in range(1, patches + 1):
        subject = f"[PATCH{tag} {at}/2] bpf: do {title or name} {at}"
        mails.append(mail(f"{name}-{at}@x.org", subject, diff(f"{name}{at}"), reply_to=root, day=version))
    return mails


def id_of(raw: bytes) -> str:
    found = parse_message(raw).diff
    assert found
    return patch_id(found)


def needs(session, *says: str, why=None):
    """Store a revision that says what it needs; return what that comes to."""
    ingest(session, posted("top", says="\n".join(says)), thread_id=None)
    revision = session.scalars(select(Revision).where(Revision.root_id == "top-0@x.org")).one()
    return needed_of(session, revision, why=why or {})


def told(needed):
    return [(one["called"], one["patches"], one["problem"]) for one in needed]


@pytest.fixture
def shelf(session):
    """A series in two revisions with a change-id, a whole one, one that lacks a patch, and an answer."""
    ingest(session, posted("frob1", title="Frobbing maps", says=f"change-id: {CHANGE}"), thread_id=None)
    ingest(session, posted("frob2", version=2, title="Frobbing maps", says=f"change-id: {CHANGE}"), thread_id=None)
    answer = mail("answer@x.org", "Re: [PATCH 1/2] bpf: do plain 1", "Fine.\n", reply_to="plain-1@x.org")
    ingest(session, [*posted("plain"), answer], thread_id=None)
    ingest(session, posted("half", patches=1), thread_id=None)
    return session


FROB1 = ("“bpf: Frobbing maps at large” v1", ["frob1-1@x.org", "frob1-2@x.org"], "")
FROB2 = ("“bpf: Frobbing maps at large” v2", ["frob2-1@x.org", "frob2-2@x.org"], "")
PLAIN = ("“bpf: plain at large” v1", ["plain-1@x.org", "plain-2@x.org"], "")


@pytest.mark.parametrize(
    ("says", "found"),
    [
        ("Depends-on: <plain-0@x.org>", PLAIN),
        ("Depends-on: <plain-2@x.org>", PLAIN),
        ("Based-on: <answer@x.org>", PLAIN),
        ("prerequisite-message-id: <frob1-0@x.org>", FROB1),
        (f"prerequisite-change-id: {CHANGE}:v1", FROB1),
        (f"prerequisite-change-id: {CHANGE}:v2", FROB2),
        (f"prerequisite-change-id: {CHANGE}", FROB2),
        (f"prerequisite-change-id: {CHANGE}:v3", (f"change-id {CHANGE}:v3", [], "is not at hand")),
        (
            f"prerequisite-patch-id: {id_of(posted('plain')[2])}",
            ("“bpf: plain at large” v1", ["plain-2@x.org"], ""),
        ),
        ("Depends-on: <half-0@x.org>", ("“bpf: half at large” v1", [], "is incomplete: 1 of its patches never came")),
    ],
)
def test_it_is_found_by_each_of_its_names(shelf, says, found):
    assert told(needs(shelf, says)) == [found]


def test_a_series_that_needs_nothing_asks_nothing(shelf):
    assert needs(shelf) == []


def test_why_it_could_not_be_fetched_is_told_with_it(shelf):
    why = {"message-id gone@x.org": "the archive has no mail <gone@x.org>"}
    (one,) = needs(shelf, "Depends-on: <gone@x.org>", why=why)
    assert one["problem"] == "is not at hand: the archive has no mail <gone@x.org>"


def test_what_it_needs_is_not_taken_for_the_same_work(shelf):
    needs(shelf, f"prerequisite-change-id: {CHANGE}:v1", "Depends-on: <plain-0@x.org>")
    series = dict(shelf.execute(select(Revision.root_id, Revision.series_id)).all())
    assert series["frob1-0@x.org"] == series["frob2-0@x.org"]
    assert series["top-0@x.org"] not in (series["frob1-0@x.org"], series["plain-0@x.org"])


def test_only_what_can_be_applied_is_the_baselines_as_well(shelf):
    needed = needs(shelf, "Depends-on: <gone@x.org>", "Depends-on: <plain-0@x.org>")
    assert told(to_apply(needed)) == [PLAIN]
