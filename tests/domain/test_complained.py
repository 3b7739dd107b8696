import pytest

from app.domain.complained import Look, came_again, doubtful, unknown
from app.domain.console import ConsoleEvent, ConsoleKind
from app.domain.flake import History


def event(
    test: str | None = "a",
    perhaps: str | None = None,
    *,
    frames: str = "",
    fingerprint: str = "x",
    kind: ConsoleKind = ConsoleKind.WARNING,
    title: str = "",
) -> ConsoleEvent:
    return ConsoleEvent(
        kind=kind,
        title=title,
        frames=tuple(f"{name}+0x1/0x9" for name in frames.split()),
        excerpt="",
        line=1,
        fingerprint=fingerprint,
        test=test,
        perhaps=perhaps,
    )


def look(tests: str, *came: str) -> Look:
    return Look(tests=frozenset(tests), came=frozenset(came))


def test_what_came_again_came_with_the_patches_and_never_without() -> None:
    assert came_again(event(), [look("a"), look("a", "x")], [look("a", "y")])
    assert not came_again(event(), [look("a", "y")], [])
    assert not came_again(event(), [look("a", "x")], [look("b", "x")])


OF_BASE = "frob do_frob map_frob __sys_bpf bpf"


@pytest.mark.parametrize(
    ("now", "known"),
    [
        (event(frames="other", fingerprint="base"), True),
        (event(frames="frob do_frob map_frob.isra.0 __sys_bpf bpf"), True),
        # a function was renamed, or inlined, by the series
        (event(frames="frob do_frob map_frobnicate __sys_bpf bpf"), True),
        (event(frames="frob map_frob __sys_bpf bpf"), True),
        (event(frames="twist do_twist prog_twist __sys_bpf bpf"), False),
        (event("b", frames="frob do_frob map_frobnicate __sys_bpf bpf"), False),
        (event(None, frames="frob do_frob map_frobnicate __sys_bpf bpf"), False),
        (event(frames="frob do_frob map_frobnicate __sys_bpf bpf", kind=ConsoleKind.OOPS), False),
        (event(frames=""), False),
        # a busy host explains it
        (event(frames="other", kind=ConsoleKind.SOFT_LOCKUP), True),
    ],
)
def test_what_the_base_complains_of_as_well_is_known_though_a_function_on_the_way_changed(
    now: ConsoleEvent, known: bool
) -> None:
    assert (unknown([now], [event(frames=OF_BASE, fingerprint="base")]) == ()) is known


@pytest.mark.parametrize(
    ("title", "known"),
    [
        ("WARNING: kernel/bpf/verifier.c:2731 in frob_anew: verifier bug: A", True),
        ("WARNING: kernel/bpf/verifier.c:2702 in frob_anew: verifier bug: B", False),
        ("KASAN: use-after-free in frob_anew", False),
    ],
)
def test_another_complaint_on_a_way_that_the_base_knows_is_another(title: str, known: bool) -> None:
    base = event(
        frames="frob do_check map_frob bpf_check bpf_prog_load",
        fingerprint="base",
        title="WARNING: kernel/bpf/verifier.c:2702 in frob: verifier bug: A",
    )
    now = event(frames="frob_anew do_check map_frob bpf_check bpf_prog_load", title=title)
    assert (unknown([now], [base]) == ()) is known


QUIET = History(runs=60)
"""Two looks are enough where sixty runs of unpatched trees did not show it."""


@pytest.mark.parametrize(
    ("looks", "in_doubt"),
    [
        ([look("a", "x"), look("a", "x")], False),
        ([look("a", "x"), look("a")], True),
        # it takes what runs before it
        ([look("a"), look("ab", "x"), look("ab", "x")], False),
        # of another test alone nothing was to be expected
        ([look("a", "x"), look("a", "x"), look("b"), look("b")], False),
        ([look("a", "x"), look("a", "x"), look("b", "x"), look("b")], False),
        # it may have been the one before
        ([look("c", "x"), look("c")], True),
        # it came where nobody looked for it
        ([look("b", "x"), look("b")], True),
        # once is never enough
        ([look("a", "x")], True),
    ],
)
def test_what_comes_in_some_boots_of_one_kind_only_is_in_doubt(looks: list[Look], in_doubt: bool) -> None:
    assert doubtful(event(perhaps="c"), looks, [], QUIET) is in_doubt


def test_a_complaint_in_no_known_test_is_looked_for_in_all() -> None:
    assert not doubtful(event(None), [look("ab", "x")] * 2, [], QUIET)
    assert doubtful(event(None), [look("ab", "x"), look("ab", "x"), look("ab")], [], QUIET)


def test_what_unpatched_trees_show_now_and_then_takes_more() -> None:
    once = History(failures=1, runs=20)
    assert doubtful(event(), [look("a", "x")] * 3, [], once)
    assert not doubtful(event(), [look("a", "x")] * 4, [], once)


def test_what_nothing_is_known_of_is_looked_for_four_times_on_each_side() -> None:
    patched, base = look("a", "x"), look("a")
    for baselines in (History(), History(runs=1)):  # the baseline's own boot was quiet as well
        assert doubtful(event(), [patched] * 3, [base] * 3, baselines)
        assert not doubtful(event(), [patched] * 4, [base] * 4, baselines)
    assert doubtful(event(), [patched] * 5, [look("b")] * 5, History(runs=1)), "the base was asked for other tests"


def test_what_comes_with_each_failure_of_a_blamed_test_is_in_no_doubt() -> None:
    assert not doubtful(event(), [look("a", "x")] * 2, [look("a")] * 2, History(runs=1), {"a"})
    assert doubtful(event(), [look("a", "x"), look("a")], [look("a")] * 2, History(runs=1), {"a"})
