"""What is known of a run's tests from elsewhere: which results count for a history, and which entries apply."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models import Revision, Run
from app.domain.console import ConsoleEvent, ConsoleKind
from app.domain.outcome import Outcome, TestKey, TestResult
from app.domain.regression import Side, observe
from app.services.precedents import find_complaints, find_precedents, weighed
from tests import factories as make

NAME = "map_kptr"
KEY = TestKey(suite="test_progs", name=NAME)
P, F = Outcome.PASS, Outcome.FAIL


def side(*outcomes: Outcome) -> Side:
    return observe([[TestResult(suite="test_progs", name=NAME, outcome=one)] for one in outcomes])


def seen(session: Session, outcome: Outcome, *, ago: float = 1, base: str = "a", **values: Any) -> Run:
    """Insert a baseline with one result."""
    run = make.add_run(session, base_commit=base * 40, **values)
    run.created_at = datetime.now(UTC) - timedelta(days=ago)
    make.add_results(session, run, {NAME: outcome})
    return run


@pytest.fixture
def judged(session: Session) -> Run:
    return make.add_run(session, make.add_revision(session, make.add_series(session)))


def history(session: Session, judged: Run) -> tuple[int, int, int]:
    found = find_precedents(session, judged.id, baseline=side(P), patched=side(F)).histories[KEY]
    return found.failures, found.runs, found.broken


def test_only_unpatched_trees_count_of_the_same_tree_and_profile_and_not_too_long_ago(
    session: Session, judged: Run
) -> None:
    seen(session, P)
    seen(session, F)
    seen(session, F, tree="bpf")
    seen(session, F, profile="bpf-full")
    seen(session, F, ago=91)
    make.add_results(session, judged, {NAME: F})
    assert history(session, judged) == (1, 2, 0)


def test_a_judge_s_own_boots_of_the_base_count_and_those_of_the_patched_tree_do_not(
    session: Session, judged: Run
) -> None:
    other = make.add_run(session, judged_revision(session), base_commit="a" * 40)
    other.created_at = datetime.now(UTC)
    make.add_results(session, other, {NAME: F})
    make.add_results(session, other, {NAME: F}, boot=1)
    make.add_results(session, other, {NAME: P}, boot=1, on_base=True)
    make.add_results(session, other, {NAME: F}, boot=2, on_base=True)
    assert history(session, judged) == (1, 2, 0)


@pytest.mark.parametrize(
    ("values", "counts"),
    [
        ({}, True),
        ({"evidence": {"image": "another", "accelerator": "tcg"}}, False),
        ({"evidence": {"image": "one", "accelerator": "kvm"}}, False),
        ({"evidence": {}}, False),
        ({"profile": "bpf-full"}, False),
    ],
    ids=["same", "image", "accelerator", "none", "profile"],
)
def test_what_another_run_of_the_same_image_passed_is_known_to_pass(
    session: Session, judged: Run, values: dict[str, Any], counts: bool
) -> None:
    evidence = {"image": "one", "accelerator": "tcg"}
    judged.evidence = evidence
    other = make.add_run(session, session.get_one(Revision, judged.revision_id), **({"evidence": evidence} | values))
    make.add_results(session, other, {NAME: P, "other": F})
    make.add_results(session, other, {NAME: F}, boot=1)
    make.add_results(session, other, {NAME: P}, boot=1, on_base=True)
    make.add_results(session, judged, {NAME: F, "other": F})
    failing = observe([[TestResult(suite="test_progs", name=name, outcome=F) for name in (NAME, "other")]])
    elsewhere = find_precedents(session, judged.id, baseline={}, patched=failing).elsewhere
    assert {key: seen.outcomes for key, seen in elsewhere.items()} == ({KEY: (P, F)} if counts else {})


def test_what_passes_where_the_base_fails_and_failed_in_another_run_of_the_same_image(
    session: Session, judged: Run
) -> None:
    evidence = {"image": "one", "accelerator": "tcg"}
    judged.evidence = evidence
    for outcome in (P, F):
        other = make.add_run(session, session.get_one(Revision, judged.revision_id), evidence=evidence)
        make.add_results(session, other, {NAME: outcome})
    make.add_results(session, judged, {NAME: P})
    found = find_precedents(session, judged.id, baseline=side(F), patched=side(P)).elsewhere
    assert {key: seen.outcomes for key, seen in found.items()} == {KEY: (P, F)}
    assert not find_precedents(session, judged.id, baseline=side(P), patched=side(P)).elsewhere, "nobody asks"


def test_without_an_image_there_is_no_other_run_of_it(session: Session, judged: Run) -> None:
    other = make.add_run(session, session.get_one(Revision, judged.revision_id))
    make.add_results(session, other, {NAME: P})
    make.add_results(session, judged, {NAME: F})
    assert not find_precedents(session, judged.id, baseline=side(P), patched=side(F)).elsewhere


def judged_revision(session: Session) -> Any:
    return make.add_revision(session, make.add_series(session))


def first(*patches: str) -> list[dict[str, Any]]:
    """Return what is applied to a tree before it is judged."""
    named = {"named": "message-id x@example.org", "called": "x", "root_id": "", "problem": ""}
    return [named | {"patches": list(patches)}]


def test_other_peoples_patches_excuse_nobody_who_does_not_build_on_them(session: Session, judged: Run) -> None:
    seen(session, P)
    for outcome in (P, F):
        seen(session, outcome, prerequisites=first("x@example.org", "y@example.org"))
    seen(session, F, prerequisites=first("x@example.org"))
    assert history(session, judged) == (0, 1, 0)
    judged.prerequisites = first("x@example.org", "y@example.org")
    session.flush()
    assert history(session, judged) == (1, 3, 0), "a tree without them has a say for those as well"


def test_a_tree_on_which_it_never_passed_says_nothing(session: Session, judged: Run) -> None:
    seen(session, P)
    seen(session, F, base="b")
    seen(session, F, base="b")
    assert history(session, judged) == (0, 1, 1)


def test_nor_do_their_complaints(session: Session, judged: Run) -> None:
    heard(session)
    heard(session, "x", prerequisites=first("x@example.org"))
    heard(session, prerequisites=first("x@example.org"))
    assert find_complaints(session, judged.id, [complaint("x")])["x"].words == "passed 1 of 1 run of an unpatched tree"
    baseline = make.add_run(session, prerequisites=first("x@example.org"))
    judged.baseline_id = baseline.id
    judged.prerequisites = first("x@example.org", "y@example.org")
    session.flush()
    known = find_complaints(session, judged.id, [complaint("x")])["x"]
    assert (known.failures, known.runs) == (1, 3)


def test_only_what_swings_is_looked_up_and_only_what_fails_is_ignored(session: Session, judged: Run) -> None:
    seen(session, F)
    make.add_ignore(session, NAME, expires_at=datetime.now(UTC) + timedelta(days=1))
    steady = find_precedents(session, judged.id, baseline=side(P), patched=side(P))
    assert (dict(steady.histories), dict(steady.ignored)) == ({}, {})
    failing = find_precedents(session, judged.id, baseline=side(F), patched=side(F))
    assert (dict(failing.histories), list(failing.ignored)) == ({}, [KEY])


@pytest.mark.parametrize(
    "values",
    [
        {"expires_at": datetime.now(UTC) - timedelta(seconds=1)},
        {"ended_at": datetime.now(UTC), "ended_by": "ann"},
        {"tree": "bpf"},
        {"profile": "bpf-full"},
        {"suite": "test_maps"},
    ],
)
def test_entries_that_are_over_or_about_something_else_do_not_apply(
    session: Session, judged: Run, values: dict[str, Any]
) -> None:
    make.add_ignore(session, NAME, **({"expires_at": datetime.now(UTC) + timedelta(days=1)} | values))
    assert not find_precedents(session, judged.id, baseline=side(P), patched=side(F)).ignored


def test_nothing_is_kept_of_tests_of_which_nothing_is_known() -> None:
    assert weighed([]) == []


def heard(session: Session, *complaints: str, base: str = "a", ran: tuple[str, ...] = (NAME,), **values: Any) -> None:
    run = make.add_run(session, base_commit=base * 40, **values)
    run.created_at = datetime.now(UTC) - timedelta(days=1)
    run.evidence = {"booted": True, "ran": list(ran), "events": [{"fingerprint": one} for one in complaints]}
    session.flush()


def test_complaints_have_a_history_as_tests_have(session: Session, judged: Run) -> None:
    """Of baselines that ran their test; a base on which one always came was broken."""
    heard(session, "x", "y")
    heard(session)
    heard(session, "y", base="b")
    heard(session, "y", base="b")
    heard(session, "x", base="c", ran=("log_buf",))
    heard(session, "x", profile="bpf-full")
    heard(session, "x", tree="bpf")
    session.get_one(Run, judged.id).evidence = {"booted": True, "ran": [NAME], "events": [{"fingerprint": "x"}]}
    found = find_complaints(session, judged.id, [complaint("x"), complaint("y"), complaint("x2", test=None)])
    assert {key: (one.failures, one.runs, one.broken) for key, one in found.items()} == {
        "x": (1, 4, 0),
        "y": (1, 2, 1),
        "x2": (0, 5, 0),
    }
    assert find_complaints(session, judged.id, []) == {}


def complaint(fingerprint: str, test: str | None = NAME) -> ConsoleEvent:
    kind = ConsoleKind.WARNING
    return ConsoleEvent(kind=kind, title="", frames=(), excerpt="", line=1, fingerprint=fingerprint, test=test)
