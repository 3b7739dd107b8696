"""Every page rendered: what it says, how often it asks the database, that nothing of others becomes markup."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from sqlalchemy import event, update
from sqlalchemy.orm import Session

from app.db.models import (
    Attempt,
    AttemptKind,
    Message,
    Result,
    Revision,
    Run,
    RunState,
    Series,
    Thread,
    Worker,
)
from app.db.queue import Priority, Task, enqueue
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.web.render import environment
from tests import factories as make
from tests.example import BROKEN, FLAKY, ITER, LOG
from tests.web.conftest import Site
from tests.web.pages.shape import Shape, shape
from tests.web.pages.tried import add_patches

pytestmark = pytest.mark.anyio


def pages(site: Site) -> dict[str, str]:
    """Return an address of each page, by what it is."""
    one = site.example
    return {
        "list": "/",
        "narrowed list": "/?q=ring&tag=bpf-next&verdict=clean&author=ann",
        "series": f"/series/{one.series.id}",
        "earlier revision": f"/series/{one.series.id}?revision=v3",
        "broken revision": f"/series/{one.series.id}?revision=v2",
        "comparison": f"/series/{one.series.id}/compare?from=v1&to=v4",
        "runs": "/runs",
        "run": f"/runs/{one.runs[2].id}",
        "broken run": f"/runs/{one.runs[1].id}",
        "live run": f"/runs/{one.running.id}",
        "baseline": f"/runs/{one.baseline.id}",
        "test of a run": f"/runs/{one.runs[2].id}/tests/test_progs/{ITER}",
        "outputs compared": f"/runs/{one.runs[2].id}/tests/test_progs/{ITER}?with={one.baseline.id}",
        "programs": f"/runs/{one.running.id}/veristat",
        "patch": f"/patches/{one.patch.id}",
        "mail": "/messages/1",
        "tests": "/tests",
        "test": "/tests/1",
        "ignores": "/ignores",
        "threads": "/threads",
        "thread": f"/threads/{one.thread.id}",
        "failed thread": f"/threads/{one.failed_thread.id}",
        "workers": "/workers",
        "report": f"/reports/{one.report.id}",
        "sign-in": "/sign-in",
        "docs": "/docs",
    }


@contextmanager
def statements(site: Site) -> Iterator[list[str]]:
    """Yield a list that fills with the statements sent to the database."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        sent.append(statement)

    event.listen(site.app.state.engine, "before_cursor_execute", note)
    yield sent
    event.remove(site.app.state.engine, "before_cursor_execute", note)


async def test_every_template_is_rendered_and_every_page_is_sound(own_site: Site, stored: Session) -> None:
    site = own_site
    add_patches(stored, stored.get_one(Run, site.example.runs[2].id))
    for path in pages(site).values():
        page = await shape(site, path)
        ids = page.values("id")
        assert len(ids) == len(set(ids)), (path, sorted(one for one in ids if ids.count(one) > 1))
        assert page.tags.count("h1") == 1, path
        assert page.tags.count("main") == 1, path
        assert "style" not in page.tags, path
        assert not page.values("style"), path
        assert not [name for name, _ in page.attributes if name.startswith("on")], path
        labelled = set(page.values("aria-labelledby")) | set(page.values("for"))
        assert labelled <= set(ids), path
        assert "None" not in re.findall(r"\w+", page.text), path
    async with site.client() as client:
        assert (await client.get("/nothing")).status_code == 404
        assert (await client.get(f"/runs/{site.example.runs[3].id}/events")).status_code == 200
    rendered = {name for _, name in environment().cache or ()}
    assert rendered >= set(environment().list_templates())


async def test_every_link_of_every_page_leads_somewhere(site: Site) -> None:
    seen: set[str] = set()
    for path in pages(site).values():
        page = await shape(site, path)
        ids = set(page.values("id"))
        for href in page.values("href"):
            if href.startswith("#"):
                assert href[1:] in ids, (path, href)
            elif href.startswith("/"):
                seen.add(href.partition("#")[0])
    async with site.client() as client:
        for href in sorted(seen)[:150]:
            assert (await client.get(href)).status_code == 200, href
    assert len(seen) > 60


async def test_no_page_asks_more_for_more_rows(own_site: Site, stored: Session) -> None:
    async def counted() -> dict[str, int]:
        counts = {}
        for name, path in pages(own_site).items():
            async with own_site.client() as client:
                with statements(own_site) as sent:
                    assert (await client.get(path)).status_code == 200
            counts[name] = len(sent)
        return counts

    _grow(stored, own_site, 1)
    before = await counted()
    _grow(stored, own_site, 2)
    after = await counted()
    assert after == before
    assert max(before.values()) <= 27


@pytest.mark.parametrize("path", ["/", "/runs", "/series/1", "/series/1/compare", "/api/v1/runs", "/series/1/new.atom"])
async def test_what_shows_many_runs_reads_no_evidence_on_thousands_of_tests(site: Site, path: str) -> None:
    async with site.client() as client:
        with statements(site) as sent:
            assert (await client.get(path)).status_code == 200
    assert any("FROM runs" in one for one in sent)
    assert not [one for one in sent if "runs.evidence AS" in one]


def _grow(session: Session, site: Site, time: int) -> None:
    """Add to everything that a page lists."""
    series = session.get_one(Series, site.example.series.id)
    thread = session.get_one(Thread, site.example.thread.id)
    for number in range(5 * time, 5 * time + 5):
        revision = make.add_revision(session, series, f"v{number}", position=number, thread=thread, posted_at=make.NOW)
        run = make.add_run(session, revision, verdict=Verdict.CLEAN, baseline_id=site.example.baseline.id)
        make.add_results(session, run, {f"new/{number}": Outcome.PASS, ITER: Outcome.PASS})
        make.add_change(session, run, f"new/{number}", ChangeClass.NEW_PASS)
    for known, known_run in zip(site.example.revisions, site.example.runs, strict=True):
        revision, run = session.get_one(Revision, known.id), session.get_one(Run, known_run.id)
        for patch in make.patches_of(session, revision):
            make.add_comment(session, revision, "More.", patch=patch, thread=thread)
        for number in range(6):
            make.add_results(session, run, {f"grown/{time}/{number}": Outcome.FAIL})
            make.add_change(session, run, f"grown/{time}/{number}", ChangeClass.REGRESSION, "grown")
    make.add_worker(session, f"third/1/{time}")
    other = make.add_series(session, "bpf: Another")
    for number in (1, 2):
        revision = make.add_revision(session, other, f"v{number}", position=number)
        make.add_run(session, revision, verdict=Verdict.CLEAN, baseline_id=site.example.baseline.id)
    make.add_thread(session)
    enqueue(session, Task.EXECUTE, pool="default", priority=Priority.RUN, run_id=1)
    session.commit()


async def test_the_series_page_says_it_in_one_sentence(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}")
    assert "v4 is clean on bpf-next 1a2b3c4d5e6f. The regression of v3 is fixed, 2 new tests pass," in page.words
    assert "v1 27 Jan 1 new failure 4 patches · 0 comments" in page.words
    assert "v2 13 Feb does not build · 3/4" in page.words
    assert "v3 4 Mar 1 regression 1 flaky" in page.words
    assert "5 of 45 between the base and any revision" in page.words
    assert f"{ITER} v3: sum is 12, expected 14 pass pass not run FAIL fixed" in page.words
    assert "new FAIL not run fixed pass ringcount/dropped" in page.words
    assert "Acked-by: Max Maintainer <max@example.org> all" in page.words
    assert "Can a user reach this? Then no WARN, please." in page.words


async def test_an_earlier_revision_shows_its_own_patches_and_commands(site: Site) -> None:
    page = await shape(site, f"/series/{site.example.series.id}?revision=v3")
    assert "v3 regresses 1 test on bpf-next 1a2b3c4d5e6f: bpf_iter/bpf_map_elem." in page.words
    assert f"b4 -q am -v 3 -o- {site.example.revisions[2].root_id}" in " ".join(page.words.replace("\\ ", "").split())
    assert f"'./test_progs -a {ITER}; " in page.words
    assert "WARNING kernel/bpf/ringcount.c:48 ringcount_read 2 times" in page.words


async def test_a_broken_build_shows_the_error_and_the_patch_that_owns_it(site: Site) -> None:
    for name in ("broken revision", "broken run"):
        page = await shape(site, pages(site)[name])
        assert "tools/bpf/bpftool/map.c:412 use of undeclared identifier 'dropped'" in page.words
        assert "patch 3 bpftool: Show dropped samples · added the line" in page.words


async def test_a_patch_that_does_not_apply_shows_what_git_said(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    run.verdict, run.sentence = Verdict.DOES_NOT_APPLY, "v4 does not apply: patch 2/4: hunk 1 of libbpf.c."
    run.evidence = {
        "apply": {"position": 2, "title": "libbpf: Read", "git_said": "error: patch failed", "hunk": "@@ -1 +1 @@"}
    }
    stored.commit()
    page = await shape(own_site, f"/series/{own_site.example.series.id}")
    assert "does not apply · 2/4" in page.words
    assert "What git said patch 2 libbpf: Read error: patch failed Rejected @@ -1 +1 @@" in page.words


async def test_comments_stand_at_the_lines_that_they_are_about(site: Site) -> None:
    page = await shape(site, f"/patches/{site.example.patch.id}")
    said = "Rita Reviewer 1 h ago · whole mail Can a user reach this? Then no WARN, please."
    assert f"if (WARN_ON_ONCE(sum > RINGCOUNT_MAX)) from v3, still open {said}" in page.words
    assert page.words.count(said) == 2
    assert "2 remarks are open, 1 from earlier revisions." in page.words


async def test_a_test_tells_how_it_does_on_unpatched_trees(site: Site) -> None:
    page = await shape(site, "/tests?name=fd_array_cnt/*")
    test = next(href for href in page.values("href") if re.fullmatch(r"/tests/\d+", href))
    said = "Flaky: in ninety days it failed 2 of 3 runs of unpatched trees (21\N{EN DASH}94 %), bpf-next with bpf-"
    page = await shape(site, test)
    assert said in page.words
    assert "/tests?name=fd_array_cnt&suite=test_progs" in page.values("href")


async def test_workers_that_are_silent_are_said_to_be(site: Site) -> None:
    page = await shape(site, "/workers")
    assert "1 alive" in page.words
    assert "spare/12/9 silent waits" in page.words


async def test_it_is_said_when_no_worker_is_alive(own_site: Site, stored: Session) -> None:
    assert "No worker is alive." not in (await shape(own_site, "/workers")).words
    stored.execute(update(Worker).values(seen_at=make.NOW - timedelta(minutes=2)))
    stored.commit()
    assert "No worker is alive. What is asked for waits" in (await shape(own_site, "/workers")).words


async def test_searching_says_what_was_looked_for(site: Site) -> None:
    assert "Nothing like that." in (await shape(site, "/?q=nobody+said+this")).words
    page = await shape(site, f"/?q={LOG}")
    assert "1 series" in page.words


@pytest.mark.parametrize(
    ("narrowed", "said"),
    [
        ("/?verdict=clean", "1 series"),
        ("/?verdict=does+not+boot", "0 series"),
        ("/runs?verdict=regressed", "2 runs"),
        ("/runs?state=running", "1 run"),
        ("/runs?state=&verdict=&kind=baseline", "1 run"),
    ],
)
async def test_a_list_is_narrowed_to_what_is_chosen(site: Site, narrowed: str, said: str) -> None:
    page = await shape(site, narrowed.format(run=site.example.runs[2].id))
    assert f" {said} " in page.words


async def test_the_results_of_a_run_are_narrowed_by_outcome_and_class(site: Site) -> None:
    run = site.example.runs[2].id
    assert _results(await shape(site, f"/runs/{run}?outcome=fail")) == {ITER, FLAKY, BROKEN}
    assert _results(await shape(site, f"/runs/{run}?class=regression&outcome=")) == {ITER}
    async with site.client() as client:
        answer = await client.get(f"/runs/{run}?outcome=nonsense")
    assert answer.status_code == 422


def _results(page: Shape) -> set[str]:
    """Return the tests in the table of results."""
    table = page.words.partition("Narrow test outcome")[2]
    return {name for name in (ITER, FLAKY, BROKEN, LOG, "verifier_log/case 1") if name in table}


async def test_an_empty_database_has_pages_too(client: object) -> None:
    for path, said in (
        ("/", "No series yet."),
        ("/runs", "No such run."),
        ("/tests", "No such test."),
        ("/threads", "Nothing is tracked yet."),
        ("/workers", "No worker."),
    ):
        answer = await client.get(path)  # type: ignore[attr-defined]
        assert answer.status_code == 200
        assert said in answer.text


async def test_a_revision_that_waits_claims_nothing_of_its_tests(own_site: Site, stored: Session) -> None:
    series = make.add_series(stored, "bpf: Waiting")
    revision = make.add_revision(stored, series)
    run = make.add_run(stored, revision, state=RunState.QUEUED, baseline_id=own_site.example.baseline.id)
    stored.commit()
    page = await shape(own_site, f"/series/{series.id}")
    assert "Tests that differ all tests No results yet." in page.words
    run.state, run.verdict, run.sentence = RunState.DONE, Verdict.DOES_NOT_BUILD, "v1 does not build: a.c:1: no."
    stored.commit()
    page = await shape(own_site, f"/series/{series.id}")
    assert "Tests that differ all tests No test was run." in page.words


async def test_times_of_tests_are_shown_where_a_suite_tells_them(own_site: Site, stored: Session) -> None:
    address = f"/runs/{own_site.example.runs[3].id}"
    assert "test outcome took" in (await shape(own_site, address)).words
    stored.execute(update(Result).values(duration_s=None))
    stored.commit()
    page = await shape(own_site, address)
    assert "test outcome netcnt/counters" in page.words
    assert "test outcome took" not in page.words


async def test_attempts_are_told_of_where_something_was_tried_again(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.runs[3].id)
    stored.add(Attempt(run_id=run.id, number=2, kind=AttemptKind.JUDGE, worker="w", ending="done"))
    stored.commit()
    assert "Attempts" not in (await shape(own_site, f"/runs/{run.id}")).words
    stored.add(Attempt(run_id=run.id, number=3, kind=AttemptKind.EXECUTE, worker="w", ending="done"))
    run.newest_attempt = 3
    stored.flush()
    make.add_step(stored, run, StepName.APPLY)
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Attempts 3 1 execute" in page.words
    assert "Steps attempt step" in page.words


async def test_a_run_that_waits_says_for_what(own_site: Site, stored: Session) -> None:
    run = stored.get_one(Run, own_site.example.running.id)
    run.state = RunState.WAITING
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Done, and waiting to be judged. This page follows it. Without scripts" in page.words
    stored.get_one(Run, own_site.example.baseline.id).state = RunState.RUNNING
    stored.commit()
    page = await shape(own_site, f"/runs/{run.id}")
    assert "Done, and waiting for its baseline. This page follows it. Baseline 1 is running." in page.words


async def test_threads_are_called_by_the_subject_of_the_mail_asked_for(own_site: Site, stored: Session) -> None:
    cover = stored.get_one(Message, own_site.example.revisions[0].cover_id)
    stored.get_one(Thread, own_site.example.thread.id).message_id = cover.message_id
    stored.commit()
    page = await shape(own_site, "/threads")
    assert f"{cover.subject}{cover.message_id} fetched" in page.words


async def test_a_revision_that_never_ran_says_so(own_site: Site, stored: Session) -> None:
    series = make.add_series(stored, "bpf: Untested")
    make.add_revision(stored, series, missing=[2], posted_at=make.NOW - timedelta(days=400))
    stored.commit()
    page = await shape(own_site, f"/series/{series.id}")
    assert "v1 has not been tested. 1 of its 2 patches never came." in page.words
    assert "not tested" in page.words
    assert "10 Mar 2025" in page.words
