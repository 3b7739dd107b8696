"""What has to be applied first: order, chains, circles, bounds."""

import pytest

from app.domain import prerequisite
from app.domain.prerequisite import (
    AppliedFirst,
    Needed,
    NeededPatch,
    Posted,
    applied_first,
    change_and_version,
    needed_by,
    read_prerequisite,
)
from app.domain.trailer import Prerequisite, PrerequisiteKind, parse_declared


def need(text: str) -> Prerequisite:
    found = read_prerequisite(text)
    assert found is not None
    return found


def posted(name: str, *needs: str, patches: int = 1, missing: tuple[int, ...] = ()) -> Posted:
    return Posted(
        root_id=f"{name}@x",
        title=f"bpf: {name}",
        label="v1",
        patches=tuple(NeededPatch(message_id=f"{name}-{at}@x", patch_id=f"{name}{at}") for at in range(patches)),
        missing=missing,
        prerequisites=tuple(map(need, needs)),
    )


def stack(own: Posted, *others: Posted) -> tuple[Needed, ...]:
    def look(named: Prerequisite) -> Posted | None:
        for one in others:
            if named.kind is PrerequisiteKind.MESSAGE_ID and one.root_id == named.value:
                return one
            for at, patch in enumerate(one.patches):
                if named.kind is PrerequisiteKind.PATCH_ID and patch.patch_id == named.value:
                    return Posted(root_id=one.root_id, title=one.title, label=one.label, patches=one.patches, picked=at)
        return None

    return needed_by(own, look)


def said(needed: tuple[Needed, ...]) -> list[tuple[str, list[str], str]]:
    return [(one.called, [patch.message_id for patch in one.patches], one.problem) for one in needed]


def test_the_lowest_comes_first_and_what_two_need_comes_once() -> None:
    top = posted("top", "message-id a@x", "message-id b@x")
    found = stack(top, posted("a", "message-id low@x"), posted("b", "message-id low@x"), posted("low", patches=2))
    assert said(found) == [
        ("“bpf: low” v1", ["low-0@x", "low-1@x"], ""),
        ("“bpf: a” v1", ["a-0@x"], ""),
        ("“bpf: b” v1", ["b-0@x"], ""),
    ]


def test_patch_ids_that_a_named_series_holds_are_that_series() -> None:
    top = posted("top", "patch-id a0", "patch-id b1", "message-id a@x", "patch-id b0")
    assert said(stack(top, posted("a"), posted("b", patches=3))) == [
        ("“bpf: a” v1", ["a-0@x"], ""),
        ("“bpf: b” v1", ["b-1@x", "b-0@x"], ""),
    ]


def test_what_is_not_at_hand_or_never_came_whole_is_said_once() -> None:
    top = posted("top", "message-id gone@x", "change-id c:v2", "message-id half@x", "message-id half@x")
    assert said(stack(top, posted("half", missing=(2, 3)))) == [
        ("message-id gone@x", [], "is not at hand"),
        ("change-id c:v2", [], "is not at hand"),
        ("“bpf: half” v1", [], "is incomplete: 2 of its patches never came"),
    ]


def test_a_series_that_needs_itself_is_a_circle() -> None:
    top = posted("top", "message-id top@x")
    assert said(stack(top, top)) == [("“bpf: top” v1", [], "needs it in turn: a circle")]


def test_a_circle_below_is_cut_where_it_closes() -> None:
    top = posted("top", "message-id a@x")
    found = stack(top, posted("a", "message-id b@x"), posted("b", "message-id a@x"))
    assert said(found) == [
        ("“bpf: a” v1", [], "needs it in turn: a circle"),
        ("“bpf: b” v1", ["b-0@x"], ""),
        ("“bpf: a” v1", ["a-0@x"], ""),
    ]


def test_a_chain_has_an_end() -> None:
    others = [posted(f"s{at}", f"message-id s{at + 1}@x") for at in range(20)]
    found = stack(posted("top", "message-id s0@x"), *others)
    assert [one.called for one in found if one.patches] == [f"“bpf: s{at}” v1" for at in (3, 2, 1, 0)]
    assert [one.problem for one in found if one.problem] == ["is the end of a chain longer than 4"]


def test_patches_have_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prerequisite, "MAX_PATCHES", 5)
    found = stack(
        posted("top", "message-id a@x", "message-id b@x", "message-id c@x"),
        posted("a", patches=3),
        posted("b", patches=3),
        posted("c", patches=2),
    )
    assert [(one.called, len(one.patches), one.problem) for one in found] == [
        ("“bpf: a” v1", 3, ""),
        ("“bpf: b” v1", 0, "makes more than 5 patches to apply first"),
        ("“bpf: c” v1", 2, ""),
    ]


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("20260414-frob-1a2b:v3", ("20260414-frob-1a2b", 3)),
        ("20260414-frob-1a2b", ("20260414-frob-1a2b", None)),
        ("20260414-frob:v", ("20260414-frob:v", None)),
        ("20260414-frob:v٣", ("20260414-frob:v٣", None)),
        (":v3", (":v3", None)),
        ("a:v99999999", ("a:v99999999", None)),
    ],
)
def test_a_change_id_with_its_version(value: str, meant: tuple[str, int | None]) -> None:
    assert change_and_version(value) == meant


@pytest.mark.parametrize("text", ["", "message-id", "message-id ", "no-kind value", "patch-id"])
def test_what_is_stored_wrongly_is_nothing(text: str) -> None:
    assert read_prerequisite(text) is None


def test_what_mails_declare_is_read_back_as_it_is_stored() -> None:
    text = (
        "prerequisite-change-id: 20260414-frob-1a2b:v3\nprerequisite-patch-id: 1234\n"
        "prerequisite-message-id: <a@x>\nDepends-on: https://lore.kernel.org/bpf/b@x/\nBased-on: <c@x>\n"
    )
    found = parse_declared(text).prerequisites
    assert [f"{one.kind} {one.value}" for one in found] == [
        "change-id 20260414-frob-1a2b:v3",
        "patch-id 1234",
        "message-id a@x",
        "message-id b@x",
        "message-id c@x",
    ]
    assert tuple(read_prerequisite(f"{one.kind} {one.value}") for one in found) == found
    assert parse_declared(text).change_id is None


@pytest.mark.parametrize(
    ("applied", "present", "problem", "words"),
    [
        (2, 0, "", "2 patches"),
        (1, 1, "", "1 patch, and 1 in the tree already"),
        (0, 2, "", "in the tree already"),
        (0, 0, "", "2 patches, not applied yet"),
        (0, 0, "is not at hand", "is not at hand"),
    ],
)
def test_what_became_of_one_in_words(applied: int, present: int, problem: str, words: str) -> None:
    one = AppliedFirst(named="x", called="x", root_id="", patches=2, applied=applied, present=present, problem=problem)
    assert one.words == words


def test_what_is_planned_shows_until_it_is_done() -> None:
    planned = [{"named": "message-id a@x", "called": "a", "root_id": "a@x", "patches": ["1", "2"], "problem": ""}]
    assert [one.words for one in applied_first(planned, ())] == ["2 patches, not applied yet"]
    became = [{"named": "message-id a@x", "patches": 2, "applied": 2, "of a later version": 1}]
    assert [one.words for one in applied_first(planned, became)] == ["2 patches"]


def test_what_to_fetch_is_the_series_or_the_patches_that_were_named() -> None:
    shared = {"called": "a", "root_id": "a-0@x", "patches": ["a-1@x", "a-2@x"], "problem": ""}
    series, picked = applied_first([shared | {"named": "change-id a:v2"}, shared | {"named": "patch-id 12"}], ())
    assert (series.alone, series.message_ids) == (False, ("a-0@x",))
    assert (picked.alone, picked.message_ids) == (True, ("a-1@x", "a-2@x"))


def test_a_patch_id_is_called_by_its_first_digits() -> None:
    (one,) = stack(posted("top", f"patch-id {'5c' * 20}"))
    assert (one.called, one.named.value) == ("patch-id 5c5c5c5c5c5c", "5c" * 20)
