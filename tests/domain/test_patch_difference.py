"""Two versions of one patch, side by side as git-range-diff has them."""

import time

from app.domain.patch_difference import patch_difference, same_code
from app.domain.series import Patch
from tests.domain.threads import Thread, change


def patch(diff: str, body: str = "Why it is done.\n") -> Patch:
    thread = Thread()
    thread.post("[PATCH] bpf: One", diff=diff, body=body)
    return thread.revisions()[0].patches[0]


def test_what_only_moved_is_no_difference() -> None:
    moved = change("a").replace("@@ -10,3 +10,7", "@@ -99,3 +99,7").replace("0123456789ab", "fedcba987654")
    assert patch_difference(patch(change("a")), patch(moved)) == ""


def test_message_and_code_are_compared() -> None:
    newer = patch(change("a").replace("call_a_2(", "renamed("), body="Why it is done now.\n")
    difference = patch_difference(patch(change("a")), newer).splitlines()
    assert [line for line in difference if line[0] in "+-"] == [
        "-    Why it is done.",
        "+    Why it is done now.",
        "-+\tcall_a_2(state);",
        "++\trenamed(state);",
    ]


def test_what_is_below_the_line_does_not_count() -> None:
    older, newer = (patch(change("a"), body=f"Why.\n---\nv{n}: Changed.\n") for n in (2, 3))
    assert patch_difference(older, newer) == ""


def test_huge_patches_are_compared_by_their_files() -> None:
    started = time.process_time()
    difference = patch_difference(patch(change("a", lines=30_000)), patch(change("a", lines=29_000, salt="_x")))
    assert "-kernel/bpf/a.c 30003" in difference
    assert "+kernel/bpf/a.c 29003" in difference
    assert time.process_time() - started < 5


def test_the_same_number_of_other_lines_is_a_difference_too() -> None:
    older, newer = patch(change("a")), patch(change("a", salt="_x"))
    assert patch_difference(older, newer, briefly=True) == "@@ Lines, as many as before\n"
    assert patch_difference(older, older, briefly=True) == ""


def test_the_author_is_compared_and_whether_the_code_is_the_same() -> None:
    thread = Thread()
    one = "From: Ben Builder <ben@example.net>\n\nWhy.\n"
    for body in ("Why.\n", one):
        thread.post(f"[PATCH{' v2' * (body is one)}] bpf: One", diff=change("a"), body=body)
    older, newer = (revision.patches[0] for revision in thread.revisions())
    assert [line for line in patch_difference(older, newer).splitlines() if line[0] in "+-"] == [
        "-Author: Ann Author <ann@example.org>",
        "+Author: Ben Builder <ben@example.net>",
    ]
    assert same_code(older, newer)
    assert not same_code(older, patch(change("a", salt="_x")))
