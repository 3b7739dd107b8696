"""How a test fell out lately: what its page says in words and figures, and the same over REST."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from app.db.queries.history import MOST_RUNS, on_unpatched
from app.domain.outcome import Outcome
from app.services.test_history import MOST_ORDINALS
from tests import factories as make
from tests.example import FLAKY, ITER
from tests.factories import NOW
from tests.web.conftest import Site
from tests.web.pages.shape import shape

pytestmark = pytest.mark.anyio
NAME = "map_kptr/refcounted"


def add_history(session: Session, name: str = NAME) -> int:
    """Insert baselines on three bases, the oldest of them out of the window, and the judge's own boots of one."""
    for number, (base, ago, word) in enumerate(
        [("c", 100, "F"), ("a", 30, "P"), ("b", 20, "F"), ("b", 19, "P"), ("b", 18, "P"), ("d", 10, "P")]
    ):
        run = make.add_run(session, base_commit=base * 40, started=NOW - timedelta(days=ago))
        run.created_at = NOW - timedelta(days=ago)
        make.add_results(session, run, {name: Outcome.FAIL if word == "F" else Outcome.PASS})
        assert number < 6
    judged = make.add_run(session, make.add_revision(session, make.add_series(session)), base_commit="d" * 40)
    make.add_results(session, judged, {name: Outcome.FAIL})
    make.add_results(session, judged, {name: Outcome.PASS}, boot=1, on_base=True)
    other = make.add_run(session, base_commit="a" * 40, profile="bpf-full")
    make.add_results(session, other, {name: Outcome.SKIP})
    session.commit()
    return make.known_test(session, name).id


async def got(site: Site, path: str) -> Any:
    async with site.client() as client:
        answer = await client.get(f"/api/v1{path}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_figures_are_those_that_a_judge_reads(own_site: Site, stored: Session) -> None:
    found = await got(own_site, f"/tests/{add_history(stored)}/history")
    (unpatched,) = found["unpatched"]
    assert (unpatched["failures"], unpatched["runs"], unpatched["broken"]) == (1, 6, 0)
    assert (unpatched["tree"], unpatched["profile"]) == ("bpf-next", "bpf-quick")
    assert unpatched["low"] < 1 / 6 < unpatched["high"]
    bases = [(one["base_commit"][0], one["failures"], one["runs"]) for one in unpatched["bases"]]
    assert bases == [("d", 0, 2), ("b", 1, 3), ("a", 0, 1)]
    assert (found["patched_failures"], found["patched_runs"], found["ignored_by"]) == (1, 1, [])


async def test_the_page_says_it_in_words_and_run_by_run(own_site: Site, stored: Session) -> None:
    make.add_ignore(stored, "map_kptr", reason="<i>races")
    page = await shape(own_site, f"/tests/{add_history(stored)}")
    said = "Flaky: in ninety days it failed 1 of 6 runs of unpatched trees (3\N{EN DASH}56 %), bpf-next with bpf-quick."
    assert said in page.words
    assert "bbbbbbbbbbbb ✗ fail in run" in page.words
    assert "1 of 3 19 d ago" in page.words or "1 of 3 18 d ago" in page.words
    assert "With patches, of whatever series: failed 1 of 1 run in ninety days." in page.words
    assert "Ignored until 2026-05-14, ann@example.org sees to it: <i>races" in page.words
    assert "/ignores?pattern=map_kptr/refcounted&suite=test_progs" in page.values("href")


@pytest.mark.parametrize(
    ("outcomes", "said"),
    [
        ("PP", "Steady: it passed in all 2 runs of unpatched trees in ninety days."),
        ("P", "Steady: it passed in its only run of unpatched trees"),
        ("FF", "Broken on the base: it never passed on eeeeeeeeeeee, in 2 runs."),
        ("", "It has not run on an unpatched tree in ninety days."),
    ],
)
async def test_what_a_history_says(own_site: Site, stored: Session, outcomes: str, said: str) -> None:
    test = make.known_test(stored, "fresh")
    for letter in outcomes:
        run = make.add_run(stored, base_commit="e" * 40)
        make.add_results(stored, run, {"fresh": Outcome.FAIL if letter == "F" else Outcome.PASS})
    stored.commit()
    assert said in (await shape(own_site, f"/tests/{test.id}")).words


async def test_results_of_one_name_are_not_taken_for_one_flaky_test(own_site: Site, stored: Session) -> None:
    for _ in range(3):
        run = make.add_run(stored)
        make.add_results(stored, run, {"twice": Outcome.PASS})
        make.add_results(stored, run, {"twice": Outcome.FAIL}, ordinal=1)
    stored.commit()
    test = make.known_test(stored, "twice").id
    found = (await got(own_site, f"/tests/{test}/history"))["unpatched"]
    figures = [[one[name] for name in ("ordinal", "failures", "runs", "broken")] for one in found]
    assert figures == [[0, 0, 3, 0], [1, 0, 0, 1]]
    page = await shape(own_site, f"/tests/{test}")
    assert "Broken on the base" in page.words
    assert "Flaky" not in page.words
    assert "bpf-quick, in ninety days: result #2 of that name" in page.words


async def test_what_a_judge_does_not_look_at_is_counted_apart(own_site: Site, stored: Session) -> None:
    for number in range(MOST_RUNS + 2):
        make.add_results(stored, make.add_run(stored), {"old": Outcome.FAIL if number == 0 else Outcome.PASS})
    stored.commit()
    test = make.known_test(stored, "old").id
    (found,) = (await got(own_site, f"/tests/{test}/history"))["unpatched"]
    assert (found["failures"], found["runs"], found["older"]) == (0, MOST_RUNS, 2)
    page = await shape(own_site, f"/tests/{test}")
    assert f"Steady: it passed in all newest {MOST_RUNS} runs of unpatched trees in ninety days." in page.words
    assert "2 older results left out" in page.words


async def test_what_failed_whenever_it_ran_of_late_is_not_steady(own_site: Site, stored: Session) -> None:
    for number in range(MOST_RUNS + 40):
        word = Outcome.PASS if number < 40 else Outcome.FAIL
        make.add_results(stored, make.add_run(stored, base_commit="e" * 40), {"sunk": word})
    stored.commit()
    page = await shape(own_site, f"/tests/{make.known_test(stored, 'sunk').id}")
    assert f"Broken on the base: it did not pass on eeeeeeeeeeee, in {MOST_RUNS} newest runs." in page.words


async def test_a_name_of_very_many_results_has_the_first_of_them_shown(own_site: Site, stored: Session) -> None:
    run = make.add_run(stored)
    for number in range(MOST_ORDINALS + 5):
        make.add_results(stored, run, {"many": Outcome.PASS}, ordinal=number)
    stored.commit()
    found = (await got(own_site, f"/tests/{make.known_test(stored, 'many').id}/history"))["unpatched"]
    assert [one["ordinal"] for one in found] == list(range(MOST_ORDINALS))


async def test_the_newest_of_each_profile_count_whatever_runs_more_often(own_site: Site, stored: Session) -> None:
    make.add_results(stored, make.add_run(stored, profile="bpf-full"), {"rare": Outcome.FAIL})
    for _ in range(3):
        make.add_results(stored, make.add_run(stored), {"rare": Outcome.PASS})
    stored.commit()
    test = make.known_test(stored, "rare").id
    newest = on_unpatched(stored, [test], since=NOW - timedelta(days=9999), most=2)
    assert [(one.profile, one.outcome) for one in newest] == [
        ("bpf-full", Outcome.FAIL),
        ("bpf-quick", Outcome.PASS),
        ("bpf-quick", Outcome.PASS),
    ]


async def test_broken_on_an_older_base_is_not_flaky_in_the_matrix(own_site: Site, stored: Session) -> None:
    """The fix came with a newer base: nobody's test is flaky for that."""
    for base, outcome in (("b", Outcome.FAIL), ("b", Outcome.FAIL), ("c", Outcome.PASS), ("c", Outcome.PASS)):
        make.add_results(stored, make.add_run(stored, base_commit=base * 40), dict.fromkeys((ITER, FLAKY), outcome))
    make.add_results(stored, make.add_run(stored, base_commit="c" * 40), {FLAKY: Outcome.FAIL})
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "failed 3 of 6 runs of unpatched trees (19\N{EN DASH}81 %) in ninety days" in page.words
    assert page.words.count("of unpatched trees") == 1


async def test_the_example_s_test_has_a_history(site: Site) -> None:
    async with site.client() as client:
        tests = (await client.get("/tests", params={"name": ITER})).text
    assert "/ignores" in tests


async def test_trees_with_other_peoples_patches_are_listed_and_not_counted(own_site: Site, stored: Session) -> None:
    first = {"named": "message-id x@example.org", "called": "x", "root_id": "", "problem": "", "patches": ["x@e.org"]}
    for outcome, prerequisites in ((Outcome.PASS, []), (Outcome.FAIL, [first]), (Outcome.PASS, [first])):
        run = make.add_run(stored, base_commit="9" * 40, prerequisites=prerequisites)
        make.add_results(stored, run, {"leaned_on": outcome})
    stored.commit()
    page = f"/tests/{make.known_test(stored, 'leaned_on').id}"
    (found,) = (await got(own_site, f"{page}/history"))["unpatched"]
    assert (found["failures"], found["runs"]) == (0, 1)
    assert [(one["prerequisites"], one["failures"], one["runs"]) for one in found["bases"]] == [(1, 1, 2), (0, 0, 1)]
    assert "Steady: it passed in its only run of unpatched trees" in (await shape(own_site, page)).words
