"""What a series is blamed for, through the real queue and database: history, the list to ignore, very many suspects."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from app.db.models import Attempt, AttemptKind, Change, Ignore, Report, Result, Run, Test
from app.domain.confirming import SAMPLE
from app.domain.outcome import ChangeClass, Outcome, Verdict
from app.errors import InfrastructureError
from tests import factories as make
from tests.workers.doubles import ScriptedBuilder, progs
from tests.workers.house import GOOD, KSYM, House, known, plain_script
from workers.ports import Ending

pytestmark = pytest.mark.anyio
BAD = ("line_3;", "line_3_bad;")


@pytest.fixture
def house(settings, sessions, tmp_path):
    made = House(settings, sessions, tmp_path)
    profile = made.settings.profiles["bpf-quick"].model_copy(update={"patches": "off"})
    made.settings = made.settings.model_copy(update={"profiles": {"bpf-quick": profile}})
    made.context = replace(made.context, settings=made.settings)
    return made


def again(house):
    """Return how often the suspect was run again, alone: on the patched and on the unpatched tree."""
    alone = ["bad" in source for source, tests in house.machine.boots if tests == ("bpf_iter",)]
    return alone.count(True), alone.count(False)


async def test_a_regression_of_a_test_that_always_passed_takes_two_runs_again(house):
    known(house, 0, 60)
    await house.track(house.posted(1, BAD))
    assert house.changes(house.run("v1")) == {KSYM: ChangeClass.REGRESSION}
    assert again(house) == (2, 2)


async def test_a_test_that_fails_thrice_and_passes_thrice_by_luck_is_nobodys_doing(house):
    """It failed in each of three boots with the patches, and passed in each of three without: that is too few."""

    def script(source, tests, count):
        word = "FAIL" if "bad" in source and count != 3 else "OK"
        return progs(*[(KSYM, word), ("log_buf", "OK")][: 1 if tests == ("bpf_iter",) else 2]), Ending.FINISHED

    house.machine.script = script
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {KSYM: ChangeClass.FLAKY}
    assert again(house) == (3, 3)


async def test_a_regression_of_a_test_that_once_flaked_takes_more_runs_and_does_not_vanish(house):
    known(house, 1, 20)
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert house.changes(run) == {KSYM: ChangeClass.REGRESSION}
    # 1 of 20, the baseline's own pass and two more: the rate may be 21 %, and three failures in a row no chance
    assert again(house) == (3, 2)
    weighed = run.evidence["weighed"]
    assert [one["key"]["name"] for one in weighed] == [KSYM]
    assert weighed[0]["history"]["words"] == "failed 1 of 21 runs of unpatched trees (1\N{EN DASH}23 %)"


async def test_what_often_fails_by_itself_is_flaky_with_its_figures(house):
    known(house, 10, 20)
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {KSYM: ChangeClass.FLAKY}
    assert "1 test is flaky" in run.sentence
    with house.sessions() as session:
        reason = session.scalars(select(Change.reason)).one()
    assert reason.startswith("base passed 3 of 3, patched failed 9 of 9; failed 10 of 21 runs of unpatched trees")


async def test_what_passes_once_is_run_no_further(house):
    def script(source, tests, count):
        word = "FAIL" if "bad" in source and count < 3 else "OK"
        return progs(*[(KSYM, word), ("log_buf", "OK")][: 1 if tests == ("bpf_iter",) else 2]), Ending.FINISHED

    house.machine.script = script
    known(house, 8, 20)
    await house.track(house.posted(1, BAD))
    assert house.changes(house.run("v1")) == {KSYM: ChangeClass.FLAKY}
    assert again(house) == (3, 2)


@pytest.mark.parametrize("first", ["OK", "FAIL"])
async def test_what_passed_with_the_same_patches_in_another_run_is_flaky_with_them(house, first):
    """It fails each time now, and would be blamed if it had failed each time in the first run as well."""
    known(house, 0, 60)
    words = {"bad": first}

    def script(source, tests, count):
        word = words["bad"] if "bad" in source else "OK"
        return progs(*[(KSYM, word), ("log_buf", "OK")][: 1 if tests == ("bpf_iter",) else 2]), Ending.FINISHED

    house.machine.script = script
    await house.track(house.posted(1, BAD))
    words["bad"] = "FAIL"
    run = await house.rerun()
    if first == "FAIL":
        assert house.changes(run) == {KSYM: ChangeClass.REGRESSION}
        return
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {KSYM: ChangeClass.FLAKY}
    with house.sessions() as session:
        reason = session.scalars(select(Change.reason).where(Change.run_id == run.id)).one()
    assert reason.endswith("patched failed 3 of 3; passed 1 of 1 in other runs of the same patches")


async def test_a_failure_that_is_ignored_costs_no_boot_and_blames_nobody(house):
    with house.sessions.begin() as session:
        now = datetime.now(UTC)
        entry = {"reason": "needs an NMI", "owner": "ann@example.org", "created_by": "ann", "created_at": now}
        session.add(Ignore(pattern="bpf_iter/k*", expires_at=now + timedelta(days=1), **entry))
        session.add(Ignore(pattern="log_buf", expires_at=now - timedelta(seconds=1), **entry))
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {KSYM: ChangeClass.IGNORED}
    assert "1 failure is ignored" in run.sentence
    assert again(house) == (0, 0)
    (weighed,) = run.evidence["weighed"]
    assert (weighed["ignore"]["reason"], weighed["ignore"]["owner"]) == ("needs an NMI", "ann@example.org")
    assert run.evidence["counts"]["ignored"] == 1


async def test_an_entry_that_expired_counts_no_more(house):
    with house.sessions.begin() as session:
        now = datetime.now(UTC)
        session.add(
            Ignore(
                pattern="bpf_iter", reason="slow", owner="ann", created_by="ann", expires_at=now - timedelta(seconds=1)
            )
        )
    await house.track(house.posted(1, BAD))
    assert house.run("v1").verdict is Verdict.REGRESSED


VERISTAT = (
    '@@reroll {"event":"begin","suite":"veristat"}',
    "file_name,prog_name,verdict,total_states,total_insns",
    "verifier_x.bpf.o,bad_pointer,failure,1,2",
    '@@reroll {"event":"end","suite":"veristat","exit":0}',
)


@pytest.mark.parametrize(("path", "verdict"), [("verifier_x.c", Verdict.CLEAN), ("other.c", Verdict.REGRESSED)])
async def test_a_program_that_a_series_adds_to_be_refused_is_no_failure_of_its_own(house, path, verdict):
    def script(source, tests, count):
        lines, ending = plain_script(source, [*tests, "bpf_iter"], count)
        return ([*lines[:-1], *VERISTAT, lines[-1]] if "refused" in source else lines), ending

    house.machine.script = script
    program = ("", "int x;\n", f"tools/testing/selftests/bpf/progs/{path}")
    await house.track(house.posted(1, ("line_3;", "line_3_refused;"), program))
    run = house.run("v1")
    assert run.verdict is verdict
    if verdict is Verdict.CLEAN:
        assert house.changes(run) == {}


class LeavesOut(ScriptedBuilder):
    """Leaves log_buf out of what it makes of the patches, as `reason` says, or because their tree has it no more."""

    reason = ""

    async def build(self, checkout, profile, *, files, key, log):
        image = await super().build(checkout, profile, files=files, key=key, log=log)
        if "without" in self.texts[key]:
            absent = {"not_built": (("log_buf", "not in this tree"),), "absent": ("log_buf",)}
            unable = {"not_built": (("log_buf", self.reason),)}
            self.images[key] = replace(image, tests=("bpf_iter",), **(unable if self.reason else absent))
        return self.images[key]


@pytest.mark.parametrize(
    ("reason", "kind"), [("", ChangeClass.DISAPPEARED), ("pahole 1.24 is too old for it", ChangeClass.NOT_RUN)]
)
async def test_what_the_patches_took_out_of_the_tree_is_gone_and_not_merely_not_built(house, tmp_path, reason, kind):
    builder = LeavesOut(tmp_path)
    builder.reason = reason
    house.machine.builder = builder
    house.context = replace(house.context, builder=builder)
    await house.track(house.posted(1, ("line_3;", "line_3_without;")))
    run = house.run("v1")
    assert house.changes(run) == {"log_buf": kind}
    with house.sessions() as session:
        of_test = select(Result.outcome, Result.message).join(Result.test).where(Test.name == "log_buf")
        found = session.execute(of_test.where(Result.run_id == run.id)).all()
    assert found == ([(Outcome.SKIP, f"not built: {reason}")] if reason else []), "what cannot be built here is skipped"


class ManyTests(ScriptedBuilder):
    """Builds an image with three hundred tests."""

    NAMES = tuple(f"lost_{number:03}" for number in range(300))

    async def build(self, checkout, profile, *, files, key, log):
        image = await super().build(checkout, profile, files=files, key=key, log=log)
        self.images[key] = replace(image, tests=self.NAMES)
        return self.images[key]


def losing(excused=()):
    """Play a kernel that lost a feature: with `bad` every test fails, the excused ones in the first boot only."""

    def script(source, tests, count):
        bad = "bad" in source
        return progs(
            *[(name, "FAIL" if bad and (count == 0 or name not in excused) else "OK") for name in tests]
        ), Ending.FINISHED

    return script


@pytest.fixture
def many(house, tmp_path):
    house.builder = ManyTests(tmp_path)
    house.machine.builder = house.builder
    house.context = replace(house.context, builder=house.builder)
    return house


async def test_three_hundred_regressions_at_once_take_four_boots_of_a_sample_and_one_sentence(many):
    many.machine.script = losing()
    await many.track(many.posted(1, BAD))
    run = many.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert run.sentence.startswith("v1 regresses 300 tests: lost_000, lost_001, lost_002 and 297 more")
    assert len(run.sentence) < 300
    assert [len(tests) for _, tests in many.machine.boots] == [300, 300, *[SAMPLE] * 4]


async def test_where_the_sample_is_not_of_one_kind_all_are_run_again(many):
    flaky = {ManyTests.NAMES[0], ManyTests.NAMES[150]}
    many.machine.script = losing(flaky)
    await many.track(many.posted(1, BAD))
    changes = many.changes(many.run("v1"))
    assert {name for name, kind in changes.items() if kind is ChangeClass.FLAKY} == flaky
    assert list(changes.values()).count(ChangeClass.REGRESSION) == 298
    assert [len(tests) for _, tests in many.machine.boots][6:] == [300 - SAMPLE] * 4 + [298] * 4


async def test_no_boot_is_said_only_after_the_base_has_booted_again_also_where_the_base_dies_later(house):
    def script(source, tests, count):
        if "hang" in source:
            return [], Ending.NO_BOOT
        return GOOD[:4], Ending.DIED

    house.machine.script = script
    await house.track(house.posted(1, ("line_3;", "line_3_hang;")))
    assert house.run("v1").verdict is Verdict.DOES_NOT_BOOT
    sources = ["hang" in source for source, _ in house.machine.boots]
    assert sources[-4:] == [False, True] * 2


async def test_a_machine_that_comes_up_at_the_third_time_boots(house):
    def script(source, tests, count):
        return ([], Ending.NO_BOOT) if "hang" in source and count < 2 else (GOOD, Ending.FINISHED)

    house.machine.script = script
    await house.track(house.posted(1, ("line_3;", "line_3_hang;")))
    assert house.run("v1").verdict is Verdict.CLEAN


async def test_a_time_limit_of_ours_in_a_confirming_boot_is_trouble_of_ours(house):
    """The one failure it was to confirm is nobody's until it could be."""

    def script(source, tests, count):
        if tests == ("bpf_iter",):
            return GOOD[:2], Ending.TIME_LIMIT
        return progs((KSYM, "FAIL" if "bad" in source else "OK"), ("log_buf", "OK")), Ending.FINISHED

    house.machine.script = script
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "bpf_iter had no result after 2 s, alone" in run.sentence
    with house.sessions() as session:
        assert session.scalar(select(func.count(Report.id))) == 0


async def test_what_the_base_had_no_time_for_is_not_new_with_the_series(house):
    """One machine of the base dies, the next runs out of time in the last test, of which a part fails with patches."""

    def script(source, tests, count):
        if "bad" in source:
            return progs((KSYM, "OK"), ("log_buf/part", "FAIL"), ("log_buf", "FAIL")), Ending.FINISHED
        return GOOD[:2], Ending.PANIC if "bpf_iter" in tests else Ending.TIME_LIMIT

    house.machine.script = script
    await house.track(house.posted(1, BAD))
    run = house.run("v1")
    assert run.verdict is not Verdict.REGRESSED
    assert house.changes(run)["log_buf/part"] is ChangeClass.NOT_RUN
    with house.sessions() as session:
        base = select(Test.name, Result.outcome).join(Test, Test.id == Result.test_id)
        found = dict(session.execute(base.where(Result.run_id == run.baseline_id)).all())
    assert found == {"bpf_iter": Outcome.FAIL, "log_buf": Outcome.MISS}


async def test_what_failed_once_and_has_no_result_again_is_nobodys(house):
    def script(source, tests, count):
        names = ("log_buf",) if tests == ("bpf_iter",) else (KSYM, "log_buf")
        return progs(*[(name, "FAIL" if "bad" in source and name == KSYM else "OK") for name in names]), Ending.FINISHED

    house.machine.script = script
    await house.track(house.posted(1, BAD))
    assert house.run("v1").verdict is Verdict.INCONCLUSIVE
    assert "none of 1 tests that failed had a result when it was run again" in house.run("v1").sentence


async def test_what_a_time_limit_of_ours_cuts_off_among_others_did_not_fail_again(many):
    def script(source, tests, count):
        lines, ending = losing()(source, tests, count)
        # ready, begin, and two lines for each of ten tests that fail
        return (lines[:22], Ending.TIME_LIMIT) if len(tests) == SAMPLE and "bad" in source else (lines, ending)

    many.machine.script = script
    await many.track(many.posted(1, BAD))
    with many.sessions() as session:
        again = session.execute(select(Result.boot, Result.message).where(Result.boot > 0, ~Result.on_base)).all()
    assert [boot for boot, _ in again] == [1] * len(again[::2]) + [2] * len(again[::2])
    assert 0 < len(again) < 2 * SAMPLE
    assert not [message for _, message in again if message and "the time for all tests" in message]


async def test_a_baseline_that_is_too_old_is_made_again_and_judged_against(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    with house.sessions.begin() as session:
        first = session.get_one(Run, house.run("v1").baseline_id)
        first.finished_at -= timedelta(days=8)
    run = await house.rerun()
    assert run.baseline_id != first.id
    assert run.verdict is Verdict.CLEAN


async def test_after_trouble_of_ours_another_host_tries(house):
    """The host whose disk is full leaves the run alone as long as another one is there, which then has it."""
    house.builder.trouble = [InfrastructureError("the disk is full")] * 2
    with house.sessions.begin() as session:
        make.add_worker(session, "there/2", seen_at=datetime.now(UTC))
    with pytest.raises(AssertionError, match="does not come to an end"):
        await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    house.context = replace(house.context, worker="there/2")
    await house.work()
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    with house.sessions() as session:
        tried = session.execute(
            select(Attempt.worker, Attempt.ending).where(Attempt.run_id == run.id, Attempt.kind == AttemptKind.EXECUTE)
        ).all()
    assert sorted(tried) == [("here/1", "trouble of ours: the disk is full"), ("there/2", "done")]
