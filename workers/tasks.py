"""The queue's tasks: claim, work, finish. Transactions are opened here and in the recorder, nowhere else."""

import structlog
from procrastinate import App, JobContext, PsycopgConnector, RetryStrategy

from app.db.models import AttemptKind
from app.db.queue import Task
from app.errors import FencedError, InfrastructureError
from app.services import artifacts, attempts, elsewhere, execution, judging, patches, reporting, tracking
from app.services.attempts import Claim
from workers.context import Context
from workers.execution import execute
from workers.recorder import Recorder
from workers.steps.attest import attest
from workers.steps.judge import judge
from workers.steps.mail import send_report
from workers.steps.patches import try_patches
from workers.steps.track import track

log = structlog.get_logger(__name__)

RETRY_PAUSE_S = 15
"""Before an attempt after trouble of ours."""
TRIES = 5
UNEXPECTED = RetryStrategy(max_attempts=TRIES, wait=5, linear_wait=10)
"""For what no attempt could record, such as a lost database: the queue itself tries again."""


def make_app(conninfo: str) -> App:
    """Return the queue's application with its tasks; `conninfo` is a `postgresql://` URL."""
    app = App(connector=PsycopgConnector(conninfo=conninfo))
    app.task(name=Task.TRACK, pass_context=True, retry=UNEXPECTED)(track_thread)
    app.task(name=Task.EXECUTE, pass_context=True, retry=UNEXPECTED)(execute_run)
    app.task(name=Task.JUDGE, pass_context=True, retry=UNEXPECTED)(judge_run)
    app.task(name=Task.PATCHES, pass_context=True, retry=UNEXPECTED)(try_run)
    app.task(name=Task.ATTEST, pass_context=True, retry=UNEXPECTED)(attest_thread)
    app.task(name=Task.MAIL, pass_context=True, retry=UNEXPECTED)(mail_report)
    return app


def _context(job: JobContext) -> Context:
    context = job.additional_context["context"]
    assert isinstance(context, Context)
    return context


async def track_thread(job: JobContext, *, thread_id: int) -> None:
    """Fetch a thread and store what is new in it, with runs for what can be run."""
    context, before = _context(job), job.job.attempts
    if before >= TRIES:  # whoever comes to its end does not raise in the last try
        _give_up(context, thread_id, f"gave up after {before} tries: the worker was lost, or its database")
        return
    last_try = before + 1 >= TRIES
    try:
        await track(context, thread_id, last_try=last_try)
    except InfrastructureError:
        raise
    except Exception as error:
        log.exception("trouble of ours", thread=thread_id)
        if not last_try:
            raise
        _give_up(context, thread_id, f"unexpected {type(error).__name__}: {error}")


async def attest_thread(job: JobContext, *, thread_id: int) -> None:
    """Check the signatures of a thread's mails."""
    await attest(_context(job), thread_id)


async def execute_run(job: JobContext, *, run_id: int) -> None:
    """Make one attempt at getting the results of a run."""
    context = _context(job)
    held = _claim(context, run_id, AttemptKind.EXECUTE)
    if held is None:
        return
    with context.sessions() as session:
        work = execution.load_job(session, run_id)
    try:
        found = await execute(context, Recorder(context.sessions, held), work)
        with context.sessions.begin() as session:
            execution.finish(session, held, found)
            artifacts.announce(session, held, found.facts.get("image"), context.settings.artifacts)
    except FencedError as error:
        log.warning("an attempt was replaced", run=run_id, attempt=held.attempt, error=str(error))
    except Exception as error:  # noqa: BLE001 - whatever else goes wrong here is ours, and must not leave the run open
        _trouble(context, held, AttemptKind.EXECUTE, error)


async def judge_run(job: JobContext, *, run_id: int) -> None:
    """Compare a run with its baseline, confirm what looks like its doing, store the verdict and the report."""
    context = _context(job)
    held = _claim(context, run_id, AttemptKind.JUDGE)
    if held is None:
        return
    recorder = Recorder(context.sessions, held)
    try:
        with context.sessions.begin() as session:
            if judging.renewed(session, held):
                return
        judgement = await judge(context, recorder)
        with context.sessions.begin() as session:
            judging.store(session, held, judgement)
            if not patches.open_check(session, context.settings, run_id):
                reporting.queue_report(session, context.settings, run_id)
    except FencedError as error:
        log.warning("a judge was replaced", run=run_id, attempt=held.attempt, error=str(error))
    except Exception as error:  # noqa: BLE001 - as above
        _trouble(context, held, AttemptKind.JUDGE, error)


async def try_run(job: JobContext, *, run_id: int) -> None:
    """Try each patch of a judged run on its own; then its report is due, also where that could not be done.

    A run that turns out to be blamed for what passes now and then is judged again first.
    """
    context = _context(job)
    with context.sessions.begin() as session:
        if elsewhere.patches_left_to_others(session, run_id, worker=context.worker, pool=context.pool):
            return
        held = patches.claim(session, run_id, worker=context.worker)
        if held is None:
            reporting.queue_report(session, context.settings, run_id)
            return
    try:
        shown = await try_patches(context, Recorder(context.sessions, held))
        with context.sessions.begin() as session:
            if shown.passed:
                patches.judge_again(session, held)
                return
            patches.finish(session, held, shown.findings)
            reporting.queue_report(session, context.settings, run_id)
    except FencedError as error:
        log.warning("an attempt at patches was replaced", run=run_id, attempt=held.attempt, error=str(error))
    except Exception as error:  # noqa: BLE001 - as above
        _trouble(context, held, AttemptKind.PATCHES, error)


async def mail_report(job: JobContext, *, report_id: int, waits: int = 0) -> None:
    """Send one report, once."""
    use = _context(job)
    await send_report(use.sessions, use.settings, use.mailer, use.archive, report_id, waits=waits)


def _give_up(context: Context, thread_id: int, why: str) -> None:
    with context.sessions.begin() as session:
        tracking.failed(session, thread_id, why)


def _claim(context: Context, run_id: int, kind: AttemptKind) -> Claim | None:
    with context.sessions.begin() as session:
        if elsewhere.left_to_others(session, run_id, worker=context.worker, pool=context.pool):
            return None
        return attempts.claim(session, run_id, kind, worker=context.worker)


def _trouble(context: Context, held: Claim, kind: AttemptKind, error: Exception) -> None:
    """Have it tried again, after a pause; a database that is away raises again, and the queue tries later."""
    expected = isinstance(error, InfrastructureError)
    log.error("trouble of ours", run=held.run_id, attempt=held.attempt, error=str(error), exc_info=not expected)
    why = str(error) if expected else f"unexpected {type(error).__name__}: {error}"
    try:
        with context.sessions.begin() as session:
            if kind is not AttemptKind.PATCHES:
                execution.retry_later(session, held, kind, why, pause_s=RETRY_PAUSE_S)
            elif not patches.retry_later(session, held, why, pause_s=RETRY_PAUSE_S):
                reporting.queue_report(session, context.settings, held.run_id)
    except FencedError:
        return
