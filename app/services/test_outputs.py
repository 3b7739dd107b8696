"""What one test printed in a run, and which output of it is to be compared with which of another run."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.db.models import Result, Run, Test
from app.db.queries import outputs as queries
from app.db.queries.outputs import Output
from app.db.queries.runs import get_run
from app.errors import NotFoundError


@dataclass(frozen=True, slots=True, kw_only=True)
class TestOfRun:
    """A test in a run: its boots, those of the run's own image and of the unpatched one that the judge booted."""

    __test__ = False  # pytest: not a test case

    run: Run
    test: Test
    ordinal: int
    boots: Sequence[Result]

    @property
    def own(self) -> list[Result]:
        """The boots of the run's own image."""
        return [one for one in self.boots if not (one.boot and one.on_base)]

    @property
    def of_base(self) -> list[Result]:
        """The judge's boots of the unpatched image."""
        return [one for one in self.boots if one.boot and one.on_base]

    def boot(self, number: int, *, on_base: bool) -> Result:
        """Return one boot's result.

        Raises:
            NotFoundError: there is none.
        """
        for one in self.of_base if on_base and number else self.own:
            if one.boot == number:
                return one
        raise NotFoundError(f"run {self.run.id} has no result of {self.test.name} in that boot")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two outputs of a test to compare; `left` is the other run's, `again` of another boot of that side like it.

    Where the other run is the baseline, `left` may be of a boot of the base that the judge of this run made.
    """

    with_run: Run
    left: Output
    right: Output
    again: Output | None


def find_test_of_run(session: Session, run_id: int, suite: str, name: str, ordinal: int) -> TestOfRun:
    """Return a test with its results in a run.

    Raises:
        NotFoundError: there is no such run, no such test, or it was not run there.
    """
    run = get_run(session, run_id)
    if run is None:
        raise NotFoundError(f"there is no run {run_id}")
    clean = "\x00" not in suite + name
    test = queries.find_test(session, suite, name) if clean else None
    boots = [] if test is None else queries.boots_of_test(session, run_id, test.id, ordinal)
    if test is None or not boots:
        raise NotFoundError(f"run {run_id} has no result of {name} ({suite})")
    return TestOfRun(run=run, test=test, ordinal=ordinal, boots=boots)


def pair_of(session: Session, found: TestOfRun, with_run: int) -> Pair:
    """Return the two outputs that compare best: logs of confirming boots, which have all, before those of the runs.

    A test that passes prints nothing in a run's own boot; the judge's boots of the base print all.

    Raises:
        NotFoundError: there is no such run, or it did not run this test.
    """
    other = find_test_of_run(session, with_run, found.test.suite, found.test.name, found.ordinal)
    theirs = [*found.of_base, *other.own] if with_run == found.run.baseline_id else list(other.own)
    mine = list(found.own)
    if other.run.baseline_id == found.run.id:  # the other way about
        mine = [*other.of_base, *mine]
    left, right = _loud(theirs), _loud(mine)
    if not (left and right):
        left, right = left or _printed(theirs), right or _printed(mine)
        quiet = _own_boots(theirs, mine)
        left, right = quiet or (left, right)
    left, right = left or theirs[0], right or mine[0]
    others = [one for one in theirs if one.boot and left.boot and one is not left and one.run_id == left.run_id]
    another = _loud([one for one in others if one.on_base == left.on_base])
    return Pair(
        with_run=other.run,
        left=queries.read_output(session, left),
        right=queries.read_output(session, right),
        again=None if another is None else queries.read_output(session, another),
    )


def _loud(results: Sequence[Result]) -> Result | None:
    """Return the first confirming boot with a log; one that failed before one that did not."""
    loud = [one for one in results if one.boot and one.log_start is not None]
    return next((one for one in loud if one.outcome.failed), loud[0] if loud else None)


def _printed(results: Sequence[Result]) -> Result | None:
    return next((one for one in results if one.log_start is not None), None)


def _own_boots(theirs: Sequence[Result], mine: Sequence[Result]) -> tuple[Result, Result] | None:
    """Return the runs' own boots, where both printed something: they ran under like conditions."""
    left, right = (
        next((one for one in side if not one.boot and one.log_start is not None), None) for side in (theirs, mine)
    )
    return (left, right) if left and right else None
