"""What is said of a run while most of its tests still run: real queue and database, a machine that takes its time."""

import asyncio
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.db.models import Ignore, Run
from app.domain.outcome import Verdict
from tests.workers.doubles import ScriptedBuilder, ScriptedMachine
from tests.workers.house import House, plain_script
from workers.ports import Boot, Ending, Image

pytestmark = pytest.mark.anyio
BAD = ("line_3;", "line_3_bad;")
FINE = ("line_3;", "line_3_fine;")


class FirstBuilder(ScriptedBuilder):
    """Images with one test that comes before the other; `base_lacks` is not built of the base."""

    base_lacks = ""

    async def build(self, *given, **more) -> Image:
        image = replace(await super().build(*given, **more), first=("bpf_iter",))
        if self.base_lacks and "bad" not in self.texts[image.key]:
            tests = tuple(test for test in image.tests if test != self.base_lacks)
            image = replace(image, tests=tests, not_built=((self.base_lacks, "it does not build"),), first=())
        self.images[image.key] = image
        return image


@dataclass
class SlowMachine(ScriptedMachine):
    """Pauses when the second test has begun to say something; keeps what the run's row said before and after that."""

    house: House | None = None
    seen: list[str | None] = field(default_factory=list)

    async def run(self, image, profile, *, tests, console, results, verbose=False) -> Boot:
        whole = bytearray()
        boot = await super().run(image, profile, tests=tests, console=console, results=whole.extend, verbose=verbose)
        before, mark, after = bytes(whole).partition(b"log_buf:OK\n")
        results(before)
        await asyncio.sleep(0.3)
        self._look()
        results(mark + after[:20])
        await asyncio.sleep(0.3)
        self._look()
        results(after[20:])
        return boot

    def _look(self) -> None:
        with self.house.sessions() as session:
            runs = session.query(Run).filter(Run.revision_id.is_not(None), Run.results_attempt.is_(None)).all()
            self.seen += [(run.evidence.get("first_verdict") or {}).get("sentence") for run in runs]


@pytest.fixture
def house(settings, sessions, tmp_path):
    made = House(settings, sessions, tmp_path)
    profile = made.settings.profiles["bpf-quick"].model_copy(update={"patches": "off"})
    made.settings = made.settings.model_copy(update={"profiles": {"bpf-quick": profile}})
    made.builder = FirstBuilder(tmp_path)
    made.machine = SlowMachine(made.builder, made.machine.script, house=made)
    made.context = replace(made.context, settings=made.settings, builder=made.builder, machine=made.machine)
    return made


async def test_the_first_verdict_is_there_before_the_other_tests_and_stays_beside_the_last(house):
    await house.track(house.posted(1, FINE))
    run = house.run("v1")
    sentence = "So far v1 is clean. 2 tests are as on the base. Still to come: log_buf."
    assert house.machine.seen[-2:] == [None, sentence]
    assert run.verdict is Verdict.CLEAN
    kept = run.evidence["first_verdict"]
    assert (kept["sentence"], kept["attempt"]) == (sentence, 1)
    assert 0 < kept["seconds"] < (run.finished_at - run.started_at).total_seconds()


async def test_a_first_failure_is_no_accusation_yet(house):
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.evidence["first_verdict"]["sentence"] == (
        "So far 1 test fails with v1 and not on the base: bpf_iter/ksym. That has to be seen again before v1 is "
        "blamed. Still to come: log_buf."
    )
    assert run.verdict is Verdict.REGRESSED


async def test_what_the_last_verdict_does_not_hold_against_a_series_the_first_does_not_either(house):
    house.builder.base_lacks = "bpf_iter"
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert run.evidence["first_verdict"]["sentence"].startswith("So far v1 is clean.")


async def test_a_failure_that_is_ignored_is_none_at_first_either(house):
    now = datetime.now(UTC)
    with house.sessions.begin() as session:
        entry = {"pattern": "bpf_iter", "reason": "slow", "owner": "ann", "created_by": "ann"}
        session.add(Ignore(**entry, expires_at=now + timedelta(days=1)))
    await house.track(house.posted(1, BAD))
    assert house.run("v1").evidence["first_verdict"]["sentence"].startswith("So far v1 is clean.")


async def test_what_an_attempt_without_results_said_first_is_not_said_any_more(house):
    times = []

    def fails_once(source, tests, count):
        lines, ending = plain_script(source, tests, count)
        if "fine" in source:
            times.append(count)
            return lines, Ending.TIME_LIMIT if len(times) == 1 else ending
        return lines, ending

    house.machine.script = fails_once
    await house.track(house.posted(1, FINE))
    run = house.run("v1")
    assert len(times) == 2
    assert run.evidence["first_verdict"]["attempt"] == run.results_attempt == 2
    said = [one for one in house.machine.seen if one]
    assert len(said) == 2
    assert house.machine.seen[house.machine.seen.index(said[0]) + 1] is None
