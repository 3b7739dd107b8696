"""The revisions of a work are found on a real archive, from any one of them."""

import gzip
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from app.config import LoreSettings
from app.demo.archive import Archive
from app.domain.message import parse_message, split_mbox
from app.domain.series import parse_threads
from app.domain.subject import parse_subject
from app.errors import InfrastructureError, NotFoundError, SubmissionError
from tests.mails import mail
from workers.adapters.lore import LoreClient
from workers.steps import fetch
from workers.steps.fetch import Fetched, fetch_conversation

pytestmark = [pytest.mark.anyio, pytest.mark.tools]

URL = "https://archive.example.org/bpf"
TITLE = "bpf: Teach maps to frob themselves"
DIFF = "---\n a.c | 2 +-\n\ndiff --git a/a.c b/a.c\n--- a/a.c\n+++ b/a.c\n@@ -1 +1 @@\n-one\n+two\n"


CHANGE = f"{DIFF}---\nchange-id: 20260101-frob-0123456789ab\n"


def posting(version: int, cover: str, *, author: str = "Ann Author <ann@example.org>") -> list[bytes]:
    """One revision of one patch: its cover letter, of which `cover` is the text, the patch, and an answer."""
    tag = f" v{version}" if version > 1 else ""
    root, patch, answer = (f"v{version}-{part}@example.org" for part in "01r")
    return [
        mail(root, f"[PATCH bpf-next{tag} 0/1] {TITLE}", cover, author=author, day=version),
        mail(patch, f"[PATCH bpf-next{tag} 1/1] bpf: frob", DIFF, reply_to=root, author=author),
        mail(answer, "Re: bpf: frob", "Fine.\n", reply_to=patch, author="Rita <rita@example.org>"),
    ]


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    """Holds v1 to v4: v2 and v3 link back, v4 comes from another address and links nowhere; and what is no revision."""
    with Archive(tmp_path_factory.mktemp("inbox")).serving() as archive:
        archive.add(
            *posting(1, "First.\n"),
            *posting(2, f"v1 -> v2:\n* Less.\nv1: {URL}/v1-0@example.org/\n"),
            *posting(3, f"v2: {URL}/v2-0@example.org/\n[1] {URL}/other@example.org/\n"),
            *posting(4, "Moved house.\n", author="Ann Author <ann@elsewhere.example>"),
            mail("other@example.org", "[PATCH] bpf: something else", DIFF),
            mail("talk@example.org", f"Re: {TITLE}", "Seen.\n"),
            mail("short1@example.org", "[PATCH] bpf: fixes", DIFF),
            mail("short2@example.org", "[PATCH v7] bpf: fixes", DIFF, author="Ben <ben@example.org>"),
            mail("short3@example.org", "[PATCH v2] bpf: fixes", DIFF),
            mail("old@example.org", "[PATCH] bpf: An old name of many words", CHANGE),
            mail("new@example.org", "[PATCH v2] bpf: A new name of many words", CHANGE),
        )
        yield archive


class Counting:
    """An archive that notes what it is asked."""

    def __init__(self, archive: LoreClient) -> None:
        self._archive = archive
        self.threads: list[str] = []
        self.queries: list[str] = []

    async def thread(self, message_id: str) -> bytes:
        self.threads.append(message_id)
        return await self._archive.thread(message_id)

    async def search(self, query: str) -> bytes | None:
        self.queries.append(query)
        return await self._archive.search(query)

    async def has(self, message_id: str) -> bool:
        return await self._archive.has(message_id)


def asking(archive: Archive, cache_dir: Path) -> Counting:
    return Counting(LoreClient(LoreSettings(origin=archive.origin, pause=timedelta(0)), cache_dir))


def ids(fetched: Fetched) -> set[str]:
    return {parse_message(raw).message_id for mbox in fetched.threads for raw in split_mbox(mbox)}


def revisions(*versions: int) -> set[str]:
    return {f"v{version}-{part}@example.org" for version in versions for part in "01r"}


@pytest.mark.parametrize("asked", ["v1-0@example.org", "v3-r@example.org", "v4-1@example.org"])
async def test_all_revisions_are_found_from_any_mail_of_one(asked: str, archive: Archive, tmp_path: Path) -> None:
    counting = asking(archive, tmp_path)

    fetched = await fetch_conversation(counting, asked)

    assert ids(fetched) == revisions(1, 2, 3, 4)
    assert asked in ids(Fetched(threads=fetched.threads[:1], notes=()))
    assert fetched.notes == ()
    assert len(counting.threads) == len(fetched.threads) == 4
    assert len(counting.queries) == 1


async def test_links_alone_lead_back_where_there_is_no_search(tmp_path: Path) -> None:
    with Archive(tmp_path, search=False).serving() as archive:
        archive.add(*posting(1, "First.\n"), *posting(2, f"v1: {URL}/v1-0@example.org/\n"), *posting(3, "Third.\n"))

        fetched = await fetch_conversation(asking(archive, tmp_path), "v2-0@example.org")

    assert ids(fetched) == revisions(1, 2)
    assert fetched.notes == ("the archive has no search: revisions that no cover letter links to are not found",)


async def test_a_short_title_counts_only_with_its_author(archive: Archive, tmp_path: Path) -> None:
    fetched = await fetch_conversation(asking(archive, tmp_path), "short1@example.org")

    assert ids(fetched) == {"short1@example.org", "short3@example.org"}


async def test_a_renamed_series_is_found_by_its_change_id(archive: Archive, tmp_path: Path) -> None:
    fetched = await fetch_conversation(asking(archive, tmp_path), "old@example.org")

    assert ids(fetched) == {"old@example.org", "new@example.org"}


async def test_a_link_to_a_thread_that_is_not_there_is_noted(archive: Archive, tmp_path: Path) -> None:
    cover = mail("orphan@example.org", "[PATCH v2 0/1] bpf: A work with a lost past", f"v1: {URL}/lost@example.org/\n")
    archive.add(cover)

    fetched = await fetch_conversation(asking(archive, tmp_path), "orphan@example.org")

    assert ids(fetched) == {"orphan@example.org"}
    (note,) = fetched.notes
    assert "another revision is missing" in note
    assert "no mail <lost@example.org>" in note


async def test_the_thread_asked_for_has_to_be_there(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"no mail <gone@example\.org>"):
        await fetch_conversation(asking(archive, tmp_path), "gone@example.org")


async def test_hosts_named_in_mails_are_never_asked(archive: Archive, tmp_path: Path) -> None:
    with Archive(tmp_path).serving() as theirs:
        theirs.add(mail("theirs@example.org", "[PATCH 0/1] bpf: A work of theirs elsewhere"))
        link = f"v1: {theirs.origin}/theirs@example.org/\n"
        archive.add(mail("ours@example.org", "[PATCH v2 0/1] bpf: A work of ours here", link))

        fetched = await fetch_conversation(asking(archive, tmp_path / "cache"), "ours@example.org")

    assert ids(fetched) == {"ours@example.org"}
    assert "no mail <theirs@example.org>" in fetched.notes[0]


# --- what would take a large or a broken archive --------------------------------------------------------------------


class Endless:
    """Each revision links to one before it, for ever; its search is out of order."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.asked = 0
        self._trouble = trouble

    async def thread(self, message_id: str) -> bytes:
        self.asked += 1
        link = f"v1: {URL}/{self.asked}@example.org/\n"
        return b"From mboxrd@z Thu Jan  1 00:00:00 1970\n" + mail(message_id, f"[PATCH 0/1] title {self.asked}", link)

    async def search(self, query: str) -> bytes | None:
        if self._trouble:
            raise self._trouble
        return b""

    async def has(self, message_id: str) -> bool:
        raise AssertionError(f"fetching asks for whole threads, not whether {message_id} is there")


async def test_a_chain_of_links_has_an_end() -> None:
    archive = Endless()

    fetched = await fetch_conversation(archive, "start@example.org")

    assert archive.asked == len(fetched.threads) == fetch.MAX_THREADS
    assert fetched.notes == (
        f"<{fetch.MAX_THREADS}@example.org> was not fetched: 30 threads or 100,000,000 bytes are the limit",
    )


async def test_the_threads_together_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 1000)
    archive = Endless()

    fetched = await fetch_conversation(archive, "start@example.org")

    assert sum(map(len, fetched.threads[:-1])) < 1000 <= sum(map(len, fetched.threads))
    assert archive.asked == len(fetched.threads)


@pytest.mark.parametrize("trouble", [SubmissionError("too many"), InfrastructureError("answered 504")])
async def test_a_search_that_fails_does_not_lose_the_threads(trouble: Exception) -> None:
    fetched = await fetch_conversation(Endless(trouble), "start@example.org")

    assert len(fetched.threads) == fetch.MAX_THREADS
    assert f"later revisions may be missing: {trouble}" in fetched.notes


async def test_a_title_cannot_steer_the_query(archive: Archive, tmp_path: Path) -> None:
    hostile = '[PATCH] a" OR f:everyone" NOT s:*'
    counting = asking(archive, tmp_path)
    archive.add(mail("hostile@example.org", hostile, DIFF))

    await fetch_conversation(counting, "hostile@example.org")

    assert counting.queries == ['s:"a OR f everyone NOT s"']


# --- threads as lore served them, where they are at hand ------------------------------------------------------------

LORE = Path(__file__).parents[4] / "shared" / "lore"


def real(name: str) -> tuple[bytes, ...]:
    return split_mbox(gzip.decompress((LORE / f"{name}.mbox.gz").read_bytes()))


@pytest.fixture(scope="module")
def real_archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with Archive(tmp_path_factory.mktemp("real")).serving() as archive:
        names = ("const-void-v1", "const-void-v2", "const-void-v3", "const-void-v4", "tc-edt-v1")
        archive.add(*(raw for name in names for raw in real(name)))
        yield archive


@pytest.mark.skipif(not LORE.is_dir(), reason="../shared/lore, which is no part of this repository, is absent")
@pytest.mark.parametrize("asked", ["v1", "v4"])
async def test_four_real_revisions_are_found_from_one(
    asked: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    archive: Archive = request.getfixturevalue("real_archive")
    cover = next(
        one.message_id
        for one in map(parse_message, real(f"const-void-{asked}"))
        if parse_subject(one.subject).position == 0 and not parse_subject(one.subject).is_reply
    )

    fetched = await fetch_conversation(asking(archive, tmp_path), cover)

    conversation = parse_threads(parse_message(raw) for mbox in fetched.threads for raw in split_mbox(mbox))
    (series,) = conversation.series
    assert [revision.label for revision in series.revisions] == ["v1", "v2", "v3", "v4"]
    assert fetched.notes == ()
