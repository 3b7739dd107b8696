from sqlalchemy import text

from app.db.models import CheckState, PatchCheck, ReportState, RunState, ThreadState
from app.db.queue import Task, enqueue
from app.services.sweep import requeue_lost
from tests.factories import add_report, add_revision, add_run, add_series, add_thread


def entries(session):
    rows = session.execute(text("SELECT task_name, queue_name, args FROM procrastinate_jobs ORDER BY id"))
    return [(task, pool, *args.items()) for task, pool, args in rows]


def waiting_run(session, baseline_state):
    revision = add_revision(session, add_series(session))
    baseline = add_run(session, state=baseline_state)
    return add_run(session, revision, state=RunState.WAITING, results_attempt=1, baseline_id=baseline.id), baseline


def test_a_run_that_the_queue_gave_up_is_queued_again(session):
    """Five tries without a database: the entry is `failed`, and nobody else knows of the run."""
    lost = add_run(session, add_revision(session, add_series(session)), state=RunState.RUNNING, pool="big")
    enqueue(session, Task.EXECUTE, pool="big", priority=0, run_id=lost.id)
    session.execute(text("UPDATE procrastinate_jobs SET status = 'failed'"))
    assert requeue_lost(session) == [f"run {lost.id}, running"]
    assert entries(session)[1:] == [("execute", "big", ("run_id", lost.id))]
    assert requeue_lost(session) == []


def test_a_run_that_has_results_is_judged(session):
    run, _ = waiting_run(session, RunState.DONE)
    requeue_lost(session)
    assert entries(session) == [("judge", "default", ("run_id", run.id))]


def test_a_run_that_waits_for_its_baseline_is_not_lost_and_the_baseline_is(session):
    _, baseline = waiting_run(session, RunState.QUEUED)
    requeue_lost(session)
    assert entries(session) == [("execute", "default", ("run_id", baseline.id))]


def test_what_has_ended_or_has_an_entry_is_left_alone(session):
    revision = add_revision(session, add_series(session))
    done = add_run(session, revision)
    add_report(session, revision, done, "")
    add_thread(session)
    for status in ("todo", "doing"):
        run = add_run(session, revision, state=RunState.QUEUED)
        enqueue(session, Task.EXECUTE, pool="default", priority=0, run_id=run.id)
        session.execute(text("UPDATE procrastinate_jobs SET status = :status"), {"status": status})
    assert requeue_lost(session) == []


def test_an_entry_of_another_kind_with_the_same_number_does_not_count(session):
    run = add_run(session, state=RunState.QUEUED)
    enqueue(session, Task.TRACK, pool="default", priority=0, thread_id=run.id)
    enqueue(session, Task.MAIL, pool="default", priority=0, run_id=run.id)
    assert requeue_lost(session) == [f"run {run.id}, queued"]


def test_threads_and_reports_are_queued_again(session):
    thread = add_thread(session, state=ThreadState.FETCHING)
    revision = add_revision(session, add_series(session))
    run = add_run(session, revision, pool="big")
    report = add_report(session, revision, run, "", state=ReportState.SENDING)
    requeue_lost(session)
    assert entries(session) == [
        ("track", "default", ("thread_id", thread.id)),
        ("mail", "big", ("report_id", report.id)),
    ]


def test_of_two_that_look_at_once_one_queues(sessions):
    with sessions.begin() as session:
        add_run(session, state=RunState.QUEUED)
    with sessions() as one, sessions() as other:
        assert len(requeue_lost(one)) == 1
        assert requeue_lost(other) == []
        one.commit()
        other.rollback()
        assert requeue_lost(other) == []


def test_patches_that_are_still_to_be_tried_are_queued_again(session):
    """The run is done, and its report waits for them."""
    run = add_run(session, add_revision(session, add_series(session)), pool="big")
    tried = add_run(session, add_revision(session, add_series(session)))
    for one, state in ((run, CheckState.OPEN), (tried, CheckState.DONE)):
        session.add(PatchCheck(run_id=one.id, state=state, whole={}, findings=[]))
    session.flush()
    assert requeue_lost(session) == [f"run {run.id}, its patches"]
    assert entries(session) == [("patches", "big", ("run_id", run.id))]
    assert requeue_lost(session) == []
