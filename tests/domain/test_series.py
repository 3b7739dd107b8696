"""What a revision holds beyond its shape; unfriendly threads, as files, are in test_unfriendly."""

import gzip
import re
from pathlib import Path

import pytest

from app.domain.message import Message, parse_message, split_mbox
from app.domain.series import parse_threads
from tests.domain.threads import REX, Thread, change, message_ids, shape

REAL = Path(__file__).parents[2].parent / "shared" / "lore"
BESIDE = pytest.mark.skipif(not REAL.is_dir(), reason="the real threads are not beside the checkout")


def real(pattern: str, *, strike: bool = False) -> list[Message]:
    """Return the mails of real threads; `strike` takes every URL and change-id out of them."""
    found = []
    for path in sorted(REAL.glob(f"{pattern}.mbox.gz")):
        data = gzip.decompress(path.read_bytes())
        found += split_mbox(re.sub(rb"https?://\S+|(?mi:^change-id:.*$)", b"", data) if strike else data)
    return [parse_message(mail) for mail in found]


def test_a_revision_is_what_its_cover_and_patches_say() -> None:
    thread = Thread()
    cover, first, *_ = thread.series("PATCH bpf-next v2", 3)
    question = thread.post("Re: [PATCH bpf-next v2 1/3] core: Step 1", to=first, author=REX)
    answer = thread.post("Re: [PATCH bpf-next v2 1/3] core: Step 1", to=question)
    (revision,) = thread.revisions()
    assert revision.cover is not None
    assert (revision.cover.message_id, revision.title, revision.version) == (cover, "bpf: Make it so", 2)
    assert revision.date == revision.cover.date
    assert [patch.files for patch in revision.patches] == [(f"kernel/bpf/core{n}.c",) for n in (1, 2, 3)]
    assert [(comment.message.message_id, comment.answers) for comment in revision.comments] == [
        (question, first),
        (answer, question),
    ]


def test_one_replaced_patch_inherits_the_others() -> None:
    thread = Thread()
    keys = thread.series("PATCH bpf-next", 3)
    thread.post("[PATCH bpf-next v2 2/3] core: Step 2", to=keys[2], diff=change("core2", salt="_better"))
    v1, v2 = thread.revisions()
    assert shape(v1) == ("v1", [1, 2, 3])
    assert shape(v2) == ("v2", ["1<v1", 2, "3<v1"])
    assert "_better" in v2.patches[1].diff


def test_a_b4_relay_does_not_hide_the_author() -> None:
    thread = Thread()
    relay = "Ann Author via B4 Relay <devnull+ann.example.org@kernel.org>"
    thread.post("[PATCH] bpf: One", diff=change("a"), author=relay, headers=("Reply-To: ann@example.org",))
    thread.post("[PATCH v2] bpf: One", diff=change("a", salt="_x"))
    v1, v2 = thread.revisions()
    assert (v1.author.email, v1.author.name, v2.author.email) == ("ann@example.org", "Ann Author", "ann@example.org")


def test_base_change_id_and_prerequisites_are_read() -> None:
    thread = Thread()
    thread.post(
        "[PATCH 0/1] bpf: All",
        body="Text.\n---\nbase-commit: 1234567890abcdef1234567890abcdef12345678\nchange-id: 20260101-x-0123456789ab\n"
        "prerequisite-message-id: <need@example.org>\nprerequisite-patch-id: abcdef\n"
        "Depends-on: https://lore.kernel.org/bpf/other%2Fneed@example.org/T/#u\nSupersedes: <old@example.org>\n",
    )
    (revision,) = thread.revisions()
    assert revision.base_commit == "1234567890abcdef1234567890abcdef12345678"
    assert revision.change_id == "20260101-x-0123456789ab"
    assert revision.supersedes == ("old@example.org",)
    assert [(str(need.kind), need.value) for need in revision.prerequisites] == [
        ("message-id", "need@example.org"),
        ("patch-id", "abcdef"),
        ("message-id", "other/need@example.org"),
    ]


@BESIDE
def test_the_real_threads_are_read_as_they_were_by_eye() -> None:
    expected = {
        "cgroup-migrate-v*": [[("v1", [1, 2, 3, 4]), ("v2", [1, 2, 3, 4]), ("v3", [1, 2, 3, 4])]],
        "const-void-v*": [[("v1", [1, 2]), ("v2", [1, 2]), ("v3", [1, 2]), ("v4", [1, 2])]],
        "patch-11-of-10": [[("rfc", list(range(1, 12)))]],
        "rxcksum-rfc-v*": [[("rfc", [1, 2, 3, 4, 5, 6]), ("rfc v2", [1, 2, 3, 4, 5])]],
        "tc-edt-v*": [[("v1", [1, 2, 3, 4]), ("v2", [1, 2, 3, 4])]],
        "v2-in-reply-to-v1": [[("v1", [1]), ("v2", [1])]],
        "git-pull": [],
        "minmax-stable-6.1": [[("v1", list(range(1, 20)))]],
        "fprobe-v5-posted-thrice": [[("v4", [1, 2, 3]), ("v5 cover", []), ("v5", [1, 2, 3])]],
    }
    for pattern, series in expected.items():
        conversation = parse_threads(real(pattern))
        found = [[shape(revision) for revision in each.revisions] for each in conversation.series]
        assert found == series, pattern
        assert sorted(message_ids(conversation)) == sorted(each.message_id for each in conversation.messages)


@BESIDE
@pytest.mark.parametrize(
    ("pattern", "labels"),
    [
        ("const-void-v*", ["v1", "v2", "v3", "v4"]),
        ("percpu-flags-v*", ["v10", "v11", "v12", "v13"]),
        ("rxcksum-rfc-v*", ["rfc", "rfc v2"]),
        ("tc-edt-v*", ["v1", "v2"]),
        ("cgroup-migrate-v*", ["v1", "v2", "v3"]),
    ],
)
def test_real_revisions_are_linked_with_all_links_and_change_ids_struck(pattern: str, labels: list[str]) -> None:
    (series,) = parse_threads(real(pattern, strike=True)).series
    assert [revision.label for revision in series.revisions] == labels
    assert [revision.link.to for revision in series.revisions[1:] if revision.link] == labels[:-1]
