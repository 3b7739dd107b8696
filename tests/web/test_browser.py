"""Every page in headless Chromium: light and dark, wide and narrow, nothing failing, nothing sticking out."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy.orm import Session

from app.db.models import Run, RunState
from app.domain.outcome import Outcome, Verdict
from app.domain.outcome import Step as StepName
from app.web.addresses import address_of_test
from tests import factories as make
from tests.example import FLAKY
from tests.printed import NAME, add_printed, add_programs
from tests.web.conftest import Site
from tests.web.pages.tried import add_patches

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PAGES = {
    "series-list": "/",
    "series": "/series/1",
    "series-v3": "/series/1?revision=v3",
    "series-v2": "/series/1?revision=v2",
    "comparison": "/series/1/compare?from=v2&to=v3",
    "compare": "/series/1/compare?from=v3&to=v4",
    "runs": "/runs",
    "run": "/runs/4",
    "run-failed": "/runs/3",
    "baseline": "/runs/1",
    "run-live": "/runs/6",
    "patch": "/patches/13",
    "message": "/messages/1",
    "tests": "/tests",
    "test": "/tests/1",
    "workers": "/workers",
    "threads": "/threads",
    "thread": "/threads/1",
    "thread-failed": "/threads/2",
    "report": "/reports/1",
    "sign-in": "/sign-in",
    "docs": "/docs",
    "not-found": "/series/4711",
}
SIZES = {"wide": 1400, "narrow": 400}
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
RULES = (Path(__file__).parent / "rules.js").read_text().partition("\n")[2]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


def shoot(page: Page, name: str) -> None:
    """Take a picture of the whole page into the folder that REROLL_SCREENSHOTS names, if it names one."""
    folder = os.environ.get("REROLL_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def watched(page: Page) -> list[str]:
    """Return a list that fills with what goes wrong on a page."""
    trouble: list[str] = []
    page.on("console", lambda said: trouble.append(said.text) if said.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: trouble.append(str(error)))
    page.on("requestfailed", lambda request: trouble.append(f"{request.url}: {request.failure}"))
    return trouble


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(browser: Browser, served: str, name: str, size: str) -> None:
    look(browser, served + PAGES[name], name, size)


@pytest.mark.parametrize("size", SIZES)
def test_the_pages_of_judging_are_whole(
    browser: Browser, own_site: Site, own_served: str, stored: Session, size: str
) -> None:
    """What the judge and the trial of each patch leave to look at, as logs of real tests look."""
    baseline, run = add_printed(stored)
    test = make.known_test(stored, NAME)
    for one, cost in ((baseline, 2000), (run, 2600)):
        programs = {"xdp_synproxy_kern.bpf.o/syncookie_xdp": (Outcome.PASS, 700, 361_349 + cost)}
        programs |= {"verifier_frob.bpf.o/a_program_with_a_name_that_does_not_want_to_end": (Outcome.PASS, 20, cost)}
        add_programs(stored, one, programs | {"loop1.bpf.o/nested_loops": (Outcome.PASS, 5981, 361_349)})
    add_patches(stored, stored.get_one(Run, own_site.example.runs[2].id))
    make.add_ignore(stored, "verifier_*", suite="test_progs", tree="bpf-next", ended_by="ben", ended_at=make.NOW)
    stored.commit()
    addresses = {
        "verifier-log": address_of_test(run.id, test),
        "verifier-log-base": address_of_test(run.id, test, query="boot=1&side=base"),
        "log-diff": address_of_test(run.id, test, query=f"with={baseline.id}"),
        "log-diff-exact": address_of_test(run.id, test, query=f"with={baseline.id}&exact=1"),
        "veristat": f"/runs/{run.id}/veristat",
        "veristat-base": f"/runs/{baseline.id}/veristat",
        "run-patches": f"/runs/{own_site.example.runs[2].id}",
        "test-history": f"/tests/{make.known_test(stored, FLAKY).id}",
        "ignores": "/ignores?pattern=verifier_frob&suite=test_progs",
    }
    for name, address in addresses.items():
        look(browser, own_served + address, name, size)


def look(browser: Browser, address: str, name: str, size: str) -> None:
    """Look at a page in light and dark: nothing fails, sticks out, or breaks the rules for everybody."""
    with browser.new_context(color_scheme="light", viewport={"width": SIZES[size], "height": 900}) as context:
        page = context.new_page()
        trouble = watched(page)
        answer = page.goto(address)
        assert answer is not None
        assert answer.status == (404 if name == "not-found" else 200)
        light = page.evaluate(BACKGROUND)
        for colours in ("light", "dark"):
            page.emulate_media(color_scheme=colours)
            shoot(page, f"{name}-{size}-{colours}")
            assert page.evaluate(OVERFLOW) <= 0, name
            assert page.evaluate(RULES) == [], name
        assert page.evaluate(BACKGROUND) != light
        assert page.locator("h1").count() == 1
        assert [one for one in trouble if name != "not-found" or "404" not in one] == []


def test_slash_focuses_the_search(browser: Browser, served: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(served + "/series/1")
        page.keyboard.press("/")
        assert page.evaluate("document.activeElement.id") == "search"
        page.keyboard.type("a/b")
        assert page.locator("#search").input_value() == "a/b"


def test_the_first_tab_stop_skips_to_the_content(browser: Browser, served: str) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(served + "/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip-link"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "content"


def test_somebody_signs_in_by_a_link_and_runs_a_revision_again(
    browser: Browser, own_site: Site, own_served: str, stored: Session
) -> None:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(own_served + "/series/1?revision=v4")
        page.get_by_role("button", name="Run again").click()
        assert page.url.startswith(own_served + "/sign-in?next=")
        page.goto(f"{page.url}#token={own_site.bearer}")
        page.wait_for_function("document.activeElement.id === 'sign-in'")
        assert own_site.bearer not in page.url
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(own_served + "/series/1?revision=v4")
        page.get_by_role("button", name="Run again").click()
        page.wait_for_url("**/runs/*")
        run = stored.get_one(Run, int(page.url.rpartition("/")[2]))
        assert run.requested_by == "the tests"
        assert page.evaluate("document.cookie") == ""


def test_the_page_of_a_run_follows_it_to_its_verdict(
    browser: Browser, own_site: Site, own_served: str, stored: Session
) -> None:
    run = stored.get_one(Run, own_site.example.running.id)
    with browser.new_context() as context:
        page = context.new_page()
        trouble = watched(page)
        page.goto(f"{own_served}/runs/{run.id}")
        log = page.locator("#live-log")
        log.get_by_text("LD vmlinux").wait_for(timeout=20_000)
        boot = make.add_step(stored, run, StepName.BOOT, None)
        make.add_log(stored, boot, "console", b"<b>Linux version</b>\r\n")
        stored.commit()
        log.get_by_text("<b>Linux version</b>").wait_for(timeout=20_000)
        assert "vmlinux" not in log.inner_text()
        assert page.locator("#live-title").inner_text() == "boot · console"
        assert "boot" in page.locator("#steps").inner_text()
        run.evidence = run.evidence | {"first_verdict": {"sentence": "So far <i>v4</i> is clean.", "seconds": 61.5}}
        stored.commit()
        page.get_by_text("So far <i>v4</i> is clean.").wait_for(timeout=20_000)
        run.state, run.verdict, run.sentence = RunState.DONE, Verdict.CLEAN, "v4 is clean."
        stored.commit()
        page.get_by_text("v4 is clean").wait_for(timeout=20_000)
        assert page.locator("#live-log").count() == 0
        # The stream of the page that was left ends in the middle.
        assert [one for one in trouble if "ERR_ABORTED" not in one] == []


def test_a_reader_who_leaves_a_live_page_is_no_trouble(
    browser: Browser, own_site: Site, own_served: str, capfd: pytest.CaptureFixture[str]
) -> None:
    for _ in range(8):
        with browser.new_context() as context:
            page = context.new_page()
            page.goto(f"{own_served}/runs/{own_site.example.running.id}")
            page.locator("#live-log").get_by_text("LD vmlinux").wait_for(timeout=20_000)
    assert httpx.get(f"{own_served}/healthz").text == "ok\n"
    said = capfd.readouterr()
    assert "Error" not in said.err + said.out
