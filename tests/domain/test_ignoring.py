from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.ignoring import Ignore, ignored, problem_with
from app.domain.outcome import TestKey

SOON = datetime(2026, 12, 1, tzinfo=UTC)


def entry(pattern: str, id_: int = 1, expires_at: datetime = SOON, **narrowed: str | None) -> Ignore:
    return Ignore(
        id=id_,
        pattern=pattern,
        suite=narrowed.get("suite"),
        tree=narrowed.get("tree"),
        profile=narrowed.get("profile"),
        reason="needs an NMI, which TCG has not",
        owner="ann@example.org",
        expires_at=expires_at,
    )


def key(name: str, suite: str = "test_progs") -> TestKey:
    return TestKey(suite=suite, name=name)


@pytest.mark.parametrize(
    ("pattern", "name", "covered"),
    [
        ("lru_lock_nmi", "lru_lock_nmi", True),
        ("lru_lock_nmi", "lru_lock_nmi/hash", True),
        ("lru_lock_nmi", "lru_lock_nmi2", False),
        ("lru_lock", "lru_lock_nmi", False),
        ("lru_*", "lru_lock_nmi/hash", True),
        ("bpf_iter/*", "bpf_iter/ksym", True),
        ("bpf_iter/*", "bpf_iter", False),
        ("bpf_iter/ksy?", "bpf_iter/ksym", True),
        ("map [1.2]", "map [1.2]", True),
        ("map [12]", "map 1", False),
        ("MAP", "map", False),
    ],
)
def test_what_a_pattern_covers(pattern: str, name: str, covered: bool) -> None:
    assert entry(pattern).covers(key(name), tree="bpf-next", profile="bpf-quick") is covered


def fits(pattern: str, name: str) -> bool:
    """Say the same slowly, as sh(1) describes it."""
    if not pattern or pattern[0] != "*":
        one = bool(pattern and name) and pattern[0] in {"?", name[0]}
        return fits(pattern[1:], name[1:]) if one else not (pattern or name)
    return any(fits(pattern[1:], name[at:]) for at in range(len(name) + 1))


@given(pattern=st.text(alphabet="ab*?[", max_size=6), name=st.text(alphabet="ab[", max_size=8))
def test_stars_and_question_marks_are_those_of_a_shell(pattern: str, name: str) -> None:
    assert entry(pattern).names(key(name)) is fits(pattern, name)


def test_a_name_that_nearly_fits_in_very_many_ways_takes_no_time() -> None:
    """Guests choose the names of their tests."""
    assert not entry("a*" * 20 + "b").names(key("a" * 300))


@pytest.mark.parametrize(
    ("narrowed", "covered"),
    [
        ({"suite": "test_progs"}, True),
        ({"suite": "test_maps"}, False),
        ({"tree": "bpf-next", "profile": "bpf-quick"}, True),
        ({"tree": "bpf"}, False),
        ({"profile": "bpf-full"}, False),
    ],
)
def test_an_entry_is_narrowed(narrowed: dict[str, str], covered: bool) -> None:
    assert entry("ringbuf", **narrowed).covers(key("ringbuf"), tree="bpf-next", profile="bpf-quick") is covered


def test_of_several_entries_the_one_that_lasts_longest_is_given() -> None:
    entries = [entry("ring*", 1), entry("ringbuf", 2, SOON + timedelta(days=1)), entry("map*", 3)]
    found = ignored(entries, [key("ringbuf"), key("log_buf")], tree="bpf-next", profile="bpf-quick")
    assert {str(one): by.id for one, by in found.items()} == {"ringbuf": 2}


@pytest.mark.parametrize("pattern", ["", "*", "a*", "?/?"])
def test_a_pattern_that_is_refused(pattern: str) -> None:
    assert problem_with(pattern)


@pytest.mark.parametrize("pattern", ["ksm", "lru*", "bpf_iter/*", "a*b*c*d*e*f*g"])
def test_a_pattern_that_is_taken(pattern: str) -> None:
    assert problem_with(pattern) is None
