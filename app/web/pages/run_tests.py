"""One test in one run: what was expected beside what the log says; and its output compared with another run's."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from app.db.models import Change, Result, Run, Test
from app.db.queries.outputs import Output, change_of_test, has_results_of, read_output, runs_of_series
from app.domain.output_diff import PartDiff, diff_outputs
from app.domain.test_output import Part, PartKind, parts
from app.domain.verifier_log import find_checks
from app.services.reproducing import load_recipe
from app.services.test_outputs import Pair, TestOfRun, find_test_of_run, pair_of
from app.web.addresses import address_of_test
from app.web.again import Again, again
from app.web.parameters import BIGGEST_ID, Id, Read, settings_of
from app.web.render import plural, render
from app.web.test_log import CheckView, LogLine, Room, check_views
from app.web.words import Chip, class_chip, outcome_chip

router = APIRouter(include_in_schema=False)
CONTEXT = 3
ALL = 100_000
MOST_OF_DIFF = 12_000
"""Lines of a comparison on a page, of all parts together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BootLink:
    """One boot of the test: what it is called, how it ended there, and where it is shown."""

    words: str
    chip: Chip
    href: str
    here: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Against:
    """A run to compare with; `here`: the page does."""

    words: str
    href: str
    here: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IteratorView:
    """What was read of an iterator; `elsewhere` is the boot that it was read in, where that is not the page's own."""

    target: str
    lines: Sequence[LogLine]
    elsewhere: BootLink | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunTestPage:
    """One test in one boot of a run. `log_href` leads to the whole log in plain text, "" where it is not kept."""

    run: Run
    test: Test
    ordinal: int
    result: Result
    change: Change | None
    chips: Sequence[Chip]
    sentence: str
    checks: Sequence[CheckView]
    iterators: Sequence[IteratorView]
    log: Sequence[LogLine]
    output: Output
    log_href: str
    boots: Sequence[BootLink]
    against: Sequence[Against]
    again: Again | None = None
    place: str = "runs"

    @property
    def title(self) -> str:
        """The test and the run."""
        return f"{self.test.name} in run {self.run.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputDiffPage:
    """What a test printed in two runs; `left` and `right` say of which boots, and are where to."""

    run: Run
    test: Test
    ordinal: int
    with_run: int
    left: Against
    right: Against
    against: Sequence[Against]
    parts: Sequence[PartDiff]
    same: int
    moved: int
    folded_href: str
    unfolded_href: str
    whole_href: str
    exact: bool
    nothing: str
    place: str = "runs"

    @property
    def title(self) -> str:
        """The test and both runs."""
        return f"{self.test.name}: run {self.run.id} against run {self.with_run}"


class Asked(BaseModel):
    """What a page of a test is asked for; with `with` it compares with that run."""

    ordinal: int = Field(default=0, ge=0, le=100_000)
    boot: int = Field(default=0, ge=0, le=1000)
    side: Literal["patched", "base"] = "patched"
    with_run: int | None = Field(default=None, alias="with", ge=1, le=BIGGEST_ID)
    exact: bool = False
    whole: bool = False


@router.get("/runs/{run_id}/tests/{suite}/{name:path}")
def show_test_of_run(
    run_id: Id, suite: str, name: str, request: Request, session: Read, asked: Annotated[Asked, Query()]
) -> HTMLResponse:
    """Show one test of one run, or its output compared with that of another run."""
    found = find_test_of_run(session, run_id, suite, name, asked.ordinal)
    if asked.with_run is not None:
        pair = pair_of(session, found, asked.with_run)
        return render(request, "tests/diff.html", _diff_page(session, found, pair, asked))
    result = found.boot(asked.boot, on_base=asked.side == "base")
    page = _page(session, found, result)
    if result.outcome.failed:
        recipe = load_recipe(session, settings_of(request), found.run, found.run.revision)
        page = replace(page, again=again(recipe, found.test))
    return render(request, "tests/run.html", page)


def _page(session: Session, found: TestOfRun, result: Result) -> RunTestPage:
    output = read_output(session, result)
    room = Room()
    checks = check_views(find_checks(output.lines), room) if result.outcome.failed else []
    change = change_of_test(session, found.run.id, found.test.id, found.ordinal)
    centre = next((at for at, line in enumerate(output.lines, start=1) if ":FAIL:" in line.partition(" ")[0]), 1)
    place = output.place
    return RunTestPage(
        run=found.run,
        test=found.test,
        ordinal=found.ordinal,
        result=result,
        change=change,
        chips=[outcome_chip(result.outcome), *([class_chip(change.kind)] if change and not result.boot else [])],
        sentence=_sentence(result, [check.sentence for check in checks]),
        checks=checks,
        iterators=_iterators(session, found, result, output, room),
        log=room.numbered(output.lines, centre=centre),
        output=output,
        log_href="" if place is None else f"/api/v1/steps/{place.step_id}/logs/{place.name}",
        boots=[_boot_link(found, one, here=one is result) for one in found.boots],
        against=_against(session, found),
    )


def _iterators(session: Session, found: TestOfRun, result: Result, output: Output, room: Room) -> list[IteratorView]:
    """Return what was read of iterators: of a test that failed among others, when it was run again with the patches."""
    read, elsewhere = _read_of_iterators(output), None
    alone = next((one for one in found.boots if one.boot and not one.on_base), None)
    if not read and alone is not None and result.outcome.failed and not result.boot:
        read = _read_of_iterators(read_output(session, alone))
        elsewhere = _boot_link(found, alone, here=False)
    return [IteratorView(target=part.title, lines=room.numbered(part.lines), elsewhere=elsewhere) for part in read]


def _read_of_iterators(output: Output) -> list[Part]:
    return [part for part in parts(output.lines) if part.kind is PartKind.ITERATOR]


def _sentence(result: Result, sentences: Sequence[str]) -> str:
    """Return why it failed: by the first check, and how many more there are."""
    if not sentences:
        return result.message or ""
    more = f"; {plural(len(sentences) - 1, 'more check')} failed" if sentences[1:] else ""
    return f"{sentences[0][:1].upper()}{sentences[0][1:]}{more}."


def _boot_link(found: TestOfRun, result: Result, *, here: bool) -> BootLink:
    words = "with the others"
    query = ""
    if result.boot:
        side = "base" if result.on_base else "patched"
        words, query = f"alone, {side} {result.boot}", f"boot={result.boot}&side={side}"
    href = address_of_test(found.run.id, found.test, found.ordinal, query)
    return BootLink(words=words, chip=outcome_chip(result.outcome), href=href, here=here)


def _against(session: Session, found: TestOfRun, with_run: int | None = None) -> list[Against]:
    others = runs_of_series(session, found.run, has_results_of(found.test.id))
    runs = [(run_id, f"{label} (run {run_id})") for run_id, label in others]
    if found.run.baseline_id is not None:
        runs.insert(0, (found.run.baseline_id, "the base"))
    return [
        Against(
            words=words,
            href=address_of_test(found.run.id, found.test, found.ordinal, f"with={run_id}"),
            here=run_id == with_run,
        )
        for run_id, words in runs
    ]


def _diff_page(session: Session, found: TestOfRun, pair: Pair, asked: Asked) -> OutputDiffPage:
    context = ALL if asked.whole else CONTEXT
    again = pair.again.lines if pair.again else None
    compared = diff_outputs(pair.left.lines, pair.right.lines, again=again, context=context, exact=asked.exact)

    def href(query: str) -> str:
        return address_of_test(found.run.id, found.test, found.ordinal, f"with={pair.with_run.id}{query}")

    return OutputDiffPage(
        run=found.run,
        test=found.test,
        ordinal=found.ordinal,
        with_run=pair.with_run.id,
        left=_side(found, pair.left.result, pair.with_run),
        right=_side(found, pair.right.result, found.run),
        against=_against(session, found, pair.with_run.id),
        parts=_as_many_lines([part for part in compared if not part.same]),
        same=sum(part.same for part in compared),
        moved=sum(part.diff.moved for part in compared),
        folded_href=href(""),
        unfolded_href=href("&exact=1"),
        whole_href=href("&whole=1"),
        exact=asked.exact,
        nothing=_nothing(pair),
    )


def _side(found: TestOfRun, result: Result, run: Run) -> Against:
    """Say which boot one side of a comparison is: whose, of which run, and how it ended."""
    side = "base" if result.on_base and result.boot else "patched"
    query = f"boot={result.boot}&side={side}" if result.boot else ""
    if result.on_base and result.boot:
        words = f"the base, booted alone for run {result.run_id}"
    else:
        whose = run.revision.label if run.revision else "the base"
        words = f"{whose}, run {result.run_id}{', alone' if result.boot else ''}"
    href = address_of_test(result.run_id, found.test, found.ordinal, query)
    return Against(words=f"{words}: {result.outcome}", href=href)


def _as_many_lines(compared: Sequence[PartDiff]) -> list[PartDiff]:
    """Leave out lines beyond what a page has room for; each part keeps its figures and counts."""
    room, fitting = MOST_OF_DIFF, []
    for part in compared:
        lines = part.diff.lines[:room]
        left_out = part.diff.left_out + len(part.diff.lines) - len(lines)
        fitting.append(replace(part, diff=replace(part.diff, lines=lines, left_out=left_out)))
        room -= len(lines)
    return fitting


def _nothing(pair: Pair) -> str:
    """Return why there is nothing to compare, "" where there is."""
    silent = [one.result for one in (pair.left, pair.right) if not one.lines]
    if not silent:
        return ""
    runs = " and ".join(f"run {one.run_id}" for one in silent)
    return f"{runs} kept no output of this test: one that passes prints none, but when the judge runs it alone"
