"""What a worker does beside its jobs, with the real queue."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import fields

import pytest
from sqlalchemy import select, text

from app.config import TreeSettings
from app.db.models import RunState, Worker
from app.db.queue import Task, enqueue
from app.errors import InfrastructureError
from tests.factories import add_run
from workers import upkeep
from workers.context import Context
from workers.tasks import make_app
from workers.upkeep import Upkeep

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def keeping(settings, sessions, trees=None):
    """Yield the upkeep of one worker, with nothing but the database behind it."""
    known = {
        "settings": settings,
        "sessions": sessions,
        "worker": "here/1",
        "pool": "default",
        "trees": trees,
        "machine_facts": {"accelerator": "tcg", "gcc": "12.2.0"},
    }
    context = Context(**(dict.fromkeys(field.name for field in fields(Context)) | known))
    app = make_app(str(settings.database_url))
    async with app.open_async():
        yield Upkeep(app=app, context=context)


def statuses(sessions):
    with sessions() as session:
        return session.scalars(text("SELECT status::text FROM procrastinate_jobs ORDER BY id")).all()


def lose_jobs(sessions, count):
    """Leave jobs as a worker does that was lost: being worked on, by nobody."""
    with sessions.begin() as session:
        for number in range(count):
            enqueue(session, Task.TRACK, pool="default", priority=0, thread_id=number)
        session.execute(text("UPDATE procrastinate_jobs SET status = 'doing'"))


async def test_jobs_of_a_lost_worker_are_given_back(settings, sessions):
    lose_jobs(sessions, 2)
    async with keeping(settings, sessions) as one:
        await one.give_back()
    assert statuses(sessions) == ["todo", "todo"]


async def test_of_two_workers_that_see_the_same_lost_job_neither_is_harmed(settings, sessions):
    lose_jobs(sessions, 20)
    async with keeping(settings, sessions) as one, keeping(settings, sessions) as other:
        await asyncio.gather(one.give_back(), other.give_back())
    assert statuses(sessions) == ["todo"] * 20


async def test_a_run_without_an_entry_is_queued_again(settings, sessions):
    with sessions.begin() as session:
        add_run(session, state=RunState.RUNNING)
    async with keeping(settings, sessions) as one:
        await one.sweep()
    assert statuses(sessions) == ["todo"]


async def test_a_worker_says_what_it_does(settings, sessions):
    def doing():
        with sessions() as session:
            return session.scalars(select(Worker.doing)).one()

    async with keeping(settings, sessions) as one:
        await one.say_present()
        assert doing() is None
        seen = []

        async def work(job, *, thread_id):
            await one.say_present()
            seen.append(doing())
            raise InfrastructureError("trouble")

        one.app.tasks["track"].func = work
        with sessions.begin() as session:
            enqueue(session, Task.TRACK, pool="default", priority=0, thread_id=7)
        await one.app.run_worker_async(
            queues=["default"],
            wait=False,
            worker_middleware=[one.note],
            install_signal_handlers=False,
            listen_notify=False,
        )
        await one.say_present()
        assert (seen, doing()) == (["track thread 7"], None)


async def test_upkeep_goes_on_after_trouble(settings, sessions, monkeypatch):
    for name in ("HEARTBEAT_S", "REAP_EVERY_S", "SWEEP_EVERY_S"):
        monkeypatch.setattr(upkeep, name, 0.01)
    calls = {"seen": 0, "requeue_lost": 0}
    enough = asyncio.Event()

    def failing(name):
        def fail(*_arguments, **_named):
            calls[name] += 1
            if min(calls.values()) >= 3:
                enough.set()
            raise ZeroDivisionError("a bug")

        return fail

    monkeypatch.setattr(upkeep.presence, "seen", failing("seen"))
    monkeypatch.setattr(upkeep.sweep, "requeue_lost", failing("requeue_lost"))
    async with keeping(settings, sessions) as one:
        keeper = asyncio.create_task(one.keep())
        try:
            await asyncio.wait_for(enough.wait(), timeout=10)
            assert not keeper.done()
        finally:
            keeper.cancel()
            await asyncio.gather(keeper, return_exceptions=True)


async def test_trees_are_tidied_when_there_is_nothing_else_to_do(settings, sessions):
    class Tidied(list):
        async def tidy(self, tree):
            self.append(tree.name)

    trees = Tidied()
    named = tuple(TreeSettings(name=name, url=f"/{name}") for name in ("one", "two"))
    async with keeping(settings.model_copy(update={"trees": named}), sessions, trees) as one:
        one.doing = "execute run 7"
        await one.tidy()
        assert trees == []
        one.doing = None
        await one.tidy()
        assert trees == ["one", "two"]
