"""What became of what reviewers asked for."""

import gzip
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.discussion import place_comments
from app.domain.evolution import match_patches
from app.domain.message import parse_message, split_mbox
from app.domain.remark import Remark, Standing, follow_remarks
from app.domain.series import Series, parse_threads
from tests.domain.threads import REX, Thread, change

LORE = Path(__file__).resolve().parents[3] / "shared" / "lore"


def followed(thread: Thread) -> tuple[Remark, ...]:
    return follow_remarks(thread.revisions(), match_patches)


def fate(remark: Remark) -> tuple[str, Standing, str | None, list[tuple[str, int | None, int | None]]]:
    said = remark.anchor.text if remark.anchor else remark.comment.message.body.strip()
    places = [(place.label, place.patch_position, place.line) for place in remark.places]
    return said, remark.standing, remark.settled_in, places


def test_a_remark_follows_its_line_or_is_taken_as_addressed() -> None:
    thread = Thread()
    first = thread.post("[PATCH] bpf: One", diff=change("a", lines=12) + change("b"))
    body = "> +\tcall_a_1(state);\nRename it.\n> +\tcall_a_10(state);\nWhy?\n> +\tcall_b_2(state);\nAnd this?\n"
    thread.post("Re: [PATCH] bpf: One", to=first, author=REX, body=body)
    newer = change("new") + change("a", lines=12).replace("call_a_1(", "renamed(").replace("-10,3 +10", "-20,3 +20")
    thread.post("[PATCH v2] bpf: One", diff=newer + change("b"))
    thread.post("[PATCH v3] bpf: One", diff=newer + change("b", salt="_x"))
    assert [fate(one) for one in followed(thread)] == [
        ("Rename it.", Standing.CHANGED, "v2", [("v1", 1, 13)]),
        ("Why?", Standing.OPEN, None, [("v1", 1, 22), ("v2", 1, 32), ("v3", 1, 32)]),
        ("And this?", Standing.CHANGED, "v3", [("v1", 1, 14), ("v2", 1, 14)]),
    ]


def test_a_remark_on_a_dropped_patch() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post("Re: [PATCH 2/2]", to=keys[2], author=REX, body="> +\tcall_core2_1(state);\nDrop it.\n")
    thread.series("PATCH v2", 1)
    assert [fate(one)[1:3] for one in followed(thread)] == [(Standing.GONE, "v2")]


def test_what_is_missing_from_a_revision_is_not_dropped() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 3)
    thread.post("Re: [PATCH 3/3]", to=keys[3], author=REX, body="> +\tcall_core3_1(state);\nDrop it.\n")
    cover = thread.post("[PATCH v2 0/3] bpf: Make it so")
    for position in (1, 2):
        patch = change(f"core{position}")
        thread.post(f"[PATCH v2 {position}/3] core: Step {position}", to=cover, diff=patch)
    assert [fate(one)[1] for one in followed(thread)] == [Standing.OPEN]


def test_a_remark_on_the_commit_message_lasts_as_long_as_its_line() -> None:
    thread = Thread()
    first = thread.post("[PATCH] bpf: One", diff=change("a"), body="This is needed.\nIt is fast.\n")
    body = "> This is needed.\nSays who?\n> It is fast.\nHow fast?\n"
    thread.post("Re: [PATCH] bpf: One", to=first, author=REX, body=body)
    thread.post("[PATCH v2] bpf: One", diff=change("a"), body="Needed by many.\n\nIt is fast.\n")
    assert [fate(one) for one in followed(thread)] == [
        ("Says who?", Standing.CHANGED, "v2", [("v1", 1, 1)]),
        ("How fast?", Standing.OPEN, None, [("v1", 1, 2), ("v2", 1, 3)]),
    ]


def test_a_remark_on_a_whole_patch_or_cover_stays_open() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 1)
    thread.post("Re: [PATCH 0/1]", to=keys[0], author=REX, body="Why at all?\n")
    thread.post("Re: [PATCH 1/1]", to=keys[1], author=REX, body="Is there a test?\n")
    thread.series("PATCH v2", 1, salt="_x")
    assert [fate(one)[1:] for one in followed(thread)] == [
        (Standing.OPEN, None, [("v1", None, None), ("v2", None, None)]),
        (Standing.OPEN, None, [("v1", 1, None), ("v2", 1, None)]),
    ]


def test_to_be_sent_again_is_all_that_was_asked() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 1)
    thread.post("Re: [PATCH 0/1]", to=keys[0], author=REX, body="Please rebase and resend.\n")
    thread.post("Re: [PATCH 1/1]", to=keys[1], author=REX, body="Add a test. And keep acks when you respin.\n")
    thread.series("PATCH v2", 1)
    assert [fate(one)[1] for one in followed(thread)] == [Standing.AGAIN, Standing.OPEN]


def test_a_cover_without_patches_settles_nothing() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 1)
    thread.post("Re: [PATCH 1/1]", to=keys[1], author=REX, body="> +\tcall_core1_1(state);\nWhy?\n")
    thread.post("[PATCH v2 0/1] bpf: Make it so")
    thread.series("PATCH v3", 1)
    assert [fate(one)[1:] for one in followed(thread)] == [(Standing.OPEN, None, [("v1", 1, 13), ("v3", 1, 13)])]


def test_time_is_bounded() -> None:
    thread = Thread()
    equal = "diff --git a/x.c b/x.c\n--- a/x.c\n+++ b/x.c\n@@ -1,0 +1,20000 @@\n" + "+\tsame(state);\n" * 20_000
    first = thread.post("[PATCH] bpf: One", diff=equal)
    body = "> +\tsame(state);\nWhy?\n" * 300
    for _ in range(5):
        thread.post("Re: [PATCH] bpf: One", to=first, author=REX, body=body)
    thread.post("[PATCH v2] bpf: One", diff=equal)
    revisions = thread.revisions()
    started = time.process_time()
    assert len(follow_remarks(revisions, match_patches)) == 1000
    assert time.process_time() - started < 5


WORDS = st.sampled_from(
    [
        "> +\tcall_a_1(state);",
        ">  \tint err;",
        "> Why.",
        "> > Why.",
        "> -- ",
        "[...]",
        "Is it?",
        "lgtm",
        "thanks,",
        "rex",
        "",
    ]
)
BODY = st.lists(WORDS, max_size=12).map("\n".join)


@given(st.lists(st.tuples(BODY, st.integers(0, 5), st.booleans()), max_size=6), st.sampled_from(["", "_x"]))
def test_every_point_is_at_a_line_of_its_patch_and_every_remark_ends_once(
    replies: list[tuple[str, int, bool]], salt: str
) -> None:
    thread = Thread()
    keys = [thread.post("[PATCH] bpf: One", diff=change("a"), body="Why.\n")]
    for body, to, own in replies:
        author = {"author": REX} if own else {}
        keys.append(thread.post("Re: [PATCH] bpf: One", to=keys[to % len(keys)], body=f"{body}\n", **author))
    thread.post("[PATCH v2] bpf: One", diff=change("a", salt=salt), body="Why.\n")
    first, second = thread.revisions()
    lines = {("", number) for number in range(1, 10)} | {("kernel/bpf/a.c", number) for number in range(10, 20)}
    points = place_comments(first.comments)
    assert {(point.path, point.line) for found in points.values() for point in found} <= lines
    for remark in follow_remarks((first, second), match_patches):
        assert (remark.settled_in == "v2") is (remark.standing is not Standing.OPEN)
        assert len(remark.places) == (2 if remark.standing is Standing.OPEN else 1)
        assert remark.comment.author.name == "Rex Reviewer"


def read(pattern: str) -> Series:
    raws = [raw for file in sorted(LORE.glob(pattern)) for raw in split_mbox(gzip.decompress(file.read_bytes()))]
    (series,) = parse_threads(map(parse_message, raws)).series
    return series


needs_lore = pytest.mark.skipif(not LORE.is_dir(), reason="the threads of ../shared/lore are not there")


@needs_lore
def test_a_real_series_as_a_person_reads_it() -> None:
    remarks = follow_remarks(read("const-void-v*").revisions, match_patches)
    found = [(one.comment.author.name, one.places[0].label, one.standing, one.settled_in) for one in remarks]
    assert found == [
        ("Jiri Olsa", "v1", Standing.CHANGED, "v2"),
        ("Jiri Olsa", "v1", Standing.CHANGED, "v2"),
        ("Jiri Olsa", "v1", Standing.CHANGED, "v2"),
        ("Jiri Olsa", "v2", Standing.CHANGED, "v3"),
        ("Alexei Starovoitov", "v3", Standing.CHANGED, "v4"),  # the sign-off, in the commit message
        ("Andrii Nakryiko", "v4", Standing.OPEN, None),
    ]


@needs_lore
def test_a_long_real_review() -> None:
    remarks = follow_remarks(read("percpu-flags-v*").revisions, match_patches)
    people = [one for one in remarks if not one.comment.is_bot]
    assert {one.comment.author.name for one in people} == {"Alexei Starovoitov"}
    fates = [(one.places[0].label, one.places[0].patch_position, one.standing, one.settled_in) for one in people]
    assert fates == [
        ("v10", 8, Standing.OPEN, None),  # a test that fails at times: no line near it was changed
        ("v11", 4, Standing.CHANGED, "v12"),
        ("v11", 4, Standing.CHANGED, "v12"),
        ("v11", 2, Standing.CHANGED, "v12"),
        ("v11", 2, Standing.CHANGED, "v12"),
        ("v12", None, Standing.AGAIN, "v13"),
    ]
