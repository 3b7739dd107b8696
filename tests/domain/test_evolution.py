"""What became of patches, remarks and trailers in the next revision."""

import pytest

from app.domain.evolution import Change, dropped_trailers, match_patches, moved_places
from app.domain.series import Revision
from tests.domain.threads import ANN, REX, Thread, change


def both(thread: Thread) -> tuple[Revision, Revision]:
    first, second = thread.revisions()
    return first, second


def test_patches_are_matched_across_renames_and_reorders() -> None:
    thread = Thread()
    cover = thread.post("[PATCH 0/4] bpf: All")
    for position, (title, name) in enumerate([("One", "a"), ("Two", "b"), ("Three", "c"), ("Four", "d")], start=1):
        thread.post(f"[PATCH {position}/4] bpf: {title}", to=cover, diff=change(name, lines=8))
    cover = thread.post("[PATCH v2 0/4] bpf: All")
    thread.post("[PATCH v2 1/4] bpf: Two", to=cover, diff=change("b", lines=8))
    thread.post("[PATCH v2 2/4] bpf: Won", to=cover, diff=change("a", lines=8))
    thread.post("[PATCH v2 3/4] bpf: Three, retold", to=cover, diff=change("c", lines=9))
    thread.post("[PATCH v2 4/4] bpf: Five", to=cover, diff=change("e", lines=8))
    found = [
        (pair.old and pair.old.position, pair.new and pair.new.position, pair.change, pair.retitled, pair.moved)
        for pair in match_patches(*(revision.patches for revision in both(thread)))
    ]
    assert found == [
        (2, 1, Change.SAME, False, True),
        (1, 2, Change.SAME, True, False),
        (3, 3, Change.CHANGED, True, False),
        (None, 4, Change.ADDED, False, False),
        (4, None, Change.DROPPED, False, False),
    ]


def test_an_inherited_patch_is_the_same() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post("[PATCH v2 2/2] core: Step 2", to=keys[2], diff=change("core2", salt="_x"))
    assert [pair.change for pair in match_patches(*(revision.patches for revision in both(thread)))] == [
        Change.SAME,
        Change.CHANGED,
    ]


def test_trailers_that_were_not_carried_over() -> None:
    thread = Thread()
    keys = thread.series("PATCH", 2)
    thread.post("Re: [PATCH 0/2]", to=keys[0], author=REX, body="Acked-by: Rex Reviewer <rex@example.com>\n")
    thread.post("Re: [PATCH 1/2]", to=keys[1], author=REX, body="Tested-by: Rex Reviewer <rex@example.com>\n")
    thread.post(
        "Re: [PATCH 1/2]", to=keys[1], author="kernel test robot <lkp@intel.com>",
        body="Reported-by: kernel test robot <lkp@intel.com>\n",
    )  # fmt: skip
    cover = thread.post("[PATCH v2 0/2] bpf: Make it so")
    thread.post("[PATCH v2 1/2] core: Step 1", to=cover, diff=change("core1", salt="_x"),
                body="Why.\n\nAcked-by: Rex Reviewer <rex@elsewhere.example>\n")  # fmt: skip
    thread.post("[PATCH v2 2/2] core: Step 2", to=cover, diff=change("core2", salt="_x"))
    found = [(each.patch.position, each.trailer.name) for each in dropped_trailers(*both(thread))]
    assert found == [(1, "Tested-by"), (2, "Acked-by")]


@pytest.mark.parametrize(
    ("places", "moved"),
    [
        ([2, 3, 4], set()),
        ([2, 1], {2}),
        ([8, 1, 2, 3], {8}),
        ([2, 3, 1], {1}),
        ([1, 2, 4, 3, 6, 5], {4, 6}),
        ([], set()),
    ],
)
def test_the_fewest_patches_have_moved(places: list[int], moved: set[int]) -> None:
    assert moved_places(places) == moved


def test_a_trailer_that_the_older_patch_carried_and_the_newer_lost() -> None:
    thread = Thread()
    carried = "Why.\n\nReviewed-by: Rex Reviewer <rex@example.com>\nSuggested-by: Ben <b@example.net>\n"
    thread.post("[PATCH v2] bpf: One", diff=change("a"), body=carried)
    thread.post("[PATCH v3] bpf: One", diff=change("a", lines=5), body="Why.\n")
    (found,) = dropped_trailers(*both(thread))
    assert (found.trailer.name, found.comment, found.changed) == ("Reviewed-by", None, True)


def test_objections_and_the_same_patch_resent() -> None:
    thread = Thread()
    first = thread.post("[PATCH] bpf: One", diff=change("a"))
    thread.post("Re: [PATCH] bpf: One", to=first, author=REX, body="Nacked-by: Rex Reviewer <rex@example.com>\n")
    thread.post("Re: [PATCH] bpf: One", to=first, author=ANN, body="Acked-by: Rex Reviewer <rex@example.com>\n")
    thread.post("[PATCH v2] bpf: One", diff=change("a"))
    (found,) = dropped_trailers(*both(thread))
    assert (found.trailer.name, found.trailer.agrees, found.changed) == ("Acked-by", False, False)
