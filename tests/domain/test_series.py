"""Unfriendly threads, each with what a person would say about it."""

import gzip
from pathlib import Path

import pytest

from app.domain.message import parse_message, split_mbox
from app.domain.series import Conversation, OtherKind, parse_threads
from tests.domain.threads import ANN, BEN, REX, Thread, change, message_ids, shape

REAL = Path(__file__).parents[2].parent / "shared" / "lore"


def shapes(conversation: Conversation) -> list[list[tuple[str, list[int | str]]]]:
    return [[shape(revision) for revision in series.revisions] for series in conversation.series]


def test_a_friendly_thread() -> None:
    thread = Thread()
    cover, first, *_ = thread.series("PATCH bpf-next v2", 3)
    question = thread.post("Re: [PATCH bpf-next v2 1/3] core: Step 1", to=first, author=REX)
    thread.post("Re: [PATCH bpf-next v2 1/3] core: Step 1", to=question)
    thread.post("Re: [PATCH bpf-next v2 0/3] bpf: Make it so", to=cover, author=REX)
    (revision,) = thread.revisions()
    assert shape(revision) == ("v2", [1, 2, 3])
    assert (revision.title, revision.tags, revision.total, revision.missing) == (
        "bpf: Make it so",
        ("bpf-next",),
        3,
        (),
    )
    assert [comment.patch_position for comment in revision.comments] == [1, 1, None]


def test_without_a_cover_deeply_threaded() -> None:
    thread = Thread()
    first = thread.post("[PATCH 1/3] a: One", diff=change("a"))
    second = thread.post("[PATCH 2/3] a: Two", to=first, diff=change("b"))
    thread.post("[PATCH 3/3] a: Three", to=second, diff=change("c"))
    (revision,) = thread.revisions()
    assert (shape(revision), revision.cover, revision.title) == (("v1", [1, 2, 3]), None, "a: One")


def test_unthreaded_and_out_of_order() -> None:
    thread = Thread()
    thread.post("[PATCH 3/3] a: Three", diff=change("c"))
    thread.post("[PATCH 1/3] a: One", diff=change("a"))
    thread.post("[PATCH 0/3] a: All")
    thread.post("[PATCH 2/3] a: Two", diff=change("b"))
    assert shapes(thread.read()) == [[("v1", [1, 2, 3])]]


def test_the_cover_was_forgotten_and_sent_as_an_answer_to_the_first_patch() -> None:
    thread = Thread()
    first = thread.post("[PATCH 1/2] a: One", diff=change("a"))
    thread.post("[PATCH 2/2] a: Two", to=first, diff=change("b"))
    cover = thread.post("[PATCH 0/2] a: All", to=first)
    (revision,) = thread.revisions()
    assert revision.cover is not None
    assert (revision.cover.message_id, shape(revision)) == (cover, ("v1", [1, 2]))


def test_two_series_without_threading_interleaved_by_one_author_are_told_apart_by_message_ids() -> None:
    thread = Thread()
    for position in (1, 2, 3):
        for run, name in (("20260302090000.11", "left"), ("20260302090001.22", "right")):
            thread.post(
                f"[PATCH {position}/3] bpf: {name.title()} {position}",
                message_id=f"{run}-{position}-ann@example.org",
                diff=change(f"{name}{position}"),
            )
    assert shapes(thread.read()) == [[("v1", [1, 2, 3])], [("v1", [1, 2, 3])]]
    for series in thread.read().series:
        assert len({patch.title.split()[1] for patch in series.revisions[0].patches}) == 1


def test_two_series_without_threading_interleaved_by_one_author_are_told_apart_by_content() -> None:
    thread = Thread()
    for position in (1, 2):
        thread.post(f"[PATCH {position}/2] libbpf: Left {position}", diff=change("left"))
        thread.post(f"[PATCH {position}/2] bpftool: Right {position}", diff=change("right"))
    found = [[patch.title.split(":")[0] for patch in series.revisions[0].patches] for series in thread.read().series]
    assert sorted(found) == [["bpftool", "bpftool"], ["libbpf", "libbpf"]]


def test_two_authors_with_the_same_cover_subject() -> None:
    thread = Thread()
    thread.series("PATCH", 2, name="left", author=ANN)
    thread.series("PATCH", 2, name="right", author=BEN)
    assert shapes(thread.read()) == [[("v1", [1, 2])], [("v1", [1, 2])]]


def test_missing_patches_are_named() -> None:
    thread = Thread()
    cover = thread.post("[PATCH v3 0/4] a: All")
    thread.post("[PATCH v3 2/4] a: Two", to=cover, diff=change("b"))
    (revision,) = thread.revisions()
    assert (shape(revision), revision.missing) == (("v3", [2]), (1, 3, 4))


def test_an_extra_patch_beyond_the_total() -> None:
    thread = Thread()
    cover, *_ = thread.series("PATCH", 2)
    thread.post("[PATCH 3/2] core: One more", to=cover, diff=change("more"))
    (revision,) = thread.revisions()
    assert (shape(revision), revision.total, revision.missing) == (("v1", [1, 2, 3]), 2, ())


def test_the_version_stands_only_on_the_cover() -> None:
    thread = Thread()
    cover = thread.post("[PATCH v4 0/2] a: All")
    thread.post("[PATCH 1/2] a: One", to=cover, diff=change("a"))
    thread.post("[PATCH 2/2] a: Two", to=cover, diff=change("b"))
    assert shapes(thread.read()) == [[("v4", [1, 2])]]


def test_the_version_stands_only_on_the_patches() -> None:
    thread = Thread()
    cover = thread.post("[PATCH 0/2] a: All")
    thread.post("[PATCH v4 1/2] a: One", to=cover, diff=change("a"))
    thread.post("[PATCH v4 2/2] a: Two", to=cover, diff=change("b"))
    (revision,) = thread.revisions()
    assert (shape(revision), revision.version) == (("v4", [1, 2]), 4)
    assert revision.cover is not None


def test_the_version_was_forgotten_on_one_patch_of_one_run() -> None:
    thread = Thread()
    for position, version in ((1, " v2"), (2, ""), (3, " v2")):
        thread.post(
            f"[PATCH{version} {position}/3] bpf: Step {position}",
            message_id=f"20260302090000.11-{position}-ann@example.org",
            diff=change(f"s{position}"),
        )
    assert shapes(thread.read()) == [[("v2", [1, 2, 3])]]


def test_the_cover_says_v2_and_its_patches_v3() -> None:
    thread = Thread()
    cover = thread.post("[PATCH v2 0/2] a: All")
    for position in (1, 2):
        thread.post(f"[PATCH v3 {position}/2] a: Step", to=cover, diff=change(f"s{position}"))
    assert shapes(thread.read()) == [[("v3", [1, 2])]]


def test_two_authors_of_one_series_each_send_their_own_patch() -> None:
    thread = Thread()
    first = thread.post("[PATCH 1/2] a: One", diff=change("a"))
    thread.post("[PATCH 2/2] a: Two", to=first, author=BEN, diff=change("b"))
    assert shapes(thread.read()) == [[("v1", [1, 2])]]


def test_one_patch_of_v4_sent_again_without_saying_v4() -> None:
    thread = Thread()
    keys = thread.series("PATCH v4", 3)
    thread.post("[PATCH 2/3] core: Step 2", to=keys[2], diff=change("core2", salt="_x"))
    v4, again = thread.revisions()
    assert (shape(v4), shape(again)) == (("v4", [1, 2, 3]), ("v4 resend", ["1<v4", 2, "3<v4"]))


def test_rfc_stands_only_on_the_cover() -> None:
    thread = Thread()
    cover = thread.post("[RFC PATCH 0/1] a: All")
    thread.post("[PATCH 1/1] a: One", to=cover, diff=change("a"))
    assert shapes(thread.read()) == [[("rfc", [1])]]


@pytest.mark.parametrize("subject", ["[PATCH v2] bpf: All of it", "[RFC] bpf: All of it", "bpf: All of it"])
def test_a_cover_without_a_number(subject: str) -> None:
    thread = Thread()
    cover = thread.post(subject)
    version = "PATCH v2" if "v2" in subject else "PATCH"
    thread.post(f"[{version} 1/2] bpf: One", to=cover, diff=change("a"))
    thread.post(f"[{version} 2/2] bpf: Two", to=cover, diff=change("b"))
    (revision,) = thread.revisions()
    assert revision.cover is not None
    assert (revision.cover.message_id, [patch.position for patch in revision.patches]) == (cover, [1, 2])


def test_a_late_second_patch_of_v2_in_answer_to_an_incomplete_v1() -> None:
    thread = Thread()
    first = thread.post("[PATCH 1/2] a: One", diff=change("a"))
    thread.post("[PATCH v2 2/2] a: Two", to=first, diff=change("b"))
    v1, v2 = thread.revisions()
    assert (shape(v1), v1.missing) == (("v1", [1]), (2,))
    assert (shape(v2), v2.missing) == (("v2", ["1<v1", 2]), ())
    assert v2.link is not None
    assert v2.link.to == "v1"


def test_one_replaced_patch_inherits_the_others() -> None:
    thread = Thread()
    keys = thread.series("PATCH bpf-next", 3)
    thread.post("[PATCH bpf-next v2 2/3] core: Step 2", to=keys[2], diff=change("core2", salt="_better"))
    v1, v2 = thread.revisions()
    assert shape(v1) == ("v1", [1, 2, 3])
    assert shape(v2) == ("v2", ["1<v1", 2, "3<v1"])
    assert "_better" in v2.patches[1].diff


def test_two_replaced_patches_then_one_again() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 3)
    for position in (1, 3):
        thread.post(
            f"[PATCH v2 {position}/3] core: Step {position}",
            to=keys[position],
            diff=change(f"core{position}", salt="_x"),
        )
    thread.post("[PATCH v3 3/3] core: Step 3", to=keys[3], diff=change("core3", salt="_y"))
    assert shapes(thread.read()) == [
        [("v1", [1, 2, 3]), ("v2", [1, "2<v1", 3]), ("v3", ["1<v2", "2<v1", 3])],
    ]


def test_a_revision_of_a_revision() -> None:
    thread = Thread()
    keys = thread.series("PATCH v5", 3)
    thread.post("[PATCH v5.1 2/3] core: Step 2", to=keys[2], diff=change("core2", salt="_x"))
    assert shapes(thread.read()) == [[("v5", [1, 2, 3]), ("v5.1", ["1<v5", 2, "3<v5"])]]


def test_a_second_revision_as_an_answer_to_the_first_ones_patch() -> None:
    thread = Thread()
    first = thread.series("PATCH", 2)
    thread.series("PATCH v2", 2, to=first[1], salt="_x")
    assert shapes(thread.read()) == [[("v1", [1, 2]), ("v2", [1, 2])]]


def test_a_second_revision_as_an_answer_to_a_comment_without_a_cover() -> None:
    thread = Thread()
    first = thread.series("PATCH", 2, cover=False)
    remark = thread.post("Re: [PATCH 1/2] core: Step 1", to=first[0], author=REX)
    thread.series("PATCH v2", 2, cover=False, to=remark, salt="_x")
    assert shapes(thread.read()) == [[("v1", [1, 2]), ("v2", [1, 2])]]


def test_another_series_as_an_answer_to_the_first() -> None:
    thread = Thread()
    first = thread.series("PATCH", 2)
    thread.series("PATCH", 3, to=first[0], name="other", title="net: Something else")
    assert shapes(thread.read()) == [[("v1", [1, 2])], [("v1", [1, 2, 3])]]


def test_a_newer_revision_of_another_work_sent_into_the_thread_of_what_it_needs() -> None:
    thread = Thread()
    thread.series("PATCH", 2, name="other", title="net: Something else")
    first = thread.series("PATCH", 2)
    thread.series("PATCH v2", 2, name="other", title="net: Something else", to=first[0], salt="_x")
    assert sorted(shapes(thread.read())) == [[("v1", [1, 2])], [("v1", [1, 2]), ("v2", [1, 2])]]


def test_the_third_revision_of_something_else_in_answer_to_a_second_is_not_its_third() -> None:
    thread = Thread()
    first = thread.series("PATCH v2", 2)
    thread.series("PATCH v3", 4, name="other", title="net: Something else", to=first[0])
    assert shapes(thread.read()) == [[("v2", [1, 2])], [("v3", [1, 2, 3, 4])]]


def test_two_series_interleaved_in_one_thread_go_by_what_they_answer() -> None:
    thread = Thread()
    root = thread.post("What to do about it")
    left, right = (thread.post("Re: What to do about it", to=root, author=REX) for _ in range(2))
    for position in (1, 2):
        for name, parent in (("left", left), ("right", right)):
            thread.post(f"[PATCH {position}/2] bpf: The {name}", to=parent, diff=change(f"x{name}{position}"))
    found = [{patch.title for patch in series.revisions[0].patches} for series in thread.read().series]
    assert found == [{"bpf: The left"}, {"bpf: The right"}]


def test_two_trees_without_threading() -> None:
    thread = Thread()
    for position in (1, 2):
        for tree in ("net", "net-next"):
            thread.post(f"[PATCH {tree} {position}/2] bpf: Step {position}", diff=change(f"{tree}{position}"))
    found = [(series.revisions[0].tags, len(series.revisions[0].patches)) for series in thread.read().series]
    assert found == [(("net",), 2), (("net-next",), 2)]


def test_v6_1_is_a_kernel_unless_it_answers_v6() -> None:
    thread = Thread()
    keys = thread.series("PATCH v6", 2)
    thread.post("[PATCH v6.1 2/2] core: Step 2", to=keys[2], diff=change("core2", salt="_x"))
    thread.series("PATCH v6.1", 3, name="stable", title="stable: Backport")
    assert shapes(thread.read()) == [[("v6", [1, 2]), ("v6.1", ["1<v6", 2])], [("v1", [1, 2, 3])]]


def test_a_second_revision_in_answer_to_the_first_that_forgot_to_say_so() -> None:
    thread = Thread()
    first = thread.post("[PATCH 1/2] a: One", diff=change("a"))
    thread.post("[PATCH 2/2] a: Two", to=first, diff=change("b"))
    again = thread.post("[PATCH 1/2] a: One", to=first, diff=change("a", salt="_x"))
    thread.post("[PATCH 2/2] a: Two", to=again, diff=change("b"))
    v1, second = thread.revisions()
    assert (shape(v1), shape(second), second.resend) == (("v1", [1, 2]), ("v1 resend", [1, 2]), True)


def test_a_lone_patch_of_a_newer_revision_without_threading() -> None:
    thread = Thread()
    thread.series("PATCH", 3)
    thread.post("[PATCH v2 3/3] core: Step 3", diff=change("core3", salt="_x"))
    assert shapes(thread.read()) == [[("v1", [1, 2, 3]), ("v2", ["1<v1", "2<v1", 3])]]


def test_four_patches_in_answer_to_two_without_covers() -> None:
    thread = Thread()
    first = thread.series("PATCH", 2, cover=False)
    thread.series("PATCH", 4, cover=False, to=first[0], name="other")
    assert shapes(thread.read()) == [[("v1", [1, 2])], [("v1", [1, 2, 3, 4])]]


def test_a_fix_by_a_reviewer_in_answer_to_a_patch_is_a_series_of_its_own() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post("[PATCH] other: Fix what you broke", to=keys[1], author=REX, diff=change("fix"))
    assert shapes(thread.read()) == [[("v1", [1, 2])], [("v1", [1])]]


@pytest.mark.parametrize("prefix", ["RESEND PATCH v3", "PATCH v3 RESEND", "PATCH v3"])
def test_the_same_revision_twice(prefix: str) -> None:
    thread = Thread()
    first = thread.series("PATCH v3", 2)
    thread.series(prefix, 2, to=first[0])
    v3, again = thread.revisions()
    assert (shape(v3), v3.resend) == (("v3", [1, 2]), False)
    assert (shape(again), again.resend, again.version) == (("v3 resend", [1, 2]), True, 3)


def test_the_same_revision_thrice_once_with_only_the_cover() -> None:
    thread = Thread()
    thread.post("[PATCH v5 0/2] bpf: Make it so")
    thread.series("PATCH v5", 2)
    thread.series("PATCH v5 v5", 2)
    assert [shape(each) for each in thread.revisions()] == [("v5 cover", []), ("v5", [1, 2]), ("v5 resend", [1, 2])]


def test_rfc_then_v1() -> None:
    thread = Thread()
    thread.series("RFC PATCH", 2)
    thread.series("RFC PATCH v2", 2, salt="_x")
    thread.series("PATCH", 2, salt="_y")
    thread.series("PATCH v2", 2, salt="_z")
    assert [each.label for each in thread.revisions()] == ["rfc", "rfc v2", "v1", "v2"]


def test_revisions_are_in_order_whatever_their_dates() -> None:
    thread = Thread()
    for version in ("PATCH v3", "PATCH", "PATCH v2"):
        thread.series(version, 2, salt=version[-1])
    assert [each.label for each in thread.revisions()] == ["v1", "v2", "v3"]


@pytest.mark.parametrize(
    ("reason", "text", "title", "author"),
    [
        ("change-id", "change-id: 20260101-thing-0123456789ab\n", "net: Renamed", BEN),
        ("link in the cover letter", "v1: https://lore.kernel.org/bpf/m0@example.org/\n", "net: Renamed", BEN),
        ("same author and like title", "", "bpf: Make it so, with care", ANN),
        ("similar patches", "", "net: Renamed entirely", "Ann Author <ann@elsewhere.example>"),
    ],
)
def test_why_a_revision_is_linked(reason: str, text: str, title: str, author: str) -> None:
    thread = Thread()
    cover = thread.post("[PATCH 0/1] bpf: Make it so", body=text if "change-id" in text else "All.\n")
    thread.post("[PATCH 1/1] core: Step", to=cover, diff=change("core", lines=8))
    cover = thread.post(f"[PATCH v2 0/1] {title}", body=text or "All.\n", author=author)
    thread.post("[PATCH v2 1/1] core: Stride", to=cover, diff=change("core", lines=9), author=author)
    v1, v2 = thread.revisions()
    assert (v1.link, v2.link and (v2.link.to, v2.link.reason)) == (None, ("v1", reason))


def test_the_link_may_be_to_a_mail_inside_the_older_thread() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    remark = thread.post("Re: [PATCH 1/2] core: Step 1", to=keys[1], author=REX)
    thread.post(
        "[PATCH v2] net: Renamed",
        diff=change("z"),
        author=BEN,
        body=f"Text.\n---\nChanges in v2:\n- Link to v1: https://lore.kernel.org/r/{remark}\n",
    )
    assert shapes(thread.read()) == [[("v1", [1, 2]), ("v2", [1])]]


def test_a_change_id_that_is_only_a_prerequisite_links_nothing() -> None:
    thread = Thread()
    thread.post("[PATCH] bpf: One", diff=change("a"), body="Text.\nchange-id: 20260101-one-0123456789ab\n")
    thread.post(
        "[PATCH] net: Two",
        diff=change("b"),
        author=BEN,
        body="Text.\nprerequisite-change-id: 20260101-one-0123456789ab:v1\n",
    )
    conversation = thread.read()
    assert len(conversation.series) == 2
    (need,) = conversation.series[1].revisions[0].prerequisites
    assert (str(need.kind), need.value) == ("change-id", "20260101-one-0123456789ab:v1")


def test_one_title_by_one_author_with_other_content_is_other_work() -> None:
    thread = Thread()
    thread.post("[PATCH] MAINTAINERS: Update my entry", diff=change("a"))
    thread.post("[PATCH] MAINTAINERS: Update my entry", diff=change("b"))
    assert len(thread.read().series) == 2


def test_pull_requests_discussions_and_foreign_patches_are_no_patches() -> None:
    thread = Thread()
    pull = thread.post("[GIT PULL] bpf fixes", diff=change("a"))
    thread.post("Re: [GIT PULL] bpf fixes", to=pull, author=REX)
    thread.post("Topics for the conference")
    thread.post("[PATCH iproute2-next 1/1] ip: Show it", diff=change("b"))
    thread.post("[PATCH 1/2] bpf: The diff got lost")
    conversation = thread.read()
    assert not conversation.series
    assert [other.kind for other in conversation.other] == [
        OtherKind.PULL_REQUEST,
        OtherKind.DISCUSSION,
        OtherKind.DISCUSSION,
        OtherKind.DISCUSSION,
        OtherKind.UNREADABLE,
    ]
    assert "iproute2-next" in conversation.other[3].reason
    assert "no diff" in conversation.other[4].reason


def test_a_diff_in_a_reply_is_a_comment() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 1)
    thread.post("Re: [PATCH 1/1] core: Step 1", to=keys[1], author=REX, diff=change("suggestion"))
    thread.post("How about this", to=keys[1], author=REX, diff=change("suggestion"))
    (revision,) = thread.revisions()
    assert [comment.patch_position for comment in revision.comments] == [1, 1]


def test_a_reply_whose_parent_is_not_at_hand_is_found_by_its_subject() -> None:
    thread = Thread()
    thread.series("PATCH v2", 2)
    thread.post("Re: [PATCH v2 2/2] core: Step 2", to="gone@example.org", author=REX)
    (revision,) = thread.revisions()
    assert [comment.patch_position for comment in revision.comments] == [2]


def test_replies_in_a_circle_and_to_themselves() -> None:
    thread = Thread()
    thread.post("Re: one", message_id="a@x", to="b@x")
    thread.post("Re: two", message_id="b@x", to="a@x")
    thread.post("Re: three", message_id="c@x", to="c@x")
    assert len(thread.read().other) == 3


def test_one_mail_through_two_lists_counts_once() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post("[PATCH 1/2] core: Step 1", message_id=keys[1], to=keys[0], headers=("List-Id: <netdev.example.org>",))
    conversation = parse_threads(thread.messages)
    assert len(conversation.messages) == 3
    assert shapes(conversation) == [[("v1", [1, 2])]]


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


@pytest.mark.skipif(not REAL.is_dir(), reason="the real threads are not beside the checkout")
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
        mails = [
            mail
            for path in sorted(REAL.glob(f"{pattern}.mbox.gz"))
            for mail in split_mbox(gzip.decompress(path.read_bytes()))
        ]
        conversation = parse_threads([parse_message(mail) for mail in mails])
        assert shapes(conversation) == series, pattern
        assert len(message_ids(conversation)) == len(set(message_ids(conversation))) == len(conversation.messages)
