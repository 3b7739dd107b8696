"""Two revisions by their tests: what is fixed, broken, still broken, and what cannot be said."""

from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.models import Revision, Run
from app.domain.outcome import ChangeClass, Outcome, TestKey, Verdict
from app.services.between import before, compare_tests
from tests import factories as make

REGRESSION, FLAKY, IGNORED = ChangeClass.REGRESSION, ChangeClass.FLAKY, ChangeClass.IGNORED


@pytest.fixture
def works(session: Session) -> tuple[Revision, Revision]:
    series = make.add_series(session)
    return make.add_revision(session, series, "v1"), make.add_revision(session, series, "v2", position=1)


def judged(
    session: Session, revision: Revision, changes: dict[str, ChangeClass], passing: tuple[str, ...] = (), **values: Any
) -> Run:
    blamed = REGRESSION in changes.values()
    defaults = {"verdict": Verdict.REGRESSED if blamed else Verdict.CLEAN, "selection": [{"test": "a", "reason": ""}]}
    run = make.add_run(session, revision, **(defaults | values))
    make.add_results(session, run, make.passing(passing))
    for name, kind in changes.items():
        make.add_change(session, run, name, kind)
        make.add_results(session, run, {name: Outcome.FAIL})
    return run


def names(keys: tuple[TestKey, ...]) -> list[str]:
    return [str(key) for key in keys]


def test_what_became_of_each_test(session: Session, works: tuple[Revision, Revision]) -> None:
    mended = ("mended", "never ran again")
    old = dict.fromkeys(("stays", "flakes", "excused", *mended), REGRESSION)
    judged(session, works[0], old)
    new = {"stays": REGRESSION, "fresh": REGRESSION, "flakes": FLAKY, "excused": IGNORED}
    judged(session, works[1], new, passing=("mended", "other"))
    found = compare_tests(session, *works)
    assert found.comparison is not None
    assert names(found.comparison.fixed) == ["mended"]
    assert names(found.comparison.broken) == ["fresh"]
    assert names(found.comparison.still_broken) == ["stays"]
    assert names(found.comparison.unknown) == ["excused", "flakes", "never ran again"]
    assert (found.caveats, found.why_not) == ((), "")


def test_what_else_differs_is_said(session: Session, works: tuple[Revision, Revision]) -> None:
    judged(session, works[0], {})
    other = {"base_commit": "9" * 40, "toolchain": {"gcc": "14.2.0", "clang": "19.1.7"}}
    needed = [{"patches": ["under@example.org"]}]
    judged(session, works[1], {}, **other, selection=[{"test": "b", "reason": ""}], prerequisites=needed)
    caveats = compare_tests(session, *works).caveats
    assert [words.partition(":")[0].partition(",")[0] for words in caveats] == [
        "v1 was tested on 1a2b3c4d5e6f",
        "v2 was tested on other prerequisites than v1.",
        "They were built with different versions of gcc.",
        "v2 selects other tests than v1 did.",
    ]


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (
            {"profile": "bpf-full"},
            {},
            "v1 was tested with the profile bpf-full, v2 with bpf-quick: nothing to compare.",
        ),
        ({"tree": "bpf"}, {}, "v1 was tested with the tree bpf, v2 with bpf-next: nothing to compare."),
        (
            {"verdict": Verdict.DOES_NOT_BUILD},
            {},
            "v1 does not build, so there are no tests of it to compare.",
        ),
        ({}, {"verdict": Verdict.INCONCLUSIVE}, "v2 is inconclusive, so there are no tests of it to compare."),
        ({}, {"verdict": None}, "v2 has not been judged, so its tests cannot be compared."),
    ],
)
def test_what_cannot_be_compared(
    session: Session, works: tuple[Revision, Revision], first: dict[str, Any], second: dict[str, Any], why: str
) -> None:
    judged(session, works[0], {}, **first)
    judged(session, works[1], {}, **second)
    found = compare_tests(session, *works)
    assert (found.comparison, found.why_not) == (None, why)


def test_the_judge_takes_the_run_before_on_the_same_base_where_there_is_one(
    session: Session, works: tuple[Revision, Revision]
) -> None:
    same = judged(session, works[0], {"a": REGRESSION})
    judged(session, works[0], {}, base_commit="9" * 40)
    judged(session, works[0], {}, only=["a"])
    judged(session, works[0], {}, profile="bpf-full")
    run = make.add_run(session, works[1], selection=[{"test": "a", "reason": ""}])
    found = before(session, run, works[1])
    assert found is not None
    assert (found.label, found.run_id, found.caveats) == ("v1", same.id, ())
    assert names(tuple(one.key for one in found.changes)) == ["a"]
    assert before(session, same, works[0]) is None
