"""Whole runs through the real queue and database, with scripted builds and boots."""

import asyncio

import pytest
from sqlalchemy import func, select, text

from app.db.models import (
    Attempt,
    AttemptKind,
    Report,
    Result,
    Run,
    RunState,
    Step,
    Test,
    Thread,
    ThreadState,
)
from app.db.queries import logs
from app.domain.outcome import ChangeClass, Outcome, TestResult, Verdict
from app.domain.outcome import Step as StepName
from app.errors import BuildFailedError, FencedError, InfrastructureError
from app.services import attempts, records, tracking
from tests.factories import add_run
from tests.workers.house import GOOD, House
from workers import recorder
from workers.ports import Ending

pytestmark = pytest.mark.anyio


@pytest.fixture
def house(settings, sessions, tmp_path):
    return House(settings, sessions, tmp_path)


async def test_four_revisions_share_a_baseline_and_each_gets_its_verdict(house):
    house.posted(1, ("line_3;", "line_3_bad;"))
    house.posted(2, ("line_3;", "line_3_good;"), ("int line_9;", "#error"))
    house.posted(3, ("line_3;", "line_3_good;"))
    newest = house.posted(4, ("line_3;", "line_3_new_test;"))
    await house.track(newest)
    verdicts = {label: house.run(label).verdict for label in ("v1", "v2", "v3", "v4")}
    assert verdicts == {
        "v1": Verdict.REGRESSED,
        "v2": Verdict.DOES_NOT_BUILD,
        "v3": Verdict.CLEAN,
        "v4": Verdict.CLEAN,
    }
    assert "patch 2 (bpf: Change line 2), kernel/bpf/core.c:10: #error broken" in house.run("v2").sentence
    assert house.changes(house.run("v1")) == {"bpf_iter/ksym": ChangeClass.REGRESSION}
    assert house.changes(house.run("v4")) == {"log_buf/new": ChangeClass.NEW_PASS}
    with house.sessions() as session:
        assert session.scalar(select(func.count()).where(Run.revision_id.is_(None))) == 1
        assert session.scalar(select(func.count(Thread.id)).where(Thread.state == ThreadState.FETCHED)) == 1


async def test_a_candidate_of_which_nothing_is_known_is_run_again_alone_four_times_on_each_side(house):
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    confirming = [tests for _, tests in house.machine.boots if tests == ("bpf_iter",)]
    assert len(confirming) == 8
    with house.sessions() as session:
        again = session.execute(
            select(Result.boot, Result.on_base, Result.outcome).where(Result.boot > 0).order_by(Result.boot)
        ).all()
    sides = ((False, Outcome.FAIL), (True, Outcome.PASS))
    assert sorted(again) == [(boot, *side) for boot in range(1, 5) for side in sides]


async def test_a_flaky_test_is_not_blamed(house):
    await house.track(house.posted(1, ("line_3;", "line_3_flaky;")))
    run = house.run("v1")
    assert run.verdict is Verdict.CLEAN
    assert house.changes(run) == {"bpf_iter/ksym": ChangeClass.FLAKY}


async def test_a_new_test_that_fails_is_the_series_own(house):
    await house.track(house.posted(1, ("line_3;", "line_3_broken_new_test;")))
    run = house.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert house.changes(run) == {"log_buf/new": ChangeClass.NEW_FAILURE}


async def test_who_ends_the_machine_is_a_regression_and_the_rest_runs_in_another(house):
    await house.track(house.posted(1, ("line_3;", "line_3_panic;")))
    run = house.run("v1")
    assert run.verdict is Verdict.REGRESSED
    assert house.changes(run) == {"bpf_iter": ChangeClass.REGRESSION}
    assert [(one["killers"][0]["name"] if one["killers"] else None, one["tests"]) for one in run.evidence["lives"]] == [
        ("bpf_iter", 2),
        (None, 1),
    ]
    with house.sessions() as session:
        found = session.execute(
            select(Test.name, Result.boot, Result.on_base, Result.outcome, Result.message)
            .join(Test)
            .where(Result.run_id == run.id, Test.name.in_(["bpf_iter", "log_buf"]))
        ).all()
    said = "the kernel panicked"
    sides = ((False, Outcome.FAIL, said), (True, Outcome.PASS, None))
    assert sorted(found) == [
        ("bpf_iter", 0, False, Outcome.FAIL, said),
        *(("bpf_iter", boot, *side) for boot in range(1, 5) for side in sides),
        ("log_buf", 0, False, Outcome.PASS, None),
    ]


async def test_no_userspace_with_the_patches_alone_is_does_not_boot(house):
    await house.track(house.posted(1, ("line_3;", "line_3_hang;")))
    assert house.run("v1").verdict is Verdict.DOES_NOT_BOOT


@pytest.mark.parametrize(
    ("what", "changes"), [("panic_once", {"bpf_iter": ChangeClass.FLAKY}), ("hang_once", {}), ("slow_once", {})]
)
async def test_what_a_machine_does_once_only_is_nobodys_doing(house, what, changes):
    await house.track(house.posted(1, ("line_3;", f"line_3_{what};")))
    run = house.run("v1")
    assert (run.verdict, house.changes(run)) == (Verdict.CLEAN, changes)


async def test_a_base_that_does_not_boot_any_more_is_no_ground_to_say_does_not_boot(house):
    def script(source, tests, count):
        return (GOOD, Ending.FINISHED) if "hang" not in source and count == 0 else ([], Ending.NO_BOOT)

    house.machine.script = script
    await house.track(house.posted(1, ("line_3;", "line_3_hang;")))
    run = house.run("v1")
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "the base booted before and does not now" in run.sentence


async def test_a_broken_base_is_nobodys_doing(house):
    house.machine.script = lambda source, tests, count: ([], Ending.NO_BOOT)
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    run = house.run("v1")
    assert run.verdict is Verdict.INCONCLUSIVE
    assert "base is broken" in run.sentence
    with house.sessions() as session:
        assert session.scalar(select(func.count(Report.id))) == 0


async def test_a_patch_that_does_not_apply_is_said_without_a_baseline_result(house):
    message_id = house.posted(1, ("line_3;", "line_3_good;"), ("line_9;", "line_9_good;"))
    mails = house.archive.threads[0]
    mails[2] = mails[2].replace(b"-int line_9;", b"-int nothing_like_it;").replace(b" int line_", b" int other_")
    await house.track(message_id)
    run = house.run("v1")
    assert run.verdict is Verdict.DOES_NOT_APPLY
    assert "patch 2 (bpf: Change line 2); git said: " in run.sentence


async def test_trouble_of_ours_is_tried_again_and_not_blamed(house):
    house.builder.trouble = [InfrastructureError("the disk is full"), InfrastructureError("the disk is full")]
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    assert house.run("v1").verdict is Verdict.CLEAN
    with house.sessions() as session:
        misses = session.scalars(select(Step).where(Step.outcome == Outcome.MISS)).all()
    assert [one.summary for one in misses] == ["the disk is full"] * 2


async def test_trouble_is_kept_in_words_that_the_database_can_hold(house):
    """What a hostile build or guest said may be quoted in it."""
    house.builder.trouble = [InfrastructureError("it said: \x00\udce4")] * 100
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    assert house.run("v1").sentence == "inconclusive after 5 attempts: it said: \ufffd\ufffd"


async def test_a_bug_of_ours_is_trouble_of_ours(house):
    house.builder.trouble = [ZeroDivisionError("a bug")]
    house.machine.trouble = [ZeroDivisionError("another")]
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    assert house.run("v1").verdict is Verdict.CLEAN


async def test_lasting_trouble_of_ours_ends_inconclusive_and_is_never_mailed(house):
    house.builder.trouble = [InfrastructureError("the disk is full")] * 100
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    run = house.run("v1")
    assert (run.state, run.verdict) == (RunState.DONE, Verdict.INCONCLUSIVE)
    assert "the disk is full" in run.sentence
    with house.sessions() as session:
        assert session.scalar(select(func.count(Report.id))) == 0
        tried = select(func.count()).where(Attempt.run_id == run.id, Attempt.kind == AttemptKind.EXECUTE)
        assert session.scalar(tried) == attempts.MAX_ATTEMPTS


async def test_a_toolchain_that_changed_since_the_baseline_is_not_held_against_the_series(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    house.builder.tools = {"gcc": "14.2.0"}
    run = await house.rerun()
    assert run.verdict is Verdict.CLEAN
    assert run.baseline.toolchain == {"gcc": "14.2.0"} == run.toolchain


async def test_only_what_failed_runs_again_against_the_same_baseline(house):
    await house.track(house.posted(1, ("line_3;", "line_3_bad;")))
    boots = len(house.machine.boots)
    assert (await house.rerun(only_failed=True)).verdict is Verdict.REGRESSED
    assert house.machine.boots[boots][1] == ("bpf_iter",)


async def test_the_same_thread_again_adds_only_what_is_new(house):
    first = house.posted(1, ("line_3;", "line_3_good;"))
    await house.track(first)
    await house.track(first)
    with house.sessions() as session:
        assert session.scalar(select(func.count()).where(Run.revision_id.is_not(None))) == 1
    newer = house.posted(2, ("line_3;", "line_3_good_too;"))
    await house.track(newer)
    assert [house.run(label).verdict for label in ("v1", "v2")] == [Verdict.CLEAN, Verdict.CLEAN]


async def test_an_attempt_that_was_replaced_changes_nothing(house):
    """A worker that comes back from the dead finds its steps, results and verdict refused by the database."""
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    run = house.run("v1")
    old = attempts.Claim(run_id=run.id, attempt=run.results_attempt)
    with pytest.raises(FencedError, match=f"attempt {old.attempt} of run {run.id} was replaced"):
        async with recorder.Recorder(house.sessions, old).step(StepName.REPORT):
            pass
    with house.sessions() as session, pytest.raises(FencedError):
        attempts.locked_run(session, old)


async def test_a_step_stops_when_its_attempt_is_replaced(house, monkeypatch):
    monkeypatch.setattr(recorder, "FLUSH_EVERY_S", 0.01)
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    run = house.run("v1")
    with house.sessions.begin() as session:
        session.get_one(Run, run.id).state = RunState.WAITING
        held = attempts.claim(session, run.id, AttemptKind.JUDGE, worker="old")

    async def slow_step():
        async with recorder.Recorder(house.sessions, held).step(StepName.JUDGE) as record:
            with house.sessions.begin() as session:
                attempts.claim(session, run.id, AttemptKind.JUDGE, worker="new")
            record.result(records.BootKey(), TestResult(suite="s", name="n", outcome=Outcome.PASS))
            await asyncio.sleep(30)

    with pytest.raises(FencedError):
        await asyncio.wait_for(slow_step(), timeout=10)


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        ([InfrastructureError("the disk is full")] * 2 * attempts.MAX_ATTEMPTS, "the disk is full"),
        ([BuildFailedError(target="the kernel", exit_code=2)] * 2, "base is broken"),
    ],
)
async def test_a_base_that_gave_no_result_is_tried_again_when_a_run_is_asked_for(house, trouble, said):
    """What stopped it may have been mended; a base that does not build may have lacked a package of this host."""
    house.builder.trouble = list(trouble)
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    assert house.run("v1").verdict is Verdict.INCONCLUSIVE
    assert said in house.run("v1").sentence
    assert (await house.rerun()).verdict is Verdict.CLEAN


async def test_a_judge_leaves_a_run_alone_that_is_to_be_executed_again(house):
    """Two entries for the judge, the first of which has sent run and baseline back: the second has nothing to judge."""
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    run = house.run("v1")
    with house.sessions.begin() as session:
        again = session.get_one(Run, run.id)
        again.state, again.results_attempt = RunState.QUEUED, None
        assert attempts.claim(session, run.id, AttemptKind.JUDGE, worker="here/1") is None
        assert attempts.claim(session, run.id, AttemptKind.EXECUTE, worker="here/1") is not None


async def test_a_bug_in_tracking_fails_the_thread_and_says_so(house, monkeypatch):
    async def broken(*_arguments, **_named):
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("workers.tasks.track", broken)
    await house.track("a@example.org")
    with house.sessions() as session:
        thread = session.scalars(select(Thread)).one()
    assert (thread.state, thread.error) == (ThreadState.FAILED, "unexpected ZeroDivisionError: a bug")


async def test_a_thread_that_costs_its_worker_each_time_is_given_up(house):
    with house.sessions.begin() as session:
        tracking.track(session, "a@example.org", requested_by="tests")
        session.execute(text("UPDATE procrastinate_jobs SET attempts = 5"))
    await house.work()
    with house.sessions() as session:
        thread = session.scalars(select(Thread)).one()
    assert thread.state is ThreadState.FAILED
    assert "the worker was lost" in thread.error


async def test_a_failure_to_store_what_a_step_says_is_not_lost(house, monkeypatch):
    """Neither results nor the error may vanish because it is no error that was thought of."""
    monkeypatch.setattr(recorder, "FLUSH_EVERY_S", 0.01)
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    with house.sessions.begin() as session:
        run = session.get_one(Run, house.run("v1").id)
        run.state = RunState.WAITING
        held = attempts.claim(session, run.id, AttemptKind.JUDGE, worker="here/1")

    def broken(*_arguments):
        raise ZeroDivisionError("a bug")

    async def slow_step():
        async with recorder.Recorder(house.sessions, held).step(StepName.JUDGE) as record:
            monkeypatch.setattr(records, "store_results", broken)
            record.result(records.BootKey(), TestResult(suite="s", name="n", outcome=Outcome.PASS))
            await asyncio.sleep(30)

    with pytest.raises(ZeroDivisionError, match="a bug"):
        await asyncio.wait_for(slow_step(), timeout=10)


async def test_the_kernels_configuration_is_kept_with_the_build(house):
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    with house.sessions() as session:
        step = logs.step_with_log(session, house.run("v1").id, "config")
        assert b"".join(logs.read_log(session, step, "config", 0, 1000)) == b"CONFIG_BPF_SYSCALL=y\n"


async def test_a_step_of_a_lost_attempt_ends_with_it(house):
    """Or its page would show it running for ever."""
    await house.track(house.posted(1, ("line_3;", "line_3_good;")))
    with house.sessions.begin() as session:
        run = session.get_one(Run, house.run("v1").id)
        run.state = RunState.WAITING
        held = attempts.claim(session, run.id, AttemptKind.JUDGE, worker="killed/1")
        step_id = records.start_step(session, held, StepName.JUDGE)
    with house.sessions.begin() as session:
        assert attempts.claim(session, held.run_id, AttemptKind.JUDGE, worker="here/1") is not None
    with house.sessions() as session:
        step = session.get_one(Step, step_id)
        lost = session.get_one(Attempt, (held.run_id, held.attempt))
        assert (step.outcome, step.summary, lost.ending) == (Outcome.MISS, attempts.LOST, attempts.LOST)
        assert None not in (step.finished_at, lost.finished_at)


async def test_a_run_whose_worker_is_lost_each_time_says_so_in_the_end(house):
    with house.sessions.begin() as session:
        run_id = add_run(session, state=RunState.QUEUED).id  # comes with a first attempt
        for _ in range(1, attempts.MAX_ATTEMPTS):
            assert attempts.claim(session, run_id, AttemptKind.EXECUTE, worker="killed/1") is not None
        assert attempts.claim(session, run_id, AttemptKind.EXECUTE, worker="killed/1") is None
        run = session.get_one(Run, run_id)
        assert run.state is RunState.DONE
        assert run.sentence == f"gave up after {attempts.MAX_ATTEMPTS} attempts; the last: {attempts.LOST}"
