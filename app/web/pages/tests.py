"""Tests and their history over the runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from app.db.models import Test
from app.db.queries import tests as queries
from app.db.queries.paging import Window
from app.errors import NotFoundError
from app.services.test_history import TestHistory, load_history
from app.web.pages.lists import Pager, pager
from app.web.parameters import Id, Now, Read, Words
from app.web.render import render
from app.web.steadiness import steadiness
from app.web.words import Chip, Statement, class_chip, outcome_chip

router = APIRouter(include_in_schema=False)
PER_PAGE = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class TestList:
    """The page of all tests."""

    __test__ = False  # pytest: not a test case

    lines: Sequence[queries.TestLine]
    pager: Pager
    name: str
    suite: str
    suites: Sequence[str]
    recent: int = queries.RECENT
    title: str = "Tests"
    place: str = "tests"


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRow:
    """One result with what it is called."""

    past: queries.PastResult
    chip: Chip
    made: Chip | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TestPage:
    """One test's history."""

    __test__ = False  # pytest: not a test case

    test: Test
    rows: Sequence[PastRow]
    pager: Pager
    history: TestHistory
    statement: Statement
    place: str = "tests"

    @property
    def title(self) -> str:
        """Its name."""
        return self.test.name


@router.get("/tests")
def list_tests(
    request: Request,
    session: Read,
    name: Annotated[Words, Query()] = "",
    suite: Annotated[Words, Query()] = "",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Show the tests by suite and name."""
    window = Window(page=page, limit=PER_PAGE)
    found = queries.list_tests(session, window, name=name or None, suite=suite or None)
    context = TestList(
        lines=found.items, pager=pager(request, found), name=name, suite=suite, suites=queries.suites(session)
    )  # fmt: skip
    return render(request, "tests/list.html", context)


@router.get("/tests/{test_id}")
def show_test(
    test_id: Id, request: Request, session: Read, now: Now, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> HTMLResponse:
    """Show what a test did in each run, the newest first."""
    test = queries.get_test(session, test_id)
    if test is None:
        raise NotFoundError(f"there is no test {test_id}")
    found = queries.history(session, test_id, Window(page=page, limit=PER_PAGE))
    lately = load_history(session, test, now=now)
    rows = [
        PastRow(
            past=past,
            chip=outcome_chip(past.result.outcome),
            made=class_chip(past.change.kind) if past.change and past.result.boot == 0 else None,
        )
        for past in found.items
    ]
    context = TestPage(
        test=test, rows=rows, pager=pager(request, found), history=lately, statement=steadiness(lately)
    )  # fmt: skip
    return render(request, "tests/show.html", context)
