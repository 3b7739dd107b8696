"""What a series makes fail now and then, and every time that the judge looked: found out before the mail goes out."""

import pytest
from sqlalchemy import select

from app.db.models import Attempt, AttemptKind, Change, CheckState, Report, RunState
from app.domain.outcome import ChangeClass, Verdict
from tests.workers.doubles import progs
from tests.workers.house import KSYM, House, known
from workers.ports import Ending

pytestmark = pytest.mark.anyio
JUDGED = 3
"""How often the judge sees a test fail that has always passed before."""


@pytest.fixture
def house(settings, sessions, tmp_path):
    made = House(settings, sessions, tmp_path)
    made.mailing()
    known(made, 0, 60)
    return made


def luck(whole, inside=""):
    """Return a script: `sometimes` in the source fails as the letters say, look by look, those of the whole series
    (its last patch says `end`) and those of single patches; P and F, and F where they are used up."""
    words = {True: list(whole), False: list(inside)}

    def script(source, tests, count):
        letters = words["end" in source]
        fails = "sometimes" in source and "bpf_iter" in tests and (letters.pop(0) if letters else "F") == "F"
        results = [(KSYM, "FAIL" if fails else "OK"), ("log_buf", "OK")]
        return progs(*[one for one in results if one[0].partition("/")[0] in tests]), Ending.FINISHED

    return script


def series(house, length, bad):
    """Post patches of which one brings what fails `sometimes`."""
    edits = [[f"line_{number};", f"line_{number}_good;"] for number in range(1, length + 1)]
    edits[bad - 1][1] += "sometimes;"
    edits[-1][1] += "end;"
    return house.posted(1, *map(tuple, edits))


def told(house):
    """Return how the run's test was classed and why, and which kinds of attempts there were."""
    with house.sessions() as session:
        (change,) = session.scalars(select(Change)).all()
        kinds = session.scalars(
            select(Attempt.kind).where(Attempt.run_id == house.run("v1").id).order_by(Attempt.number)
        ).all()
        return change.kind, change.reason, [kind for kind in kinds if kind is not AttemptKind.EXECUTE]


AGAIN = [AttemptKind.JUDGE, AttemptKind.PATCHES, AttemptKind.JUDGE, AttemptKind.PATCHES]


@pytest.mark.parametrize(("length", "bad"), [(1, 1), (4, 4)])
async def test_what_passes_at_last_with_the_last_patch_is_judged_again_and_flaky(house, length, bad):
    house.machine.script = luck("F" * JUDGED + "P")
    await house.track(series(house, length, bad))
    run = house.run("v1")
    assert (run.verdict, run.state) == (Verdict.CLEAN, RunState.DONE)
    kind, reason, attempts = told(house)
    assert kind is ChangeClass.FLAKY
    assert reason.endswith("patched failed 3 of 3; failed 2 of 3 in other runs of the same patches")
    assert attempts == AGAIN
    check, trials = house.checked()
    assert (check.state, check.findings) == (CheckState.DONE, [])
    assert len(trials) == length
    with house.sessions() as session:
        report = session.scalars(select(Report)).one()
    assert report.verdict is Verdict.CLEAN, "nobody was accused by mail before"


async def test_what_single_patches_show_now_and_then_is_looked_for_in_the_whole(house):
    """Patch 2 of 4 fails in its first look and passes in the next: the whole is booted until it passes as well."""
    house.machine.script = luck("F" * (JUDGED + 4) + "P", inside="FFP")
    await house.track(series(house, 4, 2))
    kind, reason, attempts = told(house)
    assert (kind, attempts) == (ChangeClass.FLAKY, AGAIN)
    assert reason.endswith("failed 6 of 7 in other runs of the same patches")


async def test_what_fails_each_time_stays_a_regression_though_a_single_patch_passes_now_and_then(house):
    house.machine.script = luck("", inside="FFP")
    await house.track(series(house, 4, 2))
    kind, _, attempts = told(house)
    assert (kind, attempts) == (ChangeClass.REGRESSION, AGAIN[:2])
    assert house.run("v1").verdict is Verdict.REGRESSED
    with house.sessions() as session:
        assert session.scalars(select(Report)).one().verdict is Verdict.REGRESSED


async def test_a_regression_of_a_single_patch_is_looked_at_as_often_as_any(house):
    house.machine.script = luck("")
    await house.track(series(house, 1, 1))
    kind, _, attempts = told(house)
    assert (kind, attempts) == (ChangeClass.REGRESSION, AGAIN[:2])
    alone = [tests for source, tests in house.machine.boots if "end" in source and tests == ("bpf_iter",)]
    assert len(alone) == 4
    assert house.checked()[0].findings == [], "a single patch is the series: it needs no name"
