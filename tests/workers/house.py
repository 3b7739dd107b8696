"""The line of a worker with doubles for the archive, the build and the machine; git and PostgreSQL are real."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import select, text
from sqlalchemy.orm import joinedload

from app.config import MailMode, MailSettings, Settings
from app.db.models import (
    Change,
    PatchCheck,
    PatchTrial,
    Revision,
    Run,
    Test,
)
from app.domain.message import parse_message
from app.domain.outcome import Outcome
from app.services import tracking
from app.services.rerun import rerun
from tests import factories as make
from tests.workers.doubles import (
    Folder,
    ScriptedBuilder,
    ScriptedMachine,
    Undecoded,
    Unsigned,
    make_tree,
    post,
    progs,
)
from tests.workers.doubles_of_patches import ScriptedStepping
from workers.adapters.git import Trees
from workers.adapters.range_diff import Differ
from workers.context import Context
from workers.ports import Ending
from workers.tasks import make_app

KSYM = "bpf_iter/ksym"
GOOD = progs(("bpf_iter/ksym", "OK"), ("bpf_iter/task", "OK"), ("log_buf", "OK"))


def plain_script(source, tests, count):
    """A `bad` line makes bpf_iter/ksym fail, `flaky` only in the first boot, `panic` ends the machine in bpf_iter."""
    once = "once" in source and count > 0
    if "panic" in source and not once and "bpf_iter" in tests:
        return GOOD[:4], Ending.PANIC
    if "hang" in source and not once:
        return [], Ending.NO_BOOT
    if "slow" in source and not once:
        return GOOD[:4], Ending.TIME_LIMIT
    fails = "bad" in source or ("flaky" in source and count == 0)
    results = [("bpf_iter/ksym", "FAIL" if fails else "OK"), ("bpf_iter/task", "OK"), ("log_buf", "OK")]
    if "removes_log_buf" in source:
        results.pop()
    if "new_test" in source:
        results.append(("log_buf/new", "FAIL" if "broken_new_test" in source else "OK"))
    return progs(*[one for one in results if one[0].partition("/")[0] in tests]), Ending.FINISHED


class House:
    """One worker's world: a tree, an archive, a scripted builder and machine, and the queue run until it is empty."""

    def __init__(self, settings: Settings, sessions, folder):
        self.tree = make_tree(folder / "tree")
        self.repository = folder / "tree"
        self.settings = settings.model_copy(update={"trees": (self.tree,)})
        self.sessions = sessions
        self.archive = Folder()
        self.builder = ScriptedBuilder(folder)
        self.machine = ScriptedMachine(self.builder, plain_script)
        self.stepping = ScriptedStepping(self.builder)
        trees = Trees(folder / "trees")
        self.context = Context(
            settings=self.settings,
            sessions=sessions,
            worker="here/1",
            pool="default",
            archive=self.archive,
            trees=trees,
            differ=Differ(trees.git),
            builder=self.builder,
            stepping=self.stepping,
            machine=self.machine,
            symbols=Undecoded(),
            mailer=None,
            signatures=Unsigned(),
            machine_facts={},
        )

    def posted(self, version, *edits):
        self.archive.threads.append(post(self.repository, version, edits))
        return parse_message(self.archive.threads[-1][0]).message_id

    async def work(self):
        """Take jobs until none is left; those put off for later are pulled forward."""
        app = make_app(str(self.settings.database_url))
        async with app.open_async():
            for _ in range(20):
                await app.run_worker_async(
                    queues=["default"],
                    wait=False,
                    additional_context={"context": self.context},
                    install_signal_handlers=False,
                    listen_notify=False,
                )
                with self.sessions.begin() as session:
                    moved = session.execute(
                        text("UPDATE procrastinate_jobs SET scheduled_at = NULL WHERE status = 'todo' RETURNING id")
                    ).all()
                if not moved:
                    return
        raise AssertionError("the queue does not come to an end")

    async def track(self, message_id):
        with self.sessions.begin() as session:
            tracking.track(session, message_id, requested_by="tests")
        await self.work()

    async def rerun(self, **how):
        """Run the first revision again; return that run when it has ended."""
        with self.sessions.begin() as session:
            again = rerun(session, self.settings, revision_id=1, requested_by="tests", **how)[0].id
        await self.work()
        with self.sessions() as session:
            return session.get_one(Run, again, options=[joinedload(Run.baseline)])

    def run(self, label):
        with self.sessions() as session:
            return session.scalars(
                select(Run).join(Revision, Run.revision_id == Revision.id).where(Revision.label == label)
            ).one()

    def mailing(self):
        """Have reports made and shown."""
        use = self.settings.model_copy(update={"mail": MailSettings(mode=MailMode.PREVIEW, to=("list@example.org",))})
        self.settings = use
        object.__setattr__(self.context, "settings", use)

    def checked(self, label="v1"):
        """Return the check of a run's patches, and their trials by position."""
        with self.sessions() as session:
            run = self.run(label)
            trials = session.scalars(
                select(PatchTrial).where(PatchTrial.run_id == run.id).order_by(PatchTrial.position)
            ).all()
            return session.get_one(PatchCheck, run.id), {one.position: one for one in trials}

    def changes(self, run):
        with self.sessions() as session:
            rows = session.execute(
                select(Test.name, Change.kind).join(Test, Change.test_id == Test.id).where(Change.run_id == run.id)
            )
            return dict(rows.all())


def known(house, failures, runs, name=KSYM):
    """Put a test's earlier results on the unpatched tree into the database."""
    with house.sessions.begin() as session:
        now = datetime.now(UTC)
        for number in range(runs):
            old = make.add_run(session, tree=house.tree.name, base_commit="9" * 40, started=now - timedelta(days=2))
            make.add_results(session, old, {name: Outcome.FAIL if number < failures else Outcome.PASS})
