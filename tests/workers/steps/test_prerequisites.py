"""What a series needs is found on a real archive, by all names that it may have."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import LoreSettings
from app.demo.archive import Archive
from app.domain.message import parse_message, split_mbox
from app.domain.patch_id import patch_id
from app.domain.series import Conversation, parse_threads
from app.errors import InfrastructureError
from tests.mails import mail
from workers.adapters.lore import LoreClient
from workers.steps import prerequisites
from workers.steps.prerequisites import Prerequisites, fetch_prerequisites

pytestmark = pytest.mark.anyio

CHANGE = "20260101-frob-0123456789ab"


def diff(word: str) -> str:
    return (
        "---\n a.c | 2 +-\n\ndiff --git a/a.c b/a.c\nindex 1..2 100644\n--- a/a.c\n+++ b/a.c\n"
        f"@@ -1 +1 @@\n-one\n+{word}\n-- \n2.47\n"
    )


def series(name: str, *, version: int = 1, says: str = "") -> list[bytes]:
    """A cover letter that says something, and one patch."""
    tag = f" v{version}" if version > 1 else ""
    return [
        mail(f"{name}-0@x.org", f"[PATCH{tag} 0/1] bpf: The {name} series", f"Hello.\n\n{says}\n", day=version),
        mail(f"{name}-1@x.org", f"[PATCH{tag} 1/1] bpf: do {name}", diff(name), reply_to=f"{name}-0@x.org"),
    ]


def id_of(name: str) -> str:
    found = parse_message(series(name)[1]).diff
    assert found
    return patch_id(found)


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("inbox")).serving() as archive:
        archive.add(
            *series("old", says=f"change-id: {CHANGE}"),
            *series("new", version=2, says=f"change-id: {CHANGE}\nprerequisite-message-id: <low-0@x.org>"),
            *series("cites", says=f"prerequisite-change-id: {CHANGE}:v2"),
            *series("low"),
            *series("lone"),
        )
        yield archive


def asking(archive: Archive, folder: Path) -> LoreClient:
    return LoreClient(LoreSettings(origin=archive.origin, pause=timedelta(0)), folder)


def needing(*says: str) -> Conversation:
    return parse_threads(map(parse_message, series("top", says="\n".join(says))))


def ids(found: Prerequisites) -> list[str]:
    return [one.message_id for one in found.threads]


@pytest.mark.parametrize(
    ("says", "fetched"),
    [
        ("Depends-on: <low-1@x.org>", ["low-1@x.org"]),
        ("Based-on: https://lore.kernel.org/bpf/low-0@x.org/T/#u", ["low-0@x.org"]),
        (f"prerequisite-change-id: {CHANGE}:v1", ["old-0@x.org"]),
        (f"prerequisite-change-id: {CHANGE}:v2", ["new-0@x.org", "low-0@x.org"]),
        (f"prerequisite-patch-id: {id_of('lone')}", ["lone-1@x.org"]),
        (f"prerequisite-message-id: <low-0@x.org>\nprerequisite-patch-id: {id_of('low')}", ["low-0@x.org"]),
    ],
)
async def test_it_is_found_by_each_of_its_names(says: str, fetched: list[str], archive: Archive, tmp_path) -> None:
    found = await fetch_prerequisites(asking(archive, tmp_path), needing(says))
    assert ids(found) == fetched
    assert found.not_fetched == {}
    assert {one.needed_by for one in found.threads[:1]} == {"bpf: The top series v1"}


async def test_what_is_not_there_is_said_each_with_its_reason(archive: Archive, tmp_path: Path) -> None:
    names = (f"prerequisite-change-id: {CHANGE}:v7", f"prerequisite-patch-id: {'0' * 40}", "Depends-on: <gone@x.org>")
    hostile = ('prerequisite-patch-id: 1"OR"f:everyone', "prerequisite-change-id: !!!")
    found = await fetch_prerequisites(asking(archive, tmp_path), needing(*names, *hostile))
    assert ids(found) == []
    reasons = found.not_fetched
    assert reasons.pop("message-id gone@x.org").startswith(f"{archive.origin} has no mail <gone@x.org>")
    assert reasons == {
        f"change-id {CHANGE}:v7": "the archive's search does not find it",
        f"patch-id {'0' * 40}": "the archive's search does not find it",
        'patch-id 1"OR"f:everyone': "it is not a patch-id (40 hexadecimal digits)",
        "change-id !!!": "it is not a change-id",
    }


async def test_an_archive_without_search_is_said_and_message_ids_still_lead_there(tmp_path: Path) -> None:
    with Archive(tmp_path, search=False).serving() as archive:
        archive.add(*series("low"))
        found = await fetch_prerequisites(
            asking(archive, tmp_path), needing("Depends-on: <low-0@x.org>", f"prerequisite-change-id: {CHANGE}:v1")
        )
    assert ids(found) == ["low-0@x.org"]
    assert found.not_fetched == {
        f"change-id {CHANGE}:v1": "the archive has no search, and it is named by no Message-ID"
    }


class Endless:
    """Each series needs another one, for ever; what is searched for makes trouble."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def thread(self, message_id: str) -> bytes:
        self.asked.append(message_id)
        name = message_id.partition("-")[0]
        mails = series(name, says=f"Depends-on: <{name}a-0@x.org>\nDepends-on: <{name}b-0@x.org>")
        return b"".join(b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + one + b"\n" for one in mails)

    async def search(self, query: str) -> bytes | None:
        raise InfrastructureError("answered 504")

    async def has(self, message_id: str) -> bool:
        raise AssertionError(f"prerequisites are fetched as threads, not asked for: {message_id}")


async def test_chains_and_their_width_have_an_end() -> None:
    archive = Endless()
    found = await fetch_prerequisites(archive, needing("Depends-on: <s-0@x.org>"))
    assert len(archive.asked) == prerequisites.MAX_THREADS
    assert max(len(one.split("-")[0]) for one in archive.asked) == 4
    assert "10 threads or 50,000,000 bytes of prerequisites are the limit" in found.not_fetched.values()


async def test_a_search_that_fails_is_a_reason_and_no_end() -> None:
    found = await fetch_prerequisites(Endless(), needing(f"prerequisite-change-id: {CHANGE}"))
    assert found.not_fetched == {f"change-id {CHANGE}": "the archive's search failed: answered 504"}


LORE = Path(__file__).parents[4] / "shared" / "lore"


@pytest.mark.skipif(not LORE.is_dir(), reason="../shared/lore, which is no part of this repository, is absent")
async def test_what_a_real_series_needs_is_asked_for_by_name_and_its_patches_by_their_ids(tmp_path: Path) -> None:
    with Archive(tmp_path).serving() as archive:
        real = split_mbox(gzip.decompress((LORE / "vsock-prereq-v12.mbox.gz").read_bytes()))
        archive.add(*real)
        client = asking(archive, tmp_path)
        conversation = parse_threads(map(parse_message, real))
        found = await fetch_prerequisites(client, conversation)
    (revision,) = conversation.series[0].revisions
    assert (revision.label, len(revision.prerequisites)) == ("v12", 13)
    named = "message-id 20251022-vsock-selftests-fixes-and-improvements-v1-0-edeb179d6463@meta.com"
    assert "has no mail" in found.not_fetched[named]
    assert sum(key.startswith("patch-id ") for key in found.not_fetched) == 12
    assert found.threads == ()
